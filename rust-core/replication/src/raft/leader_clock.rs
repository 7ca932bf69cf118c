//! The cluster clock as one replica has it.

use std::sync::Arc;
use std::time::Duration;

use holdfast_state::Timestamp;
use holdfast_state::mutant::{self, Mutant};
use parking_lot::Mutex;

use super::time_source::TimeSource;
use super::types::LeaderId;

/// A leader's time: the last stamp applied when it began to lead, and what has passed since, suspended time included.
/// Without a leader time stands still, so leases grow and never shrink; what a leader counted while it was cut off or
/// frozen, and another one led, is no time of the cluster's, and is forgotten.
pub(crate) struct LeaderClock {
    time: Arc<dyn TimeSource>,
    leading: Mutex<Option<Leading>>,
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
        }
    }

    /// This replica leads now, having applied everything of the leaders before it.
    pub(crate) fn lead(&self, leader: LeaderId, applied_at: Timestamp) {
        let mut leading = self.leading.lock();
        if leading.is_some_and(|leading| leading.leader == leader) {
            return;
        }
        if mutant::active(Mutant::FrozenLeadersClock)
            && let Some(before) = leading.as_mut()
        {
            before.leader = leader;
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

    /// Whether this is the leadership that it counts for.
    pub(crate) fn is_led_by(&self, leader: LeaderId) -> bool {
        self.leading
            .lock()
            .is_some_and(|leading| leading.leader == leader)
    }

    /// It does not any more.
    pub(crate) fn step_down(&self) {
        if !mutant::active(Mutant::FrozenLeadersClock) {
            *self.leading.lock() = None;
        }
    }

    /// The leadership and its present moment, while this replica leads.
    pub(crate) fn now(&self) -> Option<(LeaderId, Timestamp)> {
        let leading = (*self.leading.lock())?;
        let passed = self.time.boottime().saturating_sub(leading.since);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        Some((leading.leader, leading.base.plus_ms(passed_ms)))
    }

    /// How far suspended time has put the two clocks apart, as of now.
    pub(crate) fn suspended(&self) -> Duration {
        self.time.boottime().saturating_sub(self.time.monotonic())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::types::RaftId;
    use super::*;

    /// A clock that a test moves.
    #[derive(Default)]
    pub(in super::super) struct Hand(AtomicU64);

    impl Hand {
        pub(in super::super) fn set(&self, ms: u64) {
            self.0.store(ms, Ordering::Relaxed);
        }
    }

    impl TimeSource for Hand {
        fn boottime(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn monotonic(&self) -> Duration {
            self.boottime()
        }
    }

    pub(in super::super) fn leadership(term: u64) -> LeaderId {
        LeaderId {
            term,
            node_id: RaftId(1),
        }
    }

    #[test]
    fn time_that_a_leader_counted_while_it_was_cut_off_is_forgotten_when_it_leads_again() {
        let hand = Arc::new(Hand::default());
        let clock = LeaderClock::new(Arc::clone(&hand) as _);
        clock.lead(leadership(1), Timestamp(1_000));
        hand.set(3_000);
        assert_eq!(clock.now(), Some((leadership(1), Timestamp(4_000))));
        clock.step_down();
        assert_eq!(clock.now(), None);
        // Another one has led meanwhile, from 1,000 on, and its time stood still before.
        clock.lead(leadership(3), Timestamp(2_200));
        assert_eq!(clock.now(), Some((leadership(3), Timestamp(2_200))));
        hand.set(3_100);
        assert_eq!(clock.now(), Some((leadership(3), Timestamp(2_300))));
    }
}
