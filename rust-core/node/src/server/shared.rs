//! What all connections of a server share, and what HTTP, gRPC and metrics read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::admission::ByteBudget;
use super::counters::Counters;
pub use super::counters::{CODE_CLASSES, CodeClass, OPERATIONS, Totals, operation_name};
use super::link::Link;
use super::options::ServerOptions;
use super::refusals::Refusals;
use super::sessions::Sessions;
use crate::Node;
use crate::clock::first_revision;
use crate::log::Level;
use crate::memory::MemoryFacts;

/// How far the server's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Stopping,
    Stopped,
}

/// A connection, for people.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What the client calls itself.
    pub client_name: String,
    /// Its version.
    pub client_version: String,
    /// Tenant of stores that it names without one.
    pub tenant: String,
    /// Since when.
    pub connected: Duration,
    /// Requests answered.
    pub requests: u64,
    /// Payloads that are coming, requests and replies that wait.
    pub bytes_in_flight: u64,
}

/// The server's common part.
pub struct Shared {
    node: Arc<Node>,
    options: ServerOptions,
    /// Memory that the process can hope for, in bytes.
    available: u64,
    pub(crate) counters: Counters,
    pub(crate) budget: ByteBudget,
    pub(crate) sessions: Sessions,
    pub(crate) refusals: Refusals,
    /// Long operations at once.
    pub(crate) jobs: Arc<Semaphore>,
    /// Of these, at most so many of one connection.
    jobs_at_once: usize,
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    next_link: AtomicU64,
    /// Number of connections, of sessions and gRPC.
    connections: watch::Sender<u32>,
    stage: watch::Sender<Stage>,
    /// Number of sessions' connections.
    open: watch::Sender<usize>,
    started: Instant,
    started_unix_ms: i64,
    #[cfg(feature = "cluster")]
    cluster: Option<Arc<crate::cluster::ClusterNode>>,
}

impl Shared {
    pub(crate) fn new(node: Arc<Node>, options: ServerOptions) -> Shared {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Shared {
            budget: ByteBudget::new(options.limits.node_bytes(node.memory_limit())),
            available: MemoryFacts::read().limit(),
            counters: Counters::default(),
            refusals: Refusals::default(),
            sessions: Sessions::new(
                options.limits.session_lifetime,
                options.limits.node_bytes(node.memory_limit()),
            ),
            jobs: Arc::new(Semaphore::new(processors.max(2))),
            jobs_at_once: (processors / 2).max(2),
            links: Mutex::default(),
            next_link: AtomicU64::new(0),
            connections: watch::Sender::new(0),
            stage: watch::Sender::new(Stage::Serving),
            open: watch::Sender::new(0),
            started: Instant::now(),
            started_unix_ms: first_revision() / 1_000,
            #[cfg(feature = "cluster")]
            cluster: None,
            node,
            options,
        }
    }

    /// The same as one of several.
    #[cfg(feature = "cluster")]
    pub(crate) fn with_cluster(self, cluster: Option<Arc<crate::cluster::ClusterNode>>) -> Shared {
        Shared { cluster, ..self }
    }

    /// The node that is served.
    #[must_use]
    #[inline]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The node as one of several, if it is.
    #[cfg(feature = "cluster")]
    #[must_use]
    #[inline]
    pub fn cluster(&self) -> Option<&Arc<crate::cluster::ClusterNode>> {
        self.cluster.as_ref()
    }

    /// What the server was started with.
    #[must_use]
    #[inline]
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// Memory that the process can hope for, in bytes.
    pub(crate) fn available(&self) -> u64 {
        self.available
    }

    /// Long operations of one connection at once.
    pub(crate) fn jobs_at_once(&self) -> usize {
        self.jobs_at_once
    }

    /// The sums of all counters.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.counters.totals()
    }

    /// The sessions' connections, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let links: Vec<Arc<Link>> = self.links.lock().values().cloned().collect();
        links.iter().map(|link| link.info()).collect()
    }

    /// Connections now, of sessions and gRPC.
    #[must_use]
    pub fn connection_count(&self) -> u32 {
        *self.connections.borrow()
    }

    /// Sessions that are remembered now.
    #[must_use]
    pub fn session_count(&self) -> u32 {
        self.sessions.count()
    }

    /// Bytes of payloads that are coming and of requests and replies that wait.
    #[must_use]
    pub fn bytes_in_flight(&self) -> u64 {
        self.budget.used()
    }

    /// Since the server started.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the server started, in Unix milliseconds, for people.
    #[must_use]
    pub fn started_unix_ms(&self) -> i64 {
        self.started_unix_ms
    }

    /// Whether the server is about to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stage.borrow() >= Stage::Stopping
    }

    /// Waits until the server begins to stop.
    pub async fn stopping(&self) {
        self.reaches(Stage::Stopping).await;
    }

    /// Waits until everything is to end.
    pub async fn stopped(&self) {
        self.reaches(Stage::Stopped).await;
    }

    async fn reaches(&self, stage: Stage) {
        // An error says that the sender is gone, which is this.
        let _ = self.stage.subscribe().wait_for(|now| *now >= stage).await;
    }

    pub(crate) fn begin_stop(&self) {
        self.stage.send_replace(Stage::Stopping);
        for link in self.links.lock().values() {
            link.stop();
        }
    }

    /// Waits until no session's connection is left.
    pub(crate) async fn no_sessions(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Waits until no connection is left, of sessions or gRPC.
    pub(crate) async fn no_connections(&self) {
        let _ = self.connections.subscribe().wait_for(|open| *open == 0).await;
    }

    pub(crate) fn close_connections(&self) {
        for link in self.links.lock().values() {
            link.close();
        }
    }

    pub(crate) fn end(&self) {
        self.stage.send_replace(Stage::Stopped);
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.options.log.line(level, message);
    }

    pub(crate) fn next_link(&self) -> u64 {
        self.next_link.fetch_add(1, Ordering::Relaxed)
    }

    /// Lists a connection as long as the answer is held.
    pub(crate) fn list(&self, link: &Arc<Link>) -> Listed {
        {
            let mut links = self.links.lock();
            links.insert(link.id, Arc::clone(link));
            self.open.send_replace(links.len());
        }
        // A stop that began before it was listed did not see it.
        if self.is_stopping() {
            link.stop();
        }
        Listed(Arc::clone(link))
    }

    /// A place for one more connection; `None` when there are too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Place> {
        let most = self.options.limits.max_connections;
        self.connections.send_modify(|connections| *connections += 1);
        let place = Place(Arc::clone(self));
        (self.connection_count() <= most).then_some(place)
    }
}

/// A connection's place among those that may be there at once.
pub(crate) struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.send_modify(|connections| *connections -= 1);
    }
}

/// A connection that is listed.
pub(crate) struct Listed(Arc<Link>);

impl Drop for Listed {
    fn drop(&mut self) {
        let Listed(link) = self;
        link.end();
        let mut links = link.shared.links.lock();
        links.remove(&link.id);
        link.shared.open.send_replace(links.len());
    }
}
