//! What writes logs to disk.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use holdfast_state::GroupId;

/// Called when a write is on disk, or has failed.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;
/// Called with what was read.
pub(crate) type Reply<T> = Box<dyn FnOnce(io::Result<T>) + Send>;

/// The disk under all durable groups of a node: one writer, which takes what waits in one batch.
///
/// Orders of one group take effect in the order in which they were given; a read sees every write before it. After the
/// first failure everything fails: what is on disk is then not known.
pub(crate) trait LogDisk: Send + Sync + 'static {
    /// Writes; `done` is called, from any thread, once it would survive a crash.
    fn write(&self, group: GroupId, write: LogWrite, done: Done);

    /// Reads records from `first` on, before `end`: at least one if there is one, then while they stay within
    /// `byte_limit`.
    fn read(&self, group: GroupId, first: u64, end: u64, byte_limit: usize, reply: Reply<Vec<Bytes>>);

    /// What is there of a group.
    fn recover(&self, group: GroupId, reply: Reply<Recovered>);
}

/// A write to one group's part of the disk. A node that is alone needs only some of them.
#[cfg_attr(
    not(feature = "disk"),
    expect(dead_code, reason = "replicas write the others")
)]
#[derive(Clone, Debug)]
pub(crate) enum LogWrite {
    /// Entries that follow each other, in place of everything from the first one's index on.
    Append {
        /// The records; each has its index in it.
        records: Vec<Bytes>,
    },
    /// Removes the records from an index on.
    Truncate {
        /// The first index removed.
        from: u64,
    },
    /// Removes the records up to an index, and keeps a note of it.
    Purge {
        /// The last index removed.
        through: u64,
        /// A note's name and value.
        note: (&'static str, Bytes),
    },
    /// Keeps a value under a name.
    Note {
        /// Its name.
        name: &'static str,
        /// The value.
        value: Bytes,
        /// It may be lost in a crash; it reaches the disk with a later write.
        lazy: bool,
    },
    /// Removes everything of the group.
    Forget,
}

/// What is on disk of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovered {
    /// Values by name.
    pub(crate) notes: BTreeMap<String, Bytes>,
    /// The first and the last index of its records.
    pub(crate) span: Option<(u64, u64)>,
}
