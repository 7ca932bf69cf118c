//! Reads: one key, many keys, counts, pages.

use std::sync::atomic::Ordering;

use crate::change::check_key;
use crate::command::KeyRange;
use crate::entry::EntryRef;
use crate::error::StateError;
use crate::eviction::warm;
use crate::hash::{KeyHash, Slot};
use crate::machine::Machine;
use crate::outcome::{EntryView, Found, Outcome, Page, Read, ScanPosition, Standing};
use crate::query::Query;
use crate::store::{Shard, Store};
use crate::submap::SubMap;
use crate::time::{Moment, Timestamp};

impl Machine {
    /// Reads one key; `visit` sees the entry under the read guard, so it must be quick and must
    /// not call the machine.
    ///
    /// `now` is asked only when the entry has a deadline. `slide` moves the deadline of a sliding
    /// entry. `hash` is the key's place ([`Store::place`]).
    ///
    /// # Errors
    /// [`StateError::WrongSlot`] when another group has the key.
    #[inline]
    pub fn get<R, M: Into<Moment>>(
        &self,
        store: &Store,
        now: impl Fn() -> M,
        hash: KeyHash,
        key: &[u8],
        slide: bool,
        visit: impl FnOnce(EntryView<'_>) -> R,
    ) -> Result<Read<R>, StateError> {
        let shard = store.shard(hash.slot);
        let map = shard.map.read();
        self.slots.check(hash.slot)?;
        let Some(entry) = map.find(hash.hash, key) else {
            shard.misses.fetch_add(1, Ordering::Relaxed);
            return Ok(Read::Miss);
        };
        let mut remaining_ms = None;
        if entry.is_timed() {
            let moment = now().into();
            match life(entry, moment, slide.then_some(&*map)) {
                Some(left) => remaining_ms = Some(left),
                None if store.is_ordered() && map.removed_from(entry) <= moment.now.0 => {
                    return Ok(Read::Due);
                }
                None => {
                    shard.misses.fetch_add(1, Ordering::Relaxed);
                    return Ok(Read::Miss);
                }
            }
        }
        if store.settings().evicts() {
            warm(entry.heat());
        }
        shard.hits.fetch_add(1, Ordering::Relaxed);
        Ok(Read::Hit(visit(EntryView { entry, remaining_ms })))
    }

    /// Reads many keys; `visit` sees each, in order, with its number. In a coordination store all
    /// of them under one guard.
    ///
    /// # Errors
    /// [`StateError::WrongSlot`] when another group has one of the keys; some may have been
    /// visited then.
    pub fn get_many<'k>(
        &self,
        store: &Store,
        now: impl Into<Moment>,
        keys: impl Iterator<Item = (KeyHash, &'k [u8])>,
        slide: bool,
        mut visit: impl FnMut(usize, Option<EntryView<'_>>),
    ) -> Result<(), StateError> {
        let moment = now.into();
        if !store.is_ordered() {
            for (number, (hash, key)) in keys.enumerate() {
                let read = self.get(
                    store,
                    || moment,
                    hash,
                    key,
                    slide,
                    |entry| visit(number, Some(entry)),
                )?;
                if !matches!(read, Read::Hit(())) {
                    visit(number, None);
                }
            }
            return Ok(());
        }
        let shard = &store.shards[0];
        let map = shard.map.read();
        for (number, (hash, key)) in keys.enumerate() {
            self.slots.check(hash.slot)?;
            let found = map.find(hash.hash, key);
            let found = found.and_then(|entry| visible(entry, moment, slide.then_some(&*map)));
            count_read(shard, found.is_some());
            visit(number, found);
        }
        Ok(())
    }

    /// Answers a query at `now`.
    #[must_use]
    pub fn read(&self, now: Timestamp, query: &Query<'_>) -> Outcome {
        let Some(store) = self.store(query.store()) else {
            return StateError::StoreNotReady { store: query.store() }.into();
        };
        match *query {
            Query::GetMany { keys, slide, .. } => self.found(&store, now, keys, slide),
            Query::Count { range, .. } => Outcome::Count(count(&store, now, &range)),
            Query::Stats { .. } => Outcome::Stats(Box::new(store.stats())),
            Query::Scan {
                slot,
                range,
                descending,
                keys_only,
                after,
                limit,
                byte_limit,
                ..
            } => {
                let bounds = PageBounds {
                    entries: (limit as usize).max(1),
                    bytes: byte_limit,
                    keys_only,
                };
                let slot = slot.unwrap_or_else(|| KeyHash::slot_of_store(store.id()));
                if let Err(error) = self.slots.check(slot) {
                    return error.into();
                }
                Outcome::Page(if store.is_ordered() {
                    scan_ordered(&store, now, &range, after, descending, bounds)
                } else {
                    scan_slot(&store, now, slot, &range, after, descending, bounds)
                })
            }
        }
    }

    fn found(&self, store: &Store, now: Timestamp, keys: &[&[u8]], slide: bool) -> Outcome {
        if let Some(error) = keys.iter().find_map(|key| check_key(key).err()) {
            return error.into();
        }
        let mut entries = Vec::with_capacity(keys.len());
        let placed = keys.iter().map(|key| (store.place(key), *key));
        let read = self.get_many(store, now, placed, slide, |_, view| {
            entries.push(view.map(|view| Found {
                entry: view.share(),
                remaining_ms: view.remaining_ms(),
            }));
        });
        match read {
            Ok(()) => Outcome::Entries(entries),
            Err(error) => error.into(),
        }
    }
}

impl Store {
    /// The number of entries in this group that a reader sees at `now`. Of all keys it costs a
    /// look at what is due, not a walk.
    #[must_use]
    pub fn count(&self, now: Timestamp, range: &KeyRange<'_>) -> u64 {
        count(self, now, range)
    }

    /// Bytes charged for what lies under a key, even if it is due or cleared; 0: nothing does.
    #[must_use]
    pub fn charge_of_key(&self, place: KeyHash, key: &[u8]) -> u64 {
        let map = self.shard(place.slot).map.read();
        map.find_id(place.hash, key)
            .map_or(0, |id| map.entry(id).charge(self.is_ordered()))
    }

    /// Whether what lies under a key is to be removed by `now`. No read: nothing slides or counts.
    #[must_use]
    pub fn is_due(&self, now: Timestamp, place: KeyHash, key: &[u8]) -> bool {
        let map = self.shard(place.slot).map.read();
        map.find(place.hash, key)
            .is_some_and(|entry| entry.is_timed() && map.removed_from(entry) <= now.0)
    }

    /// What time has made of the entry under a key by `now`. No read: nothing slides or counts.
    #[must_use]
    pub fn standing(&self, now: Timestamp, place: KeyHash, key: &[u8]) -> Standing {
        let map = self.shard(place.slot).map.read();
        let Some(entry) = map.find(place.hash, key).filter(|entry| entry.is_timed()) else {
            return Standing::Settled;
        };
        match (entry.visible_until() <= now.0, map.removed_from(entry) <= now.0) {
            (false, false) => Standing::Settled,
            (false, true) => Standing::KeptAlive,
            (true, false) => Standing::Hidden(entry.clone()),
            (true, true) => Standing::Due(entry.clone()),
        }
    }
}

fn count(store: &Store, now: Timestamp, range: &KeyRange<'_>) -> u64 {
    let in_map = |map: &SubMap| -> u64 {
        let seen = |entry: &&EntryRef| entry.visible_until() > now.0;
        match range {
            KeyRange::All => map.visible(now.0),
            _ if store.is_ordered() => map.range(range, None, false).filter(seen).count() as u64,
            _ => {
                let in_range = map.iter().filter(|entry| range.contains(entry.key()));
                in_range.filter(seen).count() as u64
            }
        }
    };
    store.shards.iter().map(|shard| in_map(&shard.map.read())).sum()
}

/// How large a page may get.
#[derive(Clone, Copy)]
struct PageBounds {
    entries: usize,
    bytes: u64,
    keys_only: bool,
}

fn scan_ordered(
    store: &Store,
    now: Timestamp,
    range: &KeyRange<'_>,
    after: Option<&ScanPosition>,
    descending: bool,
    bounds: PageBounds,
) -> Page {
    let map = store.shards[0].map.read();
    let after = after.map(|position| &*position.key);
    let entries = map.range(range, after, descending);
    page(entries.filter_map(|entry| found(entry, now)), false, bounds)
}

/// Collects one slot and sorts it: cache stores keep no order.
fn scan_slot(
    store: &Store,
    now: Timestamp,
    slot: Slot,
    range: &KeyRange<'_>,
    after: Option<&ScanPosition>,
    descending: bool,
    bounds: PageBounds,
) -> Page {
    let behind = |entry: &EntryRef| {
        after.is_none_or(|after| {
            let order = (entry.hash(), entry.key()).cmp(&(after.hash, &*after.key));
            if descending { order.is_lt() } else { order.is_gt() }
        })
    };
    let mut entries: Vec<Found> = {
        let map = store.shard(slot).map.read();
        map.iter()
            .filter(|entry| store.slot_of(entry) == slot && range.contains(entry.key()))
            .filter(|entry| behind(entry))
            .filter_map(|entry| found(entry, now))
            .collect()
    };
    entries.sort_unstable_by(|left, right| {
        let (left, right) = (&left.entry, &right.entry);
        let order = (left.hash(), left.key()).cmp(&(right.hash(), right.key()));
        if descending { order.reverse() } else { order }
    });
    page(entries.into_iter(), true, bounds)
}

fn page(entries: impl Iterator<Item = Found>, hashed: bool, bounds: PageBounds) -> Page {
    let mut page = Page::default();
    let mut bytes = 0;
    for found in entries {
        let size = if bounds.keys_only {
            found.entry.key().len() as u64
        } else {
            found.entry.payload()
        };
        let full = page.entries.len() >= bounds.entries || bytes + size > bounds.bytes;
        if full && let Some(last) = page.entries.last() {
            page.next = Some(ScanPosition {
                hash: if hashed { last.entry.hash() } else { 0 },
                key: last.entry.key().into(),
            });
            break;
        }
        bytes += size;
        page.entries.push(found);
    }
    page
}

fn found(entry: &EntryRef, now: Timestamp) -> Option<Found> {
    let view = visible(entry, now.into(), None)?;
    Some(Found {
        entry: view.share(),
        remaining_ms: view.remaining_ms,
    })
}

/// The entry as a reader sees it, unless its time has come. `slide` has its sub-map when the
/// read slides it.
fn visible<'a>(entry: &'a EntryRef, moment: Moment, slide: Option<&SubMap>) -> Option<EntryView<'a>> {
    let remaining_ms = if entry.is_timed() {
        Some(life(entry, moment, slide)?)
    } else {
        None
    };
    Some(EntryView { entry, remaining_ms })
}

/// Life left; `None`: its time has come (at the deadline itself the entry is gone).
#[inline]
fn life(entry: &EntryRef, moment: Moment, slide: Option<&SubMap>) -> Option<u64> {
    if moment.now.0 >= entry.visible_until() {
        return None;
    }
    if let Some(map) = slide {
        map.slide(entry, moment.clock.0);
    }
    let left = entry.visible_until().saturating_sub(moment.clock.0);
    Some(u64::try_from(left).unwrap_or_default())
}

fn count_read(shard: &Shard, hit: bool) {
    let counter = if hit { &shard.hits } else { &shard.misses };
    counter.fetch_add(1, Ordering::Relaxed);
}
