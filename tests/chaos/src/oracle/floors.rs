//! The newest revision that was known before a moment.

use crate::history::Operation;

/// Revisions by the time at which somebody had been told of them.
pub(super) struct Floors<'a> {
    /// Ends, and the operation of the greatest revision up to there.
    known: Vec<(u64, i64, &'a Operation)>,
}

impl<'a> Floors<'a> {
    pub(super) fn of(operations: impl Iterator<Item = &'a Operation>) -> Floors<'a> {
        let mut known: Vec<(u64, i64, &Operation)> = operations
            .filter_map(|operation| Some((operation.return_ns, operation.revision()?, operation)))
            .collect();
        known.sort_by_key(|&(end_ns, version, _)| (end_ns, version));
        for index in 1..known.len() {
            let (_, before, operation) = known[index - 1];
            if before > known[index].1 {
                (known[index].1, known[index].2) = (before, operation);
            }
        }
        Floors { known }
    }

    /// The greatest revision that had been told before this moment, and by which operation.
    pub(super) fn before(&self, moment_ns: u64) -> Option<(i64, &'a Operation)> {
        let index = self.known.partition_point(|&(end_ns, ..)| end_ns < moment_ns);
        let (_, version, operation) = self.known[..index].last()?;
        Some((*version, operation))
    }
}
