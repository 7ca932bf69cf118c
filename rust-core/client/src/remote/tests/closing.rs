//! Cancelling, closing, and the end of the I/O thread.

use std::sync::Arc;

use holdfast_proto::session::{FrameKind, Operation};
use holdfast_proto::{Code, Outcome};

use super::fake::FakeNode;
use super::recorder::{client, request};
use crate::log::NoLog;
use crate::remote::{ClientOptions, Completed, RemoteClient, Sink, StateChange};
use crate::settings::StoreSettings;

#[test]
fn a_cancelled_request_ends_once_and_the_node_is_told() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.put(1, b"k", b"v");
    let mut peer = node.serve();
    let asked = peer.request();
    client.client.cancel(1);
    let cancelled = client.done(1);
    assert_eq!(
        (cancelled.code(), cancelled.error().outcome),
        (Some(Code::Cancelled), Outcome::Unknown)
    );
    let cancel = peer.frame().unwrap();
    assert_eq!((cancel.kind, cancel.number), (FrameKind::Cancel, asked.number));
    // Too late, and unknown: nothing happens.
    client.client.cancel(1);
    client.client.cancel(99);
    peer.echo(&asked);
    client.get(2, b"next");
    peer.answer();
    client.done(2);
    assert_eq!(client.sink.completed_count(), 2);
}

#[test]
fn a_change_that_was_not_sent_is_known_not_to_be_applied_when_it_is_cancelled() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.put(1, b"k", b"v");
    let _peer = node.accept();
    client.client.cancel(1);
    assert_eq!(client.done(1).error().outcome, Outcome::NotApplied);
}

#[test]
fn closing_ends_what_is_pending_of_that_client_alone_and_says_so_last() {
    let node = FakeNode::bind();
    let (first, second) = (client(node.options()), client(node.options()));
    for ticket in 1..=10 {
        first.get(ticket, b"mine");
    }
    second.get(1, b"theirs");
    let mut peer = node.serve();
    let theirs = peer
        .requests(11)
        .into_iter()
        .find(|asked| asked.key() == b"theirs")
        .unwrap();
    first.client.close();
    first.sink.wait_closed();
    assert_eq!(first.sink.completed_count(), 10);
    assert_eq!(first.done(5).code(), Some(Code::Closed));
    let after = first
        .client
        .submit(11, 0, request(Operation::Get), b"k", &[], None);
    assert_eq!(after.map_err(|error| error.code), Err(Code::Closed));
    peer.echo(&theirs);
    assert_eq!(second.done(1).payload(), b"theirs");
    first.client.close();
    drop(first.client);
    drop(second.client);
    second.sink.wait_closed();
    assert_eq!(first.sink.closed_count(), 1);
    assert!(peer.closes(), "the connection ends with its last client");
}

#[test]
fn a_client_that_never_asked_anything_closes_on_the_spot() {
    let client = client(FakeNode::bind().options());
    client.client.close();
    assert_eq!(client.sink.closed_count(), 1);
    drop(client.client);
    assert_eq!(client.sink.closed_count(), 1);
}

struct Panics(parking_lot::Mutex<bool>);

impl Sink for Panics {
    fn completed(&self, _: &mut Vec<Completed<'_>>) {
        panic!("a sink's own defect");
    }

    fn state_changed(&self, _: &StateChange) {}

    fn closed(&self) {
        *self.0.lock() = true;
    }
}

#[test]
fn a_panic_on_the_io_thread_ends_everything_with_internal_and_the_process_lives() {
    let node = FakeNode::bind();
    let bystander = client(node.options());
    let defective = Arc::new(Panics(parking_lot::Mutex::new(false)));
    let sink: Arc<dyn Sink> = Arc::clone(&defective) as _;
    let second = RemoteClient::open(node.options(), ClientOptions::default(), sink, Arc::new(NoLog)).unwrap();
    second.open_store("orders", &StoreSettings::default()).unwrap();
    bystander.get(1, b"waits");
    second
        .submit(1, 0, request(Operation::Get), b"panics", &[], None)
        .unwrap();
    let mut peer = node.serve();
    let asked = peer
        .requests(2)
        .into_iter()
        .find(|asked| asked.key() == b"panics")
        .unwrap();
    peer.echo(&asked);
    let ended = bystander.done(1);
    assert_eq!(
        (ended.code(), ended.error().outcome),
        (Some(Code::Internal), Outcome::NotApplied)
    );
    assert!(
        ended.error().message.contains("a sink's own defect"),
        "{}",
        ended.error()
    );
    let refused = bystander
        .client
        .submit(2, 0, request(Operation::Get), b"k", &[], None);
    assert_eq!(refused.map_err(|error| error.code), Err(Code::Internal));
    bystander.client.close();
    bystander.sink.wait_closed();
    // Whoever opens a client now gets a connection that works.
    let fresh = client(node.options());
    fresh.get(1, b"k");
    let mut peer = node.serve();
    peer.answer();
    assert_eq!(fresh.done(1).payload(), b"k");
}
