//! What follows a reply's header: shared with the state or owned, never copied to be kept.

use bytes::Bytes;
use holdfast_state::EntryRef;

/// Bytes of a reply.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// None.
    Empty,
    /// The value of an entry, which stays as it is whatever happens to its key.
    Value(EntryRef),
    /// Bytes of the reply's own.
    Bytes(Bytes),
}

impl Payload {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Payload::Empty => &[],
            Payload::Value(entry) => entry.value(),
            Payload::Bytes(bytes) => bytes,
        }
    }
}

impl From<Option<EntryRef>> for Payload {
    fn from(entry: Option<EntryRef>) -> Self {
        entry.map_or(Payload::Empty, Payload::Value)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Payload::Bytes(bytes.into())
    }
}
