//! When an entry is gone: what its writer asked for, logged accesses, and reads.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{ABSOLUTE, CAPPED, EntryRef, SLIDING};
use crate::time::{Expiry, Timestamp};

/// The expiry of an entry, in stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// No access moves the entry past this.
    pub(crate) cap: Option<i64>,
    pub(crate) absolute_unix_ms: Option<i64>,
    /// Sliding window in ms, and the last replicated access.
    pub(crate) sliding: Option<(i64, i64)>,
}

impl Deadlines {
    pub(crate) fn at(at: Timestamp, expiry: &Expiry) -> Deadlines {
        Deadlines {
            cap: expiry.ttl_ms.map(|ttl| at.plus_ms(ttl).0),
            absolute_unix_ms: expiry.absolute_unix_ms,
            sliding: expiry
                .sliding_ms
                .map(|window| (i64::try_from(window).unwrap_or(i64::MAX), at.0)),
        }
    }
}

impl Deadlines {
    /// The same after an access.
    pub(crate) fn accessed(mut self, at: Timestamp) -> Deadlines {
        if let Some((_, access_at)) = &mut self.sliding {
            *access_at = at.0.max(*access_at);
        }
        self
    }
}

impl EntryRef {
    pub(crate) fn deadlines(&self) -> Deadlines {
        Deadlines {
            cap: self.cap(),
            absolute_unix_ms: self.absolute_unix_ms(),
            sliding: self
                .sliding()
                .map(|s| (s.window, s.access_at.load(Ordering::Relaxed))),
        }
    }

    #[inline]
    fn cap(&self) -> Option<i64> {
        (self.header().flags & CAPPED != 0).then(|| self.field(0))
    }

    #[inline]
    fn sliding(&self) -> Option<Sliding<'_>> {
        let flags = self.header().flags;
        if flags & SLIDING == 0 {
            return None;
        }
        let first = usize::from(flags & CAPPED != 0) + usize::from(flags & ABSOLUTE != 0);
        Some(Sliding {
            window: self.field(first),
            access_at: self.atomic_field(first + 1),
            access_deadline: self.atomic_field(first + 2),
        })
    }

    /// When the entry stops being visible here, reads since the last logged access included.
    #[inline]
    pub(crate) fn visible_until(&self) -> i64 {
        self.until(|sliding| sliding.logged().max(sliding.read()))
    }

    /// When its life ends by what is logged.
    pub(crate) fn logged_until(&self) -> i64 {
        self.until(|sliding| sliding.logged())
    }

    /// When replicas remove the entry: `grace_ms` after the logged access has run out, so that a
    /// read's touch has time to be logged. Without replicas (`grace_ms` 0) what reads have
    /// written here is the truth, and this is the same moment as [`Self::visible_until`].
    #[inline]
    pub(crate) fn removed_from(&self, grace_ms: i64) -> i64 {
        if grace_ms == 0 {
            return self.visible_until();
        }
        self.until(|sliding| sliding.logged().saturating_add(grace_ms))
    }

    /// Its cap, or what is made of its window if that comes first.
    #[inline]
    fn until(&self, slid: impl FnOnce(Sliding<'_>) -> i64) -> i64 {
        let cap = self.cap().unwrap_or(i64::MAX);
        self.sliding().map_or(cap, |sliding| cap.min(slid(sliding)))
    }

    /// A read at `now` slides the deadline; says whether that moved it. Volatile.
    #[inline]
    pub(crate) fn slide(&self, now: i64) -> bool {
        let Some(sliding) = self.sliding() else {
            return false;
        };
        let cap = self.cap().unwrap_or(i64::MAX);
        let deadline = cap.min(now.saturating_add(sliding.window));
        let moves = deadline > sliding.read() && deadline > sliding.logged();
        if moves {
            sliding.access_deadline.fetch_max(deadline, Ordering::Relaxed);
        }
        moves
    }

    /// A logged access at `at`; only under the exclusive lock.
    pub(crate) fn touch(&self, at: i64) {
        if let Some(sliding) = self.sliding() {
            sliding.access_at.fetch_max(at, Ordering::Relaxed);
        }
    }

    /// The last logged access of a sliding entry; of others anything.
    #[inline]
    pub(crate) fn access_at(&self) -> i64 {
        self.sliding()
            .map_or(0, |sliding| sliding.access_at.load(Ordering::Relaxed))
    }

    /// The access that reads have made since the last logged one, as a stamp to log.
    pub(crate) fn unlogged_access(&self) -> Option<i64> {
        self.access_after(self.access_at())
    }

    /// The last access that reads have made, if it was after the stamp `logged`.
    pub(crate) fn access_after(&self, logged: i64) -> Option<i64> {
        let sliding = self.sliding()?;
        let at = sliding.read().saturating_sub(sliding.window);
        (at > logged).then_some(at)
    }
}

struct Sliding<'a> {
    window: i64,
    access_at: &'a AtomicI64,
    access_deadline: &'a AtomicI64,
}

impl Sliding<'_> {
    #[inline]
    fn logged(&self) -> i64 {
        self.access_at.load(Ordering::Relaxed).saturating_add(self.window)
    }

    #[inline]
    fn read(&self) -> i64 {
        self.access_deadline.load(Ordering::Relaxed)
    }
}
