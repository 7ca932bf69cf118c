//! How much a log holds.

/// Of one group's log.
pub(crate) trait LogGauge: Send + Sync {
    /// Bytes of all entries that are kept.
    fn bytes(&self) -> u64;

    /// The index up to which entries can go so that about `keep_bytes` stay; `None`: there are not more.
    fn index_to_keep(&self, keep_bytes: u64) -> Option<u64>;
}
