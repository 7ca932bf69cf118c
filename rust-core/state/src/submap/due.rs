//! Deadlines of a sub-map: what is due, what is hidden, and taking it out.

use super::SubMap;
use crate::entry::EntryRef;
use crate::eviction::Removal;

/// Stale wheel items that are tolerated beside twice the live ones.
const STALE_ITEMS: usize = 1024;

/// Whether an entry is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Yes: the last of `ready`.
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
            let (_, ready) = self.ready.pop().expect("something is due");
            removed.push(self.remove(ready.id(), Removal::Gone));
        }
    }

    /// Whether an entry is to be removed by `up_to`; the earliest is then the last of `ready`.
    /// Takes cleared ones that come before it out.
    fn is_due(&mut self, up_to: i64, looks: &mut usize, swept: &mut Vec<EntryRef>) -> Due {
        loop {
            // What is ready is in order only against what has left the wheel.
            let in_wheel = self.wheel.next().filter(|next| *next <= up_to);
            let newest = self
                .unsorted
                .or_else(|| self.ready.last().map(|(deadline, _)| *deadline));
            if in_wheel.is_some_and(|next| newest.is_none_or(|newest| next <= newest)) {
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
            self.sort_ready();
            let Some((deadline, entry)) = self.ready.last().filter(|(deadline, _)| *deadline <= up_to) else {
                return Due::No;
            };
            let id = entry.id();
            let Some(now) = self.slab.get(id).filter(|now| now.is_timed()) else {
                self.ready.pop();
                continue;
            };
            let removed_from = self.removed_from(now);
            if now.is_same(entry) && removed_from == *deadline {
                if !self.is_cleared(entry) {
                    return Due::Yes;
                }
                self.ready.pop();
                swept.push(self.remove(id, Removal::Gone));
                continue;
            }
            // It lives longer than it did when it was drained.
            self.ready.pop();
            self.wheel.insert(id, removed_from);
        }
    }

    /// Has `visit` see every entry that is to be removed by `now`.
    pub(crate) fn due(&mut self, now: i64, mut visit: impl FnMut(&EntryRef)) {
        while self.look(now, usize::MAX) > 0 {}
        self.sort_ready();
        let (slab, wheel, grace) = (&self.slab, &mut self.wheel, self.traits.grace_ms);
        let cleared = self.cleared_through;
        self.ready.retain(|(deadline, entry)| {
            match slab.get(entry.id()) {
                Some(current) if current.is_same(entry) && entry.removed_from(grace) == *deadline => {
                    if *deadline <= now && entry.version() > cleared {
                        visit(entry);
                    }
                    return true;
                }
                Some(current) if current.is_timed() => {
                    wheel.insert(entry.id(), current.removed_from(grace));
                }
                _ => {}
            }
            false
        });
    }

    /// Entries that are still here although, by `gone_from`, they are gone at `now`.
    fn overdue(&self, now: i64, gone_from: impl Fn(&EntryRef) -> i64) -> u64 {
        let latest = now.saturating_add(self.traits.grace_ms);
        let mut ids = Vec::new();
        self.wheel.peek(latest, |id| ids.push(id));
        ids.extend(self.ready.iter().map(|(_, entry)| entry.id()));
        ids.sort_unstable();
        ids.dedup();
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

    /// A lower bound of the time at which [`Self::due`] finds something.
    pub(crate) fn next_due(&self) -> i64 {
        let ready = if self.unsorted.is_some() {
            i64::MIN
        } else {
            self.ready.last().map_or(i64::MAX, |(deadline, _)| *deadline)
        };
        ready.min(self.wheel.next().unwrap_or(i64::MAX))
    }

    /// Looks at up to `budget` items of the wheel that come by `up_to`; how many there were.
    fn look(&mut self, up_to: i64, budget: usize) -> usize {
        let (slab, ready, grace) = (&self.slab, &mut self.ready, self.traits.grace_ms);
        let unsorted = &mut self.unsorted;
        self.wheel.step(
            up_to,
            budget,
            |id| {
                let entry = slab.get(id).filter(|entry| entry.is_timed())?;
                Some(entry.removed_from(grace))
            },
            |id, deadline| {
                *unsorted = Some(unsorted.map_or(deadline, |newest| newest.max(deadline)));
                ready.push((deadline, slab.entry(id).clone()));
            },
        )
    }

    fn sort_ready(&mut self) {
        if self.unsorted.take().is_none() {
            return;
        }
        self.ready
            .sort_unstable_by(|(a, left), (b, right)| b.cmp(a).then_with(|| right.key().cmp(left.key())));
        self.ready
            .dedup_by(|(a, left), (b, right)| a == b && left.is_same(right));
    }

    /// Has the entry looked at in time; `already` is when its node is looked at anyway.
    pub(super) fn schedule(&mut self, entry: &EntryRef, already: Option<i64>) {
        if entry.is_timed() {
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
        // From the items, not from the slab: that may hold millions without a deadline.
        let mut ids: Vec<u32> = self.ready.iter().map(|(_, entry)| entry.id()).collect();
        self.wheel.peek(i64::MAX, |id| ids.push(id));
        ids.sort_unstable();
        ids.dedup();
        self.wheel.clear();
        self.ready.clear();
        self.unsorted = None;
        for id in ids {
            if let Some(entry) = self.slab.get(id).filter(|entry| entry.is_timed()) {
                self.wheel.insert(id, entry.removed_from(self.traits.grace_ms));
            }
        }
    }
}
