//! Thousands of connections to one node.

use holdfast_faults::{Heard, NodeProcess, RawSession, raise_descriptor_limit};
use holdfast_proto::session::{Operation, StoreClass, flags};

use crate::common::request;

const CONNECTIONS: u64 = 2_000;
const ACTIVE: usize = 200;
/// What one connection may cost the node.
const MOST_BYTES_EACH: u64 = 20 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_connections_cost_little_memory_and_all_are_served() {
    assert!(
        raise_descriptor_limit(CONNECTIONS * 2 + 500),
        "this test needs {} descriptors: raise the hard limit (ulimit -Hn)",
        CONNECTIONS * 2 + 500
    );
    let node = NodeProcess::start(&[]).await;
    drop(open(&node, 0, 100).await);
    let before = node.facts().resident();
    let mut sessions = open(&node, 1_000, CONNECTIONS).await;
    let each = node.facts().resident().saturating_sub(before) / CONNECTIONS;
    println!("{each} bytes of the node's memory for each of {CONNECTIONS} idle connections");
    assert!(each <= MOST_BYTES_EACH, "{each} bytes each");
    let connections = node.metric("holdfast_connections").await.expect("it is counted");
    assert!(connections >= CONNECTIONS as f64, "{connections}");

    for session in sessions.iter_mut().step_by(CONNECTIONS as usize / ACTIVE) {
        serve(session).await;
    }
    let active = node.facts().resident().saturating_sub(before) / CONNECTIONS;
    println!("{active} bytes each after {ACTIVE} of them were used");
    assert!(active <= MOST_BYTES_EACH, "{active} bytes each");
}

async fn open(node: &NodeProcess, first: u64, count: u64) -> Vec<RawSession> {
    let mut sessions = Vec::new();
    for session in first..first + count {
        let (session, _) = RawSession::welcomed(node.address(), u128::from(session) + 1).await;
        sessions.push(session);
    }
    sessions
}

async fn serve(session: &mut RawSession) {
    let store = session.open_store("used", StoreClass::Cache).await;
    for operation in [Operation::Put, Operation::Get] {
        let mut header = request(operation);
        header.store = store;
        let value: &[u8] = if operation == Operation::Put {
            b"value"
        } else {
            b""
        };
        session.request(header, b"key", value).await.expect("it is open");
        let Heard::Reply(_, reply, payload) = session.heard().await else {
            panic!("no reply");
        };
        assert_eq!(reply.code, 0, "{reply:?}");
        if operation == Operation::Get {
            assert!(reply.flags & flags::FOUND != 0);
            assert_eq!(payload, b"value");
        }
    }
}
