//! A TCP connection between two simulated machines.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::Waker;

use bytes::Bytes;

/// Bytes that one end may have sent and the other not have read.
pub(super) const ROOM: usize = 256 * 1024;
/// When what is on a way that is cut arrives.
pub(super) const CUT: u64 = u64::MAX;

/// What goes from one end to the other.
#[derive(Debug)]
pub(super) enum Segment {
    /// The dialer wants a connection.
    Open,
    /// The listener's machine gives it one.
    Opened,
    Data(Bytes),
    /// Nothing more will be written.
    End,
    /// There is no such connection (any more).
    Reset,
}

/// One side of a connection.
pub(super) struct End {
    pub(super) host: usize,
    pub(super) address: SocketAddr,
    /// A program holds it.
    pub(super) held: bool,
    /// The program writes no more.
    pub(super) finished: bool,
    /// The dialer's: the other side has answered.
    pub(super) opened: bool,
    /// On the way to it, with the times of arrival, which never fall.
    pub(super) arriving: VecDeque<(u64, Segment)>,
    pub(super) unread: VecDeque<Bytes>,
    /// The other side writes no more.
    pub(super) ended: bool,
    pub(super) reset: bool,
    /// Bytes that it sent and the other side has not read.
    pub(super) outstanding: usize,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

/// The dialer's end and the listener's.
pub(super) struct Connection {
    pub(super) ends: [End; 2],
}

impl End {
    pub(super) fn new(host: usize, address: SocketAddr, held: bool) -> End {
        End {
            host,
            address,
            held,
            finished: false,
            opened: false,
            arriving: VecDeque::new(),
            unread: VecDeque::new(),
            ended: false,
            reset: false,
            outstanding: 0,
            reader: None,
            writer: None,
        }
    }

    /// The connection is gone for this end.
    pub(super) fn break_off(&mut self, wake: &mut Vec<Waker>) {
        self.reset = true;
        self.unread.clear();
        wake.extend(self.reader.take());
        wake.extend(self.writer.take());
    }
}

impl Connection {
    /// Nobody holds it and nothing is on the way.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| !end.held && end.arriving.is_empty())
    }
}
