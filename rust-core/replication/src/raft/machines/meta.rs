//! The meta group's machine.

use bytes::Bytes;
use holdfast_state::{LogEntry, MetaMachine, MetaOutcome, Revision, Timestamp};
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;

use super::data::joined;
use crate::raft::machine::{GroupMachine, MachineError, SnapshotView};

/// A [`MetaMachine`] behind a lock. Commands are [`holdfast_state::MetaCommand`]s.
pub struct MetaGroup {
    machine: RwLock<MetaMachine>,
    /// The revision, for who waits for changes.
    changed: watch::Sender<Revision>,
}

impl MetaGroup {
    /// An empty machine.
    #[must_use]
    pub fn new(first_revision: Revision) -> Self {
        Self {
            machine: RwLock::new(MetaMachine::new(first_revision)),
            changed: watch::Sender::new(first_revision),
        }
    }

    /// The machine as it is now. Entries wait until the guard is gone.
    pub fn read(&self) -> RwLockReadGuard<'_, MetaMachine> {
        self.machine.read()
    }

    /// Follows the revision: it changes with every command applied and with every snapshot.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Revision> {
        self.changed.subscribe()
    }
}

impl GroupMachine for MetaGroup {
    type Outcome = MetaOutcome;

    fn apply(&self, _index: u64, entry: &Bytes) -> Result<Vec<MetaOutcome>, MachineError> {
        let entry = LogEntry::decode(entry).map_err(MachineError::new)?;
        let (outcomes, revision) = {
            let mut machine = self.machine.write();
            let outcomes = machine.apply_entry(&entry).map_err(MachineError::new)?;
            (outcomes, machine.revision())
        };
        self.changed.send_replace(revision);
        Ok(outcomes)
    }

    fn applied_at(&self) -> Timestamp {
        self.machine.read().applied_at()
    }

    fn state_bytes(&self) -> u64 {
        // Small beside any bound of the log.
        0
    }

    fn snapshot(&self) -> Result<SnapshotView, MachineError> {
        Ok(SnapshotView::whole(Bytes::from(self.machine.read().snapshot())))
    }

    fn restore(&self, snapshot: &[Bytes]) -> Result<(), MachineError> {
        let machine = MetaMachine::restore(&joined(snapshot)).map_err(MachineError::new)?;
        let revision = machine.revision();
        *self.machine.write() = machine;
        self.changed.send_replace(revision);
        Ok(())
    }
}
