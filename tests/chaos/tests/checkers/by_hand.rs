//! Histories written by hand, each a promise: what may be, and what may not.

use holdfast_chaos::history::{Action, Condition, Epoch, History, Operation, Outcome, Setting};
use holdfast_chaos::search::Limits;
use holdfast_chaos::verdict::Verdict;
use holdfast_chaos::violation::Kind;

use crate::generator::MS;

fn call(process: u32, (from_ms, to_ms): (u64, u64), action: Action, outcome: Outcome) -> Operation {
    Operation {
        process,
        session: process,
        key: "key".to_owned(),
        group: 1,
        call_ns: from_ms * MS,
        return_ns: to_ms * MS,
        told: None,
        action,
        outcome,
    }
}

fn put_if(condition: Condition, value: &str) -> Action {
    Action::Put {
        value: value.to_owned(),
        condition,
        ttl_ms: None,
    }
}

fn put(value: &str) -> Action {
    put_if(Condition::Always, value)
}

fn put_for(ttl_ms: u64, value: &str) -> Action {
    Action::Put {
        value: value.to_owned(),
        condition: Condition::Always,
        ttl_ms: Some(ttl_ms),
    }
}

fn delete() -> Action {
    Action::Delete {
        condition: Condition::Always,
    }
}

fn increment() -> Action {
    Action::Increment {
        delta: 1,
        ttl_ms: None,
    }
}

fn applied(version: i64, found: bool) -> Outcome {
    Outcome::Applied { version, found }
}

fn counted(version: i64, before: i64) -> Outcome {
    let after = before + 1;
    Outcome::Counted {
        version,
        before,
        after,
    }
}

fn read(version: i64, value: &str) -> Outcome {
    Outcome::Read {
        version,
        value: value.to_owned(),
        left_ms: None,
    }
}

fn read_timed(version: i64, value: &str, left_ms: u64) -> Outcome {
    Outcome::Read {
        version,
        value: value.to_owned(),
        left_ms: Some(left_ms),
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown {
        code: "Timeout".to_owned(),
    }
}

fn history(operations: &[Operation]) -> History {
    History {
        setting: Setting {
            nodes: 1,
            seed: 0,
            clock_grain_ns: MS,
            expiry_lateness_ns: Some(5 * MS),
        },
        operations: operations.to_vec(),
        ..History::default()
    }
}

fn verdict(history: &History) -> Verdict {
    assert_eq!(history.validate(), Ok(()));
    Verdict::of(history, &Limits::default())
}

#[track_caller]
fn passes(operations: &[Operation]) {
    let verdict = verdict(&history(operations));
    assert!(verdict.passed(), "{verdict}");
}

/// Both find it, the oracle as `kind`.
#[track_caller]
fn fails(kind: Kind, operations: &[Operation]) {
    let verdict = verdict(&history(operations));
    assert!(
        verdict.oracle.iter().any(|violation| violation.kind == kind),
        "{verdict}"
    );
    assert_eq!(verdict.searched.violations.len(), 1, "{verdict}");
    assert_eq!(verdict.searched.violations[0].kind, Kind::NotLinearizable);
}

#[test]
fn calls_at_the_same_time_may_be_in_either_order() {
    passes(&[
        call(1, (0, 10), put("a"), applied(12, true)),
        call(2, (0, 10), put("b"), applied(11, false)),
        call(3, (11, 12), Action::Get, read(12, "a")),
    ]);
}

#[test]
fn a_read_during_a_write_sees_it_or_not_but_not_first_yes_and_then_no() {
    let write = [
        call(1, (0, 1), put("a"), applied(11, false)),
        call(1, (2, 10), put("b"), applied(12, true)),
    ];
    let reads = |first: Outcome, second: Outcome| {
        let reads = [
            call(2, (3, 4), Action::Get, first),
            call(3, (5, 6), Action::Get, second),
        ];
        [&write[..], &reads[..]].concat()
    };
    passes(&reads(read(11, "a"), read(12, "b")));
    passes(&reads(read(12, "b"), read(12, "b")));
    fails(Kind::StaleRead, &reads(read(12, "b"), read(11, "a")));
}

#[test]
fn a_read_after_a_write_sees_it() {
    let write = [
        call(1, (0, 1), put("a"), applied(11, false)),
        call(1, (2, 3), put("b"), applied(12, true)),
    ];
    let after = |process, outcome| [&write[..], &[call(process, (4, 5), Action::Get, outcome)]].concat();
    passes(&after(2, read(12, "b")));
    fails(Kind::StaleRead, &after(2, read(11, "a")));
    fails(Kind::ReadYourWrites, &after(1, read(11, "a")));
    fails(Kind::LostWrite, &after(2, Outcome::Missing));
}

#[test]
fn a_write_of_unknown_outcome_may_happen_late_or_never_but_once() {
    let begin = [
        call(1, (0, 1), put("a"), applied(11, false)),
        call(2, (2, 3), put("b"), unknown()),
    ];
    let then = |more: &[Operation]| [&begin[..], more].concat();
    passes(&then(&[call(3, (10, 11), Action::Get, read(11, "a"))]));
    passes(&then(&[
        call(3, (10, 11), Action::Get, read(11, "a")),
        call(3, (12, 13), Action::Get, read(14, "b")),
    ]));
    fails(
        Kind::NotMonotonic,
        &then(&[
            call(3, (10, 11), Action::Get, read(14, "b")),
            call(3, (12, 13), Action::Get, read(11, "a")),
        ]),
    );
    fails(
        Kind::AppliedTwice,
        &then(&[
            call(3, (10, 11), Action::Get, read(14, "b")),
            call(3, (12, 13), put("c"), applied(15, true)),
            call(3, (14, 15), Action::Get, read(16, "b")),
        ]),
    );
}

#[test]
fn a_write_that_failed_without_effect_is_never_seen() {
    let failed = Outcome::NotApplied {
        code: "Unavailable".to_owned(),
    };
    fails(
        Kind::Phantom,
        &[
            call(1, (0, 1), put("a"), failed),
            call(2, (2, 3), Action::Get, read(11, "a")),
        ],
    );
}

#[test]
fn increments_count_once_and_unknown_ones_at_most_once() {
    let first = call(1, (0, 1), increment(), counted(11, 0));
    let lost_reply = call(1, (2, 3), increment(), unknown());
    let next = |before| call(2, (4, 5), increment(), counted(15, before));
    passes(&[first.clone(), next(1)]);
    fails(Kind::AppliedTwice, &[first.clone(), next(2)]);
    fails(Kind::AppliedTwice, &[first.clone(), next(0)]);
    passes(&[first.clone(), lost_reply.clone(), next(1)]);
    passes(&[first.clone(), lost_reply.clone(), next(2)]);
    fails(Kind::AppliedTwice, &[first, lost_reply, next(3)]);
}

#[test]
fn of_two_who_create_one_is_refused() {
    let create = |process, value, outcome| call(process, (0, 9), put_if(Condition::Absent, value), outcome);
    passes(&[
        create(1, "a", applied(11, false)),
        create(2, "b", Outcome::Refused { version: Some(11) }),
    ]);
    fails(
        Kind::Condition,
        &[
            create(1, "a", applied(11, false)),
            create(2, "b", applied(12, false)),
        ],
    );
}

#[test]
fn of_two_who_replace_a_version_one_is_refused() {
    let write = call(1, (0, 1), put("a"), applied(11, false));
    let replace =
        |process, value, outcome| call(process, (2, 9), put_if(Condition::Version(11), value), outcome);
    passes(&[
        write.clone(),
        replace(1, "b", applied(12, true)),
        replace(2, "c", Outcome::Refused { version: Some(12) }),
    ]);
    fails(
        Kind::Condition,
        &[
            write,
            replace(1, "b", applied(12, true)),
            replace(2, "c", applied(13, true)),
        ],
    );
}

#[test]
fn an_entry_vanishes_at_its_deadline_and_not_before() {
    let write = call(1, (0, 4), put_for(20, "a"), applied(11, false));
    let look = |from_ms, outcome| call(2, (from_ms, from_ms + 1), Action::Get, outcome);
    passes(&[
        write.clone(),
        look(10, read_timed(11, "a", 11)),
        look(24, Outcome::Missing),
    ]);
    passes(&[write.clone(), look(19, Outcome::Missing)]);
    fails(Kind::LostWrite, &[write.clone(), look(10, Outcome::Missing)]);
    // Once it is gone it is gone.
    fails_search(&[
        write.clone(),
        look(20, Outcome::Missing),
        look(22, read_timed(11, "a", 1)),
    ]);
    fails(Kind::LateExpiry, &[write, look(30, read_timed(11, "a", 1))]);
}

/// The search finds it; the oracle need not.
#[track_caller]
fn fails_search(operations: &[Operation]) {
    let verdict = verdict(&history(operations));
    assert_eq!(verdict.searched.violations.len(), 1, "{verdict}");
}

#[test]
fn a_put_without_a_life_ends_the_one_there_was() {
    fails(
        Kind::LostWrite,
        &[
            call(1, (0, 1), put_for(5, "a"), applied(11, false)),
            call(1, (2, 3), put("b"), applied(12, true)),
            call(2, (50, 51), Action::Get, Outcome::Missing),
        ],
    );
}

#[test]
fn a_delete_of_unknown_outcome_may_explain_a_miss_once_it_was_called() {
    let write = call(1, (0, 1), put("a"), applied(11, false));
    let lost_reply = call(2, (4, 5), delete(), unknown());
    let miss = |from_ms| call(3, (from_ms, from_ms + 1), Action::Get, Outcome::Missing);
    passes(&[write.clone(), lost_reply.clone(), miss(6)]);
    fails(Kind::LostWrite, &[write, lost_reply, miss(2)]);
}

#[test]
fn a_restart_may_lose_everything_once_and_clients_are_told() {
    let epochs = vec![
        Epoch {
            number: 10,
            lost_ns: 0,
            spawned_ns: 0,
            started_ns: 0,
        },
        Epoch {
            number: 100,
            lost_ns: 5 * MS,
            spawned_ns: 6 * MS,
            started_ns: 8 * MS,
        },
    ];
    let write = call(1, (0, 1), put("a"), applied(11, false));
    let run = |operations: &[Operation]| {
        verdict(&History {
            epochs: epochs.clone(),
            ..history(operations)
        })
    };
    let miss = |from_ms| call(1, (from_ms, from_ms + 1), Action::Get, Outcome::Missing);
    let back = call(1, (20, 21), Action::Get, read(11, "a"));
    let anew = call(1, (20, 21), put("b"), applied(101, false));
    assert!(run(&[write.clone(), miss(9)]).passed());
    let mut told = anew.clone();
    told.told = Some(100);
    assert!(run(&[write.clone(), told]).passed());
    let early = run(&[write.clone(), miss(2)]);
    assert!(
        !early.oracle.is_empty() && !early.searched.violations.is_empty(),
        "{early}"
    );
    let returned = run(&[write.clone(), back]);
    assert!(
        !returned.oracle.is_empty() && !returned.searched.violations.is_empty(),
        "{returned}"
    );
    let untold = run(&[write, anew]);
    assert_eq!(untold.oracle[0].kind, Kind::Epoch, "{untold}");
}

#[test]
fn revisions_grow_over_all_keys_of_a_group() {
    let mut other = call(2, (2, 3), put("b"), applied(11, false));
    other.key = "other".to_owned();
    let mut same = history(&[call(1, (0, 1), put("a"), applied(12, false)), other.clone()]);
    let kinds = |history: &History| -> Vec<Kind> {
        verdict(history)
            .oracle
            .iter()
            .map(|violation| violation.kind)
            .collect()
    };
    assert_eq!(kinds(&same), [Kind::RealTimeOrder]);
    same.operations[1].outcome = applied(12, false);
    assert_eq!(kinds(&same), [Kind::VersionReused, Kind::RealTimeOrder]);
    same.operations[1].group = 2;
    assert_eq!(kinds(&same), [], "another group counts by itself");
}

#[test]
fn a_search_that_cannot_decide_says_so() {
    let operations: Vec<Operation> = (0..20)
        .map(|process| call(process, (0, 1), Action::Get, Outcome::Missing))
        .collect();
    let verdict = verdict(&history(&operations));
    assert_eq!(verdict.searched.violations[0].kind, Kind::GaveUp, "{verdict}");
    assert!(!verdict.passed());
}
