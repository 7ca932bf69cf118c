//! A node's end of the network between nodes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::ask::{Answer, Ask, Envelope, Inbox, Refusal};
use super::dial::{Dial, DialTcp};
use super::local::LocalNetwork;
use super::tcp::Tcp;
use crate::raft::address::{ClusterId, ReplicaAddress};
use holdfast_state::{GroupId, ReplicaId};

/// Snapshots that a node sends at once.
const SNAPSHOTS_AT_ONCE: usize = 2;

/// Answers what nodes ask each other outside of the groups: forming, joining, the cluster's map.
pub trait NodeCalls: Send + Sync + 'static {
    /// Answers one call. `cluster` is the caller's cluster, `None` while it has not been formed: what such a caller
    /// may ask is the handler's to decide. The caller has shown the cluster's secret.
    ///
    /// # Errors
    /// The reason, for the caller's log.
    fn call(&self, cluster: Option<ClusterId>, request: Bytes) -> BoxFuture<'static, Result<Bytes, String>>;
}

/// Why a question to another node has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No connection, or it was lost before the answer came: the question may have been taken.
    #[error("{0}")]
    Unreachable(String),
    /// No answer in time: the question may have been taken.
    #[error("no answer in time")]
    TimedOut,
    /// The other node refused to answer.
    #[error("refused: {0}")]
    Refused(String),
    /// More bytes wait for the connection than it takes: the question was not sent.
    #[error("{queued} bytes wait for the connection already")]
    Overloaded {
        /// Bytes that wait.
        queued: u64,
    },
}

/// What a node needs to be reached by others and to reach them.
#[derive(Clone)]
pub struct PeerOptions {
    /// The cluster's secret: shown when connecting, asked of who connects. Empty: none is asked.
    pub secret: String,
    /// Bytes of the largest value: messages may have 1 MiB more.
    pub largest_value: usize,
    /// Bytes per second that all snapshots sent by this node may take together. Each byte is encoded here and restored there:
    /// on two cores for three nodes, four times as many took a third of what the cluster does meanwhile.
    pub snapshot_bytes_per_second: u64,
    /// Makes connections.
    pub dial: Arc<dyn Dial>,
}

impl Default for PeerOptions {
    fn default() -> Self {
        Self {
            secret: String::new(),
            largest_value: 16 * 1024 * 1024,
            snapshot_bytes_per_second: 32 * 1024 * 1024,
            dial: Arc::new(DialTcp),
        }
    }
}

impl fmt::Debug for PeerOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PeerOptions")
            .field("largest_value", &self.largest_value)
            .field("snapshot_bytes_per_second", &self.snapshot_bytes_per_second)
            .finish_non_exhaustive()
    }
}

/// Carries one question to the node at an address.
pub(crate) trait Transport: Send + Sync {
    fn ask(
        &self,
        address: &str,
        envelope: Envelope,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Result<Answer, Refusal>, PeerError>>;

    /// Connections to nodes that are gone, and those of another cluster, are not kept.
    fn reset(&self);
}

/// Groups of this node and what else takes questions.
pub(crate) struct Registry {
    groups: RwLock<HashMap<GroupId, Arc<dyn Inbox>>>,
    calls: RwLock<Option<Arc<dyn NodeCalls>>>,
    cluster: RwLock<Option<ClusterId>>,
}

/// A node's end of the network between nodes: one for all of its groups. Clones share it.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    transport: Arc<dyn Transport>,
    options: PeerOptions,
    snapshots: Semaphore,
    /// When the next piece of a snapshot may be sent.
    next_piece: Mutex<Option<Instant>>,
    /// Where nodes are now, by their names: logs may have older addresses.
    places: RwLock<HashMap<String, String>>,
}

impl Peers {
    /// Reaches other nodes over connections that `options.dial` makes; they reach this one through a
    /// [`super::PeerServer`] made of it.
    #[must_use]
    pub fn over_network(options: PeerOptions) -> Peers {
        let registry = Arc::new(Registry::default());
        let transport = Arc::new(Tcp::new(options.clone(), Arc::clone(&registry)));
        Peers::new(registry, transport, options)
    }

    /// Reaches the other nodes of one process.
    #[must_use]
    pub fn in_process(network: &LocalNetwork, address: &str) -> Peers {
        let registry = Arc::new(Registry::default());
        let transport = network.attach(address, &registry);
        Peers::new(registry, transport, PeerOptions::default())
    }

    fn new(registry: Arc<Registry>, transport: Arc<dyn Transport>, options: PeerOptions) -> Peers {
        Peers(Arc::new(Inner {
            registry,
            transport,
            options,
            snapshots: Semaphore::new(SNAPSHOTS_AT_ONCE),
            next_piece: Mutex::new(None),
            places: RwLock::default(),
        }))
    }

    /// A node of this cluster is reached at this address from now on, whatever groups' logs say.
    pub fn set_place(&self, name: &str, address: &str) {
        if self
            .0
            .places
            .read()
            .get(name)
            .is_some_and(|known| known == address)
        {
            return;
        }
        self.0.places.write().insert(name.to_owned(), address.to_owned());
    }

    /// Where a member is reached.
    #[must_use]
    pub fn place(&self, member: &ReplicaAddress) -> String {
        let places = self.0.places.read();
        places.get(&member.name).unwrap_or(&member.peer_address).clone()
    }

    /// Who answers other nodes' calls.
    pub fn set_calls(&self, calls: Arc<dyn NodeCalls>) {
        *self.0.registry.calls.write() = Some(calls);
    }

    /// The cluster that this node belongs to, from now on. Nodes of another one are refused, and before there is one,
    /// only [`NodeCalls`] are answered. Connections made before are made anew.
    pub fn set_cluster(&self, cluster: ClusterId) {
        *self.0.registry.cluster.write() = Some(cluster);
        self.0.transport.reset();
    }

    /// The cluster that this node belongs to.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.0.registry.cluster()
    }

    /// Asks the node at an address something outside of the groups.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn call(&self, address: &str, request: Bytes, patience: Duration) -> Result<Bytes, PeerError> {
        let envelope = Envelope {
            group: GroupId::META,
            from: ReplicaId::default(),
            to: ReplicaId::default(),
            ask: Ask::Node(request),
        };
        match self.0.transport.ask(address, envelope, patience).await? {
            Ok(Answer::Node(reply)) => Ok(reply),
            Ok(_) => Err(PeerError::Refused("the answer is not one to the question".into())),
            Err(refusal) => Err(PeerError::Refused(refusal.to_string())),
        }
    }

    pub(crate) async fn ask(
        &self,
        address: &str,
        envelope: Envelope,
        asked: Duration,
    ) -> Result<Answer, PeerError> {
        let patience = envelope.ask.patience(asked);
        match self.0.transport.ask(address, envelope, patience).await? {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(PeerError::Refused(refusal.to_string())),
        }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    pub(crate) fn options(&self) -> &PeerOptions {
        &self.0.options
    }

    /// A place among the snapshots under way.
    pub(crate) async fn snapshot_permit(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.0.snapshots.acquire().await.ok()
    }

    /// Waits until `bytes` more of snapshots may be sent.
    pub(crate) async fn throttle(&self, bytes: usize) {
        let rate = self.0.options.snapshot_bytes_per_second.max(1);
        let takes = Duration::from_micros(bytes as u64 * 1_000_000 / rate);
        let at = {
            let mut next = self.0.next_piece.lock();
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + takes);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            groups: RwLock::new(HashMap::new()),
            calls: RwLock::new(None),
            cluster: RwLock::new(None),
        }
    }
}

impl Registry {
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        *self.cluster.read()
    }

    /// Questions for the group go there from now on; false when it has one already.
    pub(crate) fn add(&self, group: GroupId, inbox: Arc<dyn Inbox>) -> bool {
        let mut groups = self.groups.write();
        let free = !groups.contains_key(&group);
        if free {
            groups.insert(group, inbox);
        }
        free
    }

    /// Questions for the group have nowhere to go, unless another replica has come meanwhile.
    pub(crate) fn remove(&self, group: GroupId, replica: ReplicaId) {
        let mut groups = self.groups.write();
        if groups.get(&group).is_some_and(|inbox| inbox.replica() == replica) {
            groups.remove(&group);
        }
    }

    /// Answers a question of a node of `cluster`.
    pub(crate) async fn handle(
        &self,
        cluster: Option<ClusterId>,
        envelope: Envelope,
    ) -> Result<Answer, Refusal> {
        let Envelope { group, from, to, ask } = envelope;
        if let Ask::Node(request) = ask {
            let calls = self.calls.read().clone();
            let calls = calls.ok_or_else(|| Refusal::Node("the node takes no calls yet".into()))?;
            return calls
                .call(cluster, request)
                .await
                .map(Answer::Node)
                .map_err(Refusal::Node);
        }
        if cluster != self.cluster() {
            return Err(Refusal::Node(
                "the node belongs to another cluster, or to none yet".into(),
            ));
        }
        let inbox = self.groups.read().get(&group).cloned();
        let inbox = inbox.ok_or(Refusal::UnknownGroup)?;
        if inbox.replica() != to {
            return Err(Refusal::UnknownReplica);
        }
        inbox.handle(from, ask).await
    }
}
