//! Bytes that are no frames end their connection, with a word, and nobody else notices.

use bytes::BytesMut;
use holdfast_proto::Code;
use holdfast_proto::session::{
    CHUNK_FROM, FrameHead, FrameKind, MAX_FRAME, MAX_PAYLOAD, Operation, RequestHeader, StoreClass,
    encode_frame,
};

use crate::peer::{Heard, Peer, Served, hello, hello_bytes, request};

fn head(length: u32, kind: u8, flags: u8, header: u16) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(header.to_le_bytes());
    bytes.extend(7_u64.to_le_bytes());
    bytes
}

fn framed(kind: FrameKind, flags: u8, header: &impl prost::Message, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let head = FrameHead {
        flags,
        ..FrameHead::new(kind, 7)
    };
    encode_frame(&mut out, head, header, &[payload]);
    out.to_vec()
}

fn in_pieces(length: u64) -> Vec<u8> {
    let header = RequestHeader {
        payload_length: length,
        ..request(Operation::Put, 1)
    };
    framed(FrameKind::Request, FrameHead::IN_PIECES, &header, &[])
}

#[test]
fn every_malformed_frame_ends_its_connection_with_a_reason_and_no_other() {
    let served = Served::start();
    let mut bystander = Peer::connect(&served, 1);
    let store = bystander.open("s", StoreClass::Cache);
    let beyond = RequestHeader {
        key_length: 100,
        ..request(Operation::Put, store)
    };
    let many = RequestHeader {
        items: 2,
        ..request(Operation::GetMany, store)
    };
    let far = RequestHeader {
        key_length: 50,
        ..request(Operation::Get, 0)
    };
    let mut far_item = Vec::new();
    prost::Message::encode_length_delimited(&far, &mut far_item).expect("a vector grows");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no frame of kind 0", head(0, 0, 0, 0)),
        ("no frame of kind 200", head(0, 200, 0, 0)),
        ("a frame of 4294967295 bytes", head(u32::MAX, 3, 0, 0)),
        ("at most", head(MAX_FRAME as u32 + 1, 3, 0, 0)),
        ("a header of 65535 bytes", head(100_000, 3, 0, u16::MAX)),
        ("a header of 2 bytes in a frame of 1", head(1, 3, 0, 2)),
        (
            "header of a Request frame",
            [head(3, 3, 0, 3), vec![0xff; 3]].concat(),
        ),
        ("a payload of 0 bytes", in_pieces(0)),
        ("a payload of", in_pieces(CHUNK_FROM as u64 - 1)),
        ("a payload of", in_pieces(MAX_PAYLOAD as u64 + 1)),
        ("a payload of", in_pieces(u64::MAX)),
        (
            "a Hello frame after the first one",
            framed(FrameKind::Hello, 0, &hello(1), &[]),
        ),
        (
            "a Welcome frame from a client",
            framed(FrameKind::Welcome, 0, &(), &[]),
        ),
        (
            "a Reply frame from a client",
            framed(FrameKind::Reply, 0, &(), &[]),
        ),
        (
            "the key of 100 bytes",
            framed(FrameKind::Request, 0, &beyond, b"short"),
        ),
        (
            "announces 2 items and has 0",
            framed(FrameKind::Request, 0, &many, &[]),
        ),
        (
            "the key of an item of 50 bytes",
            framed(FrameKind::Request, 0, &many, &far_item),
        ),
        ("item", framed(FrameKind::Request, 0, &many, &[0xff; 20])),
    ];
    for (session, (expected, bytes)) in cases.iter().enumerate() {
        let mut peer = Peer::connect(&served, 2 + session as u128);
        peer.write(bytes);
        let goodbye = peer.goodbye();
        assert_eq!(
            (goodbye.code, goodbye.reconnect),
            (Code::InvalidArgument.number(), false)
        );
        assert!(
            goodbye.reason.contains(expected),
            "'{}' has no '{expected}'",
            goodbye.reason
        );
        peer.assert_closed();
        bystander.put(store, b"k", b"v");
    }
    assert_eq!(served.shared().bytes_in_flight(), 0);
    assert_eq!(served.shared().totals().protocol_errors, cases.len() as u64);
    served.wait_until("only the bystander is left", |shared| {
        shared.connection_count() == 1
    });
}

#[test]
fn garbage_after_a_good_hello_and_requests_cut_anywhere_harm_nobody() {
    let served = Served::start();
    let mut bystander = Peer::connect(&served, 1);
    let store = bystander.open("s", StoreClass::Cache);
    let mut seed = 1_u64;
    for round in 0..200_u128 {
        let mut bytes = hello_bytes(&hello(1_000 + round)).to_vec();
        for _ in 0..64 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.extend((seed >> 24).to_le_bytes());
        }
        bytes.truncate(8 + (seed >> 33) as usize % (bytes.len() - 8));
        let mut stream = std::net::TcpStream::connect(served.address()).expect("it listens");
        std::io::Write::write_all(&mut stream, &bytes).expect("it takes them");
        drop(stream);
        bystander.put(store, b"k", b"v");
    }
    served.wait_until("only the bystander is left", |shared| {
        shared.connection_count() == 1
    });
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered_like_any() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"key", b"value");
    let (number, bytes) = peer.encode(request(Operation::Get, store), b"key", &[]);
    for byte in &bytes[..] {
        peer.write(&[*byte]);
    }
    assert_eq!(peer.wait(number).ok().payload, b"value");
    peer.frame(FrameKind::Pong, 3);
    peer.frame(FrameKind::Ping, 4);
    assert!(matches!(peer.hear(), Heard::Pong(4)));
}
