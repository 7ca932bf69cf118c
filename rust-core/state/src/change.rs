//! Changes of one entry: the same code for a log's commands and for solo threads.

use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::command::{Change, Condition};
use crate::entry::{Deadlines, Draft, EntryParts, EntryRef};
use crate::error::StateError;
use crate::event::{EventKind, EventSink};
use crate::eviction::Removal;
use crate::hash::KeyHash;
use crate::limits::{MAX_KEY, MAX_TTL_MS};
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::recorder::Recorder;
use crate::settings::Revision;
use crate::store::{ShardGuard, Store};
use crate::time::{Expiry, Timestamp};

/// Entries taken out under a lock and dropped behind it: freeing big values takes time.
pub(crate) type Retired = SmallVec<[EntryRef; 2]>;

impl Machine {
    /// Applies one change. `hash` is the key's place ([`Store::place`]); a change without a key
    /// takes its slot only.
    ///
    /// Allocates the new entry and nothing else.
    pub fn change(
        &self,
        store: &Store,
        at: Timestamp,
        hash: KeyHash,
        change: &Change<'_>,
        events: &mut dyn EventSink,
    ) -> Outcome {
        let at = self.advance(at);
        let result = match *change {
            Change::Put { .. } => self.put(store, at, hash, change, events),
            Change::Delete {
                key,
                condition,
                return_previous,
            } => self.on_key(store, at, hash, key, events, |entry| {
                entry.delete(condition, return_previous)
            }),
            Change::SetExpiry {
                key,
                expiry,
                condition,
            } => check_expiry(&expiry).and_then(|()| {
                self.on_key(store, at, hash, key, events, |entry| {
                    entry.set_expiry(&expiry, condition)
                })
            }),
            Change::Refresh { key } => self.on_key(store, at, hash, key, events, |entry| Ok(entry.refresh())),
            Change::Increment { .. } => self.increment(store, at, hash, change, events),
            Change::Clear {
                range,
                through,
                limit,
            } => self.clear(store, at, hash.slot, &range, (through, limit), events),
            Change::Touch { touches } => Ok(self.touch(store, touches)),
            Change::Expire { up_to, limit } => Ok(self.expire(store, up_to.min(at), limit, events)),
            Change::Evict { victims } => Ok(self.evict(store, at, victims, events)),
            Change::Sweep { limit } => Ok(self.sweep(store, limit)),
        };
        result.unwrap_or_else(Outcome::Failed)
    }

    fn put(
        &self,
        store: &Store,
        at: Timestamp,
        hash: KeyHash,
        change: &Change<'_>,
        events: &mut dyn EventSink,
    ) -> Result<Outcome, StateError> {
        let Change::Put {
            key,
            value,
            expiry,
            condition,
            never_evict,
            return_previous,
        } = *change
        else {
            unreachable!("only puts come here")
        };
        check_key(key)?;
        check_value(value, store)?;
        check_expiry(&expiry)?;
        // Copied before the lock is taken.
        let draft = Draft::new(&EntryParts {
            hash: hash.hash,
            key,
            value,
            deadlines: Deadlines::at(at, &or_default(&expiry, store)),
            never_evict,
        });
        self.on_key(store, at, hash, key, events, move |entry| {
            let found = entry.version();
            let previous = entry.previous(return_previous);
            if !holds(condition, found) {
                return Ok(not_applied(found, previous));
            }
            Ok(Outcome::Changed {
                applied: true,
                found: found.is_some(),
                version: entry.place(draft)?,
                previous,
            })
        })
    }

    fn increment(
        &self,
        store: &Store,
        at: Timestamp,
        hash: KeyHash,
        change: &Change<'_>,
        events: &mut dyn EventSink,
    ) -> Result<Outcome, StateError> {
        let Change::Increment {
            key,
            delta,
            minimum,
            maximum,
            initial,
            expiry,
            reset_expiry,
        } = *change
        else {
            unreachable!("only increments come here")
        };
        check_expiry(&expiry)?;
        self.on_key(store, at, hash, key, events, |entry| {
            let (before, deadlines, never_evict) = match entry.get() {
                None => (initial, None, false),
                Some(now) => (
                    number(now.value())?,
                    (!reset_expiry).then(|| now.deadlines().accessed(at)),
                    now.never_evict(),
                ),
            };
            let after = before
                .checked_add(delta)
                .filter(|after| (minimum..=maximum).contains(after))
                .ok_or(StateError::CounterOutOfBounds {
                    value: before,
                    delta,
                    minimum,
                    maximum,
                })?;
            let mut digits = Digits::default();
            let draft = Draft::new(&EntryParts {
                hash: hash.hash,
                key,
                value: digits.write(after),
                deadlines: deadlines.unwrap_or_else(|| Deadlines::at(at, &or_default(&expiry, store))),
                never_evict,
            });
            Ok(Outcome::Counter {
                before,
                after,
                version: entry.place(draft)?,
            })
        })
    }

    /// Locks the key's sub-map, takes a revision and has the entry changed.
    #[inline]
    fn on_key(
        &self,
        store: &Store,
        at: Timestamp,
        hash: KeyHash,
        key: &[u8],
        events: &mut dyn EventSink,
        change: impl FnOnce(&mut KeyInMap<'_>) -> Result<Outcome, StateError>,
    ) -> Result<Outcome, StateError> {
        check_key(key)?;
        // Declared before the guard, so that it is dropped after it.
        let mut retired = Retired::new();
        let guard = store.write(store.shard_index(hash.slot));
        self.slots.check(hash.slot)?;
        let recorder = Recorder::new(self, store, events);
        let mut entry = KeyInMap {
            store,
            at,
            id: None,
            recorder,
            guard,
            retired: &mut retired,
        };
        entry.settle(hash.hash, key);
        change(&mut entry)
    }
}

/// A key in its locked sub-map.
struct KeyInMap<'a> {
    store: &'a Store,
    at: Timestamp,
    /// The node, when there is an entry that is neither due nor cleared.
    id: Option<u32>,
    recorder: Recorder<'a>,
    guard: ShardGuard<'a>,
    retired: &'a mut Retired,
}

impl KeyInMap<'_> {
    /// Finds the entry; one that is due or cleared is taken out first.
    #[inline]
    fn settle(&mut self, hash: u64, key: &[u8]) {
        let map = &mut self.guard.map;
        let Some(id) = map.find_id(hash, key) else {
            return;
        };
        let entry = map.entry(id);
        if map.is_cleared(entry) {
            self.retired.push(map.remove(id, Removal::Gone));
        } else if map.removed_from(entry) <= self.at.0 {
            let entry = map.remove(id, Removal::Gone);
            self.recorder.record(|| EventKind::Expired(entry.clone()));
            self.retired.push(entry);
            self.guard.shard.expirations.fetch_add(1, Ordering::Relaxed);
        } else {
            self.id = Some(id);
        }
    }

    fn get(&self) -> Option<&EntryRef> {
        self.id.map(|id| self.guard.map.entry(id))
    }

    fn version(&self) -> Option<Revision> {
        self.get().map(EntryRef::version)
    }

    fn previous(&self, wanted: bool) -> Option<EntryRef> {
        self.get().filter(|_| wanted).cloned()
    }

    /// Makes `draft` the key's entry, if there is room.
    #[inline]
    fn place(&mut self, draft: Draft) -> Result<Revision, StateError> {
        self.check_room(&draft)?;
        let version = self.recorder.revision;
        let map = &mut self.guard.map;
        let id = match self.id {
            Some(id) => {
                self.retired.push(map.overwrite(id, draft, version, self.at.0));
                id
            }
            None => map.insert(draft, version, self.at.0),
        };
        let entry = map.entry(id);
        self.recorder.record(|| EventKind::Put(entry.clone()));
        self.count_change();
        Ok(version)
    }

    fn check_room(&self, draft: &Draft) -> Result<(), StateError> {
        if self.store.settings().evicts() {
            return Ok(());
        }
        let ordered = self.store.is_ordered();
        let old = self.get().map_or(0, |entry| entry.charge(ordered));
        let new = draft.charge(ordered);
        let limit = self.store.budget();
        let held = self.store.visible_bytes();
        let held = held.saturating_add_signed(self.guard.unpublished_bytes());
        let needed = (held + new).saturating_sub(old);
        if new > old && needed > limit {
            return Err(StateError::StoreFull { needed, limit });
        }
        Ok(())
    }

    fn delete(&mut self, condition: Condition, return_previous: bool) -> Result<Outcome, StateError> {
        let found = self.version();
        let previous = self.previous(return_previous);
        let Some(id) = self.id.filter(|_| holds(condition, found)) else {
            return Ok(not_applied(found, previous));
        };
        let entry = self.guard.map.remove(id, Removal::Gone);
        self.recorder.record(|| EventKind::Deleted(entry.clone()));
        self.retired.push(entry);
        self.count_change();
        Ok(Outcome::Changed {
            applied: true,
            found: true,
            version: self.recorder.revision,
            previous,
        })
    }

    fn set_expiry(&mut self, expiry: &Expiry, condition: Condition) -> Result<Outcome, StateError> {
        let found = self.version();
        let Some(old) = self.get().filter(|_| holds(condition, found)) else {
            return Ok(not_applied(found, None));
        };
        let draft = Draft::new(&EntryParts {
            hash: old.hash(),
            key: old.key(),
            value: old.value(),
            deadlines: Deadlines::at(self.at, expiry),
            never_evict: old.never_evict(),
        });
        Ok(Outcome::Changed {
            applied: true,
            found: true,
            version: self.place(draft)?,
            previous: None,
        })
    }

    fn refresh(&mut self) -> Outcome {
        let Some(id) = self.id else {
            return not_applied(None, None);
        };
        self.guard.map.touch(id, self.at.0);
        Outcome::Changed {
            applied: true,
            found: true,
            version: self.guard.map.entry(id).version(),
            previous: None,
        }
    }

    fn count_change(&self) {
        self.guard.shard.changes.fetch_add(1, Ordering::Relaxed);
    }
}

fn holds(condition: Condition, found: Option<Revision>) -> bool {
    match condition {
        Condition::Always => true,
        Condition::Absent => found.is_none(),
        Condition::Present => found.is_some(),
        Condition::Version(version) => found == Some(version),
    }
}

fn not_applied(found: Option<Revision>, previous: Option<EntryRef>) -> Outcome {
    Outcome::Changed {
        applied: false,
        found: found.is_some(),
        version: found.unwrap_or(0),
        previous,
    }
}

/// The store's default time to live, for an entry put without any expiry.
fn or_default(expiry: &Expiry, store: &Store) -> Expiry {
    match store.settings().default_ttl_ms {
        Some(ttl_ms) if expiry.is_none() => Expiry::after_ms(ttl_ms),
        _ => *expiry,
    }
}

pub(crate) fn check_key(key: &[u8]) -> Result<(), StateError> {
    if key.is_empty() {
        return Err(StateError::KeyEmpty);
    }
    if key.len() > MAX_KEY {
        return Err(StateError::KeyTooLarge {
            size: key.len() as u64,
            limit: MAX_KEY as u64,
        });
    }
    Ok(())
}

fn check_value(value: &[u8], store: &Store) -> Result<(), StateError> {
    let limit = store.settings().max_value;
    if value.len() > limit as usize {
        return Err(StateError::ValueTooLarge {
            size: value.len() as u64,
            limit: u64::from(limit),
        });
    }
    Ok(())
}

fn check_expiry(expiry: &Expiry) -> Result<(), StateError> {
    for ttl_ms in [expiry.ttl_ms, expiry.sliding_ms].into_iter().flatten() {
        if ttl_ms == 0 || ttl_ms > MAX_TTL_MS {
            return Err(StateError::TtlOutOfRange {
                ttl_ms,
                limit: MAX_TTL_MS,
            });
        }
    }
    Ok(())
}

fn number(value: &[u8]) -> Result<i64, StateError> {
    let text = std::str::from_utf8(value).map_err(|_| StateError::NotANumber)?;
    text.parse().map_err(|_| StateError::NotANumber)
}

/// Room for a decimal i64, without an allocation.
#[derive(Default)]
struct Digits {
    text: [u8; 20],
}

impl Digits {
    fn write(&mut self, number: i64) -> &[u8] {
        let mut start = self.text.len();
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            self.text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start -= 1;
            self.text[start] = b'-';
        }
        &self.text[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_as_decimal_text() {
        for number in [0, 7, -7, 10, i64::MAX, i64::MIN] {
            assert_eq!(Digits::default().write(number), number.to_string().as_bytes());
        }
    }
}
