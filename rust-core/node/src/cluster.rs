//! A node among others: forming a cluster with them, taking part in its groups, and leading some of them.
//!
//! ```text
//! find ─ asks the names of the list ─▶ Forming ─▶ the meta group's replica
//!                                                     │ the cluster: nodes, stores, who holds which group
//! placement ◀─────────────────────────────────────────┤ starts and stops this node's replicas
//! duties    ◀─────────────────────────────────────────┘ at each leader: stores, epochs, what is due, members
//! serving   ─ a client's request ─▶ its group's leader here: read behind a barrier, or proposed
//! ```

mod beginning;
mod calls;
mod clock;
mod controller;
mod duties;
mod finding;
mod forming;
mod group;
mod home;
mod idle_sessions;
mod leaving;
mod levels;
mod map;
mod member;
mod meta;
mod moving;
mod names;
mod operating;
mod options;
mod placement;
mod readiness;
mod reforming;
mod returning;
mod serving;
mod stores;

pub use holdfast_replication::raft::ClusterTiming;
pub use member::ClusterNode;
pub(crate) use member::{Equipment, Facts, Host};
pub use options::ClusterOptions;
pub use reforming::{ReformError, Reformed};

pub(crate) use duties::lead_meta;
pub(crate) use finding::{Calls, find};
pub(crate) use home::Home;
pub(crate) use placement::keep;
pub(crate) use serving::{Asked, Away, elsewhere};
pub(crate) use stores::ClusterStore;
