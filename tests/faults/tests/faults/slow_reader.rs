//! A client that asks for much and reads nothing.

use std::time::Duration;

use holdfast_faults::{Load, LoadOptions, NodeProcess, RawSession};
use holdfast_proto::session::{Operation, StoreClass};

use crate::common::{LONG, MARGIN, connect, epoch, request};

const VALUE: usize = 1 << 20;
const ASKED: usize = 600;
/// The bound of one connection's replies, what the kernel takes, and room for the noise of an allocator.
const MOST_GROWTH: u64 = 120 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_costs_bounded_memory_and_is_cut_with_a_reason() {
    let node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("read?class=cache")).await;
    let epoch = epoch(&client).await;
    let put = client
        .call_within(Some(LONG), request(Operation::Put), b"big", &vec![1; VALUE])
        .await;
    put.expect("there is room");
    let options = LoadOptions {
        tasks: 8,
        timeout: Duration::from_secs(5),
        pause: Duration::from_millis(10),
    };
    let load = Load::start(&client, options);
    load.succeeds(200).await;

    let before = node.facts().resident();
    node.facts().forget_peak();
    let (mut slow, _) = RawSession::welcomed(node.address(), 77).await;
    let store = slow.open_store("read", StoreClass::Cache).await;
    let asking = async {
        for _ in 0..ASKED {
            let mut get = request(Operation::Get);
            get.store = store;
            // The node stops reading, or cuts the connection, at some point.
            if slow.request(get, b"big", b"").await.is_err() {
                break;
            }
        }
    };
    let cut = node.metric_reaches("holdfast_slow_readers_cut_total", 1.0);
    tokio::join!(asking, cut);

    let grown = node.facts().peak().saturating_sub(before);
    println!("a client that never reads cost {} KiB at most", grown >> 10);
    assert!(
        grown < MOST_GROWTH,
        "memory grew by {grown} bytes for {ASKED} times {VALUE} bytes"
    );
    assert_eq!(load.journal().failed(), 0, "{}", load.journal());
    load.journal().check(MARGIN);
    load.check(&[epoch], 0).await;
    slow.heard_to_the_end().await;
}
