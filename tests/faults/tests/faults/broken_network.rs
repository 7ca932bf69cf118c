//! What lies between client and node delays, cuts, drops and swallows.

use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_faults::{Behaviour, Cut, Direction, Load, LoadOptions, NodeProcess, Proxy, eventually, within};
use holdfast_proto::session::Operation;
use holdfast_proto::{Code, Outcome};
use tokio::time::Instant;

use crate::common::{LONG, MARGIN, connect, epoch, for_a_while, request};

/// Calls that have all the time that repairs may take, so that none may fail.
const PATIENT: LoadOptions = LoadOptions {
    tasks: 16,
    timeout: Duration::from_secs(20),
    pause: Duration::from_millis(2),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_slow_network_many_calls_are_on_their_way_at_once() {
    let node = NodeProcess::start(&[]).await;
    let proxy = Proxy::start(node.address(), 1).await;
    let client = connect(&proxy.store("delay")).await;
    let epoch = epoch(&client).await;
    proxy.behave(Behaviour {
        delay: Duration::from_millis(50),
        ..Behaviour::default()
    });
    let options = LoadOptions { tasks: 64, ..PATIENT };
    let load = Load::start(&client, options);
    let began = Instant::now();
    load.succeeds(640).await;
    // One after the other they would take more than a minute.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(load.journal().failed(), 0, "{}", load.journal());
    load.check(&[epoch], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_over_connections_that_are_cut_within_frames_are_applied_exactly_once() {
    cut_again_and_again(Direction::ToNode, 20).await;
    cut_again_and_again(Direction::ToClient, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_increments_over_a_hundred_cut_connections_each_way_are_applied_exactly_once() {
    cut_again_and_again(Direction::ToNode, 100).await;
    cut_again_and_again(Direction::ToClient, 100).await;
}

async fn cut_again_and_again(direction: Direction, times: u64) {
    let node = NodeProcess::start(&[]).await;
    let proxy = Proxy::start(node.address(), 7).await;
    let client = connect(&proxy.store("cuts")).await;
    let epoch = epoch(&client).await;
    proxy.behave(Behaviour {
        cut: Some(Cut {
            direction,
            after: (20, 6_000),
        }),
        ..Behaviour::default()
    });
    let load = Load::start(&client, PATIENT);
    proxy.cut_all();
    eventually(Duration::from_secs(8 * times), "connections are cut", || async {
        (proxy.cuts() >= times).then_some(())
    })
    .await;
    proxy.behave(Behaviour::default());
    load.succeeds(200).await;
    if direction == Direction::ToClient {
        // Lost replies: their increments were applied and sent again.
        node.metric_reaches("holdfast_dedupe_hits_total", 1.0).await;
    }
    let (failed, summary) = (load.journal().failed(), load.journal().to_string());
    let ledgers = load.check(&[epoch], 0).await;
    assert_eq!(
        failed, 0,
        "a session that is resumed leaves nothing unknown: {summary}"
    );
    let acknowledged: i64 = ledgers.iter().map(|ledger| ledger.acknowledged()).sum();
    println!(
        "{} cuts {direction:?}, {acknowledged} increments applied exactly once",
        proxy.cuts()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_what_clients_send_vanishes_deadlines_hold_and_patient_calls_are_applied_once() {
    drop_one_way(Direction::ToNode).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_what_nodes_send_vanishes_deadlines_hold_and_patient_calls_are_applied_once() {
    drop_one_way(Direction::ToClient).await;
}

async fn drop_one_way(direction: Direction) {
    let node = NodeProcess::start(&[]).await;
    let proxy = Proxy::start(node.address(), 3).await;
    let patient = connect(&proxy.store("patient")).await;
    let hasty = connect(&proxy.store("hasty")).await;
    let epoch = epoch(&patient).await;
    let load = Load::start(&patient, PATIENT);
    let hasty_load = Load::start(
        &hasty,
        LoadOptions {
            timeout: Duration::from_millis(300),
            ..PATIENT
        },
    );
    load.succeeds(100).await;
    proxy.behave(Behaviour {
        drop: Some(direction),
        ..Behaviour::default()
    });
    hasty_load.fails(32).await;
    for_a_while(Duration::from_secs(3)).await;
    proxy.behave(Behaviour::default());
    load.succeeds(200).await;
    hasty_load.succeeds(200).await;
    assert_eq!(load.journal().failed(), 0, "{}", load.journal());
    hasty_load.journal().check(MARGIN);
    load.check(&[epoch], 0).await;
    hasty_load.check(&[epoch], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_accepts_and_says_nothing_is_left_for_the_next_one() {
    let node = NodeProcess::start(&[]).await;
    let silent = silent(&node).await;
    let hosts = format!("holdfast://{},{}/silent", silent.address(), node.address());
    let began = Instant::now();
    let client = connect(&hosts).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let ping = client
        .call_within(Some(LONG), request(Operation::Ping), b"", b"")
        .await;
    assert_eq!(ping.expect("the second one answers").server, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_in_time_when_the_only_endpoint_says_nothing() {
    let node = NodeProcess::start(&[]).await;
    let silent = silent(&node).await;
    let client = AsyncClient::connect_lazily(&silent.store("silent"), &[]).expect("no I/O yet");
    for timeout in [10, 500, 3_000].map(Duration::from_millis) {
        let began = Instant::now();
        let put = client.call_within(Some(timeout), request(Operation::Put), b"key", b"value");
        let error = within(LONG, "a call", put).await.unwrap_err();
        assert_eq!(
            (error.code, error.outcome),
            (Code::Unavailable, Outcome::NotApplied),
            "{error}"
        );
        let took = began.elapsed();
        assert!(
            took >= timeout && took < timeout + MARGIN,
            "{timeout:?}: {took:?}"
        );
    }
    let began = Instant::now();
    let impatient = format!("{}?connect-timeout=1s", silent.store("silent"));
    let connect = AsyncClient::connect(&impatient, &[]);
    let error = within(LONG, "connecting", connect)
        .await
        .err()
        .expect("nobody serves");
    assert_eq!(error.code, Code::Unavailable, "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(1) + MARGIN,
        "{:?}",
        began.elapsed()
    );
}

async fn silent(node: &NodeProcess) -> Proxy {
    let silent = Proxy::start(node.address(), 5).await;
    silent.behave(Behaviour {
        silent: true,
        ..Behaviour::default()
    });
    silent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_value_on_a_slow_line_lets_small_calls_pass() {
    let node = NodeProcess::start(&[]).await;
    let proxy = Proxy::start(node.address(), 9).await;
    let client = connect(&proxy.store("big")).await;
    proxy.behave(Behaviour {
        bytes_per_second: Some(2 << 20),
        ..Behaviour::default()
    });
    let value = vec![7; 6 << 20];
    let big = {
        let (client, value) = (client.clone(), value.clone());
        tokio::spawn(async move {
            client
                .call_within(Some(LONG), request(Operation::Put), b"big", &value)
                .await
        })
    };
    let mut small = 0;
    while !big.is_finished() {
        let put = client
            .call_within(Some(LONG), request(Operation::Put), b"small", b"value")
            .await;
        put.expect("a small call passes");
        small += 1;
    }
    big.await.expect("no panic").expect("the big value arrives");
    println!("{small} small calls passed a value of 6 MiB");
    assert!(small >= 3, "{small} small calls passed");
    let read = client
        .call_within(Some(LONG), request(Operation::Get), b"big", b"")
        .await;
    assert!(read.expect("it can be read").payload == value);
}
