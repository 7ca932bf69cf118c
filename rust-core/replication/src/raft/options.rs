//! What a replica is started with.

use std::sync::Arc;

use super::address::ReplicaAddress;
#[cfg(feature = "disk")]
use super::data_directory::DataDirectory;
use super::machine::GroupMachine;
use super::network::Peers;
use super::proposer::LeaderDuties;
use super::runtime::Ticks;
use super::time_source::{SystemTime, TimeSource};
use super::timing::ClusterTiming;
use holdfast_state::{GroupId, ReplicaId};

/// Where a group's log is.
#[derive(Clone)]
pub enum GroupLog {
    /// In memory: gone when the process ends. The replica then comes back under another id.
    Memory,
    /// On disk, with its vote and its snapshots: the replica comes back as itself.
    #[cfg(feature = "disk")]
    Disk(DataDirectory),
}

/// What a group may take, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Of proposals without an outcome; further ones are refused.
    pub waiting_bytes: u64,
    /// The log is cut when it has more than this, or more than a quarter of the state, whichever is more.
    pub log_bytes: u64,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            waiting_bytes: 64 * 1024 * 1024,
            // A simulation is to see snapshots.
            log_bytes: match holdfast_system::work::is_simulated() {
                true => 64 * 1024,
                false => 64 * 1024 * 1024,
            },
        }
    }
}

/// What a replica is started with.
pub struct GroupOptions<M: GroupMachine> {
    /// The group.
    pub group: GroupId,
    /// This replica, as the meta group has named it.
    pub replica: ReplicaId,
    /// What is replicated: empty, or of the state that a reformed group begins with.
    pub machine: Arc<M>,
    /// Where the log is.
    pub log: GroupLog,
    /// The node's end of the network.
    pub peers: Peers,
    /// Heartbeats and elections: the same at all replicas.
    pub timing: ClusterTiming,
    /// When the group looks at its timers: the groups of a node do at the same moments; `None`: at its own.
    pub ticks: Option<Ticks>,
    /// Bounds.
    pub limits: GroupLimits,
    /// The machine's clocks.
    pub time: Arc<dyn TimeSource>,
    /// What this replica adds to entries while it leads.
    pub duties: Option<Arc<dyn LeaderDuties<M>>>,
    /// The group starts again here, in memory: this replica is its only member, at this place, and `machine` has the state
    /// that it begins with. Others that are added get that state as a snapshot. On disk: [`DataDirectory::begin_again`].
    pub begins_with_machine: Option<ReplicaAddress>,
}

impl<M: GroupMachine> GroupOptions<M> {
    /// With a log in memory and everything else as usual.
    pub fn new(group: GroupId, replica: ReplicaId, machine: Arc<M>, peers: Peers) -> Self {
        Self {
            group,
            replica,
            machine,
            log: GroupLog::Memory,
            peers,
            timing: ClusterTiming::DEFAULT,
            ticks: None,
            limits: GroupLimits::default(),
            time: Arc::new(SystemTime),
            duties: None,
            begins_with_machine: None,
        }
    }
}
