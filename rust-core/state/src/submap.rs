//! A part of a store's entries under one lock: table, slab, wheel, queues and index agree here.

mod due;
mod moment;
mod touched;
mod validate;

use std::collections::BinaryHeap;
use std::sync::Arc;

pub(crate) use due::Due;
use hashbrown::HashTable;
pub(crate) use moment::{Kept, SubMapMoment, Taken};
use parking_lot::Mutex;

use self::due::Ready;
use self::touched::Touched;
use crate::command::KeyRange;
use crate::entry::{Draft, EntryRef};
use crate::eviction::{EvictionQueues, Removal, heat_after_overwrite};
use crate::hash::table_hash;
use crate::index::OrderedIndex;
use crate::settings::Revision;
use crate::slab::Slab;
use crate::wheel::Wheel;

/// Room of an emptied sub-map that is given back.
const ROOM_WORTH_FREEING: usize = 1024;

/// Entries and the bytes charged for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

impl Held {
    fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }

    fn sub(&mut self, bytes: u64) {
        self.entries -= 1;
        self.bytes -= bytes;
    }
}

/// What every sub-map of a store has in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// The process's seed of in-memory tables.
    pub(crate) seed: u64,
    /// Has an index in key order (coordination stores).
    pub(crate) ordered: bool,
    /// How long a sliding entry stays after its logged access has run out; 0 when solo.
    pub(crate) grace_ms: i64,
}

/// See the module.
pub(crate) struct SubMap {
    traits: Traits,
    table: HashTable<u32>,
    slab: Slab,
    wheel: Wheel,
    /// Drained from the wheel. Holds the entries themselves, so that the order stands whatever
    /// becomes of their nodes.
    ready: BinaryHeap<Ready>,
    /// Which nodes reads have slid since the leader last asked; none when solo.
    touched: Option<Touched>,
    queues: Option<EvictionQueues>,
    index: Option<OrderedIndex>,
    /// Entries with a deadline.
    timed: usize,
    held: Held,
    /// Entries of this version or older are gone; some still lie here until they are swept.
    cleared_through: Revision,
    cleared: Held,
    swept_to: u32,
    /// What open views of the machine still need: pushed and read under the shared lock, written by
    /// changes under the exclusive one.
    moments: Mutex<Vec<SubMapMoment>>,
}

impl SubMap {
    pub(crate) fn new(traits: Traits, cleared_through: Revision, queues: Option<EvictionQueues>) -> SubMap {
        SubMap {
            traits,
            table: HashTable::new(),
            slab: Slab::new(traits.ordered),
            wheel: Wheel::new(),
            ready: BinaryHeap::new(),
            touched: (traits.grace_ms > 0).then(Touched::default),
            queues,
            index: traits.ordered.then(OrderedIndex::default),
            timed: 0,
            held: Held::default(),
            cleared_through,
            cleared: Held::default(),
            swept_to: 0,
            moments: Mutex::new(Vec::new()),
        }
    }

    /// The node of a key, its entry due or cleared or not.
    #[inline]
    pub(crate) fn find_id(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.table
            .find(table_hash(self.traits.seed, hash), |&id| {
                let entry = self.slab.entry(id);
                entry.hash() == hash && entry.key() == key
            })
            .copied()
    }

    /// The entry of a key unless it is cleared; it may be due.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<&EntryRef> {
        let entry = self.slab.entry(self.find_id(hash, key)?);
        (!self.is_cleared(entry)).then_some(entry)
    }

    #[inline]
    pub(crate) fn entry(&self, id: u32) -> &EntryRef {
        self.slab.entry(id)
    }

    #[inline]
    pub(crate) fn is_cleared(&self, entry: &EntryRef) -> bool {
        entry.version() <= self.cleared_through
    }

    /// When replicas remove an entry.
    #[inline]
    pub(crate) fn removed_from(&self, entry: &EntryRef) -> i64 {
        entry.removed_from(self.traits.grace_ms)
    }

    /// Puts a new key in; it must not be there.
    pub(crate) fn insert(&mut self, draft: Draft, version: Revision, at: i64) -> u32 {
        let id = self.slab.reserve();
        let entry = draft.publish(version, id, 0);
        self.wheel.begin(at);
        self.count_in(&entry);
        self.schedule(&entry, None);
        if let Some(index) = &mut self.index {
            index.insert(entry.clone());
        }
        let (hash, pinned, seed) = (entry.hash(), entry.never_evict(), self.traits.seed);
        self.slab.occupy(id, entry);
        let slab = &self.slab;
        self.table.insert_unique(table_hash(seed, hash), id, |&id| {
            table_hash(seed, slab.entry(id).hash())
        });
        if let Some(queues) = &mut self.queues {
            queues.insert(&mut self.slab, id, pinned);
        }
        id
    }

    /// Puts a new entry of the same key in the place of an old one, which is given back.
    pub(crate) fn overwrite(&mut self, id: u32, draft: Draft, version: Revision, at: i64) -> EntryRef {
        self.keep_for_views(id);
        let old = self.slab.entry(id);
        let heat = old.heat().load(std::sync::atomic::Ordering::Relaxed);
        let old_charge = old.charge(self.traits.ordered);
        let was_due = old.is_timed().then(|| self.removed_from(old));
        let entry = draft.publish(version, id, heat_after_overwrite(heat));
        let pinned = entry.never_evict();
        self.wheel.begin(at);
        self.count_in(&entry);
        self.schedule(&entry, was_due);
        if let Some(index) = &mut self.index {
            index.insert(entry.clone());
        }
        let old = self.slab.replace(id, entry);
        self.count_out(&old);
        if let Some(queues) = &mut self.queues {
            queues.overwrite(&mut self.slab, id, old_charge, pinned);
        }
        self.compact_wheel();
        old
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, id: u32, why: Removal) -> EntryRef {
        self.keep_for_views(id);
        if let Some(queues) = &mut self.queues {
            queues.remove(&mut self.slab, id, why);
        }
        let entry = self.slab.vacate(id);
        let hash = table_hash(self.traits.seed, entry.hash());
        match self.table.find_entry(hash, |&found| found == id) {
            Ok(found) => {
                found.remove();
            }
            Err(_) => unreachable!("every node in use is in the table"),
        }
        if let Some(index) = &mut self.index {
            index.remove(entry.key());
        }
        self.count_out(&entry);
        self.compact_wheel();
        self.free_room();
        entry
    }

    /// A logged access.
    pub(crate) fn touch(&mut self, id: u32, at: i64) {
        self.keep_access_for_views(id);
        self.slab.entry(id).touch(at);
    }

    /// Hides all entries up to revision `through`; [`Self::sweep`] frees them.
    pub(crate) fn clear(&mut self, through: Revision) {
        self.cleared_through = through;
        self.cleared = self.held;
        self.swept_to = 0;
    }

    /// Empties the sub-map at once and gives the old contents back, to be dropped elsewhere.
    pub(crate) fn replace_by_empty(&mut self, cleared_through: Revision) -> Arc<SubMap> {
        let queues = self.queues.as_ref().map(EvictionQueues::emptied);
        let mut moments = std::mem::take(self.moments.get_mut());
        let emptied = Arc::new(std::mem::replace(
            self,
            SubMap::new(self.traits, cleared_through, queues),
        ));
        for moment in &mut moments {
            moment.go_on_with(&emptied);
        }
        *self.moments.get_mut() = moments;
        emptied
    }

    /// Takes up to `limit` cleared entries out.
    pub(crate) fn sweep(&mut self, limit: usize, removed: &mut Vec<EntryRef>) {
        let end = removed.len() + limit;
        while removed.len() < end && self.cleared.entries > 0 && self.swept_to < self.slab.end() {
            let id = self.swept_to;
            self.swept_to += 1;
            if self.slab.get(id).is_some_and(|entry| self.is_cleared(entry)) {
                removed.push(self.remove(id, Removal::Gone));
            }
        }
    }

    /// All entries that are not cleared, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &EntryRef> {
        self.slab.iter().filter(|entry| !self.is_cleared(entry))
    }

    /// Entries of a range in key order, from behind `after` on; only with an index.
    pub(crate) fn range<'a>(
        &'a self,
        range: &KeyRange<'a>,
        after: Option<&'a [u8]>,
        descending: bool,
    ) -> Box<dyn Iterator<Item = &'a EntryRef> + 'a> {
        let index = self.index.as_ref().expect("coordination stores have an index");
        index.range(range, after, descending)
    }

    pub(crate) fn held(&self) -> Held {
        self.held
    }

    pub(crate) fn cleared(&self) -> Held {
        self.cleared
    }

    /// The eviction queues, and the slab whose nodes they link.
    pub(crate) fn eviction(&mut self) -> Option<(&mut EvictionQueues, &mut Slab)> {
        Some((self.queues.as_mut()?, &mut self.slab))
    }

    fn count_in(&mut self, entry: &EntryRef) {
        self.held.add(entry.charge(self.traits.ordered));
        self.timed += usize::from(entry.is_timed());
    }

    fn count_out(&mut self, entry: &EntryRef) {
        let charge = entry.charge(self.traits.ordered);
        self.held.sub(charge);
        self.timed -= usize::from(entry.is_timed());
        if self.is_cleared(entry) {
            self.cleared.sub(charge);
        }
    }

    fn free_room(&mut self) {
        if self.slab.len() > 0 || self.slab.capacity() < ROOM_WORTH_FREEING {
            return;
        }
        self.table = HashTable::new();
        self.slab = Slab::new(self.traits.ordered);
        self.wheel.clear();
        self.ready = BinaryHeap::new();
        self.touched = self.touched.take().map(|_| Touched::default());
        if let Some(queues) = &mut self.queues {
            *queues = queues.emptied();
        }
    }
}
