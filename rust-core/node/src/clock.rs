//! The cluster clock of a node that is alone. The only place that looks at a clock.
//!
//! It starts at 0 and counts the milliseconds that have passed since, suspended ones included (an entry
//! that should live for a minute is gone after a laptop slept for an hour). It never goes back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use holdfast_state::{MAX_TTL_MS, Timestamp};
use holdfast_system::time::{boottime, wall};

/// Where a node's time comes from.
pub trait ClusterClock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Moves a manual clock on and returns its new reading; `None` on any other clock.
    fn advance(&self, by_ms: u64) -> Option<Timestamp>;

    /// Whether time passes without [`ClusterClock::advance`].
    fn moves_by_itself(&self) -> bool;
}

/// A clock that goes on where an earlier run of the node ended.
#[cfg(feature = "durable")]
pub(crate) struct ContinuedClock {
    pub(crate) from: Timestamp,
    pub(crate) clock: std::sync::Arc<dyn ClusterClock>,
}

/// The machine's own time.
pub struct SystemClock {
    started: Elapsed,
}

/// Where a manual clock stops: early enough that the longest deadline set then still comes before the
/// end of time, which stands for "never".
const END_OF_TIME: i64 = i64::MAX - 2 * MAX_TTL_MS as i64;

/// A clock that stands still unless it is told to move; for tests.
#[derive(Default)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl SystemClock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Elapsed::start(),
        }
    }
}

impl ClusterClock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.started.milliseconds())
    }

    fn advance(&self, _by_ms: u64) -> Option<Timestamp> {
        None
    }

    fn moves_by_itself(&self) -> bool {
        true
    }
}

impl ClusterClock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::Acquire))
    }

    fn advance(&self, by_ms: u64) -> Option<Timestamp> {
        let after = |now: i64| now.saturating_add_unsigned(by_ms).min(END_OF_TIME);
        let before = self
            .now_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(after(now)))
            .unwrap_or_else(|now| now);
        Some(Timestamp(after(before)))
    }

    fn moves_by_itself(&self) -> bool {
        false
    }
}

#[cfg(feature = "durable")]
impl ClusterClock for ContinuedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.from.0.saturating_add(self.clock.now().0).min(END_OF_TIME))
    }

    fn advance(&self, by_ms: u64) -> Option<Timestamp> {
        self.clock.advance(by_ms).map(|_| self.now())
    }

    fn moves_by_itself(&self) -> bool {
        self.clock.moves_by_itself()
    }
}

/// Time since a start, suspend included where the system tells.
struct Elapsed {
    started: Duration,
}

impl Elapsed {
    fn start() -> Self {
        Self { started: boottime() }
    }

    fn milliseconds(&self) -> i64 {
        i64::try_from(boottime().saturating_sub(self.started).as_millis()).unwrap_or(i64::MAX)
    }
}

/// Wall-clock microseconds: where the revisions of a group that starts without a past begin, so that
/// versions grow across epochs. Nothing else uses the wall clock.
#[must_use]
pub fn first_revision() -> i64 {
    i64::try_from(wall().as_micros()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_advanced() {
        let clock = ManualClock::default();
        assert_eq!(clock.now(), Timestamp(0));
        assert_eq!(clock.advance(250), Some(Timestamp(250)));
        assert_eq!(clock.now(), Timestamp(250));
    }

    #[test]
    fn a_manual_clock_stops_at_the_end_of_time_instead_of_going_back() {
        let clock = ManualClock::default();
        clock.advance(u64::MAX);
        assert_eq!(clock.advance(1), Some(Timestamp(END_OF_TIME)));
    }

    #[test]
    fn the_system_clock_cannot_be_advanced_and_does_not_go_back() {
        let clock = SystemClock::start();
        assert_eq!(clock.advance(1), None);
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
