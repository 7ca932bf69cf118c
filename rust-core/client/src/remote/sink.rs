//! Where completions go.

use std::ops::Deref;

use holdfast_proto::Error;
use holdfast_proto::session::ReplyHeader;

/// Takes what becomes of one client's requests. All calls come from one thread at a time, `holdfast-io`, which holds no
/// lock meanwhile and serves every client of the connection: return soon, and never wait for a request in there.
pub trait Sink: Send + Sync {
    /// Requests completed, each accepted ticket exactly once. The sink may take what it likes out of the batch; what it
    /// leaves is dropped.
    fn completed(&self, batch: &mut Vec<Completed<'_>>);

    /// The connection changed. A client that joins a connection that is there hears of it at once.
    fn state_changed(&self, change: &StateChange);

    /// The client is closed and everything that it had pending has completed: the last call. It comes from the closing
    /// thread when the client never had a request.
    fn closed(&self);
}

/// What became of one request.
#[derive(Debug)]
pub struct Completed<'a> {
    /// The ticket that it was submitted with.
    pub ticket: u64,
    /// The reply, or why there is none. `Cancelled` after [`super::RemoteClient::cancel`], `Closed` after
    /// [`super::RemoteClient::close`].
    pub result: Result<Reply<'a>, Error>,
    /// Times that it was sent again.
    pub retries: u32,
    /// 1 + the index of the endpoint that answered; 0: none.
    pub server: u32,
}

/// A node's answer without an error in it.
#[derive(Debug)]
pub struct Reply<'a> {
    /// Its numbers.
    pub header: ReplyHeader,
    /// The value or the items.
    pub payload: Payload<'a>,
}

impl Reply<'_> {
    /// The same, owning its payload.
    #[must_use]
    pub fn into_owned(self) -> Reply<'static> {
        Reply {
            header: self.header,
            payload: Payload::Owned(self.payload.into_vec()),
        }
    }
}

/// Bytes of a reply: a small payload lies in the connection's read buffer and is gone after the call, one that came in
/// pieces is handed over.
#[derive(Debug)]
pub enum Payload<'a> {
    /// In the read buffer.
    Borrowed(&'a [u8]),
    /// Assembled from its pieces.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    /// The bytes, copied when they lie in the read buffer.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Payload::Borrowed(bytes) => bytes.to_vec(),
            Payload::Owned(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Payload::Borrowed(bytes) => bytes,
            Payload::Owned(bytes) => bytes,
        }
    }
}

/// Whether there is a connection; the numbers are the ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ConnectionState {
    /// The first connection is being made.
    Connecting = 0,
    /// A node serves.
    Connected = 1,
    /// There is no connection; it is made again by itself.
    Disconnected = 2,
}

/// The connection changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// What it is now.
    pub state: ConnectionState,
    /// The endpoint that it is about, `host:port`; empty: none.
    pub address: String,
    /// The node's name; empty: not known.
    pub node: String,
    /// The node's epoch; 0: not known.
    pub epoch: u64,
    /// The node is not the one, or has lost what it held in memory since, that this connection had before.
    pub epoch_changed: bool,
    /// Why there is no connection; empty: there is one.
    pub reason: String,
}
