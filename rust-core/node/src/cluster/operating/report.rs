//! What a node tells another one of itself and its replicas.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_proto::Error;
use holdfast_replication::raft::{GroupMachine, RaftGroup};
use holdfast_state::NodeId;

use super::{ClusterNode, PATIENCE, PeerAnswer, PeerAsk};

/// A node, by itself.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NodeReport {
    #[prost(string, tag = "1")]
    pub(crate) version: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) incarnation: bytes::Bytes,
    #[prost(uint64, tag = "3")]
    pub(crate) uptime_ms: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) memory_used: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) memory_limit: u64,
    /// Why it has not all its replicas; empty: it has.
    #[prost(string, tag = "6")]
    pub(crate) not_ready: String,
    #[prost(message, repeated, tag = "7")]
    pub(crate) groups: Vec<GroupReport>,
}

/// A replica, by itself.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GroupReport {
    #[prost(uint32, tag = "1")]
    pub(crate) group: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) replica: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) term: u64,
    #[prost(bool, tag = "4")]
    pub(crate) leads: bool,
    #[prost(uint64, tag = "5")]
    pub(crate) last_index: u64,
    #[prost(uint64, tag = "6")]
    pub(crate) applied_index: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) log_bytes: u64,
    #[prost(string, tag = "8")]
    pub(crate) failed: String,
    /// At the leader: what each replica has.
    #[prost(btree_map = "uint64, uint64", tag = "9")]
    pub(crate) matched: BTreeMap<u64, u64>,
    /// At the leader: replicas with a vote.
    #[prost(uint64, repeated, tag = "10")]
    pub(crate) voters: Vec<u64>,
}

impl ClusterNode {
    /// This node, by itself.
    pub(super) fn report(&self) -> NodeReport {
        let mut groups: Vec<GroupReport> = self.meta().iter().map(report_of).collect();
        groups.extend(self.groups().values().map(|group| report_of(group.raft())));
        let facts = self.facts();
        NodeReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            incarnation: bytes::Bytes::copy_from_slice(&self.incarnation().0.to_be_bytes()),
            uptime_ms: facts.uptime_ms,
            memory_used: facts.memory_used,
            memory_limit: facts.memory_limit,
            not_ready: self.not_ready().unwrap_or_default(),
            groups,
        }
    }

    /// What all nodes of the cluster say of themselves; nothing of those that do not answer, or as another process.
    pub(super) async fn reports(self: &Arc<Self>) -> Result<BTreeMap<NodeId, Option<NodeReport>>, Error> {
        let nodes: Vec<(NodeId, String, u128)> = self.with_cluster(|cluster| {
            let node = |(id, node): (NodeId, &holdfast_state::ClusterNode)| {
                let description = &node.description;
                (id, description.peer_address.to_string(), description.incarnation)
            };
            cluster.nodes().map(node).collect()
        })?;
        let asked = nodes.into_iter().map(|(id, address, incarnation)| async move {
            let answer = self.ask_peer(&address, &PeerAsk::Report, PATIENCE).await;
            let report = match answer {
                Ok(PeerAnswer::Report(report)) => Some(report),
                _ => None,
            };
            (
                id,
                report.filter(|report| report.incarnation[..] == incarnation.to_be_bytes()),
            )
        });
        Ok(join_all(asked).await.into_iter().collect())
    }
}

fn report_of<M: GroupMachine>(group: &RaftGroup<M>) -> GroupReport {
    let status = group.status();
    let progress = group.replication();
    GroupReport {
        group: group.id().0.into(),
        replica: group.replica().0,
        term: status.term,
        leads: status.ready,
        last_index: group.last_index(),
        applied_index: group.applied_index(),
        log_bytes: group.log_bytes(),
        failed: status.failed.unwrap_or_default(),
        matched: progress
            .iter()
            .map(|(id, progress)| (id.0, progress.matched))
            .collect(),
        voters: match status.ready {
            true => status.members.voters.iter().map(|id| id.0).collect(),
            false => Vec::new(),
        },
    }
}
