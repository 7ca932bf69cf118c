//! What a node keeps on disk of itself, beside its groups' logs.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holdfast_replication::raft::{ClusterId, DataDirectory};
use holdfast_state::{GroupId, ReplicaId};
use parking_lot::Mutex;
use prost::Message;

use super::calls::{PreparationMessage, bytes_of, id_of, standing_number, standing_of};
use super::forming::{Preparation, Standing};
use crate::identity::random;
use crate::node::COORDINATION_GROUPS;

/// The note's name.
const NOTE: &str = "node";
/// What to do about a directory that cannot be used.
const REMEDY: &str = "move the directory away to start as a new node, which gets its state from the others";

/// What a node must know when it comes back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    /// The node's name: another one has no business here.
    pub(crate) name: String,
    /// Random, made with the directory: names the logs in it.
    pub(crate) disk: u128,
    /// What has become of the node.
    pub(crate) standing: Standing,
    /// Its replica of the meta group; 0: it has none.
    pub(crate) replica: ReplicaId,
    /// The last preparation that it has accepted, unless it came to its cluster later.
    pub(crate) preparation: Option<Preparation>,
}

#[derive(Clone, PartialEq, Message)]
struct KeptMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", tag = "2")]
    disk: Bytes,
    #[prost(uint32, tag = "3")]
    standing: u32,
    #[prost(bytes = "bytes", tag = "4")]
    cluster: Bytes,
    #[prost(uint64, tag = "5")]
    replica: u64,
    #[prost(message, optional, tag = "6")]
    preparation: Option<PreparationMessage>,
}

/// A node's data directory, open.
pub(crate) struct Home {
    path: PathBuf,
    data: DataDirectory,
    kept: Mutex<Kept>,
}

impl Kept {
    fn new(name: &str) -> Kept {
        Kept {
            name: name.to_owned(),
            disk: random(),
            standing: Standing::Unformed,
            replica: ReplicaId(0),
            preparation: None,
        }
    }

    /// The cluster whose meta group it has a replica of.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        match self.standing {
            Standing::Started(cluster) | Standing::Formed(cluster) => Some(cluster),
            Standing::Unformed => self.preparation.as_ref().map(|it| it.cluster),
        }
    }

    fn encode(&self) -> Bytes {
        let (standing, cluster) = standing_number(self.standing);
        let message = KeptMessage {
            name: self.name.clone(),
            disk: bytes_of(self.disk),
            standing,
            cluster: bytes_of(cluster.0),
            replica: self.replica.0,
            preparation: self.preparation.as_ref().map(PreparationMessage::from),
        };
        message.encode_to_vec().into()
    }

    fn decode(bytes: Bytes) -> Result<Kept, String> {
        let message = KeptMessage::decode(bytes).map_err(|error| error.to_string())?;
        let id = |bytes: &Bytes| id_of(bytes).map_err(|error| error.to_string());
        let standing = standing_of(message.standing, ClusterId(id(&message.cluster)?));
        let preparation = message.preparation.map(Preparation::try_from).transpose();
        Ok(Kept {
            name: message.name,
            disk: id(&message.disk)?,
            standing: standing.map_err(|error| error.to_string())?,
            replica: ReplicaId(message.replica),
            preparation: preparation.map_err(|error| error.to_string())?,
        })
    }
}

impl Home {
    /// Opens the directory of the node of that name, or makes one.
    ///
    /// # Errors
    /// It is in use, another node's, a node's that was alone, damaged, or of another format, or the disk refuses. The
    /// message names the file and what to do.
    pub(crate) async fn open(path: &Path, name: &str) -> io::Result<Home> {
        let data = DataDirectory::open(path)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => io::Error::new(error.kind(), format!("{error}; {REMEDY}")),
                _ => error,
            })?;
        match Self::begin(&data, path, name).await {
            Ok(kept) => Ok(Home {
                path: path.to_owned(),
                data,
                kept: Mutex::new(kept),
            }),
            Err(error) => {
                data.close().await;
                Err(error)
            }
        }
    }

    async fn begin(data: &DataDirectory, path: &Path, name: &str) -> io::Result<Kept> {
        let refused = |reason: String| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{}: {reason}", path.display()),
            )
        };
        if let Some(note) = data.note(NOTE).await? {
            let kept = Kept::decode(note).map_err(|error| {
                let reason = format!(
                    "{}: the node's own note cannot be read: {error}; {REMEDY}",
                    path.display()
                );
                io::Error::new(io::ErrorKind::InvalidData, reason)
            })?;
            if kept.name != name {
                return Err(refused(format!(
                    "the directory is node '{}'s and this is node '{name}': give it its own directory, or its name with \
                     --node",
                    kept.name
                )));
            }
            return Ok(kept);
        }
        for group in 0..=COORDINATION_GROUPS {
            let found = data.replica_of(GroupId(group)).await;
            if found.map_err(|error| refused(error.to_string()))?.is_some() {
                return Err(refused(format!(
                    "group {group} is there and no node says whose it is; {REMEDY}"
                )));
            }
        }
        let kept = Kept::new(name);
        data.set_note(NOTE, kept.encode()).await?;
        Ok(kept)
    }

    pub(crate) fn data(&self) -> &DataDirectory {
        &self.data
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn disk(&self) -> u128 {
        self.kept.lock().disk
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept.lock().clone()
    }

    /// Changes what is kept; it is on disk when this returns. Called by one task at a time.
    ///
    /// # Errors
    /// The disk has failed.
    pub(crate) async fn keep(&self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let before = self.kept();
        let mut kept = before.clone();
        change(&mut kept);
        if kept == before {
            return Ok(());
        }
        self.data.set_note(NOTE, kept.encode()).await?;
        *self.kept.lock() = kept;
        Ok(())
    }

    /// Forgets everything, as if the directory were new. No group may be running.
    ///
    /// # Errors
    /// The disk has failed.
    pub(crate) async fn renew(&self) -> io::Result<()> {
        // The name of the logs first: what a crash leaves of them is nobody's then.
        self.keep(|kept| *kept = Kept::new(&kept.name)).await?;
        for group in 0..=COORDINATION_GROUPS {
            if self.data.has_group(GroupId(group)).await? {
                self.data.forget(GroupId(group)).await?;
            }
        }
        Ok(())
    }
}
