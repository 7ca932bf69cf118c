//! From an endpoint to a session that a node accepted.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use holdfast_proto::session::{
    FrameError, FrameHead, FrameKind, Goodbye, Hello, Preamble, Welcome, agreed_version, encode_frame, hello,
    id_bytes, parse_frame,
};
use holdfast_proto::{Code, Error};
use holdfast_system::net::{TcpStream, limit_unsent, lookup_host};
use tokio::time::timeout;

use super::reader::ReadBuffer;
use super::refusal::refusal_of;
use super::transport::Transport;
use crate::connection_string::Endpoint;
use crate::remote::errors::duration_text;
use crate::remote::registry::Shared;
use crate::remote::tls;

/// A session that a node accepted.
pub(super) struct Connection {
    pub(super) transport: Transport,
    /// May hold what came behind the Welcome.
    pub(super) read: ReadBuffer,
    pub(super) welcome: Welcome,
    /// The endpoint, `host:port`.
    pub(super) address: String,
}

/// Why there is none.
pub(in crate::remote) struct Failed {
    pub(in crate::remote) error: Error,
    /// It will not pass by itself.
    pub(in crate::remote) lasting: bool,
}

/// Tries every address that the endpoint's host has.
pub(super) async fn endpoint(shared: &Arc<Shared>, endpoint: &Endpoint) -> Result<Connection, Failed> {
    let attempt = shared.options.timing.attempt.min(shared.options.connect_timeout);
    let resolving = lookup_host((endpoint.host.as_str(), endpoint.port));
    let addresses = match timeout(attempt, resolving).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(passing(format!("the host's name cannot be resolved: {error}"))),
        Err(_) => {
            return Err(passing(format!(
                "the host's name was not resolved within {}",
                duration_text(attempt)
            )));
        }
    };
    let mut failed = passing("the host's name has no address".to_owned());
    for address in addresses {
        let connecting = async {
            let stream = TcpStream::connect(address)
                .await
                .map_err(|error| passing(error.to_string()))?;
            session(shared, endpoint, stream).await
        };
        failed = match timeout(attempt, connecting).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(failed)) => failed,
            Err(_) => passing(format!("no answer within {} ({address})", duration_text(attempt))),
        };
    }
    Err(failed)
}

/// Bytes that the kernel holds unsent before it says that it takes no more: few, so that a small frame never waits
/// behind much of a big value.
const MOST_UNSENT: u32 = 128 * 1024;

async fn session(shared: &Shared, endpoint: &Endpoint, stream: TcpStream) -> Result<Connection, Failed> {
    // What the system refuses here costs speed, not correctness.
    let _ = stream.set_nodelay(true);
    limit_unsent(&stream, MOST_UNSENT);
    let mut transport = match &shared.options.tls {
        None => Transport::plain(stream),
        Some(options) => tls::connect(options, endpoint, stream)
            .await
            .map(|stream| Transport::Tls(Box::new(stream)))?,
    };
    let greeting = greeting(shared);
    let mut read = ReadBuffer::new();
    if let Err(error) = write_all(&mut transport, &greeting).await {
        // Why the node hung up may lie in what it sent before.
        return Err(match more(&mut transport, &mut read).await {
            Err(refused) if refused.lasting => refused,
            _ => broken_off(&transport, error),
        });
    }
    let preamble = loop {
        if let Some(preamble) = read.unread().first_chunk::<{ Preamble::LENGTH }>() {
            break *preamble;
        }
        more(&mut transport, &mut read).await?;
    };
    let preamble = Preamble::decode(preamble).map_err(|error| passing(no_session(&error)))?;
    read.consume(Preamble::LENGTH);
    if let Err(message) = agreed_version(preamble) {
        return Err(Failed {
            error: Error::new(Code::Unsupported, message),
            lasting: true,
        });
    }
    let welcome = answer(&mut transport, &mut read).await?;
    Ok(Connection {
        transport,
        read,
        welcome,
        address: endpoint.to_string(),
    })
}

async fn answer(transport: &mut Transport, read: &mut ReadBuffer) -> Result<Welcome, Failed> {
    loop {
        let Some((frame, length)) = parse_frame(read.unread()).map_err(|error| passing(error.to_string()))?
        else {
            more(transport, read).await?;
            continue;
        };
        return match frame.head.kind {
            FrameKind::Welcome => {
                let welcome = frame.read().map_err(|error| passing(error.to_string()))?;
                read.consume(length);
                Ok(welcome)
            }
            FrameKind::Goodbye => {
                let goodbye: Goodbye = frame.read().map_err(|error| passing(error.to_string()))?;
                Err(Failed {
                    lasting: !goodbye.reconnect,
                    error: refusal_of(&goodbye),
                })
            }
            kind => Err(passing(format!(
                "the node answered the hello with a {} frame",
                kind.name()
            ))),
        };
    }
}

fn greeting(shared: &Shared) -> BytesMut {
    let options = &shared.options;
    let (session, session_epoch) = {
        let core = shared.core.lock();
        (core.session.id, core.session.epoch)
    };
    let hello = Hello {
        credential: options.token.clone().map(hello::Credential::Token),
        tenant: options.tenant.clone(),
        client_name: options.client_name.clone().unwrap_or_default(),
        client_version: env!("CARGO_PKG_VERSION").to_owned(),
        session: id_bytes(session),
        session_epoch,
        ..Hello::default()
    };
    let mut greeting = BytesMut::from(&Preamble::OWN.encode()[..]);
    encode_frame(&mut greeting, FrameHead::new(FrameKind::Hello, 0), &hello, &[]);
    greeting
}

async fn write_all(transport: &mut Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|context| transport.poll_write(context, bytes)).await?;
        bytes = &bytes[written..];
    }
    poll_fn(|context| transport.poll_flush(context)).await
}

async fn more(transport: &mut Transport, read: &mut ReadBuffer) -> Result<(), Failed> {
    let length = poll_fn(|context| transport.poll_read(context, read.room())).await;
    let length = match length {
        Ok(length) => length,
        Err(error) => return Err(broken_off(transport, error)),
    };
    if length == 0 {
        let hint = hint(transport);
        return Err(passing(format!(
            "the node closed the connection without a word{hint}"
        )));
    }
    read.filled(length);
    Ok(())
}

/// In TLS 1.3 a node says only here that it does not accept the client's certificate.
fn broken_off(transport: &Transport, error: io::Error) -> Failed {
    if let Some(refused) = tls::refusal(&error) {
        return refused;
    }
    let hint = hint(transport);
    passing(format!("the connection broke off: {error}{hint}"))
}

/// What a node that hangs up before its first byte may want.
fn hint(transport: &Transport) -> &'static str {
    match transport {
        Transport::Plain { .. } => ": it may speak TLS only (holdfasts:// or --tls)",
        Transport::Tls(_) => "",
    }
}

/// Who answers when it is not a session.
fn no_session(error: &FrameError) -> String {
    match error {
        FrameError::NotASession([b'H', b'T', b'T', b'P']) => {
            format!("{error}: that is the node's HTTP port (7862): sessions are on 7861")
        }
        // An alert or a handshake record.
        FrameError::NotASession([0x15 | 0x16, 3, ..]) => {
            format!("{error}: it speaks TLS (holdfasts:// or --tls)")
        }
        _ => error.to_string(),
    }
}

/// Something that may be otherwise the next time.
pub(in crate::remote) fn passing(message: String) -> Failed {
    Failed {
        error: Error::new(Code::Unavailable, message),
        lasting: false,
    }
}
