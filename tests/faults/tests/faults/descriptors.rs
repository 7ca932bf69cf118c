//! A node that has no file descriptor left.

use std::time::Duration;

use holdfast_faults::{Load, LoadOptions, NodeProcess, RawSession, eventually};
use tokio::net::TcpStream;

use crate::common::{LONG, MARGIN, connect, epoch, for_a_while};

const FREE: u64 = 20;
const WATCHED: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_a_node_serves_who_is_there_idles_and_accepts_again_later() {
    let node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("descriptors")).await;
    let epoch = epoch(&client).await;
    node.limit_descriptors(node.facts().descriptors() as u64 + FREE);
    let mut crowd = Vec::new();
    // The kernel accepts more for the node than the node can take.
    for _ in 0..FREE * 3 {
        crowd.push(
            TcpStream::connect(node.address())
                .await
                .expect("the backlog has room"),
        );
    }
    eventually(LONG, "the node says what is the matter", || async {
        (node.has_logged("descriptor") || node.has_logged("open files")).then_some(())
    })
    .await;

    let before = node.facts().cpu_time();
    for_a_while(WATCHED).await;
    let used = node.facts().cpu_time() - before;
    println!("{used:?} of processor time in {WATCHED:?} without descriptors");
    assert!(used < WATCHED / 4, "it turns in circles: {used:?} of {WATCHED:?}");

    let options = LoadOptions {
        tasks: 4,
        timeout: Duration::from_secs(5),
        ..LoadOptions::default()
    };
    let load = Load::start(&client, options);
    load.succeeds(400).await;
    assert_eq!(load.journal().failed(), 0, "{}", load.journal());

    drop(crowd);
    let (mut session, _) = RawSession::welcomed(node.address(), 5).await;
    session
        .open_store("again", holdfast_proto::session::StoreClass::Cache)
        .await;
    load.journal().check(MARGIN);
    load.check(&[epoch], 0).await;
}
