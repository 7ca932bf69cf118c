//! Promises about a group: sessions and retries, slots, revisions, snapshots.

mod common;

use common::*;
use holdfast_state::*;
use proptest::prelude::*;

const SESSION: u128 = 0xFEED_FACE_CAFE_BEEF_0123_4567_89AB_CDEF;

fn group_command(group: &Group, command: GroupCommand<'_>) -> Outcome {
    let commands = [Command::Group(command)];
    group
        .machine
        .apply(group.now(), &commands, &mut NoEvents)
        .remove(0)
}

fn tagged(group: &Group, sequence: u64, first_unacknowledged: u64, change: Change<'_>) -> Outcome {
    let command = Command::InStore {
        store: STORE,
        slot: group.store.place(change.key().unwrap_or_default()).slot,
        session: Some(SessionTag {
            session: SESSION,
            sequence,
            first_unacknowledged,
        }),
        change,
    };
    group
        .machine
        .apply(group.now(), &[command], &mut NoEvents)
        .remove(0)
}

fn add_one(key: &[u8]) -> Change<'_> {
    Change::Increment {
        key,
        delta: 1,
        minimum: 0,
        maximum: 3,
        initial: 0,
        expiry: Expiry::NONE,
        reset_expiry: false,
    }
}

fn restored(group: &Group, touch_interval_ms: u64) -> Result<Machine, SnapshotError> {
    let kind = kind_of(group.store.settings().class);
    Machine::restore(&group.machine.snapshot(), config(kind, touch_interval_ms))
}

#[test]
fn a_retry_is_applied_once_and_gets_the_first_outcome() {
    for group in [solo_cache(), solo_coordination()] {
        group_command(&group, GroupCommand::OpenSession { session: SESSION });
        let first = tagged(&group, 1, 1, add_one(b"n"));
        let revision = group.machine.revision();
        let again = tagged(&group, 1, 1, add_one(b"n"));
        assert_eq!(format!("{first:?}"), format!("{again:?}"));
        assert_eq!(group.machine.revision(), revision);
        assert_eq!(group.value("n"), Some("1".into()));
        group.check();
    }
}

#[test]
fn a_refusal_is_remembered_like_any_outcome() {
    let group = solo_coordination();
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    group.put("n", "3");
    assert!(matches!(
        tagged(&group, 1, 1, add_one(b"n")),
        Outcome::Failed(StateError::CounterOutOfBounds { .. })
    ));
    group.put("n", "0");
    assert!(matches!(
        tagged(&group, 1, 1, add_one(b"n")),
        Outcome::Failed(StateError::CounterOutOfBounds { .. })
    ));
    assert!(matches!(
        tagged(&group, 2, 1, add_one(b"n")),
        Outcome::Counter { after: 1, .. }
    ));
}

#[test]
fn changes_of_a_session_may_arrive_in_any_order() {
    let group = solo_coordination();
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    for sequence in [3, 1, 2] {
        assert!(matches!(
            tagged(&group, sequence, 1, add_one(b"n")),
            Outcome::Counter { .. }
        ));
    }
    for sequence in [2, 3, 1] {
        assert!(matches!(
            tagged(&group, sequence, 1, add_one(b"n")),
            Outcome::Counter { .. }
        ));
    }
    assert_eq!(group.value("n"), Some("3".into()));
    group.check();
}

#[test]
fn acknowledged_outcomes_are_freed_and_their_retries_refused() {
    let group = solo_coordination();
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    for sequence in 1..=3 {
        tagged(&group, sequence, 1, add_one(b"n"));
    }
    let bytes = group.machine.outcome_bytes();
    assert!(bytes > 0 && bytes <= 3 * 64);
    tagged(&group, 4, 4, add_one(b"m"));
    assert!(group.machine.outcome_bytes() <= 64);
    let forgotten = StateError::OutcomeForgotten { sequence: 2 };
    assert!(matches!(tagged(&group, 2, 4, add_one(b"n")), Outcome::Failed(error) if error == forgotten));
    assert_eq!(group.value("n"), Some("3".into()));
    group.check();
}

#[test]
fn a_session_that_is_unknown_or_over_changes_nothing() {
    let group = solo_coordination();
    let expired = |outcome| matches!(outcome, Outcome::Failed(StateError::SessionExpired));
    assert!(expired(tagged(&group, 1, 1, add_one(b"n"))));
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    tagged(&group, 1, 1, add_one(b"n"));
    group_command(&group, GroupCommand::CloseSession { session: SESSION });
    assert!(expired(tagged(&group, 2, 1, add_one(b"n"))));
    assert_eq!(group.machine.outcome_bytes(), 0);
    assert_eq!(group.value("n"), Some("1".into()));
}

#[test]
fn a_sessions_window_bounds_what_is_remembered() {
    let group = solo_coordination();
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    tagged(&group, 1, 1, add_one(b"n"));
    let outcome = tagged(&group, SESSION_WINDOW + 1, 1, add_one(b"n"));
    assert!(matches!(
        outcome,
        Outcome::Failed(StateError::SessionWindowFull { .. })
    ));
    assert!(matches!(
        tagged(&group, SESSION_WINDOW, 1, add_one(b"n")),
        Outcome::Counter { .. }
    ));
}

#[test]
fn outcomes_are_found_by_slot_and_survive_a_snapshot_with_the_value_they_gave_back() {
    for group in [solo_cache(), solo_coordination()] {
        group_command(&group, GroupCommand::OpenSession { session: SESSION });
        group.put("a", "one");
        let take = Change::Delete {
            key: b"a",
            condition: Condition::Always,
            return_previous: true,
        };
        let first = tagged(&group, 1, 1, take);
        let slot = group.store.place(b"a").slot;
        assert_eq!(group.machine.outcomes_of_slot(slot).len(), 1);
        assert!(
            group
                .machine
                .outcomes_of_slot(Slot((slot.0 + 1) % SLOTS))
                .is_empty()
        );
        let copy = restored(&group, 0).expect("a good snapshot");
        let again = copy.outcomes_of_slot(slot).remove(0);
        assert_eq!((again.0, again.1), (SESSION, 1));
        assert_eq!(format!("{:?}", again.2), format!("{first:?}"));
    }
}

#[test]
fn a_slot_that_is_not_served_refuses_changes_and_reads_with_its_epoch() {
    let group = solo_cache();
    group.put("a", "one");
    let slot = group.store.place(b"a").slot;
    let set = |ownership, epoch, revision| {
        let command = GroupCommand::SetSlot {
            slot,
            ownership,
            epoch,
            revision,
        };
        group_command(&group, command);
    };
    let read = || {
        let place = group.store.place(b"a");
        group
            .machine
            .get(&group.store, || group.now(), place, b"a", true, |_| ())
    };
    for (ownership, epoch) in [
        (Ownership::Sealed, 5),
        (Ownership::Importing, 6),
        (Ownership::Foreign, 7),
    ] {
        set(ownership, epoch, 0);
        let wrong = StateError::WrongSlot { slot, epoch };
        assert_eq!(read(), Err(wrong.clone()));
        let change = put("a", "two", Expiry::NONE, Condition::Always);
        assert!(matches!(group.change(&change), Outcome::Failed(error) if error == wrong));
    }
    set(Ownership::Owned, 6, 0);
    assert!(read().is_err(), "an older change of owner is ignored");
    let far = group.machine.revision() + 1_000_000;
    set(Ownership::Owned, 8, far);
    assert_eq!(read(), Ok(Read::Hit(())));
    assert_eq!(group.value("a"), Some("one".into()));
    assert!(
        group.put("a", "two") > far,
        "versions grow past those of the source"
    );
}

#[test]
fn groups_share_the_slots_at_first() {
    let base = config(GroupKind::Cache, 0);
    let groups: Vec<Machine> = (0..8)
        .map(|group_index| {
            Machine::new(MachineConfig {
                group_index,
                group_count: 8,
                ..base
            })
        })
        .collect();
    let settings = StoreSettings::new(StoreClass::Cache, 1 << 20);
    let define = GroupCommand::DefineStore {
        id: STORE,
        name: "default/test",
        settings,
    };
    for machine in &groups {
        machine.apply(Timestamp(START), &[Command::Group(define)], &mut NoEvents);
    }
    for number in 0..100 {
        let key = format!("key:{number}");
        let serving = groups.iter().enumerate().filter(|(index, machine)| {
            let store = machine.store(STORE).expect("defined");
            let place = store.place(key.as_bytes());
            let change = put(&key, "v", Expiry::NONE, Condition::Always);
            let outcome = machine.change(&store, Timestamp(START), place, &change, &mut NoEvents);
            let serves = !matches!(outcome, Outcome::Failed(StateError::WrongSlot { .. }));
            assert_eq!(serves, usize::from(place.slot.0) % 8 == *index);
            serves
        });
        assert_eq!(serving.count(), 1);
    }
}

#[test]
fn a_feature_level_beyond_this_build_is_refused() {
    let group = solo_cache();
    let raise = |level| group_command(&group, GroupCommand::RaiseFeatureLevel { level });
    assert!(matches!(raise(FEATURE_LEVEL), Outcome::Done { .. }));
    assert!(matches!(
        raise(FEATURE_LEVEL + 1),
        Outcome::Failed(StateError::FeatureLevelUnknown { .. })
    ));
    assert_eq!(group.machine.feature_level(), FEATURE_LEVEL);
}

#[test]
fn a_follower_keeps_a_sliding_entry_for_the_touch_interval_and_the_leader_hides_it_exactly() {
    let settings = StoreSettings::new(StoreClass::Cache, 1 << 20);
    let group = Group::new(settings, 500);
    group.put_for("a", "one", Expiry::sliding(1_000));
    let follower = restored(&group, 500).expect("a good snapshot");
    group.advance(900);
    assert_eq!(group.value("a"), Some("one".into()));
    group.advance(700);
    let work = group.machine.due(group.now(), 100);
    assert!(work.len() == 1 && work[0].touches.len() == 1 && !work[0].expire);
    let commands = [
        Change::Touch {
            touches: work[0].touches.as_slice().into(),
        },
        Change::Expire {
            up_to: group.now(),
            limit: 100,
        },
    ]
    .map(|change| Command::InStore {
        store: STORE,
        slot: Slot(0),
        session: None,
        change,
    });
    for machine in [&group.machine, &follower] {
        let outcomes = machine.apply(group.now(), &commands, &mut NoEvents);
        assert_eq!(outcomes.iter().map(removed).collect::<Vec<_>>(), [1, 0]);
    }
    assert!(group.machine.snapshot() == follower.snapshot());
    group.advance(299);
    assert_eq!(group.read("a", false, |_| ()), Some(()));
    group.advance(1);
    assert_eq!(group.value("a"), None, "hidden at the exact moment");
    assert_eq!(group.expire(), 0, "but not removed yet");
    group.advance(500);
    assert_eq!(group.expire(), 1);
}

#[test]
fn what_a_leader_removes_at_its_deadline_has_expired_and_is_no_eviction() {
    let group = Group::new(StoreSettings::new(StoreClass::Cache, 1 << 20), 500);
    let unseen = |key: &str| {
        let place = group.store.place(key.as_bytes());
        let standing = group.store.standing(group.now(), place, key.as_bytes());
        standing.unseen()
    };
    group.put_for("sliding", "one", Expiry::sliding(1_000));
    group.put_for("fixed", "one", Expiry::after_ms(1_000));
    group.put("for ever", "one");
    group.advance(999);
    assert!(["sliding", "fixed"].map(unseen).iter().all(Option::is_none));
    group.advance(1);
    assert!(unseen("for ever").is_none());
    let gone = ["sliding", "fixed"].map(|key| unseen(key).expect("its time has come"));
    let victims = Victims::from(&gone[..]);
    let command = Command::InStore {
        store: STORE,
        slot: Slot(0),
        session: None,
        change: Change::Evict { victims },
    };
    let outcomes = group.machine.apply(group.now(), &[command], &mut NoEvents);
    assert_eq!(removed(&outcomes[0]), 2);
    let stats = group.store.stats();
    assert_eq!((stats.expirations, stats.evictions, stats.entries), (2, 0, 1));
}

#[test]
fn equal_states_have_equal_snapshots_whatever_the_seed_and_the_way_there() {
    for class in [StoreClass::Cache, StoreClass::Coordination] {
        let settings = StoreSettings::new(class, 1 << 20);
        let group = Group::new(settings, 500);
        for number in 0..500 {
            group.put(&format!("key:{number}"), "value");
        }
        let bytes = group.machine.snapshot();
        let base = config(kind_of(class), 500);
        let copy = Machine::restore(&bytes, MachineConfig { seed: 1, ..base }).expect("a good snapshot");
        assert!(copy.snapshot() == bytes);
        group.put("key:7", "other");
        assert!(group.machine.snapshot() != bytes);
    }
}

/// Written by the first build; every later one must read it.
const GOLDEN_1: &[u8] = include_bytes!("snapshot_1.bin");
/// With epoch and budgets.
const GOLDEN: &[u8] = include_bytes!("snapshot_2.bin");

fn golden_group() -> Group {
    let settings = StoreSettings {
        default_ttl_ms: Some(60_000),
        ..StoreSettings::new(StoreClass::Coordination, 1 << 20)
    };
    let group = Group::new(settings, 500);
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    group.put("a", "one");
    group.put_for(
        "b",
        "",
        Expiry {
            ttl_ms: Some(5_000),
            sliding_ms: Some(700),
            absolute_unix_ms: Some(9),
        },
    );
    group.delete("a");
    for sequence in 1..=4 {
        tagged(&group, sequence, 1, add_one(b"n"));
    }
    let take = Change::Delete {
        key: b"b",
        condition: Condition::Present,
        return_previous: true,
    };
    tagged(&group, 5, 2, take);
    group.put("c", "three");
    group
}

#[test]
fn the_snapshot_format_stays_as_it_was_published() {
    let written = golden_group().machine.snapshot();
    if std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshot_2.bin"),
            &written,
        )
        .expect("the golden file is written");
    }
    assert!(written == GOLDEN);
    let machine = Machine::restore(GOLDEN, config(GroupKind::Coordination, 500)).expect("it is readable");
    assert!(machine.snapshot() == GOLDEN);
    let machine = Machine::restore(GOLDEN_1, config(GroupKind::Coordination, 500)).expect("it is readable");
    assert!(machine.snapshot() == GOLDEN);
}

#[test]
fn a_snapshot_is_refused_with_the_reason() {
    let good = golden_group().machine.snapshot();
    let kind = GroupKind::Coordination;
    let error = |bytes: &[u8], kind| Machine::restore(bytes, config(kind, 0)).err().expect("refused");
    assert_eq!(error(&[], kind), SnapshotError::Truncated);
    assert_eq!(error(&good[..good.len() - 1], kind), SnapshotError::Damaged);
    assert!(matches!(error(&good, GroupKind::Cache), SnapshotError::Unfit(_)));
    let mut newer = good.clone();
    newer[0] = 3;
    assert_eq!(
        error(&newer, kind),
        SnapshotError::UnknownFormat { found: 3, newest: 2 }
    );
}

/// Makes the checksum fit again, so that the decoder behind it is what gets tested.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 8;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

proptest! {
    #[test]
    fn no_bytes_make_restore_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        tail_only in any::<bool>(),
    ) {
        let mut bytes = GOLDEN.to_vec();
        // The slots fill most of the head and take any number; what is behind them is the point.
        let from = if tail_only { 9 * usize::from(SLOTS) } else { 0 };
        for (place, byte) in changes {
            let place = from + place.index(bytes.len() - from);
            bytes[place] = byte;
        }
        for bytes in [bytes.clone(), bytes[..cut.index(bytes.len() - 10) + 10].to_vec()] {
            for bytes in [resealed(bytes.clone()), bytes] {
                if let Ok(machine) = Machine::restore(&bytes, config(GroupKind::Coordination, 500)) {
                    prop_assert!(machine.validate().is_ok());
                    let _ = machine.due(Timestamp(i64::MAX), 100);
                }
            }
        }
    }
}

#[test]
fn a_session_that_never_acknowledges_values_it_got_back_is_refused_before_it_holds_too_much() {
    let group = solo_cache();
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    let value = vec![7; 1 << 20];
    let swap = Change::Put {
        key: b"k",
        value: &value,
        expiry: Expiry::NONE,
        condition: Condition::Always,
        never_evict: false,
        return_previous: true,
    };
    let full = |outcome: &Outcome| matches!(outcome, Outcome::Failed(StateError::SessionWindowFull { .. }));
    let kept = (1..)
        .find(|sequence| full(&tagged(&group, *sequence, 1, swap)))
        .expect("it is refused");
    assert!((60..70).contains(&kept), "{kept}");
    assert!(
        !full(&tagged(&group, kept, kept, swap)),
        "acknowledged values are given up"
    );
    group.check();
}

#[test]
fn a_session_that_is_closed_refuses_also_those_who_hold_it() {
    let group = solo_coordination();
    group_command(&group, GroupCommand::OpenSession { session: SESSION });
    let held = group.machine.session(SESSION).expect("it is open");
    group_command(&group, GroupCommand::CloseSession { session: SESSION });
    let tag = SessionTag {
        session: SESSION,
        sequence: 1,
        first_unacknowledged: 1,
    };
    assert!(matches!(held.arrive(&tag), Err(StateError::SessionExpired)));
    assert!(group.machine.session(SESSION).is_none());
}
