//! A node that keeps everything in memory dies and comes back without its past.

use std::time::Duration;

use holdfast_client::remote::ConnectionState;
use holdfast_faults::{Load, LoadOptions, NodeProcess};
use holdfast_proto::Code;

use crate::common::{MARGIN, connect, epoch, get, new_epoch, put, replace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_under_load_leaves_no_call_hanging_and_no_increment_applied_twice() {
    kill_under_load(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_a_node_killed_twenty_times_leaves_no_call_hanging_and_no_increment_applied_twice() {
    kill_under_load(20).await;
}

async fn kill_under_load(times: usize) {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("kills")).await;
    let mut states = client.states();
    let mut epochs = vec![epoch(&client).await];
    let load = Load::start(&client, LoadOptions::default());
    load.succeeds(1_000).await;
    let mut phase = 0;
    for _ in 0..times {
        phase = load.next_phase();
        node.kill().await;
        load.fails(64).await;
        node.restart().await;
        epochs.push(new_epoch(&mut states).await);
        load.succeeds(1_000).await;
    }
    assert!(
        epochs.is_sorted_by(|before, after| before < after),
        "epochs rise: {epochs:?}"
    );
    load.journal().check(MARGIN);
    load.check(&epochs, phase).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_without_its_past_the_client_is_told_and_no_version_from_before_matches() {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("versions")).await;
    let before = epoch(&client).await;
    let mut states = client.states();
    let old = put(&client, "key", "before").await;
    assert!(replace(&client, "key", "before, replaced", old).await);

    node.kill().await;
    node.restart().await;
    let after = new_epoch(&mut states).await;
    assert!(after > before);
    assert_eq!(get(&client, "key").await, None);
    assert!(!replace(&client, "key", "of an old version", old).await);

    let new = put(&client, "key", "after").await;
    assert!(new > old, "versions go on growing: {old}, then {new}");
    assert!(!replace(&client, "key", "of an old version", old).await);
    assert_eq!(get(&client, "key").await.as_deref(), Some(&b"after"[..]));
    assert!(replace(&client, "key", "of the new version", new).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_connected_to_nobody_says_so_and_why() {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("states")).await;
    let mut states = client.states();
    node.kill().await;
    let change = loop {
        let change = states.recv().await.expect("the client lives");
        if change.state == ConnectionState::Disconnected {
            break change;
        }
    };
    assert!(!change.reason.is_empty(), "{change:?}");
    assert_eq!(change.address, node.address().to_string());

    let get = crate::common::request(holdfast_proto::session::Operation::Get);
    let error = client
        .call_within(Some(Duration::from_millis(300)), get, b"key", b"")
        .await
        .unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert!(
        error.message.contains(&node.address().to_string()),
        "the endpoint is named: {error}"
    );
}
