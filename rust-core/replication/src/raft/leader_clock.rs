//! The cluster clock as one replica has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use holdfast_state::Timestamp;
use parking_lot::Mutex;

use super::time_source::TimeSource;
use super::types::LeaderId;

/// A leader's time: the last stamp applied when it began to lead, and what has passed since, suspended time included.
/// Without a leader time stands still, so leases grow and never shrink.
pub(crate) struct LeaderClock {
    time: Arc<dyn TimeSource>,
    leading: Mutex<Option<Leading>>,
    /// The newest stamp given out: stamps never go back.
    newest: AtomicI64,
}

#[derive(Clone, Copy)]
struct Leading {
    leader: LeaderId,
    base: Timestamp,
    since: Duration,
}

impl LeaderClock {
    pub(crate) fn new(time: Arc<dyn TimeSource>) -> Self {
        Self {
            time,
            leading: Mutex::new(None),
            newest: AtomicI64::new(i64::MIN),
        }
    }

    /// This replica leads now, having applied everything of the leaders before it.
    pub(crate) fn lead(&self, leader: LeaderId, applied_at: Timestamp) {
        let mut leading = self.leading.lock();
        if leading.is_some_and(|leading| leading.leader == leader) {
            return;
        }
        // A group without a past begins at 0.
        let base = Timestamp(applied_at.0.max(0));
        *leading = Some(Leading {
            leader,
            base,
            since: self.time.boottime(),
        });
    }

    /// It does not any more.
    pub(crate) fn step_down(&self) {
        *self.leading.lock() = None;
    }

    /// The leadership and its present moment, while this replica leads.
    pub(crate) fn now(&self) -> Option<(LeaderId, Timestamp)> {
        let leading = (*self.leading.lock())?;
        let passed = self.time.boottime().saturating_sub(leading.since);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let now = leading.base.plus_ms(passed_ms);
        let newest = self.newest.fetch_max(now.0, Ordering::Relaxed).max(now.0);
        Some((leading.leader, Timestamp(newest)))
    }

    /// How far suspended time has put the two clocks apart, as of now.
    pub(crate) fn suspended(&self) -> Duration {
        self.time.boottime().saturating_sub(self.time.monotonic())
    }
}
