//! Expiry: what is due, what reads have kept alive, and removing the rest in bounded steps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLockWriteGuard;

use crate::chosen::{TouchedEntry, Touches};
use crate::event::{EventKind, EventSink};
use crate::hash::Slot;
use crate::limits::{ENTRIES_PER_LOCK, LOOKS_PER_LOCK};
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::recorder::Span;
use crate::settings::Revision;
use crate::store::Store;
use crate::submap::Due;
use crate::time::Timestamp;

/// What a leader should propose for one store.
pub struct DueWork {
    /// The store.
    pub store: Arc<Store>,
    /// Entries that reads have kept alive since this was last asked: propose `Touch` with these, ahead
    /// of `Expire`. [`Machine::touch_again`] those whose proposal was lost.
    pub touches: Vec<TouchedEntry>,
    /// There are more touches than were asked for: propose these and ask again, before any `Expire`.
    pub more_touches: bool,
    /// Whether to propose `Expire`.
    pub expire: bool,
    /// Whether to propose `Sweep`.
    pub sweep: bool,
}

impl Store {
    /// Takes up to `limit` touches out; says whether there are more.
    fn take_touches(&self, limit: usize, out: &mut Vec<TouchedEntry>) -> bool {
        let end = out.len() + limit;
        for shard in &self.shards {
            if !shard.map.read().is_touched() {
                continue;
            }
            let mut next = Some(0);
            while let Some(from) = next {
                if out.len() == end {
                    return true;
                }
                let limit = (end - out.len()).min(ENTRIES_PER_LOCK);
                let mut map = shard.map.write();
                next = map.take_touches(from, LOOKS_PER_LOCK, limit, out);
                // Those who wait come first.
                RwLockWriteGuard::bump(&mut map);
            }
        }
        false
    }

    /// Whether a sub-map has something that replicas are to remove by `now`.
    fn finds_due(&self, index: usize, now: Timestamp) -> bool {
        while self.shards[index].next_due.load(Ordering::Relaxed) <= now.0 {
            // Dropped behind the lock.
            let mut swept = Vec::new();
            let mut guard = self.write(index);
            let found = guard.map.finds_due(now.0, LOOKS_PER_LOCK, &mut swept);
            guard.release();
            match found {
                Due::Yes => return true,
                Due::No => return false,
                Due::Later => {}
            }
        }
        false
    }
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

    /// What a leader should propose at `now`, store by store, with up to `most_touches` touches in all;
    /// stores without work are left out. To be asked at least every touch interval, and when
    /// [`Machine::next_deadline`] has passed. Volatile, in short holds of each lock.
    ///
    /// What is proposed from one answer goes into one log entry, or into several in this order:
    /// touches, `Expire { up_to: now }`, `Sweep`. So no entry is expired that a read has kept alive.
    #[must_use]
    pub fn due(&self, now: Timestamp, most_touches: usize) -> Vec<DueWork> {
        let mut found = Vec::new();
        let mut left = most_touches;
        for store in self.stores() {
            let mut work = DueWork {
                touches: Vec::new(),
                more_touches: false,
                expire: false,
                sweep: store.bytes() != store.visible_bytes(),
                store,
            };
            work.more_touches = work.store.take_touches(left, &mut work.touches);
            left -= work.touches.len();
            if !work.more_touches {
                work.expire = (0..work.store.shards.len()).any(|index| work.store.finds_due(index, now));
            }
            if work.expire || work.sweep || work.more_touches || !work.touches.is_empty() {
                found.push(work);
            }
        }
        found
    }

    /// Gives touches back that [`Machine::due`] has given out: their proposal was lost.
    pub fn touch_again(&self, store: &Store, touches: &[TouchedEntry]) {
        for TouchedEntry { entry, .. } in touches {
            let shard = store.shard(store.slot_of(entry));
            shard.map.read().touch_again(entry);
        }
    }

    /// This machine's replica begins to lead at `at`. The leader before it may have served reads that it had no time to log:
    /// whatever slides counts as read now, and lives for up to a window longer than it would have, never less. All of that
    /// is found by [`Machine::due`], and logged ahead of the next `Expire`. Volatile.
    pub fn begin_to_lead(&self, at: Timestamp) {
        for store in self.stores() {
            for shard in &store.shards {
                shard.map.read().slide_all(at.0);
            }
        }
    }

    /// A read at `at` that was served elsewhere, of this version of the key's entry: by a follower, or
    /// from a near cache. Slides the entry as a read here does; says whether it was still alive.
    #[must_use]
    pub fn read_elsewhere(&self, store: &Store, at: Timestamp, key: &[u8], version: Revision) -> bool {
        let place = store.place(key);
        let map = store.shard(place.slot).map.read();
        let entry = map
            .find(place.hash, key)
            .filter(|entry| entry.version() == version);
        let Some(entry) = entry.filter(|entry| entry.visible_until() > at.0) else {
            return false;
        };
        map.slide(entry, at.0);
        true
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
    pub(crate) fn touch(&self, store: &Store, touches: Touches<'_>) -> Outcome {
        let version = self.next_revision();
        let mut count = 0;
        for (touched, access_at) in touches.iter() {
            let place = store.place(touched.key);
            let mut guard = store.write(store.shard_index(place.slot));
            if let Some(id) = guard.map.find_id(place.hash, touched.key)
                && guard.map.entry(id).version() == touched.version
                && !guard.map.is_cleared(guard.map.entry(id))
            {
                guard.map.touch(id, access_at.0);
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
