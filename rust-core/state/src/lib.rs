//! Holdfast's replicated state machine: pure and deterministic.
//!
//! A [`Machine`] is the state of one group. Time comes in as an argument, randomness not at all;
//! nothing here waits, reads a clock, does I/O or starts a thread. Machines of equal state that are
//! given equal commands stay equal, byte for byte of their snapshots.
//!
//! ```text
//! Machine ─ stores: Store ─ shards (1, or 16 in cache stores): RwLock<SubMap>
//!         │                 │   table: hash → id       slab: id → EntryRef
//!         │                 │   wheel: deadline → id   queues: whom to evict   index: key → EntryRef
//!         │                 └ history of events
//!         ├ slots  ├ sessions and outcomes  └ revision, applied stamp, feature level
//! ```

mod change;
mod chosen;
mod clear;
mod codec;
mod command;
mod command_codec;
mod entry;
mod error;
mod event;
mod eviction;
mod expiry;
mod hash;
mod history;
mod index;
mod limits;
mod log_entry;
mod machine;
mod meta;
#[doc(hidden)]
pub mod mutant;
mod outcome;
mod query;
mod read;
mod recorder;
mod restore;
mod room;
mod session;
mod settings;
mod slab;
mod slots;
mod snapshot;
mod snapshot_sessions;
mod store;
mod submap;
mod time;
mod validate;
mod view;
mod wheel;

pub use chosen::{KeyVersion, TouchedEntry, Touches, Victims};
pub use codec::SnapshotError;
pub use command::{Change, Command, Condition, GroupCommand, KeyRange, Ownership, SessionTag};
pub use entry::EntryRef;
pub use error::StateError;
pub use event::{Event, EventKind, EventSink, NoEvents};
pub use expiry::DueWork;
pub use hash::{KeyHash, Slot};
pub use limits::{
    FEATURE_LEVEL, HISTORY_BYTES, MAX_BATCH, MAX_KEY, MAX_TTL_MS, MAX_VALUE, SESSION_OUTCOME_BYTES,
    SESSION_WINDOW, SLOTS,
};
pub use log_entry::{EntryWriter, LOG_FORMAT, LogEntry, LogError};
pub use machine::{Machine, MachineConfig};
pub use meta::cluster::{
    Cluster, ClusterNode, ClusterSettings, GroupId, GroupPlacement, Member, NodeDescription, NodeId,
    ReplicaId, SlotPlacement,
};
pub use meta::command::{MetaCommand, MetaError, MetaOutcome};
pub use meta::{DefinedStore, MetaMachine};
pub use outcome::{EntryView, Found, Outcome, Page, Read, ScanPosition, Standing, StoreStats};
pub use query::Query;
pub use restore::SnapshotReader;
pub use session::{Arrival, Arrived, SessionHandle};
pub use settings::{Eviction, GroupKind, Revision, StoreClass, StoreId, StoreSettings, StoreSettingsGiven};
pub use store::Store;
pub use time::{Expiry, Moment, Timestamp};
pub use validate::BrokenInvariant;
pub use view::{MachineView, ViewGivenUp};
