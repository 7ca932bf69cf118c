//! The log of a group that is alone: every change is on disk before it is applied, and applied before it is answered.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use holdfast_state::{Command, EntryWriter, GroupId, LogEntry, Machine, Outcome, Timestamp};
use parking_lot::{Condvar, Mutex};

use super::failure::{GroupFailed, StorageFailed};
use crate::disk::record::{COMMANDS, Record};
use crate::disk::{LogDisk, LogWrite, SnapshotFiles, damaged};

/// Up to which entry the log was cut.
pub(super) const PURGED: &str = "solo-purged";

/// One group's log. Entries of callers that come at the same time reach the disk together.
pub(super) struct SoloLog {
    group: GroupId,
    disk: Arc<dyn LogDisk>,
    snapshots: Arc<SnapshotFiles>,
    queue: Mutex<Queue>,
    /// Held by who applies.
    applied: Mutex<Applied>,
    failed: Arc<Mutex<Option<StorageFailed>>>,
    cutting: Arc<AtomicBool>,
    cutter: Mutex<Option<JoinHandle<()>>>,
    /// The log is cut when it has more bytes than this.
    bound: u64,
}

/// Entries on their way, in the order of their indexes.
struct Queue {
    next: u64,
    waiting: VecDeque<Arc<Waiting>>,
}

/// How far the machine is.
#[derive(Clone, Copy)]
pub(super) struct Applied {
    /// The last entry that it has.
    pub(super) index: u64,
    /// Bytes of the entries up to that one since the log was cut.
    pub(super) bytes: u64,
}

/// An entry, and the caller who waits for it.
struct Waiting {
    entry: Bytes,
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Written,
    OnDisk,
    /// Empty once its caller has taken it.
    Settled(Option<Result<Vec<Outcome>, GroupFailed>>),
}

impl SoloLog {
    /// A log that goes on behind what is applied.
    pub(super) fn new(
        group: GroupId,
        disk: Arc<dyn LogDisk>,
        snapshots: SnapshotFiles,
        applied: Applied,
        bound: u64,
    ) -> Self {
        Self {
            group,
            disk,
            snapshots: Arc::new(snapshots),
            queue: Mutex::new(Queue {
                next: applied.index + 1,
                waiting: VecDeque::new(),
            }),
            applied: Mutex::new(applied),
            failed: Arc::default(),
            cutting: Arc::default(),
            cutter: Mutex::default(),
            bound,
        }
    }

    /// Why nothing more is written, if so.
    pub(super) fn failed(&self) -> Option<StorageFailed> {
        self.failed.lock().clone()
    }

    /// Writes an entry, waits until it is on disk, and applies it.
    ///
    /// # Errors
    /// [`GroupFailed::Storage`], and any error of `apply`.
    pub(super) fn propose(
        &self,
        at: Timestamp,
        commands: &[Command<'_>],
        apply: impl Fn(&LogEntry<'_>) -> Result<Vec<Outcome>, GroupFailed>,
    ) -> Result<Vec<Outcome>, GroupFailed> {
        if let Some(failed) = self.failed() {
            return Err(GroupFailed::Storage(failed));
        }
        let waiting = self.write(encode(at, commands));
        if let Some(settled) = waiting.wait() {
            return settled;
        }
        {
            let mut applied = self.applied.lock();
            // Who applied before may have applied this one too.
            while waiting.is_on_disk() {
                let Some(next) = self.next_on_disk() else {
                    return Err(GroupFailed::Panicked);
                };
                let entry = LogEntry::decode(&next.entry).map_err(|_| GroupFailed::Panicked);
                next.settle(entry.and_then(|entry| apply(&entry)));
                applied.index += 1;
                applied.bytes += Record::size(next.entry.len());
            }
        }
        waiting.wait().unwrap_or(Err(GroupFailed::Panicked))
    }

    /// Hands an entry to the disk; indexes are in the order in which they come there.
    fn write(&self, entry: Vec<u8>) -> Arc<Waiting> {
        let waiting = Arc::new(Waiting {
            entry: Bytes::from(entry),
            state: Mutex::new(State::Written),
            changed: Condvar::new(),
        });
        let mut queue = self.queue.lock();
        let index = queue.next;
        queue.next += 1;
        queue.waiting.push_back(Arc::clone(&waiting));
        let record = Record::encode(COMMANDS, [0, 0, index], &waiting.entry);
        let (written, failed) = (Arc::clone(&waiting), Arc::clone(&self.failed));
        let done = move |result: io::Result<()>| match result {
            Ok(()) => written.set(State::OnDisk),
            Err(error) => {
                let mut failed = failed.lock();
                let failure = failed.get_or_insert_with(|| StorageFailed::of(&error)).clone();
                drop(failed);
                written.settle(Err(GroupFailed::Storage(failure.perhaps_applied())));
            }
        };
        let records = vec![record];
        self.disk
            .write(self.group, LogWrite::Append { records }, Box::new(done));
        waiting
    }

    /// The next entry to apply.
    fn next_on_disk(&self) -> Option<Arc<Waiting>> {
        let mut queue = self.queue.lock();
        let first = queue.waiting.front()?;
        if !first.is_on_disk() {
            return None;
        }
        queue.waiting.pop_front()
    }

    /// Whether the log has outgrown its bound.
    pub(super) fn is_long(&self, state_bytes: impl FnOnce() -> u64) -> bool {
        let bytes = self.applied.lock().bytes;
        bytes > self.bound && bytes > state_bytes() / 4
    }

    /// Begins to write a snapshot and to cut the log behind it, unless that is under way.
    pub(super) fn cut(&self, machine: &Machine) {
        if self.failed().is_some() || self.cutting.swap(true, Ordering::AcqRel) {
            return;
        }
        let (index, state) = {
            // Nobody applies meanwhile: the snapshot is of exactly this entry.
            let mut applied = self.applied.lock();
            let state = Bytes::from(machine.snapshot());
            // Should the snapshot fail, the next attempt comes when the log has grown by as much again.
            applied.bytes = 0;
            (applied.index, state)
        };
        let (group, disk) = (self.group, Arc::clone(&self.disk));
        let (snapshots, cutting) = (Arc::clone(&self.snapshots), Arc::clone(&self.cutting));
        let cut = move || {
            if write_snapshot(&snapshots, index, state).is_ok() {
                disk.write(group, purge(index), Box::new(drop));
            }
            cutting.store(false, Ordering::Release);
        };
        let thread = std::thread::Builder::new().name("holdfast-snapshot".to_owned());
        match thread.spawn(cut) {
            Ok(thread) => drop(self.cutter.lock().replace(thread)),
            Err(_) => self.cutting.store(false, Ordering::Release),
        }
    }

    /// Waits for a snapshot that is being written.
    pub(super) fn settle(&self) {
        if let Some(cutter) = self.cutter.lock().take() {
            let _ = cutter.join();
        }
    }
}

impl Waiting {
    /// Waits until the entry is on disk, or settled: what came of it then.
    fn wait(&self) -> Option<Result<Vec<Outcome>, GroupFailed>> {
        let mut state = self.state.lock();
        while matches!(*state, State::Written) {
            self.changed.wait(&mut state);
        }
        match &mut *state {
            State::Settled(result) => result.take(),
            _ => None,
        }
    }

    fn is_on_disk(&self) -> bool {
        matches!(*self.state.lock(), State::OnDisk)
    }

    fn settle(&self, result: Result<Vec<Outcome>, GroupFailed>) {
        self.set(State::Settled(Some(result)));
    }

    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }
}

/// A snapshot's meta: the last entry in it.
pub(super) fn write_snapshot(snapshots: &SnapshotFiles, index: u64, state: Bytes) -> io::Result<()> {
    let is_as_new = |before: &[u8]| Ok(snapshot_index(before)? >= index);
    snapshots.write(&index.to_le_bytes(), is_as_new, std::iter::once(Ok(state)))
}

pub(super) fn snapshot_index(meta: &[u8]) -> io::Result<u64> {
    let index = meta.try_into().map(u64::from_le_bytes);
    index.map_err(|_| damaged("a snapshot does not say where it is in the log"))
}

pub(super) fn purge(through: u64) -> LogWrite {
    let note = (PURGED, Bytes::copy_from_slice(&through.to_le_bytes()));
    LogWrite::Purge { through, note }
}

fn encode(at: Timestamp, commands: &[Command<'_>]) -> Vec<u8> {
    let commands: Vec<Vec<u8>> = commands.iter().map(Command::encode).collect();
    let bytes = commands
        .iter()
        .map(|command| EntryWriter::bytes_of(command.len()));
    let mut entry = EntryWriter::new(at, bytes.sum());
    for command in &commands {
        entry.push(command);
    }
    entry.finish()
}
