//! Every request ends by its deadline, whatever the peer does.

use std::time::Duration;

use holdfast_proto::session::Operation;
use holdfast_proto::{Code, Outcome};

use super::fake::FakeNode;
use super::recorder::{client, connected};
use crate::connection_string::Endpoint;
use crate::remote::{ConnectionState, RemoteOptions};

const SHORT: Duration = Duration::from_millis(60);

#[test]
fn a_node_that_says_nothing_holds_nobody_beyond_the_deadline() {
    let node = FakeNode::bind();
    let (client, _peer) = connected(&node);
    // Alone, so that the calling thread writes itself and nobody wakes the I/O thread.
    client.submit_within(2, Operation::Get, b"k", SHORT);
    let late = client.done(2);
    assert_eq!(
        (late.code(), late.error().outcome),
        (Some(Code::Timeout), Outcome::NotApplied)
    );
    client.submit_within(3, Operation::Delete, b"k", SHORT);
    let late = client.done(3);
    assert_eq!(
        (late.code(), late.error().outcome),
        (Some(Code::Timeout), Outcome::Unknown)
    );
    assert_eq!(late.server, 1);
}

#[test]
fn the_node_is_told_that_a_request_is_no_longer_waited_for_and_its_late_reply_harms_nobody() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.submit_within(1, Operation::Get, b"late", SHORT);
    let mut peer = node.serve();
    let asked = peer.request();
    client.done(1);
    let cancel = peer.frame().unwrap();
    assert_eq!(
        (cancel.kind, cancel.number),
        (holdfast_proto::session::FrameKind::Cancel, asked.number)
    );
    client.get(2, b"next");
    peer.echo(&asked);
    peer.answer();
    assert_eq!(client.done(2).payload(), b"next");
}

#[test]
fn without_any_node_a_request_ends_with_unavailable_naming_the_endpoints_and_the_last_error() {
    // Bound and closed again: nobody listens there.
    let (one, two) = (FakeNode::bind().endpoint(), FakeNode::bind().endpoint());
    let client = client(RemoteOptions::new(vec![one.clone(), two.clone()]));
    client.submit_within(1, Operation::Delete, b"k", Duration::from_millis(200));
    let error = client.done(1).error().clone();
    assert_eq!(
        (error.code, error.outcome),
        (Code::Unavailable, Outcome::NotApplied)
    );
    for part in [one.to_string(), two.to_string(), "refused".to_owned()] {
        assert!(error.message.contains(&part), "{part} is missing in: {error}");
    }
}

#[test]
fn a_name_that_cannot_be_resolved_ends_requests_by_their_deadline_too() {
    let nowhere = Endpoint {
        host: "no-such-host.invalid".to_owned(),
        port: 7861,
    };
    let client = client(RemoteOptions::new(vec![nowhere]));
    client.submit_within(1, Operation::Get, b"k", Duration::from_millis(100));
    assert_eq!(client.done(1).code(), Some(Code::Unavailable));
}

#[test]
fn a_peer_that_accepts_and_says_nothing_is_given_up_after_the_attempts_time() {
    let silent = FakeNode::bind();
    let good = FakeNode::bind();
    let mut options = RemoteOptions::new(vec![silent.endpoint(), good.endpoint()]);
    options.timing.attempt = SHORT;
    let client = client(options);
    client.get(1, b"k");
    let _held = silent.accept();
    let mut peer = good.serve();
    peer.answer();
    assert_eq!(client.done(1).server, 2);
}

#[test]
fn a_connection_on_which_nothing_is_heard_is_dead_and_its_reads_go_over_the_next() {
    let node = FakeNode::bind();
    let mut options = node.options();
    options.timing.ping_after = Duration::from_millis(50);
    options.timing.dead_after = Duration::from_millis(100);
    let client = client(options);
    client.get(1, b"k");
    let mut peer = node.serve();
    let asked = peer.request();
    // It asks whether somebody is there, and leaves when nobody says so.
    assert_eq!(
        peer.frame().unwrap().kind,
        holdfast_proto::session::FrameKind::Ping
    );
    let lost = client.sink.state(ConnectionState::Disconnected, 0);
    assert!(lost.reason.contains("nothing was heard"), "{lost:?}");
    let mut next = node.accept_and_welcome();
    let again = next.request();
    assert_eq!((again.key(), again.number), (asked.key(), 1));
    next.echo(&again);
    assert_eq!(client.done(1).retries, 1);
}

#[test]
fn a_slow_node_that_answers_pings_keeps_its_connection() {
    let node = FakeNode::bind();
    let mut options = node.options();
    options.timing.ping_after = Duration::from_millis(20);
    options.timing.dead_after = Duration::from_millis(60);
    let client = client(options);
    client.get(1, b"k");
    let mut peer = node.serve();
    let asked = peer.request();
    for _ in 0..10 {
        let ping = peer.frame().unwrap();
        assert_eq!(ping.kind, holdfast_proto::session::FrameKind::Ping);
        let pong =
            holdfast_proto::session::FrameHead::new(holdfast_proto::session::FrameKind::Pong, ping.number);
        peer.send_frame(pong, &(), &[]);
    }
    peer.echo(&asked);
    assert_eq!(client.done(1).retries, 0);
}
