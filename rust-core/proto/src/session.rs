//! The session protocol: what client and node say to each other on one connection.
//!
//! ```text
//! client                                   node
//! preamble (8 bytes), Hello       ───▶
//!                                 ◀───     preamble, Welcome   (or Goodbye, and the end)
//! Request 7, Request 8, Cancel 7  ───▶
//!                                 ◀───     Reply 8, Reply 7    (in any order, by request number)
//! Ping                            ───▶
//!                                 ◀───     Pong
//! ```
//!
//! In a cluster (the Welcome has [`features::CLUSTER`]) a client asks for the [`ClusterMap`] and sends each request to
//! the node that leads the request's group, with that group's epoch. A node that does not lead it has not executed it:
//! it answers `Unavailable`, outcome NotApplied, with the leader's address in `redirect` (empty: not known), or
//! `WrongSlot` when the group does not own the slot. The client asks there, with the same session and sequence.
//! `OpenStore` may go to any node, and may be sent on in the same way.
//!
//! What this room promises:
//! - nothing is allocated for a frame before its head has been checked against [`MAX_FRAME`] and
//!   [`MAX_HEADER`], nor for a payload in pieces before its length has been checked;
//! - a decoder answers any bytes with a message or a [`FrameError`], never with a panic;
//! - what an older or newer peer says first can be read by every version: the preamble never changes.

mod assembly;
mod convert;
mod cursor;
pub mod features;
pub mod flags;
mod frame;
mod items;
mod preamble;

pub use assembly::{Assembly, pieces};
pub use convert::{class_of, id_bytes, id_of, operation_of, outcome_reply};
pub use cursor::ScanCursor;
pub use frame::{Frame, FrameHead, FrameKind, encode_frame, encode_frame_start, frame_size, parse_frame};
pub use items::{Item, ItemReader, push_item};
pub use preamble::{Preamble, agreed_version};

#[allow(missing_docs, clippy::all)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/holdfast.session.v1.rs"));
}

pub use messages::*;

/// First bytes of a session; HTTP/2, which gRPC speaks on the same port, begins with `PRI `.
pub const MAGIC: [u8; 4] = *b"HLDF";
/// Oldest protocol version that this build speaks.
pub const OLDEST_VERSION: u16 = 1;
/// Newest protocol version that this build speaks.
pub const NEWEST_VERSION: u16 = 1;
/// ALPN name of the session; gRPC's is `h2`.
pub const ALPN: &[u8] = b"holdfast";
/// Payloads of at least so many bytes travel in pieces, so that they never hold small ones up.
pub const CHUNK_FROM: usize = 256 * 1024;
/// Bytes of one piece.
pub const CHUNK: usize = 64 * 1024;
/// Largest header in bytes; it holds no keys or values.
pub const MAX_HEADER: usize = 16 * 1024;
/// Largest header and payload of one frame in bytes.
pub const MAX_FRAME: usize = CHUNK_FROM + MAX_HEADER;
/// Largest payload of one message in pieces: a batch or a page of its answers, and the room its items' heads take.
pub const MAX_PAYLOAD: usize = 2 * holdfast_state::MAX_BATCH;

/// Why bytes are not a frame or message of this protocol. The connection they came on cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first bytes are no session's.
    #[error("the peer does not speak Holdfast's session protocol (its first bytes are {first})", first = first_bytes(.0))]
    NotASession([u8; 4]),
    /// There is no frame of this kind.
    #[error("there is no frame of kind {0}")]
    UnknownKind(u8),
    /// The frame is longer than any may be.
    #[error("a frame of {length} bytes: at most {MAX_FRAME} are allowed")]
    TooLong {
        /// What its head says.
        length: usize,
    },
    /// The header is longer than any may be, or than its frame.
    #[error("a header of {length} bytes in a frame of {frame}: at most {MAX_HEADER} are allowed")]
    HeaderTooLong {
        /// What its head says.
        length: usize,
        /// The frame's length.
        frame: usize,
    },
    /// The header is not the message that the frame's kind says.
    #[error("the header of a {kind} frame cannot be read: {reason}")]
    Header {
        /// The frame's kind.
        kind: &'static str,
        /// What prost says.
        reason: String,
    },
    /// A payload announces more than any may have, or less than pieces are for.
    #[error("a payload of {length} bytes in pieces: {CHUNK_FROM} to {MAX_PAYLOAD} are allowed")]
    PayloadLength {
        /// What its header says.
        length: u64,
    },
    /// A piece that does not continue its payload.
    #[error("a piece of {length} bytes at {offset}, where {expected} was to come")]
    Piece {
        /// Where it says that it belongs.
        offset: u64,
        /// Its length.
        length: usize,
        /// Bytes that were there already.
        expected: usize,
    },
    /// A key or item reaches beyond its payload.
    #[error("{what} of {length} bytes reaches beyond the payload's end: {left} are left")]
    BeyondPayload {
        /// What it is.
        what: &'static str,
        /// Its length.
        length: usize,
        /// What is left.
        left: usize,
    },
    /// A frame that has no place here.
    #[error("a {kind} frame {place}")]
    OutOfPlace {
        /// The frame's kind.
        kind: &'static str,
        /// Where it came, in words.
        place: &'static str,
    },
}

/// Text as text, anything else in hexadecimal.
fn first_bytes(bytes: &[u8; 4]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) => format!("'{text}'"),
        _ => format!("{bytes:02x?}"),
    }
}
