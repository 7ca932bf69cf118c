//! A part of a store's entries under one lock: table, slab, wheel, queues and index agree here.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use hashbrown::HashTable;

use crate::command::KeyRange;
use crate::entry::{Draft, EntryRef};
use crate::eviction::{EvictionQueues, Removal, heat_after_overwrite};
use crate::hash::table_hash;
use crate::settings::Revision;
use crate::slab::Slab;
use crate::wheel::Wheel;

/// Stale wheel items that are tolerated beside twice the live ones.
const STALE_ITEMS: usize = 1024;
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
    /// Drained from the wheel, latest (deadline, key) first. Holds the entries themselves, so that
    /// the order stands whatever becomes of their nodes.
    ready: Vec<(i64, EntryRef)>,
    queues: Option<EvictionQueues>,
    index: Option<BTreeSet<ByKey>>,
    /// Entries with a deadline.
    timed: usize,
    held: Held,
    /// Entries of this version or older are gone; some still lie here until they are swept.
    cleared_through: Revision,
    cleared: Held,
    swept_to: u32,
}

impl SubMap {
    pub(crate) fn new(traits: Traits, cleared_through: Revision, queues: Option<EvictionQueues>) -> SubMap {
        SubMap {
            traits,
            table: HashTable::new(),
            slab: Slab::new(traits.ordered),
            wheel: Wheel::new(),
            ready: Vec::new(),
            queues,
            index: traits.ordered.then(BTreeSet::new),
            timed: 0,
            held: Held::default(),
            cleared_through,
            cleared: Held::default(),
            swept_to: 0,
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
        self.schedule(&entry, i64::MAX);
        if let Some(index) = &mut self.index {
            index.insert(ByKey(entry.clone()));
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
        let old = self.slab.entry(id);
        let heat = old.heat().load(std::sync::atomic::Ordering::Relaxed);
        let (old_charge, was_due) = (old.charge(self.traits.ordered), self.removed_from(old));
        let entry = draft.publish(version, id, heat_after_overwrite(heat));
        let pinned = entry.never_evict();
        self.wheel.begin(at);
        self.count_in(&entry);
        self.schedule(&entry, was_due);
        if let Some(index) = &mut self.index {
            index.replace(ByKey(entry.clone()));
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
    pub(crate) fn touch(&self, id: u32, at: i64) {
        self.slab.entry(id).touch(at);
    }

    /// Removes entries that replicas remove by `up_to`, earliest (deadline, key) first, until
    /// `removed` has grown by `limit`. Those that a clear had hidden go to `swept`, uncounted: a
    /// restored replica no longer has them.
    pub(crate) fn expire(
        &mut self,
        up_to: i64,
        limit: usize,
        removed: &mut Vec<EntryRef>,
        swept: &mut Vec<EntryRef>,
    ) {
        let end = removed.len() + limit;
        while removed.len() < end && self.is_due(up_to, swept) {
            let (_, ready) = self.ready.pop().expect("something is due");
            removed.push(self.remove(ready.id(), Removal::Gone));
        }
    }

    /// Whether an entry is to be removed by `up_to`; the earliest is then the last of `ready`.
    /// Takes cleared ones that come before it out.
    pub(crate) fn is_due(&mut self, up_to: i64, swept: &mut Vec<EntryRef>) -> bool {
        self.drain(up_to);
        while let Some((deadline, entry)) = self.ready.last() {
            if *deadline > up_to {
                return false;
            }
            let id = entry.id();
            let Some(now) = self.slab.get(id).filter(|now| now.is_timed()) else {
                self.ready.pop();
                continue;
            };
            let removed_from = self.removed_from(now);
            if now.is_same(entry) && removed_from == *deadline {
                if !self.is_cleared(entry) {
                    return true;
                }
                self.ready.pop();
                swept.push(self.remove(id, Removal::Gone));
                continue;
            }
            // It lives longer than it did when it was drained.
            self.ready.pop();
            self.wheel.insert(id, removed_from);
            if removed_from <= up_to {
                self.drain(up_to);
            }
        }
        false
    }

    /// Has `visit` see every entry that is to be removed by `now`.
    pub(crate) fn due(&mut self, now: i64, mut visit: impl FnMut(&EntryRef)) {
        self.drain(now);
        let (slab, wheel, grace) = (&self.slab, &mut self.wheel, self.traits.grace_ms);
        let cleared = self.cleared_through;
        self.ready.retain(|(deadline, entry)| {
            match slab.get(entry.id()) {
                Some(current) if current.is_same(entry) && entry.removed_from(grace) == *deadline => {
                    if *deadline <= now && entry.version() > cleared {
                        visit(entry);
                    }
                    return true;
                }
                Some(current) if current.is_timed() => {
                    wheel.insert(entry.id(), current.removed_from(grace));
                }
                _ => {}
            }
            false
        });
    }

    /// Entries that are still here although, by `gone_from`, they are gone at `now`.
    fn overdue(&self, now: i64, gone_from: impl Fn(&EntryRef) -> i64) -> u64 {
        let latest = now.saturating_add(self.traits.grace_ms);
        let mut ids = Vec::new();
        self.wheel.peek(latest, |id| ids.push(id));
        ids.extend(self.ready.iter().map(|(_, entry)| entry.id()));
        ids.sort_unstable();
        ids.dedup();
        let due = |id: &&u32| {
            let entry = self.slab.get(**id).filter(|entry| entry.is_timed());
            entry.is_some_and(|entry| !self.is_cleared(entry) && gone_from(entry) <= now)
        };
        ids.iter().filter(due).count() as u64
    }

    /// Entries that a reader sees at `now`.
    pub(crate) fn visible(&self, now: i64) -> u64 {
        let here = self.held.entries - self.cleared.entries;
        here - self.overdue(now, EntryRef::visible_until)
    }

    /// Entries that every replica still has at `now`.
    pub(crate) fn alive(&self, now: i64) -> u64 {
        let here = self.held.entries - self.cleared.entries;
        here - self.overdue(now, |entry| self.removed_from(entry))
    }

    /// A lower bound of the time at which [`Self::due`] finds something.
    pub(crate) fn next_due(&self) -> i64 {
        let ready = self.ready.last().map_or(i64::MAX, |(deadline, _)| *deadline);
        ready.min(self.wheel.next().unwrap_or(i64::MAX))
    }

    /// Hides all entries up to revision `through`; [`Self::sweep`] frees them.
    pub(crate) fn clear(&mut self, through: Revision) {
        self.cleared_through = through;
        self.cleared = self.held;
        self.swept_to = 0;
    }

    /// Empties the sub-map at once and gives the old contents back, to be dropped elsewhere.
    pub(crate) fn replace_by_empty(&mut self, cleared_through: Revision) -> SubMap {
        let queues = self.queues.as_ref().map(EvictionQueues::emptied);
        std::mem::replace(self, SubMap::new(self.traits, cleared_through, queues))
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
        let (first, end) = range_bounds(range);
        let (mut low, mut high) = (
            Bound::Included(first),
            end.as_deref().map_or(Bound::Unbounded, Bound::Excluded),
        );
        match after {
            Some(key) if descending && end.as_deref().is_none_or(|end| key < end) => {
                high = Bound::Excluded(key);
            }
            Some(key) if !descending && key >= first => low = Bound::Excluded(key),
            _ => {}
        }
        if is_empty(low, high) {
            return Box::new(std::iter::empty());
        }
        let entries = index.range::<[u8], _>((low, high)).map(|by_key| &by_key.0);
        if descending {
            Box::new(entries.rev())
        } else {
            Box::new(entries)
        }
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

    fn drain(&mut self, up_to: i64) {
        let before = self.ready.len();
        let (slab, ready, grace) = (&self.slab, &mut self.ready, self.traits.grace_ms);
        self.wheel.drain(
            up_to,
            |id| {
                let entry = slab.get(id).filter(|entry| entry.is_timed())?;
                Some(entry.removed_from(grace))
            },
            |id, deadline| ready.push((deadline, slab.entry(id).clone())),
        );
        if ready.len() > before {
            ready
                .sort_unstable_by(|(a, left), (b, right)| b.cmp(a).then_with(|| right.key().cmp(left.key())));
            ready.dedup_by(|(a, left), (b, right)| a == b && left.is_same(right));
        }
    }

    fn schedule(&mut self, entry: &EntryRef, already: i64) {
        if entry.is_timed() {
            let deadline = self.removed_from(entry);
            if deadline < already {
                self.wheel.insert(entry.id(), deadline);
            }
        }
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

    fn compact_wheel(&mut self) {
        if self.wheel.items() <= 2 * self.timed + STALE_ITEMS {
            return;
        }
        self.wheel.clear();
        self.ready.clear();
        for entry in self.slab.iter().filter(|entry| entry.is_timed()) {
            let deadline = entry.removed_from(self.traits.grace_ms);
            self.wheel.insert(entry.id(), deadline);
        }
    }

    fn free_room(&mut self) {
        if self.slab.len() > 0 || self.slab.capacity() < ROOM_WORTH_FREEING {
            return;
        }
        self.table = HashTable::new();
        self.slab = Slab::new(self.traits.ordered);
        self.wheel.clear();
        self.ready = Vec::new();
        if let Some(queues) = &mut self.queues {
            *queues = queues.emptied();
        }
    }

    /// Says which of its rules is broken.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let mut held = Held::default();
        let mut cleared = Held::default();
        let mut timed = 0;
        for entry in self.slab.iter() {
            held.add(entry.charge(self.traits.ordered));
            timed += usize::from(entry.is_timed());
            if self.is_cleared(entry) {
                cleared.add(entry.charge(self.traits.ordered));
            }
            if self.find_id(entry.hash(), entry.key()) != Some(entry.id()) {
                return Err(format!("{entry:?} is not found by its key"));
            }
            if let Some(index) = &self.index
                && !index.get(entry.key()).is_some_and(|found| found.0.is_same(entry))
            {
                return Err(format!("{entry:?} is not the one in the index"));
            }
        }
        let indexed = self
            .index
            .as_ref()
            .is_none_or(|index| index.len() as u64 == held.entries);
        if self.table.len() as u64 != held.entries || self.slab.len() as u64 != held.entries || !indexed {
            return Err("table, slab and index differ in length".into());
        }
        if (held, cleared, timed) != (self.held, self.cleared, self.timed) {
            return Err(format!(
                "counted {:?} {:?} {}, are {held:?} {cleared:?} {timed}",
                self.held, self.cleared, self.timed
            ));
        }
        self.validate_wheel()?;
        match &self.queues {
            Some(queues) => queues.validate(&self.slab, held.bytes).map_err(str::to_owned),
            None => Ok(()),
        }
    }

    fn validate_wheel(&self) -> Result<(), String> {
        let mut scheduled: Vec<u32> = self.ready.iter().map(|(_, entry)| entry.id()).collect();
        self.wheel.peek(i64::MAX, |id| scheduled.push(id));
        scheduled.sort_unstable();
        let next = self.next_due();
        for entry in self.slab.iter().filter(|entry| entry.is_timed()) {
            if scheduled.binary_search(&entry.id()).is_err() {
                return Err(format!("{entry:?} will never expire"));
            }
            if self.removed_from(entry) < next {
                return Err(format!("{entry:?} is due before {next}"));
            }
        }
        Ok(())
    }
}

/// First key and end (exclusive) of a range.
fn range_bounds<'a>(range: &KeyRange<'a>) -> (&'a [u8], Option<Vec<u8>>) {
    match *range {
        KeyRange::All => (b"", None),
        KeyRange::Range { first, end } => (first, end.map(<[u8]>::to_vec)),
        KeyRange::Prefix(prefix) => {
            let mut end = prefix.to_vec();
            while end.last() == Some(&u8::MAX) {
                end.pop();
            }
            match end.last_mut() {
                Some(last) => {
                    *last += 1;
                    (prefix, Some(end))
                }
                None => (prefix, None),
            }
        }
    }
}

/// `BTreeSet::range` panics on a range that ends before it begins.
fn is_empty(low: Bound<&[u8]>, high: Bound<&[u8]>) -> bool {
    match (low, high) {
        (_, Bound::Unbounded) | (Bound::Unbounded, _) => false,
        (Bound::Included(low), Bound::Excluded(high)) => low >= high,
        (Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high)) => low > high,
    }
}

/// An entry in key order.
struct ByKey(EntryRef);

impl Borrow<[u8]> for ByKey {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &ByKey) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &ByKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByKey {
    fn cmp(&self, other: &ByKey) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}
