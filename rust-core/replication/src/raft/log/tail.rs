//! A run of consecutive entries in memory, counted in bytes.

use std::collections::VecDeque;
use std::io;
use std::ops::{Bound, RangeBounds};

use crate::raft::types::{Entry, LogId, entry_bytes};

/// What one read for replication gives at most, unless its first entry alone is bigger.
pub(crate) const READ_BYTES: u64 = 1024 * 1024;

/// Consecutive entries.
#[derive(Default)]
pub(crate) struct LogTail {
    entries: VecDeque<Entry>,
    bytes: u64,
}

impl LogTail {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn first_index(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.log_id.index)
    }

    pub(crate) fn last_id(&self) -> Option<LogId> {
        self.entries.back().map(|entry| entry.log_id)
    }

    /// Puts an entry behind the last.
    ///
    /// # Errors
    /// It is not the next one: a hole would lose what was acknowledged.
    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        if let Some(last) = self.entries.back()
            && entry.log_id.index != last.log_id.index + 1
        {
            return Err(io::Error::other(format!(
                "entry {} cannot follow entry {}",
                entry.log_id.index, last.log_id.index
            )));
        }
        self.bytes += entry_bytes(&entry);
        self.entries.push_back(entry);
        Ok(())
    }

    /// Removes the entries from `index` on.
    pub(crate) fn truncate_from(&mut self, index: u64) {
        while let Some(last) = self.entries.back()
            && last.log_id.index >= index
        {
            self.bytes -= entry_bytes(last);
            self.entries.pop_back();
        }
    }

    /// Removes the entries up to `index`, it included.
    pub(crate) fn drop_to(&mut self, index: u64) {
        while let Some(first) = self.entries.front()
            && first.log_id.index <= index
        {
            self.bytes -= entry_bytes(first);
            self.entries.pop_front();
        }
    }

    /// The first entry, given up.
    #[cfg(feature = "disk")]
    pub(crate) fn pop_first(&mut self) -> Option<Entry> {
        let first = self.entries.pop_front()?;
        self.bytes -= entry_bytes(&first);
        Some(first)
    }

    /// The entries from `first` on, before `end`, as far as they are here; after the first one only while they stay
    /// within `byte_limit`.
    pub(crate) fn read(&self, first: u64, end: u64, byte_limit: u64) -> Vec<Entry> {
        let Some(front) = self.first_index() else {
            return Vec::new();
        };
        let from = usize::try_from(first.saturating_sub(front)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let mut read = Vec::new();
        for entry in self.entries.range(from.min(self.entries.len())..) {
            bytes += entry_bytes(entry);
            if entry.log_id.index >= end || (bytes > byte_limit && !read.is_empty()) {
                break;
            }
            read.push(entry.clone());
        }
        read
    }

    /// The index up to which entries can go so that about `keep_bytes` stay.
    pub(crate) fn index_to_keep(&self, keep_bytes: u64) -> Option<u64> {
        let mut excess = self.bytes.checked_sub(keep_bytes)?;
        let mut last = None;
        for entry in &self.entries {
            let bytes = entry_bytes(entry);
            if bytes > excess {
                break;
            }
            excess -= bytes;
            last = Some(entry.log_id.index);
        }
        last
    }
}

/// `[first, end)` of any range of indexes.
pub(crate) fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let first = match range.start_bound() {
        Bound::Included(first) => *first,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last + 1,
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (first, end)
}
