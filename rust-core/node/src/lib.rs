//! A Holdfast node: its groups, its stores, its clock, and the driver that expires, evicts and frees.
//!
//! What this room promises:
//! - a node has the same groups alone as in a cluster (a meta group, 4 coordination groups, 8 cache
//!   groups), so that what works or is refused in development works or is refused in production;
//! - time enters the state only through the node's [`clock`]; with a manual clock nothing expires
//!   unless somebody advances it, and it has expired when [`Node::advance_clock`] returns;
//! - a cache store keeps its budget: room is made before the entry that needs it is put;
//! - a change that a session repeats is applied once;
//! - nothing here blocks for longer than one bounded step under a lock.

pub mod clock;
#[cfg(feature = "cluster")]
pub mod cluster;
mod driver;
mod identity;
pub mod memory;
mod node;
mod room;
mod scan;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod store;

pub use holdfast_proto::log;
pub use identity::Identity;
pub use node::{Node, NodeOptions};
pub use scan::{ScanError, ScanRequest, Scanned, ScannedPage};
pub use session::{ChangeNumbers, NodeSession};
pub use store::{NodeError, NodeStore};
