//! Numbers of batches, found again in damaged files.
//!
//! Each batch carries its number in a form that can be recognized among any bytes. raft-engine cuts a log's last file at
//! the first batch that does not fit its checksum, torn by a crash or damaged later; the numbers behind it tell which.

use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64_with_seed;

const MAGIC: [u8; 8] = *b"HfBatch\x01";
const LENGTH: usize = MAGIC.len() + 8 + 8;

/// Writes and finds them. The salt is the directory's own, so that no stored value can look like one.
#[derive(Clone, Copy)]
pub(crate) struct Seals {
    pub(crate) salt: u64,
}

impl Seals {
    /// `magic | number u64 | checksum u64`.
    pub(crate) fn write(self, number: u64) -> Vec<u8> {
        let mut seal = Vec::with_capacity(LENGTH);
        seal.extend_from_slice(&MAGIC);
        seal.extend_from_slice(&number.to_le_bytes());
        let checksum = xxh3_64_with_seed(&seal, self.salt);
        seal.extend_from_slice(&checksum.to_le_bytes());
        seal
    }

    pub(crate) fn read(self, seal: &[u8]) -> Option<u64> {
        let number = u64::from_le_bytes(*seal.strip_prefix(&MAGIC)?.first_chunk()?);
        (self.write(number) == seal.get(..LENGTH)?).then_some(number)
    }

    /// The newest number in a directory's log: batches are only cut off at its end.
    pub(crate) fn scan(self, directory: &Path) -> io::Result<Option<u64>> {
        let files = match std::fs::read_dir(directory) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut paths = Vec::new();
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "raftlog") {
                paths.push(path);
            }
        }
        // Their names are their numbers; a batch is never spread over two, but the last may still be empty.
        paths.sort();
        let mut newest = None;
        for path in paths.iter().rev().take(2) {
            newest = newest.max(self.newest_in(&std::fs::read(path)?));
        }
        Ok(newest)
    }

    fn newest_in(self, bytes: &[u8]) -> Option<u64> {
        let mut newest = None;
        let mut rest = bytes;
        // The first byte decides most places; seals are few.
        while let Some(at) = rest.iter().position(|byte| *byte == MAGIC[0]) {
            rest = &rest[at..];
            newest = newest.max(self.read(rest));
            rest = &rest[1..];
        }
        newest
    }
}
