//! Questions and answers as protobuf, and back.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_state::{GroupId, NodeId, ReplicaId};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, VoteRequest,
    VoteResponse,
};

use super::ask::{Answer, Ask, Envelope, ReadIndexAnswer, Refusal, SnapshotAnswer, SnapshotPiece};
use super::wire::{self, question, reply};
use crate::raft::address::ReplicaAddress;
use crate::raft::types::{
    Entry, EntryBytes, LeaderId, LogId, Membership, Payload, RaftId, SnapshotMeta, StoredMembership, Types,
    Vote,
};

/// A message that says what none can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message lacks {0}")]
pub(crate) struct Malformed(&'static str);

pub(super) fn question(id: u64, envelope: Envelope) -> wire::Question {
    let ask = match envelope.ask {
        Ask::Append(append) => question::Ask::Append(append_to_wire(append)),
        Ask::Vote(vote) => question::Ask::Vote(vote_ask_to_wire(&vote)),
        Ask::PreVote(vote) => question::Ask::PreVote(vote_ask_to_wire(&vote)),
        Ask::Transfer(transfer) => question::Ask::Transfer(wire::Transfer {
            from: Some(vote_to_wire(transfer.from_leader())),
            to: transfer.to_node_id().0,
            last: transfer.last_log_id().map(id_to_wire),
        }),
        Ask::ReadIndex => question::Ask::ReadIndex(wire::Empty {}),
        Ask::Snapshot(piece) => question::Ask::Snapshot(wire::SnapshotPiece {
            vote: Some(vote_to_wire(&piece.vote)),
            meta: Some(meta_to_wire(&piece.meta)),
            offset: piece.offset,
            content: piece.bytes,
            last: piece.last,
            resumable: piece.resumable,
        }),
        Ask::Node(bytes) => question::Ask::Node(bytes),
    };
    wire::Question {
        id,
        group: envelope.group.0.into(),
        from: envelope.from.0,
        to: envelope.to.0,
        ask: Some(ask),
    }
}

pub(super) fn envelope(question: wire::Question) -> Result<Envelope, Malformed> {
    let ask = match question.ask.ok_or(Malformed("its question"))? {
        question::Ask::Append(append) => Ask::Append(append_from_wire(append)?),
        question::Ask::Vote(vote) => Ask::Vote(vote_ask_from_wire(vote)?),
        question::Ask::PreVote(vote) => Ask::PreVote(vote_ask_from_wire(vote)?),
        question::Ask::Transfer(transfer) => Ask::Transfer(TransferLeaderRequest::new(
            vote_from_wire(transfer.from)?,
            RaftId(transfer.to),
            transfer.last.map(id_from_wire),
        )),
        question::Ask::ReadIndex(wire::Empty {}) => Ask::ReadIndex,
        question::Ask::Snapshot(piece) => Ask::Snapshot(SnapshotPiece {
            vote: vote_from_wire(piece.vote)?,
            meta: meta_from_wire(piece.meta.ok_or(Malformed("the snapshot's place"))?)?,
            offset: piece.offset,
            bytes: piece.content,
            last: piece.last,
            resumable: piece.resumable,
        }),
        question::Ask::Node(bytes) => Ask::Node(bytes),
    };
    Ok(Envelope {
        group: GroupId(u16::try_from(question.group).map_err(|_| Malformed("a group that can be"))?),
        from: ReplicaId(question.from),
        to: ReplicaId(question.to),
        ask,
    })
}

pub(super) fn reply(id: u64, answer: Result<Answer, Refusal>) -> wire::Reply {
    let answer = match answer {
        Ok(Answer::Append(answer)) => reply::Answer::Append(appended_to_wire(answer)),
        Ok(Answer::Vote(answer)) => reply::Answer::Vote(wire::VoteAnswer {
            vote: Some(vote_to_wire(&answer.vote)),
            granted: answer.vote_granted,
            last: answer.last_log_id.as_ref().map(id_to_wire),
        }),
        Ok(Answer::Transfer(answer)) => reply::Answer::Transfer(transferred_to_wire(answer)),
        Ok(Answer::ReadIndex(answer)) => {
            use wire::read_index::Result;
            let (result, index) = match answer {
                ReadIndexAnswer::Index(index) => (Result::Index, index),
                ReadIndexAnswer::NotLeader => (Result::NotLeader, 0),
                ReadIndexAnswer::NoQuorum => (Result::NoQuorum, 0),
            };
            reply::Answer::ReadIndex(wire::ReadIndex {
                result: result.into(),
                index,
            })
        }
        Ok(Answer::Snapshot(SnapshotAnswer::Continue { offset })) => {
            reply::Answer::Snapshot(wire::SnapshotAnswer { done: None, offset })
        }
        Ok(Answer::Snapshot(SnapshotAnswer::Done { vote })) => {
            reply::Answer::Snapshot(wire::SnapshotAnswer {
                done: Some(vote_to_wire(&vote)),
                offset: 0,
            })
        }
        Ok(Answer::Node(bytes)) => reply::Answer::Node(bytes),
        Err(refusal) => reply::Answer::Refused(refused_to_wire(refusal)),
    };
    wire::Reply {
        id,
        answer: Some(answer),
    }
}

pub(super) fn answer(reply: wire::Reply) -> Result<Result<Answer, Refusal>, Malformed> {
    Ok(Ok(match reply.answer.ok_or(Malformed("its answer"))? {
        reply::Answer::Append(answer) => Answer::Append(appended_from_wire(answer)?),
        reply::Answer::Vote(answer) => Answer::Vote(VoteResponse {
            vote: vote_from_wire(answer.vote)?,
            vote_granted: answer.granted,
            last_log_id: answer.last.map(id_from_wire),
        }),
        reply::Answer::Transfer(answer) => Answer::Transfer(transferred_from_wire(answer)?),
        reply::Answer::ReadIndex(answer) => {
            use wire::read_index::Result;
            Answer::ReadIndex(match answer.result() {
                Result::Index => ReadIndexAnswer::Index(answer.index),
                Result::NotLeader => ReadIndexAnswer::NotLeader,
                Result::NoQuorum => ReadIndexAnswer::NoQuorum,
                Result::Unspecified => return Err(Malformed("the read's result")),
            })
        }
        reply::Answer::Snapshot(answer) => Answer::Snapshot(match answer.done {
            Some(vote) => SnapshotAnswer::Done {
                vote: vote_from_wire(Some(vote))?,
            },
            None => SnapshotAnswer::Continue {
                offset: answer.offset,
            },
        }),
        reply::Answer::Node(bytes) => Answer::Node(bytes),
        reply::Answer::Refused(refused) => return Ok(Err(refused_from_wire(refused))),
    }))
}

fn append_to_wire(append: AppendEntriesRequest<Types>) -> wire::Append {
    wire::Append {
        vote: Some(vote_to_wire(&append.vote)),
        previous: append.prev_log_id.as_ref().map(id_to_wire),
        committed: append.leader_commit.as_ref().map(id_to_wire),
        entries: append.entries.into_iter().map(entry_to_wire).collect(),
    }
}

fn append_from_wire(append: wire::Append) -> Result<AppendEntriesRequest<Types>, Malformed> {
    Ok(AppendEntriesRequest {
        vote: vote_from_wire(append.vote)?,
        prev_log_id: append.previous.map(id_from_wire),
        leader_commit: append.committed.map(id_from_wire),
        entries: append
            .entries
            .into_iter()
            .map(entry_from_wire)
            .collect::<Result<_, _>>()?,
    })
}

fn entry_to_wire(entry: Entry) -> wire::Entry {
    use wire::entry::Content;
    wire::Entry {
        id: Some(id_to_wire(&entry.log_id)),
        content: match entry.payload {
            Payload::Blank => None,
            Payload::Normal(bytes) => Some(Content::Commands(bytes.0)),
            Payload::Membership(membership) => Some(Content::Membership(membership_to_wire(&membership))),
        },
    }
}

fn entry_from_wire(entry: wire::Entry) -> Result<Entry, Malformed> {
    use wire::entry::Content;
    Ok(Entry {
        log_id: id_from_wire(entry.id.ok_or(Malformed("an entry's place"))?),
        payload: match entry.content {
            None => Payload::Blank,
            Some(Content::Commands(bytes)) => Payload::Normal(EntryBytes(bytes)),
            Some(Content::Membership(membership)) => Payload::Membership(membership_from_wire(membership)?),
        },
    })
}

fn appended_to_wire(answer: AppendEntriesResponse<Types>) -> wire::Appended {
    use wire::appended::Result;
    let (result, matched, vote) = match answer {
        AppendEntriesResponse::Success => (Result::Success, None, None),
        AppendEntriesResponse::PartialSuccess(matched) => (Result::Partial, matched, None),
        AppendEntriesResponse::Conflict => (Result::Conflict, None, None),
        AppendEntriesResponse::HigherVote(vote) => (Result::HigherVote, None, Some(vote)),
    };
    wire::Appended {
        result: result.into(),
        matched: matched.as_ref().map(id_to_wire),
        vote: vote.as_ref().map(vote_to_wire),
    }
}

fn appended_from_wire(answer: wire::Appended) -> Result<AppendEntriesResponse<Types>, Malformed> {
    use wire::appended::Result as Appended;
    Ok(match answer.result() {
        Appended::Success => AppendEntriesResponse::Success,
        Appended::Partial => AppendEntriesResponse::PartialSuccess(answer.matched.map(id_from_wire)),
        Appended::Conflict => AppendEntriesResponse::Conflict,
        Appended::HigherVote => AppendEntriesResponse::HigherVote(vote_from_wire(answer.vote)?),
        Appended::Unspecified => return Err(Malformed("the append's result")),
    })
}

fn vote_ask_to_wire(ask: &VoteRequest<Types>) -> wire::VoteAsk {
    wire::VoteAsk {
        vote: Some(vote_to_wire(&ask.vote)),
        last: ask.last_log_id.as_ref().map(id_to_wire),
        transfer: ask.leadership_transfer,
    }
}

fn vote_ask_from_wire(ask: wire::VoteAsk) -> Result<VoteRequest<Types>, Malformed> {
    Ok(VoteRequest {
        vote: vote_from_wire(ask.vote)?,
        last_log_id: ask.last.map(id_from_wire),
        leadership_transfer: ask.transfer,
    })
}

fn transferred_to_wire(answer: Result<(), TransferLeaderError<Types>>) -> wire::Transferred {
    use wire::transferred::Result;
    let mut transferred = wire::Transferred::default();
    let result = match answer {
        Ok(()) => Result::Taken,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            transferred.expected_vote = Some(vote_to_wire(&expected));
            transferred.actual_vote = Some(vote_to_wire(&actual));
            Result::VoteChanged
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            transferred.expected_last = expected.as_ref().map(id_to_wire);
            transferred.actual_last = actual.as_ref().map(id_to_wire);
            Result::LogNotFlushed
        }
    };
    transferred.set_result(result);
    transferred
}

fn transferred_from_wire(
    answer: wire::Transferred,
) -> Result<Result<(), TransferLeaderError<Types>>, Malformed> {
    use wire::transferred::Result as Transferred;
    Ok(match answer.result() {
        Transferred::Taken => Ok(()),
        Transferred::VoteChanged => Err(TransferLeaderError::VoteChanged {
            expected: vote_from_wire(answer.expected_vote)?,
            actual: vote_from_wire(answer.actual_vote)?,
        }),
        Transferred::LogNotFlushed => Err(TransferLeaderError::LogNotFlushed {
            expected: answer.expected_last.map(id_from_wire),
            actual: answer.actual_last.map(id_from_wire),
        }),
        Transferred::Unspecified => return Err(Malformed("the transfer's result")),
    })
}

fn refused_to_wire(refusal: Refusal) -> wire::Refused {
    use wire::refused::Reason;
    let reason = match refusal {
        Refusal::UnknownGroup => Reason::UnknownGroup,
        Refusal::UnknownReplica => Reason::UnknownReplica,
        Refusal::Stopped => Reason::Stopped,
        Refusal::Node(_) => Reason::Node,
    };
    wire::Refused {
        reason: reason.into(),
        text: if let Refusal::Node(text) = refusal {
            text
        } else {
            String::new()
        },
    }
}

fn refused_from_wire(refused: wire::Refused) -> Refusal {
    use wire::refused::Reason;
    match refused.reason() {
        Reason::UnknownGroup => Refusal::UnknownGroup,
        Reason::UnknownReplica => Refusal::UnknownReplica,
        Reason::Stopped => Refusal::Stopped,
        Reason::Node | Reason::Unspecified => Refusal::Node(refused.text),
    }
}

pub(crate) fn id_to_wire(id: &LogId) -> wire::LogId {
    wire::LogId {
        term: id.leader_id.term,
        leader: id.leader_id.node_id.0,
        index: id.index,
    }
}

pub(crate) fn id_from_wire(id: wire::LogId) -> LogId {
    let leader = LeaderId {
        term: id.term,
        node_id: RaftId(id.leader),
    };
    LogId::new(leader, id.index)
}

pub(crate) fn vote_to_wire(vote: &Vote) -> wire::Vote {
    wire::Vote {
        term: vote.leader_id.term,
        replica: vote.leader_id.node_id.0,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_wire(vote: Option<wire::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or(Malformed("a vote"))?;
    Ok(Vote {
        leader_id: LeaderId {
            term: vote.term,
            node_id: RaftId(vote.replica),
        },
        committed: vote.committed,
    })
}

pub(crate) fn membership_to_wire(membership: &Membership) -> wire::Membership {
    let voters = |voters: &BTreeSet<RaftId>| wire::Voters {
        replicas: voters.iter().map(|id| id.0).collect(),
    };
    let member = |(id, address): (&RaftId, &ReplicaAddress)| wire::Member {
        replica: id.0,
        node: address.node.0.into(),
        name: address.name.clone(),
        peer_address: address.peer_address.clone(),
        client_address: address.client_address.clone(),
    };
    wire::Membership {
        configurations: membership.get_joint_config().iter().map(voters).collect(),
        members: membership.nodes().map(member).collect(),
    }
}

pub(crate) fn membership_from_wire(membership: wire::Membership) -> Result<Membership, Malformed> {
    let voters = |voters: wire::Voters| voters.replicas.into_iter().map(RaftId).collect::<BTreeSet<_>>();
    let mut members = BTreeMap::new();
    for member in membership.members {
        let address = ReplicaAddress {
            node: NodeId(u32::try_from(member.node).map_err(|_| Malformed("a node that can be"))?),
            name: member.name,
            peer_address: member.peer_address,
            client_address: member.client_address,
        };
        members.insert(RaftId(member.replica), address);
    }
    if membership.configurations.is_empty() && members.is_empty() {
        return Ok(Membership::default());
    }
    let configurations = membership.configurations.into_iter().map(voters).collect();
    Membership::new(configurations, members).map_err(|_| Malformed("a voter's address"))
}

pub(crate) fn meta_to_wire(meta: &SnapshotMeta) -> wire::SnapshotMeta {
    wire::SnapshotMeta {
        last: meta.last_log_id.as_ref().map(id_to_wire),
        membership_id: meta.last_membership.log_id().as_ref().map(id_to_wire),
        membership: Some(membership_to_wire(meta.last_membership.membership())),
    }
}

pub(crate) fn meta_from_wire(meta: wire::SnapshotMeta) -> Result<SnapshotMeta, Malformed> {
    let membership = membership_from_wire(meta.membership.ok_or(Malformed("the snapshot's members"))?)?;
    Ok(SnapshotMeta {
        last_log_id: meta.last.map(id_from_wire),
        last_membership: StoredMembership::new(meta.membership_id.map(id_from_wire), membership),
    })
}
