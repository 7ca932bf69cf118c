//! Requests and their answers on a connection that works.

use holdfast_proto::Code;
use holdfast_proto::session::{Operation, ReplyHeader, RequestHeader};
use holdfast_proto::{Error, Outcome};

use super::fake::FakeNode;
use super::recorder::{client, connected, request};
use crate::remote::ConnectionState;
use crate::settings::StoreSettings;

#[test]
fn each_reply_reaches_its_own_request_in_whatever_order_they_come() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"warm");
    let mut peer = node.serve();
    let first = peer.request();
    assert_eq!(first.header.store, 7);
    peer.echo(&first);
    client.done(1);
    for ticket in 2..66 {
        client.get(ticket, format!("key-{ticket}").as_bytes());
    }
    let mut asked = peer.requests(64);
    asked.reverse();
    for asked in &asked {
        peer.echo(asked);
    }
    for ticket in 2..66 {
        let done = client.done(ticket);
        assert_eq!(done.payload(), format!("key-{ticket}").as_bytes());
        assert_eq!((done.retries, done.server), (0, 1));
    }
}

#[test]
fn a_batch_of_replies_that_came_together_is_handed_over_in_one_call() {
    let node = FakeNode::bind();
    let client = client(node.options());
    for ticket in 1..=32 {
        client.get(ticket, b"k");
    }
    let mut peer = node.serve();
    let mut out = bytes::BytesMut::new();
    for asked in peer.requests(32) {
        let head =
            holdfast_proto::session::FrameHead::new(holdfast_proto::session::FrameKind::Reply, asked.number);
        holdfast_proto::session::encode_frame(&mut out, head, &ReplyHeader::default(), &[b"v"]);
    }
    peer.send(&out);
    client.sink.wait_completed(32);
    assert_eq!(client.sink.largest_batch(), 32);
}

#[test]
fn an_error_of_the_node_keeps_its_code_its_message_and_its_outcome() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.put(1, b"k", b"v");
    let mut peer = node.serve();
    let asked = peer.request();
    let error = Error::new(Code::StoreFull, "full").with_outcome(Outcome::NotApplied);
    peer.reply(asked.number, &ReplyHeader::failure(&error), &[]);
    assert_eq!(client.done(1).error(), &error);
}

#[test]
fn a_store_that_cannot_be_opened_fails_its_own_requests_and_is_tried_again_by_the_next() {
    let node = FakeNode::bind();
    let client = client(node.options());
    let other = client
        .client
        .open_store("default/other", &StoreSettings::default())
        .unwrap();
    client.get(1, b"a");
    client
        .client
        .submit(2, other, request(Operation::Get), b"b", &[], None)
        .unwrap();
    let mut peer = node.accept_and_welcome();
    let (first, second) = (peer.request(), peer.request());
    assert_eq!(
        (first.key(), second.key()),
        (&b"default/orders"[..], &b"default/other"[..])
    );
    let missing = Error::new(Code::StoreNotFound, "no store 'default/other'");
    peer.reply(second.number, &ReplyHeader::failure(&missing), &[]);
    assert_eq!(client.done(2).error(), &missing);
    assert!(!client.sink.is_done(1));
    peer.say_store(&first, 3);
    let asked = peer.request();
    assert_eq!((asked.header.store, asked.key()), (3, &b"a"[..]));
    peer.echo(&asked);
    assert_eq!(client.done(1).payload(), b"a");

    client
        .client
        .submit(3, other, request(Operation::Get), b"c", &[], None)
        .unwrap();
    peer.open_store(9);
    let asked = peer.request();
    assert_eq!((asked.header.store, asked.key()), (9, &b"c"[..]));
    peer.echo(&asked);
    assert_eq!(client.done(3).payload(), b"c");
}

#[test]
fn changes_are_numbered_and_say_which_outcomes_the_session_has_seen() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.put(1, b"a", b"1");
    client.put(2, b"b", b"2");
    client.get(3, b"c");
    let batch = RequestHeader {
        items: 3,
        ..request(Operation::Batch)
    };
    client.client.submit(4, 0, batch, &[], b"items", None).unwrap();
    client.put(5, b"d", b"3");
    let mut peer = node.serve();
    let asked = peer.requests(5);
    let sequences: Vec<u64> = asked.iter().map(|asked| asked.header.sequence).collect();
    assert_eq!(sequences, [1, 2, 0, 3, 6]);
    assert!(
        asked
            .iter()
            .all(|asked| asked.header.epoch == u64::from(asked.header.sequence != 0))
    );
    peer.echo(&asked[1]);
    client.done(2);
    client.put(6, b"e", b"4");
    let next = peer.request();
    assert_eq!((next.header.sequence, next.header.first_unacknowledged), (7, 1));
    peer.echo(&asked[0]);
    client.done(1);
    client.put(7, b"f", b"5");
    assert_eq!(peer.request().header.first_unacknowledged, 3);
}

#[test]
fn no_more_changes_are_under_way_than_the_node_can_tell_from_their_retries() {
    let node = FakeNode::bind();
    let client = client(node.options());
    for ticket in 1..=5 {
        client.put(ticket, format!("{ticket}").as_bytes(), b"v");
    }
    client.get(6, b"reads are not held back");
    let mut peer = node.accept();
    let mut welcome = super::fake::welcome(1, 1);
    welcome.dedupe_window = 2;
    peer.welcome(&welcome);
    peer.open_store(7);
    let asked = peer.requests(3);
    assert_eq!((asked[0].key(), asked[1].key()), (&b"1"[..], &b"2"[..]));
    assert_eq!(asked[2].key(), b"reads are not held back");
    peer.echo(&asked[0]);
    let third = peer.request();
    assert_eq!(
        (
            third.key(),
            third.header.sequence,
            third.header.first_unacknowledged
        ),
        (&b"3"[..], 3, 2)
    );
    peer.echo(&asked[1]);
    peer.echo(&third);
    for asked in peer.requests(2) {
        peer.echo(&asked);
    }
    client.done(5);
}

#[test]
fn opening_a_store_and_pinging_answer_what_the_node_says() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.submit(1, Operation::OpenStore, &[], &[]);
    client.submit(2, Operation::Ping, &[], &[]);
    let mut peer = node.accept_and_welcome();
    let open = peer.open_store(7);
    assert!(open.header.definition.is_some_and(|definition| definition.create));
    let ping = peer.request();
    assert_eq!(ping.operation(), Operation::Ping);
    peer.reply(ping.number, &ReplyHeader::default(), &[]);
    let opened = client.done(1).result.unwrap().0.store.unwrap();
    assert_eq!((opened.id, opened.name.as_str()), (7, "default/orders"));
    let pinged = client.done(2);
    assert_eq!(
        pinged.payload(),
        format!("127.0.0.1:{}\nfake", node.port()).as_bytes()
    );
    assert_eq!(pinged.result.unwrap().0.number, 1);
    // The id is known now: nothing is asked a second time.
    client.get(3, b"k");
    let asked = peer.request();
    assert_eq!((asked.operation(), asked.header.store), (Operation::Get, 7));
    peer.echo(&asked);
    client.done(3);
}

#[test]
fn clients_with_equal_options_share_one_connection_and_a_newcomer_hears_that_it_is_there() {
    let node = FakeNode::bind();
    let first = client(node.options());
    first.get(1, b"a");
    let mut peer = node.serve();
    peer.answer();
    first.done(1);
    let second = client(node.options());
    let there = second.sink.state(ConnectionState::Connected, 0);
    assert_eq!(
        (there.node.as_str(), there.epoch, there.epoch_changed),
        ("fake", 1, false)
    );
    // The same tickets, the same store: they do not meet.
    first.get(2, b"from the first");
    second.get(2, b"from the second");
    for asked in peer.requests(2) {
        peer.echo(&asked);
    }
    assert_eq!(first.done(2).payload(), b"from the first");
    assert_eq!(second.done(2).payload(), b"from the second");
}

#[test]
fn a_request_that_is_alone_is_written_by_its_caller_and_arrives_whole_when_the_socket_takes_it_in_parts() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    for ticket in 2..200 {
        let value: Vec<u8> = (0..250_000)
            .map(|index| (index % 251) as u8 ^ ticket as u8)
            .collect();
        client.put(ticket, b"k", &value);
        let asked = peer.request();
        assert!(asked.payload[1..] == value, "ticket {ticket}");
        peer.echo(&asked);
        client.done(ticket);
    }
    // Now and then the task has not gone to rest before the next request comes.
    let alone = client.client.written_alone();
    assert!(alone > 20, "{alone} of 198");
}

#[test]
fn what_no_node_would_accept_is_refused_before_it_is_sent() {
    let node = FakeNode::bind();
    let client = client(node.options());
    let submit = |header: RequestHeader, key: &[u8], value: &[u8]| {
        client
            .client
            .submit(1, 0, header, key, value, None)
            .map_err(|error| error.code)
    };
    assert_eq!(submit(request(Operation::Get), &[], &[]), Err(Code::InvalidKey));
    let long = vec![b'k'; holdfast_state::MAX_KEY + 1];
    assert_eq!(
        submit(request(Operation::Delete), &long, &[]),
        Err(Code::KeyTooLarge)
    );
    let big = vec![0; holdfast_state::MAX_VALUE as usize + 1];
    assert_eq!(
        submit(request(Operation::Put), b"k", &big),
        Err(Code::ValueTooLarge)
    );
    let cursor = RequestHeader {
        cursor: vec![0; 64 * 1024].into(),
        ..request(Operation::Scan)
    };
    assert_eq!(submit(cursor, &[], &[]), Err(Code::InvalidCursor));
    assert_eq!(
        submit(request(Operation::Unspecified), &[], &[]),
        Err(Code::Unsupported)
    );
    let unknown_store = client
        .client
        .submit(1, 5, request(Operation::Get), b"k", &[], None);
    assert_eq!(
        unknown_store.map_err(|error| error.code),
        Err(Code::InvalidArgument)
    );
    assert_eq!(client.sink.completed_count(), 0);
}
