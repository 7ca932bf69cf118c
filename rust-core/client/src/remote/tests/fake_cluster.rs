//! A cluster of nodes that a test plays: one state, led in parts, with every trouble that the test wants.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::session::cluster_map::{Group, Node};
use holdfast_proto::session::{
    ClusterMap, FrameHead, FrameKind, Operation, ReplyHeader, RequestHeader, Welcome, features, id_bytes,
};
use holdfast_state::{KeyHash, StoreId};
use parking_lot::{Condvar, Mutex, MutexGuard};
use prost::Message;

use super::cluster_machine::Machine;
use super::cluster_node::execute;
use super::fake::{Asked, FakeNode, PATIENCE, Peer, welcome};
use crate::connection_string::Endpoint;
use crate::remote::RemoteOptions;

pub(super) const COORDINATION_GROUPS: u16 = 4;
pub(super) const CACHE_GROUPS: u16 = 8;
pub(super) const GROUPS: u16 = 1 + COORDINATION_GROUPS + CACHE_GROUPS;
/// Ids of the stores `orders` (coordination) and `pages` (cache).
pub(super) const ORDERS: u32 = 3;
pub(super) const PAGES: u32 = 4;

/// A request that a node got.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) node: usize,
    pub(super) header: RequestHeader,
    pub(super) key: Vec<u8>,
    /// It was led here.
    pub(super) served: bool,
}

impl Seen {
    pub(super) fn is(&self, operation: Operation) -> bool {
        self.header.operation == operation as i32
    }
}

/// What the cluster is like; tests change it while it runs.
pub(super) struct State {
    /// By group; `None`: nobody leads.
    pub(super) leaders: Vec<Option<usize>>,
    pub(super) terms: Vec<u64>,
    pub(super) epochs: Vec<u64>,
    /// What each node believes of who leads, where it differs from what is so.
    pub(super) beliefs: HashMap<(usize, u16), Option<usize>>,
    /// Nodes that read and say nothing.
    pub(super) silent: HashSet<usize>,
    /// Nodes that answer reads of groups that they only replicate.
    pub(super) replicas_serve: HashSet<usize>,
    /// Executes so many changes, each time cutting the connection instead of answering.
    pub(super) swallow: usize,
    /// With such a connection its group loses its leader as well.
    pub(super) swallow_leader: bool,
    /// Answers so many requests on the store with `StoreNotReady`.
    pub(super) not_ready: usize,
    pub(super) seen: Vec<Seen>,
    pub(super) machines: Vec<Machine>,
    pub(super) addresses: Vec<String>,
    streams: Vec<(usize, TcpStream)>,
    dead: HashSet<usize>,
    connections: usize,
    stop: bool,
}

impl State {
    pub(super) fn lead(&mut self, group: u16, node: Option<usize>) {
        self.leaders[usize::from(group)] = node;
        self.terms[usize::from(group)] += 1;
    }

    /// Groups that a node leads.
    pub(super) fn led_by(&self, node: usize) -> Vec<u16> {
        (0..GROUPS)
            .filter(|&group| self.leaders[usize::from(group)] == Some(node))
            .collect()
    }

    pub(super) fn count(&self, which: impl Fn(&Seen) -> bool) -> usize {
        self.seen.iter().filter(|seen| which(seen)).count()
    }

    pub(super) fn map(&self, node: usize) -> ClusterMap {
        let nodes = self.addresses.iter().enumerate().map(|(index, address)| Node {
            name: name_of(index),
            address: address.clone(),
            incarnation: id_bytes(index as u128),
        });
        let groups = (0..GROUPS).map(|group| {
            let index = usize::from(group);
            let belief = self.beliefs.get(&(node, group)).copied();
            Group {
                id: u32::from(group),
                epoch: self.epochs[index],
                leader: belief
                    .unwrap_or(self.leaders[index])
                    .map_or(0, |node| node as u32 + 1),
                term: if belief.is_some() { 0 } else { self.terms[index] },
                replicas: (0..self.addresses.len() as u32).collect(),
            }
        });
        ClusterMap {
            cluster_id: id_bytes(77),
            version: 1,
            groups: groups.collect(),
            nodes: nodes.collect(),
            coordination_groups: u32::from(COORDINATION_GROUPS),
            cache_groups: u32::from(CACHE_GROUPS),
            coordination_slots: Vec::new(),
            cache_slots: Vec::new(),
        }
    }
}

pub(super) fn name_of(node: usize) -> String {
    format!("node-{node}")
}

/// The group of a key.
pub(super) fn group_of(store: u32, key: &[u8]) -> u16 {
    if store == ORDERS {
        1 + KeyHash::slot_of_store(StoreId(store)).0 % COORDINATION_GROUPS
    } else {
        1 + COORDINATION_GROUPS + KeyHash::of(StoreId(store), false, key).slot.0 % CACHE_GROUPS
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The nodes. They end with it.
pub(super) struct FakeCluster {
    shared: Arc<Shared>,
    ports: Vec<u16>,
}

impl FakeCluster {
    /// Nodes whose groups are led by each in turn.
    pub(super) fn start(count: usize) -> FakeCluster {
        let nodes: Vec<FakeNode> = (0..count).map(|_| FakeNode::bind()).collect();
        let ports: Vec<u16> = nodes.iter().map(FakeNode::port).collect();
        let all = usize::from(GROUPS);
        let state = State {
            leaders: (0..all).map(|group| Some(group % count)).collect(),
            terms: vec![1; all],
            epochs: vec![100; all],
            beliefs: HashMap::new(),
            silent: HashSet::new(),
            replicas_serve: HashSet::new(),
            swallow: 0,
            swallow_leader: false,
            not_ready: 0,
            seen: Vec::new(),
            machines: (0..all).map(|_| Machine::default()).collect(),
            addresses: ports.iter().map(|port| format!("127.0.0.1:{port}")).collect(),
            streams: Vec::new(),
            dead: HashSet::new(),
            connections: 0,
            stop: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        for (index, node) in nodes.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || listen(&shared, index, &node));
        }
        FakeCluster { shared, ports }
    }

    /// Options of a client that was given these nodes.
    pub(super) fn options(&self, nodes: &[usize]) -> RemoteOptions {
        let endpoint = |&node: &usize| Endpoint {
            host: "127.0.0.1".to_owned(),
            port: self.ports[node],
        };
        RemoteOptions::new(nodes.iter().map(endpoint).collect())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    /// Waits until the state is so.
    pub(super) fn wait(&self, what: &str, mut ready: impl FnMut(&mut State) -> bool) {
        let mut state = self.shared.state.lock();
        while !ready(&mut state) {
            let timed_out = self.shared.changed.wait_for(&mut state, PATIENCE).timed_out();
            assert!(!timed_out, "{what} did not happen");
        }
    }

    /// Ends a node and its connections at once.
    pub(super) fn kill(&self, node: usize) {
        let mut state = self.shared.state.lock();
        state.dead.insert(node);
        state.streams.retain(|(of, stream)| {
            if *of == node {
                let _ = stream.shutdown(Shutdown::Both);
            }
            *of != node
        });
        drop(state);
        // Its listener wakes up and ends.
        let _ = TcpStream::connect(("127.0.0.1", self.ports[node]));
    }

    /// Connections that clients have made so far.
    pub(super) fn connections(&self) -> usize {
        self.state().connections
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        self.state().stop = true;
        for node in 0..self.ports.len() {
            self.kill(node);
        }
    }
}

fn listen(shared: &Arc<Shared>, index: usize, node: &FakeNode) {
    loop {
        let stream = node.accept_stream();
        let mut state = shared.state.lock();
        if state.stop || state.dead.contains(&index) {
            return;
        }
        let own = stream.try_clone().unwrap();
        state.streams.push((index, stream.try_clone().unwrap()));
        drop(state);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that leaves within its hello ends this thread alone.
            let mut peer = FakeNode::greeted(Box::new(stream));
            shared.state.lock().connections += 1;
            peer.welcome(&Welcome {
                node: name_of(index),
                cluster_id: id_bytes(77),
                features: features::CLUSTER,
                ..welcome(0, index as u8 + 1)
            });
            let session = peer.hello.session.clone();
            while let Some(asked) = next(&shared, index, &mut peer) {
                if !answer(&shared, index, &session, &mut peer, &asked) {
                    break;
                }
            }
            let _ = own.shutdown(Shutdown::Both);
        });
    }
}

fn next(shared: &Shared, node: usize, peer: &mut Peer) -> Option<Asked> {
    loop {
        let got = peer.frame()?;
        match got.kind {
            FrameKind::Request => {
                return Some(Asked {
                    number: got.number,
                    header: RequestHeader::decode(got.header).unwrap(),
                    payload: got.payload,
                });
            }
            FrameKind::Ping if !shared.state.lock().silent.contains(&node) => {
                peer.send_frame(FrameHead::new(FrameKind::Pong, got.number), &(), &[]);
            }
            _ => {}
        }
    }
}

/// False: the connection is over.
fn answer(shared: &Shared, node: usize, session: &Bytes, peer: &mut Peer, asked: &Asked) -> bool {
    let mut state = shared.state.lock();
    let (header, operation) = (&asked.header, asked.operation());
    let mut seen = Seen {
        node,
        header: header.clone(),
        key: asked.key().to_vec(),
        served: false,
    };
    let answered = if state.silent.contains(&node) {
        None
    } else {
        let answered = execute(&mut state, node, session, asked);
        seen.served = !matches!(&answered, Err(failed) if failed.1.is_some());
        Some(answered)
    };
    let swallowed = seen.served && operation.is_change() && state.swallow > 0;
    state.swallow -= usize::from(swallowed);
    if swallowed && state.swallow_leader {
        let group = group_of(header.store, &seen.key);
        state.lead(group, None);
    }
    state.seen.push(seen);
    drop(state);
    shared.changed.notify_all();
    match answered {
        None => true,
        _ if swallowed => false,
        Some(Ok((header, payload))) => {
            peer.reply(asked.number, &header, &payload);
            true
        }
        Some(Err((error, redirect))) => {
            let header = ReplyHeader {
                redirect: redirect.unwrap_or_default(),
                ..ReplyHeader::failure(&error)
            };
            peer.reply(asked.number, &header, &[]);
            true
        }
    }
}

/// Keys of a cache store that are in a group, so many.
pub(super) fn keys_in(group: u16, count: usize) -> Vec<Vec<u8>> {
    let keys = (0..).map(|index| format!("key-{index}").into_bytes());
    keys.filter(|key| group_of(PAGES, key) == group)
        .take(count)
        .collect()
}

/// All entries of all groups.
pub(super) fn entries(state: &State) -> BTreeMap<Vec<u8>, Vec<u8>> {
    state.machines.iter().flat_map(Machine::entries).collect()
}

/// Enough for several changes of leader, and not for a test that hangs.
pub(super) const LONG: Duration = Duration::from_secs(15);
