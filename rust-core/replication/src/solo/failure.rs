//! Why a group that is alone cannot answer.

use std::sync::Arc;

/// Why a group does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupFailed {
    /// Applying a command has panicked: the group's state cannot be trusted and it answers nothing more.
    #[error("the group has failed: a command panicked while it was applied")]
    Panicked,
    /// Its log cannot be written: it takes no further changes. What is stored can be read.
    #[error(transparent)]
    Storage(StorageFailed),
}

/// The data directory cannot be written any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data directory cannot be written, so no change is taken until the node starts again: {reason}")]
pub struct StorageFailed {
    reason: Arc<str>,
    is_full: bool,
    perhaps_applied: bool,
}

impl StorageFailed {
    #[cfg(feature = "durable")]
    pub(super) fn of(error: &std::io::Error) -> Self {
        let reason = error.to_string();
        // The log's thread tells later callers in words what has stopped it.
        let is_full = error.kind() == std::io::ErrorKind::StorageFull
            || reason.contains("No space left on device")
            || reason.contains("os error 28");
        Self {
            reason: reason.into(),
            is_full,
            perhaps_applied: false,
        }
    }

    #[cfg(feature = "durable")]
    pub(super) fn perhaps_applied(mut self) -> Self {
        self.perhaps_applied = true;
        self
    }

    /// There is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// The change was on its way to the disk when that failed: it may be there after a restart.
    #[must_use]
    pub fn is_perhaps_applied(&self) -> bool {
        self.perhaps_applied
    }
}
