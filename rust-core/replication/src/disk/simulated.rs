//! The disk of a simulated machine. Its files are real ones; its time follows from the seed, and so does what is left of
//! writes that were not synced when the machine loses power: of each sector what was there before, or what was written.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use holdfast_system::simulation::disk;
use parking_lot::Mutex;
use raft_engine::env::{DefaultFileSystem, FileSystem, Handle, Permission, WriteExt};
use tokio::sync::Notify;

use super::engine_disk::Order;
use super::seals::Seals;
use super::worker::{LAZY_AFTER, Worker};

/// What a disk writes as a whole, bytes.
const SECTOR: usize = 512;

type Plain = <DefaultFileSystem as FileSystem>::Handle;

/// Whoever calls raft-engine on a simulated machine: a task, which takes its time.
pub(super) struct SimulatedDisk(Arc<Shared>);

struct Shared {
    worker: Mutex<Option<Worker<Files>>>,
    files: Arc<Files>,
    called: Notify,
}

impl SimulatedDisk {
    pub(super) fn open(directory: &Path, seals: Seals, orders: Receiver<Order>) -> io::Result<SimulatedDisk> {
        let files = Arc::new(Files(Arc::default()));
        let worker = Worker::open(directory, seals, Arc::clone(&files), orders)?;
        let shared = Arc::new(Shared {
            worker: Mutex::new(Some(worker)),
            files,
            called: Notify::new(),
        });
        tokio::spawn(run(Arc::clone(&shared)));
        Ok(SimulatedDisk(shared))
    }

    /// There is an order.
    pub(super) fn wake(&self) {
        self.0.called.notify_one();
    }

    /// Does what it was told, and ends.
    pub(super) fn close(self) {
        if let Some(mut worker) = self.0.worker.lock().take() {
            worker.work_off();
            worker.settle();
        }
        self.wake();
    }

    /// Ends as with its process: what waits may have been written, but nobody has heard of it. With the machine's power
    /// goes what was not synced.
    pub(super) fn die(self) {
        let Some(mut worker) = self.0.worker.lock().take() else {
            return;
        };
        let loses_power = !disk::has_power();
        self.0.files.0.lock().is_dying = loses_power;
        if disk::below(2) == 0 {
            worker.write_unheard();
        }
        drop(worker);
        if loses_power {
            self.0.files.lose();
        }
    }
}

async fn run(shared: Arc<Shared>) {
    loop {
        let Some(is_to_settle) = shared.worker.lock().as_ref().map(Worker::is_to_settle) else {
            return;
        };
        if is_to_settle {
            if tokio::time::timeout(LAZY_AFTER, shared.called.notified())
                .await
                .is_err()
            {
                if let Some(worker) = &mut *shared.worker.lock() {
                    worker.settle();
                }
                continue;
            }
        } else {
            shared.called.notified().await;
        }
        tokio::time::sleep(disk::sync_takes()).await;
        if let Some(worker) = &mut *shared.worker.lock() {
            worker.work_off();
        }
    }
}

/// Files of which it is known what was not synced.
struct Files(Arc<Mutex<Journal>>);

#[derive(Default)]
struct Journal {
    /// In their order.
    unsynced: Vec<Unsynced>,
    /// Syncs do nothing any more, nor does what tidies up.
    is_dying: bool,
}

struct Unsynced {
    file: Arc<Plain>,
    offset: u64,
    before: Vec<u8>,
}

/// An open file.
struct Journaled {
    file: Arc<Plain>,
    journal: Arc<Mutex<Journal>>,
}

/// Writes into one.
struct JournaledWriter {
    plain: <DefaultFileSystem as FileSystem>::Writer,
    handle: Arc<Journaled>,
    offset: u64,
}

impl Files {
    fn handle(&self, file: Plain) -> Journaled {
        Journaled {
            file: Arc::new(file),
            journal: Arc::clone(&self.0),
        }
    }

    /// Of what was not synced, each sector is lost or not.
    fn lose(&self) {
        let unsynced = std::mem::take(&mut self.0.lock().unsynced);
        for write in unsynced.into_iter().rev() {
            let mut writer = DefaultFileSystem
                .new_writer(write.file)
                .expect("an open file can be written");
            let mut from = 0;
            while from < write.before.len() {
                let at = write.offset + from as u64;
                let to = write.before.len().min(from + SECTOR - at as usize % SECTOR);
                if disk::below(2) == 0 {
                    writer
                        .seek(SeekFrom::Start(at))
                        .and_then(|_| writer.write_all(&write.before[from..to]))
                        .expect("what was written can be written over");
                }
                from = to;
            }
        }
    }
}

impl FileSystem for Files {
    type Handle = Journaled;
    type Reader = <DefaultFileSystem as FileSystem>::Reader;
    type Writer = JournaledWriter;

    fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<Journaled> {
        Ok(self.handle(DefaultFileSystem.create(path)?))
    }

    fn open<P: AsRef<Path>>(&self, path: P, permission: Permission) -> io::Result<Journaled> {
        Ok(self.handle(DefaultFileSystem.open(path, permission)?))
    }

    fn delete<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        DefaultFileSystem.delete(path)
    }

    fn rename<P: AsRef<Path>>(&self, from: P, to: P) -> io::Result<()> {
        DefaultFileSystem.rename(from, to)
    }

    fn new_reader(&self, handle: Arc<Journaled>) -> io::Result<Self::Reader> {
        DefaultFileSystem.new_reader(Arc::clone(&handle.file))
    }

    fn new_writer(&self, handle: Arc<Journaled>) -> io::Result<JournaledWriter> {
        Ok(JournaledWriter {
            plain: DefaultFileSystem.new_writer(Arc::clone(&handle.file))?,
            handle,
            offset: 0,
        })
    }
}

impl Journaled {
    fn is_dying(&self) -> bool {
        self.journal.lock().is_dying
    }
}

impl Handle for Journaled {
    fn truncate(&self, offset: usize) -> io::Result<()> {
        match self.is_dying() {
            true => Ok(()),
            false => self.file.truncate(offset),
        }
    }

    fn file_size(&self) -> io::Result<usize> {
        self.file.file_size()
    }

    fn sync(&self) -> io::Result<()> {
        let mut journal = self.journal.lock();
        if !journal.is_dying {
            journal
                .unsynced
                .retain(|write| !Arc::ptr_eq(&write.file, &self.file));
        }
        Ok(())
    }
}

impl Write for JournaledWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = &self.handle.file;
        let mut reader = DefaultFileSystem.new_reader(Arc::clone(file))?;
        reader.seek(SeekFrom::Start(self.offset))?;
        let mut before = Vec::new();
        reader.take(bytes.len() as u64).read_to_end(&mut before)?;
        // Behind the end.
        before.resize(bytes.len(), 0);
        self.handle.journal.lock().unsynced.push(Unsynced {
            file: Arc::clone(file),
            offset: self.offset,
            before,
        });
        self.plain.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plain.flush()
    }
}

impl Seek for JournaledWriter {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.offset = self.plain.seek(place)?;
        Ok(self.offset)
    }
}

impl WriteExt for JournaledWriter {
    fn truncate(&mut self, offset: usize) -> io::Result<()> {
        if self.handle.is_dying() {
            return Ok(());
        }
        self.plain.truncate(offset)?;
        self.offset = offset as u64;
        Ok(())
    }

    fn allocate(&mut self, offset: usize, size: usize) -> io::Result<()> {
        self.plain.allocate(offset, size)
    }
}
