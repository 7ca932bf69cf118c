//! What other replicas of a group ask of this one.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use openraft::async_runtime::WatchReceiver;
use parking_lot::Mutex;

use super::group::Core;
use super::machine::GroupMachine;
use super::network::{Answer, Ask, Inbox, Refusal, SnapshotAnswer, SnapshotPiece};
use super::snapshot::SnapshotBody;
use super::types::{Snapshot, SnapshotMeta, Vote};
use holdfast_state::ReplicaId;

/// A group's end of the network.
pub(crate) struct GroupInbox<M: GroupMachine> {
    core: Weak<Core<M>>,
    replica: ReplicaId,
    receiving: Mutex<Option<Receiving>>,
}

/// A snapshot of which not all has arrived.
struct Receiving {
    vote: Vote,
    meta: SnapshotMeta,
    pieces: Vec<Bytes>,
    length: u64,
}

impl<M: GroupMachine> GroupInbox<M> {
    pub(crate) fn new(core: Weak<Core<M>>, replica: ReplicaId) -> Self {
        Self {
            core,
            replica,
            receiving: Mutex::new(None),
        }
    }

    async fn answer(&self, ask: Ask) -> Result<Answer, Refusal> {
        let core = self.core.upgrade().ok_or(Refusal::Stopped)?;
        let raft = &core.raft;
        match ask {
            Ask::Append(append) => {
                // The rest of a former leader's snapshot does not come any more.
                self.receiving
                    .lock()
                    .take_if(|receiving| receiving.vote != append.vote);
                let appended = raft.append_entries(append).await;
                appended.map(Answer::Append).map_err(stopped)
            }
            Ask::Vote(vote) => raft.vote(vote).await.map(Answer::Vote).map_err(stopped),
            Ask::PreVote(vote) => raft.pre_vote(vote).await.map(Answer::Vote).map_err(stopped),
            Ask::Transfer(transfer) => raft
                .handle_transfer_leader(transfer)
                .await
                .map(Answer::Transfer)
                .map_err(stopped),
            Ask::ReadIndex => Ok(Answer::ReadIndex(core.read_index().await)),
            Ask::Snapshot(piece) => self.snapshot_piece(&core, piece).await.map(Answer::Snapshot),
            Ask::Node(_) => Err(Refusal::Node("calls of nodes are not for groups".to_owned())),
        }
    }

    async fn snapshot_piece(&self, core: &Core<M>, piece: SnapshotPiece) -> Result<SnapshotAnswer, Refusal> {
        let own = core.raft.metrics().borrow_watched().vote;
        // Votes of one term by different replicas are ordered too: what is not at least ours is an old leader's.
        if own.partial_cmp(&piece.vote).is_none_or(std::cmp::Ordering::is_gt) {
            return Ok(SnapshotAnswer::Done { vote: own });
        }
        let vote = piece.vote;
        let received = match self.receive(piece) {
            Ok(received) => received,
            Err(offset) => return Ok(SnapshotAnswer::Continue { offset }),
        };
        let snapshot = Snapshot {
            meta: received.meta,
            snapshot: SnapshotBody::Pieces(received.pieces),
        };
        let response = core
            .raft
            .install_full_snapshot(vote, snapshot)
            .await
            .map_err(stopped)?;
        Ok(SnapshotAnswer::Done { vote: response.vote })
    }

    /// Keeps a piece; the whole snapshot when it was the last, else where the next should begin.
    fn receive(&self, piece: SnapshotPiece) -> Result<Receiving, u64> {
        let mut slot = self.receiving.lock();
        let same = slot
            .as_ref()
            .is_some_and(|receiving| receiving.vote == piece.vote && receiving.meta == piece.meta);
        let begins_anew = piece.offset == 0 && !(same && piece.resumable);
        if begins_anew || !same {
            *slot = Some(Receiving {
                vote: piece.vote,
                meta: piece.meta.clone(),
                pieces: Vec::new(),
                length: 0,
            });
        }
        let Some(receiving) = slot.as_mut() else {
            return Err(0);
        };
        if piece.offset != receiving.length {
            return Err(receiving.length);
        }
        receiving.length += piece.bytes.len() as u64;
        receiving.pieces.push(piece.bytes);
        if !piece.last {
            return Err(receiving.length);
        }
        slot.take().ok_or(0)
    }
}

impl<M: GroupMachine> Inbox for GroupInbox<M> {
    fn replica(&self) -> ReplicaId {
        self.replica
    }

    fn handle(self: Arc<Self>, _from: ReplicaId, ask: Ask) -> BoxFuture<'static, Result<Answer, Refusal>> {
        async move { self.answer(ask).await }.boxed()
    }
}

fn stopped<E>(_error: E) -> Refusal {
    Refusal::Stopped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::machines::MetaGroup;

    fn piece(offset: u64, bytes: &'static [u8], last: bool, resumable: bool) -> SnapshotPiece {
        SnapshotPiece {
            vote: Vote::new(1, super::super::types::RaftId(2)),
            meta: SnapshotMeta::default(),
            offset,
            bytes: Bytes::from_static(bytes),
            last,
            resumable,
        }
    }

    fn received(result: Result<Receiving, u64>) -> Result<Vec<u8>, u64> {
        result.map(|received| received.pieces.concat())
    }

    #[test]
    fn a_transfer_that_was_broken_off_goes_on_where_it_was() {
        let inbox: GroupInbox<MetaGroup> = GroupInbox::new(Weak::new(), ReplicaId(1));
        assert_eq!(received(inbox.receive(piece(0, b"one ", false, true))), Err(4));
        assert_eq!(received(inbox.receive(piece(4, b"two ", false, true))), Err(8));
        // The sender begins again, is told where to go on, and goes on there.
        assert_eq!(received(inbox.receive(piece(0, b"one ", false, true))), Err(8));
        assert_eq!(
            received(inbox.receive(piece(8, b"three", true, true))),
            Ok(b"one two three".to_vec())
        );
    }

    #[test]
    fn a_transfer_that_cannot_be_resumed_begins_anew() {
        let inbox: GroupInbox<MetaGroup> = GroupInbox::new(Weak::new(), ReplicaId(1));
        assert_eq!(received(inbox.receive(piece(0, b"one ", false, false))), Err(4));
        assert_eq!(received(inbox.receive(piece(0, b"uno ", false, false))), Err(4));
        assert_eq!(
            received(inbox.receive(piece(4, b"due", true, false))),
            Ok(b"uno due".to_vec())
        );
        // A piece of a snapshot of which the beginning is not here.
        assert_eq!(received(inbox.receive(piece(4, b"due", true, true))), Err(0));
    }
}
