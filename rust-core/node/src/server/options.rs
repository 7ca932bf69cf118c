//! What a server is started with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::Error;

use super::hooks::{ALLOW_ALL, Permissions, Quotas};
use super::tls::TlsFiles;
use crate::log::LogSink;

const MIB: u64 = 1024 * 1024;

/// What a server is started with.
pub struct ServerOptions {
    /// Where sessions and gRPC are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where HTTP is served; `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// TLS of `listen`; `None`: none.
    pub tls: Option<TlsFiles>,
    /// What every client must bring; a secret.
    pub token: Option<String>,
    /// Allows `listen` beyond loopback without TLS.
    pub insecure: bool,
    /// Bounds.
    pub limits: Limits,
    /// Where log lines go.
    pub log: Arc<dyn LogSink>,
    /// Who may do what.
    pub permissions: &'static dyn Permissions,
    /// How much of it.
    pub quotas: &'static dyn Quotas,
    /// What it needs to be one of several nodes; `None`: it is alone.
    #[cfg(feature = "cluster")]
    pub cluster: Option<crate::cluster::ClusterOptions>,
    /// Where a node of a cluster keeps its coordination groups; `None`: in memory. All nodes of a cluster agree on that.
    #[cfg(feature = "cluster")]
    pub data: Option<std::path::PathBuf>,
    /// The newest feature level that the node says it can apply: less than it can, to test how clusters are upgraded.
    #[cfg(feature = "cluster")]
    #[doc(hidden)]
    pub feature_level: u32,
}

/// What peers may take, and how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes that one connection may have in flight: payloads that are coming, requests that wait, replies that wait.
    pub connection_bytes: u64,
    /// The same for all connections together; 0: a quarter of the node's memory limit, 64 MiB to 1 GiB.
    pub node_bytes: u64,
    /// Bytes of replies that may wait on one connection before it is no longer read from.
    pub reply_bytes: u64,
    /// Connections at once, sessions and gRPC together.
    pub max_connections: u32,
    /// Time for TLS, the first bytes and the Hello.
    pub hello_timeout: Duration,
    /// Clients ping before this; a connection on which nothing was heard for twice as long is closed.
    pub idle_timeout: Duration,
    /// A connection to which nothing could be written for so long is cut.
    pub write_timeout: Duration,
    /// How long a session without a connection is remembered.
    pub session_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connection_bytes: 64 * MIB,
            node_bytes: 0,
            reply_bytes: 16 * MIB,
            max_connections: 10_000,
            hello_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(10),
            session_lifetime: Duration::from_secs(5 * 60),
        }
    }
}

impl Limits {
    /// The bound of all connections together, decided.
    pub(crate) fn node_bytes(&self, memory_limit: u64) -> u64 {
        match self.node_bytes {
            0 => (memory_limit / 4).clamp(64 * MIB, 1024 * MIB),
            given => given,
        }
    }
}

impl ServerOptions {
    /// Everything at its default.
    #[must_use]
    pub fn new(listen: SocketAddr, log: Arc<dyn LogSink>) -> Self {
        Self {
            listen,
            http: None,
            tls: None,
            token: None,
            insecure: false,
            limits: Limits::default(),
            log,
            permissions: &ALLOW_ALL,
            quotas: &ALLOW_ALL,
            #[cfg(feature = "cluster")]
            cluster: None,
            #[cfg(feature = "cluster")]
            data: None,
            #[cfg(feature = "cluster")]
            feature_level: holdfast_state::FEATURE_LEVEL,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ServeError> {
        if self.tls.is_none() && !self.insecure && !self.listen.ip().is_loopback() {
            return Err(ServeError::Insecure { address: self.listen });
        }
        Ok(())
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody could reach it, and read along.
    #[error(
        "{address} can be reached from other machines and TLS is off: give a certificate and key, listen on 127.0.0.1, or \
         allow it with insecure"
    )]
    Insecure {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address} for {what}: {source}; is another process using it? port 0 takes a free one"
    )]
    Listen {
        /// For whom.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The data directory is in use, another node's, damaged, or the disk refuses.
    #[error("the data directory cannot be used: {0}")]
    Data(#[source] io::Error),
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(Error),
}

impl ServeError {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        let what = "sessions and gRPC";
        ServeError::Listen {
            what,
            address,
            source,
        }
    }
}
