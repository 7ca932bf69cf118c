//! Leaderships move as planned: what only the leader knows is logged first.

use std::time::Duration;

use holdfast_replication::raft::{DataMachine, GroupMachine, MembershipError, MetaGroup, RaftGroup};
use holdfast_state::ReplicaId;

use super::duties::{expire, stamp};

/// A leadership is moved within this time or not at all.
pub(in crate::cluster) const MOVE: Duration = Duration::from_secs(2);
/// A replica with fewer entries to get has caught up: one that lacks more would keep its group waiting.
pub(in crate::cluster) const NEARLY: u64 = 1_000;

/// A group whose leadership can be moved without anything that its leader alone knows being lost.
pub(crate) trait Movable: GroupMachine + Sized {
    /// Logs what only the leader knows.
    fn settle(group: &RaftGroup<Self>) -> impl Future<Output = ()> + Send;
}

impl Movable for MetaGroup {
    async fn settle(_: &RaftGroup<Self>) {}
}

impl Movable for DataMachine {
    /// What reads have kept alive, what they were told is gone, and the clock that they were told so by.
    async fn settle(group: &RaftGroup<Self>) {
        expire(group).await;
        stamp(group).await;
    }
}

/// Moves the leadership that this replica has to another voter, which should have caught up, and returns when that one
/// leads. Readers are told no moment meanwhile that the other does not know of.
///
/// # Errors
/// [`MembershipError`].
pub(crate) async fn move_leader<M: Movable>(
    group: &RaftGroup<M>,
    to: ReplicaId,
    within: Duration,
) -> Result<(), MembershipError> {
    let _clock = group.hold_clock();
    // Without a majority it would wait for ever, and the move will fail.
    let _ = tokio::time::timeout(within, M::settle(group)).await;
    group.transfer_leader(to, within).await
}
