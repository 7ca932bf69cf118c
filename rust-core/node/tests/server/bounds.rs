//! What peers may make the node hold is bounded, and so is the time that they may take.

use std::time::Duration;

use bytes::BytesMut;
use holdfast_proto::Code;
use holdfast_proto::session::{Operation, RequestHeader, StoreClass, flags};

use crate::peer::{Heard, Peer, Served, items, now, request, split};

const MIB: u64 = 1 << 20;

/// A put of 700 KB, without its last piece.
fn begin(peer: &mut Peer, store: u32, key: &[u8]) -> (u64, BytesMut) {
    let (number, bytes) = peer.encode(request(Operation::Put, store), key, &vec![1; 700_000]);
    let mut frames = split(&bytes);
    let last = frames.pop().expect("a last piece");
    for frame in frames {
        peer.write(&frame);
    }
    (number, last)
}

#[test]
fn what_does_not_fit_beside_what_is_coming_on_the_connection_is_refused_at_once() {
    let served = Served::with(|options| options.limits.connection_bytes = MIB);
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let (first, last) = begin(&mut peer, store, b"first");
    let (second, second_last) = begin(&mut peer, store, b"second");
    let refused = peer.wait(second);
    assert!(
        refused
            .refused(Code::ResourceExhausted)
            .contains("the connection has")
    );
    assert!(refused.header.retry_after_ms > 0);
    assert!(served.shared().bytes_in_flight() <= MIB);
    // The rest of what was refused is passed by.
    peer.write(&second_last);
    peer.write(&last);
    peer.wait(first).ok();
    peer.put(store, b"second", &vec![1; 700_000]);
    served.wait_until("the refusal is counted", |shared| shared.totals().rejected == 1);
}

#[test]
fn what_does_not_fit_beside_what_is_coming_on_other_connections_is_refused_at_once() {
    let served = Served::with(|options| options.limits.node_bytes = MIB);
    let mut one = Peer::connect(&served, 1);
    let mut other = Peer::connect(&served, 2);
    let store = one.open("s", StoreClass::Cache);
    let (first, last) = begin(&mut one, store, b"first");
    served.wait_until("it has begun", |shared| shared.bytes_in_flight() > 0);
    let (second, _) = begin(&mut other, store, b"second");
    assert!(
        other
            .wait(second)
            .refused(Code::ResourceExhausted)
            .contains("the node has")
    );
    other.put(store, b"small", b"goes on");
    one.write(&last);
    one.wait(first).ok();
    served.wait_until("it is over", |shared| shared.bytes_in_flight() == 0);
}

#[test]
fn what_a_lost_connection_had_begun_is_given_back() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    begin(&mut peer, store, b"first");
    served.wait_until("it has begun", |shared| shared.bytes_in_flight() > 0);
    drop(peer);
    served.wait_until("it is given back", |shared| shared.bytes_in_flight() == 0);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_is_cut() {
    let served = Served::with(|options| {
        options.limits.write_timeout = Duration::from_millis(200);
        options.limits.reply_bytes = 2 * MIB;
    });
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"big", &vec![7; 1 << 20]);
    peer.put(store, b"k", b"v");
    for _ in 0..200 {
        peer.send(request(Operation::Get, store), b"big", &[]);
    }
    let mut other = Peer::connect(&served, 2);
    served.wait_until("it is cut", |shared| {
        // What waits is bounded, however much was asked for.
        assert!(shared.bytes_in_flight() <= 4 * MIB);
        shared.totals().slow_readers_cut == 1
    });
    assert!(other.get(store, b"k").is_some());
    served.wait_until("it is gone", |shared| {
        shared.connection_count() == 1 && shared.bytes_in_flight() == 0
    });
}

/// Asks for the same 100 KB 100 times, which runs beside the connection.
fn ask_for_much(peer: &mut Peer, store: u32) -> u64 {
    let keys = vec![(request(Operation::Get, 0), b"k".as_slice(), [].as_slice()); 100];
    let header = RequestHeader {
        items: 100,
        ..request(Operation::GetMany, store)
    };
    peer.send(header, &[], &items(&keys))
}

#[test]
fn long_requests_of_a_client_that_does_not_read_wait_until_it_does() {
    let served = Served::with(|options| options.limits.reply_bytes = MIB);
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"k", &vec![7; 100_000]);
    let numbers: Vec<u64> = (0..20).map(|_| ask_for_much(&mut peer, store)).collect();
    // Each answer has 10 MB: those of the requests that ran at once, and what was already there.
    let most = 10 * MIB * (2 + std::thread::available_parallelism().map_or(2, usize::from) as u64);
    let mut other = Peer::connect(&served, 2);
    let started = now();
    while started.elapsed() < Duration::from_millis(300) {
        assert!(served.shared().bytes_in_flight() <= most);
        assert!(other.get(store, b"k").is_some());
    }
    for number in numbers {
        assert_eq!(peer.wait(number).ok().header.items, 100);
        assert!(served.shared().bytes_in_flight() <= most);
    }
}

#[test]
fn an_answer_for_which_the_node_has_no_room_is_refused() {
    let served = Served::with(|options| options.limits.node_bytes = MIB);
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"k", &vec![7; 100_000]);
    let number = ask_for_much(&mut peer, store);
    assert!(
        peer.wait(number)
            .refused(Code::ResourceExhausted)
            .contains("does not fit into")
    );
    assert!(peer.get(store, b"k").is_some());
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    let served = Served::with(|options| options.limits.reply_bytes = MIB);
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    for length in [100_000, 3_000] {
        peer.put(store, b"k", &vec![7; length]);
        let mut all = BytesMut::new();
        let numbers: Vec<u64> = (0..400)
            .map(|_| {
                let (number, bytes) = peer.encode(request(Operation::Get, store), b"k", &[]);
                all.extend_from_slice(&bytes);
                number
            })
            .collect();
        peer.write(&all);
        for number in numbers {
            assert_eq!(peer.wait(number).ok().payload.len(), length);
        }
    }
}

#[test]
fn a_client_that_is_silent_for_too_long_is_told_so_and_one_that_pings_is_kept() {
    let served = Served::with(|options| options.limits.idle_timeout = Duration::from_millis(100));
    let mut silent = Peer::connect(&served, 1);
    let mut pinging = Peer::connect(&served, 2);
    let mut pings = 0;
    let goodbye = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| silent.goodbye());
        while !waiting.is_finished() {
            pings += 1;
            pinging.frame(holdfast_proto::session::FrameKind::Ping, pings);
            assert!(matches!(pinging.hear(), Heard::Pong(_)));
        }
        waiting.join().expect("a Goodbye")
    });
    assert_eq!((goodbye.code, goodbye.reconnect), (Code::Timeout.number(), true));
    pinging.call(request(Operation::Ping, 0), &[], &[]).ok();
}

#[test]
fn former_values_that_are_kept_for_retries_are_bounded_over_all_sessions() {
    let served = Served::with(|options| options.limits.node_bytes = MIB);
    let giving_back = |store, sequence, first_unacknowledged| RequestHeader {
        flags: flags::RETURN_PREVIOUS,
        sequence,
        first_unacknowledged,
        ..request(Operation::Put, store)
    };
    let value = vec![7; 200_000];
    let mut sessions: Vec<Peer> = (1..=3).map(|session| Peer::connect(&served, session)).collect();
    let mut refused = 0;
    let store = sessions[0].open("s", StoreClass::Cache);
    for peer in &mut sessions {
        for sequence in 1..=6 {
            let reply = peer.call(giving_back(store, sequence, 1), b"key", &value);
            if reply.header.code != 0 {
                assert!(reply.refused(Code::ResourceExhausted).contains("former values"));
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "1 MiB holds five or six of them, not seventeen");
    // Whoever says what it has seen, or asks for no former value, goes on.
    sessions[2].put(store, b"key", b"small");
    sessions[0].call(giving_back(store, 7, 7), b"key", &value).ok();
}
