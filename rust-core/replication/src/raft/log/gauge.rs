//! How much a log holds.

use std::io;

use futures_util::future::BoxFuture;

use crate::raft::types::{Entry, LogId};

/// Of one group's log.
pub(crate) trait LogGauge: Send + Sync {
    /// Bytes of all entries that are kept.
    fn bytes(&self) -> u64;

    /// The index up to which entries can go so that about `keep_bytes` stay; `None`: there are not more.
    fn index_to_keep(&self, keep_bytes: u64) -> Option<u64>;

    /// The last entry, also when it is kept no more.
    fn last(&self) -> Option<LogId>;

    /// The entries behind an index.
    fn after(&self, index: u64) -> BoxFuture<'_, io::Result<Vec<Entry>>>;
}
