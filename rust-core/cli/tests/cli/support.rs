//! Runs the binary and waits for what it does, never for a time.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as text, without its last line end.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.out).expect("text").trim_end_matches('\n')
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The binary, without any setting of the environment that runs the tests.
pub(crate) fn holdfast(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"HOLDFAST_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    run_with(command, b"")
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // One that does not read its input may end first.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let out = reader(child.stdout.take().expect("piped"));
    let err = reader(child.stderr.take().expect("piped"));
    let Ok(out) = out.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!(
            "{command:?} does not end: {:?}",
            err.recv().map(|err| String::from_utf8_lossy(&err).into_owned())
        );
    };
    let err = err.recv_timeout(PATIENCE).expect("its errors end with it");
    let status = child.wait().expect("it has ended");
    Ran {
        code: status.code().unwrap_or(-1),
        out,
        err: String::from_utf8_lossy(&err).into_owned(),
    }
}

fn reader(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all);
        let _ = sender.send(all);
    });
    receiver
}

/// A server, ended with its handle.
pub(crate) struct Serve {
    child: Child,
    pub(crate) listen: String,
    pub(crate) http: Option<String>,
}

impl Serve {
    /// On free ports, with these flags.
    pub(crate) fn start(arguments: &[&str]) -> Serve {
        Self::start_with(holdfast(&["serve"]).args(arguments))
    }

    /// From a `serve` command, whose ports this sets.
    pub(crate) fn start_with(command: &mut Command) -> Serve {
        Self::start_at("127.0.0.1:0", command)
    }

    /// The same, listening there.
    pub(crate) fn start_at(listen: &str, command: &mut Command) -> Serve {
        Self::start_logging(listen, Stdio::inherit(), command)
    }

    /// The same, with its log going there.
    pub(crate) fn start_logging(listen: &str, log: Stdio, command: &mut Command) -> Serve {
        let mut child = command
            .args(["--listen", listen, "--http", "127.0.0.1:0", "--output", "json"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a line or the end");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let _ = child.kill();
            panic!("{error}: {line:?}, {:?}", child.wait())
        });
        Serve {
            child,
            listen: ready["listen"].as_str().expect("an address").to_owned(),
            http: ready["http"].as_str().map(str::to_owned),
        }
    }

    /// A client command.
    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = holdfast(arguments);
        command.env("HOLDFAST_SERVER", &self.listen);
        command
    }

    /// Runs a client command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Status and body of a page.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let http = self.http.as_ref().expect("HTTP is on");
        let mut stream = TcpStream::connect(http).expect("HTTP is served");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{answer}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("{head}")), body.to_owned())
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success());
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> ExitStatus {
        let mut status = None;
        until("the server ends", || {
            status = self.child.try_wait().expect("it is a child");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let step = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if holds() {
            return;
        }
        thread::park_timeout(step);
    }
    panic!("it never happened: {what}");
}
