//! A store as one group holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use crate::entry::EntryRef;
use crate::eviction::{EvictionBalance, EvictionQueues};
use crate::hash::{KeyHash, Slot};
use crate::history::History;
use crate::limits::{HISTORY_BYTES, SLOTS};
use crate::outcome::StoreStats;
use crate::settings::{Revision, StoreClass, StoreId, StoreSettings};
use crate::submap::{SubMap, Traits};
use crate::time::Timestamp;

/// Sub-maps of a cache store. A slot lies in one: 64 slots that follow each other share it.
pub(crate) const SUB_MAPS: usize = 16;
/// The smallest history that a store keeps, however small its budget.
const SMALLEST_HISTORY: u64 = 64 * 1024;

/// A store's entries in one group, its counters and its history.
///
/// A resolved handle: hold it (in an `Arc`) instead of looking the id up again. Lock order:
/// sub-maps by index, then the history.
pub struct Store {
    id: StoreId,
    name: Box<str>,
    settings: StoreSettings,
    pub(crate) shards: Box<[CachePadded<Shard>]>,
    pub(crate) eviction: Arc<EvictionBalance>,
    /// Charged bytes, cleared entries included: what has to fit into memory.
    bytes: CachePadded<AtomicI64>,
    /// The part of `bytes` that a clear has hidden.
    cleared_bytes: AtomicI64,
    /// What this group may hold of the store's budget.
    budget: AtomicU64,
    history_on: AtomicBool,
    pub(crate) history: Mutex<History>,
}

/// One sub-map, its lock, and what can be read without it.
pub(crate) struct Shard {
    pub(crate) map: RwLock<SubMap>,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) evictions: AtomicU64,
    pub(crate) expirations: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) next_due: AtomicI64,
}

impl Store {
    pub(crate) fn new(
        id: StoreId,
        name: &str,
        settings: StoreSettings,
        seed: u64,
        grace_ms: i64,
        budget: u64,
        since: Revision,
    ) -> Arc<Store> {
        let ordered = settings.class == StoreClass::Coordination;
        let traits = Traits {
            seed,
            ordered,
            grace_ms,
        };
        let count = if ordered { 1 } else { SUB_MAPS };
        let eviction = Arc::new(EvictionBalance::new(count));
        let shard = |index| {
            let evicts = settings.evicts();
            let queues = evicts.then(|| EvictionQueues::new(Arc::clone(&eviction), index));
            CachePadded::new(Shard::new(SubMap::new(traits, Revision::MIN, queues)))
        };
        let limit = HISTORY_BYTES.min((settings.max_memory / 8).max(SMALLEST_HISTORY));
        Arc::new(Store {
            id,
            name: name.into(),
            settings,
            shards: (0..count).map(shard).collect(),
            eviction,
            bytes: CachePadded::new(AtomicI64::new(0)),
            cleared_bytes: AtomicI64::new(0),
            budget: AtomicU64::new(budget),
            history_on: AtomicBool::new(ordered),
            history: Mutex::new(History::new(since, limit)),
        })
    }

    /// The store's id.
    #[must_use]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The store's full name, `tenant/name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store's settings.
    #[must_use]
    #[inline]
    pub fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    /// Where a key of this store lives.
    #[must_use]
    #[inline]
    pub fn place(&self, key: &[u8]) -> KeyHash {
        KeyHash::in_store(self.id, &self.settings, key)
    }

    /// Bytes charged for entries, keys and overhead, memory that waits for a sweep included.
    /// Takes no lock.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// [`Self::bytes`] without what a clear has hidden: the same on every replica.
    #[must_use]
    pub fn visible_bytes(&self) -> u64 {
        let hidden = self.cleared_bytes.load(Ordering::Relaxed);
        (self.bytes.load(Ordering::Relaxed) - hidden).max(0) as u64
    }

    /// The bytes that this group may hold of the store: in a cluster its replicated share of the store's
    /// budget ([`crate::GroupCommand::SetBudget`]); alone the whole budget, and the node sees to the sum.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget.load(Ordering::Relaxed)
    }

    pub(crate) fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes a leader has to evict ahead of a change that brings `incoming` ones.
    #[must_use]
    pub fn over_budget(&self, incoming: u64) -> u64 {
        (self.visible_bytes() + incoming).saturating_sub(self.budget())
    }

    /// Bytes that [`crate::Machine::victims`] could choose; the group with the most gives first.
    #[must_use]
    pub fn evictable_bytes(&self) -> u64 {
        self.eviction.evictable_bytes()
    }

    /// A lower bound of the earliest time at which something here expires. Takes no lock.
    #[must_use]
    #[inline]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let due = |shard: &CachePadded<Shard>| shard.next_due.load(Ordering::Relaxed);
        let earliest = self.shards.iter().map(due).min()?;
        (earliest != i64::MAX).then_some(Timestamp(earliest))
    }

    /// Whether a clear has left memory for [`crate::Change::Sweep`] to free.
    #[must_use]
    pub fn needs_sweep(&self) -> bool {
        self.cleared_bytes.load(Ordering::Relaxed) > 0
    }

    /// Bytes that an entry with a key and a value of these lengths is charged at most.
    #[must_use]
    #[inline]
    pub fn charge_of(&self, key_length: usize, value_length: usize) -> u64 {
        crate::entry::charge_at_most(key_length, value_length, self.is_ordered())
    }

    /// Whether events are kept for watches to resume from.
    #[must_use]
    pub fn keeps_history(&self) -> bool {
        self.history_on.load(Ordering::Relaxed)
    }

    /// Bytes that the history keeps, entries still in the store included.
    #[must_use]
    pub fn history_bytes(&self) -> u64 {
        self.history.lock().bytes()
    }

    /// Begins or ends a cache store's history; `revision` gives the one of the switch.
    pub(crate) fn watch(&self, on: bool, revision: impl FnOnce() -> Revision) -> Revision {
        // Changes decide under their sub-map's lock whether to record: with all of them held, each is
        // before the switch and its revision or behind both.
        let _guards: Vec<_> = self.shards.iter().map(|shard| shard.map.read()).collect();
        let mut history = self.history.lock();
        let since = revision();
        if self.is_ordered() || on == self.keeps_history() {
            return since;
        }
        history.restart(since);
        self.history_on.store(on, Ordering::Relaxed);
        since
    }

    #[inline]
    pub(crate) fn is_ordered(&self) -> bool {
        self.settings.class == StoreClass::Coordination
    }

    #[inline]
    pub(crate) fn shard_index(&self, slot: Slot) -> usize {
        usize::from(slot.0 / (SLOTS / SUB_MAPS as u16)) & (self.shards.len() - 1)
    }

    #[inline]
    pub(crate) fn shard(&self, slot: Slot) -> &Shard {
        &self.shards[self.shard_index(slot)]
    }

    /// The slot of an entry of this store.
    pub(crate) fn slot_of(&self, entry: &EntryRef) -> Slot {
        if self.is_ordered() || self.settings.hash_tags {
            return self.place(entry.key()).slot;
        }
        Slot((entry.hash() & u64::from(SLOTS - 1)) as u16)
    }

    /// Locks a sub-map for a change.
    pub(crate) fn write(&self, index: usize) -> ShardGuard<'_> {
        let shard = &self.shards[index];
        let map = shard.map.write();
        ShardGuard {
            bytes_before: map.held().bytes,
            cleared_before: map.cleared().bytes,
            store: self,
            shard,
            map,
        }
    }

    /// The store's counters in this group.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        for shard in &self.shards {
            let (held, cleared) = {
                let map = shard.map.read();
                (map.held(), map.cleared())
            };
            stats += StoreStats {
                hits: shard.hits.load(Ordering::Relaxed),
                misses: shard.misses.load(Ordering::Relaxed),
                evictions: shard.evictions.load(Ordering::Relaxed),
                expirations: shard.expirations.load(Ordering::Relaxed),
                entries: held.entries - cleared.entries,
                bytes: held.bytes - cleared.bytes,
                changes: shard.changes.load(Ordering::Relaxed),
            };
        }
        stats
    }
}

impl Shard {
    fn new(map: SubMap) -> Shard {
        Shard {
            map: RwLock::new(map),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            next_due: AtomicI64::new(i64::MAX),
        }
    }
}

/// A sub-map under its exclusive lock. Letting it go publishes what others read without the lock.
pub(crate) struct ShardGuard<'a> {
    store: &'a Store,
    pub(crate) shard: &'a Shard,
    pub(crate) map: RwLockWriteGuard<'a, SubMap>,
    bytes_before: u64,
    cleared_before: u64,
}

impl ShardGuard<'_> {
    /// What this hold of the lock has added to the store's visible bytes so far.
    pub(crate) fn unpublished_bytes(&self) -> i64 {
        let before = self.bytes_before - self.cleared_before;
        (self.map.held().bytes - self.map.cleared().bytes).wrapping_sub(before) as i64
    }
}

impl ShardGuard<'_> {
    /// Lets those who wait for the lock have it first. For work in steps, which takes it again at once:
    /// else its thread, which is awake, would win it from them for half a millisecond.
    pub(crate) fn release(mut self) {
        self.publish();
        RwLockWriteGuard::bump(&mut self.map);
        // Others have published what they changed meanwhile.
        self.bytes_before = self.map.held().bytes;
        self.cleared_before = self.map.cleared().bytes;
    }

    fn publish(&mut self) {
        let bytes = self.map.held().bytes;
        if bytes != self.bytes_before {
            let change = bytes.wrapping_sub(self.bytes_before) as i64;
            self.store.bytes.fetch_add(change, Ordering::Relaxed);
        }
        let cleared = self.map.cleared().bytes;
        if cleared != self.cleared_before {
            let change = cleared.wrapping_sub(self.cleared_before) as i64;
            self.store.cleared_bytes.fetch_add(change, Ordering::Relaxed);
        }
        let next_due = self.map.next_due();
        if next_due != self.shard.next_due.load(Ordering::Relaxed) {
            self.shard.next_due.store(next_due, Ordering::Relaxed);
        }
    }
}

impl Drop for ShardGuard<'_> {
    fn drop(&mut self) {
        self.publish();
    }
}
