//! A group's whole replicated state as bytes, and back.
//!
//! ```text
//! format u16 | kind, feature level, applied stamp, revision | slots | stores | sessions | checksum u64
//! store:   id, name, settings | entries, sorted by (slot, hash, key) or by key | history
//! session: id, first unacknowledged | outcomes by sequence
//! ```
//! Equal states have equal bytes. Volatile parts (heat, reads since the last logged access, eviction
//! queues, counters, what a clear has hidden) are left out. An entry that the history or an outcome
//! shares with the store is written once, and shared again after a restore.

use std::sync::atomic::Ordering;

use crate::change::check_key;
use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::command::Ownership;
use crate::entry::{Deadlines, Draft, EntryParts, EntryRef};
use crate::event::{Event, EventKind};
use crate::hash::{KeyHash, Slot};
use crate::history::History;
use crate::limits::{FEATURE_LEVEL, MAX_VALUE, SLOTS};
use crate::machine::{Machine, MachineConfig};
use crate::settings::{Eviction, GroupKind, Revision, StoreClass, StoreId, StoreSettings};
use crate::slots::{SlotState, Slots};
use crate::snapshot_sessions::{read_sessions, write_sessions};
use crate::store::Store;

/// The format that this build writes; it reads this one and older ones.
const FORMAT: u16 = 1;

impl Machine {
    /// The replicated state as bytes. Under solo, other threads may go on: each store is written
    /// as it is at one moment.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let sessions = self.sessions.lock();
        let sessions = sessions.freeze();
        let stores = self.stores();
        let mut out = Writer::default();
        for store in &stores {
            write_store(&mut out, store, self.is_solo());
        }
        let mut tail = Writer::default();
        write_sessions(&mut tail, &sessions, &stores, self.is_solo());
        // Read last: no version that was written is newer.
        let mut head = Writer::default();
        head.u16(FORMAT);
        head.u8(self.kind as u8);
        head.u32(self.feature_level());
        head.i64(self.applied_at().0);
        head.i64(self.revision());
        for slot in self.slots.all() {
            head.u8(slot.ownership as u8);
            head.u64(slot.epoch);
        }
        head.u32(stores.len() as u32);
        head.append(out);
        head.append(tail);
        head.finish()
    }

    /// The machine that [`Machine::snapshot`] wrote. Kind, slots, revision and feature level come
    /// from the bytes, the rest of `config` is this process's own.
    ///
    /// # Errors
    /// Says why the bytes are no state for this machine; never panics on them.
    pub fn restore(bytes: &[u8], config: MachineConfig) -> Result<Machine, SnapshotError> {
        let mut input = Reader::open(bytes, FORMAT)?;
        if kind(input.u8()?)? != config.kind {
            return Err(SnapshotError::Unfit("it is another kind of group's"));
        }
        let feature_level = input.u32()?;
        if feature_level > FEATURE_LEVEL {
            return Err(SnapshotError::Unfit("its feature level is newer than this build"));
        }
        let mut machine = Machine::new(MachineConfig {
            feature_level,
            ..config
        });
        machine.applied_at.store(input.i64()?, Ordering::Relaxed);
        let revision = input.i64()?;
        machine.revision.store(revision, Ordering::Relaxed);
        machine.slots = Slots::from_states(read_slots(&mut input)?);
        let count = input.u32()?;
        for _ in 0..count {
            machine.read_store(&mut input)?;
        }
        let sessions = read_sessions(&mut input, &machine.stores())?;
        input.end()?;
        *machine.sessions.lock() = sessions;
        machine.validate().map_err(|rule| malformed(rule.0))?;
        Ok(machine)
    }

    fn read_store(&self, input: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let id = StoreId(input.u32()?);
        let name = input.text()?;
        let settings = read_settings(input)?;
        if self.store(id).is_some() {
            return Err(malformed(format!("store {} comes twice", id.0)));
        }
        self.define(id, name, settings, Revision::MIN)
            .map_err(|error| malformed(error.to_string()))?;
        let store = self.store(id).expect("just defined");
        let keeps_history = input.bool()?;
        if !store.is_ordered() {
            store.watch(keeps_history, || Revision::MIN);
        } else if !keeps_history {
            return Err(malformed("a coordination store without a history"));
        }
        self.read_entries(input, &store)?;
        let mut history = store.history.lock();
        *history = read_history(input, &store, history.limit())?;
        Ok(())
    }

    fn read_entries(&self, input: &mut Reader<'_>, store: &Store) -> Result<(), SnapshotError> {
        let count = input.u64()?;
        let room = input.room_for(SMALLEST_ENTRY);
        if count > room as u64 {
            return Err(SnapshotError::Truncated);
        }
        let mut entries: Vec<DecodedEntry> = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let entry = read_entry(input, store)?;
            if entries.last().is_some_and(|last| !last.is_before(&entry, store)) {
                return Err(malformed("entries are out of order"));
            }
            entries.push(entry);
        }
        // Oldest first, so that the eviction queues begin about as they were.
        entries.sort_by_key(|entry| entry.version);
        for entry in entries {
            let mut guard = store.write(store.shard_index(entry.place.slot));
            guard.map.insert(entry.draft, entry.version, self.applied_at().0);
        }
        Ok(())
    }
}

/// Bytes of the smallest entry that can be written.
const SMALLEST_ENTRY: usize = 20;

fn write_store(out: &mut Writer, store: &Store, solo: bool) {
    let guards: Vec<_> = store.shards.iter().map(|shard| shard.map.read()).collect();
    out.u32(store.id().0);
    out.bytes(store.name().as_bytes());
    write_settings(out, store.settings());
    out.bool(store.keeps_history());
    let mut entries: Vec<(Slot, &EntryRef)> = guards
        .iter()
        .flat_map(|map| map.iter())
        .map(|entry| (store.slot_of(entry), entry))
        .collect();
    if store.is_ordered() {
        entries.sort_unstable_by_key(|(_, entry)| entry.key());
    } else {
        entries.sort_unstable_by_key(|(slot, entry)| (*slot, entry.hash(), entry.key()));
    }
    out.u64(entries.len() as u64);
    for (_, entry) in entries {
        write_entry(out, entry, solo);
    }
    let history = store.history.lock();
    out.i64(history.compacted());
    out.u32(history.events().len() as u32);
    for event in history.events() {
        out.i64(event.revision);
        out.u32(event.ordinal);
        out.u8(number_of(&event.kind));
        if let Some(entry) = event.kind.entry() {
            let index = store.shard_index(store.slot_of(entry));
            let shared = guards[index].find(entry.hash(), entry.key());
            write_shared(out, entry, shared.is_some_and(|live| live.is_same(entry)), solo);
        }
    }
}

fn write_entry(out: &mut Writer, entry: &EntryRef, solo: bool) {
    let mut deadlines = entry.deadlines();
    if solo && let (Some((_, access_at)), Some(read_at)) = (&mut deadlines.sliding, entry.unlogged_access()) {
        // Without replicas there are no touches: what reads have written is the state.
        *access_at = read_at;
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
pub(crate) fn write_shared(out: &mut Writer, entry: &EntryRef, is_live: bool, solo: bool) {
    out.bool(is_live);
    if is_live {
        out.bytes(entry.key());
    } else {
        write_entry(out, entry, solo);
    }
}

struct DecodedEntry {
    place: KeyHash,
    version: Revision,
    draft: Draft,
}

impl DecodedEntry {
    fn is_before(&self, other: &DecodedEntry, store: &Store) -> bool {
        if store.is_ordered() {
            return self.draft.key() < other.draft.key();
        }
        (self.place.slot, self.place.hash, self.draft.key())
            < (other.place.slot, other.place.hash, other.draft.key())
    }
}

fn read_entry(input: &mut Reader<'_>, store: &Store) -> Result<DecodedEntry, SnapshotError> {
    let key = input.bytes()?;
    let value = input.bytes()?;
    let version = input.i64()?;
    let never_evict = input.bool()?;
    let deadlines = Deadlines {
        cap: input.option(Reader::i64)?,
        absolute_unix_ms: input.option(Reader::i64)?,
        sliding: input.option(|input| Ok((input.i64()?, input.i64()?)))?,
    };
    check_key(key).map_err(|error| malformed(error.to_string()))?;
    if value.len() > MAX_VALUE as usize {
        return Err(malformed("a value is too large"));
    }
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
        let key = input.bytes()?;
        let place = store.place(key);
        let map = store.shard(place.slot).map.read();
        let live = map.find(place.hash, key).cloned();
        return live.ok_or_else(|| malformed("it shares an entry that is not there"));
    }
    let entry = read_entry(input, store)?;
    Ok(entry.draft.publish(entry.version, u32::MAX, 0))
}

fn read_history(input: &mut Reader<'_>, store: &Store, limit: u64) -> Result<History, SnapshotError> {
    let mut history = History::new(input.i64()?, limit);
    for _ in 0..input.u32()? {
        let (revision, ordinal) = (input.i64()?, input.u32()?);
        let kind = match input.u8()? {
            0 => EventKind::Put(read_shared(input, store)?),
            1 => EventKind::Deleted(read_shared(input, store)?),
            2 => EventKind::Expired(read_shared(input, store)?),
            3 => EventKind::Evicted(read_shared(input, store)?),
            4 => EventKind::Cleared,
            other => return Err(malformed(format!("event kind {other}"))),
        };
        history.push(Event {
            revision,
            ordinal,
            kind,
        });
    }
    Ok(history)
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

fn kind(number: u8) -> Result<GroupKind, SnapshotError> {
    [GroupKind::Meta, GroupKind::Coordination, GroupKind::Cache]
        .into_iter()
        .find(|kind| *kind as u8 == number)
        .ok_or_else(|| malformed(format!("group kind {number}")))
}

fn read_slots(input: &mut Reader<'_>) -> Result<Box<[SlotState]>, SnapshotError> {
    let mut states = Vec::with_capacity(usize::from(SLOTS));
    for _ in 0..SLOTS {
        let number = input.u8()?;
        let ownership = [
            Ownership::Foreign,
            Ownership::Owned,
            Ownership::Importing,
            Ownership::Sealed,
        ]
        .into_iter()
        .find(|ownership| *ownership as u8 == number)
        .ok_or_else(|| malformed(format!("ownership {number}")))?;
        states.push(SlotState {
            ownership,
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

pub(crate) fn read_settings(input: &mut Reader<'_>) -> Result<StoreSettings, SnapshotError> {
    let class = input.u8()?;
    let class = [StoreClass::Coordination, StoreClass::Cache]
        .into_iter()
        .find(|known| *known as u8 == class)
        .ok_or_else(|| malformed(format!("store class {class}")))?;
    let max_memory = input.u64()?;
    let eviction = input.u8()?;
    let eviction = [Eviction::S3Fifo, Eviction::None]
        .into_iter()
        .find(|known| *known as u8 == eviction)
        .ok_or_else(|| malformed(format!("eviction {eviction}")))?;
    Ok(StoreSettings {
        class,
        max_memory,
        eviction,
        default_ttl_ms: input.option(Reader::u64)?,
        max_value: input.u32()?,
        hash_tags: input.bool()?,
    })
}
