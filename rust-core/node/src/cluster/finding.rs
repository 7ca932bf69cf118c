//! Finding a cluster: asks the names of the list, does what [`Forming`] says, answers others who do the same.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use holdfast_replication::raft::{ClusterId, NodeCalls};
use holdfast_state::{Cluster, ClusterSettings, GroupId, MetaCommand, ReplicaId};

use super::calls::{Answer, Call};
use super::forming::{Action, Description, Founder, Preparation, Standing, VOTERS};
use super::member::{ClusterNode, PATIENCE, Place};
use crate::clock::first_revision;
use crate::identity::random;
use crate::log::Level;
use crate::node::{CACHE_GROUPS, COORDINATION_GROUPS};

/// How often the names are asked before there is a cluster, and after.
const SEARCH: Duration = Duration::from_millis(200);
const WATCH: Duration = Duration::from_secs(1);
/// Reasons that are logged for one node while it does not answer.
const MOST_REASONS: usize = 8;

/// Answers other nodes.
pub(crate) struct Calls(pub(crate) Weak<ClusterNode>);

impl NodeCalls for Calls {
    fn call(&self, _: Option<ClusterId>, request: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        let node = self.0.upgrade();
        async move {
            let node = node.ok_or("the node is stopping")?;
            let call = Call::decode(request).map_err(|error| error.to_string())?;
            Ok(node.answer(call).await.encode())
        }
        .boxed()
    }
}

/// Looks for a cluster until there is one, and then whether somebody has taken this node's place.
pub(crate) async fn find(node: Arc<ClusterNode>) {
    loop {
        let (addresses, formed) = {
            let mut place = node.place.lock().await;
            node.refresh(&mut place).await;
            let formed = matches!(place.forming.standing(), Standing::Formed(_));
            let own = node.options.advertise.clone();
            let mut addresses = place.forming.describe().join;
            for address in std::iter::once(own).chain(node.known_addresses()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            (addresses, formed)
        };
        let heard = node.hear(&addresses).await;
        let action = {
            let mut place = node.place.lock().await;
            node.refresh(&mut place).await;
            match place.forming.look(&heard, ClusterId(random())) {
                Some(Action::BecomeNew(why)) => {
                    node.become_new(&mut place, why).await;
                    None
                }
                action => action,
            }
        };
        if let Some(action) = action {
            node.act(action).await;
        }
        node.say_who_differs(&heard).await;
        node.form_if_leading().await;
        node.stay_known(&heard).await;
        node.reform_meta_if_lost(&heard).await;
        let rest = if formed { WATCH } else { SEARCH };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = node.stopped() => return,
        }
    }
}

impl ClusterNode {
    async fn hear(&self, addresses: &[String]) -> Vec<Description> {
        let answers = addresses
            .iter()
            .map(|address| self.ask(address, &Call::Describe, PATIENCE));
        let answers = join_all(answers).await;
        let heard = addresses.iter().zip(answers).filter_map(|(address, answer)| {
            self.log_silence(address, answer.as_ref().err());
            match answer {
                Ok(Answer::Described(description)) => Some(description),
                _ => None,
            }
        });
        let mut heard: Vec<Description> = heard.collect();
        // A node that was asked under two names is one.
        heard.sort_by(|a, b| a.founder.address.cmp(&b.founder.address));
        heard.dedup_by(|a, b| a.founder == b.founder);
        heard
    }

    /// No cluster is formed while nodes differ in what they must agree on.
    async fn say_who_differs(&self, heard: &[Description]) {
        let me = self.place.lock().await.forming.describe();
        if me.standing != Standing::Unformed {
            return;
        }
        for other in heard.iter().filter(|it| it.standing == Standing::Unformed) {
            let (name, durable) = (&other.founder.name, other.founder.is_durable());
            if durable != me.founder.is_durable() {
                let has = if durable { "a" } else { "no" };
                let message = format!(
                    "no cluster is formed: node '{name}' has {has} data directory, and this node differs; all nodes of a \
                     cluster have one, or none"
                );
                self.complain(&format!("data directory of {name}"), &message);
            }
            if other.join != me.join {
                let message = format!(
                    "no cluster is formed: node '{name}' was given the list {}, and this node {}",
                    other.join.join(","),
                    me.join.join(",")
                );
                self.complain(&format!("list of {name}"), &message);
            }
        }
    }

    /// Where the meta group knows nodes.
    pub(in crate::cluster) fn known_addresses(&self) -> Vec<String> {
        let Some(meta) = self.meta() else {
            return Vec::new();
        };
        let machine = meta.machine().read();
        let nodes = machine.cluster().into_iter().flat_map(Cluster::nodes);
        nodes
            .map(|(_, node)| node.description.peer_address.to_string())
            .collect()
    }

    /// Says each reason why a node does not answer once, and once that it does again.
    fn log_silence(&self, address: &str, problem: Option<&String>) {
        let mut silent = self.silent.lock();
        match problem {
            Some(reason) => {
                let logged = silent.entry(address.to_owned()).or_default();
                if logged.len() < MOST_REASONS && logged.insert(reason.clone()) {
                    let way = if self.over_tls { "TLS" } else { "plain TCP" };
                    self.log(
                        Level::Warning,
                        &format!("{address} does not answer over {way}: {reason}"),
                    );
                }
            }
            None if silent.remove(address).is_some() => {
                self.log(Level::Information, &format!("{address} answers"));
            }
            None => {}
        }
    }

    async fn answer(self: &Arc<Self>, call: Call) -> Answer {
        match call {
            Call::Describe => {
                let mut place = self.place.lock().await;
                self.refresh(&mut place).await;
                Answer::Described(Description {
                    epoch: self.meta_epoch(),
                    ..place.forming.describe()
                })
            }
            Call::Prepare(preparation) => {
                let mut place = self.place.lock().await;
                self.prepare(&mut place, &preparation).await
            }
            Call::Join(founder) => self.take_in(founder).await,
            Call::Decide(command) => self.decide_here(command).await,
            Call::AdvanceClock(by_ms) => Answer::Advanced(self.advance_clock(by_ms).await),
            Call::Operate(asked) => Answer::Operated(self.operated(asked).await),
            Call::HasBegun(group, replica) => self.has_begun(GroupId(group), ReplicaId(replica)).await,
            Call::Position(group) => Answer::Position(self.position(GroupId(group))),
        }
    }

    /// Leaves what it took part in, if it does, before it accepts.
    async fn prepare(&self, place: &mut Place, preparation: &Preparation) -> Answer {
        self.refresh(place).await;
        let mut next = place.forming.clone();
        if let Err(refusal) = next.prepare(preparation) {
            place.forming = next;
            return Answer::refused(&refusal);
        }
        if place.forming.preparation() == Some(preparation) && self.meta().is_some() {
            return Answer::Prepared(Ok(()));
        }
        // Nothing is acknowledged any more once it is closed: what it has now is what others may count on.
        if self.close_meta().await {
            self.become_new(
                place,
                "a preparation came between it and the cluster that it had begun with",
            )
            .await;
            return Answer::Elsewhere(None);
        }
        let own = next.describe().founder;
        let number = preparation.voters().iter().position(|voter| *voter == own);
        let replica = ReplicaId(number.map_or(0, |number| number as u64 + 1));
        // What it promises here it must know when it comes back.
        let promised = self.remember(|kept| {
            kept.standing = next.standing();
            kept.replica = replica;
            kept.preparation = Some(preparation.clone());
        });
        if !promised.await {
            return Answer::Elsewhere(None);
        }
        if number.is_some()
            && let Err(error) = self.open_meta(preparation.cluster, replica).await
        {
            self.log(Level::Error, &format!("the meta group cannot start: {error}"));
            return Answer::Elsewhere(None);
        }
        place.forming = next;
        Answer::Prepared(Ok(()))
    }

    async fn act(self: &Arc<Self>, action: Action) {
        match action {
            Action::Prepare {
                preparation,
                addresses,
            } => self.ask_to_prepare(&preparation, &addresses).await,
            Action::Join { cluster, addresses } => self.join(cluster, &addresses).await,
            Action::Exit(why) => {
                self.displace(why).await;
            }
            Action::Initialize(_) | Action::BecomeNew(_) => {}
        }
    }

    async fn ask_to_prepare(&self, preparation: &Preparation, addresses: &[String]) {
        let call = Call::Prepare(preparation.clone());
        let answers = addresses.iter().map(|address| self.ask(address, &call, PATIENCE));
        let answers = join_all(answers).await;
        let mut place = self.place.lock().await;
        for (address, answer) in addresses.iter().zip(answers) {
            match answer {
                Ok(Answer::Prepared(Ok(()))) => {
                    let action = place.forming.accepted(address, preparation.ballot);
                    if let Some(Action::Initialize(preparation)) = action {
                        self.begin(&preparation).await;
                    }
                }
                Ok(Answer::Prepared(Err((promised, reason)))) => {
                    self.log(
                        Level::Information,
                        &format!("{address} does not prepare: {reason}"),
                    );
                    place.forming.refused(preparation.ballot, promised);
                }
                _ => {}
            }
        }
    }

    async fn begin(&self, preparation: &Preparation) {
        self.log(
            Level::Information,
            &format!("forming cluster {}", preparation.cluster),
        );
        if let Err(error) = self.initialize_meta(preparation).await {
            self.log(Level::Error, &format!("the meta group cannot begin: {error}"));
        }
    }

    /// The meta group's leader proposes the plan.
    async fn form_if_leading(&self) {
        let Some(meta) = self.meta() else {
            return;
        };
        if !meta.leads() || meta.machine().read().cluster().is_some() {
            return;
        }
        let preparation = self.place.lock().await.forming.preparation().cloned();
        let Some(preparation) = preparation else {
            return;
        };
        let replicas = VOTERS as u8;
        let form = MetaCommand::Form {
            cluster: preparation.cluster.0,
            revision: first_revision(),
            settings: ClusterSettings {
                coordination_groups: COORDINATION_GROUPS,
                cache_groups: CACHE_GROUPS,
                coordination_replicas: replicas,
                cache_replicas: replicas,
                durable: preparation.founders.iter().all(Founder::is_durable),
            },
            nodes: preparation
                .founders
                .iter()
                .map(ClusterNode::description)
                .collect(),
        };
        if let Err(error) = self.decide(&form).await {
            self.log(Level::Warning, &format!("the plan was not made: {error}"));
        }
        self.changed.notify_waiters();
    }

    /// Asks to be taken into a cluster, and takes part in its meta group once there is a replica for this node.
    pub(super) async fn join(&self, cluster: ClusterId, addresses: &[String]) {
        let me = self.place.lock().await.forming.describe().founder;
        let mut asked = addresses.to_vec();
        let mut next = 0;
        while let Some(address) = asked.get(next).cloned() {
            next += 1;
            match self.ask(&address, &Call::Join(me.clone()), 5 * PATIENCE).await {
                Ok(Answer::Joined {
                    cluster: its,
                    replica,
                }) if its == cluster && replica != 0 => {
                    let mut place = self.place.lock().await;
                    self.take_replica(&mut place, cluster, ReplicaId(replica)).await;
                    return;
                }
                Ok(Answer::Joined { .. }) => return,
                Ok(Answer::Elsewhere(Some(leader))) if !asked.contains(&leader) => asked.insert(next, leader),
                Ok(Answer::Decided(Err(reason))) => {
                    self.complain("join", &format!("{address} does not take this node in: {reason}"));
                    return;
                }
                _ => {}
            }
        }
    }

    /// Takes a node in: a new one, or the next process of one that is known.
    async fn take_in(&self, founder: Founder) -> Answer {
        let Some(meta) = self.meta() else {
            return Answer::Elsewhere(None);
        };
        if !meta.leads() {
            let leader = meta.status().leader;
            return Answer::Elsewhere(leader.map(|(_, leader)| self.peers.place(&leader)));
        }
        let known = {
            let machine = meta.machine().read();
            let Some(cluster) = machine.cluster() else {
                return Answer::Elsewhere(None);
            };
            if cluster.settings.durable != founder.is_durable() {
                let (has, needs) = match founder.is_durable() {
                    true => ("in memory", "without a data directory"),
                    false => ("on disk", "with a data directory"),
                };
                return Answer::Decided(Err(format!(
                    "the cluster keeps its coordination stores {has}: start the node {needs}"
                )));
            }
            let known = cluster.node_named(&founder.name);
            known.map(|(_, node)| node.description.clone())
        };
        if known.as_ref() != Some(&ClusterNode::description(&founder)) {
            // A call that was late must not put a process in the place of a newer one.
            let there = self.ask(&founder.address, &Call::Describe, PATIENCE).await;
            let there = match there {
                Ok(Answer::Described(it)) if it.founder == founder => it,
                _ => {
                    return Answer::Decided(Err(format!(
                        "{} does not answer as that process",
                        founder.address
                    )));
                }
            };
            let disk = known.as_ref().map_or(0, |known| known.disk);
            if there.formed().is_some() && disk != founder.disk.unwrap_or_default() {
                // What it had was given to others, whose answers count since.
                return Answer::Decided(Err(format!(
                    "node '{}' was replaced while this data directory was away: move the directory away to join as a new \
                     node",
                    founder.name
                )));
            }
            let register = MetaCommand::RegisterNode {
                node: ClusterNode::description(&founder),
                replaces: known.map_or(0, |known| known.incarnation),
            };
            if let Err(reason) = self.decide(&register).await {
                return Answer::Decided(Err(reason));
            }
            self.log(Level::Information, &format!("node '{}' has joined", founder.name));
            self.changed.notify_waiters();
        }
        self.joined(&founder).unwrap_or(Answer::Elsewhere(None))
    }

    fn joined(&self, founder: &Founder) -> Option<Answer> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let (id, _) = cluster.node_named(&founder.name)?;
        let placement = cluster.group(GroupId::META)?;
        let replica = placement.replica_of(id, cluster.home(id, GroupId::META)?);
        Some(Answer::Joined {
            cluster: ClusterId(cluster.id),
            replica: replica.map_or(0, |replica| replica.0),
        })
    }
}
