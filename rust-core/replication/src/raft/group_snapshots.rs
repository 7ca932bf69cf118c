//! A replica's snapshots on disk: their meta is openraft's.

use std::io;
use std::path::Path;

use bytes::Bytes;
use holdfast_state::{GroupId, ReplicaId};
use prost::Message;

use super::address::ClusterId;
use super::beginning::begins;
use super::network::{WireSnapshotMeta, meta_from_wire, meta_to_wire};
use super::types::SnapshotMeta;
use crate::disk::{SnapshotFile, SnapshotFiles, damaged};

/// Where a group's snapshots are.
pub(crate) struct GroupSnapshots(SnapshotFiles);

impl GroupSnapshots {
    pub(crate) fn new(directory: &Path, group: GroupId, cluster: ClusterId) -> Self {
        Self(SnapshotFiles::new(directory, group, cluster.0))
    }

    /// See [`SnapshotFiles::write`].
    pub(crate) fn write(
        &self,
        meta: &SnapshotMeta,
        pieces: impl Iterator<Item = io::Result<Bytes>>,
    ) -> io::Result<()> {
        let is_as_new = |before: &[u8]| Ok(decode(before)?.last_log_id >= meta.last_log_id);
        self.0
            .write(&meta_to_wire(meta).encode_to_vec(), is_as_new, pieces)
    }

    /// See [`SnapshotFiles::newest`].
    pub(crate) fn newest(&self) -> io::Result<Option<(SnapshotMeta, SnapshotFile)>> {
        match self.0.newest()? {
            Some((meta, file)) => Ok(Some((decode(&meta)?, file))),
            None => Ok(None),
        }
    }

    /// Keeps the state that a group starts again with beside what there is, until [`GroupSnapshots::take_beginning`].
    pub(crate) fn write_beginning(
        &self,
        meta: &SnapshotMeta,
        pieces: impl Iterator<Item = io::Result<Bytes>>,
    ) -> io::Result<()> {
        let beside = self.0.beside();
        beside.forget()?;
        beside.write(&meta_to_wire(meta).encode_to_vec(), |_| Ok(false), pieces)
    }

    /// Whether such a state of this replica is kept. Those of others are removed.
    pub(crate) fn has_beginning(&self, replica: ReplicaId) -> io::Result<bool> {
        let beside = self.0.beside();
        match beside.newest()? {
            Some((meta, _)) if begins(&decode(&meta)?, replica) => Ok(true),
            Some(_) => beside.forget().map(|()| false),
            None => Ok(false),
        }
    }

    /// It is the group's snapshot from now on.
    pub(crate) fn take_beginning(&self) -> io::Result<()> {
        self.0.take_beside()
    }

    /// See [`SnapshotFiles::forget`].
    pub(crate) fn forget(&self) -> io::Result<()> {
        self.0.beside().forget()?;
        self.0.forget()
    }
}

fn decode(meta: &[u8]) -> io::Result<SnapshotMeta> {
    meta_from_wire(WireSnapshotMeta::decode(meta).map_err(damaged)?).map_err(damaged)
}
