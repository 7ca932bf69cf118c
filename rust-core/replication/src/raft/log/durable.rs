//! A log on disk, its newest part also in memory.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_state::GroupId;
use holdfast_state::mutant::{self, Mutant};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::codec;
use super::gauge::LogGauge;
use super::tail::{LogTail, READ_BYTES, bounds};
use crate::disk::{Done, LogDisk, LogWrite, Recovered, damaged};
use crate::raft::types::{Entry, LogId, Types, Vote, entry_bytes};

/// What of the log's end stays in memory, for followers and apply.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

const VOTE: &str = "vote";
const PURGED: &str = "purged";
const COMMITTED: &str = "committed";

/// A group's log on disk; clones share it.
#[derive(Clone)]
pub(crate) struct DurableLog(Arc<Shared>);

struct Shared {
    group: GroupId,
    disk: Arc<dyn LogDisk>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    vote: Option<Vote>,
    purged: Option<LogId>,
    committed: Option<LogId>,
    last: Option<LogId>,
    /// The newest entries.
    tail: LogTail,
    /// Bytes of each entry that is on disk, from index `first` on.
    sizes: VecDeque<u64>,
    first: u64,
    bytes: u64,
}

impl DurableLog {
    /// Reads what is on disk of a group.
    ///
    /// # Errors
    /// A record is damaged or missing.
    pub(crate) async fn open(group: GroupId, disk: Arc<dyn LogDisk>) -> io::Result<DurableLog> {
        let recovered: Recovered = ask(|reply| disk.recover(group, reply)).await?;
        let note = |name: &str| recovered.notes.get(name);
        let mut inner = Inner {
            vote: note(VOTE).map(|value| codec::decode_vote(value)).transpose()?,
            purged: note(PURGED).map(|value| codec::decode_id(value)).transpose()?,
            committed: note(COMMITTED).map(|value| codec::decode_id(value)).transpose()?,
            ..Inner::default()
        };
        inner.last = inner.purged;
        inner.first = inner.purged.map_or(0, |purged| purged.index + 1);
        if let Some((_, last)) = recovered.span {
            let mut next = inner.first;
            while next <= last {
                let limit = READ_BYTES as usize;
                let records = ask(|reply| disk.read(group, next, last + 1, limit, reply)).await?;
                if records.is_empty() {
                    return Err(damaged(format!("entry {next} of the log is missing")));
                }
                for record in records {
                    let entry = codec::decode(record)?;
                    if entry.log_id.index != next {
                        return Err(damaged(format!("entry {next} of the log is missing")));
                    }
                    inner.push(entry)?;
                    next += 1;
                }
            }
        }
        // The lazy note may be newer than the log's end after a crash, which lost entries that others have.
        inner.committed = inner.committed.min(inner.last).max(inner.purged);
        Ok(DurableLog(Arc::new(Shared {
            group,
            disk,
            inner: Mutex::new(inner),
        })))
    }

    fn submit(&self, write: LogWrite, done: Done) {
        self.0.disk.write(self.0.group, write, done);
    }

    async fn written(&self, write: LogWrite) -> io::Result<()> {
        ask(|done| self.submit(write, done)).await
    }

    async fn read(&self, first: u64, end: u64, byte_limit: u64) -> io::Result<Vec<Entry>> {
        let (mut from_disk, from_memory) = {
            let inner = self.0.inner.lock();
            let cached = inner.tail.first_index().unwrap_or(u64::MAX);
            let kept = first.max(inner.first);
            let last = inner.last.map_or(0, |last| last.index + 1);
            let disk_end = end.min(cached).min(last);
            let disk = (kept < disk_end).then_some(kept..disk_end);
            // What lies on disk before it may be more than the limit already.
            let memory = if disk.is_some() && byte_limit != u64::MAX {
                Vec::new()
            } else {
                inner.tail.read(first, end, byte_limit)
            };
            (disk, memory)
        };
        let mut entries = Vec::new();
        while let Some(range) = from_disk.take() {
            let limit = usize::try_from(byte_limit.min(READ_BYTES)).unwrap_or(usize::MAX);
            let (disk, group) = (&self.0.disk, self.0.group);
            let records = ask(|reply| disk.read(group, range.start, range.end, limit, reply)).await?;
            let read = records.len() as u64;
            for record in records {
                entries.push(codec::decode(record)?);
            }
            let next = range.start + read;
            if byte_limit == u64::MAX && read > 0 && next < range.end {
                from_disk = Some(next..range.end);
            }
        }
        entries.extend(from_memory);
        Ok(entries)
    }
}

/// Waits for a reply of the disk's thread.
async fn ask<T: Send + 'static>(give: impl FnOnce(Box<dyn FnOnce(io::Result<T>) + Send>)) -> io::Result<T> {
    let (sender, reply) = oneshot::channel();
    give(Box::new(move |result| drop(sender.send(result))));
    reply
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the log's thread has stopped")))
}

impl Inner {
    fn push(&mut self, entry: Entry) -> io::Result<()> {
        let (id, bytes) = (entry.log_id, entry_bytes(&entry));
        if let Some(last) = self.last
            && id.index != last.index + 1
        {
            return Err(io::Error::other(format!(
                "entry {} cannot follow entry {}",
                id.index, last.index
            )));
        }
        self.tail.push(entry)?;
        if self.sizes.is_empty() {
            self.first = id.index;
        }
        self.sizes.push_back(bytes);
        self.bytes += bytes;
        self.last = Some(id);
        while self.tail.bytes() > CACHE_BYTES && self.tail.first_index() != Some(id.index) {
            self.tail.pop_first();
        }
        Ok(())
    }

    fn truncate_from(&mut self, index: u64, last: Option<LogId>) {
        self.tail.truncate_from(index);
        while self.first + self.sizes.len() as u64 > index {
            let Some(bytes) = self.sizes.pop_back() else { break };
            self.bytes -= bytes;
        }
        if self.last.is_some_and(|own| own.index >= index) {
            self.last = last.max(self.purged);
        }
    }

    fn drop_to(&mut self, upto: LogId) {
        self.tail.drop_to(upto.index);
        while self.first <= upto.index {
            let Some(bytes) = self.sizes.pop_front() else {
                break;
            };
            self.bytes -= bytes;
            self.first += 1;
        }
        self.first = self.first.max(upto.index + 1);
        self.purged = self.purged.max(Some(upto));
        if self.sizes.is_empty() {
            self.last = self.last.max(self.purged);
            if self.last.is_none_or(|last| last.index <= upto.index) {
                self.last = self.purged;
            }
        }
    }
}

impl LogGauge for DurableLog {
    fn bytes(&self) -> u64 {
        self.0.inner.lock().bytes
    }

    fn index_to_keep(&self, keep_bytes: u64) -> Option<u64> {
        let inner = self.0.inner.lock();
        let mut excess = inner.bytes.checked_sub(keep_bytes)?;
        let mut last = None;
        for (index, bytes) in (inner.first..).zip(&inner.sizes) {
            if *bytes > excess {
                break;
            }
            excess -= bytes;
            last = Some(index);
        }
        last
    }

    fn last(&self) -> Option<LogId> {
        self.0.inner.lock().last
    }

    fn after(&self, index: u64) -> BoxFuture<'_, io::Result<Vec<Entry>>> {
        self.read(index + 1, u64::MAX, u64::MAX).boxed()
    }
}

impl RaftLogReader<Types> for DurableLog {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (first, end) = bounds(&range);
        self.read(first, end, u64::MAX).await
    }

    async fn limited_get_log_entries(&mut self, first: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(first, end, READ_BYTES).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.0.inner.lock().vote)
    }
}

impl RaftLogStorage<Types> for DurableLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let inner = self.0.inner.lock();
        Ok(LogState {
            last_purged_log_id: inner.purged,
            last_log_id: inner.last,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let value = Bytes::copy_from_slice(&codec::encode_vote(vote));
        self.written(LogWrite::Note {
            name: VOTE,
            value,
            lazy: false,
        })
        .await?;
        self.0.inner.lock().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else { return Ok(()) };
        self.0.inner.lock().committed = Some(committed);
        let value = Bytes::copy_from_slice(&codec::encode_id(&committed));
        let note = LogWrite::Note {
            name: COMMITTED,
            value,
            lazy: true,
        };
        self.submit(note, Box::new(drop));
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.0.inner.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut records = Vec::new();
        {
            let mut inner = self.0.inner.lock();
            for entry in entries {
                records.push(codec::encode(&entry));
                inner.push(entry)?;
            }
        }
        if records.is_empty() {
            callback.io_completed(Ok(()));
            return Ok(());
        }
        if mutant::active(Mutant::AcknowledgedBeforeFsync) {
            callback.io_completed(Ok(()));
            self.submit(LogWrite::Append { records }, Box::new(drop));
            return Ok(());
        }
        let done = Box::new(move |result| callback.io_completed(result));
        self.submit(LogWrite::Append { records }, done);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        self.0.inner.lock().truncate_from(from, last);
        self.written(LogWrite::Truncate { from }).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.0.inner.lock().drop_to(upto);
        let value = Bytes::copy_from_slice(&codec::encode_id(&upto));
        self.written(LogWrite::Purge {
            through: upto.index,
            note: (PURGED, value),
        })
        .await
    }
}
