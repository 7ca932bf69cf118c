//! The hostile connections, each with how it must end.

use holdfast_faults::{frame_of, hello};
use holdfast_proto::Code;
use holdfast_proto::session::{
    CHUNK_FROM, ChunkHeader, FrameHead, FrameKind, Hello, MAX_FRAME, MAX_HEADER, MAX_PAYLOAD, Operation,
    Preamble, ReplyHeader, RequestHeader, id_bytes, push_item,
};

/// How the node must end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The connection ends; what the node says before that is its own matter.
    End,
    /// The connection ends, whatever frames come before.
    EndOrGoodbye,
    /// With a goodbye that has a reason, and this code.
    Goodbye(Option<Code>),
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    /// Nothing more comes from the client after the bytes.
    pub(super) finishes: bool,
    pub(super) answer: Answer,
}

impl Case {
    /// Whether the node needs no timeout of its own to end it.
    pub(super) fn is_quick(&self) -> bool {
        self.finishes || self.answer != Answer::End
    }
}

/// `store` is one that the node has.
pub(super) fn all(store: u32) -> Vec<Case> {
    let mut all = not_a_session();
    all.extend(before_the_hello());
    all.extend(frames_that_no_client_sends());
    all.extend(pieces_that_do_not_fit(store));
    all.extend(requests_that_lie(store));
    all.extend(truncated());
    all
}

fn not_a_session() -> Vec<Case> {
    let end = |name, bytes: &[u8]| Case {
        name,
        bytes: bytes.to_vec(),
        finishes: true,
        answer: Answer::End,
    };
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    vec![
        end("nothing at all", b""),
        end("noise", &noise),
        end("zeros", &[0; 70_000]),
        end("HTTP/1", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        end("Redis", b"*1\r\n$4\r\nPING\r\n"),
        end("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        end(
            "HTTP/2 and noise",
            &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &noise[..]].concat(),
        ),
        end("half a magic", b"HL"),
    ]
}

fn after_preamble(name: &'static str, frame: Vec<u8>, code: Option<Code>) -> Case {
    Case {
        name,
        bytes: [&Preamble::OWN.encode()[..], &frame].concat(),
        finishes: false,
        answer: Answer::Goodbye(code),
    }
}

fn before_the_hello() -> Vec<Case> {
    let later = Preamble {
        oldest: 900,
        newest: 901,
    };
    let bad_session = Hello {
        session: bytes::Bytes::from_static(b"short"),
        ..Hello::default()
    };
    let ping = frame_of(FrameHead::new(FrameKind::Ping, 1), &(), b"");
    let request = frame_of(FrameHead::new(FrameKind::Request, 1), &get(), b"key");
    vec![
        Case {
            name: "a later version",
            bytes: [&later.encode()[..], &hello(2)[8..]].concat(),
            finishes: false,
            answer: Answer::Goodbye(Some(Code::Unsupported)),
        },
        after_preamble("a ping instead of a hello", ping, None),
        after_preamble("a request instead of a hello", request, None),
        after_preamble("noise instead of a hello", vec![0xFF; 64], None),
        after_preamble(
            "a session of 5 bytes",
            frame_of(FrameHead::new(FrameKind::Hello, 0), &bad_session, b""),
            None,
        ),
        after_preamble("a hello that is too long", head(u32::MAX, 1, 0), None),
    ]
}

fn head(length: u32, kind: u8, header_length: u16) -> Vec<u8> {
    let mut head = length.to_le_bytes().to_vec();
    head.extend([kind, 0]);
    head.extend(header_length.to_le_bytes());
    head.extend(1_u64.to_le_bytes());
    head
}

fn get() -> RequestHeader {
    RequestHeader {
        operation: Operation::Get as i32,
        key_length: 3,
        ..RequestHeader::default()
    }
}

fn after_hello(name: &'static str, frame: Vec<u8>) -> Case {
    Case {
        name,
        bytes: [hello(3), frame].concat(),
        finishes: false,
        answer: Answer::Goodbye(None),
    }
}

fn frames_that_no_client_sends() -> Vec<Case> {
    let frame =
        |kind, header: &ChunkHeader, payload: &[u8]| frame_of(FrameHead::new(kind, 1), header, payload);
    let reply = frame_of(
        FrameHead::new(FrameKind::Reply, 1),
        &ReplyHeader::default(),
        b"value",
    );
    let no_header = ChunkHeader::default();
    let mut bad_header = head(20, FrameKind::Request as u8, 20);
    bad_header.extend([0xFF; 20]);
    vec![
        after_hello("a second hello", hello(4)[8..].to_vec()),
        after_hello("a welcome", frame(FrameKind::Welcome, &no_header, b"")),
        after_hello("a reply", reply),
        after_hello("a kind that is not there", head(0, 0, 0)),
        after_hello("a kind of a later version", head(4, 200, 0)),
        after_hello("a frame that is too long", head(MAX_FRAME as u32 + 1, 3, 0)),
        after_hello("the longest frame there could be", head(u32::MAX, 3, 0)),
        after_hello("a header longer than its frame", head(10, 3, 11)),
        after_hello(
            "a header that is too long",
            head(MAX_FRAME as u32, 3, MAX_HEADER as u16 + 1),
        ),
        after_hello("a header that is no message", bad_header),
    ]
}

fn in_pieces(store: u32, length: u64) -> Vec<u8> {
    let head = FrameHead {
        flags: FrameHead::IN_PIECES,
        ..FrameHead::new(FrameKind::Request, 1)
    };
    let header = RequestHeader {
        operation: Operation::Put as i32,
        payload_length: length,
        store,
        ..get()
    };
    frame_of(head, &header, b"")
}

fn piece(offset: u64, length: usize, flags: u8) -> Vec<u8> {
    let head = FrameHead {
        flags,
        ..FrameHead::new(FrameKind::Chunk, 1)
    };
    frame_of(head, &ChunkHeader { offset }, &vec![1; length])
}

fn pieces_that_do_not_fit(store: u32) -> Vec<Case> {
    let announced = CHUNK_FROM as u64;
    vec![
        after_hello(
            "pieces beyond what is allowed",
            in_pieces(store, MAX_PAYLOAD as u64 + 1),
        ),
        after_hello(
            "pieces of the longest payload there could be",
            in_pieces(store, u64::MAX),
        ),
        after_hello("pieces of a payload that needs none", in_pieces(store, 10)),
        after_hello(
            "a piece at the wrong place",
            [in_pieces(store, announced), piece(7, 10, 0)].concat(),
        ),
        after_hello(
            "a last piece that comes early",
            [in_pieces(store, announced), piece(0, 10, FrameHead::LAST)].concat(),
        ),
        after_hello(
            "a piece of nothing",
            [in_pieces(store, announced), piece(0, 0, 0)].concat(),
        ),
    ]
}

fn requests_that_lie(store: u32) -> Vec<Case> {
    let long_key = RequestHeader {
        key_length: u32::MAX,
        ..get()
    };
    let mut items = Vec::new();
    push_item(&mut items, &get(), b"key", b"");
    let many = RequestHeader {
        operation: Operation::GetMany as i32,
        items: u32::MAX,
        ..RequestHeader::default()
    };
    let request = |header: &RequestHeader, payload: &[u8]| {
        frame_of(FrameHead::new(FrameKind::Request, 1), header, payload)
    };
    // Whether these cost the connection or only the request is the node's choice; the client leaves in any case.
    let left = |name, frame: Vec<u8>| Case {
        name,
        bytes: [hello(5), frame].concat(),
        finishes: true,
        answer: Answer::EndOrGoodbye,
    };
    vec![
        left("a piece without its request", piece(0, 10, 0)),
        left(
            "a piece at the wrong place of a request that was refused",
            [in_pieces(u32::MAX, CHUNK_FROM as u64), piece(7, 10, 0)].concat(),
        ),
        left("a payload that never comes", in_pieces(store, MAX_PAYLOAD as u64)),
        left("a key beyond its payload", request(&long_key, b"key")),
        left("more items than there are", request(&many, &items)),
        left("items that are cut", request(&many, &items[..items.len() - 2])),
        left(
            "a store that is not open",
            request(&RequestHeader { store: 99, ..get() }, b"key"),
        ),
        left(
            "an operation of a later version",
            request(
                &RequestHeader {
                    operation: 99,
                    ..get()
                },
                b"key",
            ),
        ),
        left("a session with the id 0", {
            let none = Hello {
                session: id_bytes(0),
                ..Hello::default()
            };
            frame_of(FrameHead::new(FrameKind::Hello, 0), &none, b"")
        }),
        left(
            "a number that is used twice",
            [request(&get(), b"key"), request(&get(), b"key")].concat(),
        ),
    ]
}

fn truncated() -> Vec<Case> {
    let whole = [
        hello(6),
        frame_of(FrameHead::new(FrameKind::Request, 1), &get(), b"key"),
    ]
    .concat();
    (9..whole.len())
        .step_by(5)
        .map(|end| Case {
            name: "a session that is cut",
            bytes: whole[..end].to_vec(),
            finishes: true,
            answer: Answer::EndOrGoodbye,
        })
        .collect()
}
