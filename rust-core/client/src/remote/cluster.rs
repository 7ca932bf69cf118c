//! What a client knows of a cluster: a hint that each node corrects.

use bytes::Bytes;
use holdfast_proto::session::ClusterMap;
use holdfast_state::{KeyHash, SLOTS, Slot, StoreClass, StoreId};

use super::refresh::Refresh;

/// Nodes, groups and who leads them. Nodes keep their index for good.
pub(super) struct Cluster {
    /// 16 bytes; empty: not known.
    id: Bytes,
    version: u64,
    nodes: Vec<Node>,
    groups: Vec<Group>,
    coordination: Kind,
    cache: Kind,
    pub(super) refresh: Refresh,
}

/// A node, as the newest map that named it had it.
struct Node {
    name: String,
    address: String,
    /// It is in the newest map.
    listed: bool,
}

/// A group. All that is known of one that no map has named is nothing.
#[derive(Clone, Debug, Default)]
struct Group {
    epoch: u64,
    term: u64,
    leader: Option<usize>,
    replicas: Vec<usize>,
}

/// The groups of one kind, and which of them each slot is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kind {
    first: u16,
    count: u16,
    /// Empty: by the slot's number.
    slots: Vec<u16>,
}

/// What a map changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Groups that have begun again without their past.
    pub(super) restarted: Vec<u16>,
    /// Some slot is in another group now.
    pub(super) slots_moved: bool,
}

/// More groups than any cluster has.
const MOST_GROUPS: u32 = 4096;
/// More nodes than any cluster has, those that have left included.
const MOST_NODES: usize = 4096;

impl Cluster {
    pub(super) fn new(id: Bytes, seed: u64) -> Cluster {
        Cluster {
            id,
            version: 0,
            nodes: Vec::new(),
            groups: Vec::new(),
            coordination: Kind::default(),
            cache: Kind::default(),
            refresh: Refresh::new(seed),
        }
    }

    pub(super) fn id(&self) -> &Bytes {
        &self.id
    }

    /// Whether a map has come.
    pub(super) fn is_known(&self) -> bool {
        self.cache.count > 0
    }

    /// Groups that may have something: their ids are below this.
    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node_named(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    pub(super) fn node_at(&self, address: &str) -> Option<usize> {
        let at = |node: &Node| node.listed && node.address == address;
        self.nodes.iter().position(at)
    }

    /// Where a node takes clients; `None` when it has left.
    pub(super) fn address(&self, node: usize) -> Option<&str> {
        let node = self.nodes.get(node).filter(|node| node.listed)?;
        Some(&node.address)
    }

    /// Addresses of all nodes.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        let listed = self.nodes.iter().filter(|node| node.listed);
        listed.map(|node| &*node.address)
    }

    pub(super) fn leader(&self, group: u16) -> Option<usize> {
        self.groups.get(usize::from(group))?.leader
    }

    pub(super) fn replicas(&self, group: u16) -> &[usize] {
        self.groups
            .get(usize::from(group))
            .map_or(&[], |group| &group.replicas)
    }

    pub(super) fn epoch(&self, group: u16) -> u64 {
        self.groups.get(usize::from(group)).map_or(0, |group| group.epoch)
    }

    /// A node said who leads a group, or that it does not know.
    pub(super) fn hint(&mut self, group: u16, leader: Option<usize>) {
        if let Some(group) = self.groups.get_mut(usize::from(group)) {
            group.leader = leader;
        }
    }

    /// The ids of the groups that hold cache stores.
    pub(super) fn cache_groups(&self) -> std::ops::Range<u16> {
        self.cache.first..self.cache.first + self.cache.count
    }

    /// The group of a key.
    pub(super) fn group_of(&self, store: StoreId, class: StoreClass, hash_tags: bool, key: &[u8]) -> u16 {
        match class {
            StoreClass::Coordination => self.coordination.group(KeyHash::slot_of_store(store)),
            StoreClass::Cache => self.cache.group(KeyHash::of(store, hash_tags, key).slot),
        }
    }

    /// Takes what is newer in a map.
    ///
    /// # Errors
    /// What is wrong with it; nothing is taken then.
    pub(super) fn adopt(&mut self, map: &ClusterMap) -> Result<News, String> {
        check(map)?;
        if !self.id.is_empty() && self.id != map.cluster_id {
            return Err("it is another cluster's".to_owned());
        }
        let (coordination, cache) = kinds(map);
        if self.nodes.len() + map.nodes.len() > MOST_NODES {
            return Err("it names more nodes than a cluster has".to_owned());
        }
        self.id = map.cluster_id.clone();
        // Also those that the map does not speak of.
        let groups = 1 + map.coordination_groups as usize + map.cache_groups as usize;
        self.groups
            .resize(self.groups.len().max(groups), Group::default());
        let is_news = map.version >= self.version;
        let mut news = News::default();
        if is_news {
            self.version = map.version;
            self.nodes.iter_mut().for_each(|node| node.listed = false);
            news.slots_moved = self.is_known() && (self.coordination != coordination || self.cache != cache);
            (self.coordination, self.cache) = (coordination, cache);
        }
        let nodes: Vec<usize> = map.nodes.iter().map(|node| self.node(node, is_news)).collect();
        let node = |index: u32| nodes.get(index as usize).copied();
        for group in &map.groups {
            let id = group.id as u16;
            let own = &mut self.groups[usize::from(id)];
            if (group.epoch, group.term) < (own.epoch, own.term) {
                continue;
            }
            if own.epoch != 0 && group.epoch != own.epoch {
                news.restarted.push(id);
            }
            let leader = group.leader.checked_sub(1).and_then(node);
            let replicas = group.replicas.iter().filter_map(|&index| node(index)).collect();
            // That somebody has not heard who leads does not say that nobody does.
            let leader = if (group.epoch, group.term) == (own.epoch, own.term) {
                leader.or(own.leader)
            } else {
                leader
            };
            *own = Group {
                epoch: group.epoch,
                term: group.term,
                leader,
                replicas,
            };
        }
        Ok(news)
    }

    /// The index of a map's node.
    fn node(&mut self, node: &holdfast_proto::session::cluster_map::Node, is_news: bool) -> usize {
        let index = self.node_named(&node.name).unwrap_or_else(|| {
            self.nodes.push(Node {
                name: node.name.clone(),
                address: node.address.clone(),
                listed: true,
            });
            self.nodes.len() - 1
        });
        if is_news {
            self.nodes[index].address.clone_from(&node.address);
            self.nodes[index].listed = true;
        }
        index
    }
}

impl Kind {
    fn group(&self, slot: Slot) -> u16 {
        match self.slots.get(usize::from(slot.0)) {
            Some(&group) => group,
            None => self.first + slot.0 % self.count.max(1),
        }
    }
}

fn kinds(map: &ClusterMap) -> (Kind, Kind) {
    let slots = |slots: &[u32]| slots.iter().map(|&group| group as u16).collect();
    let coordination = Kind {
        first: 1,
        count: map.coordination_groups as u16,
        slots: slots(&map.coordination_slots),
    };
    let cache = Kind {
        first: 1 + map.coordination_groups as u16,
        count: map.cache_groups as u16,
        slots: slots(&map.cache_slots),
    };
    (coordination, cache)
}

/// Whether all its numbers are of something.
fn check(map: &ClusterMap) -> Result<(), String> {
    let (coordination, cache) = (map.coordination_groups, map.cache_groups);
    if coordination == 0 || cache == 0 || coordination >= MOST_GROUPS || cache >= MOST_GROUPS {
        return Err(format!(
            "it has {coordination} coordination and {cache} cache groups"
        ));
    }
    for (slots, first, count) in [
        (&map.coordination_slots, 1, coordination),
        (&map.cache_slots, 1 + coordination, cache),
    ] {
        if !(slots.is_empty() || slots.len() == usize::from(SLOTS)) {
            return Err(format!(
                "it names the groups of {} slots, not of {SLOTS}",
                slots.len()
            ));
        }
        if let Some(group) = slots.iter().find(|group| !(first..first + count).contains(group)) {
            return Err(format!(
                "it has a slot in group {group}, which is not of its kind"
            ));
        }
    }
    let nodes = map.nodes.len() as u32;
    let strange = |group: &&holdfast_proto::session::cluster_map::Group| {
        group.id > coordination + cache
            || group.leader > nodes
            || group.replicas.iter().any(|&index| index >= nodes)
    };
    if let Some(group) = map.groups.iter().find(strange) {
        return Err(format!("its group {} refers to what is not there", group.id));
    }
    Ok(())
}
