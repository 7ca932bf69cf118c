//! Groups of several replicas in one process: over handed-over messages, and over real sockets.
#![cfg(feature = "raft")]

mod cluster;
mod list;
mod membership;
mod proposals;
mod reads;
mod refused;
mod sessions;
mod snapshots;
