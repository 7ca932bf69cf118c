//! A node's data directory: the logs and snapshots of its durable groups, and notes of the node itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_state::GroupId;
use tokio::sync::oneshot;

use super::address::ClusterId;
use super::errors::StartError;
use super::group_snapshots::GroupSnapshots;
use super::log::durable::DurableLog;
use crate::disk::{Directory, LogDisk, LogWrite, stopped};

/// Where notes of the node itself are kept: no group has this number.
const NODE: GroupId = GroupId(u16::MAX);
/// Whose group's log it is.
pub(crate) const CLUSTER: &str = "cluster";

/// An open data directory. Clones share it; it is closed when the last is gone.
#[derive(Clone)]
pub struct DataDirectory(Arc<Directory>);

impl DataDirectory {
    /// Opens a directory, or makes one.
    ///
    /// # Errors
    /// Another process uses it, its format is unknown, its log is damaged, or the disk refuses. The message names the
    /// file.
    pub async fn open(path: impl Into<PathBuf>) -> io::Result<DataDirectory> {
        let path = path.into();
        holdfast_system::work::spawn_blocking(move || Directory::open(&path))
            .await
            .map_err(|_| io::Error::other("opening the data directory panicked"))?
            .map(|directory| DataDirectory(Arc::new(directory)))
    }

    /// A note of the node: its identity, what it must remember over restarts.
    ///
    /// # Errors
    /// The disk has failed.
    pub async fn note(&self, name: &str) -> io::Result<Option<Bytes>> {
        let (sender, reply) = oneshot::channel();
        self.0
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
        GroupSnapshots::new(self.0.path(), group, ClusterId(0)).forget()
    }

    async fn write(&self, group: GroupId, write: LogWrite) -> io::Result<()> {
        let (sender, done) = oneshot::channel();
        self.0
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
            .recover(group, Box::new(move |result| drop(sender.send(result))));
        Ok(!reply.await.map_err(|_| stopped())??.notes.is_empty())
    }

    /// A group's log and snapshots; written for one cluster, they are refused in another.
    pub(crate) async fn open_group(
        &self,
        group: GroupId,
        cluster: Option<ClusterId>,
    ) -> Result<(DurableLog, Arc<GroupSnapshots>), StartError> {
        let log_error = |error: io::Error| StartError::Log(error.to_string());
        let cluster =
            cluster.ok_or_else(|| StartError::Settings("a durable group needs its cluster's id".into()))?;
        let own = Bytes::copy_from_slice(&cluster.0.to_le_bytes());
        let (sender, reply) = oneshot::channel();
        self.0
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
        let disk: Arc<dyn LogDisk> = Arc::clone(&self.0) as Arc<dyn LogDisk>;
        let log = DurableLog::open(group, disk).await.map_err(log_error)?;
        Ok((log, Arc::new(GroupSnapshots::new(self.0.path(), group, cluster))))
    }

    /// Writes what is still to be written and gives the directory up. Whatever comes after fails.
    pub async fn close(&self) {
        let directory = Arc::clone(&self.0);
        let _ = holdfast_system::work::spawn_blocking(move || directory.close()).await;
    }
}
