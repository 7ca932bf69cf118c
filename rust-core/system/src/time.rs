//! The machine's clocks. Only their differences mean anything.

use std::time::Duration;

/// Time that counts while the machine is suspended, where the system tells (`CLOCK_BOOTTIME`).
#[inline]
#[must_use]
pub fn boottime() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(clock) = crate::simulation::Clock::current() {
        return clock.boottime();
    }
    #[cfg(target_os = "linux")]
    return read(rustix::time::ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    since_first_asked()
}

/// Time that stands still while the machine is suspended.
#[inline]
#[must_use]
pub fn monotonic() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(clock) = crate::simulation::Clock::current() {
        return clock.monotonic();
    }
    #[cfg(target_os = "linux")]
    return read(rustix::time::ClockId::Monotonic);
    #[cfg(not(target_os = "linux"))]
    since_first_asked()
}

#[cfg(target_os = "linux")]
#[inline]
fn read(clock: rustix::time::ClockId) -> Duration {
    let now = rustix::time::clock_gettime(clock);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
fn since_first_asked() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// The wall clock, since 1970.
#[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
#[must_use]
pub fn wall() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(clock) = crate::simulation::Clock::current() {
        return clock.wall();
    }
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
