//! Clearing: all at once, or a range step by step; and freeing what was cleared.

use std::sync::atomic::Ordering;

use crate::command::KeyRange;
use crate::entry::EntryRef;
use crate::error::StateError;
use crate::event::{EventKind, EventSink};
use crate::eviction::Removal;
use crate::hash::{KeyHash, Slot};
use crate::limits::{ENTRIES_PER_LOCK, SLOTS};
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::recorder::{Recorder, Span};
use crate::settings::Revision;
use crate::store::Store;
use crate::time::Timestamp;

impl Machine {
    /// `bounds`: the newest version to remove (0: any), and the most entries.
    pub(crate) fn clear(
        &self,
        store: &Store,
        at: Timestamp,
        first: Slot,
        range: &KeyRange<'_>,
        bounds: (Revision, u32),
        events: &mut dyn EventSink,
    ) -> Result<Outcome, StateError> {
        match (store.is_ordered(), range) {
            (true, _) => {
                self.slots.check(KeyHash::slot_of_store(store.id()))?;
                Ok(self.clear_ordered(store, at, range, events))
            }
            (false, KeyRange::All) => Ok(self.clear_all(store, at, events)),
            (false, _) => Ok(self.clear_step(store, at, first, range, bounds, events)),
        }
    }

    /// A coordination store's: one command, one hold of the lock.
    fn clear_ordered(
        &self,
        store: &Store,
        at: Timestamp,
        range: &KeyRange<'_>,
        events: &mut dyn EventSink,
    ) -> Outcome {
        // Both are dropped behind the lock.
        let (mut retired, emptied): (Vec<EntryRef>, _);
        let mut guard = store.write(0);
        let mut recorder = Recorder::new(self, store, events);
        let version = recorder.revision;
        let count;
        if matches!(range, KeyRange::All) {
            count = guard.map.alive(at.0);
            emptied = guard.map.replace_by_empty(version);
            recorder.record(|| EventKind::Cleared);
            let _ = &emptied;
        } else {
            let found = guard.map.range(range, None, false);
            let alive = found.filter(|entry| guard.map.removed_from(entry) > at.0);
            let ids: Vec<u32> = alive.map(EntryRef::id).collect();
            count = ids.len() as u64;
            retired = Vec::with_capacity(ids.len());
            for id in ids {
                let entry = guard.map.remove(id, Removal::Gone);
                recorder.record(|| EventKind::Deleted(entry.clone()));
                retired.push(entry);
            }
        }
        guard.shard.changes.fetch_add(count, Ordering::Relaxed);
        removed(count, None, version)
    }

    /// A cache store's: hides everything, in O(1) per sub-map.
    fn clear_all(&self, store: &Store, at: Timestamp, events: &mut dyn EventSink) -> Outcome {
        let mut guards: Vec<_> = (0..store.shards.len()).map(|index| store.write(index)).collect();
        let mut recorder = Recorder::new(self, store, events);
        let version = recorder.revision;
        let mut count = 0;
        for guard in &mut guards {
            count += guard.map.alive(at.0);
            guard.map.clear(version);
        }
        recorder.record(|| EventKind::Cleared);
        removed(count, None, version)
    }

    /// One step through a cache store, in scan order from a slot on.
    fn clear_step(
        &self,
        store: &Store,
        at: Timestamp,
        first: Slot,
        range: &KeyRange<'_>,
        (through, limit): (Revision, u32),
        events: &mut dyn EventSink,
    ) -> Outcome {
        let mut span = Span::new(self);
        let through = if through == 0 { Revision::MAX } else { through };
        let limit = (limit as usize).max(1);
        let mut count = 0;
        for index in store.shard_index(first)..store.shards.len() {
            let mut found: Vec<(Slot, EntryRef)> = {
                let map = store.shards[index].map.read();
                map.iter()
                    .filter(|entry| range.contains(entry.key()) && entry.version() <= through)
                    .filter(|entry| map.removed_from(entry) > at.0)
                    .map(|entry| (store.slot_of(entry), entry))
                    .filter(|(slot, _)| *slot >= first)
                    .map(|(slot, entry)| (slot, entry.clone()))
                    .collect()
            };
            found.sort_unstable_by(|(a, left), (b, right)| {
                (a, left.hash(), left.key()).cmp(&(b, right.hash(), right.key()))
            });
            let left = limit - count;
            let next = found.get(left).map(|(slot, _)| *slot);
            found.truncate(left);
            for chunk in found.chunks(ENTRIES_PER_LOCK) {
                count += self.delete_unchanged(store, index, chunk, &mut span, events);
            }
            if next.is_some() {
                return removed(count as u64, next, span.last);
            }
        }
        removed(count as u64, None, span.last)
    }

    /// Deletes entries that were found without the exclusive lock, if they are still there.
    fn delete_unchanged(
        &self,
        store: &Store,
        index: usize,
        found: &[(Slot, EntryRef)],
        span: &mut Span,
        events: &mut dyn EventSink,
    ) -> usize {
        let mut retired: Vec<EntryRef> = Vec::with_capacity(found.len());
        let mut guard = store.write(index);
        let mut recorder = span.recorder(self, store, events);
        for (_, entry) in found {
            let id = guard.map.find_id(entry.hash(), entry.key());
            if let Some(id) =
                id.filter(|&id| guard.map.entry(id).is_same(entry) && !guard.map.is_cleared(entry))
            {
                let entry = guard.map.remove(id, Removal::Gone);
                recorder.record(|| EventKind::Deleted(entry.clone()));
                retired.push(entry);
            }
        }
        span.keep(&recorder);
        drop(recorder);
        let changes = &guard.shard.changes;
        changes.fetch_add(retired.len() as u64, Ordering::Relaxed);
        drop(guard);
        retired.len()
    }

    /// Frees up to `limit` entries that a clear has hidden, in short holds of each lock.
    pub(crate) fn sweep(&self, store: &Store, limit: u32) -> Outcome {
        let version = self.next_revision();
        let limit = limit as usize;
        let (mut count, mut more) = (0, false);
        for index in 0..store.shards.len() {
            loop {
                let mut retired: Vec<EntryRef> = Vec::new();
                let mut guard = store.write(index);
                let step = ENTRIES_PER_LOCK.min(limit - count);
                guard.map.sweep(step, &mut retired);
                count += retired.len();
                let left = guard.map.cleared().entries > 0;
                drop(guard);
                more |= left && count == limit;
                if !left || count == limit {
                    break;
                }
            }
        }
        Outcome::Removed {
            count: count as u64,
            more,
            next: Slot(0),
            version,
        }
    }
}

fn removed(count: u64, next: Option<Slot>, version: Revision) -> Outcome {
    Outcome::Removed {
        count,
        more: next.is_some(),
        next: next.unwrap_or(Slot(SLOTS)),
        version,
    }
}
