//! How long nothing could be changed.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_chaos::history::{History, Operation};

use crate::recorded::Mark;

/// Less than the quiet time between two faults, more than a process pauses between two calls.
const CLOSE_NS: u64 = 500_000_000;

/// For each mark: the longest time without an acknowledged change in any group of a store, by the store.
#[must_use]
pub fn of_writes(history: &History, marks: &[Mark]) -> Vec<BTreeMap<String, Duration>> {
    let groups = acknowledged(history);
    let mut all = Vec::new();
    for (index, mark) in marks.iter().enumerate() {
        // A pause that begins close to the next mark is that one's.
        let next = marks.get(index + 1);
        let until_ns = next.map_or(u64::MAX, |next| next.began_ns.saturating_sub(CLOSE_NS));
        let mut longest: BTreeMap<String, Duration> = BTreeMap::new();
        for (group, at_ns) in &groups {
            let pause = Duration::from_nanos(longest_gap(at_ns, mark.began_ns, until_ns));
            let own = longest.entry(store(group)).or_default();
            *own = pause.max(*own);
        }
        all.push(longest);
    }
    all
}

/// When changes were acknowledged, by group; sorted.
fn acknowledged(history: &History) -> BTreeMap<&str, Vec<u64>> {
    let mut groups: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for operation in history.operations.iter().filter(|it| it.applied().is_some()) {
        groups
            .entry(group(operation))
            .or_default()
            .push(operation.return_ns);
    }
    groups.values_mut().for_each(|at_ns| at_ns.sort_unstable());
    groups
}

fn longest_gap(at_ns: &[u64], began_ns: u64, until_ns: u64) -> u64 {
    // The gap that was open when it began counts from its last acknowledgement.
    let first = at_ns.partition_point(|&at| at <= began_ns).saturating_sub(1);
    let pairs = at_ns[first..].windows(2);
    let during = pairs.take_while(|pair| pair[0] < until_ns);
    during.map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// What stands before the key: each group has a team of processes of its own.
fn group(operation: &Operation) -> &str {
    operation.key.split('/').next().unwrap_or_default()
}

/// The cache store has a team in each of its groups, a coordination store is in one.
fn store(group: &str) -> String {
    match group.strip_prefix("chaos-cache-") {
        Some(_) => "chaos-cache".to_owned(),
        None => group.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_for_the_mark_in_which_it_begins() {
        let second = 1_000_000_000;
        let at: Vec<u64> = [0, 1, 2, 5, 6, 7, 14, 15].map(|at| at * second).to_vec();
        assert_eq!(longest_gap(&at, second * 5 / 2, u64::MAX), 7 * second);
        assert_eq!(longest_gap(&at, second * 5 / 2, 6 * second), 3 * second);
        assert_eq!(longest_gap(&at, 20 * second, u64::MAX), 0);
        assert_eq!(longest_gap(&[], 0, u64::MAX), 0);
    }
}
