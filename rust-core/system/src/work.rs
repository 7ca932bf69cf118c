//! Work that takes its time.

use tokio::task::JoinHandle;

/// Runs work on a thread that may block; in a simulation, as a task of its own, at a moment that the seed decides.
pub fn spawn_blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    #[cfg(feature = "simulation")]
    if crate::simulation::Clock::current().is_some() {
        return tokio::spawn(async move { work() });
    }
    tokio::task::spawn_blocking(work)
}

/// Whether this is a simulated machine: it has one thread.
#[inline]
#[must_use]
pub fn is_simulated() -> bool {
    #[cfg(feature = "simulation")]
    return crate::simulation::Clock::current().is_some();
    #[cfg(not(feature = "simulation"))]
    false
}
