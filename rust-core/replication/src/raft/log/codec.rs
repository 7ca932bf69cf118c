//! openraft's entries, ids and votes as the disk has them: see [`crate::disk::record`].

use std::io;

use bytes::Bytes;
use prost::Message;

use crate::disk::damaged;
use crate::disk::record::{COMMANDS, Record};
use crate::raft::network::{membership_from_wire, membership_to_wire};
use crate::raft::types::{Entry, EntryBytes, LeaderId, LogId, Payload, RaftId, Vote};

const BLANK: u8 = 0;
const MEMBERS: u8 = 2;

pub(crate) fn encode(entry: &Entry) -> Bytes {
    let members;
    let (kind, content): (u8, &[u8]) = match &entry.payload {
        Payload::Blank => (BLANK, &[]),
        Payload::Normal(bytes) => (COMMANDS, &bytes.0),
        Payload::Membership(membership) => {
            members = membership_to_wire(membership).encode_to_vec();
            (MEMBERS, &members)
        }
    };
    let LogId { leader_id, index } = entry.log_id;
    Record::encode(kind, [leader_id.term, leader_id.node_id.0, index], content)
}

/// # Errors
/// The record is damaged or of a format that this build does not know.
pub(crate) fn decode(record: Bytes) -> io::Result<Entry> {
    let record = Record::decode(record)?;
    let leader = LeaderId {
        term: record.term,
        node_id: RaftId(record.leader),
    };
    let payload = match record.kind {
        BLANK => Payload::Blank,
        COMMANDS => Payload::Normal(EntryBytes(record.content)),
        MEMBERS => {
            let members = crate::raft::network::WireMembership::decode(record.content).map_err(damaged)?;
            Payload::Membership(membership_from_wire(members).map_err(damaged)?)
        }
        kind => return Err(damaged(format!("a log entry has kind {kind}"))),
    };
    Ok(Entry {
        log_id: LogId::new(leader, record.index),
        payload,
    })
}

pub(crate) fn encode_id(id: &LogId) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&id.leader_id.term.to_le_bytes());
    bytes[8..16].copy_from_slice(&id.leader_id.node_id.0.to_le_bytes());
    bytes[16..].copy_from_slice(&id.index.to_le_bytes());
    bytes
}

pub(crate) fn decode_id(bytes: &[u8]) -> io::Result<LogId> {
    let [term, leader, index] = numbers(bytes)?;
    let leader = LeaderId {
        term,
        node_id: RaftId(leader),
    };
    Ok(LogId::new(leader, index))
}

pub(crate) fn encode_vote(vote: &Vote) -> [u8; 24] {
    encode_id(&LogId::new(vote.leader_id, u64::from(vote.committed)))
}

pub(crate) fn decode_vote(bytes: &[u8]) -> io::Result<Vote> {
    let id = decode_id(bytes)?;
    Ok(Vote {
        leader_id: id.leader_id,
        committed: id.index == 1,
    })
}

fn numbers<const N: usize>(bytes: &[u8]) -> io::Result<[u64; N]> {
    if bytes.len() != N * 8 {
        return Err(damaged("a record of the log has the wrong length"));
    }
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
        *number = bytes.try_into().map_or(0, u64::from_le_bytes);
    }
    Ok(numbers)
}
