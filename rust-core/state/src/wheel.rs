//! The timing wheel: which nodes may be due, cheaply.
//!
//! Levels of 64 buckets; a bucket of level n spans 64^n ticks of 1 ms. The level of a deadline is
//! the highest group of six bits in which it differs from the wheel's present (Varghese and Lauck's
//! hierarchical wheel, with the xor placing of the Linux and tokio ones), so eleven levels reach
//! every i64 and only the levels in use take memory.
//!
//! Items are *hints*: a node id under a time no later than the moment its entry is due. An entry
//! that lives longer than its item (it was overwritten, touched or read) is put back when the item
//! is drained. Draining never decides anything, so two replicas whose wheels differ expire the same.

const LEVELS: usize = 11;
const BUCKETS: usize = 64;
const BITS: u32 = 6;

struct Level {
    occupied: u64,
    buckets: [Vec<u32>; BUCKETS],
}

/// Node ids by the time at which they have to be looked at.
pub(crate) struct Wheel {
    /// The first tick that is not drained yet.
    present: u64,
    levels: [Option<Box<Level>>; LEVELS],
    /// Ids whose time was already past when they came.
    late: Vec<u32>,
    items: usize,
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel {
            present: 0,
            levels: Default::default(),
            late: Vec::new(),
            items: 0,
        }
    }

    /// Items held, stale ones included.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Moves the present of an empty wheel to `now`, which spares the first items a long way down.
    pub(crate) fn begin(&mut self, now: i64) {
        if self.items == 0 {
            self.present = self.present.max(tick_of(now));
        }
    }

    /// Has `id` looked at when `deadline` has come.
    pub(crate) fn insert(&mut self, id: u32, deadline: i64) {
        self.items += 1;
        let tick = tick_of(deadline);
        if tick < self.present {
            self.late.push(id);
            return;
        }
        let (level, bucket) = self.place(tick);
        let level = self.levels[level].get_or_insert_with(|| {
            Box::new(Level {
                occupied: 0,
                buckets: std::array::from_fn(|_| Vec::new()),
            })
        });
        level.occupied |= 1 << bucket;
        level.buckets[bucket].push(id);
    }

    /// A lower bound of the earliest time at which an item has to be looked at.
    pub(crate) fn next(&self) -> Option<i64> {
        if !self.late.is_empty() {
            return Some(i64::MIN);
        }
        self.earliest().map(|(_, _, start)| deadline_of(start))
    }

    /// Takes up to `budget` items out of the bucket that comes first, if it begins by `up_to`, and says
    /// how many (0: nothing is left that does). Those that are due where the bucket begins are given to
    /// `due`, and those that the present has passed; the others go back into the wheel.
    ///
    /// `deadline` says when a node's entry is really due (`None`: not at all, the item is dropped).
    /// What is due by some time has been given when [`Self::next`] is later than that time.
    pub(crate) fn step(
        &mut self,
        up_to: i64,
        budget: usize,
        deadline: impl Fn(u32) -> Option<i64>,
        due: impl FnMut(u32, i64),
    ) -> usize {
        if !self.late.is_empty() {
            let ids = take_some(&mut self.late, budget);
            return self.give(ids, i64::MIN, deadline, due);
        }
        let Some((level, bucket, start)) = self.earliest().filter(|&(.., start)| start <= tick_of(up_to))
        else {
            self.present = self.present.max(tick_of(up_to).saturating_add(1));
            return 0;
        };
        self.present = self.present.max(start);
        let held = self.levels[level].as_mut().expect("occupied levels exist");
        let ids = take_some(&mut held.buckets[bucket], budget);
        if held.buckets[bucket].is_empty() {
            held.occupied &= !(1 << bucket);
            if level == 0 {
                // Before the items are given: one whose tick is this one again must be late.
                self.present = start.saturating_add(1);
            }
        }
        self.give(ids, deadline_of(start), deadline, due)
    }

    fn give(
        &mut self,
        ids: Vec<u32>,
        up_to: i64,
        deadline: impl Fn(u32) -> Option<i64>,
        mut due: impl FnMut(u32, i64),
    ) -> usize {
        let count = ids.len();
        self.items -= count;
        for id in ids {
            match deadline(id) {
                None => {}
                // Behind the present there is no bucket for it: whoever drains keeps it.
                Some(at) if at <= up_to || tick_of(at) < self.present => due(id, at),
                Some(at) => self.insert(id, at),
            }
        }
        count
    }

    /// Ids of all items that `up_to` would drain, duplicates and stale ones included.
    pub(crate) fn peek(&self, up_to: i64, mut visit: impl FnMut(u32)) {
        let last = tick_of(up_to);
        self.late.iter().copied().for_each(&mut visit);
        for (level, held) in self.levels.iter().enumerate() {
            let Some(held) = held else { continue };
            let mut left = held.occupied;
            while left != 0 {
                let bucket = left.trailing_zeros() as usize;
                left &= left - 1;
                if self.start(level, bucket) <= last {
                    held.buckets[bucket].iter().copied().for_each(&mut visit);
                }
            }
        }
    }

    /// Drops all items; the present stays.
    pub(crate) fn clear(&mut self) {
        *self = Wheel {
            present: self.present,
            ..Wheel::new()
        };
    }

    /// The occupied bucket that starts first; of several the widest, for what lies in it may come
    /// before what lies below. (A bucket stays closed when the present moves to its very start.)
    fn earliest(&self) -> Option<(usize, usize, u64)> {
        let first_of = |(level, held): (usize, &Option<Box<Level>>)| {
            let occupied = held.as_ref()?.occupied;
            if occupied == 0 {
                return None;
            }
            let bucket = occupied.trailing_zeros() as usize;
            Some((level, bucket, self.start(level, bucket)))
        };
        let buckets = self.levels.iter().enumerate().filter_map(first_of);
        buckets.min_by_key(|&(level, _, start)| (start, LEVELS - level))
    }

    fn start(&self, level: usize, bucket: usize) -> u64 {
        let shift = BITS * level as u32;
        let above = shift + BITS;
        let high = if above >= u64::BITS {
            0
        } else {
            self.present >> above << above
        };
        high | (bucket as u64) << shift
    }

    fn place(&self, tick: u64) -> (usize, usize) {
        let differs = tick ^ self.present;
        let level = if differs == 0 {
            0
        } else {
            (differs.ilog2() / BITS) as usize
        };
        let bucket = tick >> (BITS * level as u32) & (BUCKETS as u64 - 1);
        (level, bucket as usize)
    }
}

/// At most `budget` ids, and all of them without a copy when there are no more.
fn take_some(ids: &mut Vec<u32>, budget: usize) -> Vec<u32> {
    if ids.len() <= budget {
        return std::mem::take(ids);
    }
    ids.split_off(ids.len() - budget)
}

/// Order-preserving: the earliest i64 is tick 0.
fn tick_of(deadline: i64) -> u64 {
    deadline as u64 ^ 1 << 63
}

fn deadline_of(tick: u64) -> i64 {
    (tick ^ 1 << 63) as i64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Wheel {
        /// Everything that is due by `up_to`, a few items at a time.
        fn drain(
            &mut self,
            up_to: i64,
            deadline: impl Fn(u32) -> Option<i64>,
            mut due: impl FnMut(u32, i64),
        ) {
            while self.step(up_to, 3, &deadline, &mut due) > 0 {}
        }
    }

    #[test]
    fn deadlines_at_both_ends_of_time_are_kept() {
        let mut wheel = Wheel::new();
        wheel.insert(1, i64::MIN);
        wheel.insert(2, i64::MAX);
        wheel.insert(3, 0);
        let at = |id: u32| Some([i64::MIN, i64::MAX, 0][id as usize - 1]);
        let mut seen = Vec::new();
        wheel.drain(i64::MIN, at, |id, _| seen.push(id));
        assert_eq!(seen, [1]);
        wheel.drain(i64::MAX - 1, at, |id, _| seen.push(id));
        assert_eq!(seen, [1, 3]);
        wheel.drain(i64::MAX, at, |id, _| seen.push(id));
        assert_eq!(seen, [1, 3, 2]);
        assert_eq!(wheel.items(), 0);
    }

    #[test]
    fn an_item_that_comes_after_its_time_is_given_at_the_next_drain() {
        let mut wheel = Wheel::new();
        wheel.drain(1_000, |_| None, |_, _| {});
        wheel.insert(1, 500);
        assert!(wheel.next().unwrap() <= 500);
        let mut seen = Vec::new();
        wheel.drain(400, |_| Some(500), |id, at| seen.push((id, at)));
        assert_eq!(seen, [(1, 500)]);
        assert_eq!(wheel.items(), 0);
    }

    proptest! {
        #[test]
        fn every_item_is_given_at_its_time_and_not_before(
            start in -1_000_i64..4_000_000_000_000,
            scale in 1_i64..3_000,
            steps in prop::collection::vec((0_u32..20, 0_i64..300, 0_i64..100, 0_i64..40), 1..160),
        ) {
            let mut wheel = Wheel::new();
            let mut model: BTreeMap<u32, i64> = BTreeMap::new();
            let mut now = start;
            wheel.drain(now, |_| None, |_, _| {});
            for (id, ahead, longer, pass) in steps {
                let deadline = now + ahead * scale;
                if model.insert(id, deadline).is_none_or(|before| deadline < before) {
                    wheel.insert(id, deadline);
                }
                // Lives longer than its item says.
                *model.get_mut(&id).unwrap() += longer * scale;
                now += pass * scale;
                let next = wheel.next();
                if let Some(earliest) = model.values().min() {
                    prop_assert!(next.unwrap() <= *earliest);
                }
                let mut peeked = Vec::new();
                wheel.peek(now, |id| peeked.push(id));
                let mut given = Vec::new();
                wheel.drain(now, |id| model.get(&id).copied(), |id, _| given.push(id));
                given.sort_unstable();
                given.dedup();
                let due: Vec<u32> =
                    model.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
                prop_assert_eq!(&given, &due);
                prop_assert!(due.iter().all(|id| peeked.contains(id)));
                model.retain(|_, at| *at > now);
            }
        }
    }
}
