//! A few nodes and their replicas of a few groups.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, ClusterTiming, GroupLimits, GroupOptions, GroupStatus, LocalNetwork, PeerOptions, PeerServer,
    Peers, ProposeError, RaftGroup, ReplicaAddress, SystemTime, TimeSource,
};
use holdfast_state::{GroupId, NodeId, ReplicaId};
use tokio::task::JoinHandle;

use crate::list::{List, Placed};

pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    HandedOver,
    Sockets,
}

/// The machines' clocks, and how long all of them were suspended beside that.
#[derive(Default)]
pub(crate) struct Clocks(AtomicU64);

impl Clocks {
    pub(crate) fn suspend(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).expect("a short time");
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl TimeSource for Clocks {
    fn boottime(&self) -> Duration {
        SystemTime.boottime() + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        SystemTime.monotonic()
    }
}

pub(crate) struct Node {
    pub(crate) id: u32,
    pub(crate) address: String,
    pub(crate) peers: Peers,
    pub(crate) groups: BTreeMap<GroupId, RaftGroup<List>>,
    server: Option<JoinHandle<()>>,
}

pub(crate) struct Cluster {
    pub(crate) network: LocalNetwork,
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) limits: GroupLimits,
    pub(crate) clocks: Arc<Clocks>,
    wire: Wire,
}

impl Cluster {
    /// Nodes with replicas (replica id = node's number + 1) of each group, not initialized.
    pub(crate) async fn started(wire: Wire, nodes: u32, groups: &[GroupId]) -> Cluster {
        let mut cluster = Cluster {
            network: LocalNetwork::default(),
            nodes: Vec::new(),
            limits: GroupLimits::default(),
            clocks: Arc::default(),
            wire,
        };
        for _ in 0..nodes {
            cluster.add_node(groups).await;
        }
        cluster
    }

    /// Three nodes that lead nothing yet, of initialized groups.
    pub(crate) async fn formed(wire: Wire, groups: &[GroupId]) -> Cluster {
        let cluster = Cluster::started(wire, 3, groups).await;
        cluster.initialize(groups).await;
        cluster
    }

    pub(crate) async fn initialize(&self, groups: &[GroupId]) {
        for (place, group) in groups.iter().enumerate() {
            let first = place % self.nodes.len();
            self.group(first, *group)
                .initialize(self.addresses(*group))
                .await
                .unwrap();
        }
        for group in groups {
            self.leader(*group).await;
        }
    }

    pub(crate) async fn add_node(&mut self, groups: &[GroupId]) -> usize {
        let place = self.nodes.len();
        let id = u32::try_from(place).unwrap() + 1;
        let (peers, address, server) = self.peers(id).await;
        peers.set_cluster(ClusterId(7));
        let mut node = Node {
            id,
            address,
            peers,
            groups: BTreeMap::new(),
            server,
        };
        for group in groups {
            let replica = ReplicaId(u64::from(id));
            let started = start(&node.peers, *group, replica, &self.limits, &self.clocks).await;
            node.groups.insert(*group, started);
        }
        self.nodes.push(Some(node));
        place
    }

    async fn peers(&self, id: u32) -> (Peers, String, Option<JoinHandle<()>>) {
        match self.wire {
            Wire::HandedOver => {
                let address = format!("node-{id}");
                (Peers::in_process(&self.network, &address), address, None)
            }
            Wire::Sockets => {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap().to_string();
                let peers = Peers::over_network(PeerOptions {
                    secret: "sesame".to_owned(),
                    ..PeerOptions::default()
                });
                let server = tokio::spawn(serve(listener, PeerServer::new(&peers)));
                (peers, address, Some(server))
            }
        }
    }

    pub(crate) fn address(&self, place: usize) -> ReplicaAddress {
        let node = self.node(place);
        ReplicaAddress {
            node: NodeId(node.id),
            name: format!("n{}", node.id),
            peer_address: node.address.clone(),
            client_address: String::new(),
        }
    }

    pub(crate) fn addresses(&self, group: GroupId) -> BTreeMap<ReplicaId, ReplicaAddress> {
        (0..self.nodes.len())
            .filter(|place| self.nodes[*place].is_some())
            .map(|place| (self.group(place, group).replica(), self.address(place)))
            .collect()
    }

    pub(crate) fn node(&self, place: usize) -> &Node {
        self.nodes[place].as_ref().expect("the node lives")
    }

    pub(crate) fn group(&self, place: usize, group: GroupId) -> &RaftGroup<List> {
        &self.node(place).groups[&group]
    }

    pub(crate) fn living(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|place| self.nodes[*place].is_some())
    }

    /// Where the group's leader is, once it takes proposals.
    pub(crate) async fn leader(&self, group: GroupId) -> usize {
        self.leader_among(&self.living().collect::<Vec<_>>(), group).await
    }

    pub(crate) async fn leader_among(&self, places: &[usize], group: GroupId) -> usize {
        let looked = async {
            loop {
                for place in places {
                    let status = self.group(*place, group).status();
                    if status.ready {
                        return *place;
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(WAIT, looked)
            .await
            .expect("a leader in time")
    }

    /// Proposes at whoever leads, again and again until it is known to be applied.
    pub(crate) async fn put(&self, group: GroupId, command: &str) -> Placed {
        let tried = async {
            loop {
                let leader = self.leader(group).await;
                match self.put_at(leader, group, command).await {
                    Ok(placed) => return placed,
                    Err(ProposeError::NotLeader { .. } | ProposeError::Unknown) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        };
        tokio::time::timeout(WAIT, tried).await.expect("applied in time")
    }

    pub(crate) async fn put_at(
        &self,
        place: usize,
        group: GroupId,
        command: &str,
    ) -> Result<Placed, ProposeError> {
        self.group(place, group)
            .propose(Bytes::from(command.to_owned()))?
            .await
    }

    /// Ends a node as a crash would: others hear nothing of it.
    pub(crate) async fn kill(&mut self, place: usize) {
        let mut node = self.nodes[place].take().expect("the node lives");
        if let Some(server) = node.server.take() {
            server.abort();
        }
        for group in node.groups.values() {
            group.stop().await;
        }
    }

    /// Waits until replicas have applied the same.
    pub(crate) async fn agree(&self, group: GroupId, places: &[usize]) -> Vec<String> {
        let agreed = async {
            loop {
                let states: Vec<_> = places
                    .iter()
                    .map(|place| self.group(*place, group).machine().state())
                    .collect();
                if states.windows(2).all(|pair| pair[0] == pair[1]) {
                    return states[0].applied.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(WAIT, agreed)
            .await
            .expect("the replicas agree in time")
    }

    /// Waits until a replica's status is as wanted.
    pub(crate) async fn until(&self, place: usize, group: GroupId, wanted: impl FnMut(&GroupStatus) -> bool) {
        let mut status = self.group(place, group).watch();
        tokio::time::timeout(WAIT, status.wait_for(wanted))
            .await
            .expect("in time")
            .expect("the replica runs");
    }
}

pub(crate) async fn start(
    peers: &Peers,
    group: GroupId,
    replica: ReplicaId,
    limits: &GroupLimits,
    clocks: &Arc<Clocks>,
) -> RaftGroup<List> {
    let mut options = GroupOptions::new(group, replica, Arc::new(List::default()), peers.clone());
    options.timing = ClusterTiming::FAST;
    options.limits = limits.clone();
    options.time = Arc::clone(clocks) as _;
    RaftGroup::start(options).await.expect("the group starts")
}

pub(crate) async fn serve(listener: tokio::net::TcpListener, server: PeerServer) {
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .initial_connection_window_size(8 * 1024 * 1024)
        .initial_stream_window_size(8 * 1024 * 1024)
        .add_service(server.service())
        .serve_with_incoming(incoming)
        .await
        .expect("the service runs");
}

/// A test over each wire.
macro_rules! on_each_wire {
    ($($name:ident)*) => {
        mod handed_over {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::cluster::Wire::HandedOver).await;
            })*
        }

        mod sockets {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::cluster::Wire::Sockets).await;
            })*
        }
    };
}
pub(crate) use on_each_wire;
