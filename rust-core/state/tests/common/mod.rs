//! A group of one store with its own clock, as a leader would drive it.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use holdfast_state::*;

pub(crate) const STORE: StoreId = StoreId(7);
pub(crate) const START: i64 = 1_700_000_000_000;

pub(crate) fn config(kind: GroupKind, touch_interval_ms: u64) -> MachineConfig {
    MachineConfig {
        kind,
        first_revision: 1_000,
        // Where groups begin, and what the golden files have.
        feature_level: 1,
        seed: 0x5EED,
        touch_interval_ms,
        group_index: 0,
        group_count: 1,
    }
}

pub(crate) fn kind_of(class: StoreClass) -> GroupKind {
    match class {
        StoreClass::Cache => GroupKind::Cache,
        StoreClass::Coordination => GroupKind::Coordination,
    }
}

pub(crate) struct Group {
    pub(crate) machine: Machine,
    pub(crate) store: Arc<Store>,
    now: AtomicI64,
}

pub(crate) fn solo_cache() -> Group {
    Group::new(StoreSettings::new(StoreClass::Cache, 64 << 20), 0)
}

pub(crate) fn solo_coordination() -> Group {
    Group::new(StoreSettings::new(StoreClass::Coordination, 64 << 20), 0)
}

impl Group {
    pub(crate) fn new(settings: StoreSettings, touch_interval_ms: u64) -> Group {
        let machine = Machine::new(config(kind_of(settings.class), touch_interval_ms));
        let define = GroupCommand::DefineStore {
            id: STORE,
            name: "default/test",
            settings,
        };
        let outcomes = machine.apply(Timestamp(START), &[Command::Group(define)], &mut NoEvents);
        assert!(matches!(outcomes[..], [Outcome::Done { .. }]), "{outcomes:?}");
        let store = machine.store(STORE).expect("just defined");
        Group {
            machine,
            store,
            now: AtomicI64::new(START),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    /// Time passes; nothing else happens.
    pub(crate) fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn change(&self, change: &Change<'_>) -> Outcome {
        self.change_with(change, &mut NoEvents)
    }

    pub(crate) fn change_with(&self, change: &Change<'_>, events: &mut dyn EventSink) -> Outcome {
        let place = match change.key() {
            Some(key) => self.store.place(key),
            None if self.store.settings().class == StoreClass::Cache => KeyHash {
                slot: Slot(0),
                hash: 0,
            },
            None => self.store.place(b""),
        };
        self.machine
            .change(&self.store, self.now(), place, change, events)
    }

    pub(crate) fn put(&self, key: &str, value: &str) -> Revision {
        self.put_for(key, value, Expiry::NONE)
    }

    pub(crate) fn put_for(&self, key: &str, value: &str, expiry: Expiry) -> Revision {
        match self.change(&put(key, value, expiry, Condition::Always)) {
            Outcome::Changed {
                applied: true,
                version,
                ..
            } => version,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn put_if(&self, key: &str, value: &str, condition: Condition) -> bool {
        applied(&self.change(&put(key, value, Expiry::NONE, condition)))
    }

    pub(crate) fn delete(&self, key: &str) -> bool {
        applied(&self.change(&Change::Delete {
            key: key.as_bytes(),
            condition: Condition::Always,
            return_previous: false,
        }))
    }

    pub(crate) fn increment(
        &self,
        key: &str,
        delta: i64,
        minimum: i64,
        maximum: i64,
    ) -> Result<(i64, i64), StateError> {
        let change = Change::Increment {
            key: key.as_bytes(),
            delta,
            minimum,
            maximum,
            initial: 0,
            expiry: Expiry::NONE,
            reset_expiry: false,
        };
        match self.change(&change) {
            Outcome::Counter { before, after, .. } => Ok((before, after)),
            Outcome::Failed(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    /// Reads as a solo node does: what is due in a coordination store is expired first.
    pub(crate) fn get(&self, key: &str) -> Option<(String, Revision)> {
        self.read(key, true, |view| {
            (
                String::from_utf8(view.value().to_vec()).expect("tests put text"),
                view.version(),
            )
        })
    }

    pub(crate) fn read<R>(&self, key: &str, slide: bool, visit: impl Fn(EntryView<'_>) -> R) -> Option<R> {
        let place = self.store.place(key.as_bytes());
        loop {
            let read = self
                .machine
                .get(&self.store, || self.now(), place, key.as_bytes(), slide, &visit);
            match read.expect("the group owns all slots") {
                Read::Hit(found) => return Some(found),
                Read::Miss => return None,
                Read::Due => {
                    self.expire();
                }
            }
        }
    }

    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.get(key).map(|(value, _)| value)
    }

    /// Expires what is due now; how many.
    pub(crate) fn expire(&self) -> u64 {
        removed(&self.change(&Change::Expire {
            up_to: self.now(),
            limit: u32::MAX,
        }))
    }

    pub(crate) fn query(&self, query: &Query<'_>) -> Outcome {
        self.machine.read(self.now(), query)
    }

    pub(crate) fn count(&self, range: KeyRange<'_>) -> u64 {
        match self.query(&Query::Count { store: STORE, range }) {
            Outcome::Count(count) => count,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stats(&self) -> StoreStats {
        match self.query(&Query::Stats { store: STORE }) {
            Outcome::Stats(stats) => *stats,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn check(&self) {
        self.machine.validate().expect("every rule holds");
    }
}

pub(crate) fn put<'a>(key: &'a str, value: &'a str, expiry: Expiry, condition: Condition) -> Change<'a> {
    Change::Put {
        key: key.as_bytes(),
        value: value.as_bytes(),
        expiry,
        condition,
        never_evict: false,
        return_previous: false,
    }
}

pub(crate) fn applied(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Changed { applied, .. } => *applied,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn removed(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Removed { count, .. } => *count,
        other => panic!("{other:?}"),
    }
}
