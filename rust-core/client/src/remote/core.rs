//! What the callers' threads and the I/O thread share, under one lock that is never held while a sink is called.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use holdfast_proto::{Code, Error};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;

use super::client::ClientShared;
use super::errors;
use super::options::RemoteOptions;
use super::pending::{OVERHEAD, Table};
use super::sink::{Completed, ConnectionState, StateChange};
use super::stores::StoreEntry;
use super::window::Window;

/// A connection over which requests go.
pub(super) struct Up {
    pub(super) address: String,
    pub(super) node: String,
    pub(super) epoch: u64,
    /// 1 + the endpoint's index.
    pub(super) server: u32,
    /// Changes that may be unacknowledged.
    pub(super) window: usize,
    /// Bytes of payloads in pieces that the node takes from one connection at once.
    pub(super) most_large: usize,
    /// For the calling thread's own writes; with TLS there are none.
    pub(super) writer: Option<Arc<OwnedWriteHalf>>,
    /// The node said Goodbye: nothing more goes to it.
    pub(super) draining: bool,
    pub(super) last_number: u64,
}

/// A payload that goes in pieces.
pub(super) struct Large {
    pub(super) slot: usize,
    pub(super) order: u64,
    pub(super) number: u64,
    pub(super) payload: Bytes,
    pub(super) offset: usize,
}

/// The session that the node numbers this client's changes by.
pub(super) struct Session {
    pub(super) id: u128,
    /// Under which it was used last; 0: never.
    pub(super) epoch: u64,
    /// Start of the node that the stores' ids are from.
    pub(super) incarnation: Bytes,
}

/// Everything under the lock.
pub(super) struct Core {
    /// What the times of sending are counted from.
    pub(super) began: Instant,
    pub(super) table: Table,
    pub(super) stores: Vec<StoreEntry>,
    pub(super) session: Session,
    pub(super) window: Window,
    /// Slots of changes for which the window has no room yet, with their order.
    pub(super) held: VecDeque<(usize, u64)>,
    /// The same of payloads in pieces for which the node has no room yet.
    pub(super) held_large: VecDeque<(usize, u64)>,
    pub(super) up: Option<Up>,
    /// Frames for the connection.
    pub(super) outbox: BytesMut,
    /// The stream's position of the outbox's first byte.
    pub(super) outbox_start: u64,
    /// Payloads whose pieces the writer has not begun to cut.
    pub(super) large: Vec<Large>,
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
    /// No request's deadline is before this; `None`: there is none.
    pub(super) earliest: Option<Instant>,
    /// When the keeper wakes by itself.
    pub(super) keeper_wakes: Option<Instant>,
    pub(super) finished: Vec<(Arc<ClientShared>, Completed<'static>)>,
    pub(super) events: Vec<(Arc<ClientShared>, StateChange)>,
    pub(super) closing: Vec<Arc<ClientShared>>,
    pub(super) clients: Vec<Arc<ClientShared>>,
    pub(super) thread: Thread,
    /// Requests came: a connection is wanted.
    pub(super) wanted: bool,
    /// Nodes refuse this client for a reason that does not pass by itself.
    pub(super) refusal: Option<Error>,
    /// `endpoint: what went wrong` of the last attempt that failed.
    pub(super) last_error: String,
    pub(super) last_change: Option<StateChange>,
    pub(super) stop: bool,
    /// Requests that their callers wrote themselves.
    #[cfg(test)]
    pub(super) written_alone: usize,
}

/// The I/O thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thread {
    NotStarted,
    Running,
    /// It met a defect and is delivering what is left.
    Broken,
    /// It met a defect and is gone.
    Gone,
}

impl Core {
    pub(super) fn new(session: u128) -> Core {
        Core {
            began: Instant::now(),
            table: Table::default(),
            stores: Vec::new(),
            session: Session {
                id: session,
                epoch: 0,
                incarnation: Bytes::new(),
            },
            window: Window::default(),
            held: VecDeque::new(),
            held_large: VecDeque::new(),
            up: None,
            outbox: BytesMut::new(),
            outbox_start: 0,
            large: Vec::new(),
            in_flight: 0,
            busy_since: Instant::now(),
            lone: true,
            sleeping: false,
            idle: false,
            waker: None,
            earliest: None,
            keeper_wakes: None,
            finished: Vec::new(),
            events: Vec::new(),
            closing: Vec::new(),
            clients: Vec::new(),
            thread: Thread::NotStarted,
            wanted: false,
            refusal: None,
            last_error: String::new(),
            last_change: None,
            stop: false,
            #[cfg(test)]
            written_alone: 0,
        }
    }

    /// Whether a request of so many bytes may be accepted.
    pub(super) fn admit(
        &self,
        client: &ClientShared,
        bytes: usize,
        options: &RemoteOptions,
    ) -> Result<(), Error> {
        if client.is_closed() {
            return Err(errors::closed());
        }
        if matches!(self.thread, Thread::Broken | Thread::Gone) {
            return Err(errors::broken());
        }
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let most = if self.up.is_some() {
            options.timing.most_pending
        } else {
            options.timing.most_waiting
        };
        if !self.table.is_empty() && self.table.bytes() + bytes + OVERHEAD > most {
            return Err(errors::queue_full(most, self.up.is_some()));
        }
        Ok(())
    }

    /// What a ping answers: `address\nnode name`, and the epoch.
    pub(super) fn pong(&self) -> (String, u64) {
        let Some(up) = &self.up else {
            return (String::new(), 0);
        };
        (format!("{}\n{}", up.address, up.node), up.epoch)
    }

    /// Tells every client.
    pub(super) fn change_state(&mut self, change: StateChange) {
        for client in &self.clients {
            self.events.push((Arc::clone(client), change.clone()));
        }
        self.last_change = Some(change);
    }

    /// Tells one that joins a connection that is there.
    pub(super) fn greet(&mut self, client: &Arc<ClientShared>) {
        if let Some(change) = &self.last_change
            && change.state != ConnectionState::Connecting
        {
            let change = StateChange {
                epoch_changed: false,
                ..change.clone()
            };
            self.events.push((Arc::clone(client), change));
        }
    }

    /// The calling thread writes what is in the outbox itself; false: the connection's task has to.
    pub(super) fn write_alone(&mut self) -> bool {
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

    /// Takes the waker of the connection's task if somebody has to wake it.
    pub(super) fn wake_link(&mut self) -> Option<Waker> {
        std::mem::take(&mut self.sleeping)
            .then(|| self.waker.clone())
            .flatten()
    }

    /// Counts a deadline in; true when the keeper would wake too late for it.
    pub(super) fn watch(&mut self, deadline: Instant) -> bool {
        if self.earliest.is_none_or(|earliest| deadline < earliest) {
            self.earliest = Some(deadline);
        }
        self.keeper_wakes.is_none_or(|wakes| deadline < wakes)
    }
}

/// The later end of a wait.
pub(super) fn deadline_after(now: Instant, timeout: Duration) -> Instant {
    // Longest that any clock here can add.
    now.checked_add(timeout)
        .unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 24 * 3600))
}

/// Whether a reply says that the request was not executed and another node may serve it.
pub(super) fn is_turned_away(code: u32, unknown: bool) -> bool {
    code == Code::Unavailable.number() && !unknown
}
