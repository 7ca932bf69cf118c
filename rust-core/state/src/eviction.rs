//! Which entries a full cache store gives up: S3-FIFO with a window that sizes itself, over all sub-maps of a store.
//!
//! The policy is S3-FIFO ("FIFO queues are all you need for cache eviction", Yang et al., SOSP 2023): a new entry enters
//! a small FIFO, the **window**. At its end it moves on to **main** if it was read meanwhile, else it is evicted and its
//! hash remembered as a **ghost**; a key that comes back while its ghost lives enters main at once. Main is a FIFO with
//! second chances: at its end an entry that was read since its last lap starts another, with one heat less. A scan runs
//! through the window and never touches main, and a read moves nothing: it raises the entry's heat byte, if that.
//!
//! Three things are ours (`examples/hit_ratio` measures what comes of them):
//! * **The window's share adapts** (the paper fixes 10 %). A ghost that comes back young would have been a hit in a longer
//!   window, one that comes back old says that main deserves the room (the idea of ARC's ghost lists, Megiddo and Modha,
//!   FAST 2003, read from one list by age). The share stays between 2 % (skewed popularity) and 40 % (recency).
//! * **One read in the window is enough** to stay, where the paper asks for two.
//! * **The queues are one per sub-map, the order is one per store.** Entries carry the epoch of a store-wide clock in
//!   spare bits of their links, and the sub-map whose last entry is oldest gives the next victim, so that hundreds of
//!   tiny queues evict like a single one. A victim may come from another sub-map than the entry that needs the room.
//!
//! All of it is the leader's and volatile: no snapshot has it, no replica agrees on it. The choice is what is replicated.
//! It has no clock and no randomness: the same calls from one thread choose the same victims.

mod balance;
mod ghost;
mod queue;
mod queues;
#[cfg(test)]
mod tests;
mod views;

use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use balance::EvictionBalance;
pub(crate) use queue::Links;
pub(crate) use queues::EvictionQueues;

/// Reads beyond this many leave an entry's heat as it is, so that a hot entry's cache line stays clean.
const HOTTEST: u8 = 3;

/// What the policy sees of the nodes of a sub-map.
pub(crate) trait Nodes {
    /// The node's place in its queue.
    fn links(&self, id: u32) -> Links;
    /// Changes the node's place.
    fn set_links(&mut self, id: u32, links: Links);
    /// The full hash of the entry's key.
    fn hash(&self, id: u32) -> u64;
    /// The bytes that the entry now in this node is charged with.
    fn size(&self, id: u32) -> u64;
    /// The entry's heat.
    fn heat(&self, id: u32) -> &AtomicU8;
}

/// Why an entry leaves its sub-map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Evicted: its hash is remembered, so that a key that comes back soon is known to be worth more.
    Evicted,
    /// Deleted, expired or cleared.
    Gone,
}

/// What a read that hits does, under the shared lock: one load, and a store only while the entry is still warming up.
/// Two reads at once may count as one.
#[inline]
pub(crate) fn warm(heat: &AtomicU8) {
    let now = heat.load(Ordering::Relaxed);
    if now < HOTTEST {
        heat.store(now + 1, Ordering::Relaxed);
    }
}

/// The heat of the entry that takes the place of one with heat `old`: an overwrite is a use.
#[inline]
pub(crate) fn heat_after_overwrite(old: u8) -> u8 {
    old.saturating_add(1).min(HOTTEST)
}
