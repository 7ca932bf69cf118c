//! Frames: a head of 16 bytes, a header, a payload.

use bytes::{BufMut, BytesMut};
use prost::Message;

use super::{FrameError, MAX_FRAME, MAX_HEADER};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Client: [`super::Hello`].
    Hello = 1,
    /// Node: [`super::Welcome`].
    Welcome = 2,
    /// Client: [`super::RequestHeader`], key and value or items.
    Request = 3,
    /// Node: [`super::ReplyHeader`], value or items.
    Reply = 4,
    /// Both: [`super::ChunkHeader`], the next piece of the payload of that request or reply.
    Chunk = 5,
    /// Client: the caller no longer waits for that request. It may be answered all the same. No piece of its payload comes
    /// after this.
    Cancel = 6,
    /// Both: asks for a Pong with the same number.
    Ping = 7,
    /// Both: answers a Ping.
    Pong = 8,
    /// Both: [`super::Goodbye`], the last frame.
    Goodbye = 9,
}

impl FrameKind {
    /// The kind of this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<FrameKind> {
        Some(match number {
            1 => FrameKind::Hello,
            2 => FrameKind::Welcome,
            3 => FrameKind::Request,
            4 => FrameKind::Reply,
            5 => FrameKind::Chunk,
            6 => FrameKind::Cancel,
            7 => FrameKind::Ping,
            8 => FrameKind::Pong,
            9 => FrameKind::Goodbye,
            _ => return None,
        })
    }

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FrameKind::Hello => "Hello",
            FrameKind::Welcome => "Welcome",
            FrameKind::Request => "Request",
            FrameKind::Reply => "Reply",
            FrameKind::Chunk => "Chunk",
            FrameKind::Cancel => "Cancel",
            FrameKind::Ping => "Ping",
            FrameKind::Pong => "Pong",
            FrameKind::Goodbye => "Goodbye",
        }
    }
}

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// What it is.
    pub kind: FrameKind,
    /// Bits `FrameHead::…`.
    pub flags: u8,
    /// The request that it belongs to; 0 when it belongs to none.
    pub number: u64,
}

impl FrameHead {
    /// Its length in bytes.
    pub const LENGTH: usize = 16;
    /// Of a request or reply: its payload follows in Chunk frames.
    pub const IN_PIECES: u8 = 1;
    /// Of a chunk: the last one.
    pub const LAST: u8 = 1 << 1;

    /// A head without flags.
    #[must_use]
    pub const fn new(kind: FrameKind, number: u64) -> FrameHead {
        FrameHead {
            kind,
            flags: 0,
            number,
        }
    }
}

/// A frame in the buffer that it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its head.
    pub head: FrameHead,
    /// Its header, still encoded.
    pub header: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Decodes the header.
    ///
    /// # Errors
    /// [`FrameError::Header`].
    #[inline]
    pub fn read<M: Message + Default>(&self) -> Result<M, FrameError> {
        M::decode(self.header).map_err(|error| FrameError::Header {
            kind: self.head.kind.name(),
            reason: error.to_string(),
        })
    }

    /// Whether the frame has this flag.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.head.flags & flag != 0
    }
}

/// Finds the frame at the beginning of `bytes`, and how many bytes it takes; `None` when it is not all there yet. The
/// head is judged as soon as it is there.
///
/// # Errors
/// [`FrameError`] for a head that no frame has.
#[inline]
pub fn parse_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some((head, rest)) = bytes.split_first_chunk::<{ FrameHead::LENGTH }>() else {
        return Ok(None);
    };
    let [l0, l1, l2, l3, kind, flags, h0, h1, number @ ..] = *head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let header_length = usize::from(u16::from_le_bytes([h0, h1]));
    let kind = FrameKind::from_number(kind).ok_or(FrameError::UnknownKind(kind))?;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong { length });
    }
    if header_length > MAX_HEADER || header_length > length {
        return Err(FrameError::HeaderTooLong {
            length: header_length,
            frame: length,
        });
    }
    let Some(body) = rest.get(..length) else {
        return Ok(None);
    };
    let (header, payload) = body.split_at(header_length);
    let head = FrameHead {
        kind,
        flags,
        number: u64::from_le_bytes(number),
    };
    let frame = Frame {
        head,
        header,
        payload,
    };
    Ok(Some((frame, FrameHead::LENGTH + length)))
}

/// Bytes of the whole frame that begins with these; `None` while its head is not all there. For a head that
/// [`parse_frame`] has not refused.
#[must_use]
pub fn frame_size(bytes: &[u8]) -> Option<usize> {
    let [l0, l1, l2, l3, ..] = *bytes.first_chunk::<{ FrameHead::LENGTH }>()?;
    Some(FrameHead::LENGTH + u32::from_le_bytes([l0, l1, l2, l3]) as usize)
}

/// Writes a frame whose payload is the concatenation of `payload`.
///
/// # Panics
/// When header or payload are longer than a frame may have: the caller cuts payloads into pieces first.
#[inline]
pub fn encode_frame(out: &mut BytesMut, head: FrameHead, header: &impl Message, payload: &[&[u8]]) {
    let payload_length = payload.iter().map(|part| part.len()).sum();
    encode_frame_start(out, head, header, payload_length);
    for part in payload {
        out.put_slice(part);
    }
}

/// Writes a frame up to its payload, which whoever calls puts behind it from where it lies.
///
/// # Panics
/// As [`encode_frame`].
#[inline]
pub fn encode_frame_start(out: &mut BytesMut, head: FrameHead, header: &impl Message, payload_length: usize) {
    let header_length = header.encoded_len();
    let length = header_length + payload_length;
    assert!(
        header_length <= MAX_HEADER && length <= MAX_FRAME,
        "a {} frame of {length} bytes, {header_length} of them header, is too long",
        head.kind.name()
    );
    out.reserve(FrameHead::LENGTH + length);
    out.put_u32_le(length as u32);
    out.put_u8(head.kind as u8);
    out.put_u8(head.flags);
    out.put_u16_le(header_length as u16);
    out.put_u64_le(head.number);
    header.encode_raw(out);
}
