//! Changes of every kind over connections that are cut: what a client sends again is applied once.

use std::sync::Arc;
use std::time::Duration;

use holdfast_client::remote::{AsyncClient, ConnectionState};
use holdfast_faults::{Behaviour, Cut, Direction, NodeProcess, Proxy, within};
use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, RequestHeader, flags, push_item};
use tokio::task::JoinHandle;

use crate::common::{LONG, connect, get, request};

/// Each call has the time that repairs may take.
const PATIENT: Duration = Duration::from_secs(60);
const TASKS: u64 = 4;
/// Big values at the same time, and the bytes that pass before a cut: most often enough for one or two of them.
const BIG_TASKS: u64 = 2;
const BIG_CUTS: (u64, u64) = (10_000, 2_500_000);

async fn behind_cuts(store: &str, after: (u64, u64)) -> (NodeProcess, Proxy, AsyncClient) {
    let node = NodeProcess::start(&[]).await;
    let proxy = Proxy::start(node.address(), 11).await;
    let client = connect(&proxy.store(store)).await;
    proxy.behave(Behaviour {
        cut: Some(Cut {
            direction: Direction::ToClient,
            after,
        }),
        ..Behaviour::default()
    });
    proxy.cut_all();
    (node, proxy, client)
}

async fn all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(within(PATIENT * 2, "a task", task).await.expect("no panic"));
    }
    results
}

/// A batch of increments of several keys, one of them twice.
fn batch(task: u64) -> (RequestHeader, Vec<u8>) {
    let mut payload = Vec::new();
    for key in ["a", "b", "a"] {
        let key = format!("{key}:{task}");
        let header = RequestHeader {
            key_length: key.len() as u32,
            ..request(Operation::Increment)
        };
        push_item(&mut payload, &header, key.as_bytes(), b"");
    }
    let header = RequestHeader {
        items: 3,
        ..request(Operation::Batch)
    };
    (header, payload)
}

fn numbers(payload: &[u8]) -> Vec<i64> {
    let (mut items, mut numbers) = (ItemReader::new(payload), Vec::new());
    while let Some((header, ..)) = items.next::<ReplyHeader>().expect("items") {
        assert_eq!(header.error(), None);
        numbers.push(header.number);
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_are_sent_again_count_each_of_their_items_once() {
    for store in ["batches?class=coordination", "batches?class=cache"] {
        let (node, proxy, client) = behind_cuts(store, (100, 3_000)).await;
        let tasks = (0..TASKS)
            .map(|task| {
                let client = client.clone();
                tokio::spawn(async move {
                    for round in 1..=25 {
                        let (header, payload) = batch(task);
                        let answer = client.call_within(Some(PATIENT), header, b"", &payload).await;
                        let answer = answer.unwrap_or_else(|error| panic!("batch {round}: {error}"));
                        let expected = [2 * round - 1, round, 2 * round];
                        assert_eq!(numbers(&answer.payload), expected, "batch {round}");
                    }
                })
            })
            .collect();
        all(tasks).await;
        assert!(proxy.cuts() > 0);
        node.metric_reaches("holdfast_dedupe_hits_total", 1.0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_that_held_hold_again_when_their_change_is_sent_again() {
    let (_node, proxy, client) = behind_cuts("conditions", (60, 1_500)).await;
    let tasks = (0..TASKS)
        .map(|task| {
            let client = client.clone();
            tokio::spawn(async move {
                let key = format!("key:{task}");
                let mut version = 0;
                for round in 0..25 {
                    let header = RequestHeader {
                        flags: if round == 0 {
                            flags::IF_ABSENT
                        } else {
                            flags::IF_VERSION
                        } | flags::RETURN_PREVIOUS,
                        version,
                        ..request(Operation::Put)
                    };
                    let value = format!("value {round}");
                    let put = client.call_within(Some(PATIENT), header, key.as_bytes(), value.as_bytes());
                    let answer = put.await.unwrap_or_else(|error| panic!("put {round}: {error}"));
                    // Applied a second time, it would find its own result.
                    assert!(answer.applied(), "put {round}: {:?}", answer.header);
                    let before = if round == 0 {
                        String::new()
                    } else {
                        format!("value {}", round - 1)
                    };
                    assert_eq!(
                        answer.payload,
                        before.as_bytes(),
                        "put {round} answers what was before"
                    );
                    version = answer.header.version;
                }
            })
        })
        .collect();
    all(tasks).await;
    assert!(proxy.cuts() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn big_values_over_connections_that_are_cut_within_pieces_come_over_whole() {
    for direction in [Direction::ToNode, Direction::ToClient] {
        let (_node, proxy, client) = behind_cuts("big", BIG_CUTS).await;
        proxy.behave(Behaviour {
            cut: Some(Cut {
                direction,
                after: BIG_CUTS,
            }),
            ..Behaviour::default()
        });
        proxy.cut_all();
        let tasks = (0..BIG_TASKS)
            .map(|task| {
                let client = client.clone();
                tokio::spawn(async move {
                    let key = format!("big:{task}");
                    for round in 0..10_usize {
                        let size = (200 << 10) + round % 5 * 150_000;
                        let value: Vec<u8> = (0..size).map(|at| (at / 7 + round) as u8).collect();
                        let put = request(Operation::Put);
                        let put = client
                            .call_within(Some(PATIENT), put, key.as_bytes(), &value)
                            .await;
                        put.unwrap_or_else(|error| panic!("put {round}: {error}"));
                        let get = request(Operation::Get);
                        let get = client.call_within(Some(PATIENT), get, key.as_bytes(), b"").await;
                        let got = get.unwrap_or_else(|error| panic!("get {round}: {error}")).payload;
                        assert!(
                            got == value,
                            "{} bytes of {size} came back, or other ones",
                            got.len()
                        );
                    }
                })
            })
            .collect();
        all(tasks).await;
        println!("{} cuts {direction:?}", proxy.cuts());
        assert!(proxy.cuts() > 0);
    }
}

/// A client lets 64 MiB wait for a connection: what was sent since must not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_waited_for_a_connection_takes_no_room_after_it_was_answered() {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("waiting?class=cache")).await;
    for round in 0..5 {
        let mut states = client.states();
        node.kill().await;
        while states.recv().await.expect("the client lives").state != ConnectionState::Disconnected {}
        let value = Arc::new(vec![round; 1 << 20]);
        let puts = (0..20)
            .map(|put| {
                let (client, value) = (client.clone(), Arc::clone(&value));
                tokio::spawn(async move {
                    let key = format!("key:{put}");
                    client
                        .call_within(Some(LONG), request(Operation::Put), key.as_bytes(), &value)
                        .await
                })
            })
            .collect();
        node.restart().await;
        for put in all(puts).await {
            put.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cancelled_while_there_is_no_connection_is_never_applied() {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("cancelled")).await;
    node.kill().await;
    let put = client.call_within(Some(LONG), request(Operation::Put), b"cancelled", b"value");
    let cancelled = tokio::time::timeout(Duration::from_millis(200), put).await;
    assert!(cancelled.is_err(), "nobody serves");
    node.restart().await;
    let late = client
        .call_within(Some(LONG), request(Operation::Put), b"other", b"value")
        .await;
    late.expect("it is served again");
    assert_eq!(get(&client, "cancelled").await, None);
}
