//! Sends a snapshot to one replica, piece by piece.

use bytes::Bytes;
#[cfg(feature = "disk")]
use openraft::StorageError;
use openraft::errors::{NetworkError, RPCError, StreamingError};

use super::ask::{Answer, Ask, SnapshotAnswer, SnapshotPiece};
use super::raft_network::ReplicaLink;
use crate::raft::snapshot::{SnapshotBody, SnapshotSource};
use crate::raft::types::{SnapshotMeta, Types, Vote};

pub(super) struct SnapshotSender<'a> {
    pub(super) link: &'a ReplicaLink,
    pub(super) vote: Vote,
    pub(super) meta: SnapshotMeta,
}

impl SnapshotSender<'_> {
    /// Sends all of it; the receiver's vote, which is higher than ours when it was refused.
    pub(super) async fn send(self, body: SnapshotBody) -> Result<Vote, StreamingError<Types>> {
        let peers = self.link.peers();
        let _place = peers.snapshot_permit().await;
        let mut source = body.into_source();
        let mut offset = 0;
        loop {
            let (bytes, last);
            (source, bytes, last) = self.next_piece(source, offset).await?;
            peers.throttle(bytes.len()).await;
            let end = offset + bytes.len() as u64;
            let piece = SnapshotPiece {
                vote: self.vote,
                meta: self.meta.clone(),
                offset,
                bytes,
                last,
                resumable: source.resumable(),
            };
            match self.ask(piece).await? {
                SnapshotAnswer::Done { vote } => return Ok(vote),
                SnapshotAnswer::Continue { offset: next } if next == end && !last => offset = next,
                SnapshotAnswer::Continue { offset: next }
                    if source.resumable() && next <= source.length() =>
                {
                    offset = next;
                }
                SnapshotAnswer::Continue { .. } => {
                    let lost = "the receiver has lost what it had of the snapshot";
                    return Err(StreamingError::Network(NetworkError::from_string(lost)));
                }
            }
        }
    }

    async fn ask(&self, piece: SnapshotPiece) -> Result<SnapshotAnswer, StreamingError<Types>> {
        match self.link.send_piece(Ask::Snapshot(piece)).await {
            Ok(Answer::Snapshot(answer)) => Ok(answer),
            Ok(_) => Err(StreamingError::Network(NetworkError::from_string(
                "the answer is not one to the question",
            ))),
            Err(RPCError::RemoteError(never)) => match never.source {},
            Err(error) => Err(error.into()),
        }
    }

    /// Encoding and reading files take their time: not on a task that others wait for.
    async fn next_piece(
        &self,
        mut source: SnapshotSource,
        offset: u64,
    ) -> Result<(SnapshotSource, Bytes, bool), StreamingError<Types>> {
        let read = holdfast_system::work::spawn_blocking(move || {
            let piece = source.piece_at(offset);
            (source, piece)
        });
        match read.await {
            Ok((source, Ok((bytes, last)))) => Ok((source, bytes, last)),
            // Given up for newer views: this replica's storage is well, and another one can be made.
            Ok((SnapshotSource::View { .. }, Err(error))) => Err(StreamingError::Network(
                NetworkError::from_string(error.to_string()),
            )),
            #[cfg(feature = "disk")]
            Ok((_, Err(error))) => Err(StreamingError::StorageError(StorageError::from_io_error(
                openraft::ErrorSubject::Snapshot(None),
                openraft::ErrorVerb::Read,
                error,
            ))),
            Err(_) => Err(StreamingError::Network(NetworkError::from_string(
                "encoding the snapshot panicked",
            ))),
        }
    }
}
