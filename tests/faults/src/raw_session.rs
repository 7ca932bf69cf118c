//! A connection to a node that says whatever a test wants it to say.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use holdfast_proto::session::{
    FrameHead, FrameKind, Goodbye, Hello, Operation, Preamble, ReplyHeader, RequestHeader, StoreClass,
    StoreDefinition, Welcome, encode_frame, id_bytes, parse_frame,
};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::wait::within;

const BUFFER: u32 = 64 << 10;
const LONGEST_ANSWER: Duration = Duration::from_secs(40);

/// What came from the node.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// It ends the connection and says why.
    Goodbye(Goodbye),
    /// The connection ended.
    End,
    /// A reply: number, header, payload.
    Reply(u64, Box<ReplyHeader>, Vec<u8>),
    /// Anything else.
    Other(FrameKind),
}

/// A connection that speaks frames, or bytes.
pub struct RawSession {
    stream: TcpStream,
    read: BytesMut,
    next_number: u64,
    awaits_preamble: bool,
}

impl RawSession {
    /// Connects and says nothing.
    pub async fn connect(node: SocketAddr) -> RawSession {
        let socket = TcpSocket::new_v4().expect("a socket");
        // What the kernel holds back for a client that sends too much, the client cannot take back when it is too late.
        socket.set_send_buffer_size(BUFFER).expect("a TCP socket");
        socket.set_recv_buffer_size(BUFFER).expect("a TCP socket");
        let stream = within(LONGEST_ANSWER, "connecting", socket.connect(node))
            .await
            .expect("the node accepts connections");
        stream.set_nodelay(true).expect("a TCP socket");
        RawSession {
            stream,
            read: BytesMut::new(),
            next_number: 1,
            awaits_preamble: true,
        }
    }

    /// Connects and is welcomed; `session` names it.
    pub async fn welcomed(node: SocketAddr, session: u128) -> (RawSession, Welcome) {
        let mut this = RawSession::connect(node).await;
        this.send(&hello(session)).await.expect("a hello can be sent");
        let (head, header, _) = this.frame().await.expect("an answer to the hello");
        assert_eq!(head.kind, FrameKind::Welcome);
        (this, Welcome::decode(&header[..]).expect("a welcome"))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the node has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The connection, of which everything so far has been read.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        assert!(self.read.is_empty(), "something came that nobody has read");
        self.stream
    }

    /// Says that nothing more will come from here.
    pub async fn finish(&mut self) {
        // The node may have closed the connection before.
        let _ = self.stream.shutdown().await;
    }

    /// Every byte up to the connection's end, whatever protocol it is of.
    pub async fn bytes_to_the_end(&mut self) -> Vec<u8> {
        let mut bytes = self.read.split().to_vec();
        let read = self.stream.read_to_end(&mut bytes);
        // A reset is an end too.
        let _ = within(LONGEST_ANSWER, "the connection's end", read).await;
        bytes
    }

    /// Sends a request and gives its number.
    pub async fn request(&mut self, header: RequestHeader, key: &[u8], value: &[u8]) -> std::io::Result<u64> {
        let number = self.next_number;
        self.next_number += 1;
        let header = RequestHeader {
            key_length: key.len() as u32,
            ..header
        };
        let frame = frame_of(
            FrameHead::new(FrameKind::Request, number),
            &header,
            &[key, value].concat(),
        );
        self.send(&frame).await?;
        Ok(number)
    }

    /// Opens a store and gives its number.
    pub async fn open_store(&mut self, name: &str, class: StoreClass) -> u32 {
        let header = RequestHeader {
            operation: Operation::OpenStore as i32,
            definition: Some(StoreDefinition {
                default_class: class as i32,
                create: true,
                ..StoreDefinition::default()
            }),
            ..RequestHeader::default()
        };
        self.request(header, name.as_bytes(), b"")
            .await
            .expect("a request can be sent");
        match self.heard().await {
            Heard::Reply(_, header, _) => header.store.expect("a description of the store").id,
            other => panic!("opening a store was answered with {other:?}"),
        }
    }

    /// The next that comes; pieces of payloads are passed over.
    pub async fn heard(&mut self) -> Heard {
        loop {
            let Some((head, header, payload)) = self.frame().await else {
                return Heard::End;
            };
            return match head.kind {
                FrameKind::Chunk => continue,
                FrameKind::Goodbye => Heard::Goodbye(Goodbye::decode(&header[..]).expect("a goodbye")),
                FrameKind::Reply => {
                    let header = ReplyHeader::decode(&header[..]).expect("a reply");
                    Heard::Reply(head.number, Box::new(header), payload)
                }
                kind => Heard::Other(kind),
            };
        }
    }

    /// Everything up to the connection's end, and the goodbye if there was one.
    pub async fn heard_to_the_end(&mut self) -> Option<Goodbye> {
        let mut goodbye = None;
        loop {
            match self.heard().await {
                Heard::End => return goodbye,
                Heard::Goodbye(said) => goodbye = Some(said),
                _ => {}
            }
        }
    }

    async fn frame(&mut self) -> Option<(FrameHead, Vec<u8>, Vec<u8>)> {
        loop {
            if self.awaits_preamble && self.read.len() >= Preamble::LENGTH {
                let bytes = *self.read.first_chunk().expect("it is long enough");
                Preamble::decode(bytes).expect("the node's preamble");
                self.read.advance(Preamble::LENGTH);
                self.awaits_preamble = false;
            }
            if !self.awaits_preamble {
                let found = parse_frame(&self.read).expect("the node sends frames");
                if let Some((frame, used)) = found {
                    let frame = (frame.head, frame.header.to_vec(), frame.payload.to_vec());
                    self.read.advance(used);
                    return Some(frame);
                }
            }
            let read = self.stream.read_buf(&mut self.read);
            // A reset is an end too.
            match within(
                LONGEST_ANSWER,
                "an answer of the node, or the connection's end",
                read,
            )
            .await
            {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// Preamble and hello of a new session.
#[must_use]
pub fn hello(session: u128) -> Vec<u8> {
    let hello = Hello {
        tenant: "default".to_owned(),
        session: id_bytes(session),
        ..Hello::default()
    };
    let mut bytes = Preamble::OWN.encode().to_vec();
    bytes.extend(frame_of(FrameHead::new(FrameKind::Hello, 0), &hello, b""));
    bytes
}

/// A frame's bytes.
#[must_use]
pub fn frame_of(head: FrameHead, header: &impl Message, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_frame(&mut out, head, header, &[payload]);
    out.to_vec()
}
