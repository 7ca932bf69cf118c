//! What happened, for watches.

use crate::entry::EntryRef;
use crate::settings::{Revision, StoreId};

/// One thing that happened to a store.
#[derive(Clone, Debug)]
pub struct Event {
    /// The command's revision.
    pub revision: Revision,
    /// Numbers the events of one command, from 0.
    pub ordinal: u32,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to an entry, or to all of them. Events share the entry's bytes.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// The entry was written, or its expiry changed: as it is now.
    Put(EntryRef),
    /// It was deleted: as it was last.
    Deleted(EntryRef),
    /// Its time came.
    Expired(EntryRef),
    /// It was given up for room.
    Evicted(EntryRef),
    /// All entries of the store in this group are gone.
    Cleared,
}

impl EventKind {
    /// The entry that the event is about; `None`: all of them.
    #[must_use]
    pub fn entry(&self) -> Option<&EntryRef> {
        match self {
            EventKind::Put(entry)
            | EventKind::Deleted(entry)
            | EventKind::Expired(entry)
            | EventKind::Evicted(entry) => Some(entry),
            EventKind::Cleared => None,
        }
    }

    /// Bytes that the event keeps in memory, at most.
    pub(crate) fn bytes(&self) -> u64 {
        size_of::<Event>() as u64 + self.entry().map_or(0, |entry| entry.charge(false))
    }
}

/// Takes the events of a change while it is applied, under the store's lock: be quick.
pub trait EventSink {
    /// Whether events are to be made at all.
    fn wanted(&self) -> bool {
        true
    }

    /// Takes one.
    fn event(&mut self, store: StoreId, event: &Event);
}

/// Nobody listens; costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn wanted(&self) -> bool {
        false
    }

    fn event(&mut self, _: StoreId, _: &Event) {}
}

impl EventSink for Vec<(StoreId, Event)> {
    fn event(&mut self, store: StoreId, event: &Event) {
        self.push((store, event.clone()));
    }
}
