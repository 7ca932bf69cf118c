//! Making room: the leader's choice of victims, and their removal.

use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::change::Retired;
use crate::chosen::Victims;
use crate::entry::EntryRef;
use crate::event::{EventKind, EventSink};
use crate::eviction::Removal;
use crate::hash::Slot;
use crate::limits::ENTRIES_PER_LOCK;
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::recorder::Span;
use crate::store::{ShardGuard, Store};
use crate::time::Timestamp;

/// Victims taken from one sub-map before another is looked at.
const VICTIMS_PER_LOCK: usize = 64;

impl Machine {
    /// Chooses entries to evict until they cover `over_bytes` or nothing is left to choose, and
    /// appends them to `out`. Volatile: nothing is removed before an `Evict` is applied, and what
    /// was chosen is not chosen again until [`Machine::recall_victims`].
    pub fn victims(&self, store: &Store, over_bytes: u64, out: &mut SmallVec<[EntryRef; 8]>) {
        self.choose(store, over_bytes, |guard, ids| {
            for &id in ids {
                let entry = guard.map.entry(id);
                if guard.map.is_cleared(entry) {
                    guard.map.remove(id, Removal::Gone);
                } else {
                    out.push(entry.clone());
                }
            }
        });
    }

    /// Makes what [`Machine::victims`] has chosen choosable again: the proposals were lost.
    pub fn recall_victims(&self, store: &Store) {
        for index in 0..store.shards.len() {
            if let Some((queues, slab)) = store.write(index).map.eviction() {
                queues.recall(slab);
            }
        }
    }

    /// [`Machine::victims`] and the `Evict` of them in one step, for solo groups: chooses and
    /// removes under one lock. Gives the bytes freed.
    pub fn make_room(
        &self,
        store: &Store,
        at: Timestamp,
        over_bytes: u64,
        events: &mut dyn EventSink,
    ) -> u64 {
        self.advance(at);
        let mut span = Span::new(self);
        let mut freed = 0;
        let mut retired: Vec<EntryRef> = Vec::new();
        self.choose(store, over_bytes, |guard, ids| {
            let mut recorder = span.recorder(self, store, events);
            for &id in ids {
                let entry = guard.map.remove(id, Removal::Evicted);
                freed += entry.charge(store.is_ordered());
                if !guard.map.is_cleared(&entry) {
                    recorder.record(|| EventKind::Evicted(entry.clone()));
                    guard.shard.evictions.fetch_add(1, Ordering::Relaxed);
                }
                retired.push(entry);
            }
            span.keep(&recorder);
        });
        freed
    }

    /// Has `take` see the chosen nodes, one locked sub-map at a time.
    fn choose(&self, store: &Store, over_bytes: u64, mut take: impl FnMut(&mut ShardGuard<'_>, &[u32])) {
        if !store.settings().evicts() {
            return;
        }
        store.eviction.gather(over_bytes, |index, turn| {
            let mut ids: SmallVec<[u32; VICTIMS_PER_LOCK]> = SmallVec::new();
            let mut guard = store.write(index);
            let (queues, slab) = guard.map.eviction()?;
            let chosen = queues.choose(slab, turn, &mut ids);
            take(&mut guard, &ids);
            chosen
        });
    }

    /// Removes the victims that are still what they were when they were chosen.
    /// One whose logged life is over has expired: its leader knows of no read since.
    pub(crate) fn evict(
        &self,
        store: &Store,
        at: Timestamp,
        victims: Victims<'_>,
        events: &mut dyn EventSink,
    ) -> Outcome {
        let mut span = Span::new(self);
        let mut count = 0;
        let placed = victims.iter().map(|victim| (victim, store.place(victim.key)));
        let mut rest = placed.peekable();
        while let Some(shard) = rest.peek().map(|(_, place)| store.shard_index(place.slot)) {
            // Dropped behind the lock.
            let mut retired: Retired = Retired::new();
            let mut guard = store.write(shard);
            let mut recorder = span.recorder(self, store, events);
            let mut held = 0;
            while held < ENTRIES_PER_LOCK
                && let Some((victim, place)) =
                    rest.next_if(|(_, place)| store.shard_index(place.slot) == shard)
            {
                held += 1;
                let Some(id) = guard.map.find_id(place.hash, victim.key) else {
                    continue;
                };
                let entry = guard.map.entry(id);
                if entry.version() != victim.version || guard.map.is_cleared(entry) {
                    continue;
                }
                let (removal, counter) = match entry.logged_until() <= at.0 {
                    true => (Removal::Gone, &guard.shard.expirations),
                    false => (Removal::Evicted, &guard.shard.evictions),
                };
                counter.fetch_add(1, Ordering::Relaxed);
                let entry = guard.map.remove(id, removal);
                recorder.record(|| match removal {
                    Removal::Gone => EventKind::Expired(entry.clone()),
                    Removal::Evicted => EventKind::Evicted(entry.clone()),
                });
                count += 1;
                retired.push(entry);
            }
            span.keep(&recorder);
            drop(recorder);
            drop(guard);
        }
        Outcome::Removed {
            count,
            more: false,
            next: Slot::default(),
            version: span.last,
        }
    }
}
