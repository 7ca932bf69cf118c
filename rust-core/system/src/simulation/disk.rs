//! What the disk of the machine does that is being stepped. Whoever keeps files has them in its own way.

use std::time::Duration;

use super::clock::Clock;
use super::world::{self, Power};

/// How long a disk takes for a sync: one of the times between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds.
    pub least_ms: u64,
    /// Milliseconds.
    pub most_ms: u64,
}

/// How long the next sync takes.
///
/// # Panics
/// Outside of a simulated machine, as all of these do.
#[must_use]
pub fn sync_takes() -> Duration {
    world::with(|world, _| {
        let pace = world.hosts[host()].disk;
        Duration::from_millis(world.disks.u64(pace.least_ms..=pace.most_ms))
    })
}

/// Whether the machine has not lost its power.
#[must_use]
pub fn has_power() -> bool {
    world::with(|world, _| world.hosts[host()].power == Power::On)
}

/// One of the numbers from 0 on, up to below `end`, for what happens by chance.
#[must_use]
pub fn below(end: u64) -> u64 {
    world::with(|world, _| world.disks.u64(0..end))
}

fn host() -> usize {
    Clock::current()
        .expect("a simulated machine is being stepped")
        .host
}
