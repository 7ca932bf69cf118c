//! How the calls of a test ended: counted by code, and everything that must not be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use holdfast_proto::{Code, Error, Outcome};

const MOST_COMPLAINTS: usize = 20;

#[derive(Default)]
struct Counts {
    succeeded: u64,
    failed: BTreeMap<(Code, bool), u64>,
    latest: Duration,
    complaints: Vec<String>,
}

/// Takes the end of every call; from any task.
#[derive(Default)]
pub struct Journal {
    counts: Mutex<Counts>,
}

impl Journal {
    /// Notes a call that took `took` where it had `timeout`.
    pub fn note<T>(&self, is_change: bool, timeout: Duration, took: Duration, result: &Result<T, Error>) {
        let mut counts = self.counts.lock().expect("no panic under it");
        counts.latest = counts.latest.max(took.saturating_sub(timeout));
        match result {
            Ok(_) => counts.succeeded += 1,
            Err(error) => {
                let unknown = error.outcome == Outcome::Unknown;
                *counts.failed.entry((error.code, unknown)).or_default() += 1;
                if let Some(complaint) = complaint(is_change, error)
                    && counts.complaints.len() < MOST_COMPLAINTS
                {
                    counts.complaints.push(complaint);
                }
            }
        }
    }

    /// Calls that succeeded.
    #[must_use]
    pub fn succeeded(&self) -> u64 {
        self.counts.lock().expect("no panic under it").succeeded
    }

    /// Calls that failed, with whatever code.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.counts
            .lock()
            .expect("no panic under it")
            .failed
            .values()
            .sum()
    }

    /// Calls that failed with this code.
    #[must_use]
    pub fn failed_with(&self, code: Code) -> u64 {
        let counts = self.counts.lock().expect("no panic under it");
        let of_code = counts.failed.iter().filter(|((failed, _), _)| *failed == code);
        of_code.map(|(_, count)| count).sum()
    }

    /// Calls that failed with an unknown outcome.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        let counts = self.counts.lock().expect("no panic under it");
        let unknown = counts.failed.iter().filter(|((_, unknown), _)| *unknown);
        unknown.map(|(_, count)| count).sum()
    }

    /// Every error was one that an outage may give, with an outcome that fits, and no call ended later than `margin`
    /// after its deadline.
    ///
    /// # Panics
    /// With what is wrong.
    pub fn check(&self, margin: Duration) {
        let counts = self.counts.lock().expect("no panic under it");
        assert!(counts.complaints.is_empty(), "{:#?}", counts.complaints);
        assert!(
            counts.latest <= margin,
            "a call ended {:?} after its deadline, {margin:?} is allowed",
            counts.latest
        );
    }
}

fn complaint(is_change: bool, error: &Error) -> Option<String> {
    if !matches!(
        error.code,
        Code::Unavailable | Code::Timeout | Code::ResourceExhausted
    ) {
        return Some(format!("not an error of an outage: {error}"));
    }
    if !is_change && error.outcome == Outcome::Unknown {
        return Some(format!("a read whose outcome is unknown: {error}"));
    }
    error
        .message
        .is_empty()
        .then(|| format!("an error without a sentence: {error:?}"))
}

impl fmt::Display for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.lock().expect("no panic under it");
        write!(formatter, "{} succeeded", counts.succeeded)?;
        for ((code, unknown), count) in &counts.failed {
            let unknown = if *unknown { " (unknown)" } else { "" };
            write!(formatter, ", {count} {code}{unknown}")?;
        }
        write!(formatter, ", the latest {:?} after its deadline", counts.latest)
    }
}
