//! One connection to one other node, made when it is needed and made again when it was lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;
use tonic::transport::{Channel, Endpoint, Uri};

use super::ask::{Answer, Envelope, Refusal};
use super::convert;
use super::gathered::Gathered;
use super::peers::{PeerError, PeerOptions, Registry};
use super::server::{CLUSTER_HEADER, VERSION, VERSION_HEADER, message_limit};
use super::wire;
use super::wire::peers_client::PeersClient;

/// A connection must stand after this long.
const CONNECT: Duration = Duration::from_secs(2);
/// After a failure, nobody tries again for so long: a dozen groups ask at once.
const REST: Duration = Duration::from_millis(50);
/// Signs of life on a quiet connection, and how long they may take.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// What the other side may send ahead.
const WINDOW: u32 = 8 * 1024 * 1024;

/// Bytes of questions that wait for a connection to take them: what comes then is refused, and asked again later.
const QUEUE_BYTES: u64 = 64 * 1024 * 1024;

type Outcome = Result<Result<Answer, Refusal>, PeerError>;

/// One connection to one other node.
pub(super) struct Link {
    address: String,
    options: PeerOptions,
    registry: Arc<Registry>,
    state: Mutex<State>,
    /// Held while a connection is made.
    dialing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    exchange: Option<Arc<Exchange>>,
    failed: Option<(Instant, PeerError)>,
}

/// A stream of questions and its answers.
struct Exchange {
    questions: mpsc::UnboundedSender<wire::Question>,
    /// Bytes of the questions that the connection has not taken yet.
    queued: Arc<AtomicU64>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    askers: HashMap<u64, oneshot::Sender<Outcome>>,
    /// Why the stream has ended.
    ended: Option<PeerError>,
}

impl Link {
    pub(super) fn new(address: &str, options: PeerOptions, registry: Arc<Registry>) -> Self {
        Self {
            address: address.to_owned(),
            options,
            registry,
            state: Mutex::default(),
            dialing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn ask(self: Arc<Self>, envelope: Envelope) -> Outcome {
        let exchange = self.exchange().await?;
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut waiting = exchange.waiting.lock();
            if let Some(error) = &waiting.ended {
                return Err(error.clone());
            }
            waiting.next += 1;
            let id = waiting.next;
            waiting.askers.insert(id, sender);
            id
        };
        // Whoever stops waiting leaves no place behind.
        let _place = Place {
            exchange: Arc::clone(&exchange),
            id,
        };
        let question = convert::question(id, envelope);
        let bytes = question.encoded_len() as u64;
        let queued = exchange.queued.fetch_add(bytes, Ordering::Relaxed);
        // One alone may be bigger.
        if queued > 0 && queued + bytes > QUEUE_BYTES {
            exchange.queued.fetch_sub(bytes, Ordering::Relaxed);
            return Err(PeerError::Overloaded { queued });
        }
        if exchange.questions.send(question).is_err() {
            return Err(PeerError::Unreachable("the connection was lost".to_owned()));
        }
        answer
            .await
            .unwrap_or_else(|_| Err(PeerError::Unreachable("the connection was lost".to_owned())))
    }

    async fn exchange(self: &Arc<Self>) -> Result<Arc<Exchange>, PeerError> {
        if let Some(exchange) = self.standing() {
            return Ok(exchange);
        }
        // A task of its own: who asks with little patience must not break off what others wait for.
        tokio::spawn(Arc::clone(self).establish())
            .await
            .unwrap_or_else(|_| Err(PeerError::Unreachable("the node is stopping".to_owned())))
    }

    fn standing(&self) -> Option<Arc<Exchange>> {
        let state = self.state.lock();
        let exchange = state.exchange.as_ref()?;
        exchange
            .waiting
            .lock()
            .ended
            .is_none()
            .then(|| Arc::clone(exchange))
    }

    async fn establish(self: Arc<Self>) -> Result<Arc<Exchange>, PeerError> {
        let _one = self.dialing.lock().await;
        if let Some(exchange) = self.standing() {
            return Ok(exchange);
        }
        if let Some((at, error)) = &self.state.lock().failed
            && at.elapsed() < REST
        {
            return Err(error.clone());
        }
        let connected = match tokio::time::timeout(CONNECT, self.connect()).await {
            Ok(connected) => connected,
            Err(_) => Err(PeerError::Unreachable(format!(
                "{} does not answer",
                self.address
            ))),
        };
        let mut state = self.state.lock();
        match &connected {
            Ok(exchange) => state.exchange = Some(Arc::clone(exchange)),
            Err(error) => state.failed = Some((Instant::now(), error.clone())),
        }
        connected
    }

    async fn connect(&self) -> Result<Arc<Exchange>, PeerError> {
        let unreachable =
            |error: &dyn std::fmt::Display| PeerError::Unreachable(format!("{}: {error}", self.address));
        let channel = self
            .channel()
            .await
            .map_err(|error| unreachable(&cause(&error)))?;
        let limit = message_limit(self.options.largest_value);
        let mut client = PeersClient::new(channel)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let (questions, receiver) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicU64::new(0));
        let left = Arc::clone(&queued);
        let stream = UnboundedReceiverStream::new(receiver).inspect(move |question: &wire::Question| {
            left.fetch_sub(question.encoded_len() as u64, Ordering::Relaxed);
        });
        let mut request = Request::new(Gathered::new(stream));
        self.sign(&mut request).map_err(|error| unreachable(&error))?;
        let replies = client
            .exchange(request)
            .await
            .map_err(|status| match status.code() {
                tonic::Code::Unauthenticated | tonic::Code::FailedPrecondition => {
                    PeerError::Refused(status.message().to_owned())
                }
                _ => unreachable(&status.message()),
            })?;
        let exchange = Arc::new(Exchange {
            questions,
            queued,
            waiting: Mutex::default(),
        });
        tokio::spawn(read(Arc::clone(&exchange), replies.into_inner()));
        Ok(exchange)
    }

    /// Who asks: checked before any question is read.
    fn sign<T>(&self, request: &mut Request<T>) -> Result<(), tonic::metadata::errors::InvalidMetadataValue> {
        let metadata = request.metadata_mut();
        metadata.insert(VERSION_HEADER, VERSION.into());
        if let Some(cluster) = self.registry.cluster() {
            metadata.insert(CLUSTER_HEADER, cluster.to_string().parse()?);
        }
        if !self.options.secret.is_empty() {
            let mut secret: tonic::metadata::MetadataValue<_> =
                format!("Bearer {}", self.options.secret).parse()?;
            secret.set_sensitive(true);
            metadata.insert("authorization", secret);
        }
        Ok(())
    }

    async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        let dial = Arc::clone(&self.options.dial);
        let address = self.address.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let connected = dial.dial(&address);
            async move { connected.await.map(TokioIo::new) }
        });
        // The name does not matter: the connector knows where to go.
        Endpoint::from_static("http://peer")
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .connect_with_connector(connector)
            .await
    }
}

/// The outer errors say only that it failed; the innermost one says why.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Hands answers to who asked, until the stream ends.
async fn read(exchange: Arc<Exchange>, mut replies: tonic::Streaming<wire::Reply>) {
    let error = loop {
        match replies.message().await {
            Ok(Some(reply)) => {
                let asker = exchange.waiting.lock().askers.remove(&reply.id);
                if let Some(asker) = asker {
                    let answer = convert::answer(reply)
                        .map_err(|error| PeerError::Refused(format!("its reply cannot be read: {error}")));
                    let _ = asker.send(answer);
                }
            }
            Ok(None) => break PeerError::Unreachable("the other node closed the connection".to_owned()),
            Err(status) if status.code() == tonic::Code::FailedPrecondition => {
                break PeerError::Refused(status.message().to_owned());
            }
            Err(status) => break PeerError::Unreachable(status.message().to_owned()),
        }
    };
    let askers = {
        let mut waiting = exchange.waiting.lock();
        waiting.ended = Some(error.clone());
        std::mem::take(&mut waiting.askers)
    };
    for asker in askers.into_values() {
        let _ = asker.send(Err(error.clone()));
    }
}

/// An asker's place among those who wait.
struct Place {
    exchange: Arc<Exchange>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.exchange.waiting.lock().askers.remove(&self.id);
    }
}
