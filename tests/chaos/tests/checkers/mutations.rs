//! Ways to break a history that was right. Each breaks it for certain: where something else in the history could excuse
//! the change, it is not made.

use holdfast_chaos::history::{Action, Condition, History, Operation, Outcome, Seen};

use crate::generator::MS;

/// A way to break a history; `None`: this one has no place for it.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) breaks: fn(&History, &mut fastrand::Rng) -> Option<History>,
    /// The oracle must find it without the search.
    pub(crate) oracle_knows: bool,
    /// The search must find it without the oracle.
    pub(crate) search_knows: bool,
}

const fn both(name: &'static str, breaks: fn(&History, &mut fastrand::Rng) -> Option<History>) -> Mutation {
    Mutation {
        name,
        breaks,
        oracle_knows: true,
        search_knows: true,
    }
}

const fn oracle_only(
    name: &'static str,
    breaks: fn(&History, &mut fastrand::Rng) -> Option<History>,
) -> Mutation {
    Mutation {
        search_knows: false,
        ..both(name, breaks)
    }
}

pub(crate) const ALL: &[Mutation] = &[
    both("a read gives what was overwritten", stale_read),
    both("a process does not see its own write", own_write_unseen),
    both("an acknowledged write is gone", lost_write),
    both("an increment counts twice", duplicated_increment),
    both("an increment does not count", lost_increment),
    oracle_only("two changes swap their revisions", reordered),
    oracle_only("two changes have one revision", reused_revision),
    both("a value that nobody wrote is read", phantom),
    both("what a failed put wrote is read", failed_write_seen),
    both("a value is read before it is written", read_from_the_future),
    both("an entry vanishes before its deadline", early_expiry),
    oracle_only("a deadline is given out too early", early_deadline),
    both("an entry is read behind its deadline", late_expiry),
    both("what a restart lost is read after it", back_from_before_a_loss),
    oracle_only("a client is not told of a loss", loss_untold),
    both("a key is created twice", created_twice),
    both("a version is replaced twice", replaced_twice),
    both(
        "a change is refused although its condition holds",
        refused_for_nothing,
    ),
    oracle_only("one value has two versions", applied_twice),
];

fn pick(history: &History, random: &mut fastrand::Rng, fits: impl Fn(&Operation) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..history.operations.len())
        .filter(|&index| fits(&history.operations[index]))
        .collect();
    (!fitting.is_empty()).then(|| fitting[random.usize(0..fitting.len())])
}

fn with(history: &History, index: usize, outcome: Outcome) -> Option<History> {
    let mut broken = history.clone();
    broken.operations[index].outcome = outcome;
    Some(broken)
}

fn read_version(operation: &Operation) -> Option<i64> {
    match operation.outcome {
        Outcome::Read { version, .. } => Some(version),
        _ => None,
    }
}

/// The read would give an older write instead: one that had ended when a newer one began, which had ended when the read
/// began.
fn older<'a>(
    history: &'a History,
    read: &Operation,
    newer: impl Fn(&Operation) -> bool,
) -> Option<&'a Operation> {
    let of_key = || {
        history
            .operations
            .iter()
            .filter(|operation| operation.key == read.key && operation.applied().is_some())
    };
    let old = |old: &&Operation| {
        old.value_after().is_some()
            && of_key().any(|new| old.return_ns < new.call_ns && new.return_ns < read.call_ns && newer(new))
            // A counter may have the same value again.
            && read.key != "counter"
    };
    of_key().find(old)
}

fn read_older(
    history: &History,
    random: &mut fastrand::Rng,
    newer: impl Fn(&Operation, &Operation) -> bool,
) -> Option<History> {
    let index = pick(history, random, |read| {
        read_version(read).is_some() && older(history, read, |new| newer(new, read)).is_some()
    })?;
    let read = &history.operations[index];
    let old = older(history, read, |new| newer(new, read))?;
    let outcome = Outcome::Read {
        version: old.applied()?,
        value: old.value_after()?,
        left_ms: old.ttl_ns().map(|ttl_ns| ttl_ns / MS),
    };
    with(history, index, outcome)
}

fn stale_read(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    read_older(history, random, |_, _| true)
}

fn own_write_unseen(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    read_older(history, random, |new, read| new.process == read.process)
}

/// Whether anything may have removed what was written by then, in whatever order calls of the same time are.
fn may_be_removed(history: &History, write: &Operation, by_ns: u64) -> bool {
    let version = write.applied().unwrap_or(0);
    let removes = |operation: &Operation| {
        operation.key == write.key
            && operation.call_ns <= by_ns
            && match operation.action {
                Action::Delete { .. } => {
                    operation.is_unknown_change()
                        || operation.applied().is_some() && operation.return_ns >= write.call_ns
                }
                _ => {
                    (operation.applied().is_some() || operation.is_unknown_change())
                        && operation
                            .ttl_ns()
                            .is_some_and(|ttl_ns| operation.call_ns + ttl_ns - MS <= by_ns)
                }
            }
    };
    history.operations.iter().any(removes)
        || history
            .epochs
            .iter()
            .any(|epoch| epoch.number > version && epoch.lost_ns <= by_ns)
}

fn written_before(history: &History, read: &Operation) -> bool {
    history.operations.iter().any(|write| {
        write.key == read.key
            && write.applied().is_some_and(|version| {
                Some(version) == read_version(read)
                    && write.return_ns < read.call_ns
                    && !may_be_removed(history, write, read.return_ns)
            })
    })
}

fn lost_write(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |read| written_before(history, read))?;
    with(history, index, Outcome::Missing)
}

/// Lets an increment count `times` times for all that came after it, where somebody noticed.
fn recount(history: &History, random: &mut fastrand::Rng, times: i64) -> Option<History> {
    let of_counter = |operation: &Operation| operation.key == "counter";
    if history
        .operations
        .iter()
        .any(|operation| of_counter(operation) && operation.is_unknown_change())
    {
        return None;
    }
    let index = pick(history, random, |operation| {
        matches!(operation.outcome, Outcome::Counted { .. })
    })?;
    let increment = history.operations[index].clone();
    let Action::Increment { delta, .. } = increment.action else {
        return None;
    };
    let version = increment.applied()?;
    let mut after: Vec<usize> = (0..history.operations.len())
        .filter(|&index| {
            let operation = &history.operations[index];
            of_counter(operation) && operation.revision().is_some_and(|revision| revision > version)
        })
        .collect();
    after.sort_by_key(|&index| {
        (
            history.operations[index].revision(),
            history.operations[index].is_change(),
        )
    });
    let mut broken = history.clone();
    let mut noticed = false;
    for index in after {
        let operation = &mut broken.operations[index];
        let by_ns = operation.return_ns;
        let shift = (times - 1) * delta;
        match &mut operation.outcome {
            Outcome::Counted { before: 0, .. } | Outcome::Applied { .. } => break,
            Outcome::Counted { before, after, .. } => {
                // What may have begun again may have counted anything.
                if may_be_removed(history, &increment, by_ns) {
                    break;
                }
                (*before, *after) = (*before + shift, *after + shift);
                noticed = true;
            }
            Outcome::Read { value, .. } => *value = (value.parse::<i64>().ok()? + shift).to_string(),
            _ => {}
        }
    }
    noticed.then_some(broken)
}

fn duplicated_increment(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    recount(history, random, 2)
}

fn lost_increment(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    recount(history, random, 0)
}

fn renumber(history: &History, change: impl Fn(i64) -> i64) -> History {
    let mut broken = history.clone();
    for operation in &mut broken.operations {
        match &mut operation.outcome {
            Outcome::Applied { version, .. }
            | Outcome::Counted { version, .. }
            | Outcome::Read { version, .. }
            | Outcome::Refused {
                version: Some(version),
            } => *version = change(*version),
            _ => {}
        }
        if let Action::Put {
            condition: Condition::Version(version),
            ..
        }
        | Action::Delete {
            condition: Condition::Version(version),
        } = &mut operation.action
        {
            *version = change(*version);
        }
    }
    broken
}

/// Two acknowledged changes of the whole group, one after the other.
fn two_in_order(history: &History, random: &mut fastrand::Rng) -> Option<(i64, i64)> {
    let first = pick(history, random, |operation| operation.applied().is_some())?;
    let first = &history.operations[first];
    let second = pick(history, random, |operation| {
        operation.applied().is_some() && operation.call_ns > first.return_ns
    })?;
    Some((first.applied()?, history.operations[second].applied()?))
}

fn reordered(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let (first, second) = two_in_order(history, random)?;
    Some(renumber(history, |version| match version {
        version if version == first => second,
        version if version == second => first,
        version => version,
    }))
}

fn reused_revision(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let (first, second) = two_in_order(history, random)?;
    Some(renumber(
        history,
        |version| if version == second { first } else { version },
    ))
}

fn phantom(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |read| read_version(read).is_some())?;
    let outcome = Outcome::Read {
        version: read_version(&history.operations[index])?,
        value: "nobody's".to_owned(),
        left_ms: None,
    };
    with(history, index, outcome)
}

fn unused_version(history: &History) -> Option<i64> {
    let newest = history.operations.iter().filter_map(Operation::revision).max()?;
    Some(newest + 10)
}

fn failed_write_seen(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let put = pick(history, random, |operation| {
        matches!(operation.outcome, Outcome::NotApplied { .. })
            && matches!(operation.action, Action::Put { .. })
    })?;
    let put = &history.operations[put];
    let index = pick(history, random, |read| {
        read_version(read).is_some() && read.key == put.key && read.call_ns > put.return_ns
    })?;
    let outcome = Outcome::Read {
        version: unused_version(history)?,
        value: put.value_after()?,
        left_ms: put.ttl_ns().map(|ttl_ns| ttl_ns / MS),
    };
    with(history, index, outcome)
}

fn read_from_the_future(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let put = pick(history, random, |operation| {
        operation.applied().is_some() && matches!(operation.action, Action::Put { .. })
    })?;
    let put = &history.operations[put];
    let index = pick(history, random, |read| {
        read_version(read).is_some() && read.key == put.key && read.return_ns < put.call_ns
    })?;
    let outcome = Outcome::Read {
        version: put.applied()?,
        value: put.value_after()?,
        left_ms: put.ttl_ns().map(|ttl_ns| ttl_ns / MS),
    };
    with(history, index, outcome)
}

fn early_expiry(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |read| {
        matches!(read.outcome, Outcome::Read { left_ms: Some(_), .. }) && written_before(history, read)
    })?;
    with(history, index, Outcome::Missing)
}

fn early_deadline(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let wait = |read: &Operation| {
        history.operations.iter().any(|put| {
            matches!(put.action, Action::Put { .. })
                && put
                    .applied()
                    .is_some_and(|version| Some(version) == read_version(read))
                && put
                    .ttl_ns()
                    .is_some_and(|ttl_ns| put.call_ns + ttl_ns > read.return_ns + 3 * MS)
        })
    };
    let index = pick(history, random, wait)?;
    let Outcome::Read { version, value, .. } = history.operations[index].outcome.clone() else {
        return None;
    };
    let left_ms = Some(0);
    with(
        history,
        index,
        Outcome::Read {
            version,
            value,
            left_ms,
        },
    )
}

fn late_expiry(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let expired = |put: &Operation, miss: &Operation| {
        put.key == miss.key
            && matches!(put.action, Action::Put { .. })
            && put.applied().is_some()
            && put
                .ttl_ns()
                .is_some_and(|ttl_ns| put.return_ns + ttl_ns < miss.call_ns)
    };
    let index = pick(history, random, |miss| {
        miss.outcome == Outcome::Missing && history.operations.iter().any(|put| expired(put, miss))
    })?;
    let miss = &history.operations[index];
    let put = history.operations.iter().find(|put| expired(put, miss))?;
    let outcome = Outcome::Read {
        version: put.applied()?,
        value: put.value_after()?,
        left_ms: Some(1),
    };
    with(history, index, outcome)
}

fn back_from_before_a_loss(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let epoch = history.epochs.get(1)?;
    let lost = pick(history, random, |put| {
        put.return_ns < epoch.lost_ns && put.applied().is_some() && matches!(put.action, Action::Put { .. })
    })?;
    let put = &history.operations[lost];
    let index = pick(history, random, |read| {
        read.key == put.key
            && read.call_ns > epoch.started_ns
            && (read.outcome == Outcome::Missing || read_version(read).is_some())
    })?;
    let outcome = Outcome::Read {
        version: put.applied()?,
        value: put.value_after()?,
        left_ms: put.ttl_ns().map(|ttl_ns| ttl_ns / MS),
    };
    with(history, index, outcome)
}

fn loss_untold(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let epoch = history.epochs.last().filter(|_| history.epochs.len() > 1)?;
    let session_of = |index: usize| history.operations[index].session;
    let knows = |operation: &Operation, new: bool| {
        operation
            .revision()
            .is_some_and(|revision| (revision >= epoch.number) == new)
    };
    let after = pick(history, random, |operation| knows(operation, true))?;
    let session = session_of(after);
    pick(history, random, |operation| {
        operation.session == session && knows(operation, false)
    })?;
    let mut broken = history.clone();
    for operation in &mut broken.operations {
        if operation.session == session {
            operation.told = operation.told.filter(|&told| told < epoch.number);
        }
    }
    Some(broken)
}

/// An entry that was certainly there for the whole time of the call, of this version.
fn certain(history: &History, call: &Operation) -> Option<i64> {
    let of_key = || {
        history
            .operations
            .iter()
            .filter(|operation| operation.key == call.key)
    };
    let written = of_key()
        .filter(|write| write.return_ns < call.call_ns && write.applied().is_some())
        .max_by_key(|write| write.applied())?;
    let disturbed = of_key().any(|other| {
        let during = other.call_ns <= call.return_ns && other.return_ns >= written.call_ns;
        other.is_unknown_change() && other.call_ns <= call.return_ns
            || other.applied().is_some() && during && *other != *written
    });
    let is_there = written.value_after().is_some() && !may_be_removed(history, written, call.return_ns);
    (!disturbed && is_there).then(|| written.applied())?
}

fn created_twice(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |call| {
        matches!(
            (&call.action, &call.outcome),
            (
                Action::Put {
                    condition: Condition::Absent,
                    ..
                },
                Outcome::Refused { .. }
            )
        ) && certain(history, call).is_some()
    })?;
    let version = certain(history, &history.operations[index])? + 1;
    with(
        history,
        index,
        Outcome::Applied {
            version,
            found: false,
        },
    )
}

fn replaced_twice(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |call| {
        matches!(
            (&call.action, &call.outcome),
            (
                Action::Put {
                    condition: Condition::Version(_),
                    ..
                },
                Outcome::Refused { version: Some(_) }
            )
        ) && certain(history, call).is_some()
    })?;
    let version = certain(history, &history.operations[index])? + 1;
    with(history, index, Outcome::Applied { version, found: true })
}

fn refused_for_nothing(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |call| {
        matches!(
            call.action,
            Action::Put {
                condition: Condition::Version(_) | Condition::Absent,
                ..
            }
        ) && call.applied().is_some()
    })?;
    let Action::Put { condition, .. } = history.operations[index].action else {
        return None;
    };
    let version = match condition {
        Condition::Version(version) => Some(version),
        _ => None,
    };
    with(history, index, Outcome::Refused { version })
}

fn applied_twice(history: &History, random: &mut fastrand::Rng) -> Option<History> {
    let index = pick(history, random, |read| {
        read.key != "counter"
            && read_version(read).is_some_and(|version| {
                history
                    .operations
                    .iter()
                    .any(|put| put.applied() == Some(version) && matches!(put.action, Action::Put { .. }))
            })
    })?;
    let Seen::Entry(_, Some(value)) = history.operations[index].seen() else {
        return None;
    };
    let outcome = Outcome::Read {
        version: unused_version(history)?,
        value: value.to_owned(),
        left_ms: None,
    };
    with(history, index, outcome)
}
