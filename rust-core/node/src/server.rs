//! The server: what clients reach over the network.
//!
//! One port takes sessions (the protocol of [`holdfast_proto::session`]) and gRPC, told apart by their first bytes; a
//! second one answers people and probes over HTTP.
//!
//! ```text
//! listener ─▶ first bytes ─ session ─▶ Connection: one task, reads all that has come, answers it, writes once
//!                │                        │      └ Outbound: small replies first, big ones piece by piece
//!                │                        └ long operations ─▶ jobs ─▶ the connection's outbox
//!                └ HTTP/2 ─▶ gRPC
//! ```
//!
//! What this room promises:
//! - a request is answered exactly once, or its connection ends;
//! - a change that a session repeats is applied once;
//! - whatever a peer sends, no other connection notices: what it may make the node hold is bounded in bytes, a frame that
//!   is none ends its connection, and what takes long runs beside it;
//! - a peer that does not read is not read from, and is cut when nothing could be written for too long;
//! - a node that stops finishes what it has received.

mod accept;
mod administering;
mod admission;
pub(crate) mod answer;
mod batch;
#[cfg(feature = "cluster")]
mod clustered;
mod coming;
mod connection;
mod counters;
pub(crate) mod failure;
mod greeting;
mod grpc;
mod grpc_stream;
mod hooks;
mod http;
mod inbound;
mod jobs;
mod lateness;
mod link;
pub(crate) mod many;
mod metrics;
mod options;
mod outbound;
mod payload;
#[cfg(feature = "cluster")]
mod peer_dial;
mod refusals;
mod session;
mod sessions;
mod shared;
mod spare;
mod stores;
mod stream;
mod tls;
#[cfg(feature = "cluster")]
mod trusting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_system::net::{self, TcpListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use hooks::{ALLOW_ALL, Identity, Permissions, Quotas};
pub use options::{Limits, ServeError, ServerOptions};
pub use shared::{CODE_CLASSES, CodeClass, ConnectionInfo, OPERATIONS, Shared, Totals, operation_name};
pub use tls::TlsFiles;

use crate::Node;
use crate::log::Level;

/// gRPC connections that wait to be served.
const WAITING_STREAMS: usize = 64;
/// Bytes that the kernel keeps of a client that sends faster than it is read. A request's time begins when it is read:
/// what waits unread should be little.
const UNREAD: u32 = 256 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// What connections get to end once they were told to, beyond the grace.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A node that serves. Dropping it without [`Server::stop`] lets its tasks go on until the runtime ends.
pub struct Server {
    shared: Arc<Shared>,
    local: SocketAddr,
    http: Option<SocketAddr>,
    accepting: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Server {
    /// Listens and serves, on the tokio runtime of the caller (several threads, time and I/O enabled).
    ///
    /// # Errors
    /// [`ServeError`]: an address that cannot be listened on, TLS files that cannot be used, a listener that anybody
    /// could reach unprotected.
    pub async fn start(node: Arc<Node>, options: ServerOptions) -> Result<Server, ServeError> {
        options.check()?;
        let tls = match &options.tls {
            Some(files) => Some(tls::server_config(files).map_err(ServeError::Tls)?),
            None => None,
        };
        #[cfg(feature = "cluster")]
        let cluster = clustered::node(&node, &options).await?;
        let listener = listen(options.listen, "sessions and gRPC")?;
        let local = listener
            .local_addr()
            .map_err(|error| ServeError::listen(options.listen, error))?;
        let http_listener = match options.http {
            Some(address) => Some(listen(address, "HTTP")?),
            None => None,
        };
        let http = http_listener
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());
        let shared = Shared::new(node, options);
        #[cfg(feature = "cluster")]
        let shared = shared.with_cluster(cluster);
        let shared = Arc::new(shared);
        #[cfg(feature = "cluster")]
        clustered::start(&shared);
        let (streams, waiting) = mpsc::channel(WAITING_STREAMS);
        let mut others = vec![
            tokio::spawn(grpc::serve_grpc(Arc::clone(&shared), waiting)),
            tokio::spawn(sessions::end_forgotten(Arc::clone(&shared))),
            tokio::spawn(refusals::report(Arc::clone(&shared))),
        ];
        if let Some(listener) = http_listener {
            others.push(tokio::spawn(http::serve_http(listener, Arc::clone(&shared))));
        }
        let accepting = tokio::spawn(accept::accept(Arc::clone(&shared), listener, tls, streams));
        shared.log(Level::Information, &format!("serving on {local}"));
        Ok(Server {
            shared,
            local,
            http,
            accepting,
            others,
        })
    }

    /// Where sessions and gRPC are served.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// What others read of the server.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits until another process has this node's place in its cluster, or the node was removed from it, and says why:
    /// it answers nobody any more, and should be stopped. Never returns for a node that is alone.
    pub async fn displaced(&self) -> String {
        #[cfg(feature = "cluster")]
        if let Some(cluster) = self.shared.cluster() {
            return cluster.displaced().await;
        }
        std::future::pending().await
    }

    /// Stops: accepts nothing more, finishes what was received, tells every client to go elsewhere, and waits for them to
    /// close, for `grace` at most.
    pub async fn stop(self, grace: Duration) {
        let Server {
            shared,
            accepting,
            others,
            ..
        } = self;
        shared.log(Level::Information, "stopping");
        #[cfg(feature = "cluster")]
        if let Some(cluster) = shared.cluster() {
            cluster.hand_over().await;
        }
        shared.begin_stop();
        let _ = accepting.await;
        if tokio::time::timeout(grace, shared.no_sessions()).await.is_err() {
            shared.log(
                Level::Warning,
                &format!(
                    "{} connections are still there after the grace of {grace:?}: closing them",
                    shared.connection_count()
                ),
            );
            shared.close_connections();
            let _ = tokio::time::timeout(LAST_WORDS, shared.no_sessions()).await;
        }
        shared.end();
        #[cfg(feature = "cluster")]
        if let Some(cluster) = shared.cluster() {
            cluster.end().await;
        }
        for other in others {
            let _ = tokio::time::timeout(LAST_WORDS, other).await;
        }
        // Each counts until its task has let go of it. Those of a cluster's other nodes are theirs to end.
        #[cfg(feature = "cluster")]
        let alone = shared.cluster().is_none();
        #[cfg(not(feature = "cluster"))]
        let alone = true;
        if alone {
            let _ = tokio::time::timeout(LAST_WORDS, shared.no_connections()).await;
        }
        shared.log(Level::Information, "stopped");
    }
}

fn listen(address: SocketAddr, what: &'static str) -> Result<TcpListener, ServeError> {
    net::listen(address, UNREAD, BACKLOG).map_err(|source| ServeError::Listen {
        what,
        address,
        source,
    })
}
