//! A machine from the pieces of a snapshot, as they come.

mod store;

use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::Xxh3Default;

use self::store::StoreBeingRead;
use crate::codec::{CHECKSUM, Reader, SnapshotError, malformed};
use crate::history::History;
use crate::limits::{FEATURE_LEVEL, MAX_KEY};
use crate::machine::{Machine, MachineConfig};
use crate::session::Session;
use crate::settings::{Revision, StoreId};
use crate::slots::Slots;
use crate::snapshot::{FORMAT, read_entry, read_event, read_kind, read_settings, read_slots};
use crate::snapshot_sessions::read_outcome;

impl Machine {
    /// The machine that [`Machine::snapshot`] wrote. Kind, slots, revision, epoch and feature level come
    /// from the bytes, the rest of `config` is this process's own.
    ///
    /// # Errors
    /// Says why the bytes are no state for this machine; never panics on them.
    pub fn restore(bytes: &[u8], config: MachineConfig) -> Result<Machine, SnapshotError> {
        // Checks the checksum, before anything is made of the rest.
        Reader::open(bytes, FORMAT)?;
        let mut reader = SnapshotReader::new(config);
        reader.checksum = None;
        reader.read(&bytes[..bytes.len() - CHECKSUM])?;
        reader.finish()
    }
}

/// Makes a [`Machine`] of a snapshot's pieces, of whatever sizes, in their order. Needs little memory beside the
/// machine: what is made of a piece is in it before the next one comes.
///
/// The checksum comes last: that a piece is accepted says little, only [`SnapshotReader::finish`] says that all is well.
/// What was refused stays refused.
pub struct SnapshotReader {
    machine: Machine,
    config: MachineConfig,
    stage: Stage,
    stores_left: u32,
    sessions_left: u32,
    /// The store that is being read.
    store: Option<StoreBeingRead>,
    session: Option<(u128, Session)>,
    last_session: Option<u128>,
    first_format: bool,
    /// The beginning of something whose end has not come.
    rest: Vec<u8>,
    /// Of what was read; none when it was checked before.
    checksum: Option<Xxh3Default>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Format,
    Head,
    Store,
    Entries(u64),
    HistoryHead,
    Events(u32),
    SessionCount,
    Session,
    Outcomes(u32),
    Checksum,
    End,
    Refused,
}

impl SnapshotReader {
    /// For a machine of this kind; see [`Machine::restore`].
    #[must_use]
    pub fn new(config: MachineConfig) -> SnapshotReader {
        SnapshotReader {
            machine: Machine::new(config),
            config,
            stage: Stage::Format,
            stores_left: 0,
            sessions_left: 0,
            store: None,
            session: None,
            last_session: None,
            first_format: false,
            rest: Vec::new(),
            checksum: Some(Xxh3Default::new()),
        }
    }

    /// Reads the next piece.
    ///
    /// # Errors
    /// Says why the bytes are no state for this machine; never panics on them.
    pub fn read(&mut self, piece: &[u8]) -> Result<(), SnapshotError> {
        let read = if self.rest.is_empty() {
            self.read_from(piece)
                .map(|used| self.rest.extend_from_slice(&piece[used..]))
        } else {
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(piece);
            self.read_from(&bytes).map(|used| {
                bytes.drain(..used);
                self.rest = bytes;
            })
        };
        if read.is_err() {
            self.stage = Stage::Refused;
        }
        read
    }

    /// Reads what is whole; how many bytes that took.
    fn read_from(&mut self, bytes: &[u8]) -> Result<usize, SnapshotError> {
        let mut used = 0;
        loop {
            let begun_at = self.stage;
            if begun_at == Stage::Checksum {
                // Nothing behind this belongs to the sum.
                if let Some(checksum) = &mut self.checksum {
                    checksum.update(&bytes[..used]);
                }
                return Ok(used + self.read_checksum(&bytes[used..])?);
            }
            let mut input = Reader::new(&bytes[used..]);
            match self.step(&mut input) {
                Ok(()) => used = bytes.len() - input.rest().len(),
                Err(SnapshotError::Truncated) => break,
                Err(error) => return Err(error),
            }
            if self.stage == Stage::End {
                break;
            }
        }
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&bytes[..used]);
        }
        Ok(used)
    }

    fn read_checksum(&mut self, bytes: &[u8]) -> Result<usize, SnapshotError> {
        let Some(checksum) = &self.checksum else {
            return Reader::new(bytes).end().map(|()| 0);
        };
        let mut input = Reader::new(bytes);
        match input.u64() {
            Err(_) => Ok(0),
            Ok(expected) if expected != checksum.digest() => Err(SnapshotError::Damaged),
            Ok(_) => {
                input.end()?;
                self.stage = Stage::End;
                Ok(CHECKSUM)
            }
        }
    }

    /// Reads one thing, or nothing of it.
    fn step(&mut self, input: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.stage = match self.stage {
            Stage::Format => {
                self.first_format = input.format(FORMAT)? == 1;
                Stage::Head
            }
            Stage::Head => self.read_head(input)?,
            Stage::Store => self.read_store(input)?,
            Stage::Entries(left) => self.read_one_entry(input, left)?,
            Stage::HistoryHead => self.read_history_head(input)?,
            Stage::Events(left) => self.read_one_event(input, left)?,
            Stage::SessionCount => {
                self.sessions_left = input.u32()?;
                self.next_session()
            }
            Stage::Session => self.read_session(input)?,
            Stage::Outcomes(left) => self.read_one_outcome(input, left)?,
            Stage::Checksum => Stage::Checksum,
            Stage::End => {
                input.end()?;
                Stage::End
            }
            Stage::Refused => return Err(malformed("what came before was refused")),
        };
        Ok(())
    }

    fn read_head(&mut self, input: &mut Reader<'_>) -> Result<Stage, SnapshotError> {
        if read_kind(input)? != self.config.kind {
            return Err(SnapshotError::Unfit("it is another kind of group's"));
        }
        let feature_level = input.u32()?;
        if feature_level > FEATURE_LEVEL {
            return Err(SnapshotError::Unfit("its feature level is newer than this build"));
        }
        let (applied_at, revision) = (input.i64()?, input.i64()?);
        let epoch = if self.first_format { 0 } else { input.u64()? };
        let slots = read_slots(input)?;
        self.stores_left = input.u32()?;
        self.machine = Machine::new(MachineConfig {
            feature_level,
            ..self.config
        });
        self.machine.applied_at.store(applied_at, Ordering::Relaxed);
        self.machine.revision.store(revision, Ordering::Relaxed);
        self.machine.epoch.store(epoch, Ordering::Relaxed);
        self.machine.slots = Slots::from_states(slots);
        Ok(self.next_store())
    }

    fn next_store(&self) -> Stage {
        if self.stores_left == 0 {
            Stage::SessionCount
        } else {
            Stage::Store
        }
    }

    fn read_store(&mut self, input: &mut Reader<'_>) -> Result<Stage, SnapshotError> {
        let id = StoreId(input.u32()?);
        let name = input.text_up_to(MAX_KEY)?;
        let settings = read_settings(input)?;
        let budget = if self.first_format {
            None
        } else {
            Some(input.u64()?)
        };
        let keeps_history = input.bool()?;
        let entries = input.u64()?;
        if self.machine.store(id).is_some() {
            return Err(malformed(format!("store {} comes twice", id.0)));
        }
        self.machine
            .define(id, name, settings, Revision::MIN)
            .map_err(|error| malformed(error.to_string()))?;
        let store = self.machine.store(id).ok_or_else(|| malformed("no such store"))?;
        if let Some(budget) = budget {
            store.set_budget(budget);
        }
        if !store.is_ordered() {
            store.watch(keeps_history, || Revision::MIN);
        } else if !keeps_history {
            return Err(malformed("a coordination store without a history"));
        }
        self.stores_left -= 1;
        self.store = Some(StoreBeingRead::new(store));
        Ok(if entries == 0 {
            Stage::HistoryHead
        } else {
            Stage::Entries(entries)
        })
    }

    fn read_one_entry(&mut self, input: &mut Reader<'_>, left: u64) -> Result<Stage, SnapshotError> {
        let applied_at = self.machine.applied_at().0;
        let reading = reading(&mut self.store)?;
        let entry = read_entry(input, &reading.store)?;
        reading.take(entry, applied_at)?;
        if left > 1 {
            return Ok(Stage::Entries(left - 1));
        }
        reading.flush(applied_at);
        Ok(Stage::HistoryHead)
    }

    fn read_history_head(&mut self, input: &mut Reader<'_>) -> Result<Stage, SnapshotError> {
        let (compacted, events) = (input.i64()?, input.u32()?);
        let reading = reading(&mut self.store)?;
        let limit = reading.store.history.lock().limit();
        reading.history = History::new(compacted, limit);
        Ok(self.after_events(events))
    }

    fn read_one_event(&mut self, input: &mut Reader<'_>, left: u32) -> Result<Stage, SnapshotError> {
        let reading = reading(&mut self.store)?;
        let event = read_event(input, &reading.store)?;
        reading.history.push(event);
        Ok(self.after_events(left - 1))
    }

    fn after_events(&mut self, left: u32) -> Stage {
        if left > 0 {
            return Stage::Events(left);
        }
        if let Some(read) = self.store.take() {
            *read.store.history.lock() = read.history;
        }
        self.next_store()
    }

    fn next_session(&self) -> Stage {
        if self.sessions_left == 0 {
            Stage::Checksum
        } else {
            Stage::Session
        }
    }

    fn read_session(&mut self, input: &mut Reader<'_>) -> Result<Stage, SnapshotError> {
        let (id, first_unacknowledged, outcomes) = (input.u128()?, input.u64()?, input.u32()?);
        if self.last_session.is_some_and(|last| last >= id) {
            return Err(malformed("sessions are out of order"));
        }
        self.last_session = Some(id);
        self.sessions_left -= 1;
        self.session = Some((id, Session::new(first_unacknowledged)));
        Ok(self.after_outcomes(outcomes))
    }

    fn read_one_outcome(&mut self, input: &mut Reader<'_>, left: u32) -> Result<Stage, SnapshotError> {
        let (sequence, recorded) = read_outcome(input, &self.machine)?;
        if let Some((_, session)) = &mut self.session
            && !session.insert(sequence, recorded)
        {
            return Err(malformed("a sequence number comes twice"));
        }
        Ok(self.after_outcomes(left - 1))
    }

    fn after_outcomes(&mut self, left: u32) -> Stage {
        if left > 0 {
            return Stage::Outcomes(left);
        }
        if let Some((id, session)) = self.session.take() {
            self.machine.sessions.lock().insert(id, session);
        }
        self.next_session()
    }

    /// The machine, when all pieces were read.
    ///
    /// # Errors
    /// Some are missing, or what they say is no state.
    pub fn finish(self) -> Result<Machine, SnapshotError> {
        let end = if self.checksum.is_some() {
            Stage::End
        } else {
            Stage::Checksum
        };
        if self.stage == Stage::Refused {
            return Err(malformed("a piece was refused"));
        }
        if self.stage != end || !self.rest.is_empty() {
            return Err(SnapshotError::Truncated);
        }
        self.machine.validate().map_err(|rule| malformed(rule.0))?;
        Ok(self.machine)
    }
}

fn reading(store: &mut Option<StoreBeingRead>) -> Result<&mut StoreBeingRead, SnapshotError> {
    store.as_mut().ok_or_else(|| malformed("no store is being read"))
}
