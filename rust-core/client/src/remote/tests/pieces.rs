//! Big payloads go in pieces, both ways, and never hold small ones up.

use std::collections::HashMap;

use holdfast_proto::Code;
use holdfast_proto::session::{
    Assembly, CHUNK, CHUNK_FROM, Frame, FrameHead, FrameKind, ReplyHeader, RequestHeader, pieces,
};
use prost::Message;

use super::fake::{FakeNode, Got, Peer};
use super::recorder::{client, connected};

fn big(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index as u8).wrapping_mul(31) ^ seed)
        .collect()
}

/// Reads frames until the payload of every request that comes in pieces is there.
struct Collector {
    coming: HashMap<u64, (RequestHeader, Assembly)>,
    whole: Vec<(u64, RequestHeader, Vec<u8>)>,
    /// Kinds and numbers in the order in which they came.
    order: Vec<(FrameKind, u64)>,
}

impl Collector {
    fn new() -> Collector {
        Collector {
            coming: HashMap::new(),
            whole: Vec::new(),
            order: Vec::new(),
        }
    }

    fn take(&mut self, got: &Got) {
        self.order.push((got.kind, got.number));
        match got.kind {
            FrameKind::Request if got.flags & FrameHead::IN_PIECES != 0 => {
                let header = RequestHeader::decode(got.header.clone()).unwrap();
                let length = Assembly::check(header.payload_length).unwrap();
                self.coming.insert(got.number, (header, Assembly::new(length)));
            }
            FrameKind::Request => {
                let header = RequestHeader::decode(got.header.clone()).unwrap();
                self.whole.push((got.number, header, got.payload.clone()));
            }
            FrameKind::Chunk => {
                let frame = Frame {
                    head: FrameHead {
                        flags: got.flags,
                        ..FrameHead::new(got.kind, got.number)
                    },
                    header: &got.header,
                    payload: &got.payload,
                };
                let (_, assembly) = self
                    .coming
                    .get_mut(&got.number)
                    .expect("a piece of what has begun");
                if assembly.push(&frame).unwrap() {
                    let (header, assembly) = self.coming.remove(&got.number).unwrap();
                    self.whole.push((got.number, header, assembly.into_bytes()));
                }
            }
            _ => {}
        }
    }

    fn until(&mut self, peer: &mut Peer, count: usize) {
        while self.whole.len() < count {
            let got = peer.frame().unwrap();
            self.take(&got);
        }
    }
}

#[test]
fn big_values_arrive_whole_and_their_pieces_take_turns() {
    let node = FakeNode::bind();
    let client = client(node.options());
    let length = 8 * CHUNK;
    client.put(1, b"first", &big(1, length));
    client.put(2, b"second", &big(2, length));
    let mut peer = node.serve();
    let mut collector = Collector::new();
    collector.until(&mut peer, 2);
    for (number, header, payload) in &collector.whole {
        let (key, value) = header.key_and_value(payload).unwrap();
        let seed = if key == b"first" { 1 } else { 2 };
        assert_eq!(value, big(seed, length), "request {number}");
        assert!(header.sequence != 0);
    }
    let turns: Vec<u64> = collector
        .order
        .iter()
        .filter(|(kind, _)| *kind == FrameKind::Chunk)
        .map(|(_, n)| *n)
        .collect();
    let same_in_a_row = turns
        .windows(2)
        .take(10)
        .filter(|pair| pair[0] == pair[1])
        .count();
    assert_eq!(same_in_a_row, 0, "{turns:?}");
    for (number, ..) in &collector.whole {
        peer.reply(*number, &ReplyHeader::default(), &[]);
    }
    client.done(1);
    client.done(2);
}

#[test]
fn small_requests_pass_a_big_one_that_is_under_way() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    // More than all buffers between the two take, and nobody reads yet.
    for ticket in 100..113 {
        client.put(ticket, b"big", &big(3, 1024 * 1024 - 8));
    }
    client.get(2, b"small");
    let mut collector = Collector::new();
    while !collector
        .whole
        .iter()
        .any(|(_, header, payload)| header.key_and_value(payload).unwrap().0 == b"small")
    {
        let got = peer.frame().unwrap();
        collector.take(&got);
    }
    let pieces = collector
        .order
        .iter()
        .filter(|(kind, _)| *kind == FrameKind::Chunk)
        .count();
    assert!(
        pieces < 13 * 16 / 2,
        "{pieces} pieces came before the small request"
    );
    collector.until(&mut peer, 14);
}

#[test]
fn a_big_reply_is_put_together_while_small_ones_pass_it() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"big");
    client.get(2, b"small");
    let mut peer = node.serve();
    let asked = peer.requests(2);
    let value = big(5, CHUNK_FROM + 3 * CHUNK + 17);
    let header = ReplyHeader {
        version: 9,
        payload_length: value.len() as u64,
        ..ReplyHeader::default()
    };
    let head = FrameHead {
        flags: FrameHead::IN_PIECES,
        ..FrameHead::new(FrameKind::Reply, asked[0].number)
    };
    peer.send_frame(head, &header, &[]);
    let mut offset = Some(0);
    let mut small = false;
    while let Some(from) = offset {
        let mut out = bytes::BytesMut::new();
        offset = pieces(&mut out, asked[0].number, &value, from);
        peer.send(&out);
        if !std::mem::replace(&mut small, true) {
            peer.echo(&asked[1]);
            client.done(2);
            assert!(!client.sink.is_done(1));
        }
    }
    let done = client.done(1);
    assert_eq!(done.payload(), value);
    assert_eq!(done.result.unwrap().0.version, 9);
}

#[test]
fn a_big_request_that_is_cancelled_stops_and_the_node_hears_of_it() {
    let node = FakeNode::bind();
    let (client, mut peer) = connected(&node);
    let length = 1024 * 1024 - 8;
    for ticket in 2..16 {
        client.put(ticket, b"big", &big(1, length));
    }
    // Sockets' buffers are full long before all of it is sent.
    client.client.cancel(15);
    let cancelled = client.done(15);
    assert_eq!(cancelled.code(), Some(Code::Cancelled));
    assert_eq!(cancelled.error().outcome, holdfast_proto::Outcome::NotApplied);
    let mut collector = Collector::new();
    collector.until(&mut peer, 13);
    client.get(16, b"after");
    collector.until(&mut peer, 14);
    let begun = collector
        .order
        .iter()
        .filter(|(kind, _)| *kind == FrameKind::Request)
        .map(|(_, number)| *number);
    let unfinished: Vec<u64> = begun
        .filter(|number| collector.coming.contains_key(number))
        .collect();
    for number in unfinished {
        let cancel = collector
            .order
            .iter()
            .position(|frame| *frame == (FrameKind::Cancel, number))
            .unwrap();
        let later = &collector.order[cancel..];
        assert!(
            !later.contains(&(FrameKind::Chunk, number)),
            "a piece after its Cancel"
        );
    }
}

#[test]
fn pieces_of_a_reply_that_nobody_waits_for_any_more_are_passed_by() {
    let node = FakeNode::bind();
    let client = client(node.options());
    client.get(1, b"big");
    let mut peer = node.serve();
    let asked = peer.request();
    client.client.cancel(1);
    client.done(1);
    let value = big(5, CHUNK_FROM);
    let header = ReplyHeader {
        payload_length: value.len() as u64,
        ..ReplyHeader::default()
    };
    let head = FrameHead {
        flags: FrameHead::IN_PIECES,
        ..FrameHead::new(FrameKind::Reply, asked.number)
    };
    peer.send_frame(head, &header, &[]);
    let mut offset = Some(0);
    while let Some(from) = offset {
        let mut out = bytes::BytesMut::new();
        offset = pieces(&mut out, asked.number, &value, from);
        peer.send(&out);
    }
    client.get(2, b"k");
    peer.answer();
    assert_eq!(client.done(2).payload(), b"k");
    assert_eq!(client.sink.completed_count(), 2);
}

#[test]
fn a_big_request_that_was_cut_off_is_sent_again_as_new() {
    let node = FakeNode::bind();
    let client = client(node.options());
    let value = big(7, 900 * 1024);
    client.put(1, b"big", &value);
    let mut peer = node.serve();
    let begun = peer.frame().unwrap();
    assert_eq!(begun.kind, FrameKind::Request);
    drop(peer);
    let mut next = node.accept();
    next.welcome(&super::fake::welcome(2, 2));
    next.open_store(7);
    let mut collector = Collector::new();
    collector.until(&mut next, 1);
    let (number, header, payload) = &collector.whole[0];
    assert_eq!(header.key_and_value(payload).unwrap(), (&b"big"[..], &value[..]));
    next.reply(*number, &ReplyHeader::default(), &[]);
    client.done(1);
}
