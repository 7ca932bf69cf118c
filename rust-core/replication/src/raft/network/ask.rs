//! Questions between nodes and their answers, whatever carries them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest,
    VoteResponse,
};

use crate::raft::types::{SnapshotMeta, Types, Vote, entry_bytes};
use holdfast_state::{GroupId, ReplicaId};

/// Which of a pair's two connections carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Votes, heartbeats, small appends: nothing here waits behind something big.
    Control,
    /// The rest.
    Bulk,
}

/// Appends up to this size travel on the control connection.
const SMALL: u64 = 64 * 1024;

/// A question from one replica to another of the same group, or from node to node.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) group: GroupId,
    pub(crate) from: ReplicaId,
    pub(crate) to: ReplicaId,
    pub(crate) ask: Ask,
}

#[derive(Clone)]
pub(crate) enum Ask {
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<Types>),
    PreVote(VoteRequest<Types>),
    Transfer(TransferLeaderRequest<Types>),
    ReadIndex,
    Snapshot(SnapshotPiece),
    /// A call of the node above, which the groups know nothing of.
    Node(Bytes),
}

/// A part of a snapshot on its way.
#[derive(Clone)]
pub(crate) struct SnapshotPiece {
    pub(crate) vote: Vote,
    pub(crate) meta: SnapshotMeta,
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
    pub(crate) last: bool,
    /// The sender can go on from any offset.
    pub(crate) resumable: bool,
}

#[derive(Clone)]
pub(crate) enum Answer {
    Append(AppendEntriesResponse<Types>),
    Vote(VoteResponse<Types>),
    Transfer(TransferLeaderResponse<Types>),
    ReadIndex(ReadIndexAnswer),
    Snapshot(SnapshotAnswer),
    Node(Bytes),
}

/// To [`Ask::ReadIndex`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadIndexAnswer {
    /// What a replica must have applied to read as fresh as the question.
    Index(u64),
    NotLeader,
    NoQuorum,
}

/// To [`Ask::Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotAnswer {
    /// The next piece should begin here.
    Continue { offset: u64 },
    /// It is installed, or refused because of this vote.
    Done { vote: Vote },
}

/// Why a node does not answer a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the node has no replica of the group")]
    UnknownGroup,
    #[error("the node's replica of the group is another one")]
    UnknownReplica,
    #[error("the replica has stopped")]
    Stopped,
    #[error("{0}")]
    Node(String),
}

/// Takes questions for one group.
pub(crate) trait Inbox: Send + Sync {
    fn replica(&self) -> ReplicaId;

    fn handle(self: Arc<Self>, from: ReplicaId, ask: Ask) -> BoxFuture<'static, Result<Answer, Refusal>>;
}

impl Ask {
    pub(crate) fn lane(&self) -> Lane {
        match self {
            Ask::Append(append) if append.entries.iter().map(entry_bytes).sum::<u64>() > SMALL => Lane::Bulk,
            Ask::Snapshot(_) => Lane::Bulk,
            Ask::Node(bytes) if bytes.len() as u64 > SMALL => Lane::Bulk,
            _ => Lane::Control,
        }
    }

    /// How long an answer may take. openraft gives appends a heartbeat's interval, in which a big value would never
    /// arrive and be sent again for ever: what carries data gets time by its size.
    pub(crate) fn patience(&self, asked: Duration) -> Duration {
        /// Without any progress for so long, the other side is given up.
        const IDLE: Duration = Duration::from_secs(2);
        /// The slowest line that still counts as progress.
        const BYTES_PER_SECOND: u64 = 1024 * 1024;
        /// Installing a snapshot takes the state's decoding.
        const INSTALL: Duration = Duration::from_secs(120);
        match self {
            Ask::Append(append) => {
                let bytes: u64 = append.entries.iter().map(entry_bytes).sum();
                IDLE + Duration::from_millis(bytes * 1_000 / BYTES_PER_SECOND)
            }
            Ask::Snapshot(piece) if piece.last => INSTALL,
            Ask::Snapshot(piece) => {
                IDLE + Duration::from_millis(piece.bytes.len() as u64 * 1_000 / BYTES_PER_SECOND)
            }
            _ => asked,
        }
    }
}
