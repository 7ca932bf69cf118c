//! The figures, each with the bar that it is printed beside.

mod all_killed;
mod all_killed_on_disk;
mod catch_up;
mod idle;
mod leader_kills;
mod minority;
mod pauses;
mod planned_moves;
mod rolling_restart;

pub use all_killed::all_killed;
pub use all_killed_on_disk::all_killed_on_disk;
pub use catch_up::{CatchUp, catch_up};
pub use idle::idle;
pub use leader_kills::leader_kills;
pub use minority::minority;
pub use pauses::pauses;
pub use planned_moves::planned_moves;
pub use rolling_restart::rolling_restart;

use std::time::Duration;

use holdfast_chaos::workload::Load;

/// Groups that hold data: four of coordination stores, eight of cache stores.
const DATA_GROUPS: u32 = 12;

/// The group whose leader is the next to suffer: each in turn.
fn group_of_turn(turn: usize) -> u32 {
    1 + (turn as u32 * 5) % DATA_GROUPS
}

/// Processes of each group's team, and how long they rest between calls.
fn load(processes: u32, pause_ms: u64, timeout: Duration, seed: u64) -> Load {
    Load {
        processes,
        timeout,
        pause: Duration::from_millis(pause_ms),
        seed,
        caches: true,
    }
}
