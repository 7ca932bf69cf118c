//! The one thread that calls raft-engine: what it gathers into a batch, and what it does when that fails.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_state::GroupId;
use protobuf::well_known_types::BytesValue;
use raft_engine::env::FileSystem;
use raft_engine::{Command, Config, Engine, LogBatch, MessageExt, ReadableSize, RecoveryMode};

use super::engine_disk::Order;
use super::log_disk::{Done, LogWrite, Recovered};
use super::record::{RECORD_OVERHEAD, index_of};
use super::seals::Seals;

/// Bytes of one file of the log.
const FILE_BYTES: u64 = 32 * 1024 * 1024;
/// When files take more than this, groups that hardly write are copied out of the oldest ones.
const LOG_BYTES: u64 = 512 * 1024 * 1024;
/// Bytes gathered into one batch at most, unless one write alone has more.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Bytes written between two looks for files that nobody needs.
const PURGE_AFTER: usize = 32 * 1024 * 1024;
/// Lazy notes reach the disk after this long without other writes.
pub(super) const LAZY_AFTER: Duration = Duration::from_millis(50);
/// The region of what belongs to no group; groups have their numbers.
const OWN_REGION: u64 = u64::MAX;
/// The name of the last batch's number.
const SEAL: &[u8] = b"seal";

/// Reads an entry's index out of its record.
struct Records;

impl MessageExt for Records {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        index_of(&entry.value)
    }
}

/// Called by one thread at a time.
pub(super) struct Worker<F: FileSystem> {
    engine: Engine<F>,
    orders: Receiver<Order>,
    seals: Seals,
    /// The number of the last batch.
    seal: u64,
    /// Values that go with the next batch.
    lazy: BTreeMap<(u64, &'static str), Bytes>,
    failed: Option<String>,
    /// Bytes written since the last look for old files.
    unpurged: usize,
    /// Nothing follows the last batch yet: should it be lost, that would look like a torn write.
    unsealed: bool,
}

/// What one sync will make durable.
#[derive(Default)]
struct Batch {
    content: LogBatch,
    bytes: usize,
    done: Vec<Done>,
}

impl<F: FileSystem> Worker<F> {
    /// Opens the log of a directory, or begins one. See [`super::engine_disk::EngineDisk::open`].
    pub(super) fn open(
        directory: &Path,
        seals: Seals,
        files: Arc<F>,
        orders: Receiver<Order>,
    ) -> io::Result<Worker<F>> {
        let written = seals.scan(directory)?;
        let opened = || Engine::open_with_file_system(config(directory), files);
        let engine = catch_unwind(AssertUnwindSafe(opened))
            .map_err(|_| io::Error::other("opening the log panicked"))?
            .map_err(io_error)?;
        let last = engine
            .get(OWN_REGION, SEAL)
            .and_then(|seal| seals.read(&seal))
            .unwrap_or_default();
        // A torn batch is the last one. When a batch follows the one that is lost, that one was on disk once.
        if let Some(newest) = written
            && newest > last + 1
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the log is damaged: of {newest} batches only the first {last} can be read"),
            ));
        }
        let mut worker = Worker {
            engine,
            orders,
            seals,
            seal: last.max(written.unwrap_or_default()),
            lazy: BTreeMap::new(),
            failed: None,
            unpurged: 0,
            unsealed: true,
        };
        // From here on the newest number on disk is one that can be read.
        worker.write(&mut Batch::default())?;
        Ok(worker)
    }

    /// Does what it is told until nobody is left who could tell it anything.
    pub(super) fn run(mut self) {
        while let Some(order) = self.next() {
            self.work(order);
        }
        self.settle();
    }

    /// Does an order, and what has come meanwhile.
    fn work(&mut self, order: Order) {
        let mut batch = Batch::default();
        let mut next = Some(order);
        while let Some(order) = next.take() {
            match order {
                Order::Write { group, write, done } => {
                    self.gather(&mut batch, group, write, done);
                    if batch.bytes < BATCH_BYTES {
                        next = self.orders.try_recv().ok();
                    }
                }
                // Reads see every write before them.
                read => {
                    self.commit(std::mem::take(&mut batch));
                    self.answer(read);
                    next = self.orders.try_recv().ok();
                }
            }
        }
        self.commit(batch);
    }

    /// Does all that has come.
    #[cfg(feature = "simulation")]
    pub(super) fn work_off(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.work(order);
        }
    }

    /// The next order. What is lazy is written when none comes.
    fn next(&mut self) -> Option<Order> {
        if !self.is_to_settle() {
            return self.orders.recv().ok();
        }
        match self.orders.recv_timeout(LAZY_AFTER) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.settle();
                self.orders.recv().ok()
            }
        }
    }

    /// Whether something is to be written when no order comes.
    pub(super) fn is_to_settle(&self) -> bool {
        self.failed.is_none() && (self.unsealed || !self.lazy.is_empty())
    }

    /// Writes what is lazy, and a batch behind the last one. Synced as all are: of two batches that are not, a loss of
    /// power may leave the second one alone, which looks like damage.
    pub(super) fn settle(&mut self) {
        if !self.is_to_settle() {
            return;
        }
        match self.write(&mut Batch::default()) {
            Ok(()) => self.unsealed = false,
            Err(error) => self.fail(&error),
        }
    }

    /// Writes what waits without telling anybody, as a process that is about to be killed.
    #[cfg(feature = "simulation")]
    pub(super) fn write_unheard(&mut self) {
        let mut batch = Batch::default();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Write { group, write, .. } = order {
                self.gather(&mut batch, group, write, Box::new(|_| {}));
            }
        }
        self.commit(batch);
    }

    fn gather(&mut self, batch: &mut Batch, group: GroupId, write: LogWrite, done: Done) {
        let region = u64::from(group.0);
        let gathered = match write {
            LogWrite::Note {
                name,
                value,
                lazy: true,
            } => {
                self.lazy.insert((region, name), value);
                return done(Ok(()));
            }
            LogWrite::Note { name, value, .. } => {
                batch.bytes += value.len();
                batch
                    .content
                    .put(region, name.as_bytes().to_vec(), value.to_vec())
                    .map_err(io_error)
            }
            LogWrite::Append { records } => {
                batch.bytes += records.iter().map(Bytes::len).sum::<usize>();
                let entries: Vec<BytesValue> = records.into_iter().map(entry).collect();
                batch
                    .content
                    .add_entries::<Records>(region, &entries)
                    .map_err(io_error)
            }
            LogWrite::Purge {
                through,
                note: (name, value),
            } => {
                let index = through + 1;
                batch.content.add_command(region, Command::Compact { index });
                batch
                    .content
                    .put(region, name.as_bytes().to_vec(), value.to_vec())
                    .map_err(io_error)
            }
            LogWrite::Truncate { from } => {
                self.commit(std::mem::take(batch));
                self.truncate(batch, region, from)
            }
            LogWrite::Forget => {
                self.lazy.retain(|(other, _), _| *other != region);
                batch.content.add_command(region, Command::Clean);
                Ok(())
            }
        };
        match gathered {
            Ok(()) => batch.done.push(done),
            Err(error) => {
                self.fail(&error);
                done(Err(error));
            }
        }
    }

    /// raft-engine cuts a log's end only by writing over it: the last entry that stays is written once more.
    fn truncate(&mut self, batch: &mut Batch, region: u64, from: u64) -> io::Result<()> {
        let last = match from.checked_sub(1) {
            Some(index) => {
                self.guarded(|engine| engine.get_entry::<Records>(region, index).map_err(io_error))?
            }
            None => None,
        };
        if let Some(last) = last {
            return batch
                .content
                .add_entries::<Records>(region, &[last])
                .map_err(io_error);
        }
        let notes = self.notes(region)?;
        batch.content.add_command(region, Command::Clean);
        for (name, value) in notes {
            batch.content.put(region, name, value).map_err(io_error)?;
        }
        Ok(())
    }

    /// Makes a batch durable and says so.
    fn commit(&mut self, mut batch: Batch) {
        if !batch.content.is_empty() {
            match self.write(&mut batch) {
                Ok(()) => self.unsealed = true,
                Err(error) => self.fail(&error),
            }
        }
        batch.finish(self.failed.as_deref());
        if self.failed.is_none() && self.unpurged > PURGE_AFTER {
            self.unpurged = 0;
            if let Err(error) = self.guarded(|engine| engine.purge_expired_files().map_err(io_error)) {
                self.fail(&error);
            }
        }
    }

    fn write(&mut self, batch: &mut Batch) -> io::Result<()> {
        for ((region, name), value) in std::mem::take(&mut self.lazy) {
            batch
                .content
                .put(region, name.as_bytes().to_vec(), value.to_vec())
                .map_err(io_error)?;
        }
        self.seal += 1;
        let seal = self.seals.write(self.seal);
        batch
            .content
            .put(OWN_REGION, SEAL.to_vec(), seal)
            .map_err(io_error)?;
        let content = &mut batch.content;
        self.unpurged += self.guarded(|engine| engine.write(content, true).map_err(io_error))?;
        Ok(())
    }

    fn answer(&mut self, order: Order) {
        match order {
            Order::Read {
                group,
                first,
                end,
                byte_limit,
                reply,
            } => {
                let region = u64::from(group.0);
                let read = self.guarded(|engine| {
                    let mut entries = Vec::new();
                    engine
                        .fetch_entries_to::<Records>(region, first, end, Some(byte_limit), &mut entries)
                        .map_err(io_error)?;
                    Ok(entries)
                });
                reply(read.map(|entries| {
                    entries
                        .into_iter()
                        .map(|entry| Bytes::from(entry.value))
                        .collect()
                }));
            }
            Order::Recover { group, reply } => reply(self.recover(u64::from(group.0))),
            Order::Write { done, .. } => done(Err(io::Error::other("writes are gathered"))),
        }
    }

    fn recover(&mut self, region: u64) -> io::Result<Recovered> {
        let notes = self.notes(region)?;
        let span = self.guarded(|engine| Ok((engine.first_index(region), engine.last_index(region))))?;
        Ok(Recovered {
            notes: notes
                .into_iter()
                .map(|(name, value)| (String::from_utf8_lossy(&name).into_owned(), Bytes::from(value)))
                .collect(),
            span: match span {
                (Some(first), Some(last)) => Some((first, last)),
                _ => None,
            },
        })
    }

    fn notes(&mut self, region: u64) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.guarded(|engine| {
            let mut notes = Vec::new();
            let keep = |name: &[u8], value: &[u8]| {
                notes.push((name.to_vec(), value.to_vec()));
                true
            };
            engine
                .scan_raw_messages(region, None, None, false, keep)
                .map_err(io_error)?;
            Ok(notes)
        })
    }

    /// Calls raft-engine, which panics on some failures.
    fn guarded<T>(&mut self, call: impl FnOnce(&Engine<F>) -> io::Result<T>) -> io::Result<T> {
        if let Some(failed) = &self.failed {
            return Err(io::Error::other(failed.clone()));
        }
        let engine = &self.engine;
        match catch_unwind(AssertUnwindSafe(|| call(engine))) {
            Ok(result) => result,
            Err(_) => {
                let error = io::Error::other("writing the log panicked");
                self.fail(&error);
                Err(error)
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.failed
            .get_or_insert_with(|| format!("the log has failed: {error}"));
    }
}

impl Batch {
    fn finish(&mut self, failed: Option<&str>) {
        for done in self.done.drain(..) {
            done(match failed {
                None => Ok(()),
                Some(failed) => Err(io::Error::other(failed.to_owned())),
            });
        }
    }
}

fn entry(record: Bytes) -> BytesValue {
    debug_assert!(record.len() >= RECORD_OVERHEAD);
    let mut entry = BytesValue::new();
    entry.value = record.into();
    entry
}

fn config(directory: &Path) -> Config {
    Config {
        dir: directory.to_string_lossy().into_owned(),
        recovery_mode: RecoveryMode::TolerateTailCorruption,
        recovery_threads: 2,
        // Values are the callers' to compress; and the seals must stay readable.
        batch_compression_threshold: ReadableSize(0),
        target_file_size: ReadableSize(FILE_BYTES),
        purge_threshold: ReadableSize(LOG_BYTES),
        ..Config::default()
    }
}

fn io_error(error: raft_engine::Error) -> io::Error {
    match error {
        raft_engine::Error::Io(error) => error,
        raft_engine::Error::Corruption(reason) => io::Error::new(io::ErrorKind::InvalidData, reason),
        other => io::Error::other(other.to_string()),
    }
}
