//! What a connection has to say, and in which order.
//!
//! Small frames go first, all of them. Big ones take turns, a frame or a piece each, and no more of them is on its way at
//! once than small ones can wait for. Values are written from where they lie.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use holdfast_proto::session::{
    CHUNK, CHUNK_FROM, ChunkHeader, FrameHead, FrameKind, ReplyHeader, encode_frame, encode_frame_start,
};
use prost::Message;
use tokio::io::AsyncWrite;

use super::payload::Payload;
use super::spare;

/// Payloads up to this are copied: cheaper than to keep track of them.
pub(crate) const COPIED: usize = 4 * 1024;
/// Bytes of big frames that are on their way at once, the last of them beyond it.
const UNDER_WAY: usize = 128 * 1024;
/// Slices that one write takes.
const SLICES: usize = 16;

/// A reply that waits for its turn.
struct Big {
    number: u64,
    /// The encoded frame up to the payload; empty when the payload goes in pieces.
    start: BytesMut,
    payload: Payload,
    /// Where the next piece begins.
    at: usize,
}

/// A payload, or a part of it, between encoded bytes.
struct Insert {
    /// How many of the encoded bytes come before it.
    behind: usize,
    payload: Payload,
    from: usize,
    to: usize,
}

impl Insert {
    fn is_piece(&self) -> bool {
        self.payload.bytes().len() >= CHUNK_FROM
    }
}

/// The frames of one connection that are not written yet.
#[derive(Default)]
pub(crate) struct Outbound {
    /// Encoded frames that go first.
    small: BytesMut,
    big: VecDeque<Big>,
    /// On their way: encoded bytes, of which `written` have gone, and what comes between them.
    encoded: BytesMut,
    written: usize,
    inserts: VecDeque<Insert>,
    /// Bytes that are not written.
    queued: u64,
    /// Of these, payloads that go in pieces.
    in_pieces: u64,
}

impl Outbound {
    /// With bytes that go before everything else.
    pub(crate) fn new(first: BytesMut) -> Outbound {
        Outbound {
            queued: first.len() as u64,
            small: first,
            ..Outbound::default()
        }
    }

    /// Bytes that wait.
    #[inline]
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    /// Bytes that wait in whole frames.
    #[inline]
    pub(crate) fn whole_queued(&self) -> u64 {
        self.queued - self.in_pieces
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// A frame with a small payload.
    #[inline]
    pub(crate) fn frame(&mut self, head: FrameHead, header: &impl Message, payload: &[u8]) {
        if self.small.capacity() == 0 {
            self.small = spare::take_writing();
        }
        let before = self.small.len();
        encode_frame(&mut self.small, head, header, &[payload]);
        self.queued += (self.small.len() - before) as u64;
    }

    /// A reply with any payload.
    #[inline]
    pub(crate) fn reply(&mut self, number: u64, mut header: ReplyHeader, payload: Payload) {
        let length = payload.bytes().len();
        let mut head = FrameHead::new(FrameKind::Reply, number);
        if length <= COPIED {
            self.frame(head, &header, payload.bytes());
            return;
        }
        let mut start = BytesMut::new();
        if length < CHUNK_FROM {
            encode_frame_start(&mut start, head, &header, length);
            self.queued += start.len() as u64;
        } else {
            head.flags = FrameHead::IN_PIECES;
            header.payload_length = length as u64;
            self.frame(head, &header, &[]);
            self.in_pieces += length as u64;
        }
        self.queued += length as u64;
        self.big.push_back(Big {
            number,
            start,
            payload,
            at: 0,
        });
    }

    /// Writes until nothing waits or the peer takes no more. `Ready` says that nothing waits.
    ///
    /// # Errors
    /// The stream's.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes_out: &mut u64,
    ) -> Poll<io::Result<()>> {
        while self.queued > 0 {
            if self.written == self.encoded.len() && self.inserts.is_empty() {
                self.stage();
            }
            let length = ready!(self.write_once(stream, cx))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *bytes_out += length as u64;
            self.advance(length);
        }
        self.rest();
        // TLS may hold back what it took.
        Pin::new(stream).poll_flush(cx)
    }

    /// Chooses what goes next.
    fn stage(&mut self) {
        self.encoded.clear();
        self.written = 0;
        std::mem::swap(&mut self.encoded, &mut self.small);
        let mut under_way = 0;
        while under_way < UNDER_WAY
            && let Some(mut big) = self.big.pop_front()
        {
            let from = big.at;
            let length = big.payload.bytes().len();
            let to = if big.start.is_empty() {
                let to = length.min(from + CHUNK);
                let before = self.encoded.len();
                let head = FrameHead {
                    flags: if to == length { FrameHead::LAST } else { 0 },
                    ..FrameHead::new(FrameKind::Chunk, big.number)
                };
                encode_frame_start(
                    &mut self.encoded,
                    head,
                    &ChunkHeader { offset: from as u64 },
                    to - from,
                );
                self.queued += (self.encoded.len() - before) as u64;
                to
            } else {
                self.encoded.extend_from_slice(&big.start);
                length
            };
            under_way += to - from;
            self.inserts.push_back(Insert {
                behind: self.encoded.len(),
                payload: big.payload.clone(),
                from,
                to,
            });
            if to < length {
                big.at = to;
                self.big.push_back(big);
            }
        }
    }

    fn write_once<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(stream);
        if self.inserts.is_empty() {
            return stream.poll_write(cx, &self.encoded[self.written..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut at = self.written;
        for insert in self.inserts.iter().take(SLICES / 2) {
            for part in [
                &self.encoded[at..insert.behind],
                &insert.payload.bytes()[insert.from..insert.to],
            ] {
                if !part.is_empty() {
                    slices[used] = IoSlice::new(part);
                    used += 1;
                }
            }
            at = insert.behind;
        }
        stream.poll_write_vectored(cx, &slices[..used])
    }

    fn advance(&mut self, mut length: usize) {
        self.queued -= length as u64;
        while let Some(insert) = self.inserts.front_mut() {
            let before = insert.behind - self.written;
            if length < before {
                break;
            }
            self.written = insert.behind;
            length -= before;
            if length < insert.to - insert.from {
                insert.from += length;
                self.in_pieces -= if insert.is_piece() { length as u64 } else { 0 };
                return;
            }
            if insert.is_piece() {
                self.in_pieces -= (insert.to - insert.from) as u64;
            }
            length -= insert.to - insert.from;
            self.inserts.pop_front();
        }
        self.written += length;
    }

    /// Gives the buffers of a connection that has nothing to say to others.
    fn rest(&mut self) {
        self.written = 0;
        for buffer in [&mut self.encoded, &mut self.small] {
            if buffer.capacity() > 0 {
                buffer.clear();
                spare::give_writing(std::mem::take(buffer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;
    use holdfast_proto::session::{Assembly, parse_frame};

    use super::*;

    /// Takes a bounded number of bytes at a time, and no more than a whole budget.
    struct Narrow {
        written: Vec<u8>,
        at_once: usize,
        budget: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let narrow = self.get_mut();
            let length = bytes.len().min(narrow.at_once).min(narrow.budget);
            if length == 0 {
                return Poll::Pending;
            }
            narrow.budget -= length;
            narrow.written.extend_from_slice(&bytes[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.poll_write(cx, &all)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn payload(length: usize, seed: u8) -> Payload {
        Payload::Bytes(Bytes::from_iter(
            (0..length).map(|i| (i as u8).wrapping_mul(7) ^ seed),
        ))
    }

    type Frames = Vec<(FrameKind, u64)>;
    type Payloads = Vec<(u64, Vec<u8>)>;

    /// (kind, number) of each frame in `written`, and the payloads put together.
    fn read(mut written: &[u8]) -> (Frames, Payloads) {
        let (mut order, mut whole, mut coming) = (Vec::new(), Vec::new(), Vec::<(u64, Assembly)>::new());
        while let Some((frame, used)) = parse_frame(written).unwrap() {
            let number = frame.head.number;
            order.push((frame.head.kind, number));
            if frame.head.kind == FrameKind::Chunk {
                let place = coming.iter().position(|(of, _)| *of == number).unwrap();
                if coming[place].1.push(&frame).unwrap() {
                    whole.push((number, coming.remove(place).1.into_bytes()));
                }
            } else if frame.has(FrameHead::IN_PIECES) {
                let header: ReplyHeader = frame.read().unwrap();
                coming.push((
                    number,
                    Assembly::new(Assembly::check(header.payload_length).unwrap()),
                ));
            } else {
                whole.push((number, frame.payload.to_vec()));
            }
            written = &written[used..];
        }
        assert!(written.is_empty() && coming.is_empty());
        (order, whole)
    }

    fn write_all(out: &mut Outbound, stream: &mut Narrow) -> u64 {
        let mut bytes_out = 0;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(out.poll_write(stream, &mut cx, &mut bytes_out).is_ready());
        bytes_out
    }

    #[test]
    fn replies_of_all_sizes_arrive_whole_however_narrow_the_way() {
        for at_once in [1_000, 4_099, usize::MAX] {
            let mut stream = Narrow {
                written: Vec::new(),
                at_once,
                budget: usize::MAX,
            };
            let mut out = Outbound::default();
            let lengths = [
                0,
                10,
                COPIED,
                COPIED + 1,
                CHUNK_FROM - 1,
                CHUNK_FROM,
                CHUNK_FROM + CHUNK + 1,
            ];
            for (number, length) in lengths.iter().enumerate() {
                out.reply(
                    number as u64,
                    ReplyHeader::default(),
                    payload(*length, number as u8),
                );
            }
            let sum: usize = lengths.iter().filter(|length| **length >= CHUNK_FROM).sum();
            assert_eq!(out.queued() - out.whole_queued(), sum as u64);
            assert_eq!(write_all(&mut out, &mut stream), stream.written.len() as u64);
            assert_eq!((out.is_empty(), out.whole_queued()), (true, 0));
            let (_, whole) = read(&stream.written);
            assert_eq!(whole.len(), lengths.len());
            for (number, bytes) in whole {
                assert!(
                    bytes == payload(lengths[number as usize], number as u8).bytes(),
                    "{number}"
                );
            }
        }
    }

    #[test]
    fn big_replies_take_turns_and_small_ones_overtake_them() {
        let mut stream = Narrow {
            written: Vec::new(),
            at_once: usize::MAX,
            budget: 3 * CHUNK,
        };
        let mut out = Outbound::default();
        out.reply(1, ReplyHeader::default(), payload(16 * CHUNK, 1));
        out.reply(2, ReplyHeader::default(), payload(16 * CHUNK, 2));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(out.poll_write(&mut stream, &mut cx, &mut 0).is_pending());
        out.reply(3, ReplyHeader::default(), payload(10, 3));
        stream.budget = usize::MAX;
        write_all(&mut out, &mut stream);
        let (order, whole) = read(&stream.written);
        assert_eq!(whole[0].0, 3, "the small reply is the first that is whole");
        let place = order.iter().position(|(_, number)| *number == 3).unwrap();
        assert!(
            place <= 2 + 2 * (UNDER_WAY / CHUNK),
            "it waits for what was under way only, not for {place} frames"
        );
        let pieces: Vec<u64> = order
            .iter()
            .filter(|(kind, _)| *kind == FrameKind::Chunk)
            .map(|(_, n)| *n)
            .collect();
        assert!(
            pieces.windows(2).all(|pair| pair[0] != pair[1]),
            "they take turns: {pieces:?}"
        );
    }
}
