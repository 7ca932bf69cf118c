//! Revisions of a group: each is used once, and they grow with time.

use std::collections::BTreeMap;

use super::floors::Floors;
use crate::history::{History, Operation};
use crate::violation::{Kind, Violation};

pub(super) fn check(history: &History, violations: &mut Vec<Violation>) {
    let mut groups: BTreeMap<u64, Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        groups.entry(operation.group).or_default().push(operation);
    }
    for operations in groups.values() {
        check_group(operations, violations);
    }
}

fn check_group(operations: &[&Operation], violations: &mut Vec<Violation>) {
    let mut applied: Vec<(i64, &Operation)> = operations
        .iter()
        .filter_map(|operation| Some((operation.applied()?, *operation)))
        .collect();
    applied.sort_by_key(|&(version, _)| version);
    for pair in applied.windows(2) {
        let ((version, first), (again, second)) = (pair[0], pair[1]);
        if version == again {
            let text = format!("two changes have revision {version}\n    {first}\n    {second}");
            violations.push(Violation::new(Kind::VersionReused, &first.key, text));
        }
    }
    let floors = Floors::of(operations.iter().copied());
    for (version, operation) in applied {
        if let Some((floor, before)) = floors.before(operation.call_ns)
            && floor >= version
        {
            let text = format!(
                "revision {version} of a change that began after {floor} was known\n    {before}\n    {operation}"
            );
            violations.push(Violation::new(Kind::RealTimeOrder, &operation.key, text));
        }
    }
}
