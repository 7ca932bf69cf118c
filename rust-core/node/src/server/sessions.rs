//! The sessions that the node remembers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::admission::ByteBudget;
use super::session::Session;
use super::shared::Shared;
use crate::Node;

/// Sessions that are remembered at most: above it those that have been without a connection for longest go.
const MOST: usize = 100_000;
/// How many times within a session's lifetime the forgotten ones are looked for.
const LOOKS: u32 = 10;
/// Least time between two looks.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

struct Record {
    session: Arc<Session>,
    connections: u32,
    /// Number of the last time that it lost its last connection.
    left: u64,
}

/// A session that lost its last connection.
struct Left {
    number: u64,
    id: u128,
    at: Instant,
}

#[derive(Default)]
struct Table {
    records: HashMap<u128, Record>,
    /// Oldest first; those whose number is not their record's any more came back.
    left: VecDeque<Left>,
    next_left: u64,
}

/// The sessions of a node.
pub(crate) struct Sessions {
    /// Values that remembered outcomes keep for retries: of changes that give the former value back.
    kept: Arc<ByteBudget>,
    table: Mutex<Table>,
    lifetime: Duration,
}

impl Sessions {
    pub(crate) fn new(lifetime: Duration, most_kept: u64) -> Self {
        Self {
            kept: Arc::new(ByteBudget::new(most_kept)),
            table: Mutex::default(),
            lifetime,
        }
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.table.lock().records.len()).unwrap_or(u32::MAX)
    }

    /// The session with this id, and whether it was known; a new one when it was not. `None`: there are too many, all of
    /// them connected.
    pub(crate) fn connect(&self, shared: &Arc<Shared>, id: u128) -> Option<(SessionUse, bool)> {
        let mut table = self.table.lock();
        let known = table.records.contains_key(&id);
        if !known && table.records.len() >= MOST {
            table.forget(shared.node(), |_| true).then_some(())?;
        }
        let record = table.records.entry(id).or_insert_with(|| Record {
            session: Arc::new(Session::new(id, Arc::clone(&self.kept))),
            connections: 0,
            left: 0,
        });
        record.connections += 1;
        let session = Arc::clone(&record.session);
        let used = SessionUse {
            shared: Arc::clone(shared),
            session,
        };
        Some((used, known))
    }

    /// Whether the session has a connection now.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_connected(&self, id: u128) -> bool {
        let table = self.table.lock();
        table
            .records
            .get(&id)
            .is_some_and(|record| record.connections > 0)
    }

    fn disconnect(&self, id: u128) {
        let mut table = self.table.lock();
        let number = table.next_left + 1;
        let Some(record) = table.records.get_mut(&id) else {
            return;
        };
        record.connections -= 1;
        if record.connections == 0 {
            record.left = number;
            table.next_left = number;
            let at = Instant::now();
            table.left.push_back(Left { number, id, at });
        }
    }

    /// Ends what nobody has come back to.
    fn end_forgotten(&self, node: &Node) {
        let now = Instant::now();
        // The lock is left to others between two.
        while self
            .table
            .lock()
            .forget(node, |left| now - left.at >= self.lifetime)
        {}
    }
}

impl Table {
    /// Ends the session that has been without a connection for longest, if `is_over` says so. Its groups forget it before
    /// anybody can come back under its id.
    fn forget(&mut self, node: &Node, is_over: impl Fn(&Left) -> bool) -> bool {
        while let Some(left) = self.left.front() {
            let is_gone = |record: &Record| record.connections == 0 && record.left == left.number;
            let gone = self.records.get(&left.id).is_some_and(is_gone);
            if gone && !is_over(left) {
                return false;
            }
            let id = left.id;
            self.left.pop_front();
            if gone {
                if let Some(record) = self.records.remove(&id) {
                    node.close_session(record.session.known());
                }
                return true;
            }
        }
        false
    }
}

/// A connection's use of a session, which lives on for a while after the last one.
pub(crate) struct SessionUse {
    shared: Arc<Shared>,
    pub(crate) session: Arc<Session>,
}

impl Drop for SessionUse {
    fn drop(&mut self) {
        self.shared.sessions.disconnect(self.session.known().id());
    }
}

/// Ends sessions that nobody has come back to, until the server has stopped.
pub(crate) async fn end_forgotten(shared: Arc<Shared>) {
    let interval = (shared.options().limits.session_lifetime / LOOKS).max(LEAST_INTERVAL);
    loop {
        tokio::select! {
            () = sleep(interval) => shared.sessions.end_forgotten(shared.node()),
            () = shared.stopped() => return,
        }
    }
}
