//! What was seen is not older than what was known before, and what is gone was removed by somebody.

use super::Key;
use super::floors::Floors;
use crate::history::{Action, Operation, Seen};
use crate::violation::{Kind, Violation};

pub(super) fn check(key: &Key<'_>, violations: &mut Vec<Violation>) {
    let floors = Floors::of(key.operations.iter().copied());
    let removals = Removals::of(key);
    for operation in &key.operations {
        let Some((floor, known_by)) = floors.before(operation.call_ns) else {
            continue;
        };
        let (kind, text) = match operation.seen() {
            Seen::Entry(version, _) if version < floor => {
                let kind = match known_by {
                    known_by if known_by.process != operation.process => Kind::StaleRead,
                    known_by if known_by.applied().is_some() => Kind::ReadYourWrites,
                    _ => Kind::NotMonotonic,
                };
                (kind, format!("version {version} was seen when {floor} was known"))
            }
            Seen::Absent if !removals.explain(key, floor, known_by, operation) => (
                Kind::LostWrite,
                format!("there was nothing when version {floor} was known, and nobody has removed it"),
            ),
            _ => continue,
        };
        let text = format!("{text}\n    {known_by}\n    {operation}");
        violations.push(Violation::new(kind, key.name, text));
    }
}

/// What may have removed the key's entry.
struct Removals {
    /// Acknowledged deletes: revision, and the earliest call of those from there on.
    deletes: Vec<(i64, u64)>,
    /// The earliest call of those of unknown outcome.
    unknown_ns: u64,
    /// Acknowledged writes with a time to live: revision, and the earliest deadline of those from there on.
    expiries: Vec<(i64, u64)>,
    /// The earliest deadline of those of unknown outcome.
    unknown_expiry_ns: u64,
    /// Acknowledged changes that ended whatever life there was before them, and the one they gave.
    resets: Vec<i64>,
}

impl Removals {
    fn of(key: &Key<'_>) -> Removals {
        let applied = key.applied();
        let with = |time: &dyn Fn(&Operation) -> Option<u64>| {
            let times = applied
                .iter()
                .filter_map(|&(version, operation)| Some((version, time(operation)?)));
            earliest_from_there(times.collect())
        };
        let is_delete = |operation: &Operation| matches!(operation.action, Action::Delete { .. });
        let unknown_deletes = key.unknown().filter(|operation| is_delete(operation));
        let unknown_expiries = key
            .unknown()
            .filter_map(|operation| key.earliest_expiry(operation));
        let sets_life =
            |operation: &Operation| matches!(operation.action, Action::Put { .. }) || is_delete(operation);
        Removals {
            deletes: with(&|operation| is_delete(operation).then_some(operation.call_ns)),
            expiries: with(&|operation| key.earliest_expiry(operation)),
            unknown_ns: unknown_deletes
                .map(|operation| operation.call_ns)
                .min()
                .unwrap_or(u64::MAX),
            unknown_expiry_ns: unknown_expiries.min().unwrap_or(u64::MAX),
            resets: applied
                .iter()
                .filter(|(_, operation)| sets_life(operation))
                .map(|&(version, _)| version)
                .collect(),
        }
    }

    /// Whether the entry of version `floor`, or one that came after it, may have been gone for `seen_by`.
    fn explain(&self, key: &Key<'_>, floor: i64, known_by: &Operation, seen_by: &Operation) -> bool {
        let end_ns = seen_by.return_ns;
        let known_removal = known_by.applied().is_some() && known_by.value_after().is_none();
        let reset = self.resets[..self.resets.partition_point(|&version| version <= floor)]
            .last()
            .copied()
            .unwrap_or(i64::MIN);
        known_removal
            || earliest(&self.deletes, floor + 1) <= end_ns
            || self.unknown_ns <= end_ns
            || earliest(&self.expiries, reset) <= end_ns
            || self.unknown_expiry_ns <= end_ns
            || key.lost_after(floor, end_ns)
    }
}

/// Makes each time the earliest of its own and those that follow.
fn earliest_from_there(mut times: Vec<(i64, u64)>) -> Vec<(i64, u64)> {
    for index in (1..times.len()).rev() {
        times[index - 1].1 = times[index - 1].1.min(times[index].1);
    }
    times
}

/// The earliest time from this revision on.
fn earliest(times: &[(i64, u64)], from: i64) -> u64 {
    let index = times.partition_point(|&(version, _)| version < from);
    times.get(index).map_or(u64::MAX, |&(_, time_ns)| time_ns)
}
