//! A simulated machine's clocks.

use std::cell::Cell;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

/// The clocks of the machine that is being stepped.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Which machine.
    pub host: usize,
    /// What the runtime's clock showed when it was made.
    pub started: Instant,
    /// What CLOCK_MONOTONIC showed then.
    pub monotonic: Duration,
    /// How far CLOCK_BOOTTIME is ahead of it: the time for which the machine was suspended.
    pub suspended: Duration,
    /// How far the wall clock is ahead of CLOCK_BOOTTIME.
    pub wall: Duration,
}

thread_local! {
    static CURRENT: Cell<Option<Clock>> = const { Cell::new(None) };
}

impl Clock {
    /// Of the machine that this thread steps at the moment.
    #[must_use]
    pub fn current() -> Option<Clock> {
        CURRENT.get()
    }

    /// Makes this the machine that the thread steps; the one before.
    pub fn enter(clock: Option<Clock>) -> Option<Clock> {
        CURRENT.replace(clock)
    }

    /// Time that stands still while the machine is suspended.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        // Without a runtime the tokio clock would be the thread's own.
        match Handle::try_current() {
            Ok(_) => self.monotonic + self.started.elapsed(),
            Err(_) => self.monotonic,
        }
    }

    /// Time that counts while the machine is suspended.
    #[must_use]
    pub fn boottime(&self) -> Duration {
        self.monotonic() + self.suspended
    }

    /// The wall clock, which may be wrong.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.boottime() + self.wall
    }
}
