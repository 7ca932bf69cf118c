//! What commands and queries answer.

use crate::entry::EntryRef;
use crate::error::StateError;
use crate::hash::Slot;
use crate::settings::Revision;

/// The answer to one command or query.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// To [`crate::Change::Put`], `Delete`, `SetExpiry` and `Refresh`.
    Changed {
        /// Whether the condition held and the change was made.
        applied: bool,
        /// Whether there was an entry before.
        found: bool,
        /// The change's revision when applied, else the version of the entry there (0: none).
        version: Revision,
        /// The entry that was there, when asked for.
        previous: Option<EntryRef>,
    },
    /// To [`crate::Change::Increment`].
    Counter {
        /// The number before.
        before: i64,
        /// The number after.
        after: i64,
        /// The entry's new version.
        version: Revision,
    },
    /// To changes of many entries.
    Removed {
        /// Entries removed (touched, for `Touch`).
        count: u64,
        /// Whether the limit left some to another command.
        more: bool,
        /// Where a stepwise clear goes on.
        next: Slot,
        /// The command's revision.
        version: Revision,
    },
    /// To group commands.
    Done {
        /// The command's revision.
        version: Revision,
    },
    /// To [`crate::Query::GetMany`], in the order of the keys.
    Entries(Vec<Option<Found>>),
    /// To [`crate::Query::Count`].
    Count(u64),
    /// To [`crate::Query::Scan`].
    Page(Page),
    /// To [`crate::Query::Stats`].
    Stats(Box<StoreStats>),
    /// Refused.
    Failed(StateError),
}

impl From<StateError> for Outcome {
    fn from(error: StateError) -> Outcome {
        Outcome::Failed(error)
    }
}

/// An entry that a query found, and what of its expiry a reader may know.
#[derive(Clone, Debug)]
pub struct Found {
    /// The entry.
    pub entry: EntryRef,
    /// Life left, in ms, when it has a deadline.
    pub remaining_ms: Option<u64>,
}

/// One page of a scan.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries, in scan order.
    pub entries: Vec<Found>,
    /// Where the next page begins; `None`: this was the last of the store (of the slot, in cache
    /// stores).
    pub next: Option<ScanPosition>,
}

/// The last entry that a scan has given. Stays valid whatever happens to that entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScanPosition {
    /// Its hash; 0 in coordination stores, whose order is by key alone.
    pub hash: u64,
    /// Its key.
    pub key: Box<[u8]>,
}

/// A store's counters in one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Reads that found an entry.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Entries given up for room.
    pub evictions: u64,
    /// Entries removed because they were due.
    pub expirations: u64,
    /// Entries, those due but not yet removed included.
    pub entries: u64,
    /// Bytes charged for them.
    pub bytes: u64,
    /// Changes made.
    pub changes: u64,
}

impl std::ops::AddAssign for StoreStats {
    fn add_assign(&mut self, other: StoreStats) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.changes += other.changes;
    }
}

/// What a read of one key found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<R> {
    /// An entry; what the visitor made of it.
    Hit(R),
    /// None.
    Miss,
    /// One whose deadline has passed, in a coordination store: apply `Expire` and read again.
    Due,
}

/// What time has made of a key's entry: for readers here, and by the log.
pub enum Standing {
    /// Both agree: it is there, or nothing with a deadline is.
    Settled,
    /// Readers see it; by the log it is to be removed: reads that are not logged yet have kept it alive.
    KeptAlive,
    /// No reader sees it; by the log it stays for a while longer, for reads that others do not know.
    Hidden(EntryRef),
    /// No reader sees it, and it is to be removed.
    Due(EntryRef),
}

impl Standing {
    /// The entry, when no reader sees it.
    #[must_use]
    pub fn unseen(self) -> Option<EntryRef> {
        match self {
            Standing::Hidden(entry) | Standing::Due(entry) => Some(entry),
            Standing::Settled | Standing::KeptAlive => None,
        }
    }
}

/// An entry as a visitor sees it, under the read guard.
pub struct EntryView<'a> {
    pub(crate) entry: &'a EntryRef,
    pub(crate) remaining_ms: Option<u64>,
}

impl<'a> EntryView<'a> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.entry.key()
    }

    /// The value.
    #[must_use]
    #[inline]
    pub fn value(&self) -> &'a [u8] {
        self.entry.value()
    }

    /// The revision that last changed the entry.
    #[must_use]
    pub fn version(&self) -> Revision {
        self.entry.version()
    }

    /// Life left, in ms, when the entry has a deadline (after sliding it).
    #[must_use]
    pub fn remaining_ms(&self) -> Option<u64> {
        self.remaining_ms
    }

    /// The wall-clock time (Unix ms) that the writer set.
    #[must_use]
    pub fn absolute_unix_ms(&self) -> Option<i64> {
        self.entry.absolute_unix_ms()
    }

    /// The entry itself, to keep beyond the visit: for values that are too large to copy here.
    #[must_use]
    pub fn share(&self) -> EntryRef {
        self.entry.clone()
    }
}
