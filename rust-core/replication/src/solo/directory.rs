//! The data directory of a node that is alone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::{Bytes, BytesMut};
use holdfast_state::{GroupId, LogEntry, Machine, MachineConfig, NoEvents};

use super::Solo;
use super::log::{Applied, SoloLog, purge, snapshot_index, write_snapshot};
use crate::disk::record::{COMMANDS, Record};
use crate::disk::{Directory, LogDisk, Recovered, SnapshotFiles, damaged, stopped};

/// How long a read's touch may take to be logged.
const TOUCH_INTERVAL_MS: u64 = 500;
/// A log is cut when it has more than this and more than a quarter of the state.
const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of the log that are read at once.
const READ_BYTES: usize = 4 * 1024 * 1024;
/// What to do about damage.
const REMEDY: &str = "bring the directory back from a copy, or move it away to begin without its contents";

/// An open data directory of a node that is alone: it keeps the groups that are to survive the process.
pub struct SoloDirectory {
    directory: Arc<Directory>,
    log_bytes: u64,
}

impl SoloDirectory {
    /// Opens a directory, or makes one. Blocks.
    ///
    /// # Errors
    /// It is in use, damaged, or of another format, or the disk refuses. The message names the file.
    pub fn open(path: &Path) -> io::Result<SoloDirectory> {
        let directory = Directory::open(path).map_err(with_remedy)?;
        Ok(SoloDirectory {
            directory: Arc::new(directory),
            log_bytes: LOG_BYTES,
        })
    }

    /// The same with another bound of each group's log, for tests.
    #[must_use]
    pub fn with_log_bytes(mut self, log_bytes: u64) -> SoloDirectory {
        self.log_bytes = log_bytes;
        self
    }

    /// A group as its log has it; a new one, as `config` says, when there is none yet. Blocks.
    ///
    /// # Errors
    /// It is damaged, of a newer build, or of a node in a cluster, or the disk refuses.
    pub fn group(&self, group: GroupId, config: MachineConfig) -> io::Result<Solo> {
        let config = MachineConfig {
            touch_interval_ms: TOUCH_INTERVAL_MS,
            ..config
        };
        let snapshots = SnapshotFiles::new(self.directory.path(), group, 0);
        let recovery = Recovery {
            directory: &self.directory,
            snapshots: &snapshots,
            group,
            config,
        };
        let (machine, applied) = recovery.run().map_err(with_remedy)?;
        let disk: Arc<dyn LogDisk> = Arc::clone(&self.directory) as Arc<dyn LogDisk>;
        let log = SoloLog::new(group, disk, snapshots, applied, self.log_bytes);
        Ok(Solo::logged(machine, log))
    }

    /// Writes what is still to be written and lets others use the directory. Changes fail from now on. Blocks.
    pub fn close(&self) {
        self.directory.close();
    }
}

/// Brings one group back.
struct Recovery<'a> {
    directory: &'a Directory,
    snapshots: &'a SnapshotFiles,
    group: GroupId,
    config: MachineConfig,
}

impl Recovery<'_> {
    fn run(&self) -> io::Result<(Machine, Applied)> {
        let recovered = self.ask_what_is_there()?;
        // The names of notes that only replicas write.
        if recovered.notes.contains_key("vote") || recovered.notes.contains_key("cluster") {
            let path = self.directory.path().display();
            return Err(damaged(format!("{path}: a node of a cluster has written it")));
        }
        let newest = self
            .snapshots
            .newest()
            .map_err(|error| self.of_snapshot(&error))?;
        let (machine, begin) = match newest {
            Some((meta, file)) => {
                let state = file.read_all().map_err(|error| self.of_snapshot(&error))?;
                let machine = Machine::restore(&joined(&state), self.config)
                    .map_err(|error| self.of_snapshot(&damaged(error)))?;
                let begin = snapshot_index(&meta).map_err(|error| self.of_snapshot(&error))?;
                (machine, begin)
            }
            None if recovered.span.is_some() || !recovered.notes.is_empty() => {
                return Err(self.of_snapshot(&damaged("it is missing")));
            }
            None => {
                // Says where revisions begin, which no log entry does.
                let machine = Machine::new(self.config);
                write_snapshot(self.snapshots, 0, Bytes::from(machine.snapshot()))
                    .map_err(|error| self.of_snapshot(&error))?;
                (machine, 0)
            }
        };
        let applied = self.replay(&machine, begin, recovered.span)?;
        Ok((machine, applied))
    }

    /// Applies what the log has behind the snapshot.
    fn replay(&self, machine: &Machine, begin: u64, span: Option<(u64, u64)>) -> io::Result<Applied> {
        let mut applied = Applied {
            index: begin,
            bytes: 0,
        };
        let Some((first, last)) = span else {
            return Ok(applied);
        };
        if first > begin + 1 {
            return Err(self.of_log(format!("its entries from {} on are missing", begin + 1)));
        }
        while applied.index < last {
            let records = self.read(applied.index + 1, last + 1)?;
            if records.is_empty() {
                return Err(self.of_log(format!("entry {} is missing", applied.index + 1)));
            }
            for record in records {
                applied.bytes += record.len() as u64;
                let record = Record::decode(record).map_err(|error| self.of_log(error))?;
                if record.index != applied.index + 1 || record.kind != COMMANDS {
                    return Err(self.of_log(format!("entry {} is missing", applied.index + 1)));
                }
                applied.index = record.index;
                let apply = || {
                    let entry = LogEntry::decode(&record.content)?;
                    machine.apply_entry(&entry, &mut NoEvents)
                };
                catch_unwind(AssertUnwindSafe(apply))
                    .map_err(|_| self.of_log(format!("entry {} cannot be applied", record.index)))?
                    .map_err(|error| self.of_log(error))?;
            }
        }
        if first <= begin {
            // A crash came between the snapshot and the cut.
            self.directory.write(self.group, purge(begin), Box::new(drop));
        }
        Ok(applied)
    }

    fn read(&self, first: u64, end: u64) -> io::Result<Vec<Bytes>> {
        let (sender, reply) = channel();
        self.directory.read(
            self.group,
            first,
            end,
            READ_BYTES,
            Box::new(move |records| drop(sender.send(records))),
        );
        reply
            .recv()
            .unwrap_or_else(|_| Err(stopped()))
            .map_err(|error| self.of_log(error))
    }

    fn ask_what_is_there(&self) -> io::Result<Recovered> {
        let (sender, reply) = channel();
        self.directory.recover(
            self.group,
            Box::new(move |recovered| drop(sender.send(recovered))),
        );
        reply
            .recv()
            .unwrap_or_else(|_| Err(stopped()))
            .map_err(|error| self.of_log(error))
    }

    fn of_log(&self, reason: impl ToString) -> io::Error {
        let path = self.directory.path().join("log");
        damaged(format!(
            "{}: the log of group {}: {}",
            path.display(),
            self.group.0,
            reason.to_string()
        ))
    }

    fn of_snapshot(&self, error: &io::Error) -> io::Error {
        let path = self.snapshots.path().display();
        io::Error::new(error.kind(), format!("{path}: {error}"))
    }
}

fn with_remedy(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::InvalidData {
        return io::Error::new(error.kind(), format!("{error}; {REMEDY}"));
    }
    error
}

fn joined(pieces: &[Bytes]) -> Bytes {
    if let [piece] = pieces {
        return piece.clone();
    }
    let mut bytes = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        bytes.extend_from_slice(piece);
    }
    bytes.freeze()
}
