//! A planned stop: others lead before this node goes.

use std::time::Duration;

use futures_util::future::join_all;
use holdfast_replication::raft::{GroupMachine, RaftGroup, ReplicaProgress, Role};
use holdfast_state::{Cluster, GroupId, MetaCommand, ReplicaId};
use tokio::time::Instant;

use super::controller;
use super::duties::view;
use super::member::ClusterNode;
use super::moving::{Movable, move_leader};
use crate::log::Level;

/// How long the meta group may take to know that this node leaves.
const DECISION: Duration = Duration::from_secs(1);
/// A leadership that has not moved by then goes to somebody else.
const MOVE: Duration = Duration::from_millis(500);
/// Looks at what it leads.
const ROUNDS: usize = 4;
/// With a replica of another node catching up, a group may have no votes to spare: it is waited for, but not for ever.
const OTHERS_CATCH_UP: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl ClusterNode {
    /// Waits until the others can do without this node, says that it leaves, so that nobody hands it a group any more, and
    /// hands over those that it leads.
    pub(crate) async fn hand_over(&self) {
        let Some(node) = self.own_id().filter(|_| !self.is_displaced()) else {
            return;
        };
        let began = Instant::now();
        self.others_catch_up().await;
        // From here on the groups' duties move no leadership: two moves of one group at once get in each other's way.
        self.leave();
        let leaving = MetaCommand::SetLeaving { node, leaving: true };
        match tokio::time::timeout(DECISION, self.decide(&leaving)).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => self.not_known(&reason),
            Err(_) => self.not_known("nobody decided in time"),
        }
        let groups = self.groups();
        // A group that this node was just elected for, or that did not move, is looked at again.
        for _ in 0..ROUNDS {
            join_all(groups.values().map(|group| self.move_away(group.raft()))).await;
            if !groups.values().any(|group| has_lead(group.raft())) {
                break;
            }
        }
        if let Some(meta) = self.meta() {
            self.move_away(&meta).await;
        }
        let left = groups.values().filter(|group| has_lead(group.raft())).count();
        let took = began.elapsed().as_millis();
        match left {
            0 => self.log(
                Level::Information,
                &format!("others lead all groups after {took} ms"),
            ),
            left => self.log(
                Level::Warning,
                &format!("{left} groups are still led here after {took} ms: others will have to notice"),
            ),
        }
    }

    fn not_known(&self, reason: &str) {
        let message = format!("the others do not know that this node leaves: {reason}");
        self.log(Level::Warning, &message);
    }

    async fn others_catch_up(&self) {
        let end = Instant::now() + OTHERS_CATCH_UP;
        let mut said = false;
        while let Some(group) = self.group_that_needs_this_node() {
            if !std::mem::replace(&mut said, true) {
                let message = format!(
                    "waiting with the stop: another node is still getting group {}",
                    group.0
                );
                self.log(Level::Information, &message);
            }
            if Instant::now() >= end {
                self.log(
                    Level::Warning,
                    "stopping although another node is still catching up",
                );
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A group in which a replica of another node, which is there, is about to take the place of one that is gone.
    fn group_that_needs_this_node(&self) -> Option<GroupId> {
        let own = self.own_id()?;
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let comes = |group: GroupId| {
            let placement = cluster.group(group)?;
            let votes_here = placement.voters().any(|(_, member)| member.node == own);
            let present = |replica: &ReplicaId| {
                let member = placement.members.get(replica)?;
                let node = cluster.node(member.node)?;
                Some(member.node != own && !node.leaving && cluster.has_its_log(group, member))
            };
            let mut learners = placement.members.iter().filter(|(_, member)| !member.voter);
            let full = placement
                .voters()
                .filter(|(id, _)| present(id) == Some(true))
                .count()
                >= 2;
            Some(votes_here && !full && learners.any(|(id, _)| present(id) == Some(true)))
        };
        cluster
            .groups()
            .map(|(group, _)| group)
            .find(|group| comes(*group) == Some(true))
    }

    /// Has somebody else lead a group, if this node does.
    async fn move_away<M: Movable>(&self, group: &RaftGroup<M>) {
        if !has_lead(group) {
            return;
        }
        let Some(next) = self.heir(group) else {
            return;
        };
        // Whoever leads instead will do.
        let mut status = group.watch();
        let led_elsewhere = status.wait_for(|status| status.role != Role::Leader && status.leader.is_some());
        tokio::select! {
            _ = move_leader(group, next, MOVE) => {}
            _ = led_elsewhere => {}
        }
    }

    /// Who leads next: the one that would lead it without this node anyway, or else who lacks least of those that answer.
    fn heir<M: GroupMachine>(&self, group: &RaftGroup<M>) -> Option<ReplicaId> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let view = view(self, group);
        let progress = group.replication();
        let answers = |id: &ReplicaId| progress.get(id).is_some_and(ReplicaProgress::answers);
        let preferred = controller::heir(cluster, group.id(), &view);
        if let Some(preferred) = preferred.filter(|id| view.caught_up.contains(id) && answers(id)) {
            return Some(preferred);
        }
        let others = view
            .voters
            .iter()
            .filter(|id| **id != view.own && stays(cluster, group.id(), **id));
        others
            .min_by_key(|id| {
                (
                    !answers(id),
                    progress.get(id).map_or(u64::MAX, ReplicaProgress::behind),
                )
            })
            .copied()
    }
}

fn stays(cluster: &Cluster, group: GroupId, replica: ReplicaId) -> bool {
    let placement = cluster.group(group);
    let member = placement.and_then(|placement| placement.members.get(&replica));
    let node = member.and_then(|member| cluster.node(member.node));
    node.is_some_and(|node| !node.leaving)
}

/// Also when it was elected a moment ago and does not take proposals yet.
fn has_lead<M: GroupMachine>(group: &RaftGroup<M>) -> bool {
    group.watch().borrow().role == Role::Leader
}
