//! Whether clients may come to this node, and another one may stop.

use holdfast_state::{Cluster, GroupId, GroupKind, GroupPlacement, NodeId};

use super::member::ClusterNode;

impl ClusterNode {
    /// Why clients should go elsewhere, if they should: a replica that this node is to have has no vote yet. Another node
    /// may stop as soon as all are ready.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        if let Some(why) = &*self.displaced.borrow() {
            return Some(why.clone());
        }
        let Some(own) = self.own_id() else {
            return Some("the node is not part of a formed cluster yet".to_owned());
        };
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        cluster
            .groups()
            .find_map(|(group, placement)| self.lacks(cluster, own, group, placement))
    }

    fn lacks(
        &self,
        cluster: &Cluster,
        own: NodeId,
        group: GroupId,
        placement: &GroupPlacement,
    ) -> Option<String> {
        let is_full = placement.voters().count() >= wanted(cluster, group);
        let Some(replica) = placement.replica_of(own, self.own_home(cluster, group)) else {
            // A replica that this node had before it restarted is to be replaced by one of the present process.
            let had_one = placement.members.values().any(|member| member.node == own);
            return (had_one || !is_full).then(|| format!("group {} has no replica here yet", group.0));
        };
        let status = match group {
            GroupId::META => self.meta().map(|meta| meta.status()),
            group => self
                .group(group)
                .filter(|here| here.replica() == replica)
                .map(|here| here.raft().status()),
        };
        let Some(status) = status else {
            return Some(format!("group {} is not started yet", group.0));
        };
        if let Some(failed) = status.failed {
            return Some(format!("group {} has failed: {failed}", group.0));
        }
        // All nodes learn what the meta group decides; not all of many vote there.
        let only_learns = group == GroupId::META && is_full && !placement.members[&replica].voter;
        let has_vote = status.members.voters.contains(&replica) && !status.members.joint;
        (!has_vote && !only_learns).then(|| format!("group {} is catching up", group.0))
    }
}

/// Voters that a group should have.
pub(crate) fn wanted(cluster: &Cluster, group: GroupId) -> usize {
    let settings = &cluster.settings;
    let replicas = match settings.kind_of(group) {
        Some((GroupKind::Cache, _)) => settings.cache_replicas,
        _ => settings.coordination_replicas,
    };
    usize::from(replicas).min(cluster.nodes().len())
}
