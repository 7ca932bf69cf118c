//! Replicas that are fed the same encoded log stay equal, byte for byte, whoever leads them, and whenever
//! one of them was restored from another's snapshot.

mod common;

use common::*;
use holdfast_state::*;
use proptest::prelude::*;
use smallvec::SmallVec;

const KEYS: u8 = 12;
const TOUCH_INTERVAL: u64 = 500;

/// Three replicas of a group of one store, and its leader's clock.
struct Replicas {
    machines: Vec<Machine>,
    leader: usize,
    now: i64,
    sequence: u64,
}

const SESSION: u128 = 0xABCD;

impl Replicas {
    fn new(settings: StoreSettings) -> Replicas {
        let machine = |number: u64| {
            Machine::new(MachineConfig {
                seed: number * 77,
                first_revision: 0,
                ..config(kind_of(settings.class), TOUCH_INTERVAL)
            })
        };
        let mut replicas = Replicas {
            machines: (0..3).map(machine).collect(),
            leader: 0,
            now: START,
            sequence: 0,
        };
        let formed = [
            GroupCommand::BeginEpoch {
                epoch: 1,
                revision: 5_000_000,
            },
            GroupCommand::DefineStore {
                id: STORE,
                name: "default/test",
                settings,
            },
            GroupCommand::OpenSession { session: SESSION },
        ];
        let outcomes = replicas.log(&formed.map(Command::Group));
        assert!(
            matches!(outcomes[0], Outcome::Done { version: 5_000_000 }),
            "{outcomes:?}"
        );
        assert_eq!(replicas.leader().epoch(), 1);
        replicas
    }

    fn leader(&self) -> &Machine {
        &self.machines[self.leader]
    }

    /// One entry, encoded once and applied by all; they must agree on everything.
    fn log(&mut self, commands: &[Command<'_>]) -> Vec<Outcome> {
        let mut writer = EntryWriter::new(Timestamp(self.now), 0);
        commands.iter().for_each(|command| writer.push(&command.encode()));
        let bytes = writer.finish();
        let entry = LogEntry::decode(&bytes).expect("it was just written");
        let apply = |machine: &Machine| machine.apply_entry(&entry, &mut NoEvents).expect("all are known");
        let mut answers: Vec<Vec<Outcome>> = self.machines.iter().map(apply).collect();
        let snapshots: Vec<Vec<u8>> = self.machines.iter().map(Machine::snapshot).collect();
        let leader = answers.swap_remove(self.leader);
        for others in &answers {
            for ((left, right), command) in leader.iter().zip(others).zip(commands) {
                // What a sweep still finds is not part of the state.
                if !matches!(
                    command,
                    Command::InStore {
                        change: Change::Sweep { .. },
                        ..
                    }
                ) {
                    assert_eq!(format!("{left:?}"), format!("{right:?}"), "of {command:?}");
                }
            }
        }
        assert!(
            snapshots.iter().all(|snapshot| *snapshot == snapshots[0]),
            "behind {commands:?}"
        );
        for machine in &self.machines {
            machine.validate().expect("every rule holds");
        }
        leader
    }

    fn change(&mut self, change: Change<'_>, tagged: bool) -> Outcome {
        self.sequence += u64::from(tagged);
        let session = tagged.then_some(SessionTag {
            session: SESSION,
            sequence: self.sequence,
            first_unacknowledged: self.sequence.saturating_sub(3),
        });
        self.log(&[in_store(change, session)]).remove(0)
    }

    /// What a leader does every half second; gives the number expired.
    fn tick(&mut self, most_touches: usize, limit: u32) -> u64 {
        let now = Timestamp(self.now);
        let Some(work) = self.leader().due(now, most_touches).pop() else {
            return 0;
        };
        let mut commands = Vec::new();
        if !work.touches.is_empty() {
            let touches = work.touches.as_slice().into();
            commands.push(in_store(Change::Touch { touches }, None));
        }
        if work.expire {
            commands.push(in_store(Change::Expire { up_to: now, limit }, None));
        }
        if work.sweep {
            commands.push(in_store(Change::Sweep { limit }, None));
        }
        let outcomes = self.log(&commands);
        if work.more_touches {
            return self.tick(most_touches, limit);
        }
        let is_expire = |command: &Command<'_>| {
            let Command::InStore { change, .. } = command else {
                return false;
            };
            matches!(change, Change::Expire { .. })
        };
        let place = commands.iter().position(is_expire);
        place.map_or(0, |place| removed(&outcomes[place]))
    }

    /// A read that slides, at the leader; the rest of the entry's life.
    fn read(&self, key: &[u8]) -> Option<u64> {
        let store = self.leader().store(STORE).expect("it is defined");
        let (place, now) = (store.place(key), || Timestamp(self.now));
        let read = self
            .leader()
            .get(&store, now, place, key, true, |view| view.remaining_ms());
        match read.ok()? {
            Read::Hit(life) => Some(life.unwrap_or(u64::MAX)),
            Read::Miss | Read::Due => None,
        }
    }

    fn restore(&mut self, replica: usize, seed: u64) {
        let kind = self.leader().kind();
        let config = MachineConfig {
            seed,
            ..config(kind, TOUCH_INTERVAL)
        };
        let bytes = self.leader().snapshot();
        self.machines[replica] = Machine::restore(&bytes, config).expect("a good snapshot");
    }
}

fn in_store(change: Change<'_>, session: Option<SessionTag>) -> Command<'_> {
    Command::InStore {
        store: STORE,
        slot: Slot(0),
        session,
        change,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        key: u8,
        size: u8,
        expiry: u8,
        previous: bool,
    },
    Delete {
        key: u8,
    },
    Increment {
        key: u8,
        delta: i64,
    },
    Refresh {
        key: u8,
    },
    Clear {
        range: u8,
        limit: u32,
    },
    Read {
        key: u8,
    },
    Tick {
        most_touches: usize,
        limit: u32,
    },
    Evict {
        bytes: u64,
        lost: bool,
    },
    Group {
        number: u8,
        value: u16,
    },
    Retry,
    Pass {
        ms: i64,
    },
    Restore {
        replica: usize,
        seed: u64,
    },
    Lead {
        replica: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS;
    prop_oneof![
        8 => (key.clone(), 0..90_u8, 0..6_u8, any::<bool>())
            .prop_map(|(key, size, expiry, previous)| Step::Put { key, size, expiry, previous }),
        2 => key.clone().prop_map(|key| Step::Delete { key }),
        2 => (key.clone(), -9..9_i64).prop_map(|(key, delta)| Step::Increment { key, delta }),
        2 => key.clone().prop_map(|key| Step::Refresh { key }),
        1 => (0..3_u8, 1..5_u32).prop_map(|(range, limit)| Step::Clear { range, limit }),
        6 => key.clone().prop_map(|key| Step::Read { key }),
        5 => (1..4_usize, 1..6_u32).prop_map(|(most_touches, limit)| Step::Tick { most_touches, limit }),
        2 => (1..900_u64, any::<bool>()).prop_map(|(bytes, lost)| Step::Evict { bytes, lost }),
        1 => (0..5_u8, 0..1024_u16).prop_map(|(number, value)| Step::Group { number, value }),
        1 => Just(Step::Retry),
        5 => prop_oneof![1..300_i64, 1..3_000_i64].prop_map(|ms| Step::Pass { ms }),
        2 => (0..3_usize, any::<u64>()).prop_map(|(replica, seed)| Step::Restore { replica, seed }),
        1 => (0..3_usize).prop_map(|replica| Step::Lead { replica }),
    ]
}

fn expiry_of(number: u8) -> Expiry {
    match number {
        0 => Expiry::NONE,
        1 => Expiry::after_ms(900),
        2 => Expiry::sliding(700),
        3 => Expiry {
            ttl_ms: Some(2_000),
            ..Expiry::sliding(400)
        },
        4 => Expiry {
            absolute_unix_ms: Some(START),
            ..Expiry::after_ms(1_500)
        },
        _ => Expiry::sliding(5_000),
    }
}

fn run(replicas: &mut Replicas, step: &Step) {
    let name = |key: &u8| vec![b'k', *key];
    match step {
        Step::Put {
            key,
            size,
            expiry,
            previous,
        } => {
            let change = Change::Put {
                key: &name(key),
                value: &vec![*size; usize::from(*size)],
                expiry: expiry_of(*expiry),
                condition: if size.is_multiple_of(5) {
                    Condition::Absent
                } else {
                    Condition::Always
                },
                never_evict: size.is_multiple_of(7),
                return_previous: *previous,
            };
            replicas.change(change, *previous);
        }
        Step::Delete { key } => {
            let change = Change::Delete {
                key: &name(key),
                condition: Condition::Present,
                return_previous: true,
            };
            replicas.change(change, true);
        }
        Step::Increment { key, delta } => {
            let change = Change::Increment {
                key: &name(&(key + KEYS)),
                delta: *delta,
                minimum: -20,
                maximum: 20,
                initial: 0,
                expiry: expiry_of(*key % 6),
                reset_expiry: delta % 2 == 0,
            };
            replicas.change(change, true);
        }
        Step::Refresh { key } => {
            replicas.change(Change::Refresh { key: &name(key) }, false);
        }
        Step::Clear { range, limit } => {
            let range = match range {
                0 => KeyRange::All,
                1 => KeyRange::Prefix(b"k"),
                _ => KeyRange::Range {
                    first: b"k\x03",
                    end: Some(b"k\x08"),
                },
            };
            replicas.change(
                Change::Clear {
                    range,
                    through: 0,
                    limit: *limit,
                },
                true,
            );
        }
        Step::Read { key } => {
            replicas.read(&name(key));
        }
        Step::Tick { most_touches, limit } => {
            replicas.tick(*most_touches, *limit);
        }
        Step::Evict { bytes, lost } => evict(replicas, *bytes, *lost),
        Step::Group { number, value } => {
            replicas.log(&[Command::Group(group_command(*number, *value))]);
        }
        Step::Retry if replicas.sequence > 0 => {
            replicas.sequence -= 1;
            replicas.change(Change::Refresh { key: b"k" }, true);
        }
        Step::Retry => {}
        Step::Pass { ms } => replicas.now += ms,
        Step::Restore { replica, seed } => replicas.restore(*replica, *seed),
        Step::Lead { replica } => replicas.leader = *replica,
    }
}

fn evict(replicas: &mut Replicas, bytes: u64, lost: bool) {
    let leader = replicas.leader();
    let store = leader.store(STORE).expect("it is defined");
    let mut victims = SmallVec::new();
    leader.victims(&store, bytes, &mut victims);
    if lost {
        leader.recall_victims(&store);
        return;
    }
    let victims = victims.as_slice().into();
    replicas.change(Change::Evict { victims }, false);
}

fn group_command(number: u8, value: u16) -> GroupCommand<'static> {
    match number {
        0 => GroupCommand::WatchHistory {
            store: STORE,
            on: value.is_multiple_of(2),
        },
        1 => GroupCommand::SetSlot {
            slot: Slot(value),
            ownership: if value.is_multiple_of(3) {
                Ownership::Sealed
            } else {
                Ownership::Owned
            },
            epoch: u64::from(value),
            revision: 5_000_000 + i64::from(value) * 10,
        },
        2 => GroupCommand::BeginEpoch {
            epoch: u64::from(value % 5),
            revision: 5_000_000 + i64::from(value),
        },
        3 => GroupCommand::SetBudget {
            store: STORE,
            bytes: u64::from(value) * 4,
        },
        _ => GroupCommand::RaiseFeatureLevel { level: FEATURE_LEVEL },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn replicas_of_a_cache_group_stay_equal(steps in prop::collection::vec(step(), 1..70)) {
        let mut replicas = Replicas::new(StoreSettings::new(StoreClass::Cache, 1 << 20));
        steps.iter().for_each(|step| run(&mut replicas, step));
    }

    #[test]
    fn replicas_of_a_store_that_refuses_when_full_stay_equal(steps in prop::collection::vec(step(), 1..70)) {
        let settings = StoreSettings {
            eviction: Eviction::None,
            ..StoreSettings::new(StoreClass::Cache, 2_000)
        };
        let mut replicas = Replicas::new(settings);
        steps.iter().for_each(|step| run(&mut replicas, step));
    }

    #[test]
    fn replicas_of_a_coordination_group_stay_equal(steps in prop::collection::vec(step(), 1..70)) {
        let mut replicas = Replicas::new(StoreSettings::new(StoreClass::Coordination, 1 << 20));
        steps.iter().for_each(|step| run(&mut replicas, step));
    }
}

fn cache() -> Replicas {
    Replicas::new(StoreSettings::new(StoreClass::Cache, 1 << 20))
}

fn put_sliding(replicas: &mut Replicas, key: &str, window: u64) -> Revision {
    match replicas.change(
        put(key, "value", Expiry::sliding(window), Condition::Always),
        false,
    ) {
        Outcome::Changed { version, .. } => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sliding_entry_that_is_read_lives_on_and_its_touch_is_logged_within_the_interval() {
    let mut replicas = cache();
    put_sliding(&mut replicas, "a", 2_000);
    for _ in 0..20 {
        replicas.now += 450;
        assert_eq!(replicas.read(b"a"), Some(2_000));
        assert_eq!(
            replicas.read(b"a"),
            Some(2_000),
            "a second read adds no second touch"
        );
        let due = replicas.leader().due(Timestamp(replicas.now), 100);
        assert!(due.len() == 1 && due[0].touches.len() == 1 && !due[0].expire);
        let store = replicas.leader().store(STORE).expect("it is defined");
        replicas.leader().touch_again(&store, &due[0].touches);
        assert_eq!(replicas.tick(100, 100), 0);
        assert!(
            replicas.leader().due(Timestamp(replicas.now), 100).is_empty(),
            "all is logged"
        );
    }
    // The new leader knows the access.
    replicas.leader = 1;
    replicas.now += 1_999;
    assert_eq!(replicas.read(b"a"), Some(2_000));
    replicas.now += 2_000;
    assert_eq!(replicas.read(b"a"), None, "hidden at the exact moment");
    assert_eq!(
        replicas.tick(100, 100),
        0,
        "and removed when its touch could no longer come"
    );
    replicas.now += TOUCH_INTERVAL as i64;
    assert_eq!(replicas.tick(100, 100), 1);
}

#[test]
fn a_read_behind_changes_that_are_still_to_be_applied_slides_by_the_clock() {
    let mut replicas = cache();
    put_sliding(&mut replicas, "a", 2_000);
    let store = replicas.leader().store(STORE).expect("it is defined");
    let moment = Moment {
        now: Timestamp(replicas.now + 100),
        clock: Timestamp(replicas.now + 3_000),
    };
    let place = store.place(b"a");
    let left = replicas
        .leader()
        .get(&store, || moment, place, b"a", true, |view| view.remaining_ms());
    assert_eq!(left, Ok(Read::Hit(Some(2_000))));
    replicas.now += 4_999;
    assert_eq!(replicas.tick(100, 100), 0);
    assert_eq!(replicas.read(b"a"), Some(2_000));
}

#[test]
fn what_a_lost_leader_had_read_and_not_logged_lives_on_under_the_next_one() {
    let mut replicas = cache();
    put_sliding(&mut replicas, "a", 2_000);
    replicas.now += 1_900;
    assert_eq!(replicas.read(b"a"), Some(2_000));
    replicas.leader = 1;
    replicas.leader().begin_to_lead(Timestamp(replicas.now));
    replicas.now += 1_999;
    // By the log it would have been removed long ago.
    assert_eq!(replicas.tick(100, 100), 0);
    assert_eq!(replicas.read(b"a"), Some(2_000));
    replicas.now += 2_000;
    assert_eq!(replicas.read(b"a"), None, "hidden at the exact moment");
}

#[test]
fn no_entry_expires_while_touches_wait_to_be_logged() {
    let mut replicas = cache();
    for number in 0..500 {
        put_sliding(&mut replicas, &format!("key:{number}"), 1_000);
    }
    replicas.now += 900;
    for number in 0..500 {
        assert!(replicas.read(format!("key:{number}").as_bytes()).is_some());
    }
    replicas.now += 999;
    let due = replicas.leader().due(Timestamp(replicas.now), 50);
    assert!(due[0].touches.len() == 50 && due[0].more_touches && !due[0].expire);
    let store = replicas.leader().store(STORE).expect("it is defined");
    replicas.leader().touch_again(&store, &due[0].touches);
    assert_eq!(replicas.tick(150, 1_000), 0);
    for number in 0..500 {
        assert!(replicas.read(format!("key:{number}").as_bytes()).is_some());
    }
}

#[test]
fn a_read_that_was_served_elsewhere_slides_only_the_version_that_it_saw() {
    let mut replicas = cache();
    let old = put_sliding(&mut replicas, "a", 1_000);
    let version = put_sliding(&mut replicas, "a", 1_000);
    let store = replicas.leader().store(STORE).expect("it is defined");
    let at = Timestamp(replicas.now + 600);
    assert!(!replicas.leader().read_elsewhere(&store, at, b"a", old));
    assert!(replicas.leader().read_elsewhere(&store, at, b"a", version));
    replicas.now += 1_500;
    replicas.tick(100, 100);
    assert_eq!(replicas.read(b"a"), Some(1_000));
    let late = Timestamp(replicas.now + 1_000);
    assert!(
        !replicas.leader().read_elsewhere(&store, late, b"a", version),
        "it is gone by then"
    );
}

#[test]
fn a_cache_group_gets_its_share_of_a_budget_and_evicts_down_to_it() {
    let settings = StoreSettings::new(StoreClass::Cache, 80_000);
    let machine = Machine::new(MachineConfig {
        group_count: 8,
        ..config(GroupKind::Cache, TOUCH_INTERVAL)
    });
    let define = GroupCommand::DefineStore {
        id: STORE,
        name: "default/test",
        settings,
    };
    machine.apply(Timestamp(START), &[Command::Group(define)], &mut NoEvents);
    assert_eq!(machine.store(STORE).expect("just defined").budget(), 10_000);

    let mut replicas = Replicas::new(settings);
    for number in 0..100 {
        replicas.change(
            put(&format!("key:{number}"), "value", Expiry::NONE, Condition::Always),
            false,
        );
    }
    let store = replicas.leader().store(STORE).expect("it is defined");
    replicas.log(&[Command::Group(GroupCommand::SetBudget {
        store: STORE,
        bytes: 4_000,
    })]);
    let over = store.over_budget(store.charge_of(7, 5));
    assert!(over > 0 && store.visible_bytes() > 4_000);
    evict(&mut replicas, over, false);
    assert_eq!(store.over_budget(store.charge_of(7, 5)), 0);
    replicas.restore(2, 9);
    assert_eq!(
        replicas.machines[2].store(STORE).expect("restored").budget(),
        4_000
    );
}

#[test]
fn a_victim_or_a_touch_of_an_entry_that_was_overwritten_meanwhile_is_passed_by() {
    let mut replicas = cache();
    put_sliding(&mut replicas, "a", 1_000);
    put_sliding(&mut replicas, "b", 1_000);
    replicas.now += 600;
    assert!(replicas.read(b"a").is_some() && replicas.read(b"b").is_some());
    let store = replicas.leader().store(STORE).expect("it is defined");
    let work = replicas.leader().due(Timestamp(replicas.now), 100);
    let mut victims = SmallVec::new();
    replicas.leader().victims(&store, u64::MAX, &mut victims);
    assert_eq!((work[0].touches.len(), victims.len()), (2, 2));
    replicas.now += 1;
    put_sliding(&mut replicas, "a", 100);
    let touches = work[0].touches.as_slice().into();
    let outcomes = replicas.log(&[
        in_store(Change::Touch { touches }, None),
        in_store(
            Change::Evict {
                victims: victims.as_slice().into(),
            },
            None,
        ),
    ]);
    assert_eq!(outcomes.iter().map(removed).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((replicas.read(b"a"), replicas.read(b"b")), (Some(100), None));
}
