//! Where a leader's elapsed time comes from.

use std::time::Duration;

/// Two clocks of one machine. Both only move forward; only their differences mean anything.
pub trait TimeSource: Send + Sync + 'static {
    /// Time that counts while the machine is suspended.
    fn boottime(&self) -> Duration;

    /// Time that stands still while the machine is suspended; leases are measured by it.
    fn monotonic(&self) -> Duration;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTime;

impl TimeSource for SystemTime {
    fn boottime(&self) -> Duration {
        holdfast_system::time::boottime()
    }

    fn monotonic(&self) -> Duration {
        holdfast_system::time::monotonic()
    }
}
