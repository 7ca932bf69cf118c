//! Payloads in pieces.

use bytes::BytesMut;

use super::{
    CHUNK, CHUNK_FROM, ChunkHeader, Frame, FrameError, FrameHead, FrameKind, MAX_PAYLOAD, encode_frame,
};

/// A payload that is coming in pieces, in their order. Room for all of it is taken at the first.
#[derive(Debug)]
pub struct Assembly {
    bytes: Vec<u8>,
    length: usize,
}

impl Assembly {
    /// Checks the length that a request's or reply's header announces, without taking room for it.
    ///
    /// # Errors
    /// [`FrameError::PayloadLength`].
    pub fn check(length: u64) -> Result<usize, FrameError> {
        match usize::try_from(length) {
            Ok(length) if (CHUNK_FROM..=MAX_PAYLOAD).contains(&length) => Ok(length),
            _ => Err(FrameError::PayloadLength { length }),
        }
    }

    /// Takes room for a payload of a length that was checked.
    #[must_use]
    pub fn new(length: usize) -> Assembly {
        Assembly {
            bytes: Vec::with_capacity(length),
            length,
        }
    }

    /// The whole length.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Takes the next piece; true when it was the last and the payload is complete.
    ///
    /// # Errors
    /// [`FrameError::Piece`] for one that is not the next, reaches too far, or is the last too early;
    /// [`FrameError::Header`].
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<bool, FrameError> {
        let header: ChunkHeader = frame.read()?;
        let end = self.bytes.len() + frame.payload.len();
        let last = frame.has(FrameHead::LAST);
        let fits = if last {
            end == self.length
        } else {
            end < self.length
        };
        if header.offset != self.bytes.len() as u64 || !fits || frame.payload.is_empty() {
            return Err(FrameError::Piece {
                offset: header.offset,
                length: frame.payload.len(),
                expected: self.bytes.len(),
            });
        }
        self.bytes.extend_from_slice(frame.payload);
        Ok(last)
    }

    /// The payload.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Writes the piece of `payload` at `offset` and returns where the next begins; `None` after the last.
pub fn pieces(out: &mut BytesMut, number: u64, payload: &[u8], offset: usize) -> Option<usize> {
    let end = payload.len().min(offset + CHUNK);
    let last = end == payload.len();
    let head = FrameHead {
        flags: if last { FrameHead::LAST } else { 0 },
        ..FrameHead::new(FrameKind::Chunk, number)
    };
    let header = ChunkHeader {
        offset: offset as u64,
    };
    encode_frame(out, head, &header, &[&payload[offset..end]]);
    (!last).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::parse_frame;

    #[test]
    fn a_payload_goes_over_in_pieces_and_is_the_same_afterwards() {
        let payload: Vec<u8> = (0..CHUNK_FROM + 3 * CHUNK + 17).map(|i| i as u8).collect();
        let mut assembly = Assembly::new(Assembly::check(payload.len() as u64).unwrap());
        let mut offset = Some(0);
        let mut complete = false;
        while let Some(from) = offset {
            let mut out = BytesMut::new();
            offset = pieces(&mut out, 7, &payload, from);
            let (frame, used) = parse_frame(&out).unwrap().unwrap();
            assert_eq!((used, frame.head.number), (out.len(), 7));
            assert!(!complete);
            complete = assembly.push(&frame).unwrap();
        }
        assert!(complete);
        assert_eq!(assembly.into_bytes(), payload);
    }

    #[test]
    fn lengths_and_pieces_that_do_not_fit_are_refused_before_anything_is_allocated() {
        for length in [0, CHUNK_FROM as u64 - 1, MAX_PAYLOAD as u64 + 1, u64::MAX] {
            assert_eq!(Assembly::check(length), Err(FrameError::PayloadLength { length }));
        }
        let payload = vec![1; CHUNK_FROM];
        let refused = |offset: usize, length: usize, announced: usize| {
            let mut out = BytesMut::new();
            pieces(&mut out, 1, &payload[..length], offset);
            let (frame, _) = parse_frame(&out).unwrap().unwrap();
            Assembly::new(announced).push(&frame).is_err()
        };
        assert!(refused(CHUNK, CHUNK_FROM, CHUNK_FROM), "not the next");
        assert!(refused(0, CHUNK, CHUNK_FROM), "the last too early");
        assert!(refused(0, CHUNK_FROM, CHUNK), "too long");
    }
}
