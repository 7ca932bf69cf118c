//! How nodes become a cluster, exactly once: the decisions, without a network.
//!
//! Every node asks every name of its `--join` list what it is, and hands the answers to [`Forming::look`]. The first
//! name of the list coordinates: when all answer with the same list, all unformed, it makes up a cluster id and asks all
//! of them to *prepare*. Whoever accepts takes part in that cluster only, from then on. When all have accepted, and no
//! sooner, the coordinator begins the meta group's log with all of them as voters; nobody else ever does.
//!
//! Why no two clusters can come of it, whatever is lost, late or restarted:
//! - a node accepts preparations in rising order of their [`Ballot`], and none at all once it has *started*: its replica
//!   of the meta group has something in its log. It acknowledges entries of the cluster that it last accepted only;
//! - so when a quorum of one cluster has acknowledged an entry, one of that quorum has refused every other preparation
//!   before, or will, and a cluster begins only when all have accepted;
//! - a node that has left a cluster never goes back: what its replica there had voted is forgotten. If that is the one
//!   that was begun, it becomes a new node, and joins.
//!
//! A cluster that began and can never agree on anything (most of its voters are gone, and nobody has applied its plan) is
//! given up by those that are left, as new nodes.

mod description;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use holdfast_replication::raft::ClusterId;
use holdfast_state::mutant::{self, Mutant};

use crate::cluster::names::Incarnation;

pub(crate) use description::{Ballot, Description, Founder, Preparation, Refusal, Standing, VOTERS};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask these to prepare, and hand the answers to [`Forming::accepted`] and [`Forming::refused`].
    Prepare {
        /// What to prepare.
        preparation: Preparation,
        /// Whom to ask.
        addresses: Vec<String>,
    },
    /// Begin the log of the meta group, with all founders as voters.
    Initialize(Preparation),
    /// Ask to be taken into a cluster that exists.
    Join {
        /// The cluster.
        cluster: ClusterId,
        /// Who belongs to it.
        addresses: Vec<String>,
    },
    /// Nothing that this node has can ever count: forget it, take a new incarnation, start again.
    BecomeNew(&'static str),
    /// Another process has this node's place.
    Exit(String),
}

/// The preparation that this node coordinates.
#[derive(Clone, Debug)]
struct Attempt {
    preparation: Preparation,
    accepted: BTreeSet<String>,
}

/// What one node knows and has promised.
#[derive(Clone, Debug)]
pub(crate) struct Forming {
    me: Founder,
    /// Sorted, each name once.
    join: Vec<String>,
    standing: Standing,
    /// The highest that was accepted.
    promised: Ballot,
    /// The cluster that it takes part in.
    current: Option<Preparation>,
    attempt: Option<Attempt>,
    /// The highest ballot number heard of.
    highest: u64,
}

impl Forming {
    /// A node that knows nothing.
    pub(crate) fn new(me: Founder, join: &[String]) -> Self {
        let join: BTreeSet<&String> = join.iter().collect();
        Self {
            me,
            join: join.into_iter().cloned().collect(),
            standing: Standing::Unformed,
            promised: Ballot::default(),
            current: None,
            attempt: None,
            highest: 0,
        }
    }

    /// A node that finds a meta group's log on its disk, and the preparation that it was begun with, unless it came in
    /// later.
    pub(crate) fn restarted(
        me: Founder,
        join: &[String],
        standing: Standing,
        preparation: Option<Preparation>,
    ) -> Self {
        let promised = preparation.as_ref().map_or(Ballot::default(), |it| it.ballot);
        Self {
            standing,
            promised,
            highest: promised.number,
            current: preparation,
            ..Self::new(me, join)
        }
    }

    /// What it tells whoever asks.
    pub(crate) fn describe(&self) -> Description {
        Description {
            founder: self.me.clone(),
            join: self.join.clone(),
            promised: self.promised,
            standing: self.standing,
            epoch: 0,
        }
    }

    /// What has become of it.
    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// The only cluster whose peers it answers.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        match self.standing {
            Standing::Unformed => self.current.as_ref().map(|it| it.cluster),
            Standing::Started(cluster) | Standing::Formed(cluster) => Some(cluster),
        }
    }

    /// What the cluster that it takes part in was begun with, if it was there then.
    pub(crate) fn preparation(&self) -> Option<&Preparation> {
        let cluster = self.cluster()?;
        self.current.as_ref().filter(|it| it.cluster == cluster)
    }

    /// Answers a coordinator. After `Ok` the node's replica of that cluster's meta group must answer its peers, and no
    /// other cluster's may.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) fn prepare(&mut self, preparation: &Preparation) -> Result<(), Refusal> {
        let refused = |reason| Refusal {
            promised: self.promised,
            reason,
        };
        self.highest = self.highest.max(preparation.ballot.number);
        if self.standing != Standing::Unformed {
            return Err(refused("it belongs to a cluster already"));
        }
        if !preparation.founders.contains(&self.me) {
            return Err(refused("it is not the node that the preparation means"));
        }
        let names = preparation.founders.iter().map(|founder| &founder.address);
        if !names.eq(&self.join) && !mutant::active(Mutant::FormedByMajority) {
            return Err(refused("its list of names is another one"));
        }
        if preparation.ballot < self.promised {
            return Err(refused("it has accepted a later preparation"));
        }
        self.promised = preparation.ballot;
        self.current = Some(preparation.clone());
        Ok(())
    }

    /// A founder has accepted. All of them: the cluster begins.
    pub(crate) fn accepted(&mut self, address: &str, ballot: Ballot) -> Option<Action> {
        let attempt = self.attempt.as_mut()?;
        if attempt.preparation.ballot != ballot {
            return None;
        }
        attempt.accepted.insert(address.to_owned());
        let all = attempt
            .preparation
            .founders
            .iter()
            .all(|founder| attempt.accepted.contains(&founder.address));
        let still_meant = self.current.as_ref() == Some(&attempt.preparation);
        if !all || !still_meant || self.standing != Standing::Unformed {
            return None;
        }
        let preparation = self.attempt.take()?.preparation;
        self.standing = Standing::Started(preparation.cluster);
        Some(Action::Initialize(preparation))
    }

    /// A founder has refused: this attempt comes to nothing.
    pub(crate) fn refused(&mut self, ballot: Ballot, promised: Ballot) {
        self.highest = self.highest.max(promised.number);
        if self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.preparation.ballot == ballot)
        {
            self.attempt = None;
        }
    }

    /// The replica of that cluster's meta group has something in its log. To be told before anybody hears that it does.
    pub(crate) fn started(&mut self, cluster: ClusterId) {
        if self.standing == Standing::Unformed && self.cluster() == Some(cluster) {
            self.standing = Standing::Started(cluster);
            self.attempt = None;
        }
    }

    /// The plan of that cluster, or a snapshot of later, is applied here.
    pub(crate) fn formed(&mut self, cluster: ClusterId) {
        self.standing = Standing::Formed(cluster);
        self.attempt = None;
    }

    /// This node was taken into a cluster: its replica of the meta group is a learner there.
    pub(crate) fn joined(&mut self, cluster: ClusterId) {
        if self.standing == Standing::Unformed {
            self.current = None;
            self.standing = Standing::Started(cluster);
            self.attempt = None;
        }
    }

    /// Looks at what all names of the list have answered; `fresh` names the cluster that may come of it.
    pub(crate) fn look(&mut self, heard: &[Description], fresh: ClusterId) -> Option<Action> {
        for description in heard {
            self.highest = self.highest.max(description.promised.number);
        }
        if let Some(other) = self.impostor(heard) {
            let message = format!(
                "{} answers as incarnation {other}: this process's place is taken",
                self.me.address
            );
            return Some(Action::Exit(message));
        }
        if let Some(reason) = self.misplaced(heard) {
            return Some(Action::Exit(reason));
        }
        match self.standing {
            Standing::Formed(_) => None,
            Standing::Started(cluster) => self.give_up(heard, cluster),
            Standing::Unformed => self
                .follow(heard)
                .or_else(|| self.leave(heard))
                .or_else(|| self.coordinate(heard, fresh)),
        }
    }

    fn impostor(&self, heard: &[Description]) -> Option<Incarnation> {
        heard
            .iter()
            .map(|description| &description.founder)
            .find(|founder| founder.address == self.me.address && founder.incarnation != self.me.incarnation)
            .map(|founder| founder.incarnation)
    }

    /// Why this node can never belong to the cluster that the others have formed, if it cannot.
    fn misplaced(&self, heard: &[Description]) -> Option<String> {
        let of_others = || heard.iter().filter(|it| it.founder.address != self.me.address);
        if let Standing::Formed(own) = self.standing {
            let formed = of_others().filter_map(Description::formed);
            let theirs = formed.into_iter().find(|cluster| *cluster != own)?;
            // One node of another cluster is misplaced itself.
            let most = 2 * of_others().filter(|it| it.formed() == Some(theirs)).count() > self.join.len();
            return (self.me.is_durable() && most).then(|| {
                format!(
                    "the data directory is of cluster {own}, and the nodes of the list belong to cluster {theirs}: give \
                     this node its own directory, or an empty one to join them as a new node"
                )
            });
        }
        let other = of_others()
            .find(|it| it.formed().is_some() && it.founder.is_durable() != self.me.is_durable())?;
        Some(if self.me.is_durable() {
            format!(
                "the cluster of {} keeps everything in memory: start this node without a data directory",
                other.founder.address
            )
        } else {
            format!(
                "the cluster of {} keeps its coordination stores on disk: start this node with a data directory",
                other.founder.address
            )
        })
    }

    /// Whether every name of the list has answered.
    fn all_answer(&self, heard: &[Description]) -> bool {
        let answers = |name: &String| heard.iter().any(|it| it.founder.address == *name);
        if mutant::active(Mutant::FormedByMajority) {
            return self.join.iter().filter(|name| answers(name)).count() > self.join.len() / 2;
        }
        self.join.iter().all(answers)
    }

    /// A cluster that began, and cannot go on.
    fn give_up(&self, heard: &[Description], cluster: ClusterId) -> Option<Action> {
        let formed = heard.iter().filter_map(Description::formed).collect::<Vec<_>>();
        if !formed.is_empty() {
            let elsewhere = formed.iter().all(|formed| *formed != cluster);
            return elsewhere.then_some(Action::BecomeNew(
                "the cluster that it had begun with came to nothing: another one was formed",
            ));
        }
        let voters = self.preparation()?.voters();
        let gone = voters.iter().filter(|founder| founder.is_gone(heard)).count();
        let lost = gone > (voters.len() - 1) / 2;
        (lost && self.all_answer(heard)).then_some(Action::BecomeNew(
            "the cluster that it had begun with came to nothing: most of its nodes have restarted",
        ))
    }

    /// Somebody belongs to a cluster: never form another.
    fn follow(&mut self, heard: &[Description]) -> Option<Action> {
        let cluster = heard.iter().find_map(Description::formed)?;
        self.attempt = None;
        if let Some(current) = &self.current {
            if current.cluster != cluster {
                return Some(Action::BecomeNew(
                    "it had prepared for a cluster that came to nothing: another one was formed",
                ));
            }
            if current.voters().contains(&self.me) {
                return None;
            }
        }
        let of_it = heard.iter().filter(|it| it.formed() == Some(cluster));
        let addresses = of_it.map(|it| it.founder.address.clone()).collect();
        Some(Action::Join { cluster, addresses })
    }

    /// What this node has prepared for never began, and never will: somebody who was to be in it has started elsewhere
    /// without having accepted it.
    fn leave(&mut self, heard: &[Description]) -> Option<Action> {
        let current = self.current.as_ref()?;
        let disproves = |it: &Description| {
            matches!(it.standing, Standing::Started(cluster) if cluster != current.cluster)
                && it.promised < current.ballot
                && current
                    .founders
                    .iter()
                    .any(|founder| founder.is_same_replica(&it.founder))
        };
        heard.iter().any(disproves).then_some(Action::BecomeNew(
            "it had prepared for a cluster that came to nothing: another one was begun",
        ))
    }

    /// The first name of the list asks all to prepare, once all of them could.
    fn coordinate(&mut self, heard: &[Description], fresh: ClusterId) -> Option<Action> {
        if self.join.first() != Some(&self.me.address) || !self.all_answer(heard) {
            return None;
        }
        let fits = |it: &Description| {
            it.standing == Standing::Unformed
                && it.join == self.join
                && it.founder.is_durable() == self.me.is_durable()
        };
        if !heard.iter().all(fits) {
            self.attempt = None;
            return None;
        }
        let mut founders: Vec<Founder> = heard.iter().map(|it| it.founder.clone()).collect();
        founders.sort_by(|a, b| a.address.cmp(&b.address));
        if founders.len() != self.join.len() && !mutant::active(Mutant::FormedByMajority) {
            return None;
        }
        let attempt = match self.attempt.take() {
            Some(attempt)
                if attempt.preparation.founders == founders
                    && self.current.as_ref() == Some(&attempt.preparation)
                    && attempt.preparation.ballot.number >= self.highest =>
            {
                attempt
            }
            _ => self.begin(founders, fresh),
        };
        let missing = attempt.preparation.founders.iter();
        let missing = missing.filter(|founder| !attempt.accepted.contains(&founder.address));
        let action = Action::Prepare {
            preparation: attempt.preparation.clone(),
            addresses: missing.map(|founder| founder.address.clone()).collect(),
        };
        self.attempt = Some(attempt);
        Some(action)
    }

    fn begin(&mut self, founders: Vec<Founder>, cluster: ClusterId) -> Attempt {
        // No two attempts share a ballot: whoever has accepted one has not accepted the other.
        self.highest += 1;
        let preparation = Preparation {
            ballot: Ballot {
                number: self.highest,
                coordinator: self.me.incarnation,
            },
            cluster,
            founders,
        };
        Attempt {
            preparation,
            accepted: BTreeSet::new(),
        }
    }
}
