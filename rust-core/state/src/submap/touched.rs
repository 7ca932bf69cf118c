//! Which entries reads have slid since the leader last collected their touches: one bit a node.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::SubMap;
use crate::chosen::TouchedEntry;
use crate::entry::EntryRef;
use crate::time::Timestamp;

const BITS: usize = u64::BITS as usize;

/// Readers mark under the shared lock, the collector takes under the exclusive one: no mark is lost.
/// A mark whose entry has gone means nothing.
#[derive(Default)]
pub(crate) struct Touched {
    words: Vec<AtomicU64>,
    any: AtomicBool,
}

impl Touched {
    /// Before a node may be marked.
    pub(super) fn make_room(&mut self, id: u32) {
        let needed = id as usize / BITS + 1;
        if self.words.len() < needed {
            self.words.resize_with(needed, AtomicU64::default);
        }
    }

    fn mark(&self, id: u32) {
        let Some(word) = self.words.get(id as usize / BITS) else {
            return;
        };
        let bit = 1 << (id as usize % BITS);
        // Mostly it is marked already: then the cache line stays clean.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
            if !self.any.load(Ordering::Relaxed) {
                self.any.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl SubMap {
    /// A read at `now` slides an entry of this sub-map.
    #[inline]
    pub(crate) fn slide(&self, entry: &EntryRef, now: i64) {
        if entry.slide(now)
            && let Some(touched) = &self.touched
        {
            touched.mark(entry.id());
        }
    }

    /// Slides all that is here as a read at `at` would: a leader before this one may have served such reads.
    pub(crate) fn slide_all(&self, at: i64) {
        let scheduled = self.scheduled(i64::MAX);
        let entries = scheduled.into_iter().filter_map(|id| self.slab.get(id));
        for entry in entries.filter(|entry| !self.is_cleared(entry)) {
            self.slide(entry, at);
        }
    }

    /// Whether reads have slid anything since it was last collected.
    pub(crate) fn is_touched(&self) -> bool {
        let any = |touched: &Touched| touched.any.load(Ordering::Relaxed);
        self.touched.as_ref().is_some_and(any)
    }

    /// Marks an entry again, if it is still there: what was collected did not get into the log.
    pub(crate) fn touch_again(&self, entry: &EntryRef) {
        if let Some(touched) = &self.touched
            && self
                .find(entry.hash(), entry.key())
                .is_some_and(|now| now.is_same(entry))
        {
            touched.mark(entry.id());
        }
    }

    /// Takes up to `limit` touches out, looking at up to `looks` words of marks from word `from` on;
    /// where to go on, if there may be more.
    pub(crate) fn take_touches(
        &mut self,
        from: usize,
        looks: usize,
        limit: usize,
        out: &mut Vec<TouchedEntry>,
    ) -> Option<usize> {
        let touched = self.touched.as_mut()?;
        if from == 0 {
            *touched.any.get_mut() = false;
        }
        let end = out.len() + limit;
        for (number, word) in touched.words.iter_mut().enumerate().skip(from) {
            if number == from + looks {
                return Some(number);
            }
            let word = word.get_mut();
            while *word != 0 {
                if out.len() == end {
                    *touched.any.get_mut() = true;
                    return Some(number);
                }
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                let entry = self.slab.get((number * BITS) as u32 + bit);
                if let Some(entry) = entry.filter(|entry| entry.version() > self.cleared_through)
                    && let Some(access_at) = entry.unlogged_access()
                {
                    out.push(TouchedEntry {
                        entry: entry.clone(),
                        access_at: Timestamp(access_at),
                    });
                }
            }
        }
        None
    }
}
