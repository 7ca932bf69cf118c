//! How long requests have waited on their way: in the client's queue, in both kernels, and here unread.
//!
//! A request says when its client made it, by the client's own clock. The two clocks have nothing in common, but when
//! the connection has been read to its end, its last request waited for nothing here, and what a later one shows more
//! than that, it has waited. So neither clocks that drift apart nor a client that was suspended look like waiting.

use tokio::time::Instant;

/// Of one connection.
pub(super) struct Lateness {
    began: Instant,
    /// What the last request showed, relative to the first.
    last: i32,
    /// What one shows that has waited for nothing.
    least: i32,
    first: Option<u32>,
}

impl Lateness {
    pub(super) fn new(now: Instant) -> Lateness {
        Lateness {
            began: now,
            last: 0,
            least: 0,
            first: None,
        }
    }

    /// Milliseconds that a request has waited, which its client made at `sent_ms`; 0 for one that does not say.
    #[inline]
    pub(super) fn waited_ms(&mut self, sent_ms: u32, now: Instant) -> u32 {
        if sent_ms == 0 {
            return 0;
        }
        let arrived = now.saturating_duration_since(self.began).as_millis() as u32;
        let difference = arrived.wrapping_sub(sent_ms);
        let first = *self.first.get_or_insert(difference);
        self.last = difference.wrapping_sub(first).cast_signed();
        self.least = self.least.min(self.last);
        u32::try_from(i64::from(self.last) - i64::from(self.least)).unwrap_or(0)
    }

    /// Everything that had come was read.
    #[inline]
    pub(super) fn drained(&mut self) {
        self.least = self.last;
    }
}

/// Whether a request that has waited so long of its time is better refused: three quarters. The last one is for
/// executing it and for the answer's way; a node that works through a longer queue works for nobody.
#[inline]
pub(super) fn is_too_late(waited_ms: u32, timeout_ms: u32) -> bool {
    timeout_ms != 0 && u64::from(waited_ms) * 4 >= u64::from(timeout_ms) * 3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_request_waited_is_told_apart_from_what_the_clocks_differ() {
        for start in [1_u32, 5_000_000, u32::MAX - 150] {
            let began = Instant::now();
            let mut lateness = Lateness::new(began);
            let at = |ms: u64| began + Duration::from_millis(ms);
            let sent = |ms: u32| start.wrapping_add(ms).max(1);
            assert_eq!(lateness.waited_ms(sent(0), at(40)), 0, "the first is the measure");
            assert_eq!(lateness.waited_ms(sent(100), at(140)), 0);
            assert_eq!(lateness.waited_ms(sent(200), at(540)), 300);
            assert_eq!(
                lateness.waited_ms(sent(600), at(610)),
                0,
                "it was faster: a better measure"
            );
            assert_eq!(lateness.waited_ms(sent(700), at(740)), 30);
            assert_eq!(lateness.waited_ms(0, at(9_999)), 0);
        }
    }

    #[test]
    fn a_client_whose_clock_stood_still_is_measured_anew_once_all_it_sent_was_read() {
        let began = Instant::now();
        let mut lateness = Lateness::new(began);
        let at = |ms: u64| began + Duration::from_millis(ms);
        assert_eq!(lateness.waited_ms(1_000, at(0)), 0);
        lateness.drained();
        // 20 s of suspension that its clock knows nothing of.
        assert_eq!(lateness.waited_ms(1_100, at(20_100)), 20_000);
        lateness.drained();
        assert_eq!(lateness.waited_ms(1_200, at(20_200)), 0);
        assert_eq!(lateness.waited_ms(1_300, at(20_500)), 200);
    }

    #[test]
    fn a_request_is_too_late_when_a_quarter_of_its_time_is_left() {
        assert!(!is_too_late(374, 500));
        assert!(is_too_late(375, 500));
        assert!(!is_too_late(u32::MAX, 0), "it waits for good");
    }
}
