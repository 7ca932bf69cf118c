//! Who should hold a group: the decisions, without a network.
//!
//! Each group's leader asks [`step`] what to do next, with the meta group's state and what it knows of its own group,
//! does that one thing, and asks again. Deciding at the group's leader and not at the meta group's means that what is
//! decided upon (who votes, who has caught up) is never older than the last entry of the group itself, and that a group
//! can be mended while others cannot. Replica ids come from the meta group in any case.
//!
//! A replica is replaced in small steps, each of which may be repeated, by another leader too:
//!
//! ```text
//! issue an id ─▶ (the node starts it) ─▶ learner ─▶ (catches up) ─▶ one joint change: it in, the old one out
//!            ─▶ the meta group is told ─▶ the old one is forgotten
//! ```

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast_state::{Cluster, GroupId, GroupKind, GroupPlacement, Member, MetaCommand, NodeId, ReplicaId};

/// A node that is silent for so long is dead: another one may take its replicas.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(30);

/// What a leader knows of its group.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupView {
    /// The leader itself.
    pub(crate) own: ReplicaId,
    /// Names the members that it sees, for the change to be refused when others came first.
    pub(crate) version: u64,
    /// Replicas with a vote; of both sides while a change is under way.
    pub(crate) voters: BTreeSet<ReplicaId>,
    /// Replicas without.
    pub(crate) learners: BTreeSet<ReplicaId>,
    /// Half of a change is done.
    pub(crate) joint: bool,
    /// Replicas that have all that is committed, about.
    pub(crate) caught_up: BTreeSet<ReplicaId>,
    /// An operator has put the leadership here.
    pub(crate) kept: bool,
    /// For how long each has been silent.
    pub(crate) silent: BTreeMap<ReplicaId, Duration>,
    /// Where the group's log says that each is reached.
    pub(crate) addresses: BTreeMap<ReplicaId, String>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Have the meta group decide this.
    Propose(MetaCommand),
    /// Let a replica catch up.
    AddLearner(ReplicaId, NodeId),
    /// Take replicas without a vote out.
    RemoveLearners(BTreeSet<ReplicaId>),
    /// Make these the voters, in one joint change; those that were are out.
    ChangeVoters(BTreeSet<ReplicaId>),
    /// Let another replica lead.
    TransferLeader(ReplicaId),
    /// A replica's node is reached elsewhere than its group's log says.
    MoveMember(ReplicaId, NodeId),
}

/// The next step of a group, if anything is to be done; one at a time.
pub(crate) fn step(cluster: &Cluster, group: GroupId, view: &GroupView) -> Option<Step> {
    let placement = cluster.group(group)?;
    let plan = Plan {
        cluster,
        group,
        placement,
        view,
    };
    plan.finish_change()
        .or_else(|| plan.record())
        .or_else(|| plan.forget())
        .or_else(|| plan.replace())
        .or_else(|| plan.move_member())
        .or_else(|| plan.spread())
}

/// Who should lead a group when the present leader goes.
pub(crate) fn heir(cluster: &Cluster, group: GroupId, view: &GroupView) -> Option<ReplicaId> {
    let mut view = view.clone();
    view.voters.remove(&view.own);
    let placement = cluster.group(group)?;
    Plan {
        cluster,
        group,
        placement,
        view: &view,
    }
    .preferred()
}

/// Who should begin a group again, when the process that was to give it its first members is gone. Only for a group that
/// nobody has anything of.
pub(crate) fn begin_again(cluster: &Cluster, group: GroupId) -> Option<MetaCommand> {
    let placement = cluster.group(group)?;
    let present = |member: &Member| Some((member.node, cluster.home(member.node, group)?));
    let (_, first) = placement.voters().next()?;
    if present(first) == Some((first.node, first.incarnation)) {
        return None;
    }
    let mut voters: Vec<(NodeId, u128)> = placement.voters().filter_map(|(_, it)| present(it)).collect();
    voters.dedup();
    Some(MetaCommand::ReformGroup {
        group,
        epoch: placement.epoch + 1,
        voters,
    })
}

struct Plan<'a> {
    cluster: &'a Cluster,
    group: GroupId,
    placement: &'a GroupPlacement,
    view: &'a GroupView,
}

impl Plan<'_> {
    /// Whether the replica's process still is there, as far as the meta group knows.
    fn is_valid(&self, replica: ReplicaId) -> bool {
        let member = self.placement.members.get(&replica);
        member.is_some_and(|member| self.cluster.has_its_log(self.group, member))
    }

    fn silence(&self, replica: ReplicaId) -> Duration {
        self.view.silent.get(&replica).copied().unwrap_or_default()
    }

    /// Its process is there, and no one wants it away.
    fn stays(&self, replica: ReplicaId) -> bool {
        let leaving = |member: &Member| self.cluster.node(member.node).is_none_or(|node| node.leaving);
        self.is_valid(replica)
            && self.silence(replica) < DEAD_AFTER
            && !self.placement.members.get(&replica).is_some_and(leaving)
    }

    /// A change whose leader was lost in the middle: forward, to those that the meta group does not count as gone.
    fn finish_change(&self) -> Option<Step> {
        if !self.view.joint {
            return None;
        }
        let valid = self.view.voters.iter().copied().filter(|id| self.is_valid(*id));
        // A replacement that was half done: the newest replicas are the ones to keep.
        let mut ids: Vec<ReplicaId> = valid.collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(self.wanted());
        let voters: BTreeSet<ReplicaId> = if ids.is_empty() {
            self.view.voters.clone()
        } else {
            ids.into_iter().collect()
        };
        Some(Step::ChangeVoters(voters))
    }

    fn wanted(&self) -> usize {
        let settings = &self.cluster.settings;
        let replicas = match settings.kind_of(self.group) {
            Some((GroupKind::Cache, _)) => settings.cache_replicas,
            _ => settings.coordination_replicas,
        };
        usize::from(replicas.max(1))
    }

    /// Tells the meta group what the group's own log says.
    fn record(&self) -> Option<Step> {
        for (replica, member) in &self.placement.members {
            let voter = self.view.voters.contains(replica);
            if voter != member.voter {
                return Some(Step::Propose(MetaCommand::SetVoter {
                    group: self.group,
                    replica: *replica,
                    voter,
                }));
            }
        }
        None
    }

    /// Replicas that are gone and have no vote.
    fn forget(&self) -> Option<Step> {
        let gone = |id: &ReplicaId| !self.stays(*id);
        let learners: BTreeSet<ReplicaId> = self.view.learners.iter().copied().filter(gone).collect();
        if !learners.is_empty() {
            return Some(Step::RemoveLearners(learners));
        }
        let known = self.placement.members.keys().copied();
        let mut outside =
            known.filter(|id| !self.view.voters.contains(id) && !self.view.learners.contains(id));
        let replica = outside.find(gone)?;
        Some(Step::Propose(MetaCommand::RemoveReplica {
            group: self.group,
            replica,
        }))
    }

    /// Puts replicas that are there in the place of those that are gone, one at a time, and adds what is missing.
    fn replace(&self) -> Option<Step> {
        let gone = self.view.voters.iter().copied().find(|id| !self.stays(*id));
        let missing = self.view.voters.len() < self.wanted();
        let is_meta = self.group == GroupId::META;
        if gone.is_none() && !missing && !is_meta {
            return None;
        }
        // A learner that is there takes the place.
        if gone.is_some() || missing {
            let ready = |id: &&ReplicaId| self.stays(**id) && self.view.caught_up.contains(id);
            if let Some(learner) = self.view.learners.iter().find(ready) {
                let mut voters = self.view.voters.clone();
                if let Some(gone) = gone.filter(|_| self.view.voters.len() >= self.wanted()) {
                    voters.remove(&gone);
                }
                voters.insert(*learner);
                return Some(Step::ChangeVoters(voters));
            }
        }
        let issued = self.placement.members.iter();
        let mut issued = issued.filter(|(id, _)| !self.view.voters.contains(id) && self.stays(**id));
        if let Some((id, member)) = issued.find(|(id, _)| !self.view.learners.contains(id)) {
            return Some(Step::AddLearner(*id, member.node));
        }
        let catching_up = self.view.learners.iter().any(|id| self.stays(*id));
        if catching_up && !is_meta {
            return None;
        }
        let node = self.newcomer(gone)?;
        let incarnation = self.cluster.home(node, self.group)?;
        Some(Step::Propose(MetaCommand::IssueReplica {
            group: self.group,
            node,
            incarnation,
        }))
    }

    /// Who could hold the group and does not: the node whose replica is gone, or else the one that holds least. All nodes
    /// have the meta group, those beyond its voters as learners.
    fn newcomer(&self, gone: Option<ReplicaId>) -> Option<NodeId> {
        let holders: BTreeSet<NodeId> = self
            .placement
            .members
            .iter()
            .filter(|(id, _)| self.stays(**id))
            .map(|(_, member)| member.node)
            .collect();
        // Silent members' nodes are no candidates, unless another process has come in their place.
        let silent = |node: NodeId| {
            let mut members = self.placement.members.iter();
            members.any(|(id, member)| {
                member.node == node && self.is_valid(*id) && self.silence(*id) >= DEAD_AFTER
            })
        };
        let nodes = self.cluster.nodes();
        let free = nodes.filter(|(id, node)| !node.leaving && !holders.contains(id) && !silent(*id));
        let free: Vec<NodeId> = free.map(|(id, _)| id).collect();
        let before = gone
            .and_then(|gone| self.placement.members.get(&gone))
            .map(|member| member.node);
        if let Some(before) = before.filter(|before| free.contains(before)) {
            return Some(before);
        }
        let held = |node: &NodeId| {
            let holds = |placement: &GroupPlacement| placement.members.values().any(|it| it.node == *node);
            self.cluster
                .groups()
                .filter(|(_, placement)| holds(placement))
                .count()
        };
        free.into_iter().min_by_key(|node| (held(node), *node))
    }

    /// A node that came back under another address.
    fn move_member(&self) -> Option<Step> {
        let moved = self.placement.members.iter().find(|(id, member)| {
            let node = self.cluster.node(member.node);
            let logged = self.view.addresses.get(id);
            node.zip(logged)
                .is_some_and(|(node, logged)| **logged != *node.description.peer_address)
        });
        moved.map(|(id, member)| Step::MoveMember(*id, member.node))
    }

    /// Leaders are spread over the nodes: the first leader's node of each group as the plan had it, or who comes next.
    fn spread(&self) -> Option<Step> {
        let preferred = self.preferred()?;
        let own_stays = self.stays(self.view.own);
        if self.view.kept && own_stays {
            return None;
        }
        let ready =
            self.view.caught_up.contains(&preferred) && self.silence(preferred) < Duration::from_secs(1);
        (preferred != self.view.own && ready && (own_stays || self.view.voters.contains(&preferred)))
            .then_some(Step::TransferLeader(preferred))
    }

    fn preferred(&self) -> Option<ReplicaId> {
        let mut voters: Vec<(NodeId, ReplicaId)> = self
            .placement
            .members
            .iter()
            .filter(|(id, _)| self.view.voters.contains(id) && self.stays(**id))
            .map(|(id, member)| (member.node, *id))
            .collect();
        voters.sort_unstable();
        planned_leader(self.group, &voters).map(|(_, id)| id)
    }
}

/// Who should lead a group, of its voters that are there, by node.
pub(crate) fn planned_leader(group: GroupId, voters: &[(NodeId, ReplicaId)]) -> Option<(NodeId, ReplicaId)> {
    voters.get(usize::from(group.0) % voters.len().max(1)).copied()
}
