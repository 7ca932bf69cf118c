//! A peer that breaks the protocol costs its connection and nothing else.

use holdfast_proto::session::{
    CHUNK_FROM, FrameHead, FrameKind, Hello, MAX_FRAME, MAX_PAYLOAD, Preamble, ReplyHeader,
};

use super::fake::{Asked, FakeNode, Peer};
use super::recorder::client;
use crate::remote::ConnectionState;

/// What a hostile node does with a request that waits; then the request has to be answered over the next connection.
fn harms_nobody(attack: impl FnOnce(&mut Peer, &Asked)) {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"k");
    let mut peer = node.serve();
    let asked = peer.request();
    attack(&mut peer, &asked);
    let lost = client.sink.state(ConnectionState::Disconnected, 0);
    assert!(lost.reason.contains("broke the protocol"), "{lost:?}");
    assert!(peer.closes());
    let mut next = node.accept_and_welcome();
    next.answer();
    let done = client.done(1);
    assert_eq!((done.payload(), done.retries), (&b"k"[..], 1));
}

fn frame_head(length: u32, kind: u8, flags: u8, header: u16, number: u64) -> Vec<u8> {
    let mut head = length.to_le_bytes().to_vec();
    head.extend([kind, flags]);
    head.extend(header.to_le_bytes());
    head.extend(number.to_le_bytes());
    head
}

fn in_pieces(number: u64) -> FrameHead {
    FrameHead {
        flags: FrameHead::IN_PIECES,
        ..FrameHead::new(FrameKind::Reply, number)
    }
}

fn of_length(payload_length: u64) -> ReplyHeader {
    ReplyHeader {
        payload_length,
        ..ReplyHeader::default()
    }
}

#[test]
fn garbage() {
    harms_nobody(|peer, _| peer.send(&[0xa5; 4096]));
}

#[test]
fn a_frame_that_is_too_long() {
    harms_nobody(|peer, asked| peer.send(&frame_head(MAX_FRAME as u32 + 1, 4, 0, 0, asked.number)));
}

#[test]
fn a_header_that_is_longer_than_its_frame() {
    harms_nobody(|peer, asked| peer.send(&frame_head(4, 4, 0, 5, asked.number)));
}

#[test]
fn a_frame_that_only_clients_send() {
    harms_nobody(|peer, _| peer.send_frame(FrameHead::new(FrameKind::Hello, 0), &Hello::default(), &[]));
}

#[test]
fn a_reply_to_a_request_that_was_never_sent() {
    harms_nobody(|peer, asked| peer.reply(asked.number + 1, &ReplyHeader::default(), &[]));
    harms_nobody(|peer, _| peer.reply(0, &ReplyHeader::default(), &[]));
    harms_nobody(|peer, asked| {
        peer.send_frame(in_pieces(asked.number + 9), &of_length(CHUNK_FROM as u64), &[])
    });
}

#[test]
fn pieces_that_lie() {
    harms_nobody(|peer, asked| {
        peer.send_frame(in_pieces(asked.number), &of_length(MAX_PAYLOAD as u64 + 1), &[])
    });
    harms_nobody(|peer, asked| peer.send_frame(in_pieces(asked.number), &of_length(17), &[]));
    harms_nobody(|peer, asked| {
        let head = FrameHead::new(FrameKind::Chunk, asked.number);
        peer.send_frame(head, &(), b"of nothing");
    });
    harms_nobody(|peer, asked| {
        peer.send_frame(in_pieces(asked.number), &of_length(CHUNK_FROM as u64), &[]);
        let last_too_early = FrameHead {
            flags: FrameHead::LAST,
            ..FrameHead::new(FrameKind::Chunk, asked.number)
        };
        peer.send_frame(last_too_early, &(), b"short");
    });
    harms_nobody(|peer, asked| {
        for _ in 0..2 {
            peer.send_frame(in_pieces(asked.number), &of_length(CHUNK_FROM as u64), &[]);
        }
    });
    harms_nobody(|peer, asked| {
        peer.send_frame(
            in_pieces(asked.number),
            &of_length(CHUNK_FROM as u64),
            b"and a payload",
        );
    });
}

#[test]
fn a_reply_whose_header_cannot_be_read_ends_its_request_with_internal() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"k");
    let mut peer = node.serve();
    let asked = peer.request();
    let mut frame = frame_head(2, 4, 0, 2, asked.number);
    frame.extend([0xff, 0xff]);
    peer.send(&frame);
    assert_eq!(client.done(1).code(), Some(holdfast_proto::Code::Internal));
}

#[test]
fn a_second_reply_to_the_same_request_is_passed_by() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"k");
    let mut peer = node.serve();
    let asked = peer.answer();
    peer.reply(asked.number, &ReplyHeader::default(), b"once more");
    client.get(2, b"l");
    peer.answer();
    assert_eq!(client.done(1).payload(), b"k");
    assert_eq!(client.done(2).payload(), b"l");
    assert_eq!(client.sink.completed_count(), 2);
}

#[test]
fn a_peer_that_speaks_something_else_is_no_node_and_the_next_is_asked() {
    let (web, node) = (FakeNode::bind(), FakeNode::bind());
    let options = crate::remote::RemoteOptions::new(vec![web.endpoint(), node.endpoint()]);
    let client = client(options);
    client.get(1, b"k");
    let mut peer = web.accept();
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut peer = node.serve();
    peer.answer();
    assert_eq!(client.done(1).server, 2);
}

#[test]
fn a_welcome_that_cannot_be_read_or_never_comes_whole_is_no_connection() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"k");
    let mut peer = node.accept();
    peer.send(&Preamble::OWN.encode());
    peer.send(&frame_head(2, 2, 0, 2, 0));
    peer.send(&[0xff, 0xff]);
    assert!(peer.closes());
    let mut peer = node.accept();
    peer.send(&Preamble::OWN.encode());
    peer.send(&frame_head(100, 2, 0, 100, 0));
    drop(peer);
    let mut peer = node.serve();
    peer.answer();
    client.done(1);
}
