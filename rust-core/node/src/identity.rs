//! Who a start of a node is.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};

/// Names one start of a node, and what it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    first_revision: i64,
    incarnation: u128,
    cluster_id: u128,
}

impl Identity {
    /// A new one; `now` are wall-clock microseconds.
    pub(crate) fn new(now: i64) -> Self {
        // Two nodes of one process may start within the same microsecond.
        static NEWEST: AtomicI64 = AtomicI64::new(0);
        let next = |newest: i64| now.max(newest + 1);
        let newest = NEWEST
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |newest| Some(next(newest)))
            .unwrap_or_else(|newest| newest);
        Self {
            first_revision: next(newest),
            incarnation: random(),
            cluster_id: random(),
        }
    }

    /// Where the revisions of groups without a past begin.
    pub(crate) fn first_revision(&self) -> i64 {
        self.first_revision
    }

    /// Rises with each start.
    #[must_use]
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.first_revision.unsigned_abs()
    }

    /// 128 random bits of this start.
    #[must_use]
    pub fn incarnation(&self) -> u128 {
        self.incarnation
    }

    /// 128 random bits of the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> u128 {
        self.cluster_id
    }
}

/// The standard library's own source of unpredictable bits: enough to tell starts apart, no secret.
pub(crate) fn random() -> u128 {
    let half = |part: u8| u128::from(RandomState::new().hash_one(part));
    half(0) << 64 | half(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_starts_are_the_same_and_a_later_one_has_a_higher_epoch() {
        let (first, second) = (Identity::new(1_000), Identity::new(1_000));
        assert!(second.epoch() > first.epoch());
        assert_ne!(first.incarnation(), second.incarnation());
        assert_ne!(first.cluster_id(), second.cluster_id());
    }
}
