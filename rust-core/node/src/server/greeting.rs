//! The first words on a session's connection.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{
    Frame, FrameError, FrameHead, FrameKind, Goodbye, Hello, Limits, MAX_FRAME, Preamble, Welcome,
    agreed_version, encode_frame, hello, id_bytes, id_of, parse_frame,
};
use holdfast_proto::{Code, Error};
use holdfast_state::{MAX_BATCH, MAX_KEY, MAX_VALUE, SESSION_WINDOW};
use subtle::ConstantTimeEq;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::counters::count;
use super::hooks::Identity;
use super::link::Peer;
use super::sessions::SessionUse;
use super::shared::Shared;
use super::stream::Stream;

/// Most bytes that are kept of what a client calls itself.
const MOST_NAME: usize = 256;
/// When a client comes back to a node that has not found its cluster yet.
const COME_BACK_MS: u32 = 200;

/// What came of the first words.
pub(crate) enum Greeted {
    /// The client is welcome.
    Welcome(Box<Start>),
    /// It is not.
    Refused(Goodbye),
    /// It left, or said nothing in time.
    Gone,
}

/// What a session's connection begins with.
pub(crate) struct Start {
    pub(crate) peer: Peer,
    pub(crate) identity: Identity,
    pub(crate) session: Option<SessionUse>,
    /// Preamble and Welcome, to be written first.
    pub(crate) out: BytesMut,
    /// What came after the Hello.
    pub(crate) rest: Bytes,
}

/// Hears a client's Hello within its time.
pub(crate) async fn greet(shared: &Arc<Shared>, stream: &mut Stream) -> Greeted {
    let patience = shared.options().limits.hello_timeout;
    let mut heard = BytesMut::new();
    match timeout(patience, hear(stream, &mut heard)).await {
        Ok(Ok(Ok(hello))) => match welcome(shared, stream, *hello, heard.freeze()) {
            Ok(start) => Greeted::Welcome(Box::new(start)),
            Err(goodbye) => Greeted::Refused(goodbye),
        },
        Ok(Ok(Err(goodbye))) => {
            count(&shared.counters.protocol_errors);
            Greeted::Refused(goodbye)
        }
        Ok(Err(_)) => Greeted::Gone,
        Err(_) => Greeted::Refused(refusal(
            Code::Timeout,
            format!("no Hello came within {patience:?}"),
            true,
        )),
    }
}

fn refusal(code: Code, reason: impl Into<String>, reconnect: bool) -> Goodbye {
    Goodbye {
        code: code.number(),
        reason: reason.into(),
        reconnect,
        reconnect_after_ms: 0,
    }
}

/// The Hello; what comes after it is left in `heard`.
async fn hear(stream: &mut Stream, heard: &mut BytesMut) -> io::Result<Result<Box<Hello>, Goodbye>> {
    loop {
        match parse(heard) {
            Ok(Some((hello, used))) => {
                let _ = heard.split_to(used);
                return Ok(Ok(hello));
            }
            Ok(None) => {}
            Err(goodbye) => return Ok(Err(goodbye)),
        }
        // Grows with what has come, never with what is announced.
        if stream.read_buf(heard).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        debug_assert!(heard.len() <= 4 * MAX_FRAME);
    }
}

fn parse(heard: &[u8]) -> Result<Option<(Box<Hello>, usize)>, Goodbye> {
    let broken = |error: FrameError| refusal(Code::InvalidArgument, error.to_string(), false);
    let Some((preamble, rest)) = heard.split_first_chunk::<{ Preamble::LENGTH }>() else {
        return Ok(None);
    };
    let preamble = Preamble::decode(*preamble).map_err(broken)?;
    agreed_version(preamble).map_err(|reason| refusal(Code::Unsupported, reason, false))?;
    let Some((frame, used)) = parse_frame(rest).map_err(broken)? else {
        return Ok(None);
    };
    let hello = read_hello(&frame).map_err(broken)?;
    Ok(Some((Box::new(hello), Preamble::LENGTH + used)))
}

fn read_hello(frame: &Frame<'_>) -> Result<Hello, FrameError> {
    if frame.head.kind != FrameKind::Hello || !frame.payload.is_empty() {
        return Err(FrameError::OutOfPlace {
            kind: frame.head.kind.name(),
            place: "instead of the Hello, which is a session's first frame",
        });
    }
    frame.read()
}

/// Checks who comes, and answers.
fn welcome(shared: &Arc<Shared>, stream: &Stream, hello: Hello, rest: Bytes) -> Result<Start, Goodbye> {
    let node = shared.node();
    let Some(belonging) = belonging(shared) else {
        let reason = format!("node '{}' is not part of a formed cluster yet", node.name());
        let mut goodbye = refusal(Code::Unavailable, reason, true);
        goodbye.reconnect_after_ms = COME_BACK_MS;
        return Err(goodbye);
    };
    if !hello.cluster_id.is_empty() && id_of(&hello.cluster_id) != Some(belonging.cluster_id) {
        let reason = format!(
            "node '{}' belongs to another cluster than the client expects",
            node.name()
        );
        return Err(refusal(Code::Unavailable, reason, true));
    }
    let token = credential(shared, &hello).map_err(|error| {
        shared.refusals.credential(stream.peer(), &error.message);
        refusal(error.code, error.message, false)
    })?;
    if shared.is_stopping() {
        return Err(refusal(Code::Unavailable, "the node is stopping", true));
    }
    let (session, resumed) = resume(shared, &hello)?;
    let peer = Peer {
        address: stream.peer(),
        client_name: bounded(hello.client_name),
        client_version: bounded(hello.client_version),
        tenant: bounded(hello.tenant),
    };
    let identity = Identity {
        tenant: peer.tenant.clone(),
        name: stream.identity().map(str::to_owned),
        token,
    };
    let mut out = BytesMut::from(&Preamble::OWN.encode()[..]);
    let head = FrameHead::new(FrameKind::Welcome, 0);
    encode_frame(&mut out, head, &answer(shared, &belonging, resumed), &[]);
    Ok(Start {
        peer,
        identity,
        session,
        out,
        rest,
    })
}

/// Whether the client brought the node's token; an error when it should have.
fn credential(shared: &Shared, hello: &Hello) -> Result<bool, Error> {
    let Some(expected) = &shared.options().token else {
        return Ok(false);
    };
    let remedy = "give the client the node's token (setting 'token')";
    match &hello.credential {
        Some(hello::Credential::Token(given)) if bool::from(given.as_bytes().ct_eq(expected.as_bytes())) => {
            Ok(true)
        }
        Some(_) => Err(Error::new(
            Code::Unauthenticated,
            format!("the client's token is not this node's: {remedy}"),
        )),
        None => Err(Error::new(
            Code::Unauthenticated,
            format!("the node takes only clients with its token: {remedy}"),
        )),
    }
}

/// The session that the client names, and whether all that it did before is remembered.
fn resume(shared: &Arc<Shared>, hello: &Hello) -> Result<(Option<SessionUse>, bool), Goodbye> {
    if hello.session.is_empty() {
        return Ok((None, false));
    }
    let Some(id) = id_of(&hello.session) else {
        let reason = format!("a session's id has 16 bytes, not {}", hello.session.len());
        return Err(refusal(Code::InvalidArgument, reason, false));
    };
    let Some((session, known)) = shared.sessions.connect(shared, id) else {
        return Err(refusal(
            Code::ResourceExhausted,
            "the node has as many sessions as it takes",
            true,
        ));
    };
    let resumed = known && hello.session_epoch == shared.node().epoch();
    Ok((Some(session), resumed))
}

/// What the node belongs to, as it tells clients.
struct Belonging {
    cluster_id: u128,
    incarnation: u128,
    features: u64,
}

/// `None` while the node has not found its cluster.
fn belonging(shared: &Shared) -> Option<Belonging> {
    #[cfg(feature = "cluster")]
    if let Some(cluster) = shared.cluster() {
        return Some(Belonging {
            cluster_id: cluster.cluster_id()?,
            incarnation: cluster.incarnation().0,
            features: holdfast_proto::session::features::CLUSTER,
        });
    }
    let node = shared.node();
    Some(Belonging {
        cluster_id: node.cluster_id(),
        incarnation: node.incarnation(),
        features: 0,
    })
}

fn answer(shared: &Shared, belonging: &Belonging, session_resumed: bool) -> Welcome {
    let node = shared.node();
    let limits = &shared.options().limits;
    Welcome {
        node: node.name().to_owned(),
        incarnation: id_bytes(belonging.incarnation),
        cluster_id: id_bytes(belonging.cluster_id),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        features: belonging.features,
        epoch: node.epoch(),
        session_resumed,
        limits: Some(Limits {
            max_key: MAX_KEY as u32,
            max_value: MAX_VALUE,
            max_batch: MAX_BATCH as u32,
            max_frame: MAX_FRAME as u32,
            connection_bytes: limits.connection_bytes,
        }),
        dedupe_window: SESSION_WINDOW as u32,
        slot_epoch: 0,
        idle_timeout_ms: u32::try_from(limits.idle_timeout.as_millis()).unwrap_or(u32::MAX),
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > MOST_NAME {
        let end = (0..=MOST_NAME)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}
