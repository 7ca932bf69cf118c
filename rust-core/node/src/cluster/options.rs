//! What a node needs to be one of several.

use holdfast_replication::raft::ClusterTiming;

/// What a node needs to be one of several.
#[derive(Clone)]
pub struct ClusterOptions {
    /// Names of the nodes that the cluster is formed of, `host:port` each: where sessions and gRPC are served there.
    pub join: Vec<String>,
    /// This node's own name among them: where others reach it.
    pub advertise: String,
    /// Nodes of one zone may fail together; empty: not said.
    pub zone: String,
    /// What nodes show each other; empty: nothing.
    pub secret: String,
    /// Heartbeats and elections, the same at all nodes.
    pub timing: ClusterTiming,
}

impl std::fmt::Debug for ClusterOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ClusterOptions")
            .field("join", &self.join)
            .field("advertise", &self.advertise)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}
