//! Deadlines that answers tell of, and entries that are read behind theirs.

use std::collections::HashMap;

use super::Key;
use crate::history::{Action, Operation, Outcome};
use crate::violation::{Kind, Violation};

/// Gives how late the latest read of an entry was.
pub(super) fn check(key: &Key<'_>, violations: &mut Vec<Violation>) -> u64 {
    // The life that an entry of this version has, for puts alone: increments inherit theirs.
    let puts: HashMap<i64, &Operation> = key
        .applied()
        .into_iter()
        .filter(|(_, operation)| matches!(operation.action, Action::Put { .. }))
        .collect();
    let grain_ns = key.history.setting.clock_grain_ns;
    let bound_ns = key.history.setting.expiry_lateness_ns;
    let mut latest_ns = 0;
    for operation in &key.operations {
        let Outcome::Read { version, left_ms, .. } = operation.outcome else {
            continue;
        };
        let Some(put) = puts.get(&version) else {
            continue;
        };
        let mut complain = |kind, what: &str| {
            let text = format!("{what}\n    {put}\n    {operation}");
            violations.push(Violation::new(kind, key.name, text));
        };
        match (put.ttl_ns(), left_ms) {
            (None, Some(_)) => complain(Kind::EarlyExpiry, "an entry has a deadline that nobody has set"),
            (Some(_), None) => complain(Kind::LateExpiry, "an entry has lost its deadline"),
            (Some(ttl_ns), Some(left_ms)) => {
                // Time to live is counted from the put on, what is left up to the read: whole steps of the clock each.
                let latest_deadline = operation.return_ns + left_ms * 1_000_000 + 2 * grain_ns;
                if latest_deadline < put.call_ns + ttl_ns {
                    complain(
                        Kind::EarlyExpiry,
                        "an entry's deadline is earlier than its put asked for",
                    );
                }
                let late_ns = operation.call_ns.saturating_sub(put.return_ns + ttl_ns);
                latest_ns = latest_ns.max(late_ns);
                if bound_ns.is_some_and(|bound_ns| late_ns > bound_ns) {
                    complain(Kind::LateExpiry, "an entry was read behind its deadline");
                }
            }
            (None, None) => {}
        }
    }
    latest_ns
}
