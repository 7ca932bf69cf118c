//! A planned stop: others lead before this node goes.

use std::time::Duration;

use futures_util::future::join_all;
use holdfast_replication::raft::{RaftGroup, Role};
use holdfast_state::{MetaCommand, ReplicaId};

use super::member::ClusterNode;
use super::moving::{Movable, move_leader};
use crate::log::Level;

/// A leadership that has not moved by then stays until the others notice.
const MOVE: Duration = Duration::from_secs(1);

/// Looks at what it leads.
const ROUNDS: usize = 3;

impl ClusterNode {
    /// Says that it leaves, so that nobody hands it a group any more, and hands over those that it leads.
    pub(crate) async fn hand_over(&self) {
        let Some(node) = self.own_id() else {
            return;
        };
        let leaving = MetaCommand::SetLeaving { node, leaving: true };
        if let Ok(Err(reason)) = tokio::time::timeout(MOVE, self.decide(&leaving)).await {
            self.log(
                Level::Warning,
                &format!("the others do not know that this node leaves: {reason}"),
            );
        }
        let groups = self.groups();
        // Whoever has not heard yet that this node leaves may give a group back once.
        for _ in 0..ROUNDS {
            join_all(groups.values().map(|group| hand_over(group.raft()))).await;
            if !groups.values().any(|group| group.raft().leads()) {
                break;
            }
        }
        if let Some(meta) = self.meta() {
            hand_over(&meta).await;
        }
    }
}

async fn hand_over<M: Movable>(group: &RaftGroup<M>) {
    if !group.leads() {
        return;
    }
    let voters = group.status().members.voters;
    let progress = group.replication();
    let candidates = progress
        .iter()
        .filter(|(id, _)| **id != group.replica() && voters.contains(id));
    // The one that lacks least, of those that have answered lately.
    let next: Option<ReplicaId> = candidates
        .min_by_key(|(_, progress)| (progress.silent_ms.unwrap_or(u64::MAX) / 1_000, progress.behind()))
        .map(|(id, _)| *id);
    if let Some(next) = next {
        // Whoever leads instead will do: this group's other duties may be handing it over too.
        let mut status = group.watch();
        let led_elsewhere = status.wait_for(|status| status.role != Role::Leader && status.leader.is_some());
        tokio::select! {
            _ = move_leader(group, next, MOVE) => {}
            _ = led_elsewhere => {}
        }
    }
}
