//! What a log entry asks the machine to do.

use crate::chosen::{Touches, Victims};
use crate::hash::Slot;
use crate::settings::{Revision, StoreId, StoreSettings};
use crate::time::{Expiry, Timestamp};

/// One command of a log entry.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// A change of a store's entries.
    InStore {
        /// The store.
        store: StoreId,
        /// Where a change without a key applies (see [`Change::Clear`]); with a key, the key decides.
        slot: Slot,
        /// Whose change it is, for dedupe. `None`: nobody will ask again.
        session: Option<SessionTag>,
        /// The change.
        change: Change<'a>,
    },
    /// A change of the group itself.
    Group(GroupCommand<'a>),
}

/// Names one change of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTag {
    /// The session, opened by [`GroupCommand::OpenSession`].
    pub session: u128,
    /// The change's number, from 1.
    pub sequence: u64,
    /// The session has seen the outcomes of all changes before this one.
    pub first_unacknowledged: u64,
}

/// What must hold of the key for a change to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// There is no such entry.
    Absent,
    /// There is one.
    Present,
    /// There is one of exactly this version.
    Version(Revision),
}

/// Some of a store's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRange<'a> {
    /// All.
    All,
    /// Those that begin so.
    Prefix(&'a [u8]),
    /// Those from `first` on, before `end`.
    Range {
        /// First key, included.
        first: &'a [u8],
        /// The key that ends the range, not included; `None`: no end.
        end: Option<&'a [u8]>,
    },
}

impl KeyRange<'_> {
    /// Whether the key is one of these.
    #[must_use]
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        match *self {
            KeyRange::All => true,
            KeyRange::Prefix(prefix) => key.starts_with(prefix),
            KeyRange::Range { first, end } => key >= first && end.is_none_or(|end| key < end),
        }
    }
}

/// A change of a store's entries.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Writes value and expiry.
    Put {
        /// The key.
        key: &'a [u8],
        /// The value, copied.
        value: &'a [u8],
        /// All expiry settings; none: the store's default.
        expiry: Expiry,
        /// When to write.
        condition: Condition,
        /// Eviction passes the entry by.
        never_evict: bool,
        /// Gives the entry that was there back.
        return_previous: bool,
    },
    /// Removes the entry.
    Delete {
        /// The key.
        key: &'a [u8],
        /// When to remove.
        condition: Condition,
        /// Gives the entry that was there back.
        return_previous: bool,
    },
    /// Replaces all expiry settings; [`Expiry::NONE`] lets the entry live for good.
    SetExpiry {
        /// The key.
        key: &'a [u8],
        /// The new settings.
        expiry: Expiry,
        /// When to replace them.
        condition: Condition,
    },
    /// Slides the entry now, as a read does, but logged.
    Refresh {
        /// The key.
        key: &'a [u8],
    },
    /// Adds to a decimal number. Out of bounds or not a number: nothing changes.
    Increment {
        /// The key.
        key: &'a [u8],
        /// What to add.
        delta: i64,
        /// Smallest result.
        minimum: i64,
        /// Largest result.
        maximum: i64,
        /// The value before, of an entry that does not exist.
        initial: i64,
        /// The expiry of an entry that does not exist (none: the store's default).
        expiry: Expiry,
        /// Gives `expiry` to an existing entry too, which else keeps its own (and slides).
        reset_expiry: bool,
    },
    /// Removes a range of keys.
    ///
    /// Coordination stores: all at once, `through` and `limit` do not matter. Cache stores: all
    /// keys at once (their memory is freed by [`Change::Sweep`]); a prefix or range in steps of
    /// `limit` entries in scan order from the command's slot on, which leave what was written
    /// after revision `through` (0: after this command). The outcome says whether there are
    /// `more` and at which slot to go on.
    Clear {
        /// The keys.
        range: KeyRange<'a>,
        /// The newest version that is removed; 0 removes every version.
        through: Revision,
        /// Most entries removed by this step.
        limit: u32,
    },
    /// The leader's: reads have kept these entries alive.
    Touch {
        /// Entries and the access to log; one that was changed since it was chosen is passed by.
        touches: Touches<'a>,
    },
    /// The leader's: removes entries that are due.
    Expire {
        /// The leader's clock.
        up_to: Timestamp,
        /// Most entries removed.
        limit: u32,
    },
    /// The leader's: removes these entries, if they are still the ones it chose.
    Evict {
        /// The chosen ones, see [`crate::Machine::victims`].
        victims: Victims<'a>,
    },
    /// Frees memory of entries that a clear has hidden. Changes nothing that anybody can see.
    Sweep {
        /// Most entries freed.
        limit: u32,
    },
}

impl<'a> Change<'a> {
    /// The key that the change is about, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        match *self {
            Change::Put { key, .. }
            | Change::Delete { key, .. }
            | Change::SetExpiry { key, .. }
            | Change::Refresh { key }
            | Change::Increment { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether its outcome gives the former entry back.
    #[must_use]
    #[inline]
    pub fn returns_previous(&self) -> bool {
        matches!(
            self,
            Change::Put {
                return_previous: true,
                ..
            } | Change::Delete {
                return_previous: true,
                ..
            }
        )
    }
}

/// A change of the group itself.
#[derive(Clone, Copy, Debug)]
pub enum GroupCommand<'a> {
    /// Makes a store known to the group; again with the same settings: nothing.
    DefineStore {
        /// Its id, given by the meta group.
        id: StoreId,
        /// Its full name `tenant/name`.
        name: &'a str,
        /// Its settings.
        settings: StoreSettings,
    },
    /// Opens a session; again: nothing.
    OpenSession {
        /// A random 128-bit secret.
        session: u128,
    },
    /// Ends a session and forgets its outcomes.
    CloseSession {
        /// The session.
        session: u128,
    },
    /// Changes what the group does with a slot.
    SetSlot {
        /// The slot.
        slot: Slot,
        /// The new ownership.
        ownership: Ownership,
        /// The number of this change of owner; an older one than the slot's own is ignored.
        epoch: u64,
        /// The group's revision is raised to this first (the source's, when importing).
        revision: Revision,
    },
    /// Lets apply use what a feature level brings.
    RaiseFeatureLevel {
        /// The level.
        level: u32,
    },
    /// The group begins, or begins again without its past; an epoch that is not newer: nothing.
    BeginEpoch {
        /// The epoch, given by the meta group.
        epoch: u64,
        /// The revision is raised to this first: the wall clock in microseconds. So versions and fencing
        /// tokens grow over epochs, and one from before a loss matches nothing.
        revision: Revision,
    },
    /// Changes this group's share of a cache store's budget.
    SetBudget {
        /// The store.
        store: StoreId,
        /// The share in bytes.
        bytes: u64,
    },
    /// Keeps a history of a cache store, or stops to. Coordination stores always have one.
    WatchHistory {
        /// The store.
        store: StoreId,
        /// Whether to keep one.
        on: bool,
    },
}

/// What a group does with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Nothing: another group has it.
    Foreign,
    /// Serves it.
    Owned,
    /// Receives its entries; serves nobody.
    Importing,
    /// Gives it away; serves nobody.
    Sealed,
}
