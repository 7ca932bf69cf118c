//! The oracle: what the revisions say. Every acknowledgement and every read carries one, so that most of what could be
//! wrong shows without a search, in little more than one pass over the sorted operations.
//!
//! | looked for | where |
//! |---|---|
//! | revisions that are used twice, or against the order of time, over all keys of a group | `order` |
//! | versions and values that nobody has written, that two have, or that were written twice | `origins` |
//! | reads of what was overwritten before, entries that are gone though nobody removed them | `looks` |
//! | changes made against their condition, increments that do not add up | `chain` |
//! | deadlines | `deadlines` |
//! | what was lost with a node: told to clients, and never seen again | `epochs` |
//!
//! It finds less than the search where outcomes are unknown, but it has no limits.

mod chain;
mod deadlines;
mod epochs;
mod floors;
mod looks;
mod order;
mod origins;

use crate::history::{History, Operation};
use crate::violation::Violation;

/// What the oracle says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oracle {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// How long after its deadline an entry was still read, at most.
    pub latest_expiry_ns: u64,
}

/// Looks at a whole history.
#[must_use]
pub fn check(history: &History) -> Oracle {
    let mut found = Oracle::default();
    order::check(history, &mut found.violations);
    epochs::check(history, &mut found.violations);
    for (key, operations) in history.by_key() {
        let key = Key {
            history,
            name: key,
            operations,
        };
        origins::check(&key, &mut found.violations);
        looks::check(&key, &mut found.violations);
        chain::check(&key, &mut found.violations);
        let late_ns = deadlines::check(&key, &mut found.violations);
        found.latest_expiry_ns = found.latest_expiry_ns.max(late_ns);
    }
    found
}

/// One key.
struct Key<'a> {
    history: &'a History,
    name: &'a str,
    /// All of its operations, sorted by call.
    operations: Vec<&'a Operation>,
}

impl<'a> Key<'a> {
    /// Acknowledged changes, by revision.
    fn applied(&self) -> Vec<(i64, &'a Operation)> {
        let mut applied: Vec<(i64, &Operation)> = self
            .operations
            .iter()
            .filter_map(|operation| Some((operation.applied()?, *operation)))
            .collect();
        applied.sort_by_key(|&(version, _)| version);
        applied
    }

    /// Changes of unknown outcome, by call.
    fn unknown(&self) -> impl Iterator<Item = &'a Operation> + '_ {
        let unknown = |operation: &&&Operation| operation.is_unknown_change();
        self.operations.iter().filter(unknown).copied()
    }

    /// The first moment at which an entry that got its life from this operation may be gone.
    fn earliest_expiry(&self, operation: &Operation) -> Option<u64> {
        let ttl_ns = operation.ttl_ns()?;
        Some((operation.call_ns + ttl_ns).saturating_sub(self.history.setting.clock_grain_ns))
    }

    /// Whether everything was lost between the two revisions, or after the first one and before the moment.
    fn lost_between(&self, after: i64, before: i64) -> bool {
        let lost = |number: i64| number > after && number <= before;
        self.history.epochs.iter().any(|epoch| lost(epoch.number))
    }

    fn lost_after(&self, version: i64, by_ns: u64) -> bool {
        let epochs = &self.history.epochs;
        epochs
            .iter()
            .any(|epoch| epoch.number > version && epoch.lost_ns <= by_ns)
    }
}
