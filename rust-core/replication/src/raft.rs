//! Groups with more than one replica.

mod adapter;
mod address;
mod beginning;
mod errors;
mod group;
mod inbox;
mod leader_clock;
mod log;
mod log_keeper;
mod machine;
mod machines;
mod membership;
mod network;
mod options;
mod proposer;
mod reads;
mod runtime;
mod snapshot;
mod status;
mod time_source;
mod timing;
mod types;
mod under_way;
mod watcher;

#[cfg(feature = "disk")]
mod data_directory;
#[cfg(feature = "disk")]
mod group_snapshots;

pub use address::{ClusterId, ReplicaAddress};
#[cfg(feature = "disk")]
pub use data_directory::DataDirectory;
pub use errors::{MembershipError, ProposeError, ReadError, StartError};
pub use group::{HeldClock, RaftGroup};
pub use machine::{GroupMachine, MachineError, SnapshotView};
pub use machines::{DataMachine, MetaGroup};
pub use network::{
    Dial, DialTcp, LocalNetwork, NodeCalls, PeerError, PeerOptions, PeerServer, PeerStream, Peers,
};
pub use options::{GroupLimits, GroupLog, GroupOptions};
pub use proposer::{LeaderDuties, Proposed};
pub use reads::ReadMode;
pub use runtime::Ticks;
pub use status::{GroupMembers, GroupStatus, ReplicaProgress, Role};
pub use time_source::{SystemTime, TimeSource};
pub use timing::ClusterTiming;
