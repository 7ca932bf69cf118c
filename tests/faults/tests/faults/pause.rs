//! A node that is frozen and goes on later, as if nothing had been.

use std::time::Duration;

use holdfast_faults::{Load, LoadOptions, NodeProcess};
use holdfast_proto::Code;

use crate::common::{MARGIN, connect, epoch, for_a_while};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_to_a_frozen_node_end_at_their_deadlines_and_nothing_is_applied_twice_when_it_goes_on() {
    freeze(Duration::from_secs(2), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_a_node_frozen_for_ten_seconds_goes_on_without_applying_anything_twice() {
    freeze(Duration::from_secs(10), 3).await;
}

async fn freeze(time: Duration, times: usize) {
    let node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("pauses")).await;
    let before = epoch(&client).await;
    let options = LoadOptions {
        timeout: Duration::from_millis(400),
        ..LoadOptions::default()
    };
    let load = Load::start(&client, options);
    for _ in 0..times {
        load.succeeds(1_000).await;
        node.pause();
        load.fails(64 * 2).await;
        for_a_while(time).await;
        node.resume();
    }
    load.succeeds(1_000).await;
    load.journal().check(MARGIN);
    assert!(
        load.journal().failed_with(Code::Timeout) > 0,
        "requests were sent"
    );
    assert_eq!(epoch(&client).await, before, "it is the same node still");
    load.check(&[before], 0).await;
}
