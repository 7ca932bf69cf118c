//! The thread of a node that expires what is due and frees what was cleared.
//!
//! It sleeps until the earliest deadline that anybody has told the [`Alarm`], and never wakes more than
//! 50 times a second: between two rounds, reads hide what is due, so nobody sees the difference.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use holdfast_state::Timestamp;
use parking_lot::{Condvar, Mutex};

/// Least time between two rounds.
pub(crate) const ROUND: Duration = Duration::from_millis(20);
/// What is left to others of a store's lock between two rounds of steps while there is more to do.
pub(crate) const BREATH: Duration = Duration::from_millis(1);

const NEVER: i64 = i64::MAX;

#[derive(Default)]
struct Flags {
    stopped: bool,
    rung: bool,
}

/// Tells the driver when to wake.
pub(crate) struct Alarm {
    /// The deadline that the driver will wake for, in cluster milliseconds.
    next: AtomicI64,
    flags: Mutex<Flags>,
    wake: Condvar,
}

/// Why the driver woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// There may be something to do.
    Work,
    /// The node ends.
    Stop,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self {
            next: AtomicI64::new(NEVER),
            flags: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// Makes sure that the driver wakes by `deadline`. One load when it does already.
    #[inline]
    pub(crate) fn set(&self, deadline: Timestamp) {
        if deadline.0 < self.next.load(Ordering::Acquire)
            && deadline.0 < self.next.fetch_min(deadline.0, Ordering::AcqRel)
        {
            // Under the lock, so that the driver is either before its look at `next` or waiting.
            let _flags = self.flags.lock();
            self.wake.notify_one();
        }
    }

    /// Wakes the driver now.
    pub(crate) fn ring(&self) {
        self.flags.lock().rung = true;
        self.wake.notify_one();
    }

    /// Ends the driver.
    pub(crate) fn stop(&self) {
        self.flags.lock().stopped = true;
        self.wake.notify_one();
    }

    /// To be called before the deadlines are collected that [`Alarm::set`] is then told: a change that
    /// comes in between is not lost.
    pub(crate) fn forget(&self) {
        // Not a mere store: what follows must not look at deadlines before this is seen.
        self.next.swap(NEVER, Ordering::SeqCst);
    }

    /// Waits until the alarm's deadline or until somebody rings. `until` gives the time to wait for a
    /// deadline, after which there is work in any case; `None` when time does not pass by itself.
    pub(crate) fn wait(&self, until: impl Fn(Timestamp) -> Option<Duration>) -> Woken {
        let mut flags = self.flags.lock();
        loop {
            if flags.stopped {
                return Woken::Stop;
            }
            if std::mem::take(&mut flags.rung) {
                return Woken::Work;
            }
            let next = self.next.load(Ordering::Acquire);
            match until(Timestamp(next)) {
                Some(rest) => {
                    if rest.is_zero() || self.wake.wait_for(&mut flags, rest).timed_out() {
                        return Woken::Work;
                    }
                }
                None => self.wake.wait(&mut flags),
            }
        }
    }

    /// Lets the least time between two rounds pass; false when the node ends meanwhile.
    pub(crate) fn pause(&self, least: Duration) -> bool {
        let mut flags = self.flags.lock();
        if !flags.stopped {
            self.wake.wait_for(&mut flags, least);
        }
        !flags.stopped
    }
}
