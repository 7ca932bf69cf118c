//! Serving as one node of several: requests go through the groups' logs.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::limits::check_clock_step;
use holdfast_proto::session::{
    FrameKind, Operation, ReplyHeader, RequestHeader, StoreClass, StoreDefinition, StoreDescription,
};
use holdfast_proto::{Code, Error, Outcome, full_store_name, resolve_store};
use holdfast_state::StoreId;
use prost::Message;
use tokio::time::{Instant, timeout_at};

use super::administering::{operate, reply_of, request_of};
use super::answer::{Answer, Caller};
use super::connection::Connection;
use super::failure::Failure;
use super::inbound::{Input, needs_store, out_of_place, waiting};
use super::jobs::{JobState, Unanswered, out_of_time};
use super::link::Link;
use super::options::{ServeError, ServerOptions};
use super::peer_dial::dial;
use super::shared::Shared;
use super::trusting::Trusting;
use crate::Node;
use crate::cluster::{
    Asked, Away, Calls, ClusterNode, ClusterStore, Equipment, Facts, Home, Host, elsewhere, find, keep,
    lead_meta,
};

/// What other nodes may send ahead.
pub(super) const WINDOW: u32 = 8 * 1024 * 1024;

/// The node as one of several, if it is to be, with what its data directory has of it.
///
/// # Errors
/// [`ServeError::Data`], and [`ServeError::Tls`]: what it needs to connect to the others over TLS cannot be used.
pub(super) async fn node(
    node: &Node,
    options: &ServerOptions,
) -> Result<Option<Arc<ClusterNode>>, ServeError> {
    let Some(mut cluster) = options.cluster.clone() else {
        return Ok(None);
    };
    let dial = dial(options.tls.as_ref()).map_err(ServeError::Tls)?;
    let home = match &options.data {
        Some(path) => Some(Home::open(path, node.name()).await.map_err(ServeError::Data)?),
        None => None,
    };
    if cluster.secret.is_empty() {
        // Whoever may do everything as a client may be a peer as well, unless a secret of their own is given.
        cluster.secret = options.token.clone().unwrap_or_default();
    }
    let seed = node.seed();
    let node = ClusterNode::new(
        node.name().to_owned(),
        seed,
        Arc::clone(node.clock()),
        cluster,
        Equipment {
            home,
            feature_level: options.feature_level,
            dial,
            session_lifetime: options.limits.session_lifetime,
        },
        Arc::clone(&options.log),
    );
    if let Err(error) = node.resume().await {
        node.end().await;
        let path = options.data.clone().unwrap_or_default();
        let reason = format!(
            "{}: {error}; move the directory away to start as a new node, which gets its state from the others",
            path.display()
        );
        return Err(ServeError::Data(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            reason,
        )));
    }
    Ok(Some(node))
}

/// Starts what a node of a cluster does by itself.
pub(super) fn start(shared: &Arc<Shared>) {
    let Some(cluster) = shared.cluster() else {
        return;
    };
    cluster.peers.set_calls(Arc::new(Calls(Arc::downgrade(cluster))));
    cluster.set_host(ServedBy(Arc::downgrade(shared)));
    tokio::spawn(leave_when_displaced(Arc::downgrade(shared), Arc::clone(cluster)));
    tokio::spawn(find(Arc::clone(cluster)));
    tokio::spawn(keep(Arc::clone(cluster)));
    tokio::spawn(lead_meta(Arc::clone(cluster)));
}

/// The server of a node, as the node sees it.
struct ServedBy(Weak<Shared>);

impl Host for ServedBy {
    fn is_connected(&self, session: u128) -> bool {
        let shared = self.0.upgrade();
        shared.is_some_and(|shared| shared.sessions.is_connected(session))
    }

    fn facts(&self) -> Facts {
        let Some(shared) = self.0.upgrade() else {
            return Facts::default();
        };
        Facts {
            uptime_ms: u64::try_from(shared.uptime().as_millis()).unwrap_or(u64::MAX),
            memory_used: shared.node().memory_used(),
            memory_limit: shared.node().memory_limit(),
        }
    }
}

/// A process whose place another one has answers nobody any more.
async fn leave_when_displaced(shared: Weak<Shared>, cluster: Arc<ClusterNode>) {
    tokio::select! {
        biased;
        _ = cluster.displaced() => {}
        () = cluster.stopped() => return,
    }
    if let Some(shared) = shared.upgrade() {
        shared.begin_stop();
        shared.close_connections();
        shared.end();
    }
}

/// The service that other nodes call. A connection that shows their secret may stay.
pub(super) fn peers(
    shared: &Arc<Shared>,
) -> Option<
    impl tonic::codegen::Service<
        tonic::codegen::http::Request<tonic::body::Body>,
        Response = tonic::codegen::http::Response<tonic::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + tonic::server::NamedService
    + Clone
    + Send
    + Sync
    + 'static,
> {
    let cluster = shared.cluster()?;
    let service = cluster.peer_server().service();
    Some(Trusting::new(service, &cluster.options.secret))
}

impl Connection {
    /// Lets a request run beside the connection, as all requests of a cluster do: each waits for other nodes.
    pub(super) fn run_in_cluster(
        &mut self,
        number: u64,
        operation: Operation,
        header: RequestHeader,
        input: Input<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), Failure> {
        if self.jobs.contains_key(&number) {
            return Err(out_of_place(
                FrameKind::Request,
                "with the number of one that is not answered yet",
            )
            .into());
        }
        let store = if needs_store(operation) {
            let store = find_store(&self.caller.shared, header.store)?;
            check(&self.caller, operation, &store, input.bytes().len())?;
            Some(store)
        } else {
            None
        };
        let (payload, reserved) = match input {
            Input::Whole(bytes, reserved) => (bytes, reserved),
            Input::Here(bytes) => {
                let reserved = self.reserve(waiting(&header, bytes.len()))?;
                (Bytes::copy_from_slice(bytes), reserved)
            }
        };
        self.jobs.insert(number, Arc::new(JobState::running()));
        let unanswered = Unanswered::new(&self.link, number, operation);
        let (link, caller) = (Arc::clone(&self.link), self.caller.clone());
        tokio::spawn(async move {
            let running = run(&caller, operation, header, payload, store, deadline);
            let result = match deadline {
                None => running.await,
                Some(deadline) => match timeout_at(deadline, running).await {
                    Ok(result) => result,
                    Err(_) => Err(too_late(operation).into()),
                },
            };
            drop(reserved);
            answer(&link, unanswered, result);
        });
        Ok(())
    }
}

/// The largest value of the store that a request is about, if the caller may ask it at all.
pub(super) fn most_of_value(
    caller: &Caller,
    operation: Operation,
    header: &RequestHeader,
    length: usize,
) -> Result<u32, Error> {
    let store = find_store(&caller.shared, header.store)?;
    check(caller, operation, &store, length)?;
    Ok(store.settings.max_value)
}

fn answer(link: &Link, unanswered: Unanswered, result: Result<Answer, Away>) {
    match result {
        Ok(answer) => unanswered.answer(Ok(answer), 0),
        Err(Away::Failed(failure)) => unanswered.answer(Err(failure), 0),
        Err(Away::Elsewhere(leader)) => unanswered.answer(Ok(elsewhere(leader.as_ref())), 0),
        // Nobody here can say whether the numbered change was made. The connection ends without an answer: the client asks again
        // with the same number, wherever the group is led now, and gets the first outcome if there was one.
        Err(Away::Lost) => {
            unanswered.forget();
            link.close();
            link.wake();
        }
    }
}

async fn run(
    caller: &Caller,
    operation: Operation,
    header: RequestHeader,
    payload: Bytes,
    store: Option<Arc<ClusterStore>>,
    deadline: Option<Instant>,
) -> Result<Answer, Away> {
    let Some(cluster) = caller.shared.cluster() else {
        return Err(Failure::new(Code::Internal, "the node belongs to no cluster").into());
    };
    let session = caller.session.as_ref().map(|session| session.known().id());
    match (operation, store) {
        (Operation::Ping, _) => Ok(Answer {
            header: ReplyHeader::default(),
            payload: caller.shared.node().name().as_bytes().to_vec().into(),
        }),
        (Operation::ClusterMap, _) => match cluster.map() {
            Some(map) => Ok(Answer {
                header: ReplyHeader::default(),
                payload: map.encode_to_vec().into(),
            }),
            None => Err(Away::Elsewhere(None)),
        },
        (Operation::ClusterAdmin, _) => Ok(administer(caller, &payload).await?),
        (Operation::OpenStore, _) => Ok(open(caller, cluster, &header, &payload).await?.into()),
        (Operation::AdvanceClock, _) => Ok(advance_clock(caller, cluster, &header).await?.into()),
        (_, Some(store)) => {
            // The last eighth of its time is for the way back.
            let way_back = Duration::from_millis(u64::from(header.timeout_ms) / 8).max(LEAST_WAY_BACK);
            let asked = Asked {
                notice: deadline.and_then(|deadline| deadline.checked_sub(way_back)),
                operation,
                header,
                payload,
                store,
                session,
                proposed: AtomicBool::new(false),
            };
            match cluster.serve(&asked).await {
                Err(Away::Lost) if asked.header.sequence == 0 => Err(lost_unnumbered(operation)),
                answered => answered,
            }
        }
        (_, None) => Err(Failure::new(Code::InvalidArgument, "this operation needs a store").into()),
    }
}

/// What a reply takes to a client where all processors are busy.
const LEAST_WAY_BACK: Duration = Duration::from_millis(30);

async fn advance_clock(
    caller: &Caller,
    cluster: &ClusterNode,
    header: &RequestHeader,
) -> Result<ReplyHeader, Error> {
    let (identity, operation) = (&caller.identity, Operation::AdvanceClock);
    let permissions = caller.shared.options().permissions;
    permissions.check(identity, &identity.tenant, "", operation)?;
    let now = cluster.advance_clocks(check_clock_step(header.delta)?).await?;
    Ok(ReplyHeader {
        number: now.0,
        ..ReplyHeader::default()
    })
}

/// What an operator asks over a session.
async fn administer(caller: &Caller, payload: &[u8]) -> Result<Answer, Failure> {
    let permissions = caller.shared.options().permissions;
    permissions.check(&caller.identity, "", "", Operation::ClusterAdmin)?;
    let reply = operate(&caller.shared, request_of(payload)?).await?;
    Ok(reply_of(&reply))
}

/// Nobody can ask again for the outcome of a change that has no number: it is said to be unknown, and the connection and
/// what else is on it goes on.
#[cold]
fn lost_unnumbered(operation: Operation) -> Away {
    if !operation.is_change() {
        return Away::Elsewhere(None);
    }
    let message = "the group's leader changed before the change was known to be made: it may have been";
    Error::new(Code::Unavailable, message)
        .with_outcome(Outcome::Unknown)
        .into()
}

#[cold]
fn too_late(operation: Operation) -> Error {
    if !operation.is_change() {
        return out_of_time(operation);
    }
    Error::new(
        Code::Timeout,
        "the change was proposed and not known to be applied in time: it may have been",
    )
    .with_outcome(Outcome::Unknown)
}

fn find_store(shared: &Shared, id: u32) -> Result<Arc<ClusterStore>, Error> {
    let store = shared.cluster().and_then(|cluster| cluster.store(StoreId(id)));
    store.ok_or_else(|| {
        // It may have been made at another node, and not be known here yet.
        let message = format!("the node does not know a store with id {id} yet: open it by its name first");
        Error::new(Code::StoreNotReady, message)
    })
}

fn check(caller: &Caller, operation: Operation, store: &ClusterStore, bytes: usize) -> Result<(), Error> {
    let options = caller.shared.options();
    let (tenant, name) = store.parts();
    options
        .permissions
        .check(&caller.identity, tenant, name, operation)?;
    options.quotas.admit(tenant, name, operation, bytes)
}

async fn open(
    caller: &Caller,
    cluster: &ClusterNode,
    header: &RequestHeader,
    payload: &[u8],
) -> Result<ReplyHeader, Failure> {
    let shared = &caller.shared;
    let (key, _) = header.key_and_value(payload)?;
    let name = full_store_name(key, &caller.identity.tenant)?;
    let (tenant, own_name) = name.split_once('/').unwrap_or(("", &name));
    let options = shared.options();
    let operation = Operation::OpenStore;
    options
        .permissions
        .check(&caller.identity, tenant, own_name, operation)?;
    options.quotas.admit(tenant, own_name, operation, 0)?;
    let definition = header.definition.unwrap_or(StoreDefinition {
        default_class: StoreClass::Coordination as i32,
        ..StoreDefinition::default()
    });
    if !definition.create && cluster.store_named(&name).is_none() {
        let message = format!("store '{name}' does not exist and auto-create-stores is off");
        return Err(Error::new(Code::StoreNotFound, message).into());
    }
    let (given, default_class) = definition.given()?;
    let limit = shared.node().memory_limit();
    let settings = resolve_store(&given, default_class, shared.available(), limit)?;
    let store = cluster.define_store(&name, &given, &settings).await?;
    Ok(ReplyHeader {
        store: Some(StoreDescription {
            id: store.id.0,
            name: store.name.clone(),
            class: StoreClass::from(store.settings.class) as i32,
            max_memory: store.settings.max_memory,
            max_value: store.settings.max_value,
            hash_tags: store.settings.hash_tags,
        }),
        ..ReplyHeader::default()
    })
}
