//! What the sub-maps of a store share about eviction, without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

use super::ghost::Seen;
use super::queue::Kind;

/// Epochs in one lap of a queue: what the ages of two sub-maps' oldest entries can differ by unnoticed is a sixteenth.
const EPOCHS_IN_LAP: u32 = 16;
/// Sub-maps that a store may have.
const MOST_SUB_MAPS: usize = 32;
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
    len: AtomicU32,
    /// The epoch of its oldest entry.
    oldest: AtomicU32,
}

#[derive(Debug, Default)]
struct SubMap {
    window: Shown,
    main: Shown,
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
        let mut views = Views::new();
        for (sub_map, shown) in self.sub_maps.iter().enumerate() {
            views.add(sub_map, shown);
        }
        self.asked_at
            .store(self.window_clock.pushes.load(Relaxed), Relaxed);
        self.entries.store(views.window_len + views.main_len, Relaxed);
        let (mut gathered, mut chances) = (0, MOST_CHANCES);
        while gathered < bytes {
            let target = self.window_target(views.window_bytes + views.main_bytes);
            // A lone new entry stays for a while even if it is larger than the window.
            let window_gives = views.main_len == 0 || views.window_bytes > target && views.window_len > 1;
            let (kind, surplus) = match window_gives {
                true if views.main_len > 0 => (Kind::Window, views.window_bytes - target),
                true => (Kind::Window, u64::MAX),
                false => (Kind::Main, u64::MAX),
            };
            let Some(sub_map) = views.oldest(kind, self.epoch(kind)) else {
                break;
            };
            let turn = Turn {
                kind,
                bytes: bytes - gathered,
                surplus,
                chances,
            };
            let chosen = choose(sub_map, turn);
            views.update(sub_map, &self.sub_maps[sub_map]);
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
        shown.len.store(len, Relaxed);
        shown.oldest.store(u32::from(oldest.unwrap_or_default()), Relaxed);
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
            .map(|sub_map| shown(sub_map, kind).len.load(Relaxed))
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

/// One look at a queue of a sub-map.
#[derive(Clone, Copy, Default)]
struct View {
    bytes: u64,
    len: u32,
    oldest: u8,
}

impl View {
    fn of(shown: &Shown) -> View {
        View {
            bytes: shown.bytes.load(Relaxed),
            len: shown.len.load(Relaxed),
            oldest: shown.oldest.load(Relaxed) as u8,
        }
    }
}

/// One look at all sub-maps, refreshed where something was chosen.
struct Views {
    window: [View; MOST_SUB_MAPS],
    main: [View; MOST_SUB_MAPS],
    sub_maps: usize,
    window_bytes: u64,
    main_bytes: u64,
    window_len: u32,
    main_len: u32,
}

impl Views {
    fn new() -> Views {
        Views {
            window: [View::default(); MOST_SUB_MAPS],
            main: [View::default(); MOST_SUB_MAPS],
            sub_maps: 0,
            window_bytes: 0,
            main_bytes: 0,
            window_len: 0,
            main_len: 0,
        }
    }

    fn add(&mut self, sub_map: usize, shown: &SubMap) {
        self.sub_maps = self.sub_maps.max(sub_map + 1);
        self.update(sub_map, shown);
    }

    fn update(&mut self, sub_map: usize, shown: &SubMap) {
        let (window, main) = (View::of(&shown.window), View::of(&shown.main));
        self.window_bytes = self.window_bytes - self.window[sub_map].bytes + window.bytes;
        self.window_len = self.window_len - self.window[sub_map].len + window.len;
        self.main_bytes = self.main_bytes - self.main[sub_map].bytes + main.bytes;
        self.main_len = self.main_len - self.main[sub_map].len + main.len;
        self.window[sub_map] = window;
        self.main[sub_map] = main;
    }

    /// The sub-map whose oldest entry in this kind of queue is the oldest, or of several the one that has the most.
    fn oldest(&self, kind: Kind, now: u8) -> Option<usize> {
        let views = if kind == Kind::Window {
            &self.window
        } else {
            &self.main
        };
        (0..self.sub_maps)
            .filter(|sub_map| views[*sub_map].len > 0)
            .max_by_key(|sub_map| {
                let view = views[*sub_map];
                (now.wrapping_sub(view.oldest), view.bytes)
            })
    }
}
