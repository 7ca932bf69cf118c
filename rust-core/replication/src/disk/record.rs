//! An entry of a group's log as the disk has it.
//!
//! ```text
//! format u16 | kind u8 | term u64 | leader u64 | index u64 | content | checksum u64
//! ```
//! Little endian. Kinds: 0 begins a leadership (no content), 1 commands, 2 members (protobuf). A node that is alone has
//! neither terms nor leaders: both are 0. The checksum is XXH3-64 of all bytes before it.

use std::io;

use bytes::{Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_64;

use super::damaged;

/// The format written; older ones are read.
const FORMAT: u16 = 1;
const HEADER: usize = 2 + 1 + 3 * 8;
const CHECKSUM: usize = 8;

/// Bytes of a record beside its content.
pub(crate) const RECORD_OVERHEAD: usize = HEADER + CHECKSUM;

/// A content that is one encoded entry of commands.
pub(crate) const COMMANDS: u8 = 1;

/// One record, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) term: u64,
    pub(crate) leader: u64,
    pub(crate) index: u64,
    pub(crate) content: Bytes,
}

impl Record {
    pub(crate) fn encode(kind: u8, place: [u64; 3], content: &[u8]) -> Bytes {
        let mut record = BytesMut::with_capacity(content.len() + RECORD_OVERHEAD);
        record.extend_from_slice(&FORMAT.to_le_bytes());
        record.extend_from_slice(&[kind]);
        for number in place {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(content);
        let checksum = xxh3_64(&record);
        record.extend_from_slice(&checksum.to_le_bytes());
        record.freeze()
    }

    /// Bytes of a record with so much content.
    pub(crate) fn size(content: usize) -> u64 {
        (content + RECORD_OVERHEAD) as u64
    }

    /// # Errors
    /// The record is damaged or of a format that this build does not know.
    pub(crate) fn decode(mut record: Bytes) -> io::Result<Record> {
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
        Ok(Record {
            kind: record[2],
            term: number(&record, 3),
            leader: number(&record, 11),
            index: number(&record, 19),
            content,
        })
    }
}

/// The index of an encoded record.
pub(crate) fn index_of(record: &[u8]) -> u64 {
    number(record, 19)
}

fn number(record: &[u8], at: usize) -> u64 {
    record
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |number| u64::from_le_bytes(*number))
}
