//! What is known of each connection, under the core's lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::{Buf, Bytes, BytesMut};
use holdfast_proto::session::{FrameHead, FrameKind, encode_frame};
use holdfast_system::net::OwnedWriteHalf;
use tokio::time::Instant;

/// A connection over which requests go.
pub(super) struct Up {
    pub(super) address: String,
    pub(super) node: String,
    pub(super) epoch: u64,
    /// 1 + the endpoint's index; 0: it is none of the endpoints that the client was given.
    pub(super) server: u32,
    /// Bytes of payloads in pieces that the node takes from one connection at once.
    pub(super) most_large: usize,
    /// For the calling thread's own writes; with TLS there are none.
    pub(super) writer: Option<Arc<OwnedWriteHalf>>,
    /// The node said Goodbye: nothing more goes to it.
    pub(super) draining: bool,
    /// Numbers of its requests are above this.
    pub(super) first_number: u64,
}

/// A payload that goes in pieces.
pub(super) struct Large {
    pub(super) slot: usize,
    pub(super) order: u64,
    pub(super) number: u64,
    pub(super) payload: Bytes,
    pub(super) offset: usize,
}

/// A connection, made or not. The first one goes to any of the endpoints that the client was given; each other one to
/// one node of a cluster.
pub(super) struct Link {
    pub(super) up: Option<Up>,
    /// Frames for the connection.
    pub(super) outbox: BytesMut,
    /// The stream's position of the outbox's first byte.
    pub(super) outbox_start: u64,
    /// Payloads whose pieces the writer has not begun to cut.
    pub(super) large: Vec<Large>,
    /// Slots of payloads in pieces for which the node has no room yet, with their order.
    pub(super) held_large: VecDeque<(usize, u64)>,
    /// Requests on the connection.
    pub(super) in_flight: usize,
    /// When `in_flight` last rose from zero.
    pub(super) busy_since: Instant,
    /// The last pass over what had arrived completed one request: whoever calls now is alone.
    pub(super) lone: bool,
    /// The connection's task has nothing to do: who gives it something wakes it.
    pub(super) sleeping: bool,
    /// The connection's task looks after the connection rarely.
    pub(super) idle: bool,
    pub(super) waker: Option<Waker>,
    /// Somebody needs the connection.
    pub(super) wanted: bool,
    /// The node that it is for, an index in the cluster's; `None`: any endpoint.
    pub(super) target: Option<usize>,
    /// The node that it leads to now, the same.
    pub(super) at: Option<usize>,
    /// Requests are unanswered and nothing was heard for a while: the node may lead nothing any more.
    pub(super) suspect: bool,
    /// Requests that their callers wrote themselves.
    #[cfg(test)]
    pub(super) written_alone: usize,
}

impl Link {
    pub(super) fn new(target: Option<usize>) -> Link {
        Link {
            up: None,
            outbox: BytesMut::new(),
            outbox_start: 0,
            large: Vec::new(),
            held_large: VecDeque::new(),
            in_flight: 0,
            busy_since: Instant::now(),
            lone: true,
            sleeping: false,
            idle: false,
            waker: None,
            wanted: false,
            target,
            at: None,
            suspect: false,
            #[cfg(test)]
            written_alone: 0,
        }
    }

    /// The connection is new.
    pub(super) fn begin(&mut self, up: Up) {
        self.up = Some(up);
        self.outbox.clear();
        self.outbox_start = 0;
        self.lone = true;
        self.idle = false;
        self.sleeping = false;
        self.suspect = false;
    }

    /// The connection is gone.
    pub(super) fn end(&mut self) {
        self.up = None;
        self.at = None;
        self.suspect = false;
        self.in_flight = 0;
        self.held_large.clear();
        self.large.clear();
        self.outbox.clear();
        self.outbox_start = 0;
    }

    /// The connection, if new requests may go over it.
    pub(super) fn usable(&self) -> Option<&Up> {
        self.up.as_ref().filter(|up| !up.draining)
    }

    /// Counts a request that is on the connection now.
    pub(super) fn sent(&mut self, now: Instant) {
        if self.in_flight == 0 {
            self.busy_since = now;
        }
        self.in_flight += 1;
    }

    /// The caller no longer waits for a request that is on the wire.
    pub(super) fn push_cancel(&mut self, number: u64) {
        if self.usable().is_some() {
            encode_frame(
                &mut self.outbox,
                FrameHead::new(FrameKind::Cancel, number),
                &(),
                &[],
            );
        }
    }

    fn has_work(&self) -> bool {
        !self.outbox.is_empty() || !self.large.is_empty() || (self.wanted && self.up.is_none())
    }

    /// The calling thread writes what is in the outbox itself, or the connection's task has to be woken.
    pub(super) fn set_off(&mut self) -> Option<Waker> {
        if !self.has_work() {
            return None;
        }
        // A connection that is looked after rarely has to be looked after more closely now.
        let idle = std::mem::take(&mut self.idle);
        if self.write_alone() && !idle {
            return None;
        }
        self.take_waker()
    }

    /// Takes the waker of the connection's task if somebody has to wake it.
    pub(super) fn wake(&mut self) -> Option<Waker> {
        if self.has_work() { self.take_waker() } else { None }
    }

    /// Something was given to the connection's task, which does not know of it.
    pub(super) fn needs_waking(&self) -> bool {
        self.sleeping && self.has_work()
    }

    fn take_waker(&mut self) -> Option<Waker> {
        std::mem::take(&mut self.sleeping)
            .then(|| self.waker.clone())
            .flatten()
    }

    /// False: the connection's task has to write.
    fn write_alone(&mut self) -> bool {
        if !(self.sleeping && self.lone && self.in_flight == 1 && self.large.is_empty()) {
            return false;
        }
        let Some(writer) = self.up.as_ref().and_then(|up| up.writer.as_ref()) else {
            return false;
        };
        // An error is met again by the task, which knows what to do.
        let Ok(written) = writer.try_write(&self.outbox) else {
            return false;
        };
        self.outbox_start += written as u64;
        #[cfg(test)]
        {
            self.written_alone += 1;
        }
        if written == self.outbox.len() {
            self.outbox.clear();
            return true;
        }
        self.outbox.advance(written);
        false
    }
}

/// Tasks to wake once the lock is left.
#[must_use]
#[derive(Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakers {
    /// Of what `wake` takes out of each connection.
    pub(super) fn of(links: &mut [Link], mut wake: impl FnMut(&mut Link) -> Option<Waker>) -> Wakers {
        let mut links = links.iter_mut();
        Wakers {
            first: links.next().and_then(&mut wake),
            // No room is taken for none.
            others: links.filter_map(wake).collect(),
        }
    }

    pub(super) fn wake(self) {
        if let Some(waker) = self.first {
            waker.wake();
        }
        self.others.into_iter().for_each(Waker::wake);
    }
}
