//! A node in a process of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process_facts::ProcessFacts;
use crate::wait::{eventually, within};

const LONGEST_START: Duration = Duration::from_secs(20);
const LONGEST_STOP: Duration = Duration::from_secs(20);
const LINES_KEPT: usize = 500;

type Lines = Arc<Mutex<VecDeque<String>>>;

/// `holdfast serve`, killed when this is dropped.
pub struct NodeProcess {
    child: Child,
    arguments: Vec<String>,
    /// Words that start the program.
    launcher: Vec<String>,
    address: SocketAddr,
    http: SocketAddr,
    log: Lines,
}

impl NodeProcess {
    /// Starts a node on a free port unless one is given, memory only, with further arguments of `serve`.
    pub async fn start(arguments: &[&str]) -> NodeProcess {
        NodeProcess::start_by(Vec::new(), arguments).await
    }

    /// The same, started by a program of which these are the first words.
    pub async fn start_by(launcher: Vec<String>, arguments: &[&str]) -> NodeProcess {
        let mut all = Vec::new();
        if !arguments.iter().any(|argument| argument.starts_with("--listen")) {
            all.push(format!("--listen=127.0.0.1:{}", free_port()));
        }
        if !arguments.iter().any(|argument| argument.starts_with("--http")) {
            all.push("--http=127.0.0.1:0".to_owned());
        }
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let log = Lines::default();
        let (child, address, http) = spawn(&launcher, &all, &log).await;
        NodeProcess {
            child,
            arguments: all,
            launcher,
            address,
            http,
            log,
        }
    }

    /// Starts it again after it ended, on the same port.
    pub async fn restart(&mut self) {
        assert!(self.child.id().is_none(), "the node still runs");
        let (child, address, http) = spawn(&self.launcher, &self.arguments, &self.log).await;
        assert_eq!(address, self.address);
        (self.child, self.http) = (child, http);
    }

    /// From its next start on it is started as any other.
    pub fn lift_limits(&mut self) {
        self.launcher.clear();
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its connection string for a store, with a query.
    #[must_use]
    pub fn store(&self, store: &str) -> String {
        format!("holdfast://{}/{store}", self.address)
    }

    /// Ends it without giving it a chance (SIGKILL).
    pub async fn kill(&mut self) {
        within(LONGEST_STOP, "SIGKILL", self.child.kill())
            .await
            .expect("an own child can be killed");
    }

    /// Asks it to stop (SIGTERM); see [`NodeProcess::stopped`].
    pub fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended by itself.
    pub async fn stopped(&mut self) -> ExitStatus {
        within(LONGEST_STOP, "a graceful stop", self.child.wait())
            .await
            .expect("an own child can be waited for")
    }

    /// Freezes it (SIGSTOP).
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// How many descriptors it may have from now on.
    pub fn limit_descriptors(&self, most: u64) {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("an own child's limit can be lowered");
    }

    /// What the system says about it.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn facts(&self) -> ProcessFacts {
        ProcessFacts::of(self.id())
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether a line of its log holds `text`; the last lines only are kept.
    #[must_use]
    pub fn has_logged(&self, text: &str) -> bool {
        self.log
            .lock()
            .expect("no panic under it")
            .iter()
            .any(|line| line.contains(text))
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let lines = self.log.lock().expect("no panic under it");
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// A body that its HTTP port answers with.
    pub async fn http_get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http)
            .await
            .expect("the HTTP port answers");
        let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request can be written");
        let mut answer = Vec::new();
        within(LONGEST_START, path, stream.read_to_end(&mut answer))
            .await
            .expect("an answer can be read");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The sum of a metric over all its labels; `None` when there is no such metric.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let body = self.http_get("/metrics").await;
        let values: Vec<f64> = body
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with(['{', ' ']))
            .filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Waits until a metric is at least `least`.
    pub async fn metric_reaches(&self, name: &str, least: f64) {
        let what = format!("the metric {name} is at least {least}");
        eventually(Duration::from_secs(30), &what, || async {
            self.metric(name).await.filter(|&value| value >= least)
        })
        .await;
    }

    fn id(&self) -> u32 {
        self.child.id().expect("the node runs")
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.id()).expect("a process id")).expect("not 0")
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("an own child takes signals");
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // A process that is frozen dies of SIGKILL too.
        let _ = self.child.start_kill();
        if std::thread::panicking() {
            eprintln!("--- the node's last log lines:\n{}---", self.log());
        }
    }
}

async fn spawn(launcher: &[String], arguments: &[String], log: &Lines) -> (Child, SocketAddr, SocketAddr) {
    let mut command = match launcher {
        [] => Command::new(binary()),
        [program, words @ ..] => {
            let mut command = Command::new(program);
            command.args(words).arg(binary());
            command
        }
    };
    // What a developer has set for a node of their own.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOLDFAST_")) {
        command.env_remove(name);
    }
    let mut child = command
        .arg("serve")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("holdfast can be started");
    let stderr = child.stderr.take().expect("it is piped");
    tokio::spawn(keep_lines(stderr, Arc::clone(log)));
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let line = within(LONGEST_START, "the start of the node", stdout.next_line())
        .await
        .expect("its output is text");
    let Some(line) = line else {
        let status = child.wait().await;
        let said = eventually(Duration::from_secs(1), "what the node says", || async {
            let lines = log.lock().expect("no panic under it");
            (!lines.is_empty()).then(|| format!("{lines:?}"))
        });
        panic!("the node did not start ({status:?}): {}", said.await);
    };
    // Read on, so that the node never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = stdout.next_line().await {} });
    let (address, http) = addresses(&line).unwrap_or_else(|| panic!("the node says {line:?}"));
    (child, address, http)
}

/// The words that start a program whose writing of a file beyond so many bytes fails, as on a full disk.
#[must_use]
pub fn with_file_limit(bytes: u64) -> Vec<String> {
    // The limit is in blocks of 512 bytes; the signal that comes with it would end the process.
    let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
    ["sh", "-c", script, &(bytes / 512).to_string()]
        .map(str::to_owned)
        .to_vec()
}

/// Reads `listening on 127.0.0.1:43211, http on 127.0.0.1:43212`.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (address, http) = line.strip_prefix("listening on ")?.split_once(", http on ")?;
    Some((address.parse().ok()?, http.trim().parse().ok()?))
}

async fn keep_lines(stderr: tokio::process::ChildStderr, log: Lines) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut log = log.lock().expect("no panic under it");
        if log.len() == LINES_KEPT {
            log.pop_front();
        }
        log.push_back(line);
    }
}

/// The program under test: `HOLDFAST_BINARY`, or what cargo has built beside this test.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("HOLDFAST_BINARY") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("a program has a path");
    let directory = test.ancestors().nth(2).expect("target/debug/deps/test");
    let binary = directory.join(format!("holdfast{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is missing: build it with tests/build holdfast, or name one in HOLDFAST_BINARY",
        binary.display()
    );
    binary
}

/// A port that nobody listens on. It lies below the range that the system gives to outgoing connections: one of those,
/// made while a node is down, could otherwise meet itself on the node's port and hold it.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u16 = 17_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7)) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", FIRST + offset)).is_ok() {
            return FIRST + offset;
        }
    }
    panic!("no port from {FIRST} on is free");
}
