//! Deadlines of a sub-map: what is due, what is hidden, and taking it out.

use std::cmp::Ordering;

use super::SubMap;
use crate::entry::EntryRef;
use crate::eviction::Removal;
use crate::limits::ENTRIES_PER_LOCK;

/// Stale wheel items that are tolerated beside twice the live ones.
const STALE_ITEMS: usize = 1024;

/// An entry that has left the wheel, and when it is to be removed. A heap gives the earliest
/// (deadline, key) first: in steps, where sorting a million that are due at once would be one long hold.
pub(crate) struct Ready {
    deadline: i64,
    pub(super) entry: EntryRef,
}

impl Ord for Ready {
    fn cmp(&self, other: &Ready) -> Ordering {
        let order = other.deadline.cmp(&self.deadline);
        order.then_with(|| other.entry.key().cmp(self.entry.key()))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Ready) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Ready) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ready {}

/// Whether an entry is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Yes: the first of `ready`.
    Yes,
    /// None.
    No,
    /// The look into the wheel has used its budget up: ask again.
    Later,
}

impl SubMap {
    /// Removes entries that replicas remove by `up_to`, earliest (deadline, key) first, until
    /// `removed` has grown by `limit` or `looks` wheel items were looked at; says whether there are
    /// more. Those that a clear had hidden go to `swept`, uncounted: a restored replica no longer
    /// has them.
    pub(crate) fn expire(
        &mut self,
        up_to: i64,
        limit: usize,
        mut looks: usize,
        removed: &mut Vec<EntryRef>,
        swept: &mut Vec<EntryRef>,
    ) -> Due {
        let end = removed.len() + limit;
        loop {
            let due = self.is_due(up_to, &mut looks, swept);
            if due != Due::Yes || removed.len() == end {
                return due;
            }
            let ready = self.ready.pop().expect("something is due");
            removed.push(self.remove(ready.entry.id(), Removal::Gone));
        }
    }

    /// Whether an entry is to be removed by `up_to`; the earliest is then the first of `ready`.
    /// Takes cleared ones that come before it out.
    fn is_due(&mut self, up_to: i64, looks: &mut usize, swept: &mut Vec<EntryRef>) -> Due {
        loop {
            // What is ready is the earliest only against what has left the wheel.
            let in_wheel = self.wheel.next().filter(|next| *next <= up_to);
            let first = self.ready.peek().map(|ready| ready.deadline);
            if in_wheel.is_some_and(|next| first.is_none_or(|first| next <= first)) {
                if *looks == 0 {
                    return Due::Later;
                }
                *looks -= self.look(up_to, *looks);
                continue;
            }
            if in_wheel.is_none() {
                // Nothing to take out: only the wheel's present moves on.
                self.look(up_to, 1);
            }
            let Some(Ready { deadline, entry }) = self.ready.peek().filter(|first| first.deadline <= up_to)
            else {
                return Due::No;
            };
            if *looks == 0 {
                return Due::Later;
            }
            let id = entry.id();
            let now = self.slab.get(id).filter(|now| now.is_timed());
            let removed_from = now.map(|now| (now.is_same(entry), self.removed_from(now)));
            if removed_from == Some((true, *deadline)) && !self.is_cleared(entry) {
                return Due::Yes;
            }
            *looks -= 1;
            let is_cleared = removed_from == Some((true, *deadline));
            self.ready.pop();
            if is_cleared {
                swept.push(self.remove(id, Removal::Gone));
            } else if let Some((_, removed_from)) = removed_from {
                // It lives longer than it did when it was drained.
                self.wheel.insert(id, removed_from);
            }
        }
    }

    /// Whether a leader should have entries removed by `now`, after up to `looks` looks. Those that reads
    /// have kept alive are passed by: their touches come first.
    pub(crate) fn finds_due(&mut self, now: i64, mut looks: usize, swept: &mut Vec<EntryRef>) -> Due {
        let mut alive = Vec::new();
        let found = loop {
            let due = self.is_due(now, &mut looks, swept);
            let kept_alive =
                |ready: &Ready| ready.entry.unlogged_access().is_some() && ready.entry.visible_until() > now;
            if due != Due::Yes
                || alive.len() == ENTRIES_PER_LOCK
                || !self.ready.peek().is_some_and(kept_alive)
            {
                break due;
            }
            alive.extend(self.ready.pop());
        };
        self.ready.extend(alive);
        found
    }

    /// Nodes to be looked at by `up_to`, each once, some of which have gone or changed since. From the items, not from the
    /// slab: that may hold millions without a deadline.
    pub(super) fn scheduled(&self, up_to: i64) -> Vec<u32> {
        let mut ids: Vec<u32> = self.ready.iter().map(|ready| ready.entry.id()).collect();
        self.wheel.peek(up_to, |id| ids.push(id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Entries that are still here although, by `gone_from`, they are gone at `now`.
    fn overdue(&self, now: i64, gone_from: impl Fn(&EntryRef) -> i64) -> u64 {
        let ids = self.scheduled(now.saturating_add(self.traits.grace_ms));
        let due = |id: &&u32| {
            let entry = self.slab.get(**id).filter(|entry| entry.is_timed());
            entry.is_some_and(|entry| !self.is_cleared(entry) && gone_from(entry) <= now)
        };
        ids.iter().filter(due).count() as u64
    }

    /// Entries that a reader sees at `now`.
    pub(crate) fn visible(&self, now: i64) -> u64 {
        let here = self.held.entries - self.cleared.entries;
        here - self.overdue(now, EntryRef::visible_until)
    }

    /// Entries that every replica still has at `now`.
    pub(crate) fn alive(&self, now: i64) -> u64 {
        let here = self.held.entries - self.cleared.entries;
        here - self.overdue(now, |entry| self.removed_from(entry))
    }

    /// A lower bound of the time at which something is to be removed.
    pub(crate) fn next_due(&self) -> i64 {
        let ready = self.ready.peek().map_or(i64::MAX, |ready| ready.deadline);
        ready.min(self.wheel.next().unwrap_or(i64::MAX))
    }

    /// Looks at up to `budget` items of the wheel that come by `up_to`; how many there were.
    fn look(&mut self, up_to: i64, budget: usize) -> usize {
        let (slab, ready, grace) = (&self.slab, &mut self.ready, self.traits.grace_ms);
        self.wheel.step(
            up_to,
            budget,
            |id| {
                let entry = slab.get(id).filter(|entry| entry.is_timed())?;
                Some(entry.removed_from(grace))
            },
            |id, deadline| {
                let entry = slab.entry(id).clone();
                ready.push(Ready { deadline, entry });
            },
        )
    }

    /// Has the entry looked at in time; `already` is when its node is looked at anyway.
    pub(super) fn schedule(&mut self, entry: &EntryRef, already: Option<i64>) {
        if entry.is_timed() {
            if let Some(touched) = &mut self.touched {
                touched.make_room(entry.id());
            }
            let deadline = self.removed_from(entry);
            if already.is_none_or(|already| deadline < already) {
                self.wheel.insert(entry.id(), deadline);
            }
        }
    }

    pub(super) fn compact_wheel(&mut self) {
        if self.wheel.items() <= 2 * self.timed + STALE_ITEMS {
            return;
        }
        let ids = self.scheduled(i64::MAX);
        self.wheel.clear();
        self.ready.clear();
        for id in ids {
            if let Some(entry) = self.slab.get(id).filter(|entry| entry.is_timed()) {
                self.wheel.insert(id, entry.removed_from(self.traits.grace_ms));
            }
        }
    }
}
