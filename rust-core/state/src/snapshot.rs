//! A group's whole replicated state as bytes, and back.
//!
//! ```text
//! format u16 | kind, feature level, applied stamp, revision, epoch | slots | stores | sessions | checksum u64
//! store:   id, name, settings, budget, keeps history? | entries, sorted by (slot, hash, key) or by key | history
//! history: compacted revision | events
//! session: id, first unacknowledged | outcomes by sequence
//! ```
//! Format 1 had neither epoch nor budgets.
//! Equal states have equal bytes. Volatile parts (heat, reads since the last logged access, eviction
//! queues, counters, what a clear has hidden) are left out. An entry that the history or an outcome
//! shares with the store is written once, and shared again after a restore. All counts come before what they count:
//! a snapshot can be written and read in pieces, see [`crate::MachineView`] and [`crate::SnapshotReader`].

use std::collections::BTreeSet;

use crate::change::check_key;
use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::command::Ownership;
use crate::entry::{Deadlines, Draft, EntryParts, EntryRef};
use crate::event::{Event, EventKind};
use crate::hash::KeyHash;
use crate::limits::{MAX_KEY, MAX_VALUE, SLOTS};
use crate::machine::Machine;
use crate::settings::{Eviction, GroupKind, Revision, StoreClass, StoreSettings};
use crate::slots::SlotState;
use crate::store::Store;
use crate::view::LOOKS;

/// The format that this build writes; it reads this one and older ones.
pub(crate) const FORMAT: u16 = 2;

impl Machine {
    /// The replicated state as bytes, all at once: what [`Machine::snapshot_view`] gives in pieces.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in self.view(true, LOOKS) {
            let piece = piece.expect("a lasting view is not given up");
            if bytes.is_empty() {
                bytes = piece;
            } else {
                bytes.extend_from_slice(&piece);
            }
        }
        bytes
    }
}

/// An event; what it shares with the store (`live`: addresses) only by its key.
pub(crate) fn write_event(out: &mut Writer, event: &Event, live: &BTreeSet<usize>, solo: bool) {
    out.i64(event.revision);
    out.u32(event.ordinal);
    out.u8(number_of(&event.kind));
    if let Some(entry) = event.kind.entry() {
        write_shared(out, entry, live, solo);
    }
}

/// `access_at`: the last logged access, when it is a sliding one.
pub(crate) fn write_entry(out: &mut Writer, entry: &EntryRef, access_at: i64, solo: bool) {
    let mut deadlines = entry.deadlines();
    if let Some((_, written)) = &mut deadlines.sliding {
        // Without replicas there are no touches: what reads have written is the state.
        let read_at = entry.access_after(access_at).filter(|_| solo);
        *written = read_at.unwrap_or(access_at);
    }
    out.bytes(entry.key());
    out.bytes(entry.value());
    out.i64(entry.version());
    out.bool(entry.never_evict());
    out.option(deadlines.cap, Writer::i64);
    out.option(deadlines.absolute_unix_ms, Writer::i64);
    out.option(deadlines.sliding, |out, (window, access_at)| {
        out.i64(window);
        out.i64(access_at);
    });
}

/// An entry of the history or of an outcome: only its key when the store has the very same one.
pub(crate) fn write_shared(out: &mut Writer, entry: &EntryRef, live: &BTreeSet<usize>, solo: bool) {
    let is_live = live.contains(&entry.address());
    out.bool(is_live);
    if is_live {
        out.bytes(entry.key());
    } else {
        // It has left its store: no touch reaches it any more.
        write_entry(out, entry, entry.access_at(), solo);
    }
}

/// An entry that was read, to be put into its store.
pub(crate) struct DecodedEntry {
    pub(crate) place: KeyHash,
    pub(crate) version: Revision,
    pub(crate) draft: Draft,
}

pub(crate) fn read_entry(input: &mut Reader<'_>, store: &Store) -> Result<DecodedEntry, SnapshotError> {
    // Refused before so much is waited for.
    let key = input.bytes_up_to(MAX_KEY)?;
    let value = input.bytes_up_to(MAX_VALUE as usize)?;
    let version = input.i64()?;
    let never_evict = input.bool()?;
    let deadlines = Deadlines {
        cap: input.option(Reader::i64)?,
        absolute_unix_ms: input.option(Reader::i64)?,
        sliding: input.option(|input| Ok((input.i64()?, input.i64()?)))?,
    };
    check_key(key).map_err(|error| malformed(error.to_string()))?;
    if deadlines.sliding.is_some_and(|(window, _)| window <= 0) {
        return Err(malformed("a sliding window is not positive"));
    }
    let place = store.place(key);
    let draft = Draft::new(&EntryParts {
        hash: place.hash,
        key,
        value,
        deadlines,
        never_evict,
    });
    Ok(DecodedEntry {
        place,
        version,
        draft,
    })
}

pub(crate) fn read_shared(input: &mut Reader<'_>, store: &Store) -> Result<EntryRef, SnapshotError> {
    if input.bool()? {
        let key = input.bytes_up_to(MAX_KEY)?;
        let place = store.place(key);
        let map = store.shard(place.slot).map.read();
        let live = map.find(place.hash, key).cloned();
        return live.ok_or_else(|| malformed("it shares an entry that is not there"));
    }
    let entry = read_entry(input, store)?;
    Ok(entry.draft.publish(entry.version, u32::MAX, 0))
}

/// What [`write_event`] wrote; the store's entries are there already.
pub(crate) fn read_event(input: &mut Reader<'_>, store: &Store) -> Result<Event, SnapshotError> {
    let (revision, ordinal) = (input.i64()?, input.u32()?);
    let kind = match input.u8()? {
        0 => EventKind::Put(read_shared(input, store)?),
        1 => EventKind::Deleted(read_shared(input, store)?),
        2 => EventKind::Expired(read_shared(input, store)?),
        3 => EventKind::Evicted(read_shared(input, store)?),
        4 => EventKind::Cleared,
        other => return Err(malformed(format!("event kind {other}"))),
    };
    Ok(Event {
        revision,
        ordinal,
        kind,
    })
}

fn number_of(kind: &EventKind) -> u8 {
    match kind {
        EventKind::Put(_) => 0,
        EventKind::Deleted(_) => 1,
        EventKind::Expired(_) => 2,
        EventKind::Evicted(_) => 3,
        EventKind::Cleared => 4,
    }
}

pub(crate) fn read_kind(input: &mut Reader<'_>) -> Result<GroupKind, SnapshotError> {
    let number = input.u8()?;
    [GroupKind::Meta, GroupKind::Coordination, GroupKind::Cache]
        .into_iter()
        .find(|kind| *kind as u8 == number)
        .ok_or_else(|| malformed(format!("group kind {number}")))
}

impl Ownership {
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Ownership, SnapshotError> {
        let number = input.u8()?;
        [
            Ownership::Foreign,
            Ownership::Owned,
            Ownership::Importing,
            Ownership::Sealed,
        ]
        .into_iter()
        .find(|ownership| *ownership as u8 == number)
        .ok_or_else(|| malformed(format!("ownership {number}")))
    }
}

pub(crate) fn read_slots(input: &mut Reader<'_>) -> Result<Box<[SlotState]>, SnapshotError> {
    let mut states = Vec::with_capacity(usize::from(SLOTS));
    for _ in 0..SLOTS {
        states.push(SlotState {
            ownership: Ownership::read(input)?,
            epoch: input.u64()?,
        });
    }
    Ok(states.into())
}

pub(crate) fn write_settings(out: &mut Writer, settings: &StoreSettings) {
    out.u8(settings.class as u8);
    out.u64(settings.max_memory);
    out.u8(settings.eviction as u8);
    out.option(settings.default_ttl_ms, Writer::u64);
    out.u32(settings.max_value);
    out.bool(settings.hash_tags);
}

pub(crate) fn read_class(input: &mut Reader<'_>) -> Result<StoreClass, SnapshotError> {
    let number = input.u8()?;
    [StoreClass::Coordination, StoreClass::Cache]
        .into_iter()
        .find(|class| *class as u8 == number)
        .ok_or_else(|| malformed(format!("store class {number}")))
}

pub(crate) fn read_eviction(input: &mut Reader<'_>) -> Result<Eviction, SnapshotError> {
    let number = input.u8()?;
    [Eviction::S3Fifo, Eviction::None]
        .into_iter()
        .find(|eviction| *eviction as u8 == number)
        .ok_or_else(|| malformed(format!("eviction {number}")))
}

pub(crate) fn read_settings(input: &mut Reader<'_>) -> Result<StoreSettings, SnapshotError> {
    Ok(StoreSettings {
        class: read_class(input)?,
        max_memory: input.u64()?,
        eviction: read_eviction(input)?,
        default_ttl_ms: input.option(Reader::u64)?,
        max_value: input.u32()?,
        hash_tags: input.bool()?,
    })
}
