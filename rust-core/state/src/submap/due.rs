//! Deadlines of a sub-map: what is due, what is hidden, and taking it out.

use super::SubMap;
use crate::entry::EntryRef;
use crate::eviction::Removal;

/// Stale wheel items that are tolerated beside twice the live ones.
const STALE_ITEMS: usize = 1024;

impl SubMap {
    /// Removes entries that replicas remove by `up_to`, earliest (deadline, key) first, until
    /// `removed` has grown by `limit`. Those that a clear had hidden go to `swept`, uncounted: a
    /// restored replica no longer has them.
    pub(crate) fn expire(
        &mut self,
        up_to: i64,
        limit: usize,
        removed: &mut Vec<EntryRef>,
        swept: &mut Vec<EntryRef>,
    ) {
        let end = removed.len() + limit;
        while removed.len() < end && self.is_due(up_to, swept) {
            let (_, ready) = self.ready.pop().expect("something is due");
            removed.push(self.remove(ready.id(), Removal::Gone));
        }
    }

    /// Whether an entry is to be removed by `up_to`; the earliest is then the last of `ready`.
    /// Takes cleared ones that come before it out.
    pub(crate) fn is_due(&mut self, up_to: i64, swept: &mut Vec<EntryRef>) -> bool {
        self.drain(up_to);
        while let Some((deadline, entry)) = self.ready.last() {
            if *deadline > up_to {
                return false;
            }
            let id = entry.id();
            let Some(now) = self.slab.get(id).filter(|now| now.is_timed()) else {
                self.ready.pop();
                continue;
            };
            let removed_from = self.removed_from(now);
            if now.is_same(entry) && removed_from == *deadline {
                if !self.is_cleared(entry) {
                    return true;
                }
                self.ready.pop();
                swept.push(self.remove(id, Removal::Gone));
                continue;
            }
            // It lives longer than it did when it was drained.
            self.ready.pop();
            self.wheel.insert(id, removed_from);
            if removed_from <= up_to {
                self.drain(up_to);
            }
        }
        false
    }

    /// Has `visit` see every entry that is to be removed by `now`.
    pub(crate) fn due(&mut self, now: i64, mut visit: impl FnMut(&EntryRef)) {
        self.drain(now);
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
        let ready = self.ready.last().map_or(i64::MAX, |(deadline, _)| *deadline);
        ready.min(self.wheel.next().unwrap_or(i64::MAX))
    }

    fn drain(&mut self, up_to: i64) {
        let before = self.ready.len();
        let (slab, ready, grace) = (&self.slab, &mut self.ready, self.traits.grace_ms);
        self.wheel.drain(
            up_to,
            |id| {
                let entry = slab.get(id).filter(|entry| entry.is_timed())?;
                Some(entry.removed_from(grace))
            },
            |id, deadline| ready.push((deadline, slab.entry(id).clone())),
        );
        if ready.len() > before {
            ready
                .sort_unstable_by(|(a, left), (b, right)| b.cmp(a).then_with(|| right.key().cmp(left.key())));
            ready.dedup_by(|(a, left), (b, right)| a == b && left.is_same(right));
        }
    }

    pub(super) fn schedule(&mut self, entry: &EntryRef, already: i64) {
        if entry.is_timed() {
            let deadline = self.removed_from(entry);
            if deadline < already {
                self.wheel.insert(entry.id(), deadline);
            }
        }
    }

    pub(super) fn compact_wheel(&mut self) {
        if self.wheel.items() <= 2 * self.timed + STALE_ITEMS {
            return;
        }
        self.wheel.clear();
        self.ready.clear();
        for entry in self.slab.iter().filter(|entry| entry.is_timed()) {
            let deadline = entry.removed_from(self.traits.grace_ms);
            self.wheel.insert(entry.id(), deadline);
        }
    }
}
