//! Expiry: what is due, what reads have kept alive, and removing the rest in bounded steps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::command::TouchedEntry;
use crate::event::{EventKind, EventSink};
use crate::hash::Slot;
use crate::limits::{ENTRIES_PER_LOCK, LOOKS_PER_LOCK};
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::recorder::Span;
use crate::store::Store;
use crate::submap::Due;
use crate::time::Timestamp;

/// What a leader should propose for one store.
pub struct DueWork {
    /// The store.
    pub store: Arc<Store>,
    /// Entries that reads have kept alive: propose `Touch` with these, ahead of `Expire`.
    pub touches: Vec<TouchedEntry>,
    /// Whether to propose `Expire`.
    pub expire: bool,
    /// Whether to propose `Sweep`.
    pub sweep: bool,
}

impl Machine {
    /// A lower bound of the earliest time at which [`Machine::due`] finds something to expire.
    /// Takes no lock of an entry.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let stores = self.stores.read();
        let earliest = stores
            .iter()
            .flat_map(|store| &store.shards)
            .map(|shard| shard.next_due.load(Ordering::Relaxed))
            .min()?;
        (earliest != i64::MAX).then_some(Timestamp(earliest))
    }

    /// What a leader should propose at `now`, store by store; stores without work are left out.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<DueWork> {
        let mut found = Vec::new();
        for store in self.stores() {
            let mut work = DueWork {
                touches: Vec::new(),
                expire: false,
                sweep: store.bytes() != store.visible_bytes(),
                store,
            };
            let DueWork {
                store,
                touches,
                expire,
                ..
            } = &mut work;
            for index in 0..store.shards.len() {
                if store.shards[index].next_due.load(Ordering::Relaxed) > now.0 {
                    continue;
                }
                store.write(index).map.due(now.0, |entry| {
                    match entry.unlogged_access().filter(|_| entry.visible_until() > now.0) {
                        Some(access_at) => touches.push(TouchedEntry {
                            entry: entry.clone(),
                            access_at: Timestamp(access_at),
                        }),
                        None => *expire = true,
                    }
                });
            }
            if work.expire || work.sweep || !work.touches.is_empty() {
                found.push(work);
            }
        }
        found
    }

    /// Removes what is due by `up_to`: sub-map by sub-map, in (deadline, key) order there, in
    /// short holds of each lock.
    pub(crate) fn expire(
        &self,
        store: &Store,
        up_to: Timestamp,
        limit: u32,
        events: &mut dyn EventSink,
    ) -> Outcome {
        let limit = limit as usize;
        let mut span = Span::new(self);
        let (mut count, mut more) = (0, false);
        for index in 0..store.shards.len() {
            // Nothing of this sub-map is due before its lower bound.
            if more || store.shards[index].next_due.load(Ordering::Relaxed) > up_to.0 {
                continue;
            }
            more = loop {
                let step = ENTRIES_PER_LOCK.min(limit - count);
                let (removed, due) = self.expire_step(store, index, up_to, step, &mut span, events);
                count += removed;
                match due {
                    Due::No => break false,
                    Due::Yes if count == limit => break true,
                    Due::Yes | Due::Later => {}
                }
            };
        }
        Outcome::Removed {
            count: count as u64,
            more,
            next: Slot::default(),
            version: span.last,
        }
    }

    /// How many were removed under one hold of the lock, and whether more are due in this sub-map.
    fn expire_step(
        &self,
        store: &Store,
        index: usize,
        up_to: Timestamp,
        limit: usize,
        span: &mut Span,
        events: &mut dyn EventSink,
    ) -> (usize, Due) {
        // Dropped behind the lock.
        let (mut removed, mut swept) = (Vec::new(), Vec::new());
        let mut guard = store.write(index);
        let due = guard
            .map
            .expire(up_to.0, limit, LOOKS_PER_LOCK, &mut removed, &mut swept);
        if !removed.is_empty() {
            let mut recorder = span.recorder(self, store, events);
            for entry in &removed {
                recorder.record(|| EventKind::Expired(entry.clone()));
            }
            span.keep(&recorder);
        }
        let expirations = &guard.shard.expirations;
        expirations.fetch_add(removed.len() as u64, Ordering::Relaxed);
        guard.release();
        (removed.len(), due)
    }

    /// Logs accesses. An entry that was changed since is left as it is.
    pub(crate) fn touch(&self, store: &Store, touches: &[TouchedEntry]) -> Outcome {
        let version = self.next_revision();
        let mut count = 0;
        for touched in touches {
            let entry = &touched.entry;
            let guard = store.write(store.shard_index(store.slot_of(entry)));
            if let Some(id) = guard.map.find_id(entry.hash(), entry.key())
                && guard.map.entry(id).version() == entry.version()
                && !guard.map.is_cleared(entry)
            {
                guard.map.touch(id, touched.access_at.0);
                count += 1;
            }
        }
        Outcome::Removed {
            count,
            more: false,
            next: Slot::default(),
            version,
        }
    }
}
