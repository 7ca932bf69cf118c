//! A connection to a whole server in this process: whatever it is fed, it ends, and the server serves others. Bits of the
//! first byte say what comes before the rest of the input: a preamble and a hello (1), the opening of a store (2).
#![no_main]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use holdfast_node::clock::ManualClock;
use holdfast_node::log::NoLog;
use holdfast_node::server::{Server, ServerOptions};
use holdfast_node::{Node, NodeOptions};
use holdfast_proto::session::{
    FrameHead, FrameKind, Hello, Operation, Preamble, RequestHeader, StoreDefinition, encode_frame, id_bytes,
};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const LONGEST: Duration = Duration::from_secs(8);
/// A new server from time to time, so that stores that inputs have made do not add up.
const INPUTS_EACH: u64 = 2_000;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});
static SERVER: Mutex<Option<Server>> = Mutex::new(None);
static INPUTS: AtomicU64 = AtomicU64::new(0);

fuzz_target!(|bytes: &[u8]| {
    let Some((&before, rest)) = bytes.split_first() else {
        return;
    };
    let mut input = Vec::new();
    if before & 1 != 0 {
        input.extend(Preamble::OWN.encode());
        input.extend(hello());
        if before & 2 != 0 {
            input.extend(open_store());
        }
    }
    input.extend(rest);
    let inputs = INPUTS.fetch_add(1, Ordering::Relaxed);
    RUNTIME.block_on(async {
        let address = server(inputs.is_multiple_of(INPUTS_EACH)).await;
        feed(address, &input).await;
        if inputs.is_multiple_of(50) {
            let answer = feed(address, &[&Preamble::OWN.encode()[..], &hello()].concat()).await;
            assert_eq!(answer.get(..8), Some(&Preamble::OWN.encode()[..]), "others are served");
            assert_eq!(answer.get(12), Some(&(FrameKind::Welcome as u8)), "others are welcome");
        }
    });
});

#[expect(clippy::await_holding_lock, reason = "one input at a time")]
async fn server(new: bool) -> SocketAddr {
    let mut server = SERVER.lock().expect("no panic under it");
    if new {
        if let Some(old) = server.take() {
            old.stop(Duration::from_secs(1)).await;
        }
        let node = Node::start(NodeOptions {
            name: "fuzzed".to_owned(),
            clock: Arc::new(ManualClock::default()),
            memory_limit: 64 << 20,
            seed: 1,
            log: Arc::new(NoLog),
        });
        let options = ServerOptions::new(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(NoLog));
        *server = Some(Server::start(Arc::new(node), options).await.expect("a free port"));
    }
    server.as_ref().expect("it was started").local_addr()
}

/// Sends everything, says that nothing more comes, and reads to the end.
async fn feed(address: SocketAddr, input: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("it accepts");
    let mut answer = Vec::new();
    let (mut read, mut write) = stream.split();
    let sending = async {
        // What is none of the protocol is cut before all of it is read: not every byte finds somebody.
        let _ = write.write_all(input).await;
        let _ = write.shutdown().await;
    };
    let reading = async {
        // A reset is an end too: `answer` has what came before.
        let _ = read.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(LONGEST, async { tokio::join!(sending, reading) })
        .await
        .expect("a connection ends when its client has said everything");
    answer
}

fn hello() -> Vec<u8> {
    let hello = Hello {
        tenant: "default".to_owned(),
        session: id_bytes(7),
        ..Hello::default()
    };
    frame(FrameKind::Hello, 0, &hello, b"")
}

fn open_store() -> Vec<u8> {
    const NAME: &[u8] = b"fuzzed";
    let header = RequestHeader {
        operation: Operation::OpenStore as i32,
        key_length: NAME.len() as u32,
        definition: Some(StoreDefinition {
            create: true,
            ..StoreDefinition::default()
        }),
        ..RequestHeader::default()
    };
    frame(FrameKind::Request, 1, &header, NAME)
}

fn frame(kind: FrameKind, number: u64, header: &impl Message, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_frame(&mut out, FrameHead::new(kind, number), header, &[payload]);
    out.to_vec()
}
