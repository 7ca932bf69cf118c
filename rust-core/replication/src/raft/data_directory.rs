//! A node's data directory: the logs and snapshots of its durable groups, and notes of the node itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_state::{GroupId, ReplicaId};
use tokio::sync::oneshot;

use super::address::{ClusterId, ReplicaAddress};
use super::beginning::beginning;
use super::errors::StartError;
use super::group_snapshots::GroupSnapshots;
use super::log::durable::DurableLog;
use super::machine::GroupMachine;
use crate::disk::{Directory, LogDisk, LogWrite, Recovered, damaged, stopped};

/// Where notes of the node itself are kept: no group has this number.
const NODE: GroupId = GroupId(u16::MAX);
/// Whose group's log it is.
pub(crate) const CLUSTER: &str = "cluster";
/// Which replica's.
const REPLICA: &str = "replica";

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
        Ok(self.recover(NODE).await?.notes.remove(name))
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
        // The log last: what is left without it would be taken for another replica's state.
        GroupSnapshots::new(self.0.path(), group, ClusterId(0)).forget()?;
        self.write(group, LogWrite::Forget).await
    }

    /// Whether [`DataDirectory::begin_again`] was called for this replica, which has not been started since.
    ///
    /// # Errors
    /// The disk has failed, or what is there is damaged.
    pub async fn begins_again(
        &self,
        group: GroupId,
        cluster: ClusterId,
        replica: ReplicaId,
    ) -> io::Result<bool> {
        GroupSnapshots::new(self.0.path(), group, cluster).has_beginning(replica)
    }

    /// Forgets what there is of a group when it is not this replica's.
    ///
    /// # Errors
    /// As for [`DataDirectory::forget`].
    pub async fn make_room(&self, group: GroupId, cluster: ClusterId, replica: ReplicaId) -> io::Result<()> {
        if self.begins_again(group, cluster, replica).await? {
            return Ok(());
        }
        match self.replica_of(group).await? {
            Some(found) if found != (cluster, replica) => self.forget(group).await,
            _ => Ok(()),
        }
    }

    /// A group starts again with the state of a machine, and one member: when this returns, the replica that is started
    /// next with this id begins so, in place of the one that is there. That one must have stopped. Until the new one has
    /// been started, the old one can be started as well, as it was.
    ///
    /// # Errors
    /// The machine has no snapshot, or the disk refuses; what is there stays.
    pub async fn begin_again<M: GroupMachine>(
        &self,
        group: GroupId,
        cluster: ClusterId,
        (replica, address): (ReplicaId, &ReplicaAddress),
        machine: &Arc<M>,
    ) -> Result<(), StartError> {
        let meta = beginning(replica, address)?;
        let files = GroupSnapshots::new(self.0.path(), group, cluster);
        let machine = Arc::clone(machine);
        let written = holdfast_system::work::spawn_blocking(move || {
            let view = machine.snapshot().map_err(io::Error::from)?;
            files.write_beginning(&meta, view.map(|piece| piece.map_err(io::Error::from)))
        });
        match written.await {
            Ok(result) => result.map_err(|error| StartError::Log(error.to_string())),
            Err(_) => Err(StartError::Log("writing a snapshot panicked".to_owned())),
        }
    }

    /// The cluster and the replica of it that the directory has of a group; `None`: it has nothing of the group.
    ///
    /// # Errors
    /// The disk has failed, or what is there is not a replica's.
    pub async fn replica_of(&self, group: GroupId) -> io::Result<Option<(ClusterId, ReplicaId)>> {
        let recovered = self.recover(group).await?;
        if recovered.notes.is_empty() && recovered.span.is_none() {
            return Ok(None);
        }
        let bytes = |name: &str| recovered.notes.get(name).map(|value| &value[..]);
        let cluster = bytes(CLUSTER).and_then(|value| value.try_into().ok().map(u128::from_le_bytes));
        let replica = bytes(REPLICA).and_then(|value| value.try_into().ok().map(u64::from_le_bytes));
        match (cluster, replica) {
            (Some(cluster), Some(replica)) => Ok(Some((ClusterId(cluster), ReplicaId(replica)))),
            // A crash came before the replica had anything.
            (None, Some(_)) if recovered.notes.len() == 1 => Ok(None),
            _ => Err(damaged(format!(
                "{}: group {} is not of a node of a cluster: a node that is alone has written it",
                self.0.path().display(),
                group.0
            ))),
        }
    }

    async fn recover(&self, group: GroupId) -> io::Result<Recovered> {
        let (sender, reply) = oneshot::channel();
        self.0
            .recover(group, Box::new(move |result| drop(sender.send(result))));
        reply.await.map_err(|_| stopped())?
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
        Ok(!self.recover(group).await?.notes.is_empty())
    }

    /// A group's log and snapshots; written for one cluster, they are refused in another.
    pub(crate) async fn open_group(
        &self,
        group: GroupId,
        replica: ReplicaId,
        cluster: Option<ClusterId>,
    ) -> Result<(DurableLog, Arc<GroupSnapshots>), StartError> {
        let log_error = |error: io::Error| StartError::Log(error.to_string());
        let cluster =
            cluster.ok_or_else(|| StartError::Settings("a durable group needs its cluster's id".into()))?;
        let own = Bytes::copy_from_slice(&cluster.0.to_le_bytes());
        let own_replica = Bytes::copy_from_slice(&replica.0.to_le_bytes());
        let files = Arc::new(GroupSnapshots::new(self.0.path(), group, cluster));
        let begins_again = files.has_beginning(replica).map_err(log_error)?;
        if begins_again {
            self.write(group, LogWrite::Forget).await.map_err(log_error)?;
        }
        let recovered = self.recover(group).await.map_err(log_error)?;
        match recovered.notes.get(CLUSTER) {
            Some(written) if *written == own => {
                // What one replica has voted must not be forgotten by, nor taken for, another one.
                if recovered.notes.get(REPLICA).is_some_and(|it| *it != own_replica) {
                    return Err(StartError::Log(
                        "it was written by another replica of the group".to_owned(),
                    ));
                }
            }
            Some(_) => return Err(StartError::Log("it was written for another cluster".to_owned())),
            // A crash may have come between the first two notes.
            None if recovered.span.is_some() || recovered.notes.keys().any(|name| name != REPLICA) => {
                return Err(StartError::Log(
                    "it does not say for which cluster it was written".to_owned(),
                ));
            }
            None => {
                if !begins_again {
                    // Of a replica that was forgotten, if there is any.
                    files.forget().map_err(log_error)?;
                }
                for (name, value) in [(REPLICA, own_replica), (CLUSTER, own)] {
                    let lazy = false;
                    let note = LogWrite::Note { name, value, lazy };
                    self.write(group, note).await.map_err(log_error)?;
                }
            }
        }
        if begins_again {
            files.take_beginning().map_err(log_error)?;
        }
        let disk: Arc<dyn LogDisk> = Arc::clone(&self.0) as Arc<dyn LogDisk>;
        let log = DurableLog::open(group, disk).await.map_err(log_error)?;
        Ok((log, files))
    }

    /// Writes what is still to be written and gives the directory up. Whatever comes after fails.
    pub async fn close(&self) {
        let directory = Arc::clone(&self.0);
        let _ = holdfast_system::work::spawn_blocking(move || directory.close()).await;
    }
}
