//! A client whose completions a test waits for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::session::{Operation, ReplyHeader, RequestHeader};
use holdfast_proto::{Code, Error};
use parking_lot::{Condvar, Mutex};

use super::fake::{FakeNode, PATIENCE, Peer};
use crate::log::NoLog;
use crate::remote::{
    ClientOptions, Completed, ConnectionState, RemoteClient, RemoteOptions, Sink, StateChange,
};
use crate::settings::StoreSettings;

/// What became of a ticket.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) result: Result<(ReplyHeader, Vec<u8>), Error>,
    pub(super) retries: u32,
    pub(super) server: u32,
    /// Changes of the connection that the client had been told of before.
    pub(super) told: usize,
}

impl Done {
    pub(super) fn code(&self) -> Option<Code> {
        self.result.as_ref().err().map(|error| error.code)
    }

    pub(super) fn error(&self) -> &Error {
        self.result.as_ref().expect_err("the request failed")
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.result.as_ref().expect("the request succeeded").1
    }
}

#[derive(Default)]
struct Seen {
    done: HashMap<u64, Done>,
    completed: usize,
    batches: Vec<usize>,
    states: Vec<StateChange>,
    closed: usize,
}

/// Keeps all that a sink is told, and objects to what it may not be told.
#[derive(Default)]
pub(super) struct Recorder {
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Sink for Recorder {
    fn completed(&self, batch: &mut Vec<Completed<'_>>) {
        let mut seen = self.seen.lock();
        assert_eq!(seen.closed, 0, "a completion after the last call");
        seen.batches.push(batch.len());
        for completed in batch.drain(..) {
            let done = Done {
                result: completed
                    .result
                    .map(|reply| (reply.header, reply.payload.into_vec())),
                retries: completed.retries,
                server: completed.server,
                told: seen.states.len(),
            };
            seen.completed += 1;
            let twice = seen.done.insert(completed.ticket, done);
            assert!(twice.is_none(), "ticket {} completed twice", completed.ticket);
        }
        self.changed.notify_all();
    }

    fn state_changed(&self, change: &StateChange) {
        let mut seen = self.seen.lock();
        assert_eq!(seen.closed, 0, "a change of state after the last call");
        seen.states.push(change.clone());
        self.changed.notify_all();
    }

    fn closed(&self) {
        self.seen.lock().closed += 1;
        self.changed.notify_all();
    }
}

impl Recorder {
    fn wait<R>(&self, what: &str, mut ready: impl FnMut(&mut Seen) -> Option<R>) -> R {
        let mut seen = self.seen.lock();
        loop {
            if let Some(result) = ready(&mut seen) {
                return result;
            }
            let timed_out = self.changed.wait_for(&mut seen, PATIENCE).timed_out();
            assert!(!timed_out, "{what} did not happen");
        }
    }

    pub(super) fn done(&self, ticket: u64) -> Done {
        self.wait(&format!("the completion of ticket {ticket}"), |seen| {
            seen.done.get(&ticket).cloned()
        })
    }

    pub(super) fn is_done(&self, ticket: u64) -> bool {
        self.seen.lock().done.contains_key(&ticket)
    }

    pub(super) fn wait_completed(&self, count: usize) {
        self.wait(&format!("the completion of {count} tickets"), |seen| {
            (seen.completed >= count).then_some(())
        });
    }

    pub(super) fn completed_count(&self) -> usize {
        self.seen.lock().completed
    }

    pub(super) fn wait_closed(&self) {
        self.wait("the last call", |seen| (seen.closed > 0).then_some(()));
        assert_eq!(self.closed_count(), 1);
    }

    pub(super) fn closed_count(&self) -> usize {
        self.seen.lock().closed
    }

    /// The first change to that state after `seen` others to it.
    pub(super) fn state(&self, state: ConnectionState, earlier: usize) -> StateChange {
        self.wait(&format!("the connection's change to {state:?}"), |seen| {
            seen.states
                .iter()
                .filter(|change| change.state == state)
                .nth(earlier)
                .cloned()
        })
    }

    pub(super) fn states_of(&self, state: ConnectionState) -> usize {
        let seen = self.seen.lock();
        seen.states.iter().filter(|change| change.state == state).count()
    }

    /// How many of the first `count` changes were to that state.
    pub(super) fn states_up_to(&self, state: ConnectionState, count: usize) -> usize {
        let seen = self.seen.lock();
        let changes = seen.states[..count].iter();
        changes.filter(|change| change.state == state).count()
    }

    pub(super) fn wait_epoch_changed(&self) -> StateChange {
        self.wait("a new epoch", |seen| {
            seen.states.iter().find(|change| change.epoch_changed).cloned()
        })
    }

    pub(super) fn largest_batch(&self) -> usize {
        self.seen.lock().batches.iter().copied().max().unwrap_or(0)
    }
}

/// A client with its recorder; store 0 is `orders`.
pub(super) struct TestClient {
    pub(super) client: RemoteClient,
    pub(super) sink: Arc<Recorder>,
}

pub(super) fn client(options: RemoteOptions) -> TestClient {
    let sink = Arc::new(Recorder::default());
    let own: Arc<dyn Sink> = Arc::clone(&sink) as _;
    let client = RemoteClient::open(options, ClientOptions::default(), own, Arc::new(NoLog)).unwrap();
    assert_eq!(client.open_store("orders", &StoreSettings::default()), Ok(0));
    TestClient { client, sink }
}

/// A client with one answered request behind it, of ticket 1.
pub(super) fn connected(node: &FakeNode) -> (TestClient, Peer) {
    let client = client(node.options());
    client.get(1, b"warm");
    let mut peer = node.serve();
    peer.answer();
    client.done(1);
    (client, peer)
}

pub(super) fn request(operation: Operation) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        ..RequestHeader::default()
    }
}

impl TestClient {
    pub(super) fn get(&self, ticket: u64, key: &[u8]) {
        self.submit(ticket, Operation::Get, key, &[]);
    }

    pub(super) fn put(&self, ticket: u64, key: &[u8], value: &[u8]) {
        self.submit(ticket, Operation::Put, key, value);
    }

    pub(super) fn submit(&self, ticket: u64, operation: Operation, key: &[u8], value: &[u8]) {
        self.client
            .submit(ticket, 0, request(operation), key, value, None)
            .unwrap();
    }

    pub(super) fn submit_within(&self, ticket: u64, operation: Operation, key: &[u8], timeout: Duration) {
        self.client
            .submit(ticket, 0, request(operation), key, &[], Some(timeout))
            .unwrap();
    }

    pub(super) fn done(&self, ticket: u64) -> Done {
        self.sink.done(ticket)
    }
}
