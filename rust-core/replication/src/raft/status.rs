//! What a replica knows of its group.

use std::collections::{BTreeMap, BTreeSet};

use super::address::ReplicaAddress;
use super::types::StoredMembership;
use holdfast_state::ReplicaId;

/// A replica's view of its group at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStatus {
    /// This replica's part.
    pub role: Role,
    /// The term, growing with each election.
    pub term: u64,
    /// Who leads, as far as this replica knows. `None` during elections.
    pub leader: Option<(ReplicaId, ReplicaAddress)>,
    /// This replica leads and has applied everything from before: it takes proposals and reads.
    pub ready: bool,
    /// Who belongs to the group.
    pub members: GroupMembers,
    /// Why the replica has stopped for good, when it has.
    pub failed: Option<String>,
}

impl GroupStatus {
    /// Where the leader lives, as far as this replica knows.
    #[must_use]
    pub fn leader_address(&self) -> Option<ReplicaAddress> {
        self.leader.as_ref().map(|(_, address)| address.clone())
    }
}

/// A replica's part in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Has no vote, or does not know its group yet.
    #[default]
    Learner,
    /// Follows a leader.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Leads, perhaps without [`GroupStatus::ready`] yet.
    Leader,
    /// Has stopped.
    Stopped,
}

/// Who belongs to a group, as of one entry of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMembers {
    /// The place in the log of the entry that said so; 0: nothing did.
    pub version: u64,
    /// Replicas with a vote: those of both sides while a change is under way.
    pub voters: BTreeSet<ReplicaId>,
    /// Sets of them that must each have a majority: two while a change is under way.
    pub agreeing: Vec<BTreeSet<ReplicaId>>,
    /// Replicas without.
    pub learners: BTreeSet<ReplicaId>,
    /// Where each of them lives.
    pub addresses: BTreeMap<ReplicaId, ReplicaAddress>,
    /// A change is under way: half of it is done.
    pub joint: bool,
}

impl GroupMembers {
    pub(crate) fn of(stored: &StoredMembership) -> GroupMembers {
        let membership = stored.membership();
        GroupMembers {
            version: stored.log_id().as_ref().map_or(0, |log_id| log_id.index),
            voters: membership.voter_ids().map(ReplicaId::from).collect(),
            agreeing: membership
                .get_joint_config()
                .iter()
                .map(|set| set.iter().map(|id| ReplicaId::from(*id)).collect())
                .collect(),
            learners: membership.learner_ids().map(ReplicaId::from).collect(),
            addresses: membership
                .nodes()
                .map(|(id, address)| (ReplicaId::from(*id), address.clone()))
                .collect(),
            joint: membership.get_joint_config().len() > 1,
        }
    }
}

/// How far a replica is, as its leader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaProgress {
    /// The last entry that the replica is known to have; 0: none.
    pub matched: u64,
    /// The last entry of the leader.
    pub last: u64,
    /// Milliseconds since the replica's last answer; `None`: it has not answered this leader yet.
    pub silent_ms: Option<u64>,
}

/// A replica with an answer of this age is there.
const ANSWERS_MS: u64 = 500;

impl ReplicaProgress {
    /// Whether the replica has answered lately.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.silent_ms.is_some_and(|silent| silent < ANSWERS_MS)
    }

    /// Entries that the replica lacks.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.last.saturating_sub(self.matched)
    }
}
