//! What is wrong with a history.

use std::fmt;

/// What kind of promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Something was seen that nobody has written, or not yet.
    Phantom,
    /// A read saw what had been overwritten before it began.
    StaleRead,
    /// A process did not see its own change.
    ReadYourWrites,
    /// A process saw something older than what it had seen before.
    NotMonotonic,
    /// An acknowledged change is gone.
    LostWrite,
    /// A change was made twice, or an increment counted twice or not at all.
    AppliedTwice,
    /// Two changes have the same revision, or two values the same version.
    VersionReused,
    /// A change that began after another had ended has the smaller revision.
    RealTimeOrder,
    /// A change was made although its condition did not hold, or refused although it did.
    Condition,
    /// An entry vanished before its deadline, or was given out with a deadline that is too early.
    EarlyExpiry,
    /// An entry was read long after its deadline.
    LateExpiry,
    /// Something came back that was lost, or nobody was told of the loss.
    Epoch,
    /// No order of the key's operations explains their answers.
    NotLinearizable,
    /// A checker could not decide.
    GaveUp,
    /// The run itself went wrong.
    Run,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The broken promise.
    pub kind: Kind,
    /// The key, if it is about one.
    pub key: String,
    /// What is wrong, with the operations that show it.
    pub text: String,
}

impl Violation {
    /// About a key.
    #[must_use]
    pub fn new(kind: Kind, key: &str, text: impl Into<String>) -> Violation {
        Violation {
            kind,
            key: key.to_owned(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}: {}", self.kind, self.key, self.text)
    }
}
