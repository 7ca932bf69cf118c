//! Takes connections, and tells sessions from gRPC by their first bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use holdfast_proto::Code;
use holdfast_proto::session::{FrameHead, FrameKind, Goodbye, MAGIC, Preamble, encode_frame};
use holdfast_system::net::{self, TcpListener, TcpStream};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::counters::count;
use super::greeting::{self, Greeted};
use super::shared::{Place, Shared};
use super::stream::Stream;
use crate::log::Level;

/// How HTTP/2, which gRPC speaks, begins.
const HTTP2: [u8; 4] = *b"PRI ";
/// What is left to others when the system refuses to accept, for want of descriptors for instance.
const BACK_OFF: Duration = Duration::from_millis(100);
/// A failure that goes on is logged so often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// A client that is refused is told to come back after so long.
const COME_BACK_MS: u32 = 1_000;
/// Time for a goodbye to a client that is refused.
const REFUSAL: Duration = Duration::from_secs(1);
/// Most that is read of a client that has been told goodbye, so that it finds the goodbye before the end.
const LAST_READ: usize = 1024 * 1024;
/// Bytes that the kernel takes before they can be sent: what small replies wait behind at most.
const UNSENT: u32 = 192 * 1024;

/// Accepts until the server stops.
pub(crate) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    grpc: mpsc::Sender<Stream>,
) {
    let tls = tls.map(TlsAcceptor::from);
    let mut logged: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopping() => return,
        };
        match accepted {
            Ok((io, peer)) => take(&shared, io, peer, tls.clone(), &grpc),
            Err(error) if is_lasting(&error) => {
                count(&shared.counters.accept_failures);
                if logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
                    logged = Some(Instant::now());
                    let message = format!(
                        "no connection can be accepted: {error}; connections that are open go on. Raise the limit of open \
                         files (ulimit -n, LimitNOFILE) or lower max-connections"
                    );
                    shared.log(Level::Error, &message);
                }
                sleep(BACK_OFF).await;
            }
            // The peer has gone before it was accepted.
            Err(_) => count(&shared.counters.accept_failures),
        }
    }
}

/// Whether the next attempt would fail as well: no descriptors, no memory.
fn is_lasting(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn take(
    shared: &Arc<Shared>,
    io: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    grpc: &mpsc::Sender<Stream>,
) {
    let Some(place) = shared.admit() else {
        count(&shared.counters.connections_refused);
        if tls.is_none() {
            refuse(shared, &io);
        }
        return;
    };
    count(&shared.counters.connections_accepted);
    prepare(&io);
    tokio::spawn(serve(Arc::clone(shared), io, peer, place, tls, grpc.clone()));
}

/// Says why, as far as that goes without waiting for the client.
fn refuse(shared: &Shared, io: &TcpStream) {
    let most = shared.options().limits.max_connections;
    let goodbye = Goodbye {
        code: Code::ResourceExhausted.number(),
        reason: format!("the node has {most} connections, as many as it takes (max-connections)"),
        reconnect: true,
        reconnect_after_ms: COME_BACK_MS,
    };
    let mut bytes = BytesMut::from(&Preamble::OWN.encode()[..]);
    encode_frame(&mut bytes, FrameHead::new(FrameKind::Goodbye, 0), &goodbye, &[]);
    // A fresh connection takes this much; one that does not is closed without a word.
    let _ = io.try_write(&bytes);
    net::end_writing(io);
}

/// Small replies leave at once, and never wait behind more than a bounded part of big ones.
fn prepare(io: &TcpStream) {
    // Whatever the system refuses here costs speed, nothing else.
    let _ = io.set_nodelay(true);
    net::limit_unsent(io, UNSENT);
}

async fn serve(
    shared: Arc<Shared>,
    io: TcpStream,
    peer: SocketAddr,
    place: Place,
    tls: Option<TlsAcceptor>,
    grpc: mpsc::Sender<Stream>,
) {
    let deadline = Instant::now() + shared.options().limits.hello_timeout;
    let mut stream = match tls {
        None => Stream::plain(io, peer, place),
        Some(acceptor) => match secure(&shared, &acceptor, io, peer, deadline).await {
            Some(io) => Stream::tls(io, peer, place),
            None => return,
        },
    };
    let Ok(Ok(first)) = timeout_at(deadline, stream.look::<4>()).await else {
        return;
    };
    match first {
        MAGIC => {
            // gRPC ends when nobody can send it a connection any more.
            drop(grpc);
            session(shared, stream).await;
        }
        // A full queue means that nobody serves it: closing says so.
        HTTP2 => drop(grpc.try_send(stream)),
        _ => count(&shared.counters.protocol_errors),
    }
}

/// The TLS handshake. That it fails is for operators to know, but not of a peer that goes without a word, as probes do.
async fn secure(
    shared: &Shared,
    acceptor: &TlsAcceptor,
    io: TcpStream,
    peer: SocketAddr,
    deadline: Instant,
) -> Option<TlsStream<TcpStream>> {
    if !matches!(timeout_at(deadline, io.peek(&mut [0])).await, Ok(Ok(1))) {
        return None;
    }
    let reason = match timeout_at(deadline, acceptor.accept(io)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the client did not finish it in time".to_owned(),
    };
    shared.refusals.handshake(peer, &reason);
    None
}

async fn session(shared: Arc<Shared>, mut stream: Stream) {
    match greeting::greet(&shared, &mut stream).await {
        Greeted::Welcome(start) => {
            if let Some(stream) = Connection::new(&shared, stream, *start).serve().await {
                linger(stream).await;
            }
        }
        Greeted::Refused(goodbye) => {
            let mut bytes = BytesMut::from(&Preamble::OWN.encode()[..]);
            encode_frame(&mut bytes, FrameHead::new(FrameKind::Goodbye, 0), &goodbye, &[]);
            if let Ok(Ok(())) = timeout(REFUSAL, stream.write_all(&bytes)).await {
                linger(stream).await;
            }
        }
        Greeted::Gone => {}
    }
}

/// Ends a connection so that the peer reads what was written last: closing with bytes unread would take it away.
async fn linger(mut stream: Stream) {
    let ending = async {
        stream.shutdown().await?;
        let mut left = LAST_READ;
        let mut buffer = vec![0; 4096];
        while left > 0 {
            match stream.read(&mut buffer).await? {
                0 => break,
                length => left = left.saturating_sub(length),
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(REFUSAL, ending).await;
}
