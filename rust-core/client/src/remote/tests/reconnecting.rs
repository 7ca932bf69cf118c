//! What becomes of requests and of the session when a connection ends.

use std::time::Duration;

use holdfast_proto::session::{FrameHead, FrameKind, Goodbye, Operation, Preamble, ReplyHeader};
use holdfast_proto::{Code, Error, Outcome};

use super::fake::{FakeNode, welcome};
use super::recorder::{client, connected, request};
use crate::remote::{ConnectionState, RemoteOptions};

fn stopping() -> Goodbye {
    Goodbye {
        code: Code::Unavailable.number(),
        reason: "the node is stopping".to_owned(),
        reconnect: true,
        reconnect_after_ms: 0,
    }
}

#[test]
fn reads_that_a_cut_connection_left_unanswered_are_sent_again() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.get(2, b"a");
    client.get(3, b"b");
    let asked = peer.requests(2);
    // Half a reply, then nothing more.
    let mut half = bytes::BytesMut::new();
    let head = FrameHead::new(FrameKind::Reply, asked[0].number);
    holdfast_proto::session::encode_frame(&mut half, head, &ReplyHeader::default(), &[b"never whole"]);
    peer.send(&half[..half.len() - 3]);
    drop(peer);
    let mut next = node.accept_and_welcome();
    for asked in next.requests(2) {
        assert_eq!(
            asked.header.store, 7,
            "the same start of the node knows its stores"
        );
        next.echo(&asked);
    }
    for (ticket, key) in [(2, b"a"), (3, b"b")] {
        let done = client.done(ticket);
        assert_eq!((done.payload(), done.retries), (&key[..], 1));
    }
    let lost = client.sink.state(ConnectionState::Disconnected, 0);
    assert!(!lost.reason.is_empty());
    assert!(!client.sink.state(ConnectionState::Connected, 1).epoch_changed);
}

#[test]
fn a_change_is_sent_again_with_its_sequence_when_the_session_goes_on() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.put(2, b"k", b"v");
    let first = peer.request();
    drop(peer);
    let mut next = node.accept();
    assert_eq!(next.hello.session_epoch, 1);
    let mut resumed = welcome(1, 1);
    resumed.session_resumed = true;
    next.welcome(&resumed);
    let again = next.request();
    assert_eq!(again.payload, first.payload);
    assert_eq!(
        (again.header.sequence, again.header.epoch),
        (first.header.sequence, first.header.epoch)
    );
    next.echo(&again);
    assert_eq!(client.done(2).retries, 1);
}

#[test]
fn a_retry_that_the_node_has_no_room_for_does_not_claim_that_nothing_was_applied() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.put(2, b"k", b"v");
    client.put(3, b"l", b"v");
    peer.requests(2);
    drop(peer);
    let mut next = node.accept();
    let mut resumed = welcome(1, 1);
    resumed.session_resumed = true;
    next.welcome(&resumed);
    let again = next.requests(2);
    let full = Error::new(Code::ResourceExhausted, "too much in flight");
    next.reply(again[0].number, &ReplyHeader::failure(&full), &[]);
    // This one comes from the change itself: it is the first sending's outcome.
    let exists = Error::new(Code::AlreadyExists, "there is one");
    next.reply(again[1].number, &ReplyHeader::failure(&exists), &[]);
    for (ticket, code, outcome) in [
        (2, Code::ResourceExhausted, Outcome::Unknown),
        (3, Code::AlreadyExists, Outcome::NotApplied),
    ] {
        let done = client.done(ticket);
        assert_eq!((done.code(), done.error().outcome), (Some(code), outcome));
    }
}

#[test]
fn what_waits_for_a_store_that_a_stopping_node_does_not_open_goes_to_the_next_node() {
    let (node, other) = (FakeNode::bind(), FakeNode::bind());
    let client = client(RemoteOptions::new(vec![node.endpoint(), other.endpoint()]));
    client.put(1, b"a", b"v");
    let mut peer = node.accept_and_welcome();
    let asked = peer.request();
    assert_eq!(asked.operation(), Operation::OpenStore);
    peer.goodbye(&stopping());
    let away = Error::new(Code::Unavailable, "the node is stopping");
    peer.reply(asked.number, &ReplyHeader::failure(&away), &[]);
    let mut next = other.accept();
    next.welcome(&welcome(5, 5));
    next.open_store(1);
    next.answer();
    assert_eq!(client.done(1).server, 2);
}

#[test]
fn a_change_ends_with_an_unknown_outcome_when_the_session_is_gone() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.put(2, b"k", b"v");
    client.get(3, b"r");
    let session = peer.hello.session.clone();
    let asked = peer.requests(2);
    drop(peer);
    let mut next = node.accept();
    assert_eq!(next.hello.session, session);
    next.welcome(&welcome(2, 2));
    let lost = client.done(2);
    assert_eq!(
        (lost.code(), lost.error().outcome),
        (Some(Code::Unavailable), Outcome::Unknown)
    );
    let changed = client.sink.state(ConnectionState::Connected, 1);
    assert_eq!((changed.epoch, changed.epoch_changed), (2, true));
    // Another start of the node: the stores' ids are asked for anew.
    next.open_store(8);
    let again = next.request();
    assert_eq!((again.header.store, again.key()), (8, &b"r"[..]));
    next.echo(&again);
    assert_eq!(client.done(3).retries, 1);
    // Later changes are of the new session; their numbers go on.
    client.put(4, b"k", b"v");
    let later = next.request();
    assert_eq!(later.header.epoch, 2);
    assert!(later.header.sequence > asked[0].header.sequence);
}

#[test]
fn clients_hear_of_a_new_epoch_before_they_get_its_answers() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"warm");
    let mut peer = node.accept_and_welcome();
    let first = peer.open_store(7).number;
    peer.answer();
    client.done(1);
    client.get(2, b"k");
    peer.request();
    drop(peer);
    // The numbers of a connection begin again: the first one is the read's, which is sent once more.
    node.accept().welcome_and_reply(&welcome(2, 1), first);
    let told = client.done(2).told;
    assert_eq!(client.sink.wait_epoch_changed().epoch, 2);
    assert_eq!(client.sink.states_up_to(ConnectionState::Connected, told), 2);
}

#[test]
fn what_was_never_sent_twice_is_not_sent_twice() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.submit(2, Operation::AdvanceClock, &[], &[]);
    assert_eq!(peer.request().header.sequence, 0);
    drop(peer);
    let ended = client.done(2);
    assert_eq!(
        (ended.code(), ended.error().outcome),
        (Some(Code::Unavailable), Outcome::Unknown)
    );
}

#[test]
fn the_outcome_of_a_change_on_a_lost_connection_stays_unknown_at_its_deadline() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.submit_within(2, Operation::Delete, b"k", Duration::from_millis(200));
    peer.request();
    let port = node.port();
    drop(node);
    drop(peer);
    let ended = client.done(2);
    assert_eq!(
        (ended.code(), ended.error().outcome),
        (Some(Code::Unavailable), Outcome::Unknown)
    );
    assert!(
        ended.error().message.contains(&port.to_string()),
        "{}",
        ended.error()
    );
}

#[test]
fn a_client_that_was_refused_at_first_connects_once_a_node_is_there() {
    let port = FakeNode::bind().endpoint();
    let client = client(RemoteOptions::new(vec![port.clone()]));
    client.get(1, b"k");
    let refused = client.sink.state(ConnectionState::Connecting, 0);
    assert_eq!(refused.epoch, 0);
    let listener = std::net::TcpListener::bind((port.host.as_str(), port.port)).unwrap();
    let node = FakeNode::of(listener);
    let mut peer = node.serve();
    peer.answer();
    assert_eq!(client.done(1).retries, 0);
}

#[test]
fn endpoints_are_tried_in_turn_and_the_reply_says_which_answered() {
    let (dead, alive, other) = (FakeNode::bind().endpoint(), FakeNode::bind(), FakeNode::bind());
    let mut options = RemoteOptions::new(vec![dead, alive.endpoint(), other.endpoint()]);
    options.timing.drain = Duration::from_millis(50);
    let client = client(options);
    client.get(1, b"k");
    let mut peer = alive.serve();
    peer.answer();
    assert_eq!(client.done(1).server, 2);
    // The one that served last is the first to be asked again.
    drop(peer);
    client.get(2, b"k");
    let mut peer = alive.accept_and_welcome();
    peer.answer();
    assert_eq!(client.done(2).server, 2);
    // One that says goodbye is the last.
    peer.goodbye(&stopping());
    client.get(3, b"k");
    let mut peer = other.accept();
    peer.welcome(&welcome(9, 9));
    peer.open_store(1);
    peer.answer();
    assert_eq!(client.done(3).server, 3);
}

#[test]
fn a_node_that_says_goodbye_gets_nothing_more_and_may_answer_what_it_got() {
    let (node, other) = (FakeNode::bind(), FakeNode::bind());
    let client = client(RemoteOptions::new(vec![node.endpoint(), other.endpoint()]));
    client.put(1, b"a", b"v");
    client.put(2, b"b", b"v");
    let mut peer = node.serve();
    let asked = peer.requests(2);
    peer.goodbye(&stopping());
    // Known not to be executed: it goes to the other node, as new. The other one is answered.
    let away = Error::new(Code::Unavailable, "the node is stopping");
    peer.reply(asked[0].number, &ReplyHeader::failure(&away), &[]);
    peer.echo(&asked[1]);
    assert_eq!(client.done(2).server, 1);
    let mut next = other.accept();
    next.welcome(&welcome(5, 5));
    next.open_store(1);
    let again = next.request();
    assert_eq!((again.key(), again.header.epoch), (&b"a"[..], 5));
    next.echo(&again);
    let done = client.done(1);
    assert_eq!((done.server, done.retries), (2, 0));
    assert!(peer.closes());
}

#[test]
fn a_refusal_for_good_fails_calls_at_once_until_a_node_accepts() {
    let node = FakeNode::bind();
    let mut options = node.options();
    options.token = Some("wrong".to_owned());
    options.timing.lasting_backoff = Duration::from_millis(50);
    let client = client(options);
    client.put(1, b"k", b"v");
    let refused = Goodbye {
        code: Code::Unauthenticated.number(),
        reason: "the token is not the node's".to_owned(),
        reconnect: false,
        reconnect_after_ms: 0,
    };
    let mut peer = node.accept();
    assert!(peer.hello.credential.is_some());
    peer.preamble_and_goodbye(&refused);
    let ended = client.done(1);
    assert_eq!(
        (ended.code(), ended.error().outcome),
        (Some(Code::Unauthenticated), Outcome::NotApplied)
    );
    assert!(ended.error().message.contains("the token"), "{}", ended.error());
    client.sink.state(ConnectionState::Disconnected, 0);
    let next = client
        .client
        .submit(2, 0, request(Operation::Get), b"k", &[], None);
    assert_eq!(next.map_err(|error| error.code), Err(Code::Unauthenticated));
    // It goes on asking, and the node has changed its mind.
    let mut peer = node.accept_and_welcome();
    client.sink.state(ConnectionState::Connected, 0);
    client.get(3, b"k");
    peer.open_store(7);
    peer.answer();
    client.done(3);
}

#[test]
fn a_node_of_another_protocol_version_fails_calls_with_what_to_update() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"k");
    let mut peer = node.accept();
    peer.send(
        &Preamble {
            oldest: 40,
            newest: 50,
        }
        .encode(),
    );
    let ended = client.done(1);
    assert_eq!(ended.code(), Some(Code::Unsupported));
    assert!(
        ended.error().message.contains("versions 40 to 50"),
        "{}",
        ended.error()
    );
}

#[test]
fn requests_that_wait_for_a_connection_are_bounded_in_bytes() {
    let nobody = FakeNode::bind().endpoint();
    let mut options = RemoteOptions::new(vec![nobody]);
    options.timing.most_waiting = 10_000;
    let client = client(options);
    client.put(1, b"k", &[0; 6_000]);
    let refused = client
        .client
        .submit(2, 0, request(Operation::Put), b"k", &[0; 6_000], None)
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.outcome),
        (Code::ResourceExhausted, Outcome::NotApplied)
    );
    client.client.cancel(1);
    client.done(1);
    client.put(3, b"k", &[0; 6_000]);
}

#[test]
fn a_second_loss_before_the_session_is_resumed_changes_nothing() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    client.put(2, b"k", b"v");
    let first = peer.request();
    drop(peer);
    for _ in 0..3 {
        drop(node.accept());
    }
    let mut next = node.accept();
    let mut resumed = welcome(1, 1);
    resumed.session_resumed = true;
    next.welcome(&resumed);
    let again = next.request();
    assert_eq!(again.header.sequence, first.header.sequence);
    next.echo(&again);
    assert_eq!(client.done(2).retries, 1);
}
