//! How the cluster is doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_proto::Error;
use holdfast_proto::cluster::{ClusterGroup, ClusterNode as NodeMessage, ClusterStatus, NodeState, Replica};
use holdfast_proto::session::id_bytes;
use holdfast_state::{Cluster, ClusterNode as Member, GroupId, GroupKind, GroupPlacement, NodeId};

use super::ClusterNode;
use super::health::judge;
use super::report::{GroupReport, NodeReport};

type Reports = BTreeMap<NodeId, Option<NodeReport>>;

impl ClusterNode {
    /// How the cluster is doing: what this node knows of it, and what each node says of itself.
    pub(super) async fn cluster_status(self: &Arc<Self>) -> Result<ClusterStatus, Error> {
        let reports = self.reports().await?;
        self.with_cluster(|cluster| {
            let groups: Vec<ClusterGroup> = cluster
                .groups()
                .map(|(id, placement)| group(cluster, id, placement, &reports))
                .collect();
            let nodes: Vec<NodeMessage> = cluster
                .nodes()
                .map(|(id, member)| node(cluster, id, member, &reports, &groups))
                .collect();
            let (health, summary) = judge(cluster, &nodes, &groups);
            ClusterStatus {
                cluster_id: id_bytes(cluster.id),
                version: u64::try_from(cluster.version).unwrap_or_default(),
                feature_level: cluster.feature_level,
                durable: cluster.settings.durable,
                health: health as i32,
                summary,
                nodes,
                groups,
                answered_by: self.name.clone(),
                alone: false,
            }
        })
    }
}

fn node(
    cluster: &Cluster,
    id: NodeId,
    member: &Member,
    reports: &Reports,
    groups: &[ClusterGroup],
) -> NodeMessage {
    let description = &member.description;
    let report = reports.get(&id).and_then(Option::as_ref);
    let (state, reason) = match report {
        None => (NodeState::Silent, "it does not answer".to_owned()),
        Some(_) if member.leaving => (NodeState::Leaving, "it stops, or is being removed".to_owned()),
        Some(report) if !report.not_ready.is_empty() => (NodeState::CatchingUp, report.not_ready.clone()),
        Some(_) => (NodeState::Up, String::new()),
    };
    let holds = |placement: &GroupPlacement| placement.members.values().any(|it| it.node == id);
    let report = report.cloned().unwrap_or_default();
    NodeMessage {
        id: id.0,
        name: description.name.to_string(),
        address: description.client_address.to_string(),
        zone: description.zone.to_string(),
        incarnation: id_bytes(description.incarnation),
        state: state as i32,
        reason,
        version: report.version,
        feature_level: description.feature_level,
        leads: groups.iter().filter(|group| group.leader == id.0).count() as u32,
        replicas: cluster.groups().filter(|(_, placement)| holds(placement)).count() as u32,
        uptime_ms: report.uptime_ms,
        memory_used: report.memory_used,
        memory_limit: report.memory_limit,
    }
}

fn group(cluster: &Cluster, id: GroupId, placement: &GroupPlacement, reports: &Reports) -> ClusterGroup {
    let reported = reports.iter().flat_map(|(node, report)| {
        let groups = report.iter().flat_map(|report| &report.groups);
        groups
            .filter(|group| group.group == u32::from(id.0))
            .map(|group| (*node, group))
    });
    let reported: Vec<(NodeId, &GroupReport)> = reported.collect();
    // One that was cut off may believe that it leads for a moment longer.
    let leader = reported
        .iter()
        .filter(|(_, report)| report.leads)
        .max_by_key(|(_, report)| report.term);
    let replicas = placement.members.iter().map(|(replica, member)| {
        let own = reported
            .iter()
            .find(|(node, report)| *node == member.node && report.replica == replica.0)
            .map(|(_, report)| *report);
        let lag = leader.map_or(0, |(_, leader)| {
            let has = leader.matched.get(&replica.0).copied();
            let has = has.or(own.map(|own| own.last_index)).unwrap_or_default();
            leader.last_index.saturating_sub(has)
        });
        let own = own.cloned();
        Replica {
            id: replica.0,
            node: member.node.0,
            voter: leader.map_or(member.voter, |(_, leader)| leader.voters.contains(&replica.0)),
            present: own.is_some(),
            last_index: own.as_ref().map_or(0, |own| own.last_index),
            applied_index: own.as_ref().map_or(0, |own| own.applied_index),
            lag,
            log_bytes: own.as_ref().map_or(0, |own| own.log_bytes),
            failed: own.map(|own| own.failed).unwrap_or_default(),
        }
    });
    let kind = match cluster.settings.kind_of(id) {
        Some((GroupKind::Coordination, _)) => "coordination",
        Some((GroupKind::Cache, _)) => "cache",
        _ => "meta",
    };
    ClusterGroup {
        id: id.0.into(),
        kind: kind.to_owned(),
        epoch: placement.epoch,
        term: reported
            .iter()
            .map(|(_, report)| report.term)
            .max()
            .unwrap_or_default(),
        leader: leader.map_or(0, |(node, _)| node.0),
        replicas: replicas.collect(),
    }
}
