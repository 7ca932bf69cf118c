//! Time as the state machine knows it: stamps that come in from outside.

/// Milliseconds of the cluster clock. The machine never looks at a clock: a stamp is an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The stamp `ms` milliseconds later; the end of time when that overflows.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(ms))
    }
}

/// The moment of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What is due by then is gone for the reader.
    pub now: Timestamp,
    /// The cluster clock, by which an entry that it slides lives on. It is ahead of `now` while a reader must not be ahead
    /// of changes that are still to be applied: after a pause in which nothing could be, by all of that pause.
    pub clock: Timestamp,
}

impl From<Timestamp> for Moment {
    fn from(now: Timestamp) -> Moment {
        Moment { now, clock: now }
    }
}

/// When an entry stops being visible, as its writer asked for it.
///
/// `ttl_ms` and `sliding_ms` may be given together: the deadline is then
/// min(last access + sliding, time of the write + ttl).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Life from the write on, in ms.
    pub ttl_ms: Option<u64>,
    /// Life from the last access on, in ms.
    pub sliding_ms: Option<u64>,
    /// The absolute wall-clock time (Unix ms) that `ttl_ms` was computed from. Carried and given
    /// back; never looked at by the machine.
    pub absolute_unix_ms: Option<i64>,
}

impl Expiry {
    /// Never expires.
    pub const NONE: Expiry = Expiry {
        ttl_ms: None,
        sliding_ms: None,
        absolute_unix_ms: None,
    };

    /// Whether no deadline of any kind is asked for.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.ttl_ms.is_none() && self.sliding_ms.is_none()
    }

    /// A life of `ttl_ms` from the write on.
    #[must_use]
    pub fn after_ms(ttl_ms: u64) -> Expiry {
        Expiry {
            ttl_ms: Some(ttl_ms),
            ..Expiry::NONE
        }
    }

    /// A life of `sliding_ms` from the last access on.
    #[must_use]
    pub fn sliding(sliding_ms: u64) -> Expiry {
        Expiry {
            sliding_ms: Some(sliding_ms),
            ..Expiry::NONE
        }
    }
}
