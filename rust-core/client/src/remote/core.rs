//! What the callers' threads and the I/O thread share, under one lock that is never held while a sink is called.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::Error;
use tokio::time::Instant;

use super::client::ClientShared;
use super::cluster::Cluster;
use super::errors;
use super::lanes::Lane;
use super::links::{Link, Wakers};
use super::options::RemoteOptions;
use super::pending::{OVERHEAD, Table};
use super::sink::{Completed, ConnectionState, StateChange};
use super::stores::StoreEntry;

/// The session that the node numbers this client's changes by.
pub(super) struct Session {
    pub(super) id: u128,
    /// Under which it was used last; 0: never.
    pub(super) epoch: u64,
    /// Start of the node that the stores' ids are from.
    pub(super) incarnation: Bytes,
    /// Changes that may be unacknowledged, in each lane.
    pub(super) window: usize,
}

/// Everything under the lock.
pub(super) struct Core {
    /// What the times of sending are counted from.
    pub(super) began: Instant,
    pub(super) table: Table,
    pub(super) stores: Vec<StoreEntry>,
    pub(super) session: Session,
    /// By group; the first one is a node's alone, and in a cluster of what belongs to no group.
    pub(super) lanes: Vec<Lane>,
    /// Changes that wait for room in their lanes' windows, and what is left of such in the queues.
    pub(super) held: usize,
    /// At least one: that to the endpoints.
    pub(super) links: Vec<Link>,
    /// Connections whose tasks are to be started.
    pub(super) new_links: Vec<usize>,
    /// Of a request, on whichever connection.
    pub(super) last_number: u64,
    /// Who leads what, when the nodes are a cluster.
    pub(super) cluster: Option<Box<Cluster>>,
    /// The keeper has something to do that it does not know of.
    pub(super) keeper_needed: bool,
    /// No request's deadline is before this; `None`: there is none.
    pub(super) earliest: Option<Instant>,
    /// When the keeper wakes by itself.
    pub(super) keeper_wakes: Option<Instant>,
    pub(super) finished: Vec<(Arc<ClientShared>, Completed<'static>)>,
    pub(super) events: Vec<(Arc<ClientShared>, StateChange)>,
    pub(super) closing: Vec<Arc<ClientShared>>,
    pub(super) clients: Vec<Arc<ClientShared>>,
    pub(super) thread: Thread,
    /// Nodes refuse this client for a reason that does not pass by itself.
    pub(super) refusal: Option<Error>,
    /// `endpoint: what went wrong` of the last attempt that failed.
    pub(super) last_error: String,
    pub(super) last_change: Option<StateChange>,
    pub(super) stop: bool,
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
                window: 1,
            },
            lanes: vec![Lane::default()],
            held: 0,
            links: vec![Link::new(None)],
            new_links: Vec::new(),
            last_number: 0,
            cluster: None,
            keeper_needed: false,
            earliest: None,
            keeper_wakes: None,
            finished: Vec::new(),
            events: Vec::new(),
            closing: Vec::new(),
            clients: Vec::new(),
            thread: Thread::NotStarted,
            refusal: None,
            last_error: String::new(),
            last_change: None,
            stop: false,
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
        let connected = self.is_connected();
        let most = if connected {
            options.timing.most_pending
        } else {
            options.timing.most_waiting
        };
        if !self.table.is_empty() && self.table.bytes() + bytes + OVERHEAD > most {
            return Err(errors::queue_full(most, connected));
        }
        Ok(())
    }

    /// Whether there is a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.links.iter().any(|link| link.up.is_some())
    }

    /// What a ping over this connection answers: `address\nnode name`, and the epoch.
    pub(super) fn pong(&self, link: usize) -> (String, u64) {
        let Some(up) = &self.links[link].up else {
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

    /// Puts what callers have queued on its way.
    pub(super) fn set_off(&mut self) -> Wakers {
        Wakers::of(&mut self.links, Link::set_off)
    }

    /// The tasks of connections that have something to do.
    pub(super) fn wakers(&mut self) -> Wakers {
        Wakers::of(&mut self.links, Link::wake)
    }

    /// Whether the tasks of other connections than this have something to do and do not know of it.
    pub(super) fn others_need_waking(&self, link: usize) -> bool {
        let mut others = self.links.iter().enumerate().filter(|&(other, _)| other != link);
        others.any(|(_, other)| other.needs_waking())
    }

    /// Counts a deadline in; true when the keeper would wake too late for it.
    pub(super) fn watch(&mut self, deadline: Instant) -> bool {
        if self.earliest.is_none_or(|earliest| deadline < earliest) {
            self.earliest = Some(deadline);
        }
        self.keeper_needed || self.keeper_wakes.is_none_or(|wakes| deadline < wakes)
    }
}

/// The later end of a wait.
pub(super) fn deadline_after(now: Instant, timeout: Duration) -> Instant {
    // Longest that any clock here can add.
    now.checked_add(timeout)
        .unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 24 * 3600))
}
