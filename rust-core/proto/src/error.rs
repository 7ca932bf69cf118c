//! The error that every crate above `holdfast-state` returns to callers.

use std::fmt;

use crate::{Code, Outcome};

/// Why a request failed, for programs (`code`, `outcome`) and for people (`message`). Nothing matches on the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// One sentence that names what was given and what is accepted. Never holds a secret; keys in it are escaped.
    pub message: String,
    /// Whether a change may have been applied all the same.
    pub outcome: Outcome,
}

impl Error {
    /// An error with the code's default outcome.
    #[cold]
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
            outcome: code.default_outcome(),
        }
    }

    /// The same error from someone who knows what became of the change.
    pub fn with_outcome(mut self, outcome: Outcome) -> Error {
        self.outcome = outcome;
        self
    }

    /// True if the same request may succeed later without anyone having changed anything.
    pub const fn is_transient(&self) -> bool {
        self.code.is_transient()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_takes_the_outcome_of_its_code_unless_told_otherwise() {
        assert_eq!(Error::new(Code::Timeout, "5 s passed").outcome, Outcome::Unknown);
        assert_eq!(
            Error::new(Code::Timeout, "not sent yet")
                .with_outcome(Outcome::NotApplied)
                .outcome,
            Outcome::NotApplied
        );
    }

    #[test]
    fn the_text_of_an_error_begins_with_its_code() {
        assert_eq!(
            Error::new(Code::InvalidKey, "the key is empty").to_string(),
            "InvalidKey: the key is empty"
        );
    }
}
