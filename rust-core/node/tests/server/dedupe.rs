//! A change that a client repeats is applied once.

use std::time::Duration;

use holdfast_proto::Code;
use holdfast_proto::session::{Hello, ItemReader, Operation, ReplyHeader, RequestHeader, StoreClass, flags};

use crate::peer::{Peer, Served, hello, items, request};

fn add_one(store: u32, sequence: u64, first_unacknowledged: u64) -> RequestHeader {
    RequestHeader {
        delta: 1,
        sequence,
        first_unacknowledged,
        ..request(Operation::Increment, store)
    }
}

fn come_back(served: &Served, session: u128) -> Peer {
    let again = Hello {
        session_epoch: served.node.epoch(),
        ..hello(session)
    };
    Peer::greet(served.address(), &again)
}

#[test]
fn a_repeated_change_gets_its_first_outcome_on_any_connection_of_the_session() {
    let served = Served::start();
    let mut first = Peer::connect(&served, 1);
    for class in [StoreClass::Cache, StoreClass::Coordination] {
        let store = first.open(&format!("{class:?}"), class);
        let outcome = first.call(add_one(store, 1, 1), b"n", &[]).ok();
        assert_eq!(outcome.header.number, 1);
        let mut second = come_back(&served, 1);
        assert!(second.welcome.session_resumed);
        let mut stranger = Peer::connect(&served, 2);
        for peer in [&mut first, &mut second] {
            assert_eq!(
                peer.call(add_one(store, 1, 1), b"n", &[]).ok().header,
                outcome.header
            );
        }
        assert_eq!(
            stranger.call(add_one(store, 1, 1), b"n", &[]).ok().header.number,
            2
        );
    }
    served.wait_until("the repeats are counted", |shared| {
        shared.totals().dedupe_hits == 4
    });
}

#[test]
fn a_client_that_comes_back_repeats_what_it_does_not_know_the_outcome_of() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.send(add_one(store, 1, 1), b"n", &[]);
    let number = peer.send(request(Operation::Ping, 0), &[], &[]);
    peer.wait(number).ok();
    drop(peer);
    let mut peer = come_back(&served, 1);
    assert!(peer.welcome.session_resumed);
    assert_eq!(peer.call(add_one(store, 1, 1), b"n", &[]).ok().header.number, 1);
    assert_eq!(peer.call(add_one(store, 2, 2), b"n", &[]).ok().header.number, 2);
    let forgotten = peer.call(add_one(store, 1, 2), b"n", &[]);
    assert!(forgotten.has(flags::OUTCOME_UNKNOWN), "{forgotten:?}");
    assert_eq!(peer.get(store, b"n").as_deref(), Some(b"2".as_slice()));
}

#[test]
fn a_change_of_another_epoch_may_have_been_applied_then_and_is_not_applied_now() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let epoch = peer.welcome.epoch;
    for (epoch, applies) in [(epoch - 1, false), (epoch, true)] {
        let header = RequestHeader {
            epoch,
            ..add_one(store, 1, 1)
        };
        let reply = peer.call(header, b"n", &[]);
        if applies {
            assert_eq!(reply.ok().header.number, 1);
        } else {
            reply.refused(Code::SessionExpired);
            assert!(reply.has(flags::OUTCOME_UNKNOWN));
        }
    }
    let read = RequestHeader {
        epoch: epoch - 1,
        ..request(Operation::Get, store)
    };
    peer.call(read, b"n", &[]).ok();
    let other = Hello {
        session_epoch: epoch - 1,
        ..hello(1)
    };
    assert!(!Peer::greet(served.address(), &other).welcome.session_resumed);
}

#[test]
fn a_repeated_batch_repeats_none_of_its_changes() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let batch = |count: usize, sequence: u64| {
        let keys: Vec<String> = (0..count).map(|index| format!("n{}", index % 100)).collect();
        let all: Vec<_> = keys
            .iter()
            .map(|key| {
                let add = RequestHeader {
                    delta: 1,
                    ..request(Operation::Increment, 0)
                };
                (add, key.as_bytes(), &[][..])
            })
            .collect();
        let header = RequestHeader {
            items: count as u32,
            sequence,
            first_unacknowledged: sequence,
            ..request(Operation::Batch, store)
        };
        (header, items(&all))
    };
    let (header, payload) = batch(300, 1);
    let first = peer.call(header.clone(), &[], &payload).ok();
    let again = come_back(&served, 1).call(header, &[], &payload).ok();
    assert_eq!(first.payload, again.payload);
    assert_eq!(peer.get(store, b"n7").as_deref(), Some(b"3".as_slice()));
    let mut reader = ItemReader::new(&first.payload);
    assert_eq!(reader.next::<ReplyHeader>().unwrap().unwrap().0.number, 1);
    let (header, payload) = batch(4_097, 301);
    peer.call(header, &[], &payload).refused(Code::BatchTooLarge);
    let (header, payload) = batch(4_097, 0);
    peer.call(header, &[], &payload).ok();
    assert_eq!(peer.get(store, b"n99").as_deref(), Some(b"43".as_slice()));
}

#[test]
fn a_client_without_a_session_changes_without_sequence_numbers() {
    let served = Served::start();
    let mut peer = Peer::greet(served.address(), &Hello::default());
    let store = peer.open("s", StoreClass::Cache);
    assert_eq!(peer.call(add_one(store, 0, 0), b"n", &[]).ok().header.number, 1);
    peer.call(add_one(store, 1, 1), b"n", &[])
        .refused(Code::InvalidArgument);
    assert_eq!(served.shared().session_count(), 0);
}

#[test]
fn more_unacknowledged_changes_than_the_window_are_refused() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Coordination);
    peer.call(add_one(store, 4_096, 1), b"n", &[]).ok();
    peer.call(add_one(store, 4_097, 1), b"n", &[])
        .refused(Code::ResourceExhausted);
    peer.call(add_one(store, 4_097, 2), b"n", &[]).ok();
}

#[test]
fn a_session_that_nobody_comes_back_to_is_forgotten() {
    let served = Served::with(|options| options.limits.session_lifetime = Duration::from_millis(60));
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.call(add_one(store, 1, 1), b"n", &[]).ok();
    assert_eq!(served.shared().session_count(), 1);
    drop(peer);
    served.wait_until("the session is forgotten", |shared| shared.session_count() == 0);
    let mut peer = come_back(&served, 1);
    assert!(!peer.welcome.session_resumed);
    assert_eq!(peer.call(add_one(store, 1, 1), b"n", &[]).ok().header.number, 2);
}
