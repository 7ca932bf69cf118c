//! The gRPC service that other nodes reach this one by.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::convert;
use super::gathered::Gathered;
use super::peers::{Peers, Registry};
use super::wire::peers_server::{Peers as Service, PeersServer};
use super::wire::{Question, Reply};
use crate::raft::address::ClusterId;

pub(super) const CLUSTER_HEADER: &str = "holdfast-cluster";
pub(super) const VERSION_HEADER: &str = "holdfast-peer-version";
/// Of the messages between nodes; a node refuses others.
pub(super) const VERSION: u32 = 1;
/// Questions of one connection that are answered at once.
const AT_ONCE: usize = 1_024;

/// What a message may have: the largest value and room for what goes around it.
pub(super) fn message_limit(largest_value: usize) -> usize {
    largest_value.saturating_add(1024 * 1024)
}

/// A node's gRPC service for its peers: mount [`PeerServer::service`] on the node's port.
///
/// The connection should have no delay for small packets (`TCP_NODELAY`, which tonic's builder does not set on
/// connections that are handed to it) and windows of some MiB.
#[derive(Clone)]
pub struct PeerServer {
    registry: Arc<Registry>,
    secret: Arc<str>,
    largest_value: usize,
}

impl PeerServer {
    /// Answers for the groups of `peers`.
    #[must_use]
    pub fn new(peers: &Peers) -> Self {
        Self {
            registry: Arc::clone(peers.registry()),
            secret: peers.options().secret.as_str().into(),
            largest_value: peers.options().largest_value,
        }
    }

    /// For `tonic::transport::Server::add_service`.
    #[must_use]
    pub fn service(
        &self,
    ) -> impl tower::Service<
        tonic::codegen::http::Request<tonic::body::Body>,
        Response = tonic::codegen::http::Response<tonic::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    >
    + tonic::server::NamedService
    + Clone
    + Send
    + Sync
    + 'static
    + use<> {
        let limit = message_limit(self.largest_value);
        PeersServer::new(self.clone())
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit)
    }

    /// The caller's cluster, when it may call at all.
    fn admit(&self, metadata: &MetadataMap) -> Result<Option<ClusterId>, Status> {
        let given = metadata
            .get("authorization")
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        if !bool::from(given.ct_eq(self.secret.as_bytes())) {
            return Err(Status::unauthenticated(
                "the caller does not have the cluster's secret",
            ));
        }
        let version = metadata.get(VERSION_HEADER).and_then(|value| value.to_str().ok());
        if version.and_then(|version| version.parse().ok()) != Some(VERSION) {
            return Err(Status::failed_precondition(format!(
                "this node speaks version {VERSION} with its peers"
            )));
        }
        let cluster = match metadata.get(CLUSTER_HEADER) {
            None => None,
            Some(value) => {
                let cluster: Option<ClusterId> = value.to_str().ok().and_then(|text| text.parse().ok());
                Some(cluster.ok_or_else(|| Status::invalid_argument("the cluster's id cannot be read"))?)
            }
        };
        match (cluster, self.registry.cluster()) {
            (Some(theirs), Some(ours)) if theirs != ours => Err(Status::failed_precondition(
                "this node belongs to another cluster",
            )),
            _ => Ok(cluster),
        }
    }
}

#[tonic::async_trait]
impl Service for PeerServer {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<Reply, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<Question>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let cluster = self.admit(request.metadata())?;
        let (replies, stream) = mpsc::unbounded_channel();
        tokio::spawn(answer(
            Arc::clone(&self.registry),
            cluster,
            request.into_inner(),
            replies,
        ));
        let replies = Gathered::new(UnboundedReceiverStream::new(stream));
        Ok(Response::new(Box::pin(replies)))
    }
}

/// Answers the questions of one connection, each when it is ready: a slow one holds up none.
async fn answer(
    registry: Arc<Registry>,
    cluster: Option<ClusterId>,
    mut questions: Streaming<Question>,
    replies: mpsc::UnboundedSender<Result<Reply, Status>>,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Ok(Some(question)) = questions.message().await {
        let id = question.id;
        let envelope = match convert::envelope(question) {
            Ok(envelope) => envelope,
            Err(error) => {
                let _ = replies.send(Err(Status::invalid_argument(error.to_string())));
                return;
            }
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let registry = Arc::clone(&registry);
        let replies = replies.clone();
        tokio::spawn(async move {
            let _place = place;
            let answer = registry.handle(cluster, envelope).await;
            let _ = replies.send(Ok(convert::reply(id, answer)));
        });
    }
}
