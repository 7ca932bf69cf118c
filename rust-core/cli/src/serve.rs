//! `holdfast serve`: a node in this process, and its end.

mod effective;
mod file;
mod logging;
mod notify;
mod print_config;
mod secret;
mod signals;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_node::clock::{ClusterClock, ManualClock, SystemClock};
use holdfast_node::cluster::{ClusterOptions, ClusterTiming};
use holdfast_node::log::LogSink;
use holdfast_node::server::{ServeError, Server, ServerOptions};
use holdfast_node::{Node, NodeOptions};
use holdfast_proto::{Code, Error};
use serde_json::json;

pub(crate) use effective::{Effective, Given, Origin};
use logging::TracingSink;
use signals::Signals;

use crate::args::ServeArguments;
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// Serves until a signal comes.
pub(crate) fn run(arguments: &ServeArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let effective = Effective::resolve(arguments)?;
    if arguments.print_config {
        print_config::print(&effective, printer)?;
        return Ok(Exit::Done);
    }
    logging::start(effective.text("log-level"), effective.text("log-format"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::try_from(effective.number("threads")).unwrap_or(usize::MAX))
        .thread_name("holdfast-server")
        .enable_all()
        .build()?;
    runtime.block_on(serve(&effective, printer))
}

async fn serve(effective: &Effective, printer: &mut Printer) -> Result<Exit, Failure> {
    let log: Arc<dyn LogSink> = Arc::new(TracingSink);
    // Before the line that tells scripts that they may send signals.
    let mut signals = Signals::listen()?;
    let options = options(effective, Arc::clone(&log))?;
    let node = Arc::new(start_node(effective, log)?);
    let server = Server::start(node, options).await.map_err(refused)?;
    let listen = server.local_addr().to_string();
    let http = server.http_addr().map(|address| address.to_string());
    let line = match &http {
        Some(http) => format!("listening on {listen}, http on {http}"),
        None => format!("listening on {listen}, http off"),
    };
    printer.answer(&json!({"listen": listen, "http": http}), line)?;
    notify::say("READY=1");
    let signal = tokio::select! {
        signal = signals.next() => signal,
        why = server.displaced() => {
            notify::say("STOPPING=1");
            server.stop(std::time::Duration::ZERO).await;
            return Err(Failure::with(Exit::Rejected, Error::new(Code::NodeConflict, why)));
        }
    };
    notify::say("STOPPING=1");
    tracing::info!("{signal}: stopping, a second signal ends at once");
    tokio::select! {
        () = server.stop(effective.duration("stop-timeout")) => Ok(Exit::Done),
        signal = signals.next() => {
            tracing::warn!("{signal} again: ending at once");
            std::process::exit(signal.exit_code())
        }
    }
}

fn start_node(effective: &Effective, log: Arc<dyn LogSink>) -> Result<Node, Failure> {
    let clock: Arc<dyn ClusterClock> = match effective.text("clock") {
        "manual" => Arc::new(ManualClock::default()),
        _ => Arc::new(SystemClock::start()),
    };
    let seed = getrandom::u64().map_err(|error| {
        Error::new(
            Code::Internal,
            format!("the operating system gives no random numbers: {error}"),
        )
    })?;
    let options = NodeOptions {
        name: effective.text("node").to_owned(),
        clock,
        memory_limit: effective.number("memory-limit"),
        seed,
        log,
    };
    match effective.get("data-dir") {
        // A node of a cluster keeps its groups there, not this one's.
        Some(path) if effective.addresses("join").is_empty() => {
            Node::open(options, Path::new(path)).map_err(|error| refused(ServeError::Data(error)))
        }
        _ => Ok(Node::start(options)),
    }
}

fn options(effective: &Effective, log: Arc<dyn LogSink>) -> Result<ServerOptions, Failure> {
    let listen = effective
        .address("listen")?
        .expect("the table accepts no 'off' for it");
    let mut options = ServerOptions::new(listen, log);
    options.http = effective.address("http")?;
    options.tls = effective.tls();
    options.token = effective.get("token").map(str::to_owned);
    options.insecure = effective.switch("insecure");
    // HTTP is never encrypted. With TLS on the sessions' port, `insecure` opens nothing but this.
    if let Some(http) = options
        .http
        .filter(|http| !http.ip().is_loopback() && !options.insecure)
    {
        return Err(unsafe_address(
            http,
            "HTTP is not encrypted: listen on 127.0.0.1, turn it off",
        ));
    }
    options.cluster = cluster(effective)?;
    options.data = effective.get("data-dir").map(PathBuf::from);
    let limits = &mut options.limits;
    limits.max_connections = u32::try_from(effective.number("max-connections")).unwrap_or(u32::MAX);
    limits.connection_bytes = effective.number("connection-memory");
    limits.node_bytes = effective.number("request-memory");
    limits.write_timeout = effective.duration("slow-reader-timeout");
    limits.idle_timeout = effective.duration("idle-timeout");
    Ok(options)
}

/// What makes the node one of several, if it was told to join any.
fn cluster(effective: &Effective) -> Result<Option<ClusterOptions>, Failure> {
    let secret = secret::of_cluster(effective)?;
    let join = effective.addresses("join");
    if join.is_empty() {
        return Ok(None);
    }
    let advertise = effective.addresses("advertise").pop();
    Ok(Some(ClusterOptions {
        join,
        advertise: advertise.unwrap_or_else(|| effective.text("listen").to_owned()),
        zone: effective.get("zone").unwrap_or_default().to_owned(),
        secret,
        timing: ClusterTiming::named(effective.text("cluster-timing")).unwrap_or_default(),
    }))
}

/// Why the server does not start, as an exit code.
fn refused(error: ServeError) -> Failure {
    match error {
        ServeError::Insecure { address } => unsafe_address(
            address,
            "TLS is off: give --tls-certificate and --tls-key, listen on 127.0.0.1",
        ),
        ServeError::Tls(error) => Failure::from(error),
        ServeError::Data(error) if error.kind() == ErrorKind::InvalidInput => Failure::with(
            Exit::Refused,
            Error::new(
                Code::InvalidSetting,
                format!("data-dir: the data directory cannot be used: {error}"),
            ),
        ),
        ServeError::Listen {
            what,
            address,
            source,
        } if source.kind() == ErrorKind::AddrNotAvailable => Failure::with(
            Exit::Unavailable,
            Error::new(
                Code::Unavailable,
                format!("cannot listen on {address} for {what}: this machine has no such address ({source})"),
            ),
        ),
        other => Failure::with(
            Exit::Unavailable,
            Error::new(Code::Unavailable, other.to_string()),
        ),
    }
}

#[cold]
fn unsafe_address(address: SocketAddr, why: &str) -> Failure {
    let message =
        format!("{address} can be reached from other machines and {why}, or allow it with --insecure");
    Failure::with(Exit::Refused, Error::new(Code::InvalidSetting, message))
}
