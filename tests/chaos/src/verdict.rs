//! What both checkers say of a history.

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{History, Outcome};
use crate::oracle;
use crate::search::{self, Limits, Searched};
use crate::violation::{Kind, Violation};

/// Why calls may fail when nodes are killed, paused and cut off.
const CODES_OF_OUTAGES: [&str; 6] = [
    "Unavailable",
    "Timeout",
    "ResourceExhausted",
    "StoreNotReady",
    "WrongSlot",
    "SessionExpired",
];
/// Violations that are shown.
const SHOWN: usize = 10;

/// The verdict on a run.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What the oracle found.
    pub oracle: Vec<Violation>,
    /// How late an entry was still read.
    pub latest_expiry_ns: u64,
    /// What the search found.
    pub searched: Searched,
    /// What went wrong with the run itself.
    pub run: Vec<Violation>,
}

impl Verdict {
    /// Judges a history.
    #[must_use]
    pub fn of(history: &History, limits: &Limits) -> Verdict {
        let oracle = oracle::check(history);
        Verdict {
            oracle: oracle.violations,
            latest_expiry_ns: oracle.latest_expiry_ns,
            searched: search::check(history, limits),
            run: complaints(history),
        }
    }

    /// Everything that is wrong.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.run
            .iter()
            .chain(&self.oracle)
            .chain(&self.searched.violations)
    }

    /// Whether nothing is.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.violations().next().is_none()
    }
}

/// The run's own complaints, and failures that no outage explains.
fn complaints(history: &History) -> Vec<Violation> {
    let told = history
        .complaints
        .iter()
        .map(|complaint| Violation::new(Kind::Run, "", complaint));
    let mut complaints: Vec<Violation> = told.collect();
    let mut codes: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in &history.operations {
        if let Outcome::NotApplied { code } | Outcome::Unknown { code } = &operation.outcome
            && !CODES_OF_OUTAGES.contains(&code.as_str())
        {
            let count = codes.entry(code).or_default();
            *count += 1;
            if *count == 1 {
                let text = format!("no outage fails a call so\n    {operation}");
                complaints.push(Violation::new(Kind::Run, &operation.key, text));
            }
        }
    }
    complaints
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "search: {} keys, {} placements tried, {} for the hardest key, {} violations",
            self.searched.keys,
            self.searched.steps,
            self.searched.most_steps,
            self.searched.violations.len()
        )?;
        write!(
            formatter,
            "oracle: {} violations; the latest read of an entry was {:.1} ms behind its deadline",
            self.oracle.len(),
            self.latest_expiry_ns as f64 / 1e6
        )?;
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for violation in self.violations() {
            *kinds.entry(violation.kind).or_default() += 1;
        }
        for (kind, count) in kinds {
            write!(formatter, "\n  {count} × {kind:?}")?;
        }
        for (number, violation) in self.violations().enumerate() {
            if number == SHOWN {
                return write!(formatter, "\n  …");
            }
            write!(formatter, "\n  {violation}")?;
        }
        Ok(())
    }
}
