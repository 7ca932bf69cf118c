//! The naive model: a map, and every rule written down as plainly as can be.

use std::collections::BTreeMap;

use holdfast_state::*;

use super::STORE;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelEntry {
    pub(crate) value: Vec<u8>,
    pub(crate) version: Revision,
    pub(crate) cap: Option<i64>,
    pub(crate) absolute_unix_ms: Option<i64>,
    /// Window, logged access.
    pub(crate) sliding: Option<(i64, i64)>,
    /// The deadline that reads have made.
    pub(crate) read_deadline: i64,
    pub(crate) never_evict: bool,
}

impl ModelEntry {
    pub(crate) fn visible_until(&self) -> i64 {
        let slides_until = self
            .sliding
            .map_or(i64::MAX, |(window, at)| (at + window).max(self.read_deadline));
        self.cap.unwrap_or(i64::MAX).min(slides_until)
    }

    pub(crate) fn removed_from(&self, grace_ms: i64) -> i64 {
        if grace_ms == 0 {
            return self.visible_until();
        }
        let slides_until = self
            .sliding
            .map_or(i64::MAX, |(window, at)| at + window + grace_ms);
        self.cap.unwrap_or(i64::MAX).min(slides_until)
    }
}

pub(crate) struct Model {
    pub(crate) settings: StoreSettings,
    pub(crate) grace_ms: i64,
    pub(crate) entries: BTreeMap<Vec<u8>, ModelEntry>,
    pub(crate) at: i64,
}

/// What a change comes to, without its version.
#[derive(Debug, PartialEq)]
pub(crate) enum Expected {
    Changed {
        applied: bool,
        found: bool,
        previous: Option<Vec<u8>>,
    },
    Counter {
        before: i64,
        after: i64,
    },
    Refused,
}

impl Model {
    /// The entries that a reader sees, by key.
    pub(crate) fn visible(&self, now: i64) -> impl Iterator<Item = (&Vec<u8>, &ModelEntry)> {
        self.entries.iter().filter(move |(_, e)| e.visible_until() > now)
    }

    pub(crate) fn read(&mut self, key: &[u8], now: i64, slide: bool) -> Option<&ModelEntry> {
        let entry = self.entries.get_mut(key).filter(|e| e.visible_until() > now)?;
        if slide && let Some((window, _)) = entry.sliding {
            let deadline = entry.cap.unwrap_or(i64::MAX).min(now + window);
            if deadline > entry.visible_until() {
                entry.read_deadline = deadline;
            }
        }
        Some(entry)
    }

    /// A change of one key, stamped `at`, that got `version`.
    pub(crate) fn change(&mut self, at: i64, change: &Change<'_>, version: Revision) -> Expected {
        self.at = self.at.max(at);
        let key = change.key().expect("a change of one key").to_vec();
        let gone = |e: &ModelEntry| e.removed_from(self.grace_ms) <= self.at;
        if self.entries.get(&key).is_some_and(gone) {
            self.entries.remove(&key);
        }
        let old = self.entries.get(&key).cloned();
        match *change {
            Change::Put {
                value,
                expiry,
                condition,
                never_evict,
                return_previous,
                ..
            } => {
                let applied = holds(condition, old.as_ref());
                if applied {
                    let entry = self.entry(value, &self.or_default(&expiry), never_evict, version);
                    self.entries.insert(key, entry);
                }
                changed(applied, old, return_previous)
            }
            Change::Delete {
                condition,
                return_previous,
                ..
            } => {
                let applied = old.is_some() && holds(condition, old.as_ref());
                if applied {
                    self.entries.remove(&key);
                }
                changed(applied, old, return_previous)
            }
            Change::SetExpiry {
                expiry, condition, ..
            } => {
                let applied = old.is_some() && holds(condition, old.as_ref());
                if let Some(old) = old.as_ref().filter(|_| applied) {
                    let entry = self.entry(&old.value, &expiry, old.never_evict, version);
                    self.entries.insert(key, entry);
                }
                changed(applied, old, false)
            }
            Change::Refresh { .. } => {
                if let Some(entry) = self.entries.get_mut(&key)
                    && let Some((_, access_at)) = &mut entry.sliding
                {
                    *access_at = self.at.max(*access_at);
                }
                changed(old.is_some(), old, false)
            }
            Change::Increment { .. } => self.increment(key, old, change, version),
            _ => unreachable!("not a change of one key"),
        }
    }

    fn increment(
        &mut self,
        key: Vec<u8>,
        old: Option<ModelEntry>,
        change: &Change<'_>,
        version: Revision,
    ) -> Expected {
        let Change::Increment {
            delta,
            minimum,
            maximum,
            initial,
            expiry,
            reset_expiry,
            ..
        } = *change
        else {
            unreachable!("an increment")
        };
        let text = |e: &ModelEntry| String::from_utf8(e.value.clone()).ok()?.parse().ok();
        let Some(before) = old.as_ref().map_or(Some(initial), text) else {
            return Expected::Refused;
        };
        let after = i128::from(before) + i128::from(delta);
        if after < i128::from(minimum) || after > i128::from(maximum) {
            return Expected::Refused;
        }
        let after = after as i64;
        let value = after.to_string().into_bytes();
        let entry = match old {
            Some(old) if !reset_expiry => ModelEntry {
                value,
                version,
                read_deadline: i64::MIN,
                sliding: old
                    .sliding
                    .map(|(window, access_at)| (window, access_at.max(self.at))),
                ..old
            },
            old => {
                let never_evict = old.is_some_and(|old| old.never_evict);
                self.entry(&value, &self.or_default(&expiry), never_evict, version)
            }
        };
        self.entries.insert(key, entry);
        Expected::Counter { before, after }
    }

    /// What an `Expire` removes, in order, and whether more is left.
    pub(crate) fn expire(&mut self, store: &Store, up_to: i64, limit: usize) -> (usize, bool) {
        let up_to = up_to.min(self.at);
        let mut due: Vec<(u16, i64, Vec<u8>)> = self
            .entries
            .iter()
            .map(|(key, entry)| {
                let sub_map = match self.settings.class {
                    StoreClass::Cache => store.place(key).slot.0 / 64,
                    StoreClass::Coordination => 0,
                };
                (sub_map, entry.removed_from(self.grace_ms), key.clone())
            })
            .filter(|(_, at, _)| *at <= up_to)
            .collect();
        due.sort();
        let more = due.len() > limit;
        due.truncate(limit);
        for (_, _, key) in &due {
            self.entries.remove(key);
        }
        (due.len(), more)
    }

    /// What a clear removes in all its steps.
    pub(crate) fn clear(&mut self, at: i64, range: &KeyRange<'_>) -> usize {
        self.at = self.at.max(at);
        let (at, grace_ms) = (self.at, self.grace_ms);
        let mut count = 0;
        let everything = matches!(range, KeyRange::All);
        self.entries.retain(|key, entry| {
            let alive = entry.removed_from(grace_ms) > at;
            let goes = range.contains(key) && (alive || everything);
            count += usize::from(goes && alive);
            !goes
        });
        count
    }

    pub(crate) fn touch(&mut self, touched: &TouchedEntry) {
        if let Some(entry) = self.entries.get_mut(touched.entry.key())
            && entry.version == touched.entry.version()
            && let Some((_, access_at)) = &mut entry.sliding
        {
            *access_at = (*access_at).max(touched.access_at.0);
        }
    }

    fn entry(&self, value: &[u8], expiry: &Expiry, never_evict: bool, version: Revision) -> ModelEntry {
        ModelEntry {
            value: value.to_vec(),
            version,
            cap: expiry.ttl_ms.map(|ttl| self.at + ttl as i64),
            absolute_unix_ms: expiry.absolute_unix_ms,
            sliding: expiry.sliding_ms.map(|window| (window as i64, self.at)),
            read_deadline: i64::MIN,
            never_evict,
        }
    }

    fn or_default(&self, expiry: &Expiry) -> Expiry {
        match self.settings.default_ttl_ms {
            Some(ttl) if expiry.is_none() => Expiry::after_ms(ttl),
            _ => *expiry,
        }
    }
}

fn holds(condition: Condition, old: Option<&ModelEntry>) -> bool {
    match condition {
        Condition::Always => true,
        Condition::Absent => old.is_none(),
        Condition::Present => old.is_some(),
        Condition::Version(version) => old.is_some_and(|old| old.version == version),
    }
}

fn changed(applied: bool, old: Option<ModelEntry>, return_previous: bool) -> Expected {
    Expected::Changed {
        applied,
        found: old.is_some(),
        previous: old.filter(|_| return_previous).map(|old| old.value),
    }
}

/// All pages of a scan, put together.
pub(crate) fn scan_all(
    machine: &Machine,
    store: &Store,
    now: i64,
    range: KeyRange<'_>,
    descending: bool,
    limit: u32,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let slots: Vec<Option<Slot>> = match store.settings().class {
        StoreClass::Coordination => vec![None],
        StoreClass::Cache if descending => (0..SLOTS).rev().map(|slot| Some(Slot(slot))).collect(),
        StoreClass::Cache => (0..SLOTS).map(|slot| Some(Slot(slot))).collect(),
    };
    let mut found = Vec::new();
    for slot in slots {
        let mut after: Option<ScanPosition> = None;
        loop {
            let query = Query::Scan {
                store: STORE,
                slot,
                range,
                descending,
                keys_only: false,
                after: after.as_ref(),
                limit,
                byte_limit: 64,
            };
            let Outcome::Page(page) = machine.read(Timestamp(now), &query) else {
                panic!("a scan answers a page")
            };
            assert!(page.entries.len() <= limit as usize);
            let entries = page.entries.iter();
            found.extend(entries.map(|f| (f.entry.key().to_vec(), f.entry.value().to_vec())));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    found
}
