//! The stamps of entries that are proposed and not yet applied.

use std::collections::VecDeque;
use std::sync::Arc;

use holdfast_state::mutant::{self, Mutant};
use holdfast_state::{Moment, Timestamp};
use parking_lot::Mutex;

use super::leader_clock::LeaderClock;
use super::types::LeaderId;

/// Stamps are given out here, so that a reader knows of those that are still to be applied: an entry that was stamped
/// before a deadline and is applied after it finds what a reader at the deadline would have called gone.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Stamps>);

#[derive(Default)]
struct Stamps {
    newest_last: VecDeque<Given>,
    given: u64,
}

struct Given {
    number: u64,
    leader: LeaderId,
    at: Timestamp,
}

/// A stamp; dropped when its entry is applied, or will never be by what this replica knows.
pub(crate) struct Stamped {
    number: u64,
    under_way: Arc<UnderWay>,
}

impl UnderWay {
    /// The leadership, and a stamp for its next entry; nothing while this replica does not lead.
    pub(crate) fn stamp(self: &Arc<Self>, clock: &LeaderClock) -> Option<(LeaderId, Timestamp, Stamped)> {
        let mut stamps = self.0.lock();
        let (leader, at) = clock.now()?;
        stamps.given += 1;
        let number = stamps.given;
        stamps.newest_last.push_back(Given { number, leader, at });
        let stamped = Stamped {
            number,
            under_way: Arc::clone(self),
        };
        Some((leader, at, stamped))
    }

    /// A leader's present moment; readers are not ahead of any stamp that is still to be applied.
    pub(crate) fn now(&self, clock: &LeaderClock) -> Option<Moment> {
        let stamps = self.0.lock();
        let (leader, clock) = clock.now()?;
        if mutant::active(Mutant::ReadsAheadOfChanges) {
            return Some(clock.into());
        }
        // What is left of an earlier leadership was applied before this one began, or never will be.
        let oldest = stamps.newest_last.iter().find(|given| given.leader == leader);
        Some(Moment {
            now: oldest.map_or(clock, |oldest| oldest.at),
            clock,
        })
    }
}

impl Drop for Stamped {
    fn drop(&mut self) {
        let mut stamps = self.under_way.0.lock();
        stamps.newest_last.retain(|given| given.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::super::leader_clock::tests::{Hand, leadership};
    use super::*;

    #[test]
    fn readers_are_not_ahead_of_what_is_still_to_be_applied() {
        let hand = Arc::new(Hand::default());
        let clock = LeaderClock::new(Arc::clone(&hand) as _);
        let under_way = Arc::new(UnderWay::default());
        assert!(under_way.stamp(&clock).is_none());
        assert_eq!(under_way.now(&clock), None);
        clock.lead(leadership(1), Timestamp(100));
        hand.set(10);
        let (_, first, one) = under_way.stamp(&clock).expect("it leads");
        assert_eq!(first, Timestamp(110));
        hand.set(20);
        let (_, _, other) = under_way.stamp(&clock).expect("it leads");
        hand.set(30);
        let behind = |now: i64, clock: i64| Moment {
            now: Timestamp(now),
            clock: Timestamp(clock),
        };
        assert_eq!(under_way.now(&clock), Some(behind(110, 130)));
        drop(one);
        assert_eq!(under_way.now(&clock), Some(behind(120, 130)));
        drop(other);
        assert_eq!(under_way.now(&clock), Some(behind(130, 130)));
        let (_, _, lost) = under_way.stamp(&clock).expect("it leads");
        clock.step_down();
        clock.lead(leadership(2), Timestamp(500));
        assert_eq!(under_way.now(&clock), Some(behind(500, 500)));
        drop(lost);
    }
}
