//! Where versions and values come from: each version that is seen is one change's, with that change's value, and a change
//! has one version.

use std::collections::{BTreeMap, HashMap};

use super::Key;
use crate::history::{Action, Operation, Outcome, Seen};
use crate::violation::{Kind, Violation};

/// A version that no acknowledged change has, as it was seen.
struct Stray<'a> {
    value: Option<&'a str>,
    /// The earliest end of those who saw it.
    seen: &'a Operation,
}

pub(super) fn check(key: &Key<'_>, violations: &mut Vec<Violation>) {
    let applied: HashMap<i64, &Operation> = key.applied().into_iter().collect();
    let mut strays: BTreeMap<i64, Stray<'_>> = BTreeMap::new();
    for operation in &key.operations {
        let Seen::Entry(version, value) = operation.seen() else {
            continue;
        };
        if let Some(write) = applied.get(&version) {
            check_write(key, operation, value, write, violations);
            continue;
        }
        let stray = strays.entry(version).or_insert(Stray {
            value,
            seen: operation,
        });
        if operation.return_ns < stray.seen.return_ns {
            stray.seen = operation;
        }
        match (stray.value, value) {
            (Some(one), Some(other)) if one != other => {
                let text = format!("version {version} has the values {one:?} and {other:?}\n    {operation}");
                violations.push(Violation::new(Kind::VersionReused, key.name, text));
            }
            (None, Some(_)) => stray.value = value,
            _ => {}
        }
    }
    explain(key, &strays, violations);
}

/// An entry that was seen with the version of an acknowledged change.
fn check_write(
    key: &Key<'_>,
    seen: &Operation,
    value: Option<&str>,
    write: &Operation,
    violations: &mut Vec<Violation>,
) {
    let written = write.value_after();
    let problem = if written.is_none() {
        "an entry has the version of its removal"
    } else if value.is_some_and(|value| written.as_deref() != Some(value)) {
        "a version was seen with another value than was written"
    } else if write.call_ns > seen.return_ns {
        "a value was seen before it was written"
    } else {
        return;
    };
    let text = format!("{problem}\n    {write}\n    {seen}");
    violations.push(Violation::new(Kind::Phantom, key.name, text));
}

/// Versions that no acknowledged change has must come from changes of unknown outcome, one from each.
fn explain(key: &Key<'_>, strays: &BTreeMap<i64, Stray<'_>>, violations: &mut Vec<Violation>) {
    let mut by_value: HashMap<&str, i64> = HashMap::new();
    let mut anonymous: Vec<(i64, &Stray<'_>)> = Vec::new();
    for (&version, stray) in strays {
        // Counters' values do not tell who wrote them.
        let telling = stray.value.filter(|value| value.parse::<i64>().is_err());
        let put = telling.and_then(|value| put_of(key, value));
        let (Some(value), Some(put)) = (stray.value, put) else {
            anonymous.push((version, stray));
            continue;
        };
        let before = by_value.insert(value, version);
        let kind = if put.applied().is_some() || before.is_some() {
            Kind::AppliedTwice
        } else if !put.is_unknown_change() || put.call_ns > stray.seen.return_ns {
            Kind::Phantom
        } else {
            continue;
        };
        let text = format!(
            "{value:?} was seen with version {version}, which its put cannot have\n    {put}\n    {}",
            stray.seen
        );
        violations.push(Violation::new(kind, key.name, text));
    }
    explain_anonymous(key, anonymous, &by_value, violations);
}

/// Values that do not tell who wrote them: there must be as many changes of unknown outcome as versions, in time.
fn explain_anonymous(
    key: &Key<'_>,
    mut anonymous: Vec<(i64, &Stray<'_>)>,
    by_value: &HashMap<&str, i64>,
    violations: &mut Vec<Violation>,
) {
    let free = |operation: &&Operation| match &operation.action {
        Action::Put { value, .. } => !by_value.contains_key(value.as_str()),
        Action::Increment { .. } => true,
        _ => false,
    };
    let writers: Vec<&Operation> = key.unknown().filter(free).collect();
    anonymous.sort_by_key(|(_, stray)| stray.seen.return_ns);
    for (count, (version, stray)) in anonymous.iter().enumerate() {
        let able = |writer: &&&Operation| {
            let writes = match (&writer.action, stray.value) {
                (Action::Put { value, .. }, Some(seen)) => value == seen,
                (Action::Increment { .. }, Some(seen)) => seen.parse::<i64>().is_ok(),
                _ => true,
            };
            writes && writer.call_ns <= stray.seen.return_ns
        };
        if writers.iter().filter(able).count() <= count {
            let text = format!(
                "version {version}, value {:?}, was seen, which nobody has written\n    {}",
                stray.value, stray.seen
            );
            violations.push(Violation::new(Kind::Phantom, key.name, text));
        }
    }
}

/// The put of a value.
fn put_of<'a>(key: &Key<'a>, value: &str) -> Option<&'a Operation> {
    // A put that was refused has not written it.
    let puts = key.operations.iter().copied().filter(|operation| {
        matches!(&operation.action, Action::Put { value: put, .. } if put == value)
            && !matches!(operation.outcome, Outcome::Refused { .. })
    });
    puts.min_by_key(|operation| operation.call_ns)
}
