//! What is on its way to the socket: small frames first, then pieces of big payloads in turn.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use holdfast_proto::session::{CHUNK, ChunkHeader, FrameHead, FrameKind, pieces};
use prost::Message;

use crate::remote::core::Core;
use crate::remote::dispatch::push_bare;
use crate::remote::links::{Large, Link};
use crate::remote::pending::Stage;

/// Pieces that go to the kernel before small frames get their turn again.
const PIECES: usize = 2;
/// A buffer that grew beyond this is given back.
const MOST_KEPT: usize = 1024 * 1024;

#[derive(Default)]
pub(super) struct Writer {
    buffer: BytesMut,
    large: VecDeque<Large>,
    /// Pieces that were chosen and are to be copied: number, payload, offset.
    chosen: Vec<(u64, Bytes, usize)>,
}

impl Writer {
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn wrote(&mut self, length: usize) {
        if length == self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.advance(length);
        }
    }

    /// Bytes of the stream that reached the socket, those of callers that wrote themselves included.
    pub(super) fn written(&self, link: &Link) -> u64 {
        link.outbox_start - self.buffer.len() as u64
    }

    /// Takes what is queued and chooses the next pieces; false when there is nothing. [`Writer::cut`] follows, without
    /// the lock.
    pub(super) fn fill(&mut self, core: &mut Core, link: usize) -> bool {
        debug_assert!(self.buffer.is_empty());
        let line = &mut core.links[link];
        if line.outbox.is_empty() && line.large.is_empty() && self.large.is_empty() {
            return false;
        }
        if self.buffer.capacity() > MOST_KEPT {
            self.buffer = BytesMut::new();
        }
        std::mem::swap(&mut self.buffer, &mut line.outbox);
        line.outbox_start += self.buffer.len() as u64;
        self.large.extend(line.large.drain(..));
        if self.buffer.len() < PIECES * CHUNK {
            self.choose(core, link);
        }
        !(self.buffer.is_empty() && self.chosen.is_empty())
    }

    /// Copies the chosen pieces.
    pub(super) fn cut(&mut self) {
        for (number, payload, offset) in self.chosen.drain(..) {
            pieces(&mut self.buffer, number, &payload, offset);
        }
    }

    fn choose(&mut self, core: &mut Core, link: usize) {
        while self.chosen.len() < PIECES
            && let Some(mut large) = self.large.pop_front()
        {
            if !is_wanted(core, &large) {
                // No piece comes after it: the node can forget what it has of the payload.
                let before = self.buffer.len();
                push_bare(&mut self.buffer, FrameKind::Cancel, large.number);
                core.links[link].outbox_start += (self.buffer.len() - before) as u64;
                continue;
            }
            let (number, length) = (large.number, CHUNK.min(large.payload.len() - large.offset));
            let header = ChunkHeader {
                offset: large.offset as u64,
            };
            self.chosen.push((number, large.payload.clone(), large.offset));
            core.links[link].outbox_start += (FrameHead::LENGTH + header.encoded_len() + length) as u64;
            large.offset += length;
            if large.offset == large.payload.len() {
                let end = core.links[link].outbox_start;
                core.table.get_mut(large.slot).stage = Stage::Sent { number, end };
            } else {
                self.large.push_back(large);
            }
        }
    }
}

fn is_wanted(core: &Core, large: &Large) -> bool {
    let pending = core.table.live(large.slot, large.order);
    pending
        .is_some_and(|pending| matches!(pending.stage, Stage::Sent { number, .. } if number == large.number))
}
