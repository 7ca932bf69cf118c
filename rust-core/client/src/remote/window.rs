//! The session's window of sequence numbers.

use std::collections::VecDeque;

/// Numbers changes, and knows the first whose outcome the session has not seen. A number is never given out twice, so
/// a node that still knows the session from an earlier time cannot take one change for another.
#[derive(Debug)]
pub(super) struct Window {
    first: u64,
    /// Of `first` and those after it that were given out: whether the outcome is there or no longer asked for.
    seen: VecDeque<bool>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            first: 1,
            seen: VecDeque::new(),
        }
    }
}

impl Window {
    /// The first sequence number that still matters.
    pub(super) fn first_unacknowledged(&self) -> u64 {
        self.first
    }

    /// `count` consecutive numbers, the first of them; `None` when more than `most` would be unacknowledged.
    pub(super) fn take(&mut self, count: u32, most: usize) -> Option<u64> {
        let count = count as usize;
        if self.seen.len() + count > most {
            return None;
        }
        let sequence = self.first + self.seen.len() as u64;
        self.seen.extend(std::iter::repeat_n(false, count));
        Some(sequence)
    }

    /// Nobody asks for the outcome of these any more.
    pub(super) fn seen(&mut self, sequence: u64, count: u32) {
        let start = (sequence - self.first) as usize;
        for seen in self.seen.range_mut(start..start + count as usize) {
            *seen = true;
        }
        while self.seen.front() == Some(&true) {
            self.seen.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_unacknowledged_is_the_oldest_that_is_still_waited_for() {
        let mut window = Window::default();
        assert_eq!(window.first_unacknowledged(), 1);
        assert_eq!(window.take(1, 8), Some(1));
        assert_eq!(window.take(3, 8), Some(2));
        assert_eq!(window.take(1, 8), Some(5));
        window.seen(2, 3);
        assert_eq!(window.first_unacknowledged(), 1);
        window.seen(1, 1);
        assert_eq!(window.first_unacknowledged(), 5);
        window.seen(5, 1);
        assert_eq!(window.first_unacknowledged(), 6);
    }

    #[test]
    fn no_more_than_the_window_is_ever_unacknowledged_and_no_number_comes_twice() {
        let mut window = Window::default();
        assert_eq!(window.take(4, 4), Some(1));
        assert_eq!(window.take(1, 4), None);
        window.seen(2, 1);
        assert_eq!(window.take(1, 4), None, "the first is still waited for");
        window.seen(1, 1);
        assert_eq!(window.take(2, 4), Some(5));
        assert_eq!(window.take(1, 4), None);
    }
}
