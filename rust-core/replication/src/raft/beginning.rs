//! A group that starts again with a state that no log of it leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::address::ReplicaAddress;
use super::errors::StartError;
use super::types::{LeaderId, LogId, Membership, RaftId, SnapshotMeta, StoredMembership};
use holdfast_state::ReplicaId;

/// What stands in the place of such a group's first entry: it has one member. Replicas that are added have nothing, and
/// get the state as a snapshot, because there is no such entry to send.
pub(crate) fn beginning(replica: ReplicaId, address: &ReplicaAddress) -> Result<SnapshotMeta, StartError> {
    let id = RaftId::from(replica);
    let first = first_place();
    let members = Membership::new(
        vec![BTreeSet::from([id])],
        BTreeMap::from([(id, address.clone())]),
    )
    .map_err(|error| StartError::Settings(error.to_string()))?;
    Ok(SnapshotMeta {
        last_log_id: Some(first),
        last_membership: StoredMembership::new(Some(first), members),
    })
}

/// Whether a snapshot is such a beginning, of this replica.
#[cfg(feature = "disk")]
pub(crate) fn begins(meta: &SnapshotMeta, replica: ReplicaId) -> bool {
    let mut voters = meta.last_membership.membership().voter_ids();
    meta.last_log_id == Some(first_place()) && voters.any(|voter| voter == RaftId::from(replica))
}

/// Where a group's first members stand in its log.
fn first_place() -> LogId {
    let nobody = LeaderId {
        term: 0,
        node_id: RaftId(0),
    };
    LogId::new(nobody, 0)
}
