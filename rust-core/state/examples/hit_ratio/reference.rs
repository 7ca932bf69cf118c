//! The policies to compare with: exact LRU, and W-TinyLFU as in Caffeine and BitFaster.Caching.

use crate::Cache;
use crate::trace::mixed;

const NOBODY: u32 = u32::MAX;

/// Least recently used, exactly.
pub(crate) struct Lru {
    capacity: usize,
    order: Lists<1>,
}

impl Lru {
    pub(crate) fn new(capacity: usize, keys: usize) -> Lru {
        Lru {
            capacity,
            order: Lists::new(keys),
        }
    }
}

impl Cache for Lru {
    fn request(&mut self, key: u32) -> bool {
        let hit = self.order.unlink(key).is_some();
        if !hit && self.order.len(0) == self.capacity {
            let victim = self.order.oldest(0).expect("it is full");
            self.order.unlink(victim);
        }
        self.order.push(0, key);
        hit
    }
}

const WINDOW: usize = 0;
const PROBATION: usize = 1;
const PROTECTED: usize = 2;

/// "TinyLFU: A Highly Efficient Cache Admission Policy" (Einziger, Friedman, Manes, 2017): an LRU window of 1 %, and a
/// main of two LRU segments (80 % protected) which a key enters only if it was asked for more often than the one that
/// has to go. Without the hill climber, which loses on stationary traces.
pub(crate) struct WTinyLfu {
    window: usize,
    protected: usize,
    capacity: usize,
    lists: Lists<3>,
    sketch: Sketch,
}

impl WTinyLfu {
    pub(crate) fn new(capacity: usize, keys: usize) -> WTinyLfu {
        let window = (capacity / 100).max(1);
        WTinyLfu {
            window,
            protected: (capacity - window) * 8 / 10,
            capacity,
            lists: Lists::new(keys),
            sketch: Sketch::new(capacity),
        }
    }

    /// The window's oldest asks for a place in main.
    fn admit(&mut self, candidate: u32) {
        let full = (WINDOW..=PROTECTED)
            .map(|list| self.lists.len(list))
            .sum::<usize>()
            > self.capacity;
        self.lists.unlink(candidate);
        if full {
            let victim = self.lists.oldest(PROBATION).or(self.lists.oldest(PROTECTED));
            match victim {
                Some(victim) if self.sketch.frequency(candidate) > self.sketch.frequency(victim) => {
                    self.lists.unlink(victim);
                }
                _ => return,
            }
        }
        self.lists.push(PROBATION, candidate);
    }
}

impl Cache for WTinyLfu {
    fn request(&mut self, key: u32) -> bool {
        self.sketch.count(key);
        let was_in = self.lists.unlink(key);
        match was_in {
            None | Some(WINDOW) => self.lists.push(WINDOW, key),
            Some(_) => self.lists.push(PROTECTED, key),
        }
        if self.lists.len(PROTECTED) > self.protected {
            let demoted = self.lists.oldest(PROTECTED).expect("it is not empty");
            self.lists.unlink(demoted);
            self.lists.push(PROBATION, demoted);
        }
        if self.lists.len(WINDOW) > self.window {
            let candidate = self.lists.oldest(WINDOW).expect("it is not empty");
            self.admit(candidate);
        }
        was_in.is_some()
    }
}

/// A count-min sketch of four 4-bit counters for each key, sixteen for each entry of the cache, halved after ten times as
/// many requests as the cache has entries.
struct Sketch {
    words: Vec<u64>,
    counted: usize,
    sample: usize,
}

impl Sketch {
    fn new(capacity: usize) -> Sketch {
        Sketch {
            words: vec![0; capacity.next_power_of_two()],
            counted: 0,
            sample: capacity * 10,
        }
    }

    /// Word and shift of the key's counter in each of four rows; a row has four of a word's sixteen counters.
    fn counters(&self, key: u32) -> [(usize, u32); 4] {
        std::array::from_fn(|row| {
            let hash = mixed(u64::from(key) << 2 | row as u64);
            let column = (hash & 3) as u32;
            (
                (hash >> 8) as usize & (self.words.len() - 1),
                (row as u32 * 4 + column) * 4,
            )
        })
    }

    fn frequency(&self, key: u32) -> u64 {
        let counts = self
            .counters(key)
            .map(|(word, shift)| self.words[word] >> shift & 15);
        counts.into_iter().min().expect("there are four rows")
    }

    fn count(&mut self, key: u32) {
        let mut changed = false;
        for (word, shift) in self.counters(key) {
            if self.words[word] >> shift & 15 < 15 {
                self.words[word] += 1 << shift;
                changed = true;
            }
        }
        self.counted += usize::from(changed);
        if self.counted >= self.sample {
            self.words
                .iter_mut()
                .for_each(|word| *word = *word >> 1 & 0x7777_7777_7777_7777);
            self.counted /= 2;
        }
    }
}

/// Lists of keys, oldest to newest, each key in at most one.
struct Lists<const COUNT: usize> {
    older: Vec<u32>,
    newer: Vec<u32>,
    list_of: Vec<u8>,
    ends: [Ends; COUNT],
}

#[derive(Clone, Copy)]
struct Ends {
    oldest: u32,
    newest: u32,
    len: usize,
}

const IN_NONE: u8 = u8::MAX;

impl<const COUNT: usize> Lists<COUNT> {
    fn new(keys: usize) -> Lists<COUNT> {
        let empty = Ends {
            oldest: NOBODY,
            newest: NOBODY,
            len: 0,
        };
        Lists {
            older: vec![NOBODY; keys],
            newer: vec![NOBODY; keys],
            list_of: vec![IN_NONE; keys],
            ends: [empty; COUNT],
        }
    }

    fn len(&self, list: usize) -> usize {
        self.ends[list].len
    }

    fn oldest(&self, list: usize) -> Option<u32> {
        Some(self.ends[list].oldest).filter(|key| *key != NOBODY)
    }

    fn push(&mut self, list: usize, key: u32) {
        let ends = &mut self.ends[list];
        self.older[key as usize] = ends.newest;
        self.newer[key as usize] = NOBODY;
        self.list_of[key as usize] = list as u8;
        match ends.newest {
            NOBODY => ends.oldest = key,
            newest => self.newer[newest as usize] = key,
        }
        ends.newest = key;
        ends.len += 1;
    }

    /// The list that the key was in.
    fn unlink(&mut self, key: u32) -> Option<usize> {
        let list = std::mem::replace(&mut self.list_of[key as usize], IN_NONE);
        if list == IN_NONE {
            return None;
        }
        let ends = &mut self.ends[usize::from(list)];
        let (older, newer) = (self.older[key as usize], self.newer[key as usize]);
        match older {
            NOBODY => ends.oldest = newer,
            older => self.newer[older as usize] = newer,
        }
        match newer {
            NOBODY => ends.newest = older,
            newer => self.older[newer as usize] = older,
        }
        ends.len -= 1;
        Some(usize::from(list))
    }
}
