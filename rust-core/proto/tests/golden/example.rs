//! What an example is: a name, and what its bytes say.

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{
    ChunkHeader, FrameError, FrameHead, FrameKind, Goodbye, Hello, Item, ItemReader, Limits, Preamble,
    ReplyHeader, RequestHeader, Welcome, encode_frame, hello, id_bytes, parse_frame, push_item,
};
use prost::Message;

use crate::{replies, requests};

pub(crate) type Items<H> = Vec<(H, Vec<u8>, Vec<u8>)>;

/// What the bytes of an example say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Preamble(Preamble),
    Hello(FrameHead, Hello),
    Welcome(FrameHead, Welcome),
    Request(FrameHead, RequestHeader, Vec<u8>),
    Reply(FrameHead, ReplyHeader, Vec<u8>),
    Chunk(FrameHead, ChunkHeader, Vec<u8>),
    Goodbye(FrameHead, Goodbye),
    /// Cancel, Ping, Pong.
    Bare(FrameHead),
    RequestItems(Items<RequestHeader>),
    ReplyItems(Items<ReplyHeader>),
}

pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) content: Content,
}

impl Example {
    pub(crate) fn new(name: impl Into<String>, content: Content) -> Example {
        Example {
            name: name.into(),
            content,
        }
    }

    pub(crate) fn head(&self) -> Option<FrameHead> {
        match &self.content {
            Content::Preamble(_) | Content::RequestItems(_) | Content::ReplyItems(_) => None,
            Content::Hello(head, _)
            | Content::Welcome(head, _)
            | Content::Request(head, ..)
            | Content::Reply(head, ..)
            | Content::Chunk(head, ..)
            | Content::Goodbye(head, _)
            | Content::Bare(head) => Some(*head),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match &self.content {
            Content::Preamble(preamble) => preamble.encode().to_vec(),
            Content::Hello(head, header) => frame(*head, header, &[]),
            Content::Welcome(head, header) => frame(*head, header, &[]),
            Content::Request(head, header, payload) => frame(*head, header, payload),
            Content::Reply(head, header, payload) => frame(*head, header, payload),
            Content::Chunk(head, header, payload) => frame(*head, header, payload),
            Content::Goodbye(head, header) => frame(*head, header, &[]),
            Content::Bare(head) => frame(*head, &(), &[]),
            Content::RequestItems(items) => items_payload(items),
            Content::ReplyItems(items) => items_payload(items),
        }
    }
}

impl Content {
    /// Reads bytes as what `kind` is an example of.
    pub(crate) fn read(kind: &Content, bytes: &[u8]) -> Result<Content, FrameError> {
        match kind {
            Content::Preamble(_) => {
                return Preamble::decode(bytes.try_into().expect("a preamble has 8 bytes"))
                    .map(Content::Preamble);
            }
            Content::RequestItems(_) => return read_items(bytes).map(Content::RequestItems),
            Content::ReplyItems(_) => return read_items(bytes).map(Content::ReplyItems),
            _ => {}
        }
        let (frame, used) = parse_frame(bytes)?.expect("the frame is complete");
        assert_eq!(used, bytes.len(), "one frame and nothing more");
        let (head, payload) = (frame.head, frame.payload.to_vec());
        Ok(match head.kind {
            FrameKind::Hello => Content::Hello(head, frame.read()?),
            FrameKind::Welcome => Content::Welcome(head, frame.read()?),
            FrameKind::Request => Content::Request(head, frame.read()?, payload),
            FrameKind::Reply => Content::Reply(head, frame.read()?, payload),
            FrameKind::Chunk => Content::Chunk(head, frame.read()?, payload),
            FrameKind::Goodbye => Content::Goodbye(head, frame.read()?),
            FrameKind::Cancel | FrameKind::Ping | FrameKind::Pong => {
                frame.read::<()>()?;
                Content::Bare(head)
            }
        })
    }
}

fn frame(head: FrameHead, header: &impl Message, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_frame(&mut out, head, header, &[payload]);
    out.to_vec()
}

pub(crate) fn items_payload<H: Item>(items: &Items<H>) -> Vec<u8> {
    let mut payload = Vec::new();
    for (header, key, value) in items {
        push_item(&mut payload, header, key, value);
    }
    payload
}

fn read_items<H: Item>(payload: &[u8]) -> Result<Items<H>, FrameError> {
    let (mut reader, mut items) = (ItemReader::new(payload), Vec::new());
    while let Some((header, key, value)) = reader.next::<H>()? {
        items.push((header, key.to_vec(), value.to_vec()));
    }
    Ok(items)
}

/// Every example. No message is written with `..Default::default()`: a new field makes this file not compile until the
/// example that has every field has it too.
pub(crate) fn all() -> Vec<Example> {
    let mut all = vec![Example::new("preamble", Content::Preamble(Preamble::OWN))];
    all.extend(handshake());
    all.extend(requests::all());
    all.extend(replies::all());
    all.extend(bare());
    all
}

fn handshake() -> Vec<Example> {
    let hello = Hello {
        features: 0x0102_0304_0506_0708,
        cluster_id: id_bytes(0x1111_2222_3333_4444_5555_6666_7777_8888),
        credential: Some(hello::Credential::Token("a token".to_owned())),
        tenant: "shop".to_owned(),
        client_name: "orders".to_owned(),
        client_version: "0.1.0".to_owned(),
        session: id_bytes(0x9999_AAAA_BBBB_CCCC_DDDD_EEEE_FFFF_0001),
        session_epoch: 1_790_000_000_000_000,
    };
    let first_hello = Hello {
        session: id_bytes(7),
        ..Hello::default()
    };
    let welcome = Welcome {
        node: "node-1".to_owned(),
        incarnation: id_bytes(0x0F0E_0D0C_0B0A_0908_0706_0504_0302_0100),
        cluster_id: id_bytes(0x1111_2222_3333_4444_5555_6666_7777_8888),
        server_version: "0.1.0".to_owned(),
        features: 0x8070_6050_4030_2010,
        epoch: 1_790_000_000_000_001,
        session_resumed: true,
        limits: Some(Limits {
            max_key: 4_096,
            max_value: 64 << 20,
            max_batch: 64 << 20,
            max_frame: 278_528,
            connection_bytes: 64 << 20,
        }),
        dedupe_window: 4_096,
        slot_epoch: 12,
        idle_timeout_ms: 15_000,
    };
    let goodbye = Goodbye {
        code: 50,
        reason: "the node is stopping".to_owned(),
        reconnect: true,
        reconnect_after_ms: 250,
    };
    let head = |kind| FrameHead::new(kind, 0);
    vec![
        Example::new("hello", Content::Hello(head(FrameKind::Hello), hello)),
        Example::new(
            "hello_of_a_new_session",
            Content::Hello(head(FrameKind::Hello), first_hello),
        ),
        Example::new("welcome", Content::Welcome(head(FrameKind::Welcome), welcome)),
        Example::new("goodbye", Content::Goodbye(head(FrameKind::Goodbye), goodbye)),
    ]
}

fn bare() -> Vec<Example> {
    let bare = |name: &str, kind, number| Example::new(name, Content::Bare(FrameHead::new(kind, number)));
    let chunk = |flags, offset, payload: &[u8]| {
        let head = FrameHead {
            flags,
            ..FrameHead::new(FrameKind::Chunk, 0x0102_0304_0506_0708)
        };
        Content::Chunk(head, ChunkHeader { offset }, payload.to_vec())
    };
    vec![
        Example::new("chunk", chunk(0, 0, b"the first piece")),
        Example::new(
            "chunk_last",
            chunk(FrameHead::LAST, 262_144, b"and the last piece"),
        ),
        bare("cancel", FrameKind::Cancel, 41),
        bare("ping", FrameKind::Ping, 42),
        bare("pong", FrameKind::Pong, u64::MAX),
    ]
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
