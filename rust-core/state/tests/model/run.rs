//! One run: the machines and the model, step by step.

use std::collections::BTreeMap;

use holdfast_state::*;

use crate::common::model::*;
use crate::common::*;
use crate::steps::{Step, expiry, key};

/// A leader, a follower that is restored from snapshots now and then, and the model.
pub(crate) struct Run {
    pub(crate) leader: Group,
    /// Not under solo, where reads are part of the state.
    follower: Option<Machine>,
    pub(crate) model: Model,
    events: Vec<(StoreId, Event)>,
    /// What somebody knows who only sees the events.
    watched: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
}

impl Run {
    pub(crate) fn new(settings: StoreSettings, grace_ms: u64) -> Run {
        let leader = Group::new(settings, grace_ms);
        let follower = (grace_ms > 0).then(|| {
            let config = config(kind_of(settings.class), grace_ms);
            Machine::restore(&leader.machine.snapshot(), config).expect("a fresh snapshot")
        });
        Run {
            model: Model {
                settings,
                grace_ms: grace_ms as i64,
                entries: BTreeMap::new(),
                at: START,
            },
            leader,
            follower,
            events: Vec::new(),
            watched: BTreeMap::new(),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.leader.now().0
    }

    /// Applies on both machines, and checks that they answer the same.
    pub(crate) fn apply(&mut self, slot: Slot, change: Change<'_>) -> Outcome {
        let command = Command::InStore {
            store: STORE,
            slot,
            session: None,
            change,
        };
        let before = self.leader.machine.revision();
        let first_event = self.events.len();
        let mut outcomes = self
            .leader
            .machine
            .apply(self.leader.now(), &[command], &mut self.events);
        let outcome = outcomes.pop().expect("one command, one outcome");
        let solo_with_nothing_to_do = self.model.grace_ms == 0 && change.key().is_none();
        assert!(self.leader.machine.revision() > before || solo_with_nothing_to_do);
        if let Some(follower) = &self.follower {
            let mut theirs = Vec::new();
            let outcomes = follower.apply(self.leader.now(), &[command], &mut theirs);
            if !matches!(change, Change::Sweep { .. }) {
                assert_eq!(format!("{:?}", outcomes[0]), format!("{outcome:?}"));
            }
            let ours = &self.events[first_event..];
            assert_eq!(format!("{theirs:?}"), format!("{ours:?}"));
        }
        for (_, event) in &self.events[first_event..] {
            assert!(event.revision > before);
            match &event.kind {
                EventKind::Put(entry) => {
                    let seen = (entry.value().to_vec(), entry.version());
                    self.watched.insert(entry.key().to_vec(), seen);
                }
                EventKind::Cleared => self.watched.clear(),
                kind => {
                    let entry = kind.entry().expect("about an entry");
                    let known = self.watched.remove(entry.key());
                    assert_eq!(known, Some((entry.value().to_vec(), entry.version())));
                }
            }
        }
        outcome
    }

    /// A change of one key, on the machines and in the model.
    fn change(&mut self, change: Change<'_>) {
        let place = self.leader.store.place(change.key().expect("a key"));
        let revision = self.leader.machine.revision();
        let outcome = self.apply(place.slot, change);
        let (got, version) = match outcome {
            Outcome::Changed {
                applied,
                found,
                version,
                previous,
            } => {
                let previous = previous.map(|entry| entry.value().to_vec());
                (
                    Expected::Changed {
                        applied,
                        found,
                        previous,
                    },
                    version,
                )
            }
            Outcome::Counter {
                before,
                after,
                version,
            } => (Expected::Counter { before, after }, version),
            Outcome::Failed(StateError::NotANumber | StateError::CounterOutOfBounds { .. }) => {
                (Expected::Refused, revision)
            }
            other => panic!("{other:?}"),
        };
        let expected = self.model.change(self.now(), &change, version);
        assert_eq!(got, expected);
        let held = self.model.entries.get(change.key().expect("a key"));
        if let (Expected::Changed { applied: false, .. }, held) = (&got, held) {
            assert_eq!(version, held.map_or(0, |held| held.version));
        }
    }

    fn condition(&self, number: u8, key: &[u8]) -> Condition {
        match number {
            0..=2 => Condition::Always,
            3 => Condition::Absent,
            4 => Condition::Present,
            _ => Condition::Version(self.model.entries.get(key).map_or(1, |held| held.version)),
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match *step {
            Step::Put {
                key: k,
                size,
                expiry: e,
                condition,
                never_evict,
                previous,
            } => {
                let key = key(k);
                self.change(Change::Put {
                    key: &key,
                    value: &vec![b'a' + k; usize::from(size)],
                    expiry: expiry(e),
                    condition: self.condition(condition, &key),
                    never_evict,
                    return_previous: previous,
                });
            }
            Step::Number { key: k, value } => self.change(Change::Put {
                key: &key(k),
                value: value.to_string().as_bytes(),
                expiry: Expiry::NONE,
                condition: Condition::Always,
                never_evict: false,
                return_previous: false,
            }),
            Step::Delete {
                key: k,
                condition,
                previous,
            } => {
                let key = key(k);
                self.change(Change::Delete {
                    key: &key,
                    condition: self.condition(condition, &key),
                    return_previous: previous,
                });
            }
            Step::SetExpiry {
                key: k,
                expiry: e,
                condition,
            } => {
                let key = key(k);
                self.change(Change::SetExpiry {
                    key: &key,
                    expiry: expiry(e),
                    condition: self.condition(condition, &key),
                });
            }
            Step::Refresh { key: k } => self.change(Change::Refresh { key: &key(k) }),
            Step::Increment {
                key: k,
                delta,
                bounds,
                expiry: e,
                reset,
            } => {
                self.change(Change::Increment {
                    key: &key(k),
                    delta,
                    minimum: bounds.0,
                    maximum: bounds.1,
                    initial: 0,
                    expiry: expiry(e),
                    reset_expiry: reset,
                });
            }
            Step::Pass { ms } => self.leader.advance(ms),
            Step::Restore { seed } => self.restore(seed),
            Step::Get { .. } | Step::GetMany { .. } | Step::Count { .. } | Step::Scan { .. } => {
                self.read(step);
            }
            _ => self.lead(step),
        }
    }

    /// Another process takes the follower's place: it knows the snapshot only, and its tables have
    /// another seed.
    fn restore(&mut self, seed: u64) {
        let bytes = self.leader.machine.snapshot();
        let base = config(kind_of(self.model.settings.class), self.model.grace_ms as u64);
        let restored = Machine::restore(&bytes, MachineConfig { seed, ..base }).expect("a good snapshot");
        assert!(restored.snapshot() == bytes);
        restored.validate().expect("every rule holds");
        if self.follower.is_some() {
            self.follower = Some(restored);
        }
    }

    pub(crate) fn check(&self) {
        self.leader.check();
        if let Some(follower) = &self.follower {
            follower.validate().expect("every rule holds");
            assert!(follower.snapshot() == self.leader.machine.snapshot());
        }
        let held: BTreeMap<Vec<u8>, (Vec<u8>, Revision)> = self
            .model
            .entries
            .iter()
            .map(|(key, held)| (key.clone(), (held.value.clone(), held.version)))
            .collect();
        assert_eq!(self.watched, held, "the events tell the whole story");
        assert_eq!(self.leader.stats().entries, held.len() as u64);
        if self.leader.store.keeps_history() {
            let past = self.leader.machine.history(&self.leader.store, START, u64::MAX);
            assert_eq!(past.map(|events| events.len()).ok(), self.in_history());
        }
    }

    fn in_history(&self) -> Option<usize> {
        let first = self.leader.machine.history(&self.leader.store, 0, u64::MAX);
        assert!(matches!(first, Err(StateError::Compacted { .. })));
        let after = |(_, event): &&(StoreId, Event)| event.revision > START;
        Some(self.events.iter().filter(after).count())
    }
}
