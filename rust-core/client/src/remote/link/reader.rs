//! What has arrived and was not taken yet.

use holdfast_proto::session::{FrameHead, MAX_FRAME};

/// A buffer in which at least one whole frame always finds room.
pub(super) struct ReadBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

/// Taken in one read at most.
const LENGTH: usize = 512 * 1024;
const _: () = assert!(LENGTH > MAX_FRAME + FrameHead::LENGTH);

impl ReadBuffer {
    pub(super) fn new() -> ReadBuffer {
        ReadBuffer {
            bytes: vec![0; LENGTH].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The first `length` bytes of what is unread are done with.
    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        debug_assert!(self.start <= self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Where the next read goes; never empty after complete frames were consumed.
    pub(super) fn room(&mut self) -> &mut [u8] {
        // Moved only when the rest of the buffer could not take the frame that has begun.
        if self.start > 0 && self.bytes.len() - self.start < MAX_FRAME + FrameHead::LENGTH {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were read into the room.
    pub(super) fn filled(&mut self, length: usize) {
        self.end += length;
    }
}
