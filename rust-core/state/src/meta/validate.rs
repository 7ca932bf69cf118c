//! The meta machine checks itself.

use std::collections::BTreeSet;

use crate::meta::MetaMachine;
use crate::meta::cluster::{Cluster, GroupPlacement};
use crate::settings::GroupKind;

impl MetaMachine {
    /// Checks the invariants.
    ///
    /// # Errors
    /// The one that is broken.
    pub fn validate(&self) -> Result<(), String> {
        let ids: BTreeSet<u32> = self.stores.values().map(|store| store.id.0).collect();
        if ids.len() != self.stores.len() {
            return Err("two stores have one id".to_owned());
        }
        if let Some(last) = ids.last().filter(|last| **last >= self.next_id) {
            return Err(format!(
                "store id {last} is not below the next one, {}",
                self.next_id
            ));
        }
        let late = self
            .stores
            .values()
            .find(|store| store.defined_at > self.revision);
        if let Some(store) = late {
            return Err(format!(
                "store {} was defined after revision {}",
                store.id.0, self.revision
            ));
        }
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        if cluster.version > self.revision {
            return Err("the cluster's map is newer than the revision".to_owned());
        }
        cluster.validate()
    }
}

impl Cluster {
    fn validate(&self) -> Result<(), String> {
        if self.feature_level == 0 {
            return Err("a cluster without a feature level".to_owned());
        }
        let names: BTreeSet<&str> = self.nodes().map(|(_, node)| &*node.description.name).collect();
        if names.len() != self.nodes.len() {
            return Err("two nodes have one name".to_owned());
        }
        let last = self.nodes.last_key_value().map_or(0, |(id, _)| id.0);
        if last >= self.next_node {
            return Err(format!(
                "node id {last} is not below the next one, {}",
                self.next_node
            ));
        }
        let mut levels = self.nodes().map(|(_, node)| node.description.feature_level);
        if levels.any(|level| level < self.feature_level) {
            return Err("a node is too old for the cluster's feature level".to_owned());
        }
        if self.groups.len() != self.settings.groups().count() {
            return Err("a group is missing".to_owned());
        }
        for (group, placement) in self.groups() {
            self.check_group(placement)
                .map_err(|rule| format!("group {}: {rule}", group.0))?;
        }
        for kind in [GroupKind::Coordination, GroupKind::Cache] {
            let of_kind = |group| self.settings.kind_of(group).is_some_and(|found| found.0 == kind);
            if self.slots(kind).iter().any(|slot| !of_kind(slot.group)) {
                return Err(format!("a slot of {kind:?} lies in a group of another kind"));
            }
        }
        Ok(())
    }

    fn check_group(&self, placement: &GroupPlacement) -> Result<(), String> {
        if placement.epoch == 0 {
            return Err("it has no epoch".to_owned());
        }
        let last = placement.members.last_key_value().map_or(0, |(id, _)| id.0);
        if last >= placement.next_replica {
            return Err(format!("replica id {last} was not issued"));
        }
        if placement.voters().next().is_none() {
            return Err("it has no voter".to_owned());
        }
        let members = placement.members.values();
        let processes: BTreeSet<_> = members.map(|member| (member.node, member.incarnation)).collect();
        if processes.len() != placement.members.len() {
            return Err("a process has two replicas of it".to_owned());
        }
        match processes.iter().find(|(node, _)| self.node(*node).is_none()) {
            Some((node, _)) => Err(format!("a replica lies on node {}, which is not there", node.0)),
            None => Ok(()),
        }
    }
}
