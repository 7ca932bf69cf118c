//! gRPC, on the sessions' port: what operators ask (`holdfast.admin.v1`), the standard health service, and reflection.
//!
//! The admin service needs the node's token where there is one (`authorization: Bearer TOKEN`). Health and reflection do
//! not: probes have no secrets, and the services' description is public. A connection of which no call brings the token is
//! cut after the time that sessions have for their Hello; it may ask for the health again on the next one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::admin::admin_server::{Admin, AdminServer};
use holdfast_proto::admin::{
    Connection, DESCRIPTORS, ERROR_CODE, GetNodeRequest, GetNodeResponse, ListConnectionsRequest,
    ListConnectionsResponse, ListStoresRequest, ListStoresResponse, Store,
};
use holdfast_proto::cluster::cluster_reply::Answer;
use holdfast_proto::cluster::cluster_request::Ask;
use holdfast_proto::cluster::{
    ClusterRequest, ClusterStatus, GetClusterRequest, GroupsReformed, LeadersMoved, MoveLeaderRequest,
    ReformRequest, RemoveNodeRequest, RemoveNodeResponse, TransferLeadersRequest,
};
use holdfast_proto::{Code, Error};
use holdfast_state::StoreClass;
use subtle::ConstantTimeEq;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::administering::operate;
use super::grpc_stream::{GrpcPeer, GrpcStream};
use super::http::not_ready;
use super::shared::Shared;
use super::stream::Stream;
use crate::log::Level;
use crate::store::NodeStore;

/// Calls of one connection at once.
const MOST_STREAMS: u32 = 128;
/// Headers of one call in bytes.
const MOST_HEADERS: u32 = 16 * 1024;
/// Largest frame that is taken; requests here are small.
const MOST_FRAME: u32 = 16 * 1024;
/// What a connection may send ahead.
const WINDOW: u32 = 64 * 1024;
/// A call that is not answered by then is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection is asked for a sign of life after so long without any, and cut after as long again.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// What calls still under way get when the node has stopped; a health watch would never end by itself.
const LAST_CALLS: Duration = Duration::from_millis(500);
/// How soon a failed group shows in the health service.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// Serves the connections that begin with HTTP/2's preface, until the node has stopped or there will be no more.
pub(crate) async fn serve_grpc(shared: Arc<Shared>, streams: mpsc::Receiver<Stream>) {
    let (reporter, health) = tonic_health::server::health_reporter();
    let watch = tokio::spawn(report_health(Arc::clone(&shared), reporter));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the services' descriptions are compiled in");
    let guard = Guard(Arc::clone(&shared));
    let admin = AdminServer::with_interceptor(AdminService(Arc::clone(&shared)), move |request| {
        guard.check(request)
    });
    let stopped = Arc::clone(&shared);
    let joined = Arc::clone(&shared);
    let streams =
        ReceiverStream::new(streams).map(move |stream| Ok::<_, Infallible>(GrpcStream::new(&joined, stream)));
    let served = tonic::transport::Server::builder()
        .timeout(CALL_TIMEOUT)
        .max_concurrent_streams(MOST_STREAMS)
        .max_frame_size(MOST_FRAME)
        .initial_stream_window_size(window(&shared))
        .initial_connection_window_size(window(&shared))
        .http2_max_header_list_size(MOST_HEADERS)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_service(health)
        .add_service(reflection)
        .add_service(admin);
    #[cfg(feature = "cluster")]
    let served = served.add_optional_service(super::clustered::peers(&shared));
    let served = served.serve_with_incoming_shutdown(streams, async move {
        stopped.stopped().await;
    });
    let last = async {
        shared.stopped().await;
        tokio::time::sleep(LAST_CALLS).await;
    };
    tokio::select! {
        result = served => if let Err(error) = result {
            shared.options().log.line(Level::Error, &format!("gRPC ended: {error}"));
        },
        () = last => {}
    }
    watch.abort();
}

/// What a peer may send ahead: other nodes of a cluster send values.
fn window(shared: &Shared) -> u32 {
    #[cfg(feature = "cluster")]
    if shared.cluster().is_some() {
        return super::clustered::WINDOW;
    }
    let _ = shared;
    WINDOW
}

/// Keeps the health service's answer the same as `/readyz`'s.
async fn report_health(shared: Arc<Shared>, reporter: HealthReporter) {
    loop {
        let status = match not_ready(&shared) {
            None => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        };
        reporter.set_service_status("", status).await;
        reporter
            .set_service_status("holdfast.admin.v1.Admin", status)
            .await;
        if shared.is_stopping() {
            return;
        }
        tokio::select! {
            () = shared.stopping() => {}
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
        }
    }
}

/// Lets calls with the node's token through.
struct Guard(Arc<Shared>);

impl Clone for Guard {
    fn clone(&self) -> Self {
        Guard(Arc::clone(&self.0))
    }
}

impl Guard {
    fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(token) = &self.0.options().token else {
            return Ok(request);
        };
        let peer = request.extensions().get::<GrpcPeer>();
        let given = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let reason = match given {
            Some(given) if bool::from(given.ct_eq(token.as_bytes())) => {
                if let Some(peer) = peer {
                    peer.trust();
                }
                return Ok(request);
            }
            Some(_) => "the token is not this node's",
            None => "this node needs its token: send the metadata 'authorization: Bearer TOKEN'",
        };
        if let Some(peer) = peer {
            self.0.refusals.credential(peer.address, reason);
        }
        Err(Status::unauthenticated(reason))
    }
}

struct AdminService(Arc<Shared>);

impl AdminService {
    async fn operate(&self, ask: Ask) -> Result<Answer, Status> {
        let request = ClusterRequest { ask: Some(ask) };
        let reply = operate(&self.0, request).await.map_err(status_of)?;
        reply.answer.ok_or_else(not_an_answer)
    }
}

/// An error as gRPC has it; the metadata says which of Holdfast's codes it is.
fn status_of(error: Error) -> Status {
    let code = match error.code {
        Code::InvalidArgument => tonic::Code::InvalidArgument,
        Code::NodeNotFound | Code::GroupNotFound => tonic::Code::NotFound,
        Code::NodeInUse => tonic::Code::FailedPrecondition,
        Code::Unsupported => tonic::Code::Unimplemented,
        Code::Unavailable => tonic::Code::Unavailable,
        _ => tonic::Code::Internal,
    };
    let mut status = Status::new(code, error.message);
    status
        .metadata_mut()
        .insert(ERROR_CODE, u64::from(error.code.number()).into());
    status
}

#[cold]
fn not_an_answer() -> Status {
    Status::internal("another node's answer is none to the question")
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn get_node(&self, _: Request<GetNodeRequest>) -> Result<Response<GetNodeResponse>, Status> {
        let shared = &self.0;
        let node = shared.node();
        Ok(Response::new(GetNodeResponse {
            name: node.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster_id: node.cluster_id().to_be_bytes().to_vec(),
            incarnation: node.incarnation().to_be_bytes().to_vec(),
            epoch: node.epoch(),
            uptime_ms: milliseconds(shared.uptime()),
            memory_limit: node.memory_limit(),
            memory_used: node.memory_used(),
            connections: shared.connection_count(),
            sessions: shared.session_count(),
            requests: shared.totals().requests_total(),
            stopping: shared.is_stopping(),
        }))
    }

    async fn list_stores(
        &self,
        request: Request<ListStoresRequest>,
    ) -> Result<Response<ListStoresResponse>, Status> {
        let tenant = request.into_inner().tenant;
        let of_tenant = |store: &&Arc<NodeStore>| {
            let (owner, _) = store.name().split_once('/').unwrap_or(("", store.name()));
            tenant.is_empty() || tenant == owner
        };
        let mut stores: Vec<Store> = self
            .0
            .node()
            .stores()
            .iter()
            .filter(of_tenant)
            .map(|store| describe(store))
            .collect();
        stores.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Response::new(ListStoresResponse { stores }))
    }

    async fn get_cluster(
        &self,
        request: Request<GetClusterRequest>,
    ) -> Result<Response<ClusterStatus>, Status> {
        match self.operate(Ask::Get(request.into_inner())).await? {
            Answer::Status(status) => Ok(Response::new(status)),
            _ => Err(not_an_answer()),
        }
    }

    async fn remove_node(
        &self,
        request: Request<RemoveNodeRequest>,
    ) -> Result<Response<RemoveNodeResponse>, Status> {
        match self.operate(Ask::RemoveNode(request.into_inner())).await? {
            Answer::Removed(removed) => Ok(Response::new(removed)),
            _ => Err(not_an_answer()),
        }
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<LeadersMoved>, Status> {
        match self.operate(Ask::MoveLeader(request.into_inner())).await? {
            Answer::Moved(moved) => Ok(Response::new(moved)),
            _ => Err(not_an_answer()),
        }
    }

    async fn reform_cluster(
        &self,
        request: Request<ReformRequest>,
    ) -> Result<Response<GroupsReformed>, Status> {
        match self.operate(Ask::Reform(request.into_inner())).await? {
            Answer::Reformed(reformed) => Ok(Response::new(reformed)),
            _ => Err(not_an_answer()),
        }
    }

    async fn transfer_leaders(
        &self,
        request: Request<TransferLeadersRequest>,
    ) -> Result<Response<LeadersMoved>, Status> {
        match self.operate(Ask::TransferLeaders(request.into_inner())).await? {
            Answer::Moved(moved) => Ok(Response::new(moved)),
            _ => Err(not_an_answer()),
        }
    }

    async fn list_connections(
        &self,
        _: Request<ListConnectionsRequest>,
    ) -> Result<Response<ListConnectionsResponse>, Status> {
        let connections = self
            .0
            .connections()
            .into_iter()
            .map(|connection| Connection {
                peer: connection.peer.to_string(),
                client_name: connection.client_name,
                client_version: connection.client_version,
                tenant: connection.tenant,
                connected_ms: milliseconds(connection.connected),
                requests: connection.requests,
                bytes_in_flight: connection.bytes_in_flight,
            })
            .collect();
        Ok(Response::new(ListConnectionsResponse { connections }))
    }
}

fn describe(store: &NodeStore) -> Store {
    let settings = store.settings();
    let stats = store.stats();
    let class = match settings.class {
        StoreClass::Cache => "cache",
        StoreClass::Coordination => "coordination",
    };
    Store {
        name: store.name().to_owned(),
        id: store.id().0,
        class: class.to_owned(),
        max_memory: settings.max_memory,
        max_value: settings.max_value,
        hits: stats.hits,
        misses: stats.misses,
        evictions: stats.evictions,
        expirations: stats.expirations,
        entries: stats.entries,
        bytes: stats.bytes,
        changes: stats.changes,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
