//! What a node inside the process offers to a client. The client never sees how it is made: whoever
//! puts both into one process plugs the node in.

use std::sync::Arc;

use holdfast_proto::Error;
use holdfast_state::{
    Change, EntryRef, EntryView, KeyRange, Outcome, Revision, StoreClass, StoreStats, Timestamp,
};

use crate::settings::{NodeSettings, StoreSettings};

/// Finds or starts nodes of this process.
pub trait EmbeddedHost {
    /// The node that the settings name (the process's own when they name none), started on first use.
    ///
    /// # Errors
    /// `NodeConflict` when it runs with other settings than were given.
    fn open(&self, settings: &NodeSettings) -> Result<Arc<dyn EmbeddedNode>, Error>;
}

/// A node of this process. It lives as long as somebody holds it.
pub trait EmbeddedNode: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Whether all clients of the process share it.
    fn is_shared(&self) -> bool;

    /// The store `tenant/name`, made on first use when `create`, of `default_class` unless `given` says one.
    ///
    /// # Errors
    /// `StoreNotFound`, `StoreConflict`, or `InvalidSetting`.
    fn open_store(
        &self,
        name: &str,
        given: &StoreSettings,
        default_class: StoreClass,
        create: bool,
    ) -> Result<Arc<dyn EmbeddedStore>, Error>;

    /// Moves a manual clock on, and returns after what became due has expired.
    ///
    /// # Errors
    /// `ClockNotManual`.
    fn advance_clock(&self, by_ms: u64) -> Result<Timestamp, Error>;
}

/// One entry of a scan.
pub struct ScanEntry {
    /// The entry; its value counts only when values were asked for.
    pub entry: EntryRef,
    /// Milliseconds until its deadline.
    pub remaining_ms: Option<u64>,
    /// The absolute moment it was put with.
    pub absolute_unix_ms: Option<i64>,
}

/// What a scan asks for.
pub struct ScanRequest<'a> {
    /// Which keys.
    pub range: KeyRange<'a>,
    /// Backwards.
    pub descending: bool,
    /// Without values.
    pub keys_only: bool,
    /// The cursor of the page before, empty at the beginning.
    pub cursor: &'a [u8],
    /// Most entries of this page.
    pub limit: usize,
    /// Most bytes of keys and values of this page (one entry always fits).
    pub byte_limit: usize,
}

/// One page of a scan.
pub struct ScanPage {
    /// Its entries, in the store's order.
    pub entries: Vec<ScanEntry>,
    /// Where the next page begins; `None` when there is no further one.
    pub cursor: Option<Vec<u8>>,
}

/// A store of an embedded node. Everything completes before it returns.
pub trait EmbeddedStore: Send + Sync {
    /// Its settings, all decided.
    fn settings(&self) -> &holdfast_state::StoreSettings;

    /// Shows an entry to `visit` while it is locked in place; false when there is none.
    ///
    /// # Errors
    /// Those of a read: `WrongSlot`, `Internal` after a defect.
    fn get(&self, key: &[u8], slide: bool, visit: &mut dyn FnMut(&EntryView<'_>)) -> Result<bool, Error>;

    /// Reads many keys and shows each, with its index in `keys`, in their order. In a coordination
    /// store all of them are of one moment.
    ///
    /// # Errors
    /// As `get`.
    fn get_many(
        &self,
        keys: &[&[u8]],
        visit: &mut dyn FnMut(usize, Option<&EntryView<'_>>),
    ) -> Result<(), Error>;

    /// Applies one change.
    ///
    /// # Errors
    /// What the state refuses; nothing has changed then.
    fn change(&self, change: &Change<'_>) -> Result<Outcome, Error>;

    /// Counts the entries of a range; those past their deadline do not count.
    ///
    /// # Errors
    /// As `get`.
    fn count(&self, range: &KeyRange<'_>) -> Result<u64, Error>;

    /// Removes the entries of a range: how many there were, and the highest revision of the removal.
    ///
    /// # Errors
    /// As `get`.
    fn clear(&self, range: &KeyRange<'_>) -> Result<(u64, Revision), Error>;

    /// One page of entries.
    ///
    /// # Errors
    /// `InvalidCursor`, and as `get`.
    fn scan(&self, request: &ScanRequest<'_>) -> Result<ScanPage, Error>;

    /// The store's counters.
    fn stats(&self) -> StoreStats;
}
