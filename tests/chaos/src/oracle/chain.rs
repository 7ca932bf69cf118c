//! The acknowledged changes of a key in the order of their revisions: each finds what the one before it left, but for what
//! changes of unknown outcome, deadlines and losses may have done in between.

use super::Key;
use crate::history::{Action, Condition, Operation, Outcome};
use crate::violation::{Kind, Violation};

pub(super) fn check(key: &Key<'_>, violations: &mut Vec<Violation>) {
    for operation in key
        .operations
        .iter()
        .filter(|operation| refused_for_nothing(operation))
    {
        let text = format!("a change was refused although its condition held\n    {operation}");
        violations.push(Violation::new(Kind::Condition, key.name, text));
    }
    let applied = key.applied();
    let mut used = 0;
    // Whose life the entry has, if it may have one.
    let mut expiry_ns = None;
    let mut before: Option<(i64, &Operation)> = None;
    for &(version, operation) in &applied {
        let between = Between {
            before,
            operation,
            may_vanish: may_vanish(key, before, (version, operation), expiry_ns),
            may_appear: may_appear(key, operation),
        };
        if let Some(problem) = between.broken_condition() {
            let text = format!("{problem}{}\n    {operation}", shown(before));
            violations.push(Violation::new(Kind::Condition, key.name, text));
        }
        if let Some(gap) = between.broken_count(key, &mut used) {
            let text = format!("an increment is off by {gap}{}\n    {operation}", shown(before));
            violations.push(Violation::new(Kind::AppliedTwice, key.name, text));
        }
        let own_expiry_ns = key.earliest_expiry(operation);
        expiry_ns = match operation.action {
            // It gives its own life to an entry that it makes, and it may have made this one.
            Action::Increment { .. } => expiry_ns.into_iter().chain(own_expiry_ns).min(),
            _ => own_expiry_ns,
        };
        before = Some((version, operation));
    }
}

fn refused_for_nothing(operation: &Operation) -> bool {
    let Outcome::Refused { version } = operation.outcome else {
        return false;
    };
    match operation.action {
        Action::Put { condition, .. } | Action::Delete { condition } => match condition {
            Condition::Always => matches!(operation.action, Action::Put { .. }) || version.is_some(),
            Condition::Absent => version.is_none(),
            Condition::Present => version.is_some(),
            Condition::Version(expected) => version == Some(expected),
        },
        _ => false,
    }
}

fn shown(before: Option<(i64, &Operation)>) -> String {
    before.map_or_else(String::new, |(_, operation)| format!("\n    {operation}"))
}

/// Whether an entry that was there after `before` may be gone when `next` is made.
fn may_vanish(
    key: &Key<'_>,
    before: Option<(i64, &Operation)>,
    (version, next): (i64, &Operation),
    expiry_ns: Option<u64>,
) -> bool {
    let after = before.map_or(0, |(version, _)| version);
    let by_unknown = |operation: &Operation| {
        let from_ns = match operation.action {
            Action::Delete { .. } => Some(operation.call_ns),
            _ => key.earliest_expiry(operation),
        };
        from_ns.is_some_and(|from_ns| from_ns <= next.return_ns)
    };
    expiry_ns.is_some_and(|expiry_ns| expiry_ns <= next.return_ns)
        || key.lost_between(after, version)
        || key.unknown().any(by_unknown)
}

/// Whether there may be an entry that no acknowledged change has made when `next` is made.
fn may_appear(key: &Key<'_>, next: &Operation) -> bool {
    key.unknown().any(|operation| {
        operation.call_ns <= next.return_ns && !matches!(operation.action, Action::Delete { .. })
    })
}

/// An acknowledged change, and the one before it.
struct Between<'a> {
    before: Option<(i64, &'a Operation)>,
    operation: &'a Operation,
    may_vanish: bool,
    may_appear: bool,
}

impl Between<'_> {
    fn left_an_entry(&self) -> bool {
        self.before
            .is_some_and(|(_, operation)| operation.value_after().is_some())
    }

    fn broken_condition(&self) -> Option<&'static str> {
        let condition = match self.operation.action {
            Action::Put { condition, .. } | Action::Delete { condition } => condition,
            _ => return None,
        };
        let Outcome::Applied { found, .. } = self.operation.outcome else {
            return None;
        };
        let must_be_there = self.left_an_entry() && !self.may_vanish;
        let must_be_absent = !self.left_an_entry() && !self.may_appear;
        let newest = self.before.map_or(0, |(version, _)| version);
        match condition {
            Condition::Version(expected) if newest > expected => {
                Some("a version was replaced that had been replaced before")
            }
            Condition::Absent if must_be_there || found => Some("an entry was created that was there"),
            Condition::Present | Condition::Version(_) if must_be_absent || !found => {
                Some("an entry was replaced that was not there")
            }
            _ if !found && must_be_there => Some("a change did not find the entry that was there"),
            _ if found && must_be_absent => Some("a change found an entry that was not there"),
            _ => None,
        }
    }

    /// By how much an increment is off. `used` is what increments of unknown outcome have explained so far.
    fn broken_count(&self, key: &Key<'_>, used: &mut i64) -> Option<i64> {
        let Outcome::Counted { before, after, .. } = self.operation.outcome else {
            return None;
        };
        let Action::Increment { delta, .. } = self.operation.action else {
            return None;
        };
        if before.checked_add(delta) != Some(after) {
            return Some(after.wrapping_sub(before).wrapping_sub(delta));
        }
        let left = self.before.and_then(|(_, operation)| operation.value_after());
        let left: i64 = match left {
            None => 0,
            // What is no number was replaced by a put of unknown outcome: nothing to say.
            Some(text) => text.parse().ok()?,
        };
        let in_time = |operation: &&Operation| operation.call_ns <= self.operation.return_ns;
        let (mut least, mut most, mut puts) = (0_i64, 0_i64, false);
        for unknown in key.unknown().filter(in_time) {
            match unknown.action {
                Action::Increment { delta, .. } if delta < 0 => least += delta,
                Action::Increment { delta, .. } => most += delta,
                Action::Put { .. } => puts = true,
                _ => {}
            }
        }
        if puts {
            return None;
        }
        let gap = before - left;
        if (least..=most - *used).contains(&gap) {
            // Where it may count from 0 again, more of them may have been used, or none.
            if !self.may_vanish {
                *used += gap.max(0);
            }
            return None;
        }
        // It counts from 0 again.
        let again = self.may_vanish && (least..=most).contains(&before);
        (!again).then_some(gap)
    }
}
