//! A cluster under test: `holdfast serve` in processes that know each other by their own addresses.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast_client::remote::AsyncClient;
use holdfast_faults::{NodeProcess, eventually, free_port};
use holdfast_proto::session::{ClusterMap, Operation, RequestHeader};
use prost::Message;
use tempfile::TempDir;

/// How long nodes may take until all of their replicas have a vote.
const LONGEST_START: Duration = Duration::from_secs(120);
/// How long a leader may be unknown.
const LONGEST_ELECTION: Duration = Duration::from_secs(30);

/// Nodes that have formed a cluster; their processes end with this.
pub struct Cluster {
    nodes: Vec<NodeProcess>,
    addresses: Vec<SocketAddr>,
    asking: AsyncClient,
    /// Of nodes that have a data directory; removed behind their processes.
    _disks: Vec<TempDir>,
}

impl Cluster {
    /// Starts nodes with further arguments of `serve`, and waits until all are ready.
    ///
    /// # Panics
    /// When they do not form a cluster.
    pub async fn start(count: usize, further: &[&str]) -> Cluster {
        let further: Vec<String> = further.iter().map(ToString::to_string).collect();
        Self::start_each(vec![further; count], Vec::new()).await
    }

    /// Starts nodes that keep their logs in data directories of their own.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub async fn start_on_disks(count: usize) -> Cluster {
        let disks: Vec<TempDir> = (0..count).map(|_| TempDir::new().expect("a directory")).collect();
        let further = disks
            .iter()
            .map(|disk| vec![format!("--data-dir={}", disk.path().display())]);
        Self::start_each(further.collect(), disks).await
    }

    /// Starts a node with each of these arguments, and waits until all are ready.
    async fn start_each(further: Vec<Vec<String>>, disks: Vec<TempDir>) -> Cluster {
        let count = further.len();
        let addresses: Vec<SocketAddr> = (0..count)
            .map(|_| SocketAddr::from(([127, 0, 0, 1], free_port())))
            .collect();
        let join: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let starting = join
            .iter()
            .zip(&further)
            .enumerate()
            .map(|(index, (address, further))| {
                let join = join.join(",");
                async move {
                    let own = [
                        format!("--listen={address}"),
                        format!("--node=node-{index}"),
                        format!("--join={join}"),
                        "--cluster-secret=figures".to_owned(),
                    ];
                    let arguments: Vec<&str> = own.iter().chain(further).map(String::as_str).collect();
                    NodeProcess::start(&arguments).await
                }
            });
        let nodes = join_all(starting).await;
        let asking = format!("holdfast://{}/figures", join.join(","));
        let asking = AsyncClient::connect_lazily(&asking, &[("client-name", "figures-map")]);
        let mut cluster = Cluster {
            nodes,
            addresses,
            asking: asking.expect("a connection string"),
            _disks: disks,
        };
        cluster.all_ready().await;
        cluster
    }

    /// The connection string of a store.
    #[must_use]
    pub fn store(&self, name: &str) -> String {
        let hosts: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        format!("holdfast://{}/{name}", hosts.join(","))
    }

    /// How many nodes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// A node's process.
    #[must_use]
    pub fn node(&self, index: usize) -> &NodeProcess {
        &self.nodes[index]
    }

    /// A node's process, to end it or to start it again.
    pub fn node_mut(&mut self, index: usize) -> &mut NodeProcess {
        &mut self.nodes[index]
    }

    /// All nodes' processes.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut NodeProcess> {
        self.nodes.iter_mut()
    }

    /// Processor time that all nodes have used.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        self.nodes.iter().map(|node| node.facts().cpu_time()).sum()
    }

    /// Waits until every node says that it is ready.
    ///
    /// # Panics
    /// When one has ended by itself, or takes too long.
    pub async fn all_ready(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            assert!(node.is_alive(), "node {index} ended by itself:\n{}", node.log());
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let what = format!("node {index} is ready");
            eventually(LONGEST_START, &what, || async {
                node.http_get("/readyz")
                    .await
                    .starts_with("HTTP/1.1 200")
                    .then_some(())
            })
            .await;
        }
    }

    /// What a node says of the cluster.
    ///
    /// # Errors
    /// Why none does.
    pub async fn map(&self) -> Result<ClusterMap, String> {
        let request = RequestHeader {
            operation: Operation::ClusterMap as i32,
            ..RequestHeader::default()
        };
        let answer = self
            .asking
            .call(request, &[], &[])
            .await
            .map_err(|error| error.to_string())?;
        ClusterMap::decode(&answer.payload[..]).map_err(|error| error.to_string())
    }

    /// The node that leads a group, once one is known to.
    ///
    /// # Panics
    /// When nobody does for long.
    pub async fn leader(&self, group: u32) -> usize {
        let what = format!("somebody leads group {group}");
        eventually(LONGEST_ELECTION, &what, || async {
            let map = self.map().await.ok()?;
            let group = map.groups.iter().find(|it| it.id == group)?;
            let node = group.leader.checked_sub(1)?;
            let address = &map.nodes.get(node as usize)?.address;
            self.addresses.iter().position(|it| it.to_string() == *address)
        })
        .await
    }
}
