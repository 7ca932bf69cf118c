//! The nodes under test: `holdfast serve` in processes of its own, behind the network's proxies.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_faults::free_port;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::history::{Epoch, Line, Recorder};
use crate::network::Network;

const LONGEST_START: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// Of a log, in a complaint; all of it is in a file beside the history.
const LINES_KEPT: usize = 12;

/// What a node says: a file, and its last lines.
#[derive(Clone)]
struct Log {
    file: Arc<Mutex<File>>,
    last: Arc<Mutex<VecDeque<String>>>,
}

/// One node's process, killed when this is dropped.
pub struct Node {
    binary: PathBuf,
    arguments: Vec<String>,
    address: SocketAddr,
    http: SocketAddr,
    child: Option<Child>,
    log: Log,
}

/// All nodes, and the network before them.
pub struct Cluster {
    nodes: Vec<Node>,
    network: Network,
    recorder: Recorder,
}

impl Cluster {
    /// Starts `count` nodes: one alone, or several that form a cluster. They know each other by the proxies' addresses.
    /// Their logs are files of the directory `logs`.
    ///
    /// # Errors
    /// What went wrong, with the last lines of the node's log.
    pub async fn start(
        count: u32,
        binary: &Path,
        logs: &Path,
        recorder: Recorder,
    ) -> Result<Cluster, String> {
        let local = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let addresses: Vec<SocketAddr> = (0..count).map(|_| local()).collect();
        let network = Network::start(&addresses)
            .await
            .map_err(|error| format!("no proxy: {error}"))?;
        let join: Vec<String> = network.addresses().iter().map(ToString::to_string).collect();
        let nodes = addresses
            .iter()
            .zip(&join)
            .enumerate()
            .map(|(index, (&address, advertised))| {
                let http = local();
                let mut arguments = vec![format!("--listen={address}"), format!("--http={http}")];
                if count > 1 {
                    arguments.push(format!("--node=node-{index}"));
                    arguments.push(format!("--advertise={advertised}"));
                    arguments.push(format!("--join={}", join.join(",")));
                    arguments.push("--cluster-secret=chaos".to_owned());
                }
                Ok(Node {
                    binary: binary.to_owned(),
                    arguments,
                    address,
                    http,
                    child: None,
                    log: Log::create(&logs.join(format!("node-{index}.log")))?,
                })
            })
            .collect::<Result<Vec<Node>, String>>()?;
        let mut cluster = Cluster {
            nodes,
            network,
            recorder,
        };
        // A cluster is formed when all are there: none may wait for another before it is begun.
        for index in 0..cluster.nodes.len() {
            cluster.spawn(index)?;
        }
        cluster.all_ready(LONGEST_START).await?;
        if cluster.is_alone() {
            cluster.note_epoch(0, 0).await?;
        }
        Ok(cluster)
    }

    /// The connection string of a store: all nodes, through the proxies.
    #[must_use]
    pub fn store(&self, name: &str) -> String {
        let hosts: Vec<String> = self.network.addresses().iter().map(ToString::to_string).collect();
        format!("holdfast://{}/{name}", hosts.join(","))
    }

    /// How many nodes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is one node only: with its process all is lost.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The run's clock and book.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Kills a node, and starts it again after `down`. Ends when it serves.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn kill_and_restart(&mut self, index: usize, down: Duration) -> Result<(), String> {
        let lost_ns = self.recorder.now_ns();
        if let Some(mut child) = self.nodes[index].child.take() {
            child.kill().await.map_err(|error| format!("SIGKILL: {error}"))?;
        }
        self.network.set_process(index, None);
        tokio::time::sleep(down).await;
        let spawned_ns = self.recorder.now_ns();
        self.spawn(index)?;
        self.all_ready(LONGEST_START).await?;
        if self.is_alone() {
            self.note_epoch(lost_ns, spawned_ns).await?;
        }
        Ok(())
    }

    /// Freezes a node (SIGSTOP) for a time.
    pub async fn pause(&self, index: usize, time: Duration) {
        self.nodes[index].signal(Signal::STOP);
        tokio::time::sleep(time).await;
        self.nodes[index].signal(Signal::CONT);
    }

    /// Waits until every node says that it is ready.
    ///
    /// # Errors
    /// Which one does not, or has ended.
    pub async fn all_ready(&mut self, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        loop {
            if let Some(died) = self.died() {
                return Err(died);
            }
            let mut waiting = None;
            for (index, node) in self.nodes.iter().enumerate() {
                if !node.is_ready().await {
                    waiting = Some(index);
                }
            }
            let Some(index) = waiting else {
                return Ok(());
            };
            if Instant::now() > end {
                let log = self.nodes[index].log();
                return Err(format!(
                    "after {limit:?} node {index} is not ready; its log:\n{log}"
                ));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What to say of a node that ended by itself.
    pub fn died(&mut self) -> Option<String> {
        self.nodes.iter_mut().enumerate().find_map(|(index, node)| {
            let status = node.child.as_mut()?.try_wait().ok()??;
            Some(format!(
                "node {index} ended by itself ({status}); its log:\n{}",
                node.log()
            ))
        })
    }

    fn spawn(&mut self, index: usize) -> Result<(), String> {
        let process = self.nodes[index].spawn()?;
        self.network.set_process(index, Some(process));
        Ok(())
    }

    /// Asks the only node for its epoch, past the proxies.
    async fn note_epoch(&self, lost_ns: u64, spawned_ns: u64) -> Result<(), String> {
        let asks = async {
            // A name of its own makes it a connection of its own.
            let name = format!("epoch-{spawned_ns}");
            let text = format!("holdfast://{}/epoch", self.nodes[0].address);
            let client = AsyncClient::connect(&text, &[("client-name", &name)]).await?;
            client.ping().await
        };
        let (epoch, _) = asks
            .await
            .map_err(|error| format!("the node does not say its epoch: {error}"))?;
        self.recorder.note(Line::Epoch(Epoch {
            number: i64::try_from(epoch).unwrap_or(i64::MAX),
            lost_ns,
            spawned_ns,
            started_ns: self.recorder.now_ns(),
        }));
        Ok(())
    }
}

impl Node {
    fn spawn(&mut self) -> Result<u32, String> {
        let mut command = Command::new(&self.binary);
        // What a developer has set for a node of their own.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOLDFAST_"))
        {
            command.env_remove(name);
        }
        let mut child = command
            .arg("serve")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", self.binary.display()))?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(keep_lines(stdout, self.log.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep_lines(stderr, self.log.clone()));
        }
        let process = child.id().unwrap_or_default();
        self.child = Some(child);
        Ok(process)
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().and_then(Child::id);
        let pid = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // One that has ended by itself is found when the fault is over.
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether its HTTP port says so.
    async fn is_ready(&self) -> bool {
        let asks = async {
            let mut stream = TcpStream::connect(self.http).await?;
            stream
                .write_all(b"GET /readyz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
                .await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200"))
        };
        matches!(tokio::time::timeout(LONGEST_LOOK, asks).await, Ok(Ok(true)))
    }

    fn log(&self) -> String {
        let lines = self.log.last.lock().expect("no panic under it");
        lines.iter().map(|line| format!("    {line}\n")).collect()
    }
}

impl Log {
    fn create(path: &Path) -> Result<Log, String> {
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Log {
            file: Arc::new(Mutex::new(file)),
            last: Arc::default(),
        })
    }

    fn keep(&self, line: String) {
        // A full disk fails the history, which matters more.
        let _ = writeln!(self.file.lock().expect("no panic under it"), "{line}");
        let mut last = self.last.lock().expect("no panic under it");
        if last.len() == LINES_KEPT {
            last.pop_front();
        }
        last.push_back(line);
    }
}

async fn keep_lines(output: impl AsyncRead + Unpin, log: Log) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.keep(line);
    }
}
