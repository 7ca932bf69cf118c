//! A node that does what the test says, byte by byte if need be.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{
    FrameHead, FrameKind, Goodbye, Hello, Operation, Preamble, ReplyHeader, RequestHeader, StoreDescription,
    Welcome, encode_frame, parse_frame,
};
use prost::Message;

use crate::connection_string::Endpoint;
use crate::remote::RemoteOptions;

/// Longest that a test waits for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Where a test's node listens.
pub(super) struct FakeNode {
    listener: TcpListener,
}

impl FakeNode {
    pub(super) fn bind() -> FakeNode {
        Self::of(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(super) fn of(listener: TcpListener) -> FakeNode {
        FakeNode { listener }
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: "127.0.0.1".to_owned(),
            port: self.port(),
        }
    }

    /// Options of a client of this node; no other test's client has equal ones, because of the port.
    pub(super) fn options(&self) -> RemoteOptions {
        RemoteOptions::new(vec![self.endpoint()])
    }

    /// The next connection, with its preamble and hello read.
    pub(super) fn accept(&self) -> Peer {
        let stream = self.accept_stream();
        Self::greeted(Box::new(stream))
    }

    /// The next connection, before anything is read.
    pub(super) fn accept_stream(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A connection's preamble and hello.
    pub(super) fn greeted(stream: Box<dyn Stream>) -> Peer {
        let mut peer = Peer {
            stream,
            unread: Vec::new(),
            hello: Hello::default(),
        };
        let mut preamble = [0; Preamble::LENGTH];
        peer.stream.read_exact(&mut preamble).unwrap();
        assert_eq!(Preamble::decode(preamble), Ok(Preamble::OWN));
        let hello = peer.frame().expect("a hello follows the preamble");
        assert_eq!(hello.kind, FrameKind::Hello);
        peer.hello = Hello::decode(hello.header).unwrap();
        peer
    }

    /// The next connection, welcomed as by a node at epoch 1.
    pub(super) fn accept_and_welcome(&self) -> Peer {
        let mut peer = self.accept();
        peer.welcome(&welcome(1, 1));
        peer
    }

    /// The same, with the store's id 7 given out.
    pub(super) fn serve(&self) -> Peer {
        let mut peer = self.accept_and_welcome();
        peer.open_store(7);
        peer
    }
}

/// What a node says to a hello.
pub(super) fn welcome(epoch: u64, incarnation: u8) -> Welcome {
    Welcome {
        node: "fake".to_owned(),
        incarnation: Bytes::copy_from_slice(&[incarnation; 16]),
        epoch,
        dedupe_window: 4096,
        idle_timeout_ms: 15_000,
        ..Welcome::default()
    }
}

/// A frame that came.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) kind: FrameKind,
    pub(super) flags: u8,
    pub(super) number: u64,
    pub(super) header: Bytes,
    pub(super) payload: Vec<u8>,
}

/// A request that came.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) header: RequestHeader,
    pub(super) payload: Vec<u8>,
}

impl Asked {
    pub(super) fn operation(&self) -> Operation {
        Operation::try_from(self.header.operation).unwrap()
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.payload[..self.header.key_length as usize]
    }
}

/// Plain, or through TLS.
pub(super) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// One connection of a client.
pub(super) struct Peer {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    pub(super) hello: Hello,
}

impl Peer {
    pub(super) fn send(&mut self, bytes: &[u8]) {
        // A client that has gone is seen where the test reads.
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    pub(super) fn welcome(&mut self, welcome: &Welcome) {
        let mut out = BytesMut::from(&Preamble::OWN.encode()[..]);
        encode_frame(&mut out, FrameHead::new(FrameKind::Welcome, 0), welcome, &[]);
        self.send(&out);
    }

    /// A welcome, and the answer to a request that comes with the next byte.
    pub(super) fn welcome_and_reply(&mut self, welcome: &Welcome, number: u64) {
        let mut out = BytesMut::from(&Preamble::OWN.encode()[..]);
        encode_frame(&mut out, FrameHead::new(FrameKind::Welcome, 0), welcome, &[]);
        let reply = FrameHead::new(FrameKind::Reply, number);
        encode_frame(&mut out, reply, &ReplyHeader::default(), &[]);
        self.send(&out);
    }

    pub(super) fn preamble_and_goodbye(&mut self, goodbye: &Goodbye) {
        self.send(&Preamble::OWN.encode());
        self.goodbye(goodbye);
    }

    pub(super) fn goodbye(&mut self, goodbye: &Goodbye) {
        self.send_frame(FrameHead::new(FrameKind::Goodbye, 0), goodbye, &[]);
    }

    pub(super) fn send_frame(&mut self, head: FrameHead, header: &impl Message, payload: &[u8]) {
        let mut out = BytesMut::new();
        encode_frame(&mut out, head, header, &[payload]);
        self.send(&out);
    }

    /// The next frame; `None` when the client has closed.
    pub(super) fn frame(&mut self) -> Option<Got> {
        loop {
            if let Some((frame, length)) = parse_frame(&self.unread).unwrap() {
                let got = Got {
                    kind: frame.head.kind,
                    flags: frame.head.flags,
                    number: frame.head.number,
                    header: Bytes::copy_from_slice(frame.header),
                    payload: frame.payload.to_vec(),
                };
                self.unread.drain(..length);
                return Some(got);
            }
            let mut chunk = vec![0; 64 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(length) => self.unread.extend_from_slice(&chunk[..length]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                    ) =>
                {
                    return None;
                }
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// The next request that comes in one frame; what else comes before it is passed by.
    pub(super) fn request(&mut self) -> Asked {
        loop {
            let got = self
                .frame()
                .expect("the client closed where a request was to come");
            if got.kind == FrameKind::Request {
                return Asked {
                    number: got.number,
                    header: RequestHeader::decode(got.header).unwrap(),
                    payload: got.payload,
                };
            }
        }
    }

    pub(super) fn requests(&mut self, count: usize) -> Vec<Asked> {
        (0..count).map(|_| self.request()).collect()
    }

    /// Answers the client's question for its store's id.
    pub(super) fn open_store(&mut self, id: u32) -> Asked {
        let asked = self.request();
        assert_eq!(asked.operation(), Operation::OpenStore);
        self.say_store(&asked, id);
        asked
    }

    pub(super) fn say_store(&mut self, asked: &Asked, id: u32) {
        let header = ReplyHeader {
            store: Some(StoreDescription {
                id,
                name: String::from_utf8_lossy(asked.key()).into_owned(),
                max_value: 1024 * 1024,
                ..StoreDescription::default()
            }),
            ..ReplyHeader::default()
        };
        self.reply(asked.number, &header, &[]);
    }

    pub(super) fn reply(&mut self, number: u64, header: &ReplyHeader, payload: &[u8]) {
        self.send_frame(FrameHead::new(FrameKind::Reply, number), header, payload);
    }

    /// Answers with the key, so that a test sees which request it is the answer to.
    pub(super) fn echo(&mut self, asked: &Asked) {
        self.reply(asked.number, &ReplyHeader::default(), asked.key());
    }

    /// Answers the next request with its key.
    pub(super) fn answer(&mut self) -> Asked {
        let asked = self.request();
        self.echo(&asked);
        asked
    }

    /// Whether the client closes without saying anything more but pings and cancels.
    pub(super) fn closes(&mut self) -> bool {
        loop {
            match self.frame() {
                None => return true,
                Some(got) if matches!(got.kind, FrameKind::Ping | FrameKind::Cancel) => {}
                Some(_) => return false,
            }
        }
    }
}
