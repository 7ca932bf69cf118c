//! What replication costs on this machine: three nodes in one process, their logs in memory.
//!
//! `cargo run --release -p holdfast-replication --features raft --example figures
//! [proposals|groups|batches|kills|moves|idle]…`
#![expect(clippy::disallowed_methods, reason = "measures real time")]
#![expect(
    clippy::unwrap_used,
    reason = "a figure that cannot be taken ends the program"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, DataMachine, GroupOptions, LocalNetwork, PeerOptions, PeerServer, Peers, RaftGroup,
    ReplicaAddress,
};
use holdfast_state::{
    Change, Command, Condition, Expiry, GroupCommand, GroupId, GroupKind, MachineConfig, NodeId, ReplicaId,
    Slot, StoreClass, StoreId, StoreSettings,
};
use tokio::task::JoinHandle;

const STORE: StoreId = StoreId(1);
const MIB: u64 = 1024 * 1024;
const VALUE: [u8; 128] = [7; 128];
const KEYS: usize = 10_000;

struct Node {
    address: ReplicaAddress,
    peers: Peers,
    groups: Vec<RaftGroup<DataMachine>>,
    server: Option<JoinHandle<()>>,
}

struct Cluster(Vec<Node>);

impl Cluster {
    async fn formed(sockets: bool, groups: u16) -> Cluster {
        let network = LocalNetwork::default();
        let mut nodes = Vec::new();
        for id in 1..=3 {
            nodes.push(Node::start(&network, sockets, id, groups).await);
        }
        let members: BTreeMap<_, _> = nodes
            .iter()
            .map(|node: &Node| (ReplicaId(node.address.node.0.into()), node.address.clone()))
            .collect();
        for group in 0..usize::from(groups) {
            nodes[group % 3].groups[group]
                .initialize(members.clone())
                .await
                .unwrap();
        }
        let cluster = Cluster(nodes);
        for group in 0..usize::from(groups) {
            let define = GroupCommand::DefineStore {
                id: STORE,
                name: "default/figures",
                settings: StoreSettings::new(StoreClass::Cache, 256 * MIB),
            };
            let define = Bytes::from(Command::Group(define).encode());
            cluster
                .leader(group)
                .await
                .propose(define)
                .unwrap()
                .await
                .unwrap();
        }
        cluster
    }

    async fn leader(&self, group: usize) -> RaftGroup<DataMachine> {
        loop {
            let leads = |node: &&Node| node.groups.get(group).is_some_and(RaftGroup::leads);
            if let Some(node) = self.0.iter().find(leads) {
                return node.groups[group].clone();
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    async fn stop(self) {
        for node in self.0 {
            node.stop().await;
        }
    }
}

impl Node {
    async fn start(network: &LocalNetwork, sockets: bool, id: u32, groups: u16) -> Node {
        let (peers, peer_address, server) = if sockets {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let peers = Peers::over_network(PeerOptions::default());
            let server = tokio::spawn(serve(listener, PeerServer::new(&peers)));
            (peers, address, Some(server))
        } else {
            let address = format!("node-{id}");
            (Peers::in_process(network, &address), address, None)
        };
        peers.set_cluster(ClusterId(7));
        let mut node = Node {
            address: ReplicaAddress {
                node: NodeId(id),
                name: format!("n{id}"),
                peer_address,
                client_address: String::new(),
            },
            peers,
            groups: Vec::new(),
            server,
        };
        for group in 0..groups {
            let machine = Arc::new(DataMachine::new(MachineConfig {
                kind: GroupKind::Cache,
                first_revision: 1,
                feature_level: 1,
                seed: 1,
                touch_interval_ms: 500,
                group_index: 0,
                group_count: 1,
            }));
            let options =
                GroupOptions::new(GroupId(group), ReplicaId(id.into()), machine, node.peers.clone());
            node.groups.push(RaftGroup::start(options).await.unwrap());
        }
        node
    }

    async fn stop(self) {
        if let Some(server) = self.server {
            server.abort();
        }
        for group in &self.groups {
            group.stop().await;
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, server: PeerServer) {
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let _ = tonic::transport::Server::builder()
        .initial_connection_window_size(8 * 1024 * 1024)
        .initial_stream_window_size(8 * 1024 * 1024)
        .add_service(server.service())
        .serve_with_incoming(incoming)
        .await;
}

fn put(number: usize) -> Bytes {
    let key = format!("key-{:06}", number % KEYS);
    let change = Change::Put {
        key: key.as_bytes(),
        value: &VALUE,
        expiry: Expiry::NONE,
        condition: Condition::Always,
        never_evict: false,
        return_previous: false,
    };
    let command = Command::InStore {
        store: STORE,
        slot: Slot(0),
        session: None,
        change,
    };
    command.encode().into()
}

/// How puts are proposed.
#[derive(Clone, Copy)]
struct Load {
    groups: u16,
    in_flight: usize,
    /// Puts that are proposed together.
    batch: usize,
}

async fn proposals(sockets: bool, load: Load) {
    const WARM: Duration = Duration::from_millis(500);
    const TIME: Duration = Duration::from_secs(2);
    let cluster = Cluster::formed(sockets, load.groups).await;
    let mut leaders = Vec::new();
    for group in 0..usize::from(load.groups) {
        leaders.push(cluster.leader(group).await);
    }
    let begin = Instant::now() + WARM;
    let writers: Vec<_> = (0..load.in_flight)
        .map(|writer| {
            let leader = leaders[writer % leaders.len()].clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for number in 0.. {
                    let sent = Instant::now();
                    if sent >= begin + TIME {
                        break;
                    }
                    let first = writer * 7919 + number * load.batch;
                    let puts = (first..first + load.batch).map(put).collect();
                    leader.propose_all(puts).unwrap().await.unwrap();
                    if sent >= begin {
                        taken.push(sent.elapsed());
                    }
                }
                taken
            })
        })
        .collect();
    let mut all = Vec::new();
    let cpu = cpu();
    for writer in writers {
        all.extend(writer.await.unwrap());
    }
    let cpu = (cpu_since(cpu)).as_secs_f64() / (TIME + WARM).as_secs_f64() * TIME.as_secs_f64();
    let count = all.len() * load.batch;
    println!(
        "{:>11} {:>4} in flight, batches of {:>3}, {:>2} groups: {:>7.0}/s   p50 {:>6} us   p99 {:>6} us   {:>5.1} us CPU each",
        if sockets { "sockets" } else { "handed over" },
        load.in_flight,
        load.batch,
        load.groups,
        count as f64 / TIME.as_secs_f64(),
        percentile(&mut all, 50).as_micros(),
        percentile(&mut all, 99).as_micros(),
        cpu * 1e6 / count.max(1) as f64,
    );
    cluster.stop().await;
}

/// Writes one after the other at whoever leads, and keeps when each was answered.
fn write_on(cluster: &Cluster, until: Arc<AtomicBool>) -> JoinHandle<Vec<Instant>> {
    let groups: Vec<_> = cluster.0.iter().map(|node| node.groups[0].clone()).collect();
    tokio::spawn(async move {
        let mut answered = Vec::new();
        for number in 0.. {
            if until.load(Ordering::Relaxed) {
                break;
            }
            let Some(leader) = groups.iter().find(|group| group.leads()) else {
                tokio::time::sleep(Duration::from_micros(200)).await;
                continue;
            };
            if let Ok(proposed) = leader.propose(put(number))
                && let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(100), proposed).await
            {
                answered.push(Instant::now());
            }
        }
        answered
    })
}

fn longest_pause(answered: &[Instant]) -> Duration {
    answered
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap_or_default()
}

async fn kills(sockets: bool) {
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let mut cluster = Cluster::formed(sockets, 1).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writer = write_on(&cluster, Arc::clone(&stop));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let leader = cluster.0.iter().position(|node| node.groups[0].leads()).unwrap();
        cluster.0.remove(leader).stop().await;
        let _ = cluster.leader(0).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.store(true, Ordering::Relaxed);
        pauses.push(longest_pause(&writer.await.unwrap()));
        cluster.stop().await;
    }
    print_pause("dead leader, time without writes", sockets, &mut pauses);
}

async fn moves(sockets: bool) {
    let cluster = Cluster::formed(sockets, 1).await;
    let (mut calls, mut pauses) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let stop = Arc::new(AtomicBool::new(false));
        let writer = write_on(&cluster, Arc::clone(&stop));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let leader = cluster.leader(0).await;
        let next = ReplicaId(leader.replica().0 % 3 + 1);
        let begun = Instant::now();
        leader
            .transfer_leader(next, Duration::from_secs(5))
            .await
            .unwrap();
        calls.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.store(true, Ordering::Relaxed);
        pauses.push(longest_pause(&writer.await.unwrap()));
    }
    print_pause("planned move, the call", sockets, &mut calls);
    print_pause("planned move, time without writes", sockets, &mut pauses);
    cluster.stop().await;
}

fn print_pause(what: &str, sockets: bool, taken: &mut [Duration]) {
    println!(
        "{:>11} {what}: p50 {:.1} ms, p99 {:.1} ms of {}",
        if sockets { "sockets" } else { "handed over" },
        percentile(taken, 50).as_secs_f64() * 1e3,
        percentile(taken, 99).as_secs_f64() * 1e3,
        taken.len(),
    );
}

async fn idle(sockets: bool) {
    const TIME: Duration = Duration::from_secs(10);
    let cluster = Cluster::formed(sockets, 13).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = cpu();
    tokio::time::sleep(TIME).await;
    println!(
        "{:>11} idle, 3 nodes of 13 groups: {:.1} % of a core",
        if sockets { "sockets" } else { "handed over" },
        cpu_since(before).as_secs_f64() / TIME.as_secs_f64() * 100.0,
    );
    cluster.stop().await;
}

/// What the process has used of its processors.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> = behind_name
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    // User and system time, in hundredths of a second.
    Duration::from_millis(fields.iter().skip(11).take(2).sum::<u64>() * 10)
}

fn cpu_since(before: Duration) -> Duration {
    cpu().saturating_sub(before)
}

fn percentile(taken: &mut [Duration], percent: usize) -> Duration {
    taken.sort_unstable();
    let place = (taken.len() * percent / 100).min(taken.len().saturating_sub(1));
    taken.get(place).copied().unwrap_or_default()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    for sockets in [false, true] {
        let of = |groups, in_flight, batch| Load {
            groups,
            in_flight,
            batch,
        };
        if wanted("proposals") {
            for in_flight in [1, 16, 64, 256] {
                proposals(sockets, of(1, in_flight, 1)).await;
            }
        }
        if wanted("groups") {
            for groups in [1, 2, 4, 8, 12] {
                proposals(sockets, of(groups, 64, 1)).await;
            }
        }
        if wanted("batches") {
            for batch in [1, 4, 16, 64, 256] {
                proposals(sockets, of(4, 16, batch)).await;
            }
        }
        if wanted("moves") {
            moves(sockets).await;
        }
        if wanted("idle") {
            idle(sockets).await;
        }
        if wanted("kills") {
            kills(sockets).await;
        }
    }
}
