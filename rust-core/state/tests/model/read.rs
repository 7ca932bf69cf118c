//! Reads, which answer what the model holds.

use holdfast_state::*;

use crate::common::model::scan_all;
use crate::common::*;
use crate::run::Run;
use crate::steps::{Step, key, range};

impl Run {
    /// A read, of the machine and of the model.
    pub(crate) fn read(&mut self, step: &Step) {
        let now = self.now();
        match step {
            Step::Get { key: k, slide } => {
                let key = key(*k);
                let place = self.leader.store.place(&key);
                let see = |view: EntryView<'_>| {
                    (
                        view.value().to_vec(),
                        view.version(),
                        view.remaining_ms(),
                        view.absolute_unix_ms(),
                    )
                };
                let store = &self.leader.store;
                let read = self
                    .leader
                    .machine
                    .get(store, || Timestamp(now), place, &key, *slide, see);
                let got = match read.expect("all slots are served") {
                    Read::Hit(seen) => Some(seen),
                    Read::Miss => None,
                    Read::Due => {
                        assert_eq!(self.model.settings.class, StoreClass::Coordination);
                        None
                    }
                };
                let expected = self.model.read(&key, now, *slide).map(|held| {
                    let until = held.visible_until();
                    let left = (until != i64::MAX).then(|| (until - now) as u64);
                    (held.value.clone(), held.version, left, held.absolute_unix_ms)
                });
                assert_eq!(got, expected);
            }
            Step::GetMany { keys } => {
                let keys: Vec<Vec<u8>> = keys.iter().map(|k| key(*k)).collect();
                let slices: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                let query = Query::GetMany {
                    store: STORE,
                    keys: &slices,
                    slide: true,
                };
                let Outcome::Entries(found) = self.leader.query(&query) else {
                    panic!("entries")
                };
                for (key, found) in keys.iter().zip(found) {
                    let expected = self.model.read(key, now, true).map(|held| held.value.clone());
                    assert_eq!(found.map(|found| found.entry.value().to_vec()), expected);
                }
            }
            Step::Count { range: r } => {
                let range = range(*r);
                let expected = self
                    .model
                    .visible(now)
                    .filter(|(key, _)| range.contains(key))
                    .count();
                assert_eq!(self.leader.count(range), expected as u64);
            }
            Step::Scan {
                range: r,
                descending,
                limit,
            } => {
                let range = range(*r);
                let store = &self.leader.store;
                let found = scan_all(&self.leader.machine, store, now, range, *descending, *limit);
                let mut expected: Vec<(Vec<u8>, Vec<u8>)> = self
                    .model
                    .visible(now)
                    .filter(|(key, _)| range.contains(key))
                    .map(|(key, held)| (key.clone(), held.value.clone()))
                    .collect();
                if self.model.settings.class == StoreClass::Cache {
                    expected.sort_by_key(|(key, _)| {
                        let place = store.place(key);
                        (place.slot, place.hash, key.clone())
                    });
                }
                if *descending {
                    expected.reverse();
                }
                assert_eq!(found, expected);
            }
            _ => unreachable!("not a read"),
        }
    }
}
