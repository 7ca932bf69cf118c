//! What clients are told of a cluster.

use holdfast_proto::session::{ClusterMap, cluster_map, id_bytes};
use holdfast_state::{GroupId, GroupKind};

use super::member::ClusterNode;

impl ClusterNode {
    /// Nodes, groups, and who leads them as far as this node knows.
    pub(crate) fn map(&self) -> Option<ClusterMap> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let ids: Vec<_> = cluster.nodes().map(|(id, _)| id).collect();
        let place = |node| ids.iter().position(|id| *id == node).map(|place| place as u32);
        let nodes = cluster.nodes().map(|(_, node)| cluster_map::Node {
            name: node.description.name.to_string(),
            address: node.description.client_address.to_string(),
            incarnation: id_bytes(node.description.incarnation),
        });
        let groups = cluster.groups().filter(|(group, _)| *group != GroupId::META);
        let groups = groups.map(|(group, placement)| {
            let (leader, term) = self.group(group).map_or((None, 0), |here| {
                let status = here.raft().status();
                (status.leader, status.term)
            });
            let leader = leader.and_then(|(_, leader)| place(leader.node));
            cluster_map::Group {
                id: group.0.into(),
                epoch: placement.epoch,
                leader: leader.map_or(0, |place| place + 1),
                term,
                replicas: placement
                    .voters()
                    .filter_map(|(_, member)| place(member.node))
                    .collect(),
            }
        });
        Some(ClusterMap {
            cluster_id: id_bytes(cluster.id),
            version: u64::try_from(cluster.version).unwrap_or_default(),
            nodes: nodes.collect(),
            groups: groups.collect(),
            coordination_groups: cluster.settings.count_of(GroupKind::Coordination).into(),
            cache_groups: cluster.settings.count_of(GroupKind::Cache).into(),
            coordination_slots: slots(cluster, GroupKind::Coordination),
            cache_slots: slots(cluster, GroupKind::Cache),
        })
    }
}

/// Empty while every slot still is where it was at first.
fn slots(cluster: &holdfast_state::Cluster, kind: GroupKind) -> Vec<u32> {
    let count = cluster.settings.count_of(kind);
    let placed = cluster.slots(kind);
    let first = |slot: usize| cluster.settings.group(kind, slot as u16 % count.max(1));
    if placed
        .iter()
        .enumerate()
        .all(|(slot, it)| it.group == first(slot))
    {
        return Vec::new();
    }
    placed.iter().map(|it| it.group.0.into()).collect()
}
