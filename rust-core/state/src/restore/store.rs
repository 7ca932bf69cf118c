//! A store whose entries come one by one.

use std::sync::Arc;

use crate::codec::{SnapshotError, malformed};
use crate::history::History;
use crate::snapshot::DecodedEntry;
use crate::store::Store;

/// Entries that are gathered before they are put into a sub-map, where their order does not matter.
const BATCH: usize = 1024;

/// What of the store has come.
pub(super) struct StoreBeingRead {
    pub(super) store: Arc<Store>,
    pub(super) history: History,
    /// Of one sub-map, not in it yet.
    batch: Vec<DecodedEntry>,
    batch_shard: usize,
    last_place: (u16, u64),
    last_key: Vec<u8>,
}

impl StoreBeingRead {
    pub(super) fn new(store: Arc<Store>) -> StoreBeingRead {
        StoreBeingRead {
            store,
            history: History::default(),
            batch: Vec::new(),
            batch_shard: 0,
            last_place: (0, 0),
            last_key: Vec::new(),
        }
    }

    /// The next entry; they come in the order of snapshots.
    pub(super) fn take(&mut self, entry: DecodedEntry, applied_at: i64) -> Result<(), SnapshotError> {
        let place = if self.store.is_ordered() {
            (0, 0)
        } else {
            (entry.place.slot.0, entry.place.hash)
        };
        // No key is empty: the first one is behind "".
        if (place, entry.draft.key()) <= (self.last_place, &self.last_key[..]) {
            return Err(malformed("entries are out of order"));
        }
        let shard = self.store.shard_index(entry.place.slot);
        // An entry's place in the eviction queues comes from the order of a whole sub-map.
        let is_full = !self.store.settings().evicts() && self.batch.len() >= BATCH;
        if shard != self.batch_shard || is_full {
            self.flush(applied_at);
        }
        self.batch_shard = shard;
        self.last_place = place;
        self.last_key.clear();
        self.last_key.extend_from_slice(entry.draft.key());
        self.batch.push(entry);
        Ok(())
    }

    /// Puts the batch into its sub-map: oldest first, so that the eviction queues begin about as they were.
    pub(super) fn flush(&mut self, applied_at: i64) {
        self.batch.sort_by_key(|entry| entry.version);
        let mut guard = self.store.write(self.batch_shard);
        for entry in self.batch.drain(..) {
            guard.map.insert(entry.draft, entry.version, applied_at);
        }
    }
}
