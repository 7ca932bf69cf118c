//! What the meta group knows of a cluster: who is in it, and who holds what.

use std::collections::BTreeMap;

use crate::settings::{GroupKind, Revision};

/// A group of the cluster: 0 is the meta group, then come the coordination groups, then the cache groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

impl GroupId {
    /// The meta group.
    pub const META: GroupId = GroupId(0);
}

/// Names a node of the cluster; never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Names a replica inside its group: issued once, never reused, whatever becomes of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

/// What is decided when a cluster is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Number of coordination groups.
    pub coordination_groups: u16,
    /// Number of cache groups.
    pub cache_groups: u16,
    /// Voters of the meta group and of each coordination group, as far as there are nodes.
    pub coordination_replicas: u8,
    /// Voters of each cache group, as far as there are nodes.
    pub cache_replicas: u8,
    /// Whether the logs of the meta group and of the coordination groups are on disk.
    pub durable: bool,
}

impl ClusterSettings {
    /// All groups of the cluster, in order.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> + use<> {
        let last = self.coordination_groups.saturating_add(self.cache_groups);
        (0..=last).map(GroupId)
    }

    /// What a group holds, and its number among those of its kind; `None`: there is no such group.
    #[must_use]
    pub fn kind_of(&self, group: GroupId) -> Option<(GroupKind, u16)> {
        let Some(number) = group.0.checked_sub(1) else {
            return Some((GroupKind::Meta, 0));
        };
        match number.checked_sub(self.coordination_groups) {
            None => Some((GroupKind::Coordination, number)),
            Some(number) if number < self.cache_groups => Some((GroupKind::Cache, number)),
            Some(_) => None,
        }
    }

    /// The group of a kind by its number among those.
    #[must_use]
    pub fn group(&self, kind: GroupKind, number: u16) -> GroupId {
        match kind {
            GroupKind::Meta => GroupId::META,
            GroupKind::Coordination => GroupId(1 + number),
            GroupKind::Cache => GroupId(1 + self.coordination_groups + number),
        }
    }

    /// How many groups of a kind there are.
    #[must_use]
    pub fn count_of(&self, kind: GroupKind) -> u16 {
        match kind {
            GroupKind::Meta => 1,
            GroupKind::Coordination => self.coordination_groups,
            GroupKind::Cache => self.cache_groups,
        }
    }

    /// Which nodes, by their place in the list of a cluster being formed, hold a group at first: its
    /// voters, who get the replica ids 1, 2, … in this order. The groups begin at different nodes, so
    /// that the first leaders are spread.
    #[must_use]
    pub fn first_voters(&self, group: GroupId, nodes: usize) -> Vec<usize> {
        let replicas = match self.kind_of(group) {
            Some((GroupKind::Cache, _)) => self.cache_replicas,
            _ => self.coordination_replicas,
        };
        let first = usize::from(group.0);
        let count = usize::from(replicas.max(1)).min(nodes);
        (first..first + count).map(|place| place % nodes).collect()
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    /// Its name, unique in the cluster: the same over restarts.
    pub name: Box<str>,
    /// Where it stands; replicas are spread over zones. Empty: nothing is known.
    pub zone: Box<str>,
    /// Where peers reach it, host:port.
    pub peer_address: Box<str>,
    /// Where clients reach it, host:port.
    pub client_address: Box<str>,
    /// Random for each start of the process.
    pub incarnation: u128,
    /// Names the logs that it keeps on disk, which outlive the process: random for each directory. 0: it keeps none.
    pub disk: u128,
    /// The newest feature level that its build can apply.
    pub feature_level: u32,
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// What it says of itself.
    pub description: NodeDescription,
    /// It will stop or be removed: nothing new is placed there.
    pub leaving: bool,
}

/// A replica of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it is.
    pub node: NodeId,
    /// Its home: the process that it was issued for, or the disk where its log is. It is gone with that.
    pub incarnation: u128,
    /// Whether it votes; else it learns.
    pub voter: bool,
}

/// Who holds a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlacement {
    /// New whenever the group had to start again without its past; from 1.
    pub epoch: u64,
    /// The replica id that is issued next.
    pub next_replica: u64,
    /// Its replicas.
    pub members: BTreeMap<ReplicaId, Member>,
}

/// Who has a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPlacement {
    /// The group, of the slot's kind.
    pub group: GroupId,
    /// The number of its last change of owner: 0 before the first.
    pub epoch: u64,
}

/// A cluster that was formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Random; who carries another one is refused.
    pub id: u128,
    /// What was decided when it was formed.
    pub settings: ClusterSettings,
    /// What all nodes may use.
    pub feature_level: u32,
    /// The revision of the last change to anything here: the version of the map that clients see.
    pub version: Revision,
    pub(crate) next_node: u32,
    pub(crate) nodes: BTreeMap<NodeId, ClusterNode>,
    /// By id, all of them.
    pub(crate) groups: Vec<GroupPlacement>,
    pub(crate) coordination_slots: Box<[SlotPlacement]>,
    pub(crate) cache_slots: Box<[SlotPlacement]>,
}

impl Cluster {
    /// A node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&ClusterNode> {
        self.nodes.get(&node)
    }

    /// The node of that name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<(NodeId, &ClusterNode)> {
        self.nodes().find(|(_, node)| &*node.description.name == name)
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (NodeId, &ClusterNode)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// Whether the logs of a group outlive their processes.
    #[must_use]
    pub fn is_on_disk(&self, group: GroupId) -> bool {
        let kind = self.settings.kind_of(group).map(|(kind, _)| kind);
        self.settings.durable && matches!(kind, Some(GroupKind::Meta | GroupKind::Coordination))
    }

    /// The home that a replica of a group has at a node now: [`Member::incarnation`] of those that are not gone.
    #[must_use]
    pub fn home(&self, node: NodeId, group: GroupId) -> Option<u128> {
        let description = &self.node(node)?.description;
        let on_disk = self.is_on_disk(group) && description.disk != 0;
        Some(if on_disk {
            description.disk
        } else {
            description.incarnation
        })
    }

    /// Whether a replica's log is still there, as far as is known.
    #[must_use]
    pub fn has_its_log(&self, group: GroupId, member: &Member) -> bool {
        self.home(member.node, group) == Some(member.incarnation)
    }

    /// Who holds a group.
    #[must_use]
    pub fn group(&self, group: GroupId) -> Option<&GroupPlacement> {
        self.groups.get(usize::from(group.0))
    }

    /// All groups, by id.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (GroupId, &GroupPlacement)> {
        let numbered = self.groups.iter().enumerate();
        numbered.map(|(number, placement)| (GroupId(number as u16), placement))
    }

    /// Who has the slots of a kind, by slot; none in the meta group.
    #[must_use]
    pub fn slots(&self, kind: GroupKind) -> &[SlotPlacement] {
        match kind {
            GroupKind::Meta => &[],
            GroupKind::Coordination => &self.coordination_slots,
            GroupKind::Cache => &self.cache_slots,
        }
    }

    pub(crate) fn slots_mut(&mut self, kind: GroupKind) -> &mut [SlotPlacement] {
        match kind {
            GroupKind::Meta => &mut [],
            GroupKind::Coordination => &mut self.coordination_slots,
            GroupKind::Cache => &mut self.cache_slots,
        }
    }
}

impl GroupPlacement {
    /// The replica that a process or a disk has, if it has one: see [`Cluster::home`].
    #[must_use]
    pub fn replica_of(&self, node: NodeId, home: u128) -> Option<ReplicaId> {
        let mut members = self.members.iter();
        let found = members.find(|(_, member)| member.node == node && member.incarnation == home)?;
        Some(*found.0)
    }

    /// Those who vote.
    pub fn voters(&self) -> impl Iterator<Item = (ReplicaId, &Member)> {
        let members = self.members.iter().filter(|(_, member)| member.voter);
        members.map(|(id, member)| (*id, member))
    }

    pub(crate) fn issue(&mut self, member: Member) -> ReplicaId {
        let replica = ReplicaId(self.next_replica);
        self.next_replica += 1;
        self.members.insert(replica, member);
        replica
    }
}
