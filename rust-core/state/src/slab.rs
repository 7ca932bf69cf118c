//! The nodes of a sub-map: a vector of entries under stable ids.

use std::sync::atomic::AtomicU8;

use crate::entry::EntryRef;
use crate::eviction::{Links, Nodes};

/// First room that a slab takes.
const FIRST_NODES: usize = 32;

struct Node {
    entry: Option<EntryRef>,
    links: Links,
}

const _: () = assert!(size_of::<Node>() == 16);

/// Entries by id. An id stays the same over overwrites and is used again after a removal.
pub(crate) struct Slab {
    nodes: Vec<Node>,
    free: Vec<u32>,
    ordered: bool,
}

impl Slab {
    /// A slab for a store whose entries are (`ordered`) in an index too.
    pub(crate) fn new(ordered: bool) -> Slab {
        Slab {
            nodes: Vec::new(),
            free: Vec::new(),
            ordered,
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&EntryRef> {
        self.nodes.get(id as usize)?.entry.as_ref()
    }

    /// The entry of an id that is known to be in use.
    #[inline]
    pub(crate) fn entry(&self, id: u32) -> &EntryRef {
        self.nodes[id as usize]
            .entry
            .as_ref()
            .expect("the table and the queues only name nodes in use")
    }

    /// The id that the next [`Self::occupy`] must use.
    pub(crate) fn reserve(&mut self) -> u32 {
        if let Some(id) = self.free.pop() {
            return id;
        }
        if self.nodes.len() == self.nodes.capacity() {
            // Growing by an eighth wastes a sixteenth on average, where doubling wastes a third.
            let more = FIRST_NODES.max(self.nodes.len() / 8);
            self.nodes.reserve_exact(more);
        }
        self.nodes.push(Node {
            entry: None,
            links: Links::default(),
        });
        u32::try_from(self.nodes.len() - 1).expect("a sub-map has fewer than 2^30 entries")
    }

    pub(crate) fn occupy(&mut self, id: u32, entry: EntryRef) {
        let node = &mut self.nodes[id as usize];
        debug_assert!(node.entry.is_none());
        node.entry = Some(entry);
        node.links = Links::default();
    }

    pub(crate) fn replace(&mut self, id: u32, entry: EntryRef) -> EntryRef {
        self.nodes[id as usize]
            .entry
            .replace(entry)
            .expect("only a node in use is replaced")
    }

    pub(crate) fn vacate(&mut self, id: u32) -> EntryRef {
        let entry = self.nodes[id as usize]
            .entry
            .take()
            .expect("only a node in use is vacated");
        self.free.push(id);
        entry
    }

    /// All entries, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &EntryRef> {
        self.nodes.iter().filter_map(|node| node.entry.as_ref())
    }

    /// Nodes in use.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Room for nodes, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    /// One past the largest id ever used.
    pub(crate) fn end(&self) -> u32 {
        self.nodes.len() as u32
    }
}

impl Nodes for Slab {
    fn links(&self, id: u32) -> Links {
        self.nodes[id as usize].links
    }

    fn set_links(&mut self, id: u32, links: Links) {
        self.nodes[id as usize].links = links;
    }

    fn hash(&self, id: u32) -> u64 {
        self.entry(id).hash()
    }

    fn size(&self, id: u32) -> u64 {
        self.entry(id).charge(self.ordered)
    }

    fn heat(&self, id: u32) -> &AtomicU8 {
        self.entry(id).heat()
    }
}
