//! A log that a process's end loses: of groups whose replicas come back as new ones.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use parking_lot::Mutex;

use super::gauge::LogGauge;
use super::tail::{LogTail, READ_BYTES, bounds};
use crate::raft::types::{Entry, LogId, Types, Vote};

/// A log in memory; clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryLog(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    vote: Option<Vote>,
    purged: Option<LogId>,
    tail: LogTail,
}

impl LogGauge for MemoryLog {
    fn bytes(&self) -> u64 {
        self.0.lock().tail.bytes()
    }

    fn index_to_keep(&self, keep_bytes: u64) -> Option<u64> {
        self.0.lock().tail.index_to_keep(keep_bytes)
    }

    fn last(&self) -> Option<LogId> {
        let inner = self.0.lock();
        inner.tail.last_id().or(inner.purged)
    }

    fn after(&self, index: u64) -> BoxFuture<'_, io::Result<Vec<Entry>>> {
        let entries = self.0.lock().tail.read(index + 1, u64::MAX, u64::MAX);
        std::future::ready(Ok(entries)).boxed()
    }
}

impl RaftLogReader<Types> for MemoryLog {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (first, end) = bounds(&range);
        Ok(self.0.lock().tail.read(first, end, u64::MAX))
    }

    async fn limited_get_log_entries(&mut self, first: u64, end: u64) -> io::Result<Vec<Entry>> {
        Ok(self.0.lock().tail.read(first, end, READ_BYTES))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.0.lock().vote)
    }
}

impl RaftLogStorage<Types> for MemoryLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let inner = self.0.lock();
        Ok(LogState {
            last_purged_log_id: inner.purged,
            last_log_id: inner.tail.last_id().or(inner.purged),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.0.lock().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        {
            let mut inner = self.0.lock();
            for entry in entries {
                inner.tail.push(entry)?;
            }
        }
        callback.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.0
            .lock()
            .tail
            .truncate_from(last.map_or(0, |last| last.index + 1));
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let mut inner = self.0.lock();
        inner.tail.drop_to(upto.index);
        inner.purged = inner.purged.max(Some(upto));
        Ok(())
    }
}
