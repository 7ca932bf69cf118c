//! The client as futures, for Rust callers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_proto::log::NoLog;
use holdfast_proto::session::{
    Operation, ReplyHeader, RequestHeader, StoreDescription, StoreStats, flags, operation_of,
};
use holdfast_proto::{Code, Error};
use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot, watch};

use super::client::RemoteClient;
use super::options::{ClientOptions, RemoteOptions};
use super::reads::Reads;
use super::sink::{Completed, Sink, StateChange};
use crate::connection_string::ConnectionString;
use crate::settings::StoreSettings;

/// A client of one store, for callers who await. Clones are the same client.
#[derive(Clone)]
pub struct AsyncClient {
    inner: Arc<Inner>,
    store: u32,
    reads: Reads,
}

struct Inner {
    client: RemoteClient,
    waiters: Arc<Waiters>,
    next: AtomicU64,
    connect_timeout: Duration,
}

/// A node's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its numbers.
    pub header: ReplyHeader,
    /// The value or the items.
    pub payload: Vec<u8>,
    /// Times that the request was sent again.
    pub retries: u32,
    /// 1 + the index of the endpoint that answered.
    pub server: u32,
}

impl Answer {
    /// Whether the key existed.
    #[must_use]
    pub fn found(&self) -> bool {
        self.header.flags & flags::FOUND != 0
    }

    /// Whether the change was applied.
    #[must_use]
    pub fn applied(&self) -> bool {
        self.header.flags & flags::APPLIED != 0
    }
}

struct Waiters {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Error>>>>,
    states: broadcast::Sender<StateChange>,
    closed: watch::Sender<bool>,
}

impl Sink for Waiters {
    fn completed(&self, batch: &mut Vec<Completed<'_>>) {
        let mut waiting = self.waiting.lock();
        for completed in batch.drain(..) {
            let Some(waiter) = waiting.remove(&completed.ticket) else {
                continue;
            };
            let (retries, server) = (completed.retries, completed.server);
            let answer = completed.result.map(|reply| Answer {
                header: reply.header,
                payload: reply.payload.into_vec(),
                retries,
                server,
            });
            // A caller that no longer waits has cancelled.
            let _ = waiter.send(answer);
        }
    }

    fn state_changed(&self, change: &StateChange) {
        // Nobody may be listening.
        let _ = self.states.send(change.clone());
    }

    fn closed(&self) {
        self.closed.send_replace(true);
    }
}

/// Changes of the connection that a slow listener may be behind.
const STATES: usize = 64;

impl AsyncClient {
    /// The client of a connection string's hosts and store; `explicit` settings win over the string's. No I/O.
    ///
    /// # Errors
    /// Those of the string and settings; `Unsupported` for an embedded store.
    pub fn connect_lazily(text: &str, explicit: &[(&str, &str)]) -> Result<AsyncClient, Error> {
        let parsed = ConnectionString::parse(text, explicit)?;
        let Some(options) = RemoteOptions::of(&parsed) else {
            return Err(Error::new(
                Code::Unsupported,
                "an embedded store lives in its own process: write holdfast://host:7861/STORE",
            ));
        };
        let client = ClientOptions::from(&parsed.settings.client);
        Self::open(options, client, &parsed.store, &parsed.settings.store)
    }

    /// As `connect_lazily`, then waits until a node serves the store.
    ///
    /// # Errors
    /// As `connect_lazily`; `Unavailable` after `connect-timeout`, and what opening the store refuses.
    pub async fn connect(text: &str, explicit: &[(&str, &str)]) -> Result<AsyncClient, Error> {
        let client = Self::connect_lazily(text, explicit)?;
        client.ready().await?;
        Ok(client)
    }

    /// The client of a store, with everything decided. No I/O.
    ///
    /// # Errors
    /// `InvalidArgument` without an endpoint or for a bad name.
    pub fn open(
        options: RemoteOptions,
        client: ClientOptions,
        store: &str,
        given: &StoreSettings,
    ) -> Result<AsyncClient, Error> {
        let waiters = Arc::new(Waiters {
            waiting: Mutex::default(),
            states: broadcast::channel(STATES).0,
            closed: watch::channel(false).0,
        });
        let (connect_timeout, reads) = (options.connect_timeout, client.reads);
        let sink: Arc<dyn Sink> = Arc::clone(&waiters) as _;
        let client = RemoteClient::open(options, client, sink, Arc::new(NoLog))?;
        let store = client.open_store(store, given)?;
        Ok(AsyncClient {
            inner: Arc::new(Inner {
                client,
                waiters,
                next: AtomicU64::new(1),
                connect_timeout,
            }),
            store,
            reads,
        })
    }

    /// The same client, whose reads are as fresh as this.
    #[must_use]
    pub fn reading(&self, reads: Reads) -> AsyncClient {
        AsyncClient {
            reads,
            ..self.clone()
        }
    }

    /// Another store (`name` or `tenant/name`) on the same connection. No I/O.
    ///
    /// # Errors
    /// `InvalidArgument` for a bad name.
    pub fn store(&self, name: &str, given: &StoreSettings) -> Result<AsyncClient, Error> {
        Ok(AsyncClient {
            inner: Arc::clone(&self.inner),
            store: self.inner.client.open_store(name, given)?,
            reads: self.reads,
        })
    }

    /// Sends a request and waits for its answer; dropping the future cancels it.
    ///
    /// # Errors
    /// What the client or the node refuses.
    pub async fn call(&self, request: RequestHeader, key: &[u8], value: &[u8]) -> Result<Answer, Error> {
        self.call_within(None, request, key, value).await
    }

    /// As `call`, with a time-out of its own.
    ///
    /// # Errors
    /// As `call`.
    pub async fn call_within(
        &self,
        timeout: Option<Duration>,
        mut request: RequestHeader,
        key: &[u8],
        value: &[u8],
    ) -> Result<Answer, Error> {
        let is_read = operation_of(&request).is_ok_and(|operation| !operation.is_change());
        if is_read && request.consistency == 0 {
            self.reads.apply(&mut request);
        }
        let Inner {
            client,
            waiters,
            next,
            ..
        } = &*self.inner;
        let ticket = next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        waiters.waiting.lock().insert(ticket, sender);
        let mut guard = CancelOnDrop {
            client: self,
            ticket: Some(ticket),
        };
        if let Err(refused) = client.submit(ticket, self.store, request, key, value, timeout) {
            waiters.waiting.lock().remove(&ticket);
            guard.ticket = None;
            return Err(refused);
        }
        let answer = receiver.await;
        guard.ticket = None;
        answer.unwrap_or_else(|_| {
            Err(Error::new(
                Code::Internal,
                "the request was dropped without an answer",
            ))
        })
    }

    /// Waits until a node serves the store, at most `connect-timeout`.
    ///
    /// # Errors
    /// `Unavailable`, and what opening the store refuses.
    pub async fn ready(&self) -> Result<StoreDescription, Error> {
        let timeout = Some(self.inner.connect_timeout);
        let answer = self
            .call_within(timeout, request(Operation::OpenStore), &[], &[])
            .await?;
        Ok(answer.header.store.unwrap_or_default())
    }

    /// The value of a key; `None` when there is none.
    ///
    /// # Errors
    /// As `call`.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.call(request(Operation::Get), key, &[]).await?;
        Ok(answer.found().then_some(answer.payload))
    }

    /// Whether a key exists.
    ///
    /// # Errors
    /// As `call`.
    pub async fn exists(&self, key: &[u8]) -> Result<bool, Error> {
        Ok(self.call(request(Operation::Exists), key, &[]).await?.found())
    }

    /// Sets a key; its new version.
    ///
    /// # Errors
    /// As `call`.
    pub async fn put(&self, key: &[u8], value: &[u8], ttl: Option<Duration>) -> Result<i64, Error> {
        let header = RequestHeader {
            ttl_ms: ttl.map_or(0, |ttl| ttl.as_millis().max(1) as u64),
            ..request(Operation::Put)
        };
        Ok(self.call(header, key, value).await?.header.version)
    }

    /// Removes a key; whether it existed.
    ///
    /// # Errors
    /// As `call`.
    pub async fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        Ok(self.call(request(Operation::Delete), key, &[]).await?.found())
    }

    /// Entries whose key begins with `prefix` (empty: all).
    ///
    /// # Errors
    /// As `call`.
    pub async fn count(&self, prefix: &[u8]) -> Result<u64, Error> {
        Ok(self
            .call(by_prefix(Operation::Count, prefix), prefix, &[])
            .await?
            .header
            .number as u64)
    }

    /// Removes the entries whose key begins with `prefix` (empty: all); how many there were.
    ///
    /// # Errors
    /// As `call`.
    pub async fn clear(&self, prefix: &[u8]) -> Result<u64, Error> {
        Ok(self
            .call(by_prefix(Operation::Clear, prefix), prefix, &[])
            .await?
            .header
            .number as u64)
    }

    /// A page of the entries whose key begins with `prefix`: items in the payload, the next page's cursor in the header.
    ///
    /// # Errors
    /// As `call`.
    pub async fn scan(
        &self,
        prefix: &[u8],
        cursor: &[u8],
        most: u32,
        keys_only: bool,
    ) -> Result<Answer, Error> {
        let mut header = RequestHeader {
            cursor: cursor.to_vec().into(),
            maximum: Some(i64::from(most)),
            ..by_prefix(Operation::Scan, prefix)
        };
        if keys_only {
            header.flags |= flags::KEYS_ONLY;
        }
        self.call(header, prefix, &[]).await
    }

    /// The store's counters.
    ///
    /// # Errors
    /// As `call`.
    pub async fn stats(&self) -> Result<StoreStats, Error> {
        Ok(self
            .call(request(Operation::Stats), &[], &[])
            .await?
            .header
            .stats
            .unwrap_or_default())
    }

    /// A round trip to the node: its epoch, and `address\nnode name`.
    ///
    /// # Errors
    /// As `call`.
    pub async fn ping(&self) -> Result<(u64, String), Error> {
        let answer = self.call(request(Operation::Ping), &[], &[]).await?;
        Ok((
            answer.header.number as u64,
            String::from_utf8_lossy(&answer.payload).into_owned(),
        ))
    }

    /// Changes of the connection from now on.
    #[must_use]
    pub fn states(&self) -> broadcast::Receiver<StateChange> {
        self.inner.waiters.states.subscribe()
    }

    /// Closes the client, its clones included, and waits until everything that was pending has ended.
    pub async fn close(self) {
        let mut closed = self.inner.waiters.closed.subscribe();
        self.inner.client.close();
        // Cannot fail: the sender lives in `self`.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}

struct CancelOnDrop<'a> {
    client: &'a AsyncClient,
    ticket: Option<u64>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.client.inner.client.cancel(ticket);
        }
    }
}

fn request(operation: Operation) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        ..RequestHeader::default()
    }
}

fn by_prefix(operation: Operation, prefix: &[u8]) -> RequestHeader {
    RequestHeader {
        flags: if prefix.is_empty() { 0 } else { flags::PREFIX },
        ..request(operation)
    }
}
