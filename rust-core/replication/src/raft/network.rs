//! How replicas of one group, on different nodes, talk.
//!
//! [`Peers`] is a node's end: it finds the group a message is for, and carries questions to other nodes. What carries
//! them is a transport: [`LocalNetwork`] inside one process, or the gRPC service of [`PeerServer`].

mod ask;
mod commit_news;
mod convert;
mod dial;
mod gathered;
mod link;
mod local;
mod peers;
mod raft_network;
mod send_snapshot;
mod server;
mod tcp;

/// The messages between nodes.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
mod wire {
    tonic::include_proto!("holdfast.peer.v1");
}

pub(crate) use ask::{Answer, Ask, Envelope, Inbox, ReadIndexAnswer, Refusal, SnapshotAnswer, SnapshotPiece};
#[cfg(feature = "disk")]
pub(crate) use convert::{membership_from_wire, membership_to_wire, meta_from_wire, meta_to_wire};
pub use dial::{Dial, DialTcp, PeerStream};
pub use local::LocalNetwork;
pub use peers::{NodeCalls, PeerError, PeerOptions, Peers};
pub(crate) use raft_network::Network;
pub use server::PeerServer;
#[cfg(feature = "disk")]
pub(crate) use wire::{Membership as WireMembership, SnapshotMeta as WireSnapshotMeta};
