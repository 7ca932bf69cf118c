//! How a server ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{
    FrameHead, FrameKind, Goodbye, Hello, Operation, Preamble, ReplyHeader, RequestHeader, StoreDefinition,
    encode_frame, flags, parse_frame,
};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Serve, holdfast, until};

/// A client that does nothing by itself: it does not go when it is told to.
struct Session {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Session {
    fn open(server: &Serve) -> Session {
        let mut stream = TcpStream::connect(&server.listen).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let hello = Hello {
            tenant: "default".to_owned(),
            session: Bytes::from_static(b"sixteen bytes :)"),
            ..Hello::default()
        };
        let mut out = BytesMut::from(&Preamble::OWN.encode()[..]);
        encode_frame(&mut out, FrameHead::new(FrameKind::Hello, 0), &hello, &[]);
        stream.write_all(&out).unwrap();
        let mut preamble = [0; Preamble::LENGTH];
        stream.read_exact(&mut preamble).unwrap();
        let mut session = Session {
            stream,
            read: Vec::new(),
        };
        assert_eq!(session.next().0, FrameKind::Welcome);
        session
    }

    /// Kind and header of the next frame.
    fn next(&mut self) -> (FrameKind, Bytes) {
        loop {
            if let Some((frame, length)) = parse_frame(&self.read).unwrap() {
                let found = (frame.head.kind, Bytes::copy_from_slice(frame.header));
                self.read.drain(..length);
                return found;
            }
            let mut room = [0; 16 * 1024];
            let length = self.stream.read(&mut room).unwrap();
            assert_ne!(length, 0, "the server has closed the connection");
            self.read.extend_from_slice(&room[..length]);
        }
    }

    fn next_reply(&mut self) -> ReplyHeader {
        loop {
            let (kind, header) = self.next();
            if kind == FrameKind::Reply {
                return prost::Message::decode(header).unwrap();
            }
        }
    }

    /// Opens `default/default`, and gives its id.
    fn open_store(&mut self) -> u32 {
        let header = RequestHeader {
            operation: Operation::OpenStore as i32,
            key_length: 7,
            definition: Some(StoreDefinition {
                create: true,
                ..StoreDefinition::default()
            }),
            ..RequestHeader::default()
        };
        let mut out = BytesMut::new();
        encode_frame(
            &mut out,
            FrameHead::new(FrameKind::Request, 1),
            &header,
            &[b"default"],
        );
        self.stream.write_all(&out).unwrap();
        self.next_reply().store.unwrap().id
    }
}

#[tokio::test]
async fn while_it_stops_it_says_that_it_is_not_ready_and_waits_for_its_clients() {
    let server = Serve::start(&["--stop-timeout", "1h"]);
    let channel = Channel::from_shared(format!("http://{}", server.listen))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = HealthClient::new(channel);
    let check = async |health: &mut HealthClient<Channel>| {
        health
            .check(HealthCheckRequest::default())
            .await
            .unwrap()
            .into_inner()
            .status()
    };
    assert_eq!(check(&mut health).await, ServingStatus::Serving);
    let mut session = Session::open(&server);
    server.terminate();
    let (kind, goodbye) = session.next();
    let goodbye: Goodbye = prost::Message::decode(goodbye).unwrap();
    assert!(kind == FrameKind::Goodbye && goodbye.reconnect, "{goodbye:?}");
    let (status, reason) = server.get("/readyz");
    assert_eq!((status, reason.as_str()), (503, "the node is stopping\n"));
    assert_eq!(server.get("/healthz").0, 200);
    while check(&mut health).await != ServingStatus::NotServing {
        tokio::task::yield_now().await;
    }
    drop(session);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn what_was_sent_before_it_stops_is_answered_before_it_ends() {
    const PUTS: u64 = 5_000;
    let server = Serve::start(&["--stop-timeout", "1h"]);
    let mut session = Session::open(&server);
    let store = session.open_store();
    let mut out = BytesMut::new();
    for number in 2..2 + PUTS {
        let key = format!("key:{number}");
        let header = RequestHeader {
            operation: Operation::Put as i32,
            store,
            key_length: key.len() as u32,
            ..RequestHeader::default()
        };
        encode_frame(
            &mut out,
            FrameHead::new(FrameKind::Request, number),
            &header,
            &[key.as_bytes(), b"value"],
        );
    }
    session.stream.write_all(&out).unwrap();
    server.terminate();
    for _ in 0..PUTS {
        let reply = session.next_reply();
        assert!(reply.code == 0 && reply.flags & flags::APPLIED != 0, "{reply:?}");
    }
    drop(session);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn clients_that_do_not_go_are_left_behind_after_the_stop_timeout() {
    let server = Serve::start(&["--stop-timeout", "50ms"]);
    let _session = Session::open(&server);
    server.terminate();
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Serve::start(&["--stop-timeout", "1h"]);
    let mut session = Session::open(&server);
    server.terminate();
    assert_eq!(session.next().0, FrameKind::Goodbye);
    server.terminate();
    assert_eq!(server.ended().code(), Some(128 + 15));
}

#[test]
fn the_service_manager_hears_when_it_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut room = [0; 256];
        let length = manager.recv(&mut room).unwrap();
        String::from_utf8_lossy(&room[..length]).into_owned()
    };
    let server = Serve::start_with(holdfast(&["serve"]).env("NOTIFY_SOCKET", &path));
    assert_eq!(heard(), "READY=1");
    server.terminate();
    assert_eq!(heard(), "STOPPING=1");
    until("the server has ended", || server.run(&["health"]).code == 3);
}
