//! What a node keeps on disk: one log for all of its durable groups, and each group's newest snapshot.

mod directory;
mod engine_disk;
mod log_disk;
pub(crate) mod record;
mod seals;
#[cfg(feature = "simulation")]
mod simulated;
mod snapshot_file;
mod worker;

use std::io;

pub(crate) use directory::Directory;
#[cfg(feature = "disk")]
pub(crate) use log_disk::Done;
pub(crate) use log_disk::{LogDisk, LogWrite, Recovered};
#[cfg(feature = "disk")]
pub(crate) use snapshot_file::SnapshotFile;
pub(crate) use snapshot_file::SnapshotFiles;

/// What is on disk is not what was written there.
pub(crate) fn damaged(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

/// The disk is not written any more.
pub(crate) fn stopped() -> io::Error {
    io::Error::other("the log's thread has stopped")
}

/// A name is on disk when its directory is. Elsewhere than on Unix directories cannot be synced, and need not be.
pub(crate) fn sync_directory(directory: &std::path::Path) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(directory)?.sync_all()?;
    let _ = directory;
    Ok(())
}
