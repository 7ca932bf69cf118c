//! A disk without room, in a process of its own.

use std::path::Path;
use std::process::Command;

use holdfast_replication::raft::GroupLimits;
use tempfile::TempDir;

use crate::{Alone, WAIT};

/// The limit is in blocks of 512 bytes.
const SCRIPT: &str = "trap '' XFSZ; ulimit -f 256; exec \"$0\" --exact full::writes_until_there_is_no_room --ignored --nocapture";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn a_replica_without_room_on_its_disk_stops_and_keeps_what_it_acknowledged() {
    let directory = TempDir::new().unwrap();
    let done = Command::new("sh")
        .args(["-c", SCRIPT])
        .arg(std::env::current_exe().unwrap())
        .env("HOLDFAST_TEST_DIRECTORY", directory.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "{output}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let acknowledged: usize = output
        .lines()
        .find_map(|line| line.strip_prefix("acknowledged "))
        .expect("it says how many")
        .parse()
        .unwrap();
    assert!(acknowledged > 0);
    let node = Alone::start(directory.path(), GroupLimits::default())
        .await
        .unwrap();
    node.leads().await;
    let applied = node.group.machine().applied();
    let wanted: Vec<String> = (0..applied.len()).map(command).collect();
    assert_eq!(applied, wanted);
    // The one that failed may be there.
    assert!((acknowledged..=acknowledged + 1).contains(&applied.len()));
    node.put("room again").await.unwrap();
    node.end().await;
}

fn command(number: usize) -> String {
    format!("{number:02000}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by another test, with a limit on files"]
async fn writes_until_there_is_no_room() {
    let Some(directory) = std::env::var_os("HOLDFAST_TEST_DIRECTORY") else {
        return;
    };
    let node = Alone::begun(Path::new(&directory), GroupLimits::default()).await;
    let mut number = 0;
    while node.put(&command(number)).await.is_ok() {
        number += 1;
        assert!(number < 10_000, "the limit does not work");
    }
    let mut status = node.group.watch();
    let failed = status.wait_for(|status| status.failed.is_some());
    tokio::time::timeout(WAIT, failed)
        .await
        .expect("in time")
        .expect("it says why");
    assert!(node.put("refused").await.is_err());
    println!("acknowledged {number}");
    node.end().await;
}
