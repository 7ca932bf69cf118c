//! A server to test, and a client that says exactly what a test tells it to.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use holdfast_node::clock::{ClusterClock, ManualClock};
use holdfast_node::log::NoLog;
use holdfast_node::server::{Server, ServerOptions, Shared};
use holdfast_node::{Node, NodeOptions};
use holdfast_proto::session::{
    Assembly, CHUNK_FROM, FrameHead, FrameKind, Goodbye, Hello, Operation, Preamble, ReplyHeader,
    RequestHeader, StoreClass, StoreDefinition, Welcome, encode_frame, id_bytes, parse_frame, pieces,
    push_item,
};
use tokio::runtime::Runtime;

/// No wait of these tests takes longer when things are well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, with a runtime of its own.
pub(crate) struct Served {
    server: Option<Server>,
    runtime: Option<Runtime>,
    pub(crate) node: Arc<Node>,
}

impl Served {
    pub(crate) fn start() -> Served {
        Served::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ServerOptions)) -> Served {
        Served::on(Arc::new(ManualClock::default()), change)
    }

    pub(crate) fn on(clock: Arc<dyn ClusterClock>, change: impl FnOnce(&mut ServerOptions)) -> Served {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let node = Arc::new(Node::start(NodeOptions {
            name: "tested".to_owned(),
            clock,
            memory_limit: 1 << 30,
            seed: 7,
            log: Arc::new(NoLog),
        }));
        let mut options = ServerOptions::new("127.0.0.1:0".parse().expect("an address"), Arc::new(NoLog));
        change(&mut options);
        let server = runtime
            .block_on(Server::start(Arc::clone(&node), options))
            .expect("the server starts");
        Served {
            server: Some(server),
            runtime: Some(runtime),
            node,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("it runs").local_addr()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.server.as_ref().expect("it runs").shared()
    }

    /// Begins to stop, beside the test.
    pub(crate) fn stop(&mut self, grace: Duration) -> std::thread::JoinHandle<()> {
        let server = self.server.take().expect("it runs");
        let runtime = self.runtime.as_ref().expect("it runs").handle().clone();
        std::thread::spawn(move || runtime.block_on(server.stop(grace)))
    }

    /// Waits for what becomes true without anybody telling.
    pub(crate) fn wait_until(&self, what: &str, is_true: impl Fn(&Shared) -> bool) {
        until(what, || is_true(self.shared()));
    }
}

/// Waits for what becomes true without anybody telling.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test waits is a matter of real time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.server.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a request was answered with.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) header: ReplyHeader,
    pub(crate) payload: Vec<u8>,
}

impl Reply {
    pub(crate) fn has(&self, flag: u32) -> bool {
        self.header.flags & flag != 0
    }

    /// Asserts success.
    pub(crate) fn ok(self) -> Reply {
        assert_eq!(self.header.error(), None);
        self
    }

    /// Asserts an error of this code, and gives its message.
    pub(crate) fn refused(&self, code: holdfast_proto::Code) -> String {
        let error = self
            .header
            .error()
            .unwrap_or_else(|| panic!("{code} was to come, not {self:?}"));
        assert_eq!(error.code, code, "{error}");
        error.message
    }
}

/// What came from the node.
#[derive(Debug)]
pub(crate) enum Heard {
    Reply(u64, Box<Reply>),
    Pong(u64),
    Goodbye(Goodbye),
    /// The node closed the connection.
    End,
}

/// A session's connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    buffer: BytesMut,
    pub(crate) welcome: Welcome,
    next: u64,
    coming: HashMap<u64, (ReplyHeader, Assembly)>,
    early: HashMap<u64, Reply>,
    /// Sequence of the last change.
    pub(crate) sequence: u64,
}

/// A Hello of a new session.
pub(crate) fn hello(session: u128) -> Hello {
    Hello {
        client_name: "test".to_owned(),
        client_version: "1".to_owned(),
        session: id_bytes(session),
        ..Hello::default()
    }
}

pub(crate) fn hello_bytes(hello: &Hello) -> BytesMut {
    let mut bytes = BytesMut::from(&Preamble::OWN.encode()[..]);
    encode_frame(&mut bytes, FrameHead::new(FrameKind::Hello, 0), hello, &[]);
    bytes
}

/// What the node answers to these first bytes: a Welcome, or a Goodbye; `None`: it closes.
pub(crate) fn first_words(
    address: SocketAddr,
    bytes: &[u8],
) -> (Option<Result<Welcome, Goodbye>>, TcpStream, BytesMut) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_nodelay(true).expect("no delay");
    stream.write_all(bytes).expect("it takes the first words");
    let mut buffer = BytesMut::new();
    loop {
        if let Some((preamble, rest)) = buffer.split_first_chunk::<{ Preamble::LENGTH }>() {
            assert_eq!(Preamble::decode(*preamble), Ok(Preamble::OWN));
            if let Some((frame, used)) = parse_frame(rest).expect("frames") {
                let answer = match frame.head.kind {
                    FrameKind::Welcome => Ok(frame.read().expect("a Welcome")),
                    FrameKind::Goodbye => Err(frame.read().expect("a Goodbye")),
                    other => panic!("a {other:?} frame came first"),
                };
                let rest = BytesMut::from(&rest[used..]);
                return (Some(answer), stream, rest);
            }
        }
        if !read_more(&mut stream, &mut buffer) {
            return (None, stream, BytesMut::new());
        }
    }
}

/// False at the end.
fn read_more(stream: &mut TcpStream, buffer: &mut BytesMut) -> bool {
    let mut chunk = vec![0; 64 * 1024];
    match stream.read(&mut chunk) {
        Ok(0) => false,
        Ok(length) => {
            buffer.extend_from_slice(&chunk[..length]);
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
        Err(error) => panic!("nothing came within {PATIENCE:?}: {error}"),
    }
}

impl Peer {
    pub(crate) fn connect(served: &Served, session: u128) -> Peer {
        Peer::greet(served.address(), &hello(session))
    }

    pub(crate) fn greet(address: SocketAddr, hello: &Hello) -> Peer {
        let (answer, stream, buffer) = first_words(address, &hello_bytes(hello));
        let welcome = answer.expect("an answer").expect("a Welcome");
        Peer {
            stream,
            buffer,
            welcome,
            next: 0,
            coming: HashMap::new(),
            early: HashMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the node reads");
    }

    /// The bytes of a request, in pieces if it is large.
    pub(crate) fn encode(&mut self, mut header: RequestHeader, key: &[u8], value: &[u8]) -> (u64, BytesMut) {
        self.next += 1;
        header.key_length = key.len() as u32;
        let mut out = BytesMut::new();
        let mut head = FrameHead::new(FrameKind::Request, self.next);
        let payload = [key, value].concat();
        if payload.len() < CHUNK_FROM {
            encode_frame(&mut out, head, &header, &[&payload]);
            return (self.next, out);
        }
        head.flags = FrameHead::IN_PIECES;
        header.payload_length = payload.len() as u64;
        encode_frame(&mut out, head, &header, &[]);
        let mut offset = Some(0);
        while let Some(from) = offset {
            offset = pieces(&mut out, self.next, &payload, from);
        }
        (self.next, out)
    }

    pub(crate) fn send(&mut self, header: RequestHeader, key: &[u8], value: &[u8]) -> u64 {
        let (number, bytes) = self.encode(header, key, value);
        self.write(&bytes);
        number
    }

    pub(crate) fn frame(&mut self, kind: FrameKind, number: u64) {
        let mut out = BytesMut::new();
        encode_frame(&mut out, FrameHead::new(kind, number), &(), &[]);
        self.write(&out);
    }

    pub(crate) fn hear(&mut self) -> Heard {
        loop {
            while let Some((frame, used)) = parse_frame(&self.buffer).expect("frames") {
                let number = frame.head.number;
                let heard = match frame.head.kind {
                    FrameKind::Reply if frame.has(FrameHead::IN_PIECES) => {
                        let header: ReplyHeader = frame.read().expect("a reply");
                        let length = Assembly::check(header.payload_length).expect("a length");
                        self.coming.insert(number, (header, Assembly::new(length)));
                        None
                    }
                    FrameKind::Reply => Some(Heard::Reply(
                        number,
                        Box::new(Reply {
                            header: frame.read().expect("a reply"),
                            payload: frame.payload.to_vec(),
                        }),
                    )),
                    FrameKind::Chunk => {
                        let (_, assembly) = self.coming.get_mut(&number).expect("a piece of something");
                        assembly.push(&frame).expect("the next piece").then(|| {
                            let (header, assembly) = self.coming.remove(&number).expect("it was there");
                            let payload = assembly.into_bytes();
                            Heard::Reply(number, Box::new(Reply { header, payload }))
                        })
                    }
                    FrameKind::Pong => Some(Heard::Pong(number)),
                    FrameKind::Goodbye => Some(Heard::Goodbye(frame.read().expect("a Goodbye"))),
                    other => panic!("a {other:?} frame from the node"),
                };
                let _ = self.buffer.split_to(used);
                if let Some(heard) = heard {
                    return heard;
                }
            }
            if !read_more(&mut self.stream, &mut self.buffer) {
                return Heard::End;
            }
        }
    }

    pub(crate) fn wait(&mut self, number: u64) -> Reply {
        loop {
            if let Some(reply) = self.early.remove(&number) {
                return reply;
            }
            match self.hear() {
                Heard::Reply(of, reply) => {
                    assert!(
                        self.early.insert(of, *reply).is_none(),
                        "request {of} is answered twice"
                    );
                }
                other => panic!("a reply was to come, not {other:?}"),
            }
        }
    }

    /// As [`Peer::wait`], for a node that may be stopping.
    pub(crate) fn wait_past_goodbye(&mut self, number: u64) -> Reply {
        loop {
            if let Some(reply) = self.early.remove(&number) {
                return reply;
            }
            match self.hear() {
                Heard::Reply(of, reply) => drop(self.early.insert(of, *reply)),
                Heard::Goodbye(_) => {}
                other => panic!("a reply was to come, not {other:?}"),
            }
        }
    }

    pub(crate) fn goodbye(&mut self) -> Goodbye {
        loop {
            match self.hear() {
                Heard::Goodbye(goodbye) => return goodbye,
                Heard::Reply(of, reply) => {
                    self.early.insert(of, *reply);
                }
                other => panic!("a Goodbye was to come, not {other:?}"),
            }
        }
    }

    pub(crate) fn assert_closed(&mut self) {
        assert!(matches!(self.hear(), Heard::End));
    }

    pub(crate) fn call(&mut self, header: RequestHeader, key: &[u8], value: &[u8]) -> Reply {
        let number = self.send(header, key, value);
        self.wait(number)
    }

    pub(crate) fn open(&mut self, name: &str, class: StoreClass) -> u32 {
        let definition = StoreDefinition {
            class: Some(class as i32),
            max_memory: Some(256 << 20),
            max_value: Some(16 << 20),
            create: true,
            ..StoreDefinition::default()
        };
        self.define(name, definition)
            .ok()
            .header
            .store
            .expect("a description")
            .id
    }

    pub(crate) fn define(&mut self, name: &str, definition: StoreDefinition) -> Reply {
        let header = RequestHeader {
            definition: Some(definition),
            ..request(Operation::OpenStore, 0)
        };
        self.call(header, name.as_bytes(), &[])
    }

    /// A change with the next sequence number.
    pub(crate) fn change(&mut self, header: RequestHeader, key: &[u8], value: &[u8]) -> Reply {
        self.sequence += 1;
        let header = RequestHeader {
            sequence: self.sequence,
            first_unacknowledged: self.sequence,
            ..header
        };
        self.call(header, key, value)
    }

    pub(crate) fn put(&mut self, store: u32, key: &[u8], value: &[u8]) -> Reply {
        self.change(request(Operation::Put, store), key, value).ok()
    }

    pub(crate) fn get(&mut self, store: u32, key: &[u8]) -> Option<Vec<u8>> {
        let reply = self.call(request(Operation::Get, store), key, &[]).ok();
        reply
            .has(holdfast_proto::session::flags::FOUND)
            .then_some(reply.payload)
    }
}

pub(crate) fn request(operation: Operation, store: u32) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        store,
        ..RequestHeader::default()
    }
}

/// Items of a request of many.
pub(crate) fn items(items: &[(RequestHeader, &[u8], &[u8])]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (header, key, value) in items {
        let mut header = header.clone();
        header.key_length = key.len() as u32;
        header.value_length = value.len() as u32;
        push_item(&mut payload, &header, key, value);
    }
    payload
}

/// The frames of a request in pieces, one by one.
pub(crate) fn split(bytes: &BytesMut) -> Vec<BytesMut> {
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some((_, used)) = holdfast_proto::session::parse_frame(rest).expect("frames") {
        frames.push(BytesMut::from(&rest[..used]));
        rest = &rest[used..];
    }
    frames
}
