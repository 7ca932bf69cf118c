//! What a group on disk keeps over restarts, crashes and damage.
#![cfg(feature = "disk")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, ClusterTiming, DataDirectory, GroupLimits, GroupLog, GroupOptions, LocalNetwork, Peers,
    RaftGroup, ReplicaAddress, StartError,
};
use holdfast_state::{GroupId, NodeId, ReplicaId};
use tempfile::TempDir;

#[path = "durable/again.rs"]
mod again;
#[path = "durable/full.rs"]
mod full;
#[expect(dead_code, reason = "nobody moves a leadership here")]
#[path = "groups/list.rs"]
mod list;
#[path = "durable/three.rs"]
mod three;

use list::List;

const GROUP: GroupId = GroupId(2);
const WAIT: Duration = Duration::from_secs(20);

/// A node that is its group's only replica.
struct Alone {
    data: DataDirectory,
    peers: Peers,
    group: RaftGroup<List>,
}

impl Alone {
    async fn start(path: &Path, limits: GroupLimits) -> Result<Alone, String> {
        Alone::start_replica(path, ReplicaId(1), limits).await
    }

    async fn start_replica(path: &Path, replica: ReplicaId, limits: GroupLimits) -> Result<Alone, String> {
        let data = DataDirectory::open(path)
            .await
            .map_err(|error| error.to_string())?;
        let peers = Peers::in_process(&LocalNetwork::default(), "alone");
        peers.set_cluster(ClusterId(7));
        match start_group(&data, &peers, replica, limits).await {
            Ok(group) => Ok(Alone { data, peers, group }),
            Err(error) => {
                data.close().await;
                Err(error.to_string())
            }
        }
    }

    async fn begun(path: &Path, limits: GroupLimits) -> Alone {
        let alone = Alone::start(path, limits)
            .await
            .expect("an empty directory will do");
        let address = ReplicaAddress {
            node: NodeId(1),
            peer_address: "alone".to_owned(),
            ..ReplicaAddress::default()
        };
        alone
            .group
            .initialize(BTreeMap::from([(ReplicaId(1), address)]))
            .await
            .unwrap();
        alone.leads().await;
        alone
    }

    async fn leads(&self) {
        let mut status = self.group.watch();
        let leads = status.wait_for(|status| status.ready);
        tokio::time::timeout(WAIT, leads)
            .await
            .expect("in time")
            .expect("it runs");
    }

    async fn put(&self, command: &str) -> Result<(), String> {
        let proposed = self
            .group
            .propose(Bytes::from(command.to_owned()))
            .map_err(|error| error.to_string())?;
        proposed.await.map(drop).map_err(|error| error.to_string())
    }

    async fn end(self) {
        self.group.stop().await;
        drop(self.peers);
        self.data.close().await;
    }
}

async fn start_group(
    data: &DataDirectory,
    peers: &Peers,
    replica: ReplicaId,
    limits: GroupLimits,
) -> Result<RaftGroup<List>, StartError> {
    let mut options = GroupOptions::new(GROUP, replica, Arc::new(List::default()), peers.clone());
    options.timing = ClusterTiming::FAST;
    options.log = GroupLog::Disk(data.clone());
    options.limits = limits;
    RaftGroup::start(options).await
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{number:0100}")).collect()
}

fn log_files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(path.join("log"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "raftlog"))
        .collect();
    files.sort();
    files
}

/// The place of the last occurrence of some bytes.
fn last_place(content: &[u8], wanted: &[u8]) -> usize {
    content
        .windows(wanted.len())
        .rposition(|window| window == wanted)
        .expect("it is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_change_is_there_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let mut node = Alone::begun(directory.path(), GroupLimits::default()).await;
    let all = numbers(0..120);
    for commands in all.chunks(40) {
        for command in commands {
            node.put(command).await.unwrap();
        }
        node.end().await;
        node = Alone::start(directory.path(), GroupLimits::default())
            .await
            .unwrap();
        node.leads().await;
    }
    assert_eq!(node.group.machine().applied(), all);
    assert!(node.group.now().0 >= node.group.machine().state().at);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_begins_with_the_snapshot_and_goes_on_with_the_log() {
    let directory = TempDir::new().unwrap();
    let limits = GroupLimits {
        log_bytes: 8_000,
        ..GroupLimits::default()
    };
    let node = Alone::begun(directory.path(), limits.clone()).await;
    let all = numbers(0..300);
    for command in &all {
        node.put(command).await.unwrap();
    }
    let cut = async {
        while node.group.log_bytes() > 30_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, cut).await.expect("the log is cut");
    assert!(directory.path().join("snapshots/2").exists());
    node.end().await;
    let node = Alone::start(directory.path(), limits).await.unwrap();
    node.leads().await;
    assert_eq!(node.group.machine().applied(), all);
    node.put("after").await.unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_tail_loses_only_what_was_not_acknowledged() {
    let directory = TempDir::new().unwrap();
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    let all = numbers(0..50);
    for command in &all {
        node.put(command).await.unwrap();
    }
    node.end().await;
    // As a crash in the middle of a further write leaves it.
    let file = log_files(directory.path()).pop().unwrap();
    let mut content = std::fs::read(&file).unwrap();
    let end = last_place(&content, b"HfBatch\x01") + 24 + 4;
    let torn = content[end - 120..end - 60].to_vec();
    content.truncate(end);
    content.extend_from_slice(&torn);
    std::fs::write(&file, &content).unwrap();
    for _ in 0..3 {
        let node = Alone::start(directory.path(), GroupLimits::default())
            .await
            .unwrap();
        node.leads().await;
        assert_eq!(node.group.machine().applied(), all);
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_what_was_acknowledged_is_refused() {
    let directory = TempDir::new().unwrap();
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    let all = numbers(0..50);
    for command in &all {
        node.put(command).await.unwrap();
    }
    node.end().await;
    let file = log_files(directory.path()).pop().unwrap();
    let content = std::fs::read(&file).unwrap();
    for wanted in [&all[0], &all[25], &all[49]] {
        let place = last_place(&content, wanted.as_bytes()) + 50;
        let mut flipped = content.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&file, &flipped).unwrap();
        let refused = Alone::start(directory.path(), GroupLimits::default()).await.err();
        assert!(refused.is_some(), "bit flipped in {wanted} and nobody noticed");
        for path in log_files(directory.path()) {
            std::fs::remove_file(path).unwrap();
        }
        std::fs::write(&file, &content).unwrap();
    }
    let node = Alone::start(directory.path(), GroupLimits::default())
        .await
        .unwrap();
    node.leads().await;
    assert_eq!(node.group.machine().applied(), all);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_snapshot_is_refused() {
    let directory = TempDir::new().unwrap();
    let limits = GroupLimits {
        log_bytes: 8_000,
        ..GroupLimits::default()
    };
    let node = Alone::begun(directory.path(), limits.clone()).await;
    for command in numbers(0..200) {
        node.put(&command).await.unwrap();
    }
    let path = directory.path().join("snapshots/2");
    let made = async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, made)
        .await
        .expect("a snapshot is made");
    node.end().await;
    let content = std::fs::read(&path).unwrap();
    for place in [3, 12, 40, content.len() / 2, content.len() - 1] {
        let mut flipped = content.clone();
        flipped[place] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let refused = Alone::start(directory.path(), limits.clone()).await.err();
        assert!(refused.is_some(), "byte {place} flipped and nobody noticed");
    }
    std::fs::write(&path, &content[..content.len() - 10]).unwrap();
    assert!(Alone::start(directory.path(), limits.clone()).await.is_err());
    std::fs::write(&path, &content).unwrap();
    let node = Alone::start(directory.path(), limits).await.unwrap();
    node.leads().await;
    assert_eq!(node.group.machine().applied(), numbers(0..200));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_another_cluster_or_process_is_refused() {
    let directory = TempDir::new().unwrap();
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    let second = DataDirectory::open(directory.path())
        .await
        .err()
        .expect("it is in use");
    assert!(second.to_string().contains("another process uses"), "{second}");
    node.end().await;
    let data = DataDirectory::open(directory.path()).await.unwrap();
    let peers = Peers::in_process(&LocalNetwork::default(), "alone");
    peers.set_cluster(ClusterId(8));
    let refused = start_group(&data, &peers, ReplicaId(1), GroupLimits::default())
        .await
        .err()
        .expect("another cluster's");
    assert!(refused.to_string().contains("another cluster"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_group_begins_anew_and_notes_stay() {
    let directory = TempDir::new().unwrap();
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    node.put("old").await.unwrap();
    node.data
        .set_note("identity", Bytes::from_static(b"n1"))
        .await
        .unwrap();
    node.end().await;
    let data = DataDirectory::open(directory.path()).await.unwrap();
    assert!(data.has_group(GROUP).await.unwrap());
    data.forget(GROUP).await.unwrap();
    data.close().await;
    drop(data);
    let data = DataDirectory::open(directory.path()).await.unwrap();
    assert!(!data.has_group(GROUP).await.unwrap());
    assert_eq!(data.note("identity").await.unwrap().as_deref(), Some(&b"n1"[..]));
    data.close().await;
    drop(data);
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    assert!(node.group.machine().applied().is_empty());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_stops_the_replica_and_acknowledges_nothing_more() {
    let directory = TempDir::new().unwrap();
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    node.put("acknowledged").await.unwrap();
    // Nothing is written any more, as after a failed sync.
    node.data.close().await;
    assert!(node.put("lost").await.is_err());
    let mut status = node.group.watch();
    let failed = status.wait_for(|status| status.failed.is_some());
    tokio::time::timeout(WAIT, failed)
        .await
        .expect("in time")
        .expect("it says why");
    assert_eq!(node.group.machine().applied(), ["acknowledged"]);
    node.end().await;
    let node = Alone::start(directory.path(), GroupLimits::default())
        .await
        .unwrap();
    node.leads().await;
    assert_eq!(node.group.machine().applied(), ["acknowledged"]);
    node.end().await;
}
