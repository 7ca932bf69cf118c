//! Big payloads travel in pieces, between everything else.

use bytes::BytesMut;
use holdfast_proto::Code;
use holdfast_proto::session::{
    CHUNK, CHUNK_FROM, FrameHead, FrameKind, Operation, RequestHeader, StoreClass, encode_frame, pieces,
};

use crate::peer::{Heard, Peer, Served, request, split};

fn value(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|index| (index as u8).wrapping_mul(31) ^ seed)
        .collect()
}

#[test]
fn values_of_every_size_come_back_as_they_went() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let around = [
        0,
        1,
        4_095,
        4_096,
        4_097,
        CHUNK,
        CHUNK_FROM - 10,
        CHUNK_FROM - 1,
        CHUNK_FROM,
        CHUNK_FROM + 1,
    ];
    for length in around.into_iter().chain([1 << 20, (5 << 20) + 3, 16 << 20]) {
        let put = value(length, length as u8);
        peer.put(store, b"key", &put);
        assert!(peer.get(store, b"key") == Some(put), "{length} bytes");
    }
    served.wait_until("nothing is in flight", |shared| shared.bytes_in_flight() == 0);
}

#[test]
fn small_replies_overtake_big_ones() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"big", &value(8 << 20, 1));
    peer.put(store, b"small", b"v");
    let (first, mut bytes) = peer.encode(request(Operation::Get, store), b"big", &[]);
    let (second, more) = peer.encode(request(Operation::Get, store), b"big", &[]);
    bytes.extend_from_slice(&more);
    let (small, more) = peer.encode(request(Operation::Get, store), b"small", &[]);
    bytes.extend_from_slice(&more);
    peer.write(&bytes);
    let Heard::Reply(number, _) = peer.hear() else {
        panic!("a reply was to come");
    };
    assert_eq!(number, small);
    for number in [first, second] {
        assert!(peer.wait(number).ok().payload == value(8 << 20, 1));
    }
}

#[test]
fn pieces_of_several_requests_come_in_between_each_other_and_small_requests() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"small", b"v");
    let put = || request(Operation::Put, store);
    let (left, left_bytes) = peer.encode(put(), b"left", &value(1 << 20, 1));
    let (right, right_bytes) = peer.encode(put(), b"right", &value((1 << 20) + CHUNK / 2, 2));
    let (left_frames, right_frames) = (split(&left_bytes), split(&right_bytes));
    for (left, right) in left_frames.iter().zip(&right_frames) {
        peer.write(left);
        peer.write(right);
        assert!(peer.get(store, b"small").is_some());
    }
    for rest in &right_frames[left_frames.len()..] {
        peer.write(rest);
    }
    peer.wait(left).ok();
    peer.wait(right).ok();
    assert!(peer.get(store, b"left") == Some(value(1 << 20, 1)));
    assert!(peer.get(store, b"right") == Some(value((1 << 20) + CHUNK / 2, 2)));
}

#[test]
fn a_request_that_is_cancelled_while_its_payload_comes_is_not_run() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let (number, bytes) = peer.encode(request(Operation::Put, store), b"k", &value(1 << 20, 1));
    let frames = split(&bytes);
    peer.write(&frames[0]);
    peer.write(&frames[1]);
    peer.frame(FrameKind::Cancel, number);
    let reply = peer.wait(number);
    reply.refused(Code::Cancelled);
    assert!(!reply.has(holdfast_proto::session::flags::OUTCOME_UNKNOWN));
    // No piece comes after a Cancel.
    assert_eq!(peer.get(store, b"k"), None);
    assert_eq!(served.shared().bytes_in_flight(), 0);
    // A number that is over, or was never there, means nothing.
    peer.frame(FrameKind::Cancel, number);
    peer.frame(FrameKind::Cancel, 12_345);
    peer.frame(FrameKind::Ping, 9);
    assert!(matches!(peer.hear(), Heard::Pong(9)));
    assert_eq!(served.shared().bytes_in_flight(), 0);
}

#[test]
fn a_request_whose_payload_comes_too_late_is_not_run() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let header = RequestHeader {
        timeout_ms: 30,
        ..request(Operation::Put, store)
    };
    let (number, bytes) = peer.encode(header, b"k", &value(1 << 20, 1));
    let frames = split(&bytes);
    peer.write(&frames[0]);
    let reply = peer.wait(number);
    reply.refused(Code::Timeout);
    assert!(!reply.has(holdfast_proto::session::flags::OUTCOME_UNKNOWN));
    for rest in &frames[1..] {
        peer.write(rest);
    }
    assert_eq!(peer.get(store, b"k"), None);
}

#[test]
fn pieces_that_do_not_fit_end_the_connection() {
    let served = Served::start();
    let start = |peer: &mut Peer, length: usize| {
        let header = RequestHeader {
            key_length: 1,
            payload_length: length as u64,
            ..request(Operation::Put, 1)
        };
        let mut out = BytesMut::new();
        let head = FrameHead {
            flags: FrameHead::IN_PIECES,
            ..FrameHead::new(FrameKind::Request, 77)
        };
        encode_frame(&mut out, head, &header, &[]);
        peer.write(&out);
    };
    let piece = |peer: &mut Peer, length: usize, offset: usize| {
        let mut out = BytesMut::new();
        pieces(&mut out, 77, &vec![0; length], offset);
        peer.write(&out);
    };
    type Misbehave<'a> = Box<dyn Fn(&mut Peer) + 'a>;
    let cases: [Misbehave<'_>; 4] = [
        Box::new(|peer| piece(peer, CHUNK, 0)),
        Box::new(|peer| {
            start(peer, CHUNK_FROM);
            piece(peer, CHUNK_FROM, CHUNK);
        }),
        Box::new(|peer| {
            start(peer, CHUNK_FROM);
            piece(peer, CHUNK, 0);
        }),
        Box::new(|peer| {
            start(peer, CHUNK_FROM);
            start(peer, CHUNK_FROM);
        }),
    ];
    for (index, misbehave) in cases.iter().enumerate() {
        let mut peer = Peer::connect(&served, 1 + index as u128);
        peer.open("s", StoreClass::Cache);
        misbehave(&mut peer);
        assert_eq!(peer.goodbye().code, Code::InvalidArgument.number());
        peer.assert_closed();
    }
    served.wait_until("nothing is held", |shared| {
        shared.bytes_in_flight() == 0 && shared.connection_count() == 0
    });
    assert_eq!(served.shared().totals().protocol_errors, 4);
}
