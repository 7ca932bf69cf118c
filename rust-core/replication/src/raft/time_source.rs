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

#[cfg(target_os = "linux")]
impl TimeSource for SystemTime {
    fn boottime(&self) -> Duration {
        read(rustix::time::ClockId::Boottime)
    }

    fn monotonic(&self) -> Duration {
        read(rustix::time::ClockId::Monotonic)
    }
}

#[cfg(target_os = "linux")]
fn read(clock: rustix::time::ClockId) -> Duration {
    let now = rustix::time::clock_gettime(clock);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(not(target_os = "linux"))]
impl TimeSource for SystemTime {
    fn boottime(&self) -> Duration {
        self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(tokio::time::Instant::now).elapsed()
    }
}
