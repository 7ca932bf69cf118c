//! A node that is asked to stop finishes what it has accepted.

use std::time::Duration;

use holdfast_faults::{Load, LoadOptions, NodeProcess, free_port};
use holdfast_proto::session::Operation;
use holdfast_proto::{Code, Outcome};
use tokio::time::Instant;

use crate::common::{MARGIN, connect, epoch, new_epoch, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_under_load_loses_nothing_it_acknowledged_and_leaves_no_outcome_unknown() {
    let mut node = NodeProcess::start(&[]).await;
    // The second node is absent all the time.
    let hosts = format!("holdfast://{},127.0.0.1:{}/stops", node.address(), free_port());
    let client = connect(&hosts).await;
    let mut states = client.states();
    let mut epochs = vec![epoch(&client).await];
    let load = Load::start(&client, LoadOptions::default());
    let mut phase = 0;
    for _ in 0..2 {
        load.succeeds(1_000).await;
        phase = load.next_phase();
        node.ask_to_stop();
        assert_eq!(node.stopped().await.code(), Some(0), "{}", node.log());
        load.fails(64).await;
        refused_in_time(&client).await;
        node.restart().await;
        epochs.push(new_epoch(&mut states).await);
    }
    load.succeeds(1_000).await;
    load.journal().check(MARGIN);
    let (unknown, summary) = (load.journal().unknown(), load.journal().to_string());
    load.check(&epochs, phase).await;
    assert_eq!(unknown, 0, "a stop leaves no outcome unknown: {summary}");
}

async fn refused_in_time(client: &holdfast_client::remote::AsyncClient) {
    let timeout = Duration::from_millis(300);
    let began = Instant::now();
    let put = client
        .call_within(Some(timeout), request(Operation::Put), b"late", b"value")
        .await;
    let error = put.unwrap_err();
    assert_eq!(
        (error.code, error.outcome),
        (Code::Unavailable, Outcome::NotApplied),
        "{error}"
    );
    assert!(began.elapsed() < timeout + MARGIN, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_node_with_clients_stops_at_once() {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("idle")).await;
    let began = Instant::now();
    node.ask_to_stop();
    assert_eq!(node.stopped().await.code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "clients close when they are told: {:?}",
        began.elapsed()
    );
    client.close().await;
}
