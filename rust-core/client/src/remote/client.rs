//! One client on a connection that it may share with others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use holdfast_proto::limits::{check_key, check_value};
use holdfast_proto::log::LogSink;
use holdfast_proto::session::{
    MAX_HEADER, MAX_PAYLOAD, Operation, RequestHeader, StoreDefinition, flags, operation_of,
};
use holdfast_proto::{Code, Error};
use parking_lot::RwLock;
use prost::Message;
use tokio::time::Instant;

use super::core::{Core, Thread, deadline_after};
use super::options::{ClientOptions, RemoteOptions};
use super::pending::{Owner, Pending};
use super::registry::Remote;
use super::sink::Sink;
use super::stores::StoreEntry;
use super::{errors, io_thread};
use crate::connection_string::parse_store_name;
use crate::settings::StoreSettings;

/// What the I/O thread knows of a client.
pub(super) struct ClientShared {
    pub(super) id: u64,
    pub(super) sink: Arc<dyn Sink>,
    /// Written under the core's lock.
    closed: AtomicBool,
}

impl ClientShared {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

struct OpenStore {
    /// In `Core::stores`.
    index: u32,
    name: Arc<str>,
}

/// A client: its stores, its sink and its pending requests. Dropping it closes it.
pub struct RemoteClient {
    remote: Arc<Remote>,
    shared: Arc<ClientShared>,
    options: ClientOptions,
    stores: RwLock<Vec<OpenStore>>,
}

/// Of the header, for what is filled in here.
const HEADER_ROOM: usize = 128;

impl RemoteClient {
    /// Joins the connection that other clients with equal options share, or begins one. No I/O happens before the first
    /// request. `log` is used when the connection is new.
    ///
    /// # Errors
    /// `InvalidArgument` without an endpoint; `Internal` when the system has no random numbers.
    pub fn open(
        options: RemoteOptions,
        client: ClientOptions,
        sink: Arc<dyn Sink>,
        log: Arc<dyn LogSink>,
    ) -> Result<RemoteClient, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let remote = Remote::of(options, log)?;
        let shared = Arc::new(ClientShared {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            sink,
            closed: AtomicBool::new(false),
        });
        let mut core = remote.shared.core.lock();
        core.clients.push(Arc::clone(&shared));
        core.greet(&shared);
        drop(core);
        remote.shared.keeper.notify_one();
        Ok(RemoteClient {
            remote,
            shared,
            options: client,
            stores: RwLock::default(),
        })
    }

    /// The id of the store `name` (`name` in the client's tenant, or `tenant/name`) for [`RemoteClient::submit`]. No
    /// I/O: what is wrong with it (`StoreConflict`, `StoreNotFound`) comes with its first request. Ids count from 0; the
    /// same name with the same settings has the same id.
    ///
    /// # Errors
    /// `InvalidArgument` for a bad name.
    pub fn open_store(&self, name: &str, given: &StoreSettings) -> Result<u32, Error> {
        let (tenant, store) = parse_store_name(name)?;
        let tenant = if name.contains('/') {
            &tenant
        } else {
            &self.remote.shared.options.tenant
        };
        let definition = StoreDefinition::new(
            &given.given,
            given.default_class.unwrap_or(self.options.default_class),
            self.options.auto_create_stores,
        );
        let index = self
            .remote
            .shared
            .core
            .lock()
            .store(&format!("{tenant}/{store}"), definition);
        let mut stores = self.stores.write();
        if let Some(id) = stores.iter().position(|store| store.index == index.0) {
            return Ok(id as u32);
        }
        stores.push(OpenStore {
            index: index.0,
            name: index.1,
        });
        Ok(stores.len() as u32 - 1)
    }

    /// `tenant/name` of a store of this client.
    #[must_use]
    pub fn store_name(&self, store: u32) -> Option<Arc<str>> {
        let stores = self.stores.read();
        stores.get(store as usize).map(|store| Arc::clone(&store.name))
    }

    /// Sends a request; `Ok`: its ticket completes exactly once, through the sink. The header says the operation and its
    /// operands (`key_length`, `store`, sequences and times are filled in here), `value` is the value, the end of a
    /// range, or the items. Operation `OpenStore` (neither key nor definition needed) waits until a node serves the
    /// store and answers with its description; `Ping` answers with the node's epoch (`number`) and
    /// `address\nnode name`. `timeout`: `None` is the client's.
    ///
    /// # Errors
    /// The request is not sent and its ticket does not complete: arguments beyond the limits, `ResourceExhausted`,
    /// `Closed`, or what a node refuses this client for (`Unauthenticated`, `Unsupported`).
    pub fn submit(
        &self,
        ticket: u64,
        store: u32,
        mut request: RequestHeader,
        key: &[u8],
        value: &[u8],
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let operation = operation_of(&request)?;
        let store = self.store_index(store)?;
        let now = Instant::now();
        let deadline = deadline_after(now, timeout.unwrap_or(self.options.timeout));
        let shared = &self.remote.shared;
        let mut core = shared.core.lock();
        check(&core, operation, store, &request, key, value)?;
        core.admit(&self.shared, key.len() + value.len(), &shared.options)?;
        if core.thread == Thread::NotStarted {
            io_thread::start(shared)?;
            core.thread = Thread::Running;
        }
        core.links[0].wanted |= core.cluster.is_none();
        let owner = Owner::Client(Arc::clone(&self.shared), ticket);
        let pending = Pending::new(owner, store, operation, Some(deadline));
        if operation == Operation::OpenStore {
            let entry = &core.stores[store as usize];
            let (header, name) = (entry.open_request(), Arc::clone(&entry.name));
            core.accept(pending, header, &[name.as_bytes()], now);
        } else {
            request.key_length = key.len() as u32;
            core.accept(pending, request, &[key, value], now);
        }
        let wake_keeper = core.watch(deadline);
        let wakers = core.set_off();
        drop(core);
        wakers.wake();
        if wake_keeper {
            shared.keeper.notify_one();
        }
        Ok(())
    }

    /// Ends a request: its ticket completes with `Cancelled` unless it has completed already.
    pub fn cancel(&self, ticket: u64) {
        let shared = &self.remote.shared;
        let mut core = shared.core.lock();
        let Some(slot) = core.table.slot_of_ticket(self.shared.id, ticket) else {
            return;
        };
        core.abandon(slot, |pending| {
            errors::cancelled().with_outcome(pending.outcome())
        });
        shared.wake_all(core);
    }

    /// Ends everything that is pending with `Closed`, then [`Sink::closed`] is called. Never waits; may be called often.
    pub fn close(&self) {
        let shared = &self.remote.shared;
        let mut core = shared.core.lock();
        if self.shared.closed.swap(true, Ordering::Relaxed) {
            return;
        }
        core.close(&self.shared);
        if matches!(core.thread, Thread::Running | Thread::Broken) {
            shared.wake_all(core);
            return;
        }
        // Nobody else delivers: nothing has ever been accepted, or everything has ended with the thread.
        core.closing.retain(|client| client.id != self.shared.id);
        core.events.retain(|(client, _)| client.id != self.shared.id);
        drop(core);
        self.shared.sink.closed();
    }

    /// Requests on this connection that their callers wrote themselves.
    #[cfg(test)]
    pub(super) fn written_alone(&self) -> usize {
        self.remote.shared.link(0).written_alone
    }

    fn store_index(&self, store: u32) -> Result<u32, Error> {
        match self.stores.read().get(store as usize) {
            Some(store) => Ok(store.index),
            None => Err(Error::new(
                Code::InvalidArgument,
                format!("the client has no store with id {store}"),
            )),
        }
    }
}

impl Drop for RemoteClient {
    fn drop(&mut self) {
        self.close();
    }
}

impl Core {
    /// The entry of a store with these settings, made on first use.
    fn store(&mut self, name: &str, definition: StoreDefinition) -> (u32, Arc<str>) {
        let known = self
            .stores
            .iter()
            .position(|store| &*store.name == name && store.definition == definition);
        let index = known.unwrap_or_else(|| {
            self.stores.push(StoreEntry::new(name, definition));
            self.stores.len() - 1
        });
        (index as u32, Arc::clone(&self.stores[index].name))
    }
}

/// What is wrong with a request that can be seen before it is sent.
fn check(
    core: &Core,
    operation: Operation,
    store: u32,
    request: &RequestHeader,
    key: &[u8],
    value: &[u8],
) -> Result<(), Error> {
    let many = request.flags & (flags::PREFIX | flags::RANGE) != 0;
    match operation {
        Operation::Put => {
            check_key(key)?;
            let most = core.stores[store as usize].max_value;
            check_value(key, value.len(), most.unwrap_or(holdfast_state::MAX_VALUE))?;
        }
        Operation::Get
        | Operation::Exists
        | Operation::Delete
        | Operation::Refresh
        | Operation::SetExpiry
        | Operation::Increment => check_key(key)?,
        Operation::Count | Operation::Clear | Operation::Scan if many && !key.is_empty() => check_key(key)?,
        _ => {}
    }
    if key.len() + value.len() > MAX_PAYLOAD {
        let message = format!(
            "the request has {} bytes: at most {MAX_PAYLOAD} go in one",
            key.len() + value.len()
        );
        return Err(Error::new(Code::BatchTooLarge, message));
    }
    // The parts without a bound of their own.
    let free = request.cursor.len() + request.trace_context.len();
    if free > MAX_HEADER - 4 * HEADER_ROOM && request.encoded_len() > MAX_HEADER - HEADER_ROOM {
        return Err(Error::new(
            Code::InvalidCursor,
            "the position to resume from is longer than any that a node gave out",
        ));
    }
    Ok(())
}
