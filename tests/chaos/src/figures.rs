//! The figures of a run: how much was done, and how long nothing could be changed.

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{FaultKind, History, Operation, Outcome};

/// Less than the time in which nothing is broken between two faults, more than a process pauses.
const CLOSE_NS: u64 = 500_000_000;

/// Counts and pauses.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    operations: usize,
    seconds: f64,
    acknowledged: usize,
    unknown: usize,
    not_applied: BTreeMap<String, usize>,
    unknown_by_code: BTreeMap<String, usize>,
    epochs: usize,
    /// For each fault, by kind: the longest time without an acknowledged change in any team, ms. Sorted.
    pauses_ms: BTreeMap<FaultKind, Vec<f64>>,
}

impl Figures {
    /// Of a history.
    #[must_use]
    pub fn of(history: &History) -> Figures {
        let mut figures = Figures {
            operations: history.operations.len(),
            epochs: history.epochs.len(),
            ..Figures::default()
        };
        let last_ns = history
            .operations
            .iter()
            .map(|operation| operation.return_ns)
            .max();
        figures.seconds = last_ns.unwrap_or(0) as f64 / 1e9;
        for operation in &history.operations {
            match &operation.outcome {
                Outcome::NotApplied { code } => *figures.not_applied.entry(code.clone()).or_default() += 1,
                Outcome::Unknown { code } => {
                    figures.unknown += 1;
                    *figures.unknown_by_code.entry(code.clone()).or_default() += 1;
                }
                _ => figures.acknowledged += usize::from(operation.applied().is_some()),
            }
        }
        figures.pauses(history);
        figures
    }

    fn pauses(&mut self, history: &History) {
        let mut teams: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for operation in &history.operations {
            if operation.applied().is_some() {
                teams
                    .entry(team(operation))
                    .or_default()
                    .push(operation.return_ns);
            }
        }
        for acknowledged in teams.values_mut() {
            acknowledged.sort_unstable();
        }
        let mut faults: Vec<_> = history.faults.iter().collect();
        faults.sort_by_key(|fault| fault.began_ns);
        for (index, fault) in faults.iter().enumerate() {
            // A pause that begins so close to the next fault is that one's.
            let until_ns = faults
                .get(index + 1)
                .map_or(u64::MAX, |next| next.began_ns.saturating_sub(CLOSE_NS));
            let longest = |acknowledged: &Vec<u64>| {
                let first = acknowledged
                    .partition_point(|&at_ns| at_ns <= fault.began_ns)
                    .saturating_sub(1);
                let pairs = acknowledged[first..].windows(2);
                let during = pairs.take_while(|pair| pair[0] < until_ns);
                during.map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
            };
            let pause_ns = teams.values().map(longest).max().unwrap_or(0);
            self.pauses_ms
                .entry(fault.kind)
                .or_default()
                .push(pause_ns as f64 / 1e6);
        }
        for pauses in self.pauses_ms.values_mut() {
            pauses.sort_by(f64::total_cmp);
        }
    }
}

/// What stands before the key.
fn team(operation: &Operation) -> &str {
    operation.key.split('/').next().unwrap_or_default()
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(0.0)
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} operations in {:.1} s ({:.0}/s): {} changes acknowledged, {} of unknown outcome {:?}, not applied {:?}, {} epochs",
            self.operations,
            self.seconds,
            self.operations as f64 / self.seconds.max(0.001),
            self.acknowledged,
            self.unknown,
            self.unknown_by_code,
            self.not_applied,
            self.epochs
        )?;
        for (kind, pauses) in &self.pauses_ms {
            write!(
                formatter,
                "\n{} × {kind}: longest time without an acknowledged change, over the groups: p50 {:.0} ms, p99 {:.0} ms, most \
                 {:.0} ms",
                pauses.len(),
                percentile(pauses, 50),
                percentile(pauses, 99),
                percentile(pauses, 100)
            )?;
        }
        Ok(())
    }
}
