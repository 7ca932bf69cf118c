//! What the sub-maps of a store share about eviction, without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

use super::ghost::Seen;
use super::queue::Kind;
use super::views::{MOST_SUB_MAPS, View, Views};

/// Epochs in one lap of a queue: what the ages of two sub-maps' oldest entries can differ by unnoticed is a sixteenth.
const EPOCHS_IN_LAP: u32 = 16;
/// Second chances given for one victim, after which the next entry in line goes, read or not: a change never pays for
/// a walk through a whole sub-map.
const MOST_CHANCES: u32 = 128;

/// Shares are fractions of 2^32.
const SMALLEST_WINDOW: u32 = share_of(2);
const FIRST_WINDOW: u32 = share_of(5);
const LARGEST_WINDOW: u32 = share_of(40);
/// As many ghosts of one age as the store has entries move the window's share by this much.
const STRIDE: u32 = share_of(20);

/// New entries since victims were last needed that show a store to have room, beside an eighth of its entries.
const FILLING: u32 = 64;

const fn share_of(percent: u64) -> u32 {
    ((percent << 32) / 100) as u32
}

/// What one sub-map shows of a queue, written under its exclusive lock.
#[derive(Debug, Default)]
struct Shown {
    bytes: AtomicU64,
    /// How many entries, times 256, and the epoch of the oldest.
    len_and_oldest: AtomicU64,
}

#[derive(Debug, Default)]
struct SubMap {
    window: Shown,
    main: Shown,
}

impl Shown {
    fn len(&self) -> u32 {
        (self.len_and_oldest.load(Relaxed) >> 8) as u32
    }

    fn view(&self) -> View {
        View {
            bytes: self.bytes.load(Relaxed),
            len: self.len(),
            oldest: self.len_and_oldest.load(Relaxed) as u8,
        }
    }
}

/// Counts what is put into a kind of queue over all sub-maps, in epochs of a sixteenth of what is in them.
#[derive(Debug, Default)]
struct Clock {
    epoch: AtomicU32,
    pushes: AtomicU32,
    /// The pushes at which the next epoch begins.
    epoch_ends_at: AtomicU32,
}

/// The store-wide side of the policy: how much is where, whose entries are oldest and how large the window should be.
///
/// Everything is relaxed: a value that is a moment old costs a little of the order and nothing else.
#[derive(Debug)]
pub(crate) struct EvictionBalance {
    sub_maps: Box<[CachePadded<SubMap>]>,
    window_clock: CachePadded<Clock>,
    main_clock: CachePadded<Clock>,
    window_share: AtomicU32,
    /// Entries in the queues when victims were last asked for.
    entries: AtomicU32,
    /// The window's pushes at that time.
    asked_at: AtomicU32,
}

/// A request to one sub-map for victims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The queue whose oldest entries are next.
    pub(super) kind: Kind,
    /// Bytes to evict.
    pub(super) bytes: u64,
    /// Bytes by which the queue is too large.
    pub(super) surplus: u64,
    /// Second chances left.
    pub(super) chances: u32,
}

/// What a sub-map did on its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Bytes of the entries picked.
    pub(super) bytes: u64,
    /// Second chances given since the last of them.
    pub(super) chances: u32,
}

impl EvictionBalance {
    /// For a store of so many sub-maps.
    pub(crate) fn new(sub_maps: usize) -> EvictionBalance {
        assert!(sub_maps <= MOST_SUB_MAPS);
        EvictionBalance {
            sub_maps: (0..sub_maps).map(|_| CachePadded::default()).collect(),
            window_clock: CachePadded::default(),
            main_clock: CachePadded::default(),
            window_share: AtomicU32::new(FIRST_WINDOW),
            entries: AtomicU32::new(0),
            asked_at: AtomicU32::new(0),
        }
    }

    /// Bytes of entries that may be evicted and are not being evicted already. Between the groups of a store, the one with
    /// the most gives the next victim.
    pub(crate) fn evictable_bytes(&self) -> u64 {
        self.bytes(Kind::Window) + self.bytes(Kind::Main)
    }

    /// Has sub-maps pick entries until they make up `bytes`; returns what they make up, less only when there are no more.
    ///
    /// `choose(sub_map, turn)` takes that sub-map's exclusive lock and calls `EvictionQueues::choose`. One lock is held at
    /// a time, and each for at most a few dozen entries.
    pub(crate) fn gather(&self, bytes: u64, mut choose: impl FnMut(usize, Turn) -> Option<Chosen>) -> u64 {
        let (mut windows, mut mains) = (Views::new(), Views::new());
        for (sub_map, shown) in self.sub_maps.iter().enumerate() {
            windows.set(sub_map, shown.window.view());
            mains.set(sub_map, shown.main.view());
        }
        self.asked_at
            .store(self.window_clock.pushes.load(Relaxed), Relaxed);
        self.entries.store(windows.len() + mains.len(), Relaxed);
        let (mut gathered, mut chances) = (0, MOST_CHANCES);
        while gathered < bytes {
            let target = self.window_target(windows.bytes() + mains.bytes());
            // A lone new entry stays for a while even if it is larger than the window.
            let (kind, views, surplus) = if mains.len() == 0 {
                (Kind::Window, &windows, u64::MAX)
            } else if windows.bytes() > target && windows.len() > 1 {
                (Kind::Window, &windows, windows.bytes() - target)
            } else {
                (Kind::Main, &mains, u64::MAX)
            };
            let Some(sub_map) = views.oldest(self.epoch(kind)) else {
                break;
            };
            let turn = Turn {
                kind,
                bytes: bytes - gathered,
                surplus,
                chances,
            };
            let chosen = choose(sub_map, turn);
            windows.set(sub_map, self.sub_maps[sub_map].window.view());
            mains.set(sub_map, self.sub_maps[sub_map].main.view());
            match chosen {
                Some(chosen) if chosen.bytes > 0 => {
                    gathered += chosen.bytes;
                    chances = MOST_CHANCES.saturating_sub(chosen.chances);
                }
                Some(chosen) => chances = chances.saturating_sub(chosen.chances),
                // Another thread emptied it since it was seen.
                None => {}
            }
        }
        gathered
    }

    /// The epoch that a queue's next entries get.
    pub(super) fn epoch(&self, kind: Kind) -> u8 {
        self.clock(kind).epoch.load(Relaxed) as u8
    }

    /// Counts entries that a sub-map put into its queue of this kind.
    pub(super) fn pushed(&self, kind: Kind, pushes: u32) {
        let clock = self.clock(kind);
        let pushes = clock.pushes.fetch_add(pushes, Relaxed).wrapping_add(pushes);
        if pushes
            .wrapping_sub(clock.epoch_ends_at.load(Relaxed))
            .cast_signed()
            >= 0
        {
            let length = (self.len(kind) / EPOCHS_IN_LAP).max(1);
            clock.epoch_ends_at.store(pushes.wrapping_add(length), Relaxed);
            clock.epoch.fetch_add(1, Relaxed);
        }
    }

    /// Whether nothing had to be evicted for a while although entries came in: nothing is gained by judging them now.
    pub(super) fn has_room(&self) -> bool {
        let since = self
            .window_clock
            .pushes
            .load(Relaxed)
            .wrapping_sub(self.asked_at.load(Relaxed));
        since > FILLING + self.entries.load(Relaxed) / 8
    }

    /// The window's bytes in a sub-map with so many bytes.
    pub(super) fn window_target(&self, bytes: u64) -> u64 {
        share(bytes, self.window_share.load(Relaxed))
    }

    /// A key came back after its eviction: the window was too short for it, or main was.
    pub(super) fn came_back(&self, seen: Seen) {
        let Some(step) = STRIDE.checked_div(self.entries.load(Relaxed)) else {
            return; // A follower: nobody asks it for victims.
        };
        let share = self.window_share.load(Relaxed);
        let share = match seen {
            Seen::Lately => share.saturating_add(step).min(LARGEST_WINDOW),
            Seen::LongAgo => share.saturating_sub(step).max(SMALLEST_WINDOW),
            Seen::No => return,
        };
        self.window_share.store(share, Relaxed);
    }

    /// Shows the state of a sub-map's queue to the others.
    pub(super) fn show(&self, sub_map: usize, kind: Kind, len: u32, bytes: u64, oldest: Option<u8>) {
        let shown = shown(&self.sub_maps[sub_map], kind);
        shown.bytes.store(bytes, Relaxed);
        let oldest = u64::from(oldest.unwrap_or_default());
        shown.len_and_oldest.store(u64::from(len) << 8 | oldest, Relaxed);
    }

    fn clock(&self, kind: Kind) -> &Clock {
        match kind {
            Kind::Window => &self.window_clock,
            _ => &self.main_clock,
        }
    }

    fn bytes(&self, kind: Kind) -> u64 {
        self.sub_maps
            .iter()
            .map(|sub_map| shown(sub_map, kind).bytes.load(Relaxed))
            .sum()
    }

    fn len(&self, kind: Kind) -> u32 {
        self.sub_maps
            .iter()
            .map(|sub_map| shown(sub_map, kind).len())
            .sum()
    }
}

fn shown(sub_map: &SubMap, kind: Kind) -> &Shown {
    match kind {
        Kind::Window => &sub_map.window,
        _ => &sub_map.main,
    }
}

fn share(bytes: u64, share: u32) -> u64 {
    ((u128::from(bytes) * u128::from(share)) >> 32) as u64
}
