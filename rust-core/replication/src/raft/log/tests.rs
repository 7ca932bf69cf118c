//! openraft's own tests of storage, on each log.

use std::sync::Arc;

use bytes::Bytes;
use holdfast_state::Timestamp;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tokio::sync::{Notify, watch};

use super::MemoryLog;
use crate::raft::adapter::{Adapter, SnapshotHome};
use crate::raft::machine::{GroupMachine, MachineError, SnapshotView};
use crate::raft::types::Types;

/// Holds nothing: the tests look at logs.
struct Nothing;

impl GroupMachine for Nothing {
    type Outcome = ();

    fn apply(&self, _index: u64, _entry: &Bytes) -> Result<Vec<()>, MachineError> {
        Ok(Vec::new())
    }

    fn applied_at(&self) -> Timestamp {
        Timestamp(0)
    }

    fn state_bytes(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> Result<SnapshotView, MachineError> {
        Ok(SnapshotView::whole(Bytes::from_static(b"nothing")))
    }

    fn restore(&self, snapshot: &[Bytes]) -> Result<(), MachineError> {
        assert_eq!(snapshot.concat(), b"nothing");
        Ok(())
    }
}

fn adapter(home: SnapshotHome) -> Adapter<Nothing> {
    Adapter::new(
        Arc::new(Nothing),
        home,
        None,
        watch::Sender::new(0),
        Arc::new(Notify::new()),
    )
}

struct InMemory;

impl StoreBuilder<Types, MemoryLog, Adapter<Nothing>> for InMemory {
    async fn build(&self) -> Result<((), MemoryLog, Adapter<Nothing>), StorageError<Types>> {
        Ok(((), MemoryLog::default(), adapter(SnapshotHome::Memory)))
    }
}

#[tokio::test]
async fn a_log_in_memory_is_what_openraft_expects() {
    Suite::test_all(InMemory).await.unwrap();
}

#[cfg(feature = "disk")]
mod on_disk {
    use holdfast_state::{GroupId, ReplicaId};
    use tempfile::TempDir;

    use super::*;
    use crate::raft::address::ClusterId;
    use crate::raft::data_directory::DataDirectory;
    use crate::raft::log::durable::DurableLog;

    struct OnDisk;

    type Guard = (DataDirectory, TempDir);

    impl StoreBuilder<Types, DurableLog, Adapter<Nothing>, Guard> for OnDisk {
        async fn build(&self) -> Result<(Guard, DurableLog, Adapter<Nothing>), StorageError<Types>> {
            let directory = TempDir::new().unwrap();
            let data = DataDirectory::open(directory.path()).await.unwrap();
            let (log, files) = data
                .open_group(GroupId(3), ReplicaId(1), Some(ClusterId(7)))
                .await
                .unwrap();
            Ok(((data, directory), log, adapter(SnapshotHome::Files(files))))
        }
    }

    #[tokio::test]
    async fn a_log_on_disk_is_what_openraft_expects() {
        Suite::test_all(OnDisk).await.unwrap();
    }
}
