//! One call of one client.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Malformed;

/// What must hold of the key for a change to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// There is no entry (create).
    Absent,
    /// There is one (replace).
    Present,
    /// There is one of this version (compare and set).
    Version(i64),
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Read the entry.
    Get,
    /// Write it.
    Put {
        /// Put once only on this key.
        value: String,
        /// When to write.
        condition: Condition,
        /// Life from now on; absent: for good, whatever the entry had before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
    },
    /// Remove it.
    Delete {
        /// When to remove.
        condition: Condition,
    },
    /// Add to it; an entry that does not exist counts from 0.
    Increment {
        /// What to add.
        delta: i64,
        /// Life of an entry that does not exist yet; one that does keeps its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
    },
}

/// What the client was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A put or delete was made.
    Applied {
        /// The change's revision.
        version: i64,
        /// There was an entry before.
        found: bool,
    },
    /// An increment was made.
    Counted {
        /// The change's revision.
        version: i64,
        /// The counter before.
        before: i64,
        /// The counter after.
        after: i64,
    },
    /// The condition did not hold (for a delete without one: there was nothing).
    Refused {
        /// Version of the entry that was there; absent: there was none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
    },
    /// A get found the entry.
    Read {
        /// Its version.
        version: i64,
        /// Its value.
        value: String,
        /// Life that was left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_ms: Option<u64>,
    },
    /// A get found none.
    Missing,
    /// It failed, and nothing was changed.
    NotApplied {
        /// Why.
        code: String,
    },
    /// It failed, and may have changed what it was to change, or may yet.
    Unknown {
        /// Why.
        code: String,
    },
}

/// One call of one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Who called: one call after the other.
    pub process: u32,
    /// The session (connection) that the process shares with others.
    pub session: u32,
    /// Store and key.
    pub key: String,
    /// Keys of the same number draw their revisions from the same counter.
    pub group: u64,
    /// When it was called, from the run's begin on.
    pub call_ns: u64,
    /// When it was answered.
    pub return_ns: u64,
    /// The newest epoch that the client had been told of, over the connection that the answer came from; absent: none but
    /// the one that it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<i64>,
    /// What was asked for.
    pub action: Action,
    /// What was answered.
    pub outcome: Outcome,
}

/// What an answer says about the entry, apart from what the call itself changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Nothing.
    Nothing,
    /// There was none.
    Absent,
    /// There was one of this version, with this value if it was read.
    Entry(i64, Option<&'a str>),
}

impl Operation {
    /// Whether it is a change whose outcome is unknown.
    #[must_use]
    pub fn is_unknown_change(&self) -> bool {
        self.is_change() && matches!(self.outcome, Outcome::Unknown { .. })
    }

    /// Whether a change was asked for.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.action != Action::Get
    }

    /// The revision of the change that was made.
    #[must_use]
    pub fn applied(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Applied { version, .. } | Outcome::Counted { version, .. } => Some(version),
            _ => None,
        }
    }

    /// The newest revision that the answer tells of.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        self.applied().or(match self.seen() {
            Seen::Entry(version, _) => Some(version),
            _ => None,
        })
    }

    /// What the answer says about the entry, apart from what the call itself changed.
    #[must_use]
    pub fn seen(&self) -> Seen<'_> {
        match &self.outcome {
            Outcome::Read { version, value, .. } => Seen::Entry(*version, Some(value)),
            Outcome::Refused {
                version: Some(version),
            } => Seen::Entry(*version, None),
            Outcome::Refused { version: None } | Outcome::Missing => Seen::Absent,
            _ => Seen::Nothing,
        }
    }

    /// The life that the change may give to an entry.
    #[must_use]
    pub fn ttl_ns(&self) -> Option<u64> {
        match self.action {
            Action::Put { ttl_ms, .. } | Action::Increment { ttl_ms, .. } => {
                ttl_ms.map(|ttl_ms| ttl_ms * 1_000_000)
            }
            _ => None,
        }
    }

    /// What the entry's value is after the change that was made; absent: there is no entry.
    #[must_use]
    pub fn value_after(&self) -> Option<String> {
        match (&self.action, &self.outcome) {
            (Action::Put { value, .. }, _) => Some(value.clone()),
            (_, Outcome::Counted { after, .. }) => Some(after.to_string()),
            _ => None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Malformed> {
        if self.return_ns < self.call_ns {
            return Err(Malformed::of("a call returned before it was made", self));
        }
        let failed = matches!(self.outcome, Outcome::NotApplied { .. } | Outcome::Unknown { .. });
        let fits = match self.action {
            Action::Get => matches!(self.outcome, Outcome::Read { .. } | Outcome::Missing),
            Action::Put { .. } | Action::Delete { .. } => {
                matches!(self.outcome, Outcome::Applied { .. } | Outcome::Refused { .. })
            }
            Action::Increment { .. } => matches!(self.outcome, Outcome::Counted { .. }),
        };
        if !fits && !failed {
            return Err(Malformed::of("an answer does not belong to its call", self));
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: u64| ns as f64 / 1e6;
        write!(
            formatter,
            "{:.3}–{:.3} ms process {} {}: {:?} ⇒ {:?}",
            ms(self.call_ns),
            ms(self.return_ns),
            self.process,
            self.key,
            self.action,
            self.outcome
        )
    }
}
