//! The entries of one store at the moment of a view, in the order of snapshots.

use std::sync::Arc;

use crate::hash::Slot;
use crate::store::Store;
use crate::submap::{Kept, Taken};
use crate::view::OpenView;

/// Goes through a store, sub-map by sub-map. A cache store's order, (slot, hash, key), needs all entries of a sub-map
/// at once; a coordination store's index gives them in the order of their keys.
pub(super) struct StoreEntries {
    store: Arc<Store>,
    view: Arc<OpenView>,
    shard: usize,
    /// What was taken of a sub-map that needs sorting.
    gathered: Vec<Kept>,
    run: std::vec::IntoIter<Kept>,
    /// Whether the present sub-map has more than `run`.
    more: bool,
}

/// What a step has come to.
pub(super) enum Step {
    /// The next entry.
    Entry(Kept),
    /// There is more to do before it is known.
    Again,
    /// That was all.
    End,
}

impl StoreEntries {
    pub(super) fn new(store: Arc<Store>, view: Arc<OpenView>) -> StoreEntries {
        StoreEntries {
            store,
            view,
            shard: 0,
            gathered: Vec::new(),
            run: Vec::new().into_iter(),
            more: true,
        }
    }

    /// Takes a lock once at most.
    pub(super) fn step(&mut self) -> Step {
        if let Some(kept) = self.run.next() {
            return Step::Entry(kept);
        }
        if self.shard == self.store.shards.len() {
            return Step::End;
        }
        if self.more {
            self.gather();
        } else {
            let ended = self.store.shards[self.shard].map.read().end_moment(&self.view);
            drop(ended);
            self.shard += 1;
            self.more = true;
        }
        Step::Again
    }

    fn gather(&mut self) {
        // Not under the lock: growing may copy.
        self.gathered.reserve(self.view.looks);
        let shard = &self.store.shards[self.shard];
        let taken = shard.map.read().take_moment(&self.view, &mut self.gathered);
        if let Taken::All(saved) = taken {
            self.gathered.extend(saved.into_iter().flatten());
            self.more = false;
        }
        if self.store.is_ordered() {
            self.run = std::mem::take(&mut self.gathered).into_iter();
        } else if !self.more {
            let gathered = std::mem::take(&mut self.gathered);
            self.run = self.sorted(gathered).into_iter();
        }
    }

    fn sorted(&self, gathered: Vec<Kept>) -> Vec<Kept> {
        let mut placed: Vec<(Slot, u64, Kept)> = gathered
            .into_iter()
            .map(|kept| (self.store.slot_of(&kept.entry), kept.entry.hash(), kept))
            .collect();
        placed.sort_unstable_by(|(slot, hash, left), (other_slot, other_hash, right)| {
            let order = (slot, hash).cmp(&(other_slot, other_hash));
            order.then_with(|| left.entry.key().cmp(right.entry.key()))
        });
        placed.into_iter().map(|(_, _, kept)| kept).collect()
    }
}
