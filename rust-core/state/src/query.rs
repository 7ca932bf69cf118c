//! Reads of many entries.

use crate::command::KeyRange;
use crate::hash::Slot;
use crate::outcome::ScanPosition;
use crate::settings::StoreId;

/// A question that changes nothing.
#[derive(Clone, Debug)]
pub enum Query<'a> {
    /// Several keys. In a coordination store all at one moment, never torn.
    GetMany {
        /// The store.
        store: StoreId,
        /// The keys.
        keys: &'a [&'a [u8]],
        /// Whether the reads slide deadlines.
        slide: bool,
    },
    /// The number of entries, due ones left out.
    Count {
        /// The store.
        store: StoreId,
        /// The keys.
        range: KeyRange<'a>,
    },
    /// A page of entries, due ones left out. Coordination stores: in key order. Cache stores: of
    /// one slot, in order of (hash, key).
    Scan {
        /// The store.
        store: StoreId,
        /// The slot, in cache stores.
        slot: Option<Slot>,
        /// The keys.
        range: KeyRange<'a>,
        /// From the last to the first.
        descending: bool,
        /// Values do not count against `byte_limit`, and the caller will not look at them.
        keys_only: bool,
        /// Go on behind this position.
        after: Option<&'a ScanPosition>,
        /// Most entries of the page (at least one is given).
        limit: u32,
        /// Most bytes of keys and values of the page (at least one entry is given).
        byte_limit: u64,
    },
    /// The store's counters in this group.
    Stats {
        /// The store.
        store: StoreId,
    },
}

impl Query<'_> {
    /// The store asked.
    #[must_use]
    pub fn store(&self) -> StoreId {
        match *self {
            Query::GetMany { store, .. }
            | Query::Count { store, .. }
            | Query::Scan { store, .. }
            | Query::Stats { store } => store,
        }
    }
}
