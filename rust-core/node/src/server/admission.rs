//! Room for what peers make the node hold, in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::link::Link;

/// A bounded number of bytes.
pub(crate) struct ByteBudget {
    used: AtomicU64,
    limit: u64,
}

impl ByteBudget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            used: AtomicU64::new(0),
            limit,
        }
    }

    /// Takes `bytes` if they fit.
    pub(crate) fn try_take(&self, bytes: u64) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit;
        if !fits {
            self.give(bytes);
        }
        fits
    }

    /// Takes `bytes` that are held already.
    pub(crate) fn take(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.used() > self.limit
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}

/// Bytes of one connection and of the node, given back when this is dropped.
pub(crate) struct Reserved {
    link: Arc<Link>,
    bytes: u64,
}

impl Reserved {
    /// Takes `bytes`; `None` when the connection or the node has no room for them.
    pub(crate) fn take(link: &Arc<Link>, bytes: u64) -> Option<Reserved> {
        if !link.budget.try_take(bytes) {
            return None;
        }
        if !link.shared.budget.try_take(bytes) {
            link.budget.give(bytes);
            return None;
        }
        Some(Reserved {
            link: Arc::clone(link),
            bytes,
        })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.link.budget.give(self.bytes);
        self.link.shared.budget.give(self.bytes);
    }
}
