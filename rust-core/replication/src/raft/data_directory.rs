//! A node's data directory: the logs and snapshots of its durable groups, and notes of the node itself.
//!
//! ```text
//! DIR/holdfast         format, and the salt of the log's seals; locked while a process uses the directory
//! DIR/log/             raft-engine's files: one log for all groups
//! DIR/snapshots/N      the newest snapshot of group N
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use holdfast_state::GroupId;
use tokio::sync::oneshot;

use super::address::ClusterId;
use super::errors::StartError;
use super::log::codec::damaged;
use super::log::disk::{LogDisk, LogWrite};
use super::log::durable::DurableLog;
use super::log::engine_disk::EngineDisk;
use super::log::seals::Seals;
use super::snapshot_file::SnapshotFiles;

const MARK: &str = "holdfast";
const MAGIC: [u8; 8] = *b"HfData\x00\x01";
/// Where notes of the node itself are kept: no group has this number.
const NODE: GroupId = GroupId(u16::MAX);
/// Whose group's log it is.
const CLUSTER: &str = "cluster";

/// An open data directory. Clones share it; it is closed when the last is gone.
#[derive(Clone)]
pub struct DataDirectory(Arc<Inner>);

struct Inner {
    path: PathBuf,
    disk: Arc<EngineDisk>,
    /// Keeps other processes out.
    _mark: File,
}

impl DataDirectory {
    /// Opens a directory, or makes one.
    ///
    /// # Errors
    /// Another process uses it, its format is unknown, its log is damaged, or the disk refuses.
    pub async fn open(path: impl Into<PathBuf>) -> io::Result<DataDirectory> {
        let path = path.into();
        tokio::task::spawn_blocking(move || Self::open_blocking(path))
            .await
            .map_err(|_| io::Error::other("opening the data directory panicked"))?
    }

    fn open_blocking(path: PathBuf) -> io::Result<DataDirectory> {
        std::fs::create_dir_all(path.join("snapshots"))?;
        let (mark, salt) = mark(&path)?;
        let disk = EngineDisk::open(&path.join("log"), Seals { salt })?;
        Ok(DataDirectory(Arc::new(Inner {
            path,
            disk: Arc::new(disk),
            _mark: mark,
        })))
    }

    /// A note of the node: its identity, what it must remember over restarts.
    ///
    /// # Errors
    /// The disk has failed.
    pub async fn note(&self, name: &str) -> io::Result<Option<Bytes>> {
        let (sender, reply) = oneshot::channel();
        self.0
            .disk
            .recover(NODE, Box::new(move |result| drop(sender.send(result))));
        let mut recovered = reply.await.map_err(|_| stopped())??;
        Ok(recovered.notes.remove(name))
    }

    /// Keeps a note; it is on disk when this returns.
    ///
    /// # Errors
    /// The disk has failed.
    pub async fn set_note(&self, name: &'static str, value: Bytes) -> io::Result<()> {
        let lazy = false;
        self.write(NODE, LogWrite::Note { name, value, lazy }).await
    }

    /// Forgets a group: its log, vote and snapshot. No replica of it may be running.
    ///
    /// # Errors
    /// The disk has failed.
    pub async fn forget(&self, group: GroupId) -> io::Result<()> {
        self.write(group, LogWrite::Forget).await?;
        SnapshotFiles::new(&self.0.path, group, ClusterId(0)).forget()
    }

    async fn write(&self, group: GroupId, write: LogWrite) -> io::Result<()> {
        let (sender, done) = oneshot::channel();
        self.0
            .disk
            .write(group, write, Box::new(move |result| drop(sender.send(result))));
        done.await.map_err(|_| stopped())?
    }

    /// Whether the directory has anything of a group.
    ///
    /// # Errors
    /// The disk has failed.
    pub async fn has_group(&self, group: GroupId) -> io::Result<bool> {
        let (sender, reply) = oneshot::channel();
        self.0
            .disk
            .recover(group, Box::new(move |result| drop(sender.send(result))));
        Ok(!reply.await.map_err(|_| stopped())??.notes.is_empty())
    }

    /// A group's log and snapshots; written for one cluster, they are refused in another.
    pub(crate) async fn open_group(
        &self,
        group: GroupId,
        cluster: Option<ClusterId>,
    ) -> Result<(DurableLog, Arc<SnapshotFiles>), StartError> {
        let log_error = |error: io::Error| StartError::Log(error.to_string());
        let cluster =
            cluster.ok_or_else(|| StartError::Settings("a durable group needs its cluster's id".into()))?;
        let own = Bytes::copy_from_slice(&cluster.0.to_le_bytes());
        let (sender, reply) = oneshot::channel();
        self.0
            .disk
            .recover(group, Box::new(move |result| drop(sender.send(result))));
        let recovered = reply
            .await
            .map_err(|_| log_error(stopped()))?
            .map_err(log_error)?;
        match recovered.notes.get(CLUSTER) {
            Some(written) if *written == own => {}
            Some(_) => return Err(StartError::Log("it was written for another cluster".to_owned())),
            None if recovered.span.is_some() || !recovered.notes.is_empty() => {
                return Err(StartError::Log(
                    "it does not say for which cluster it was written".to_owned(),
                ));
            }
            None => {
                let note = LogWrite::Note {
                    name: CLUSTER,
                    value: own,
                    lazy: false,
                };
                self.write(group, note).await.map_err(log_error)?;
            }
        }
        let disk: Arc<dyn LogDisk> = Arc::clone(&self.0.disk) as Arc<dyn LogDisk>;
        let log = DurableLog::open(group, disk).await.map_err(log_error)?;
        Ok((log, Arc::new(SnapshotFiles::new(&self.0.path, group, cluster))))
    }

    /// Writes what is still to be written and gives the directory up. Whatever comes after fails.
    pub async fn close(&self) {
        let disk = Arc::clone(&self.0.disk);
        let _ = tokio::task::spawn_blocking(move || disk.close()).await;
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
            let reason = format!("another process uses {}", path.display());
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
        File::open(path)?.sync_all()?;
        return Ok((file, u64::from_le_bytes(salt)));
    }
    match content.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk()) {
        Some(salt) => Ok((file, u64::from_le_bytes(*salt))),
        None => Err(damaged(format!(
            "{} is not a data directory of this build",
            path.display()
        ))),
    }
}

fn stopped() -> io::Error {
    io::Error::other("the log's thread has stopped")
}
