//! A data group's machine.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use holdfast_state::mutant::{self, Mutant};
use holdfast_state::{
    EventSink, LogEntry, Machine, MachineConfig, NoEvents, Outcome, SnapshotReader, Timestamp,
};
use parking_lot::Mutex;

use crate::raft::machine::{GroupMachine, MachineError, SnapshotView};

/// A [`Machine`] that a snapshot can replace. Commands are [`holdfast_state::Command`]s.
pub struct DataMachine {
    machine: ArcSwap<Machine>,
    config: MachineConfig,
    /// Called by apply alone.
    events: Mutex<Box<dyn EventSink + Send>>,
}

impl DataMachine {
    /// An empty machine. `config` is also what a restored one gets where a snapshot does not say.
    #[must_use]
    pub fn new(config: MachineConfig) -> Self {
        Self::with_events(config, Box::new(NoEvents))
    }

    /// An empty machine whose events go to `events`.
    #[must_use]
    pub fn with_events(config: MachineConfig, events: Box<dyn EventSink + Send>) -> Self {
        Self {
            machine: ArcSwap::from_pointee(Machine::new(config)),
            config,
            events: Mutex::new(events),
        }
    }

    /// The machine as it is now. Take it anew for each request: a snapshot replaces it, and what was taken before
    /// then no longer changes.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Machine>> {
        self.machine.load()
    }

    /// The same, to keep for longer.
    #[must_use]
    pub fn load_full(&self) -> Arc<Machine> {
        self.machine.load_full()
    }
}

impl GroupMachine for DataMachine {
    type Outcome = Outcome;

    fn apply(&self, _index: u64, entry: &Bytes) -> Result<Vec<Outcome>, MachineError> {
        let entry = LogEntry::decode(entry).map_err(MachineError::new)?;
        let mut events = self.events.lock();
        self.machine
            .load()
            .apply_entry(&entry, &mut **events)
            .map_err(MachineError::new)
    }

    fn applied_at(&self) -> Timestamp {
        self.machine.load().applied_at()
    }

    fn begin_to_lead(&self, at: Timestamp) {
        if !mutant::active(Mutant::ReadsForgotten) {
            self.machine.load().begin_to_lead(at);
        }
    }

    fn state_bytes(&self) -> u64 {
        let machine = self.machine.load();
        machine.stores().iter().map(|store| store.bytes()).sum::<u64>() + machine.outcome_bytes()
    }

    fn snapshot(&self) -> Result<SnapshotView, MachineError> {
        let view = self.machine.load().snapshot_view();
        Ok(SnapshotView::new(
            view.map(|piece| piece.map(Bytes::from).map_err(MachineError::new)),
        ))
    }

    fn restore(&self, snapshot: &[Bytes]) -> Result<(), MachineError> {
        let mut reader = SnapshotReader::new(self.config);
        for piece in snapshot {
            reader.read(piece).map_err(MachineError::new)?;
        }
        let machine = reader.finish().map_err(MachineError::new)?;
        self.machine.store(Arc::new(machine));
        Ok(())
    }
}

/// Pieces as one run of bytes; not copied when they are one already.
pub(super) fn joined(pieces: &[Bytes]) -> Bytes {
    if let [piece] = pieces {
        return piece.clone();
    }
    let mut bytes = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        bytes.extend_from_slice(piece);
    }
    bytes.freeze()
}
