//! Nodes of a cluster to test, each with a runtime of its own, so that it can die as a process does.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_node::clock::{ClusterClock, ManualClock, SystemClock};
use holdfast_node::cluster::{ClusterNode, ClusterOptions, ClusterTiming, ReformError, Reformed};
use holdfast_node::log::{Level, LogSink};
use holdfast_node::server::{ServeError, Server, ServerOptions};
use holdfast_node::{Node, NodeOptions};
use holdfast_proto::Code;
use holdfast_proto::session::{ClusterMap, Operation, StoreClass, StoreDefinition};
use holdfast_state::{KeyHash, Slot, StoreId, StoreSettings};
use prost::Message;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::peer::{PATIENCE, Peer, Reply, first_words, hello, hello_bytes, now, request, until};

struct Running {
    server: Server,
    runtime: Runtime,
}

/// A store as a client knows it.
#[derive(Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) id: u32,
    class: StoreClass,
}

/// What the nodes have said.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn line(&self, _: Level, message: &str) {
        self.0.lock().expect("no panic under it").push(message.to_owned());
    }
}

pub(crate) struct Nodes {
    addresses: Vec<String>,
    /// Data directories, of nodes that have them.
    disks: Vec<Option<TempDir>>,
    /// Feature levels that they say they know.
    pub(crate) levels: Vec<u32>,
    lines: Arc<Lines>,
    running: Vec<Option<Running>>,
    /// Whether clocks move only when they are told to.
    moved_by_hand: bool,
    /// How long a session without a connection is remembered.
    pub(crate) session_lifetime: Duration,
    /// One connection to each node, for questions that change nothing.
    asking: RefCell<Vec<Option<Peer>>>,
}

impl Nodes {
    pub(crate) fn new(count: usize) -> Nodes {
        Nodes {
            addresses: (0..count).map(|_| free_address()).collect(),
            disks: (0..count).map(|_| None).collect(),
            levels: vec![holdfast_state::FEATURE_LEVEL; count],
            lines: Arc::default(),
            running: (0..count).map(|_| None).collect(),
            moved_by_hand: false,
            session_lifetime: Duration::from_secs(5 * 60),
            asking: RefCell::new((0..count).map(|_| None).collect()),
        }
    }

    /// Nodes that keep their coordination groups on disk.
    pub(crate) fn on_disk(count: usize) -> Nodes {
        let mut nodes = Nodes::new(count);
        (0..count).for_each(|node| nodes.give_empty_disk(node));
        nodes
    }

    pub(crate) fn formed(count: usize) -> Nodes {
        Nodes::new(count).form()
    }

    pub(crate) fn form(self) -> Nodes {
        let mut nodes = self;
        let count = nodes.addresses.len();
        (0..count).for_each(|node| nodes.start(node));
        nodes.wait_until_ready();
        nodes
    }

    /// The node's directory from its next start on.
    pub(crate) fn give_empty_disk(&mut self, node: usize) {
        self.disks[node] = Some(TempDir::new().expect("a directory"));
    }

    pub(crate) fn take_disk(&mut self, node: usize) -> Option<TempDir> {
        self.disks[node].take()
    }

    pub(crate) fn put_disk(&mut self, node: usize, disk: TempDir) {
        self.disks[node] = Some(disk);
    }

    pub(crate) fn swap_disks(&mut self, one: usize, other: usize) {
        self.disks.swap(one, other);
    }

    pub(crate) fn disk(&self, node: usize) -> &Path {
        self.disks[node].as_ref().expect("it has one").path()
    }

    /// All nodes are somewhere else from their next start on.
    pub(crate) fn move_all(&mut self) {
        for address in &mut self.addresses {
            *address = free_address();
        }
    }

    pub(crate) fn has_logged(&self, text: &str) -> bool {
        let lines = self.lines.0.lock().expect("no panic under it");
        lines.iter().any(|line| line.contains(text))
    }

    pub(crate) fn formed_with_manual_clocks(count: usize) -> Nodes {
        let mut nodes = Nodes::new(count);
        nodes.moved_by_hand = true;
        (0..count).for_each(|node| nodes.start(node));
        nodes.wait_until_ready();
        nodes
    }

    /// Moves the clocks of all nodes on, asked for at one of them.
    pub(crate) fn advance(&self, node: usize, by_ms: i64) {
        let mut advance = request(Operation::AdvanceClock, 0);
        advance.delta = by_ms;
        self.connect(node, 999).call(advance, &[], &[]).ok();
    }

    pub(crate) fn start(&mut self, node: usize) {
        self.try_start(node).expect("the server starts");
    }

    /// Starts a second process of a node that runs, somewhere else.
    pub(crate) fn try_start_again(&mut self, node: usize) -> Result<(), ServeError> {
        let first = (self.running[node].take(), self.addresses[node].clone());
        self.addresses[node] = free_address();
        let started = self.try_start(node);
        (self.running[node], self.addresses[node]) = first;
        started
    }

    pub(crate) fn try_start(&mut self, node: usize) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let clock: Arc<dyn ClusterClock> = match self.moved_by_hand {
            true => Arc::new(ManualClock::default()),
            false => Arc::new(SystemClock::start()),
        };
        let inner = Arc::new(Node::start(NodeOptions {
            name: format!("n{node}"),
            clock,
            memory_limit: 1 << 30,
            seed: 7,
            log: Arc::clone(&self.lines) as Arc<dyn LogSink>,
        }));
        let address = self.addresses[node].clone();
        let log = Arc::clone(&self.lines) as Arc<dyn LogSink>;
        let mut options = ServerOptions::new(address.parse().expect("an address"), log);
        options.data = self.disks[node].as_ref().map(|disk| disk.path().to_owned());
        options.feature_level = self.levels[node];
        options.limits.session_lifetime = self.session_lifetime;
        options.cluster = Some(ClusterOptions {
            join: self.addresses.clone(),
            advertise: address,
            zone: String::new(),
            secret: "among nodes".to_owned(),
            timing: ClusterTiming::DEFAULT,
        });
        let server = runtime.block_on(Server::start(inner, options))?;
        self.running[node] = Some(Running { server, runtime });
        Ok(())
    }

    /// Why a node takes part in nothing any more, once it does not.
    pub(crate) fn displaced(&self, node: usize) -> String {
        let Running { server, runtime } = self.running[node].as_ref().expect("it runs");
        let displaced = runtime.block_on(async { tokio::time::timeout(PATIENCE, server.displaced()).await });
        displaced.expect("it ends in time")
    }

    /// What an operator orders at a node.
    pub(crate) fn reform(&self, node: usize) -> Result<Reformed, ReformError> {
        let Running { server, runtime } = self.running[node].as_ref().expect("it runs");
        runtime.block_on(server.shared().cluster().expect("it is one of several").reform())
    }

    /// A node takes requests of the cluster's clients.
    pub(crate) fn is_ready(&self, node: usize) -> bool {
        let running = self.running[node].as_ref().expect("it runs");
        let cluster = running.server.shared().cluster();
        cluster.is_some_and(|cluster| cluster.not_ready().is_none())
    }

    /// Its process is killed: whatever it was about to send is not sent.
    pub(crate) fn kill(&mut self, node: usize) {
        self.asking.borrow_mut()[node] = None;
        let Running { server, runtime } = self.running[node].take().expect("it runs");
        runtime.shutdown_timeout(Duration::from_secs(10));
        drop(server);
    }

    /// It stops as planned.
    pub(crate) fn stop(&mut self, node: usize) {
        self.asking.borrow_mut()[node] = None;
        let Running { server, runtime } = self.running[node].take().expect("it runs");
        runtime.block_on(server.stop(Duration::from_secs(1)));
        runtime.shutdown_timeout(Duration::from_secs(10));
    }

    fn some_running(&self) -> usize {
        self.running.iter().position(Option::is_some).expect("one runs")
    }

    pub(crate) fn address(&self, node: usize) -> &str {
        &self.addresses[node]
    }

    /// Until every node that runs has all its replicas as voters that have caught up.
    pub(crate) fn wait_until_ready(&self) {
        until("all nodes are ready", || {
            let mut running = self.running.iter().flatten();
            let ready = running.all(|node| {
                node.server
                    .shared()
                    .cluster()
                    .is_some_and(|cluster| cluster.not_ready().is_none())
            });
            let placed = || {
                // Who has no replica of a group may not know who leads it.
                let all_know = self.addresses.len() == 3;
                let mut groups = self.map().groups.into_iter();
                groups.all(|group| (group.leader != 0 || !all_know) && group.replicas.len() == 3)
            };
            ready && placed()
        });
    }

    pub(crate) fn connect(&self, node: usize, session: u128) -> Peer {
        self.try_connect(node, session).expect("a Welcome")
    }

    fn try_connect(&self, node: usize, session: u128) -> Option<Peer> {
        let hello = hello(session);
        let address = self.addresses[node].parse().expect("an address");
        let (answer, ..) = first_words(address, &hello_bytes(&hello));
        answer?.ok()?;
        Some(Peer::greet(address, &hello))
    }

    /// Further questions come over other connections, of sessions that no group knows.
    pub(crate) fn forget_sessions(&self) {
        self.asking
            .borrow_mut()
            .iter_mut()
            .for_each(|asking| *asking = None);
    }

    fn ask<R>(&self, node: usize, ask: impl FnOnce(&mut Peer) -> R) -> R {
        let mut asking = self.asking.borrow_mut();
        // Groups remember sessions, whatever becomes of their connections.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let session = || 1_000 + u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let peer = asking[node].get_or_insert_with(|| self.connect(node, session()));
        ask(peer)
    }

    /// What the first node that runs says of the cluster.
    pub(crate) fn map(&self) -> ClusterMap {
        let reply = self.ask(self.some_running(), |peer| {
            peer.call(request(Operation::ClusterMap, 0), &[], &[])
        });
        ClusterMap::decode(&reply.ok().payload[..]).expect("a map")
    }

    pub(crate) fn open(&self, name: &str, class: StoreClass) -> Opened {
        self.open_with(name, class, None)
    }

    pub(crate) fn open_with(&self, name: &str, class: StoreClass, max_memory: Option<u64>) -> Opened {
        let name = format!("{name}-{}", class as i32);
        let start = now();
        loop {
            let mut open = request(Operation::OpenStore, 0);
            open.definition = Some(StoreDefinition {
                class: Some(class as i32),
                max_memory,
                create: true,
                ..StoreDefinition::default()
            });
            let reply = self.ask(self.some_running(), |peer| peer.call(open, name.as_bytes(), &[]));
            if let Some(store) = &reply.header.store {
                return Opened { id: store.id, class };
            }
            assert!(start.elapsed() < PATIENCE, "{name}: {}", reply.header.message);
        }
    }

    /// The epoch of a group.
    pub(crate) fn epoch(&self, group: u32) -> u64 {
        let map = self.map();
        map.groups
            .iter()
            .find(|it| it.id == group)
            .expect("it is there")
            .epoch
    }

    /// What the cluster may use, as the first node that runs knows it.
    pub(crate) fn cluster_level(&self) -> u32 {
        self.some_cluster().feature_level().expect("it is formed")
    }

    /// What the groups use at that node.
    pub(crate) fn group_levels(&self) -> BTreeSet<u32> {
        self.some_cluster().group_feature_levels()
    }

    fn some_cluster(&self) -> &Arc<ClusterNode> {
        let running = self.running[self.some_running()].as_ref().expect("it runs");
        running.server.shared().cluster().expect("it is one of several")
    }

    pub(crate) fn group(&self, store: Opened, key: &[u8]) -> u32 {
        let id = StoreId(store.id);
        let count = |slot: Slot, count: u16| u32::from(slot.0 % count);
        match store.class {
            StoreClass::Coordination => 1 + count(KeyHash::slot_of_store(id), 4),
            StoreClass::Cache => {
                let settings = StoreSettings::new(holdfast_state::StoreClass::Cache, 1 << 30);
                5 + count(KeyHash::in_store(id, &settings, key).slot, 8)
            }
        }
    }

    /// Who leads the group of a key, once that is known; or who may, in a cluster where a node does not know of all groups.
    pub(crate) fn leader_of_key(&self, store: Opened, key: &[u8]) -> usize {
        let group = self.group(store, key);
        let start = now();
        static TURN: AtomicU16 = AtomicU16::new(0);
        loop {
            let turn = usize::from(TURN.fetch_add(1, Ordering::Relaxed));
            let map = self.map();
            let group = map.groups.iter().find(|it| it.id == group).expect("it is there");
            // One of its replicas, where nobody knows more.
            let any = group.replicas.get(turn % group.replicas.len().max(1)).copied();
            if let Some(node) = group
                .leader
                .checked_sub(1)
                .or(any.filter(|_| self.addresses.len() > 3))
            {
                let address = &map.nodes[node as usize].address;
                let node = self
                    .addresses
                    .iter()
                    .position(|it| it == address)
                    .expect("a node");
                if self.running[node].is_some() {
                    return node;
                }
            }
            assert!(start.elapsed() < PATIENCE, "nobody leads group {}", group.id);
            std::thread::yield_now();
        }
    }

    /// Asks the leader of a key's group, and the next one when it is not that any more.
    pub(crate) fn follow(
        &self,
        store: Opened,
        key: &[u8],
        mut ask: impl FnMut(&mut Peer) -> Reply,
        session: u128,
    ) -> Reply {
        let start = now();
        loop {
            let leader = self.leader_of_key(store, key);
            let reply = if session < 1_000 {
                ask(&mut self.connect(leader, session))
            } else {
                self.ask(leader, &mut ask)
            };
            let code = reply.header.code;
            let again = [Code::Unavailable, Code::StoreNotReady]
                .iter()
                .any(|it| it.number() == code);
            if !again {
                return reply;
            }
            assert!(start.elapsed() < PATIENCE, "{}", reply.header.message);
        }
    }

    /// The change's version.
    pub(crate) fn put(&self, store: Opened, key: &[u8], value: &[u8]) -> i64 {
        let put = request(Operation::Put, store.id);
        let reply = self.follow(store, key, |peer| peer.call(put.clone(), key, value), 1_000);
        reply.ok().header.version
    }

    pub(crate) fn get(&self, store: Opened, key: &[u8]) -> Option<Vec<u8>> {
        let get = request(Operation::Get, store.id);
        let reply = self
            .follow(store, key, |peer| peer.call(get.clone(), key, &[]), 1_000)
            .ok();
        reply
            .has(holdfast_proto::session::flags::FOUND)
            .then(|| reply.payload.to_vec())
    }
}

/// A port below those that the system gives to outgoing connections: one of these, made to a node that is down, could
/// meet itself on the node's port and hold it.
fn free_address() -> String {
    const FIRST: u16 = 29_000;
    const COUNT: u16 = 3_500;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7)) % COUNT;
        let address = format!("127.0.0.1:{}", FIRST + offset);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
    panic!("no port from {FIRST} on is free");
}
