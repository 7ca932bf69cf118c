//! What the tests share.

use std::time::Duration;

use holdfast_client::remote::{Answer, AsyncClient, StateChange};
use holdfast_faults::{eventually, within};
use holdfast_proto::Error;
use holdfast_proto::session::{Operation, ReplyHeader, RequestHeader, flags};
use tokio::sync::broadcast;

/// How much later than its deadline a call may end on a busy machine.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);
/// Longest wait for something that must come.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A client whose store is served.
pub(crate) async fn connect(connection_string: &str) -> AsyncClient {
    within(LONG, "connecting", AsyncClient::connect(connection_string, &[]))
        .await
        .unwrap_or_else(|error| panic!("{connection_string}: {error}"))
}

/// The epoch of the node that the client is connected to.
pub(crate) async fn epoch(client: &AsyncClient) -> u64 {
    let answer = call(client, Operation::Ping, "", "")
        .await
        .expect("a ping is answered");
    answer.header.number.unsigned_abs()
}

/// Waits until the client tells of a connection to a node that has lost what it held; gives its epoch.
pub(crate) async fn new_epoch(states: &mut broadcast::Receiver<StateChange>) -> u64 {
    let told = async {
        loop {
            let change = states.recv().await.expect("the client lives and we keep up");
            if change.epoch_changed {
                return change.epoch;
            }
        }
    };
    within(LONG, "the client tells of the new epoch", told).await
}

/// Lets a fault last.
pub(crate) async fn for_a_while(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) fn request(operation: Operation) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        delta: 1,
        ..RequestHeader::default()
    }
}

/// One request, with a long deadline.
pub(crate) async fn call(
    client: &AsyncClient,
    operation: Operation,
    key: &str,
    value: &str,
) -> Result<Answer, Error> {
    client
        .call_within(Some(LONG), request(operation), key.as_bytes(), value.as_bytes())
        .await
}

/// Puts an entry and gives its version.
pub(crate) async fn put(client: &AsyncClient, key: &str, value: &str) -> i64 {
    let answer = call(client, Operation::Put, key, value)
        .await
        .expect("a put succeeds");
    assert!(applied(&answer.header));
    answer.header.version
}

/// The value of a key.
pub(crate) async fn get(client: &AsyncClient, key: &str) -> Option<Vec<u8>> {
    let answer = call(client, Operation::Get, key, "")
        .await
        .expect("a get succeeds");
    (answer.header.flags & flags::FOUND != 0).then_some(answer.payload)
}

/// Puts an entry if the key has `version`; whether it did.
pub(crate) async fn replace(client: &AsyncClient, key: &str, value: &str, version: i64) -> bool {
    let header = RequestHeader {
        flags: flags::IF_VERSION,
        version,
        ..request(Operation::Put)
    };
    let answer = client
        .call_within(Some(LONG), header, key.as_bytes(), value.as_bytes())
        .await;
    applied(&answer.expect("a condition that does not hold is no error").header)
}

fn applied(header: &ReplyHeader) -> bool {
    header.flags & flags::APPLIED != 0
}

/// Waits until the node serves this client.
pub(crate) async fn works_again(client: &AsyncClient) {
    eventually(LONG, "the client works again", || async {
        let ping = client.call_within(Some(Duration::from_secs(1)), request(Operation::Ping), b"", b"");
        ping.await.ok()
    })
    .await;
}
