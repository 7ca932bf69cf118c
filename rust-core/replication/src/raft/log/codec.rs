//! Entries as the disk has them.
//!
//! ```text
//! format u16 | kind u8 | term u64 | leader u64 | index u64 | content | checksum u64
//! ```
//! Little endian. Kinds: 0 begins a leadership (no content), 1 commands, 2 members (protobuf). The checksum is XXH3-64
//! of all bytes before it.

use std::io;

use bytes::{Bytes, BytesMut};
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::raft::network::{membership_from_wire, membership_to_wire};
use crate::raft::types::{Entry, EntryBytes, LeaderId, LogId, Payload, RaftId, Vote};

/// The format written; older ones are read.
const FORMAT: u16 = 1;
const HEADER: usize = 2 + 1 + 3 * 8;
const CHECKSUM: usize = 8;

const BLANK: u8 = 0;
const COMMANDS: u8 = 1;
const MEMBERS: u8 = 2;

/// Bytes of an entry's record beside its content.
pub(crate) const RECORD_OVERHEAD: usize = HEADER + CHECKSUM;

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
    let mut record = BytesMut::with_capacity(content.len() + RECORD_OVERHEAD);
    record.extend_from_slice(&FORMAT.to_le_bytes());
    record.extend_from_slice(&[kind]);
    record.extend_from_slice(&encode_id(&entry.log_id));
    record.extend_from_slice(content);
    let checksum = xxh3_64(&record);
    record.extend_from_slice(&checksum.to_le_bytes());
    record.freeze()
}

/// # Errors
/// The record is damaged or of a format that this build does not know.
pub(crate) fn decode(mut record: Bytes) -> io::Result<Entry> {
    let Some(format) = record.first_chunk::<2>() else {
        return Err(damaged("a log entry is too short"));
    };
    let format = u16::from_le_bytes(*format);
    if format != FORMAT {
        return Err(damaged(format!(
            "a log entry has format {format}, this build knows {FORMAT}"
        )));
    }
    if record.len() < RECORD_OVERHEAD {
        return Err(damaged("a log entry is too short"));
    }
    let checksum = record.split_off(record.len() - CHECKSUM);
    if xxh3_64(&record).to_le_bytes()[..] != checksum[..] {
        return Err(damaged("a log entry's checksum does not fit"));
    }
    let content = record.split_off(HEADER);
    let log_id = decode_id(&record[3..])?;
    let payload = match record[2] {
        BLANK => Payload::Blank,
        COMMANDS => Payload::Normal(EntryBytes(content)),
        MEMBERS => {
            let members = crate::raft::network::WireMembership::decode(content).map_err(damaged)?;
            Payload::Membership(membership_from_wire(members).map_err(damaged)?)
        }
        kind => return Err(damaged(format!("a log entry has kind {kind}"))),
    };
    Ok(Entry { log_id, payload })
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

pub(crate) fn damaged(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}
