//! What can go wrong with a proposal, a read, a change of members, a group.

use super::address::ReplicaAddress;
use super::machine::MachineError;

/// Why a proposal has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This replica does not lead. Nothing was appended.
    #[error("another replica leads the group{}", named(.leader.as_ref()))]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<ReplicaAddress>,
    },
    /// More bytes wait for this group than it takes. Nothing was appended.
    #[error("too many bytes wait for the group: {waiting} of {limit}")]
    Overloaded {
        /// Bytes that wait.
        waiting: u64,
        /// The bound.
        limit: u64,
    },
    /// It was appended here and then the leader lost its place or stopped: it may be applied, now or later, or never.
    #[error("the leader changed before the change was known to be applied")]
    Unknown,
    /// This replica has stopped. Nothing was appended.
    #[error("the group's replica has stopped")]
    Stopped,
}

/// Why a read may not be served here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This replica does not lead.
    #[error("another replica leads the group{}", named(.leader.as_ref()))]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<ReplicaAddress>,
    },
    /// Not enough replicas answered in time.
    #[error("a majority of the group's replicas did not answer in time")]
    NoQuorum,
    /// This replica has stopped.
    #[error("the group's replica has stopped")]
    Stopped,
}

/// Why a group's members did not change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// This replica does not lead.
    #[error("another replica leads the group{}", named(.leader.as_ref()))]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<ReplicaAddress>,
    },
    /// Another change came first, or is under way: look again before trying again.
    #[error("another change of the group's members came first: {0}")]
    Conflict(String),
    /// The change makes no sense: a voter that is not a learner yet, no voters at all.
    #[error("{0}")]
    Refused(String),
    /// The leader changed meanwhile: look at the members to see what came of it.
    #[error("the leader changed before the change of members was known to be committed")]
    Unknown,
    /// It did not happen in time.
    #[error("not in time: {0}")]
    TimedOut(&'static str),
    /// This replica has stopped.
    #[error("the group's replica has stopped")]
    Stopped,
}

/// Why a group could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its log, vote or snapshot cannot be read or belongs to something else.
    #[error("the group's log cannot be used: {0}")]
    Log(String),
    /// Its snapshot does not fit the machine.
    #[error("the group's snapshot cannot be used: {0}")]
    Machine(#[from] MachineError),
    /// The settings contradict each other.
    #[error("{0}")]
    Settings(String),
    /// The node has a replica of this group already.
    #[error("this node has a replica of the group already")]
    Duplicate,
}

fn named(leader: Option<&ReplicaAddress>) -> String {
    leader.map_or_else(String::new, |leader| format!(": {}", leader.name))
}
