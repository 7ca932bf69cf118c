//! How a group's commands reach its machine.
//!
//! Two ways: [`Solo`], for a group that has a single replica (a command is applied at once, by the thread that brings it;
//! several threads may apply to one group at a time, the machine's own locks order them), and, with the feature `raft`,
//! [`raft::RaftGroup`], for a group that several nodes replicate. openraft and raft-engine stay inside this crate.
//!
//! With the feature `durable` a [`Solo`] may have a log on disk ([`SoloDirectory`]): a change is written and synced, then
//! applied, then answered.
//!
//! # Replicated groups
//! A node has one [`raft::Peers`] (its end of the network between nodes) and one [`raft::RaftGroup`] per group that it
//! has a replica of; with a data directory also one [`raft::DataDirectory`], whose thread writes the logs of all durable
//! groups (feature `disk`).
//!
//! ```text
//! node ─ Peers ─ control and bulk connection to each other node          PeerServer (tonic service, on the node's port)
//!   │
//!   ├ RaftGroup<M> ─ propose(command) → Outcome      ─ M: GroupMachine   holdfast_state::Machine, or the meta machine
//!   │              ─ read_barrier(mode)              ─ LeaderDuties      what a leader adds to entries by itself
//!   │              ─ watch() → GroupStatus           ─ log               memory, or DataDirectory
//!   │              ─ add_learner, change_voters, transfer_leader
//!   └ …
//! ```
//!
//! **Starting**: `Peers::over_network(options)`, `peers.set_calls(..)` for forming and joining ([`raft::NodeCalls`]: any
//! bytes from node to node, also before there is a cluster), `peers.set_cluster(id)` once it is known, then
//! [`raft::RaftGroup::start`] per group. A group of no members waits: [`raft::RaftGroup::initialize`] at exactly one
//! replica makes it a group, [`raft::RaftGroup::add_learner`] at its leader makes a further replica catch up. Mount
//! [`raft::PeerServer`] on the node's gRPC port. Every message names the group and both replicas; a message for a
//! replica that is not here any more is refused.
//!
//! **Proposing**: commands come encoded ([`holdfast_state::Command::encode`]-like; the machine's
//! [`raft::GroupMachine::write_entry`] puts them into one entry with a stamp). The group's own task takes everything that
//! waits, up to 1 MiB, into one entry, puts what [`raft::LeaderDuties::ahead`] gives in front, stamps it with the cluster
//! clock and proposes it under the present leadership only. Errors say whether anything was appended:
//! [`raft::ProposeError::NotLeader`], `Overloaded` and `Stopped`: no; `Unknown`: perhaps.
//!
//! **Reading**: [`raft::RaftGroup::read_barrier`], then read the machine. `Lease` and `ReadIndex` at the leader,
//! `Bounded` anywhere, `Local` without any promise.
//!
//! **Time**: [`raft::RaftGroup::now`] is the cluster clock: at a leader the last stamp applied when it began to lead plus
//! what has passed since (suspended time counts), elsewhere the last stamp applied.
//!
//! **Members**: every change names the version of the members that the caller has seen
//! ([`raft::GroupMembers::version`]) and is refused when another change came first.
//!
//! **Failure**: [`raft::GroupStatus::failed`] says why a replica has stopped for good (an entry that this build does not
//! know, a failed disk). The node must then stop, or refuse the group's calls.

#[cfg(feature = "durable")]
mod disk;
#[cfg(feature = "raft")]
pub mod raft;
mod solo;

#[cfg(feature = "durable")]
pub use solo::SoloDirectory;
pub use solo::{GroupFailed, Solo, StorageFailed};
