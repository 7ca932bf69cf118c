//! A node's data directory.
//!
//! ```text
//! DIR/holdfast         format, and the salt of the log's seals; locked while a process uses the directory
//! DIR/log/             raft-engine's files: one log for all groups
//! DIR/snapshots/N      the newest snapshot of group N
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holdfast_state::GroupId;
use parking_lot::Mutex;

use super::engine_disk::EngineDisk;
use super::log_disk::{Done, LogDisk, LogWrite, Recovered, Reply};
use super::seals::Seals;
use super::{damaged, sync_directory};

const MARK: &str = "holdfast";
const MAGIC: [u8; 8] = *b"HfData\x00\x01";

/// An open data directory.
pub(crate) struct Directory {
    path: PathBuf,
    disk: EngineDisk,
    /// Keeps others out until it is closed.
    mark: Mutex<Option<File>>,
}

impl Directory {
    /// Opens a directory, or makes one. Blocks.
    ///
    /// # Errors
    /// It is in use, its format is unknown, its log is damaged, or the disk refuses. The message names the file.
    pub(crate) fn open(path: &Path) -> io::Result<Directory> {
        let at = |place: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", place.display()))
        };
        let snapshots = path.join("snapshots");
        std::fs::create_dir_all(&snapshots).map_err(|error| at(&snapshots, error))?;
        let (mark, salt) = mark(path).map_err(|error| at(&path.join(MARK), error))?;
        let log = path.join("log");
        let disk = EngineDisk::open(&log, Seals { salt }).map_err(|error| at(&log, error))?;
        sync_directory(path).map_err(|error| at(path, error))?;
        Ok(Directory {
            path: path.to_owned(),
            disk,
            mark: Mutex::new(Some(mark)),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is still to be written and lets others use the directory. Whatever comes after fails. Blocks.
    pub(crate) fn close(&self) {
        self.disk.close();
        self.mark.lock().take();
    }
}

impl LogDisk for Directory {
    fn write(&self, group: GroupId, write: LogWrite, done: Done) {
        self.disk.write(group, write, done);
    }

    fn read(&self, group: GroupId, first: u64, end: u64, byte_limit: usize, reply: Reply<Vec<Bytes>>) {
        self.disk.read(group, first, end, byte_limit, reply);
    }

    fn recover(&self, group: GroupId, reply: Reply<Recovered>) {
        self.disk.recover(group, reply);
    }
}

/// `magic | salt u64`, made once; the file stays locked while it is open.
fn mark(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(MARK))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let reason = "another process uses the directory, or another node of this one";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    if content.len() < MAGIC.len() + 8 {
        // Empty, or a crash has torn its making: nothing was written under it.
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(&[MAGIC, salt].concat())?;
        file.sync_all()?;
        sync_directory(path)?;
        return Ok((file, u64::from_le_bytes(salt)));
    }
    match content.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk()) {
        Some(salt) => Ok((file, u64::from_le_bytes(*salt))),
        None => Err(damaged("this is not a data directory of this build")),
    }
}
