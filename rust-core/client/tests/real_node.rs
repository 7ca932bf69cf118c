//! The client against real nodes, in this process but over sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_client::Endpoint;
use holdfast_client::remote::{AsyncClient, ClientOptions, ConnectionState, RemoteOptions};
use holdfast_client::settings::StoreSettings;
use holdfast_node::clock::ManualClock;
use holdfast_node::log::NoLog;
use holdfast_node::server::{Server, ServerOptions};
use holdfast_node::{Node, NodeOptions};
use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, RequestHeader, flags};
use holdfast_proto::{Code, Outcome};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

async fn serve_at(address: &str, change: impl FnOnce(&mut ServerOptions)) -> Server {
    let node = Arc::new(Node::start(NodeOptions {
        name: "tested".to_owned(),
        clock: Arc::new(ManualClock::default()),
        memory_limit: 1 << 30,
        seed: 7,
        log: Arc::new(NoLog),
    }));
    let mut options = ServerOptions::new(address.parse().unwrap(), Arc::new(NoLog));
    change(&mut options);
    Server::start(node, options).await.unwrap()
}

async fn serve() -> Server {
    serve_at("127.0.0.1:0", |_| {}).await
}

fn options(addresses: &[SocketAddr]) -> RemoteOptions {
    let endpoint = |address: &SocketAddr| Endpoint {
        host: address.ip().to_string(),
        port: address.port(),
    };
    RemoteOptions::new(addresses.iter().map(endpoint).collect())
}

fn client(options: RemoteOptions) -> AsyncClient {
    AsyncClient::open(
        options,
        ClientOptions::default(),
        "orders",
        &StoreSettings::default(),
    )
    .unwrap()
}

fn operation(operation: Operation) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        ..RequestHeader::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_reaches_the_store_and_comes_back() {
    let server = serve().await;
    let client = client(options(&[server.local_addr()]));
    let described = client.ready().await.unwrap();
    assert_eq!(described.name, "default/orders");
    assert_eq!(client.get(b"a").await.unwrap(), None);
    let version = client.put(b"a", b"1", None).await.unwrap();
    assert!(version > 0);
    assert_eq!(client.get(b"a").await.unwrap().as_deref(), Some(&b"1"[..]));
    assert!(client.exists(b"a").await.unwrap());
    let increment = RequestHeader {
        delta: 41,
        ..operation(Operation::Increment)
    };
    assert_eq!(client.call(increment, b"a", &[]).await.unwrap().header.number, 42);
    client.put(b"b", b"2", None).await.unwrap();
    assert_eq!(client.count(&[]).await.unwrap(), 2);
    let page = client.scan(&[], &[], 10, false).await.unwrap();
    let mut items = ItemReader::new(&page.payload);
    let (_, key, value) = items.next::<ReplyHeader>().unwrap().unwrap();
    assert_eq!((key, value), (&b"a"[..], &b"42"[..]));
    assert!(client.delete(b"a").await.unwrap());
    assert_eq!(client.stats().await.unwrap().entries, 1);
    assert_eq!(client.clear(&[]).await.unwrap(), 1);
    let (epoch, text) = client.ping().await.unwrap();
    assert_eq!(epoch, server.shared().node().epoch());
    assert_eq!(text, format!("{}\ntested", server.local_addr()));
    client.close().await;
    server.stop(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_size_come_back_as_they_were_while_many_are_under_way() {
    let server = serve().await;
    let client = client(options(&[server.local_addr()]));
    let sizes = [
        0, 1, 100, 4_096, 65_535, 65_536, 262_143, 262_144, 262_145, 1_000_000, 5_000_000,
    ];
    let mut tasks = Vec::new();
    for round in 0..4_u8 {
        for size in sizes {
            let client = client.clone();
            tasks.push(tokio::spawn(async move {
                let key = format!("{round}-{size}");
                let value: Vec<u8> = (0..size)
                    .map(|index| (index as u8).wrapping_mul(7) ^ round)
                    .collect();
                client.put(key.as_bytes(), &value, None).await.unwrap();
                assert!(
                    client.get(key.as_bytes()).await.unwrap().as_deref() == Some(&value[..]),
                    "{key}"
                );
            }));
        }
    }
    for task in tasks {
        timeout(PATIENCE, task).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_increments_from_many_callers_are_ten_thousand() {
    let server = serve().await;
    let client = client(options(&[server.local_addr()]));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let increment = RequestHeader {
                        delta: 1,
                        ..operation(Operation::Increment)
                    };
                    client.call(increment, b"counter", &[]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        timeout(PATIENCE, task).await.unwrap().unwrap();
    }
    assert_eq!(
        client.get(b"counter").await.unwrap().as_deref(),
        Some(&b"10000"[..])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_fails_at_once_and_the_right_one_is_let_in() {
    let server = serve_at("127.0.0.1:0", |options| options.token = Some("right".to_owned())).await;
    let mut wrong = options(&[server.local_addr()]);
    wrong.token = Some("wrong".to_owned());
    let refused = timeout(PATIENCE, client(wrong).get(b"k"))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.outcome),
        (Code::Unauthenticated, Outcome::NotApplied)
    );
    let mut right = options(&[server.local_addr()]);
    right.token = Some("right".to_owned());
    assert_eq!(client(right).get(b"k").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_finishes_what_it_got_and_the_client_goes_on_with_the_next() {
    let (first, second) = (serve().await, serve().await);
    let client = client(options(&[first.local_addr(), second.local_addr()]));
    let mut states = client.states();
    client.put(b"k", b"on the first", None).await.unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let client = client.clone();
            tokio::spawn(async move {
                for index in 0..200 {
                    let key = format!("{task}-{index}");
                    client.put(key.as_bytes(), b"v", None).await.unwrap();
                }
            })
        })
        .collect();
    first.stop(PATIENCE).await;
    for task in tasks {
        timeout(PATIENCE, task).await.unwrap().unwrap();
    }
    let answer = client.call(operation(Operation::Get), b"k", &[]).await.unwrap();
    assert_eq!((answer.server, answer.header.flags & flags::FOUND), (2, 0));
    loop {
        let change = timeout(PATIENCE, states.recv()).await.unwrap().unwrap();
        if change.state == ConnectionState::Connected && change.epoch_changed {
            assert_eq!(change.address, second.local_addr().to_string());
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_empty_is_used_and_its_new_epoch_is_told() {
    let server = serve().await;
    let address = server.local_addr();
    let client = client(options(&[address]));
    let mut states = client.states();
    client.put(b"k", b"v", None).await.unwrap();
    server.stop(PATIENCE).await;
    let _server = serve_at(&address.to_string(), |_| {}).await;
    assert_eq!(client.get(b"k").await.unwrap(), None);
    client.put(b"k", b"again", None).await.unwrap();
    loop {
        let change = timeout(PATIENCE, states.recv()).await.unwrap().unwrap();
        if change.state == ConnectionState::Connected && change.epoch_changed {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn big_requests_that_are_given_up_half_way_leave_nothing_behind() {
    let server = serve().await;
    let client = client(options(&[server.local_addr()]));
    client.ready().await.unwrap();
    let value = vec![1; 300_000];
    // More than a node remembers of payloads that are coming on one connection.
    for _ in 0..4_200 {
        // Given up or done, as it happens.
        let _ = timeout(Duration::ZERO, client.put(b"big", &value, None)).await;
    }
    client.put(b"after", b"1", None).await.unwrap();
    assert_eq!(client.get(b"after").await.unwrap().as_deref(), Some(&b"1"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_big_values_at_once_than_the_node_takes_from_a_connection_wait_their_turn() {
    let server = serve_at("127.0.0.1:0", |options| {
        options.limits.connection_bytes = 4 << 20;
    })
    .await;
    let client = client(options(&[server.local_addr()]));
    let puts: Vec<_> = (0..32)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let key = format!("big:{number}");
                let value = vec![number as u8; 1 << 20];
                client
                    .call(operation(Operation::Put), key.as_bytes(), &value)
                    .await
                    .map(drop)
            })
        })
        .collect();
    for put in puts {
        timeout(PATIENCE, put).await.unwrap().unwrap().unwrap();
    }
}
