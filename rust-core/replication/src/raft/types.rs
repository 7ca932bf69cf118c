//! openraft's types, filled in. Nothing of this module leaves the crate.

use std::any::Any;
use std::fmt;

use bytes::Bytes;
use openraft::impls::{BoxedErrorSource, InlineBatch, leader_id_adv};
use openraft::raft::responder::Responder;

use super::address::ReplicaAddress;
use super::snapshot::SnapshotBody;
use holdfast_state::ReplicaId;

/// What the log holds of a group's commands: one encoded entry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EntryBytes(pub(crate) Bytes);

impl fmt::Debug for EntryBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

impl fmt::Display for EntryBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// What applying an entry gave: `Vec<Outcome>` of the group's machine; nothing for entries without commands.
pub(crate) struct Applied(pub(crate) Option<Box<dyn Any + Send + Sync>>);

impl fmt::Debug for Applied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("outcomes")
    }
}

/// Takes the result of one call where it arises, without a task in between.
pub(crate) struct Deliver<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Deliver<T> {
    pub(crate) fn new(deliver: impl FnOnce(T) + Send + 'static) -> Self {
        Deliver(Box::new(deliver))
    }
}

impl<T: Send + 'static> Responder<Types, T> for Deliver<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

/// openraft's name of a replica: a [`ReplicaId`] that it can print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RaftId(pub(crate) u64);

impl From<u64> for RaftId {
    fn from(id: u64) -> Self {
        RaftId(id)
    }
}

impl From<ReplicaId> for RaftId {
    fn from(id: ReplicaId) -> Self {
        RaftId(id.0)
    }
}

impl From<RaftId> for ReplicaId {
    fn from(id: RaftId) -> Self {
        ReplicaId(id.0)
    }
}

impl fmt::Display for RaftId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

#[derive(Debug, Clone, Copy, Default, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Types;

impl openraft::RaftTypeConfig for Types {
    type D = EntryBytes;
    type R = Applied;
    type NodeId = RaftId;
    type Node = ReplicaAddress;
    type Term = u64;
    type LeaderId = leader_id_adv::LeaderId<u64, RaftId>;
    type Vote = openraft::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<EntryBytes, RaftId, ReplicaAddress>;
    type Entry = openraft::Entry<Self::LeaderId, Self::Payload>;
    type AsyncRuntime = super::runtime::Runtime;
    type Responder<T>
        = Deliver<T>
    where
        T: Send + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: Send + 'static;
    type ErrorSource = BoxedErrorSource;
}

pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type LeaderId = openraft::alias::LeaderIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Payload = openraft::alias::PayloadOf<Types>;
pub(crate) type Membership = openraft::Membership<RaftId, ReplicaAddress>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<Types, SnapshotBody>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;

/// Bytes that an entry counts for in every bound.
pub(crate) fn entry_bytes(entry: &Entry) -> u64 {
    /// Log id, container, allocation.
    const OVERHEAD: u64 = 64;
    OVERHEAD
        + match &entry.payload {
            Payload::Blank => 0,
            Payload::Normal(bytes) => bytes.0.len() as u64,
            Payload::Membership(membership) => 128 * membership.nodes().count() as u64,
        }
}
