//! What a group replicates.

use std::sync::Arc;

use bytes::Bytes;
use holdfast_state::Timestamp;

/// The replicated state behind a group.
///
/// `apply` is called by one task at a time, in log order, on every replica with the same bytes. Reads may go on beside
/// it. `restore` replaces everything at once: who holds on to parts of the old state (a store's handle) must fetch them
/// again through the machine.
pub trait GroupMachine: Send + Sync + 'static {
    /// The answer to one command.
    type Outcome: Send + Sync + 'static;

    /// Applies one entry, as [`holdfast_state::LogEntry`] reads it: one outcome per command, in their order. `index` is
    /// the entry's place in the log.
    ///
    /// # Errors
    /// The entry cannot be understood. The replica stops then: it never skips.
    fn apply(&self, index: u64, entry: &Bytes) -> Result<Vec<Self::Outcome>, MachineError>;

    /// The newest stamp applied; the leader's clock goes on from there.
    fn applied_at(&self) -> Timestamp;

    /// This replica begins to lead, at the stamp from which its clock goes on; nobody has read from it yet. It may
    /// take its time: nothing but reads and changes waits for it, and entries are applied meanwhile.
    fn begin_to_lead(&self, _at: Timestamp) {}

    /// Bytes that the state takes, about: the log is cut when it outgrows a part of them.
    fn state_bytes(&self) -> u64;

    /// The state as it is at this moment, sessions, outcomes and clock included. Called between two entries; whatever
    /// is applied later must not show in the view.
    ///
    /// # Errors
    /// No view can be made.
    fn snapshot(&self) -> Result<SnapshotView, MachineError>;

    /// Becomes what a snapshot says, or stays what it was.
    ///
    /// # Errors
    /// The bytes are not a snapshot of this machine.
    fn restore(&self, snapshot: &[Bytes]) -> Result<(), MachineError>;
}

/// A state's encoding, in pieces made when they are asked for. Pieces may be of any size; the pieces of equal states
/// need not be cut in the same places.
pub struct SnapshotView(Box<dyn Iterator<Item = Result<Bytes, MachineError>> + Send>);

impl SnapshotView {
    /// A view that makes its pieces one by one.
    pub fn new(pieces: impl Iterator<Item = Result<Bytes, MachineError>> + Send + 'static) -> Self {
        SnapshotView(Box::new(pieces))
    }

    /// A view that is encoded already.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self::new(std::iter::once(Ok(bytes)))
    }
}

impl Iterator for SnapshotView {
    type Item = Result<Bytes, MachineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// A machine cannot go on, or not with these bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MachineError(Arc<str>);

impl MachineError {
    /// With the reason, for the log.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        MachineError(reason.to_string().into())
    }
}

impl From<MachineError> for std::io::Error {
    fn from(error: MachineError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}
