//! The errors of a caller. A broken machine is a panic or a [`crate::SnapshotError`], never one of these.

use crate::hash::Slot;
use crate::settings::{Revision, StoreId, StoreSettings, StoreSettingsGiven};

/// Why a command or a query was refused; nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// This group does not own the key's slot.
    #[error("slot {} is not served here (its last change of owner is epoch {epoch})", slot.0)]
    WrongSlot {
        /// The slot asked for.
        slot: Slot,
        /// The epoch of its last change, as this group knows it.
        epoch: u64,
    },
    /// The group does not know the store yet.
    #[error("store {} is not ready in this group yet", store.0)]
    StoreNotReady {
        /// The store asked for.
        store: StoreId,
    },
    /// A store that does not evict has no room.
    #[error("the store is full: {needed} bytes needed, {limit} allowed")]
    StoreFull {
        /// What the store would hold after the change.
        needed: u64,
        /// Its budget.
        limit: u64,
    },
    /// The value to count with is not a decimal number of 64 bits.
    #[error("the value is not a decimal number of 64 bits")]
    NotANumber,
    /// A counter would leave its bounds or overflow.
    #[error("{value} + {delta} is not within {minimum} to {maximum}")]
    CounterOutOfBounds {
        /// The counter's value, unchanged.
        value: i64,
        /// What was to be added.
        delta: i64,
        /// Lower bound, inclusive.
        minimum: i64,
        /// Upper bound, inclusive.
        maximum: i64,
    },
    /// A key has at least one byte.
    #[error("a key has at least one byte")]
    KeyEmpty,
    /// The key is too long.
    #[error("the key has {size} bytes, the limit is {limit}")]
    KeyTooLarge {
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The value is too large.
    #[error("the value has {size} bytes, the limit is {limit}")]
    ValueTooLarge {
        /// Its length.
        size: u64,
        /// The store's limit.
        limit: u64,
    },
    /// A time to live or a sliding window of zero, or of more than the limit.
    #[error("a time to live is 1 to {limit} ms, not {ttl_ms}")]
    TtlOutOfRange {
        /// What was asked for.
        ttl_ms: u64,
        /// The limit.
        limit: u64,
    },
    /// The session is unknown here: never opened, or ended.
    #[error("the session is unknown or has ended")]
    SessionExpired,
    /// The session itself said that it has seen this change's outcome.
    #[error("the outcome of change {sequence} was already acknowledged")]
    OutcomeForgotten {
        /// The change's sequence number.
        sequence: u64,
    },
    /// The session has more changes in flight than its window.
    #[error("change {sequence} is beyond the session's window of {window}")]
    SessionWindowFull {
        /// The change's sequence number.
        sequence: u64,
        /// Changes that may be in flight.
        window: u64,
    },
    /// The history no longer reaches back that far.
    #[error("the history before revision {first} is gone")]
    Compacted {
        /// The oldest revision after which a watch may resume.
        first: Revision,
    },
    /// The store was opened with settings that contradict its own.
    #[error("the store exists with other settings: {defined:?}, asked for {asked:?}")]
    StoreConflict {
        /// What the opener gave.
        asked: Box<StoreSettingsGiven>,
        /// What the store has.
        defined: Box<StoreSettings>,
    },
    /// No store of that name, and stores are not made on first use.
    #[error("there is no store of that name")]
    StoreNotFound,
    /// A setting of a store is out of its range.
    #[error("the store's setting {setting} is out of range")]
    SettingsRefused {
        /// The setting's name.
        setting: &'static str,
    },
    /// A command that only the other class of store knows.
    #[error("this class of store has no such command")]
    WrongClass,
    /// The command belongs to a newer feature level than the group's.
    #[error("feature level {level} is not one of this build (up to {newest})")]
    FeatureLevelUnknown {
        /// The level asked for.
        level: u32,
        /// The newest level known here.
        newest: u32,
    },
}
