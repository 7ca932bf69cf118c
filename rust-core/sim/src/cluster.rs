//! The machines of a simulation: nodes, and one on which all clients are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_node::clock::SystemClock;
use holdfast_node::cluster::{ClusterOptions, ClusterTiming};
use holdfast_node::server::{Server, ServerOptions};
use holdfast_node::{Node, NodeOptions};
use holdfast_system::simulation::disk::Pace;
use holdfast_system::simulation::{Death, Network};
use tokio::task::JoinHandle;

use crate::chance;
use crate::log::Log;
use crate::machine::Machine;

const PORT: u16 = 7861;
const MEMORY: u64 = 4 << 30;
/// When the simulations begin: 2026.
const WALL: Duration = Duration::from_secs(1_780_000_000);
/// Of a disk as it should be.
pub(crate) const DISK: Pace = Pace {
    least_ms: 0,
    most_ms: 3,
};
/// Of a planned stop.
const GRACE: Duration = Duration::from_secs(5);

/// Machines and network, stepped together.
pub struct Cluster {
    network: Network,
    nodes: Vec<Machine>,
    servers: Vec<Option<Server>>,
    clients: Machine,
    now_ms: u64,
    random: fastrand::Rng,
    log: Log,
    /// Where the nodes keep their coordination groups; `None`: in memory.
    disks: Option<Disks>,
}

/// A folder of the system for the nodes' files, as long as this lives.
struct Disks(PathBuf);

impl Disks {
    /// In memory, where the system has a place for files there: nobody waits for a real disk.
    fn new() -> Disks {
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let folder = parent.join(format!("holdfast-sim-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for the nodes' files");
        Disks(folder)
    }

    fn of(&self, node: usize) -> PathBuf {
        self.0.join(node.to_string())
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Cluster {
    /// Machines without processes, with disks or without.
    #[must_use]
    pub fn new(nodes: usize, seed: u64, durable: bool, log: Log) -> Cluster {
        let disks = durable.then(Disks::new);
        let mut random = fastrand::Rng::with_seed(seed ^ 0xC1);
        chance::seed(random.u64(..));
        chance::set_now_ns(0);
        let network = Network::install(nodes + 1, random.u64(..));
        let mut machine = |host: usize| {
            // Clocks are up to a hundredth wrong, and what they show up to ten minutes.
            let rate = random.u64(990_000..=1_010_000);
            Machine::new(host, rate, WALL + Duration::from_millis(random.u64(0..600_000)))
        };
        let machines: Vec<Machine> = (0..nodes).map(&mut machine).collect();
        // The history's times are those of the clients.
        let mut clients = Machine::new(nodes, 1_000_000, WALL);
        clients.begin();
        for node in 0..nodes {
            network.set_disk(node, DISK);
        }
        Cluster {
            network,
            nodes: machines,
            servers: (0..nodes).map(|_| None).collect(),
            clients,
            now_ms: 0,
            random,
            log,
            disks,
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nodes keep anything on disk.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.disks.is_some()
    }

    /// The machine of the clients.
    pub fn clients(&mut self) -> &mut Machine {
        &mut self.clients
    }

    /// The number of the clients' machine in the network.
    #[must_use]
    pub fn clients_host(&self) -> usize {
        self.nodes.len()
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A node's machine.
    pub fn machine(&mut self, node: usize) -> &mut Machine {
        &mut self.nodes[node]
    }

    /// Says something in the log.
    pub fn say(&self, what: &str) {
        self.log.say("nemesis", what);
    }

    /// The nodes' addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        (0..self.size())
            .map(|node| self.address(node).to_string())
            .collect()
    }

    fn address(&self, node: usize) -> SocketAddr {
        SocketAddr::new(self.network.ip(node), PORT)
    }

    /// Starts a node's process: with a disk it comes back as itself, in memory it is a new node unless the cluster is not
    /// formed yet.
    ///
    /// # Errors
    /// What the server refuses.
    pub fn start(&mut self, node: usize) -> Result<(), String> {
        self.network.switch_on(node);
        let address = self.address(node);
        let log = self.log.of(format!("node-{node}"));
        let join = self.addresses();
        let seed = self.random.u64(..);
        let data = self.disks.as_ref().map(|disks| disks.of(node));
        let machine = &mut self.nodes[node];
        machine.begin();
        let server = machine.run(async move {
            let inner = Arc::new(Node::start(NodeOptions {
                name: format!("node-{node}"),
                clock: Arc::new(SystemClock::start()),
                memory_limit: MEMORY,
                seed,
                log: Arc::clone(&log),
            }));
            let mut options = ServerOptions::new(address, log);
            options.insecure = true;
            options.data = data;
            options.cluster = Some(ClusterOptions {
                join,
                advertise: address.to_string(),
                zone: String::new(),
                secret: "simulation".to_owned(),
                timing: ClusterTiming::DEFAULT,
            });
            Server::start(inner, options).await
        });
        let server = server.map_err(|error| format!("node {node} does not start: {error}"))?;
        self.servers[node] = Some(server);
        Ok(())
    }

    /// Ends a node's process against its will.
    pub fn kill(&mut self, node: usize, death: Death) {
        self.network.kill(node, death);
        let server = self.servers[node].take();
        self.nodes[node].end(server);
    }

    /// Asks a node to stop as planned.
    pub fn ask_to_stop(&mut self, node: usize) -> JoinHandle<()> {
        let server = self.servers[node].take();
        self.nodes[node].spawn(async move {
            if let Some(server) = server {
                server.stop(GRACE).await;
            }
        })
    }

    /// Lets a millisecond pass on all machines, in an order of chance.
    pub fn tick(&mut self) {
        self.now_ms += 1;
        chance::set_now_ns(self.now_ms * 1_000_000);
        self.log.set_now_ms(self.now_ms);
        self.network.tick();
        let mut order: Vec<usize> = (0..=self.size()).collect();
        self.random.shuffle(&mut order);
        for host in order {
            match self.nodes.get_mut(host) {
                Some(machine) => machine.step(),
                None => self.clients.step(),
            }
        }
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// A process has left the cluster.
    pub fn pass(&mut self, ms: u64) -> Result<(), String> {
        for _ in 0..ms {
            self.tick();
        }
        self.nobody_left()
    }

    /// Lets time pass until something is so.
    ///
    /// # Errors
    /// It is not so after the limit, or a process has left the cluster.
    pub fn until(
        &mut self,
        what: &str,
        limit_ms: u64,
        mut is_so: impl FnMut(&Cluster) -> bool,
    ) -> Result<(), String> {
        for _ in 0..limit_ms {
            if is_so(self) {
                return self.nobody_left();
            }
            self.tick();
        }
        Err(format!("after {limit_ms} ms: {what}"))
    }

    /// Waits until every node is ready.
    ///
    /// # Errors
    /// Which one is not, and why.
    pub fn all_ready(&mut self, limit_ms: u64) -> Result<(), String> {
        for _ in 0..limit_ms / 20 {
            if self.not_ready().is_none() {
                return self.nobody_left();
            }
            self.pass(20)?;
        }
        let why = self.not_ready().unwrap_or_default();
        Err(format!(
            "after {limit_ms} ms {why}; the last lines of the nodes:\n{}",
            self.log.last(60)
        ))
    }

    fn not_ready(&self) -> Option<String> {
        (0..self.size()).find_map(|node| {
            let server = self.servers[node].as_ref()?;
            let why = server.shared().cluster()?.not_ready()?;
            Some(format!("node {node} is not ready: {why}"))
        })
    }

    fn nobody_left(&self) -> Result<(), String> {
        for node in 0..self.size() {
            let server = self.servers[node].as_ref();
            if let Some(why) = server.and_then(|server| server.shared().cluster()?.why_displaced()) {
                return Err(format!("node {node} has left: {why}"));
            }
        }
        Ok(())
    }

    /// How long it runs, in its own time.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in 0..self.size() {
            self.network.kill(node, Death::Power);
            let server = self.servers[node].take();
            self.nodes[node].end(server);
        }
        self.clients.end(());
    }
}
