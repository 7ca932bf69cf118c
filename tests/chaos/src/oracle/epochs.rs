//! Nothing comes back from before a loss, and clients are told of the loss before they see anything of what came after.

use std::collections::BTreeMap;

use crate::history::{Epoch, History, Operation};
use crate::violation::{Kind, Violation};

pub(super) fn check(history: &History, violations: &mut Vec<Violation>) {
    if history.epochs.is_empty() {
        return;
    }
    let mut first_of_session: BTreeMap<u32, usize> = BTreeMap::new();
    let mut operations: Vec<&Operation> = history.operations.iter().collect();
    operations.sort_by_key(|operation| operation.return_ns);
    for operation in operations {
        let Some(version) = operation.revision() else {
            continue;
        };
        let mut complain = |what: &str| {
            let text = format!("{what}\n    {operation}");
            violations.push(Violation::new(Kind::Epoch, &operation.key, text));
        };
        let Some(index) = epoch_of(&history.epochs, version) else {
            complain("a revision is from before the first epoch");
            continue;
        };
        let epoch = &history.epochs[index];
        if operation.return_ns < epoch.spawned_ns {
            complain("a revision is from an epoch that had not begun");
        }
        if let Some(next) = history.epochs.get(index + 1)
            && operation.call_ns > next.started_ns
        {
            complain("a revision from before a loss was seen after it");
        }
        let first = *first_of_session.entry(operation.session).or_insert(index);
        let knew = operation.told.is_some_and(|number| number >= epoch.number);
        if index > first && !knew {
            complain("an answer came from an epoch that the client had not been told of");
        }
    }
}

fn epoch_of(epochs: &[Epoch], version: i64) -> Option<usize> {
    epochs
        .partition_point(|epoch| epoch.number <= version)
        .checked_sub(1)
}
