//! Requests offered to a node at a rate of its own, whatever the node answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use holdfast_faults::{RawSession, frame_of};
use holdfast_proto::Code;
use holdfast_proto::session::{
    FrameHead, FrameKind, Operation, ReplyHeader, RequestHeader, StoreClass, flags, parse_frame, push_item,
};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Requests of one connection without an answer, when the rate is the node's.
const IN_FLIGHT: u64 = 64;
/// Of one request: it costs the node more than it costs the one who asks and counts, so that the node is what is
/// overloaded.
const KEYS: u32 = 64;
const TICK: Duration = Duration::from_millis(5);
/// What a connection writes at once at most; more that is due counts as not sent, as with a client whose queue is full.
const MOST_AT_ONCE: usize = 64 << 10;
/// Where the number stands in a frame.
const NUMBER: std::ops::Range<usize> = 8..16;

/// What is offered.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    pub(super) connections: usize,
    /// Over all connections; `None`: as many as are answered, `IN_FLIGHT` at a time on each connection.
    pub(super) per_second: Option<f64>,
    pub(super) deadline: Duration,
    pub(super) time: Duration,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    pub(super) in_time: u64,
    pub(super) late: u64,
    pub(super) exhausted: u64,
    pub(super) timed_out: u64,
    pub(super) unexpected: u64,
    pub(super) not_sent: u64,
}

pub(super) async fn offer(node: SocketAddr, offer: Offer) -> Measured {
    let mut tasks = Vec::new();
    for connection in 0..offer.connections {
        let (mut session, _) = RawSession::welcomed(node, 1_000 + connection as u128).await;
        let store = session.open_store("default/load", StoreClass::Cache).await;
        tasks.push((session.into_stream(), store));
    }
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|(stream, store)| tokio::spawn(Connection::new(stream, store, offer).run()))
        .collect();
    let mut all = Measured::default();
    for task in tasks {
        let one = task.await.expect("no panic");
        all.in_time += one.in_time;
        all.late += one.late;
        all.exhausted += one.exhausted;
        all.timed_out += one.timed_out;
        all.unexpected += one.unexpected;
        all.not_sent += one.not_sent;
    }
    all
}

struct Connection {
    stream: TcpStream,
    offer: Offer,
    header: RequestHeader,
    keys: Vec<u8>,
    began: Instant,
    /// When each request was written, by its number.
    sent: Vec<Instant>,
    answered: u64,
    /// Due so far: sent, or counted as not sent.
    due: u64,
    /// Written in part.
    unwritten: Vec<u8>,
    read: Vec<u8>,
    measured: Measured,
}

impl Connection {
    fn new(stream: TcpStream, store: u32, offer: Offer) -> Connection {
        let key = RequestHeader {
            key_length: 3,
            ..RequestHeader::default()
        };
        let mut keys = Vec::new();
        for _ in 0..KEYS {
            push_item(&mut keys, &key, b"key", b"");
        }
        let header = RequestHeader {
            operation: Operation::GetMany as i32,
            store,
            flags: flags::METADATA_ONLY,
            items: KEYS,
            timeout_ms: u32::try_from(offer.deadline.as_millis()).expect("a short deadline"),
            ..RequestHeader::default()
        };
        Connection {
            stream,
            offer,
            header,
            keys,
            began: Instant::now(),
            sent: Vec::new(),
            answered: 0,
            due: 0,
            unwritten: Vec::new(),
            read: Vec::new(),
            measured: Measured::default(),
        }
    }

    async fn run(mut self) -> Measured {
        let mut tick = tokio::time::interval(TICK);
        let end = self.began + self.offer.time;
        while Instant::now() < end {
            self.write();
            tokio::select! {
                _ = tick.tick() => {}
                _ = self.stream.readable() => {
                    if !self.read() {
                        self.measured.unexpected += 1;
                        break;
                    }
                }
            }
        }
        self.measured
    }

    /// Requests that are to be written now.
    fn wanted(&mut self) -> u64 {
        let outstanding = self.sent.len() as u64 - self.answered;
        let Some(per_second) = self.offer.per_second else {
            return IN_FLIGHT.saturating_sub(outstanding);
        };
        let mine = per_second / self.offer.connections as f64;
        let due = (mine * self.began.elapsed().as_secs_f64()) as u64;
        let wanted = due - self.due;
        self.due = due;
        wanted
    }

    fn write(&mut self) {
        let wanted = self.wanted();
        self.header.sent_ms = self.began.elapsed().as_millis() as u32 + 1;
        let mut request = frame_of(FrameHead::new(FrameKind::Request, 0), &self.header, &self.keys);
        let room = MOST_AT_ONCE.saturating_sub(self.unwritten.len()) / request.len();
        let sending = wanted.min(room as u64);
        self.measured.not_sent += wanted - sending;
        let now = Instant::now();
        for _ in 0..sending {
            let number = self.sent.len() as u64;
            request[NUMBER].copy_from_slice(&number.to_le_bytes());
            self.unwritten.extend_from_slice(&request);
            self.sent.push(now);
        }
        while !self.unwritten.is_empty() {
            match self.stream.try_write(&self.unwritten) {
                Ok(count) => drop(self.unwritten.drain(..count)),
                Err(_) => break,
            }
        }
    }

    /// Takes what has come; false when the connection ended.
    fn read(&mut self) -> bool {
        loop {
            match self.stream.try_read_buf(&mut self.read) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        let now = Instant::now();
        let mut used_in_all = 0;
        while let Some((frame, used)) = parse_frame(&self.read[used_in_all..]).expect("the node sends frames")
        {
            used_in_all += used;
            if frame.head.kind != FrameKind::Reply {
                continue;
            }
            self.answered += 1;
            let header: ReplyHeader = frame.read().expect("a reply");
            let took = now - self.sent[usize::try_from(frame.head.number).expect("a number of ours")];
            let measured = &mut self.measured;
            *match header.code {
                0 if took <= self.offer.deadline => &mut measured.in_time,
                0 => &mut measured.late,
                code if code == Code::ResourceExhausted.number() => &mut measured.exhausted,
                code if code == Code::Timeout.number() => &mut measured.timed_out,
                _ => &mut measured.unexpected,
            } += 1;
        }
        self.read.drain(..used_in_all);
        true
    }
}
