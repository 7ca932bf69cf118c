//! The cluster's first command.

use std::collections::BTreeMap;

use crate::limits::{DISKS_LEVEL, SLOTS};
use crate::meta::MetaMachine;
use crate::meta::cluster::{
    Cluster, ClusterNode, ClusterSettings, GroupPlacement, Member, NodeDescription, NodeId, SlotPlacement,
};
use crate::meta::command::{MetaError, MetaOutcome};
use crate::settings::{GroupKind, Revision};

/// The most groups of one kind.
const MOST_GROUPS: u16 = SLOTS;

impl MetaMachine {
    pub(super) fn form(
        &mut self,
        id: u128,
        revision: Revision,
        settings: &ClusterSettings,
        nodes: &[NodeDescription],
    ) -> Result<MetaOutcome, MetaError> {
        if let Some(cluster) = &self.cluster {
            if cluster.id != id {
                return Err(MetaError::AlreadyFormed { cluster: cluster.id });
            }
            return Ok(MetaOutcome::Done {
                version: self.revision,
            });
        }
        check_formation(settings, nodes)?;
        self.revision = self.revision.max(revision);
        self.cluster = Some(Cluster::form(id, self.revision, settings, nodes));
        Ok(MetaOutcome::Done {
            version: self.revision,
        })
    }
}

fn check_formation(settings: &ClusterSettings, nodes: &[NodeDescription]) -> Result<(), MetaError> {
    let unfit = |what| Err(MetaError::Unfit { what });
    let counts = [settings.coordination_groups, settings.cache_groups];
    if counts.iter().any(|count| !(1..=MOST_GROUPS).contains(count)) {
        return unfit("the number of groups");
    }
    if settings.coordination_replicas == 0 || settings.cache_replicas == 0 {
        return unfit("the number of replicas");
    }
    if nodes.is_empty() {
        return unfit("no nodes");
    }
    for (place, node) in nodes.iter().enumerate() {
        check_description(node)?;
        if nodes[..place].iter().any(|other| other.name == node.name) {
            return unfit("two nodes of one name");
        }
    }
    Ok(())
}

pub(super) fn check_description(node: &NodeDescription) -> Result<(), MetaError> {
    if node.name.is_empty() {
        return Err(MetaError::Unfit {
            what: "a node without a name",
        });
    }
    if node.feature_level == 0 {
        return Err(MetaError::Unfit {
            what: "a node without a feature level",
        });
    }
    if node.disk != 0 && node.feature_level < DISKS_LEVEL {
        return Err(MetaError::Unfit {
            what: "a node on disk whose build is too old for that",
        });
    }
    if node.incarnation == 0 {
        return Err(MetaError::Unfit {
            what: "a node without an incarnation",
        });
    }
    Ok(())
}

impl Cluster {
    fn form(id: u128, version: Revision, settings: &ClusterSettings, nodes: &[NodeDescription]) -> Cluster {
        let numbered = (1..).map(NodeId).zip(nodes);
        let taken_in = numbered.map(|(id, description)| {
            let description = description.clone();
            (
                id,
                ClusterNode {
                    description,
                    leaving: false,
                },
            )
        });
        let slots = |kind| {
            let owner = |slot| settings.group(kind, slot % settings.count_of(kind));
            let placed = (0..SLOTS).map(|slot| SlotPlacement {
                group: owner(slot),
                epoch: 0,
            });
            placed.collect()
        };
        let home = |group, node: &NodeDescription| match settings.kind_of(group) {
            Some((GroupKind::Meta | GroupKind::Coordination, _)) if settings.durable && node.disk != 0 => {
                node.disk
            }
            _ => node.incarnation,
        };
        let place = |group| {
            let mut placement = GroupPlacement {
                epoch: 1,
                next_replica: 1,
                members: BTreeMap::new(),
            };
            for place in settings.first_voters(group, nodes.len()) {
                placement.issue(Member {
                    node: NodeId(place as u32 + 1),
                    incarnation: home(group, &nodes[place]),
                    voter: true,
                });
            }
            placement
        };
        Cluster {
            id,
            settings: *settings,
            feature_level: nodes.iter().map(|node| node.feature_level).min().unwrap_or(1),
            version,
            next_node: nodes.len() as u32 + 1,
            nodes: taken_in.collect(),
            groups: settings.groups().map(place).collect(),
            coordination_slots: slots(GroupKind::Coordination),
            cache_slots: slots(GroupKind::Cache),
        }
    }
}
