//! The machine against the naive model: every command, reads, time, replicas, snapshots.

mod common;

use std::collections::BTreeMap;

use common::model::*;
use common::*;
use holdfast_state::*;
use proptest::prelude::*;
use smallvec::SmallVec;

const KEYS: u8 = 24;

/// One step of a run. Numbers are taken modulo what exists.
#[derive(Clone, Debug)]
enum Step {
    Put {
        key: u8,
        size: u8,
        expiry: u8,
        condition: u8,
        never_evict: bool,
        previous: bool,
    },
    Number {
        key: u8,
        value: i64,
    },
    Delete {
        key: u8,
        condition: u8,
        previous: bool,
    },
    SetExpiry {
        key: u8,
        expiry: u8,
        condition: u8,
    },
    Refresh {
        key: u8,
    },
    Increment {
        key: u8,
        delta: i64,
        bounds: (i64, i64),
        expiry: u8,
        reset: bool,
    },
    Clear {
        range: u8,
        limit: u32,
    },
    Expire {
        limit: u32,
        earlier: i64,
    },
    Touch,
    Evict {
        bytes: u64,
    },
    Sweep {
        limit: u32,
    },
    Get {
        key: u8,
        slide: bool,
    },
    GetMany {
        keys: Vec<u8>,
    },
    Count {
        range: u8,
    },
    Scan {
        range: u8,
        descending: bool,
        limit: u32,
    },
    Pass {
        ms: i64,
    },
    Restore {
        seed: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS;
    prop_oneof![
        8 => (key.clone(), 0..60_u8, 0..8_u8, 0..6_u8, prop::bool::weighted(0.1), any::<bool>()).prop_map(
            |(key, size, expiry, condition, never_evict, previous)| Step::Put {
                key, size, expiry, condition, never_evict, previous
            }
        ),
        2 => (key.clone(), -20..20_i64).prop_map(|(key, value)| Step::Number { key, value }),
        3 => (key.clone(), 0..6_u8, any::<bool>())
            .prop_map(|(key, condition, previous)| Step::Delete { key, condition, previous }),
        2 => (key.clone(), 0..8_u8, 0..6_u8)
            .prop_map(|(key, expiry, condition)| Step::SetExpiry { key, expiry, condition }),
        2 => key.clone().prop_map(|key| Step::Refresh { key }),
        3 => (key.clone(), -30..30_i64, (-40..0_i64, 0..40_i64), 0..8_u8, any::<bool>()).prop_map(
            |(key, delta, bounds, expiry, reset)| Step::Increment { key, delta, bounds, expiry, reset }
        ),
        1 => (0..6_u8, 1..5_u32).prop_map(|(range, limit)| Step::Clear { range, limit }),
        3 => (1..6_u32, 0..50_i64).prop_map(|(limit, earlier)| Step::Expire { limit, earlier }),
        2 => Just(Step::Touch),
        1 => (1..2_000_u64).prop_map(|bytes| Step::Evict { bytes }),
        1 => (1..4_u32).prop_map(|limit| Step::Sweep { limit }),
        6 => (key.clone(), any::<bool>()).prop_map(|(key, slide)| Step::Get { key, slide }),
        1 => prop::collection::vec(key, 1..6).prop_map(|keys| Step::GetMany { keys }),
        1 => (0..6_u8).prop_map(|range| Step::Count { range }),
        1 => (0..6_u8, any::<bool>(), 1..4_u32)
            .prop_map(|(range, descending, limit)| Step::Scan { range, descending, limit }),
        6 => prop_oneof![1..40_i64, 1..400_i64, 1..30_000_i64].prop_map(|ms| Step::Pass { ms }),
        1 => any::<u64>().prop_map(|seed| Step::Restore { seed }),
    ]
}

fn key(number: u8) -> Vec<u8> {
    match number % 4 {
        0 => format!("k{number:02}").into_bytes(),
        1 => format!("user:{{{}}}:{number}", number / 8).into_bytes(),
        2 => vec![0xFF, 0xFF, number],
        _ => format!("k{}", "x".repeat(usize::from(number) * 20)).into_bytes(),
    }
}

fn expiry(number: u8) -> Expiry {
    match number {
        0..=2 => Expiry::NONE,
        3 => Expiry::after_ms(100),
        4 => Expiry::after_ms(5_000),
        5 => Expiry::sliding(120),
        6 => Expiry {
            ttl_ms: Some(400),
            sliding_ms: Some(150),
            absolute_unix_ms: None,
        },
        _ => Expiry {
            ttl_ms: Some(700),
            sliding_ms: None,
            absolute_unix_ms: Some(1_999_999_999_999),
        },
    }
}

fn range(number: u8) -> KeyRange<'static> {
    match number {
        0 | 1 => KeyRange::All,
        2 => KeyRange::Prefix(b"k0"),
        3 => KeyRange::Prefix(&[0xFF, 0xFF]),
        4 => KeyRange::Range {
            first: b"k1",
            end: Some(b"user:{1"),
        },
        _ => KeyRange::Range {
            first: b"kx",
            end: None,
        },
    }
}

/// A leader, a follower that is restored from snapshots now and then, and the model.
struct Run {
    leader: Group,
    /// Not under solo, where reads are part of the state.
    follower: Option<Machine>,
    model: Model,
    events: Vec<(StoreId, Event)>,
    /// What somebody knows who only sees the events.
    watched: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
}

impl Run {
    fn new(settings: StoreSettings, grace_ms: u64) -> Run {
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

    fn now(&self) -> i64 {
        self.leader.now().0
    }

    /// Applies on both machines, and checks that they answer the same.
    fn apply(&mut self, slot: Slot, change: Change<'_>) -> Outcome {
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

    fn step(&mut self, step: &Step) {
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

    /// The leader's own commands.
    fn lead(&mut self, step: &Step) {
        let now = self.leader.now();
        match *step {
            Step::Clear { range: r, limit } => {
                let range = range(r);
                let mut slot = Slot(0);
                if self.model.settings.class == StoreClass::Coordination {
                    slot = KeyHash::slot_of_store(STORE);
                }
                let (mut count, through) = (0, self.leader.machine.revision());
                loop {
                    let change = Change::Clear {
                        range,
                        through,
                        limit,
                    };
                    match self.apply(slot, change) {
                        Outcome::Removed {
                            count: some,
                            more,
                            next,
                            ..
                        } => {
                            count += some as usize;
                            slot = next;
                            if !more {
                                break;
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(count, self.model.clear(now.0, &range));
            }
            Step::Expire { limit, earlier } => {
                let up_to = Timestamp(now.0 - earlier);
                let outcome = self.apply(Slot(0), Change::Expire { up_to, limit });
                self.model.at = self.model.at.max(now.0);
                let expected = self.model.expire(&self.leader.store, up_to.0, limit as usize);
                match outcome {
                    Outcome::Removed { count, more, .. } => assert_eq!((count as usize, more), expected),
                    other => panic!("{other:?}"),
                }
            }
            Step::Touch => {
                for work in self.leader.machine.due(now, usize::MAX) {
                    self.apply(
                        Slot(0),
                        Change::Touch {
                            touches: work.touches.as_slice().into(),
                        },
                    );
                    self.model.at = self.model.at.max(now.0);
                    work.touches.iter().for_each(|touched| self.model.touch(touched));
                }
            }
            Step::Evict { bytes } => {
                let mut victims = SmallVec::new();
                self.leader
                    .machine
                    .victims(&self.leader.store, bytes, &mut victims);
                for victim in &victims {
                    let held = self
                        .model
                        .entries
                        .remove(victim.key())
                        .expect("a victim is there");
                    assert!(held.version == victim.version() && !held.never_evict);
                }
                let outcome = self.apply(
                    Slot(0),
                    Change::Evict {
                        victims: victims.as_slice().into(),
                    },
                );
                assert_eq!(removed(&outcome), victims.len() as u64);
                self.model.at = self.model.at.max(now.0);
            }
            Step::Sweep { limit } => {
                self.apply(Slot(0), Change::Sweep { limit });
                self.model.at = self.model.at.max(now.0);
            }
            _ => unreachable!("not the leader's"),
        }
    }

    fn read(&mut self, step: &Step) {
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

    fn check(&self) {
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

fn run(settings: StoreSettings, grace_ms: u64, steps: &[Step]) {
    let mut run = Run::new(settings, grace_ms);
    for step in steps {
        run.step(step);
        run.check();
    }
}

fn cache() -> StoreSettings {
    StoreSettings {
        hash_tags: true,
        ..StoreSettings::new(StoreClass::Cache, 64 << 20)
    }
}

fn coordination() -> StoreSettings {
    StoreSettings {
        default_ttl_ms: Some(2_000),
        ..StoreSettings::new(StoreClass::Coordination, 64 << 20)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn a_cache_group_and_its_restored_replicas_do_what_the_model_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(cache(), 50, &steps);
    }

    #[test]
    fn a_coordination_group_and_its_restored_replicas_do_what_the_model_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(coordination(), 50, &steps);
    }

    #[test]
    fn a_solo_cache_group_does_what_the_model_does(steps in prop::collection::vec(step(), 1..80)) {
        run(cache(), 0, &steps);
    }

    #[test]
    fn a_solo_coordination_group_does_what_the_model_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(coordination(), 0, &steps);
    }
}
