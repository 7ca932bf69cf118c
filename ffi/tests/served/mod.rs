//! Servers for tests: `holdfast serve` in a process of its own, and a peer that says nothing.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::{env, thread};

/// A node with a manual clock that serves until it is dropped.
pub(crate) struct Served {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// On any free port.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_on(name, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub(crate) fn start_on(name: &str, address: SocketAddr) -> Self {
        let mut process = Command::new(program())
            .args([
                "serve",
                "--http",
                "off",
                "--clock",
                "manual",
                "--memory-limit",
                "1GiB",
            ])
            .args(["--node", name, "--listen", &address.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("holdfast starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("holdfast says where it listens");
        // `listening on 127.0.0.1:43211, http off`
        let address = line
            .strip_prefix("listening on ")
            .and_then(|rest| rest.split(',').next()?.trim().parse().ok());
        Self {
            address: address.unwrap_or_else(|| panic!("holdfast said: {line}")),
            process,
        }
    }

    pub(crate) fn text(&self, rest: &str) -> String {
        format!("holdfast://{}/{rest}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `HOLDFAST_BINARY`, or what cargo has built beside this test.
fn program() -> PathBuf {
    if let Some(path) = env::var_os("HOLDFAST_BINARY") {
        return path.into();
    }
    // `target/debug/deps/servers-…`
    let test = env::current_exe().expect("the test knows itself");
    let folder = test.ancestors().nth(2).expect("cargo puts tests into a folder");
    let path = folder.join("holdfast").with_extension(env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{} is missing: build it with tests/build holdfast, or name one in HOLDFAST_BINARY",
        path.display()
    );
    path
}

/// Accepts connections and never says anything.
pub(crate) struct Silent {
    pub(crate) address: SocketAddr,
    _kept: Arc<Mutex<Vec<TcpStream>>>,
}

impl Silent {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&kept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                keep.lock().expect("nobody panics with it").push(stream);
            }
        });
        Self { address, _kept: kept }
    }

    pub(crate) fn text(&self, rest: &str) -> String {
        format!("holdfast://{}/{rest}", self.address)
    }
}
