//! A stream of frames, as it comes from a connection: whatever its bytes are, every frame is used as whatever it can be,
//! and what was read is written and read again the same.
#![no_main]

use bytes::BytesMut;
use holdfast_proto::session::{
    ChunkHeader, Frame, FrameKind, Goodbye, Hello, Item, ItemReader, MAX_FRAME, ReplyHeader, RequestHeader,
    Welcome, encode_frame, id_of, operation_of, parse_frame,
};
use libfuzzer_sys::fuzz_target;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some((frame, used))) = parse_frame(rest) {
        assert!(used <= rest.len() && frame.header.len() + frame.payload.len() <= MAX_FRAME);
        assert_eq!(parse_frame(&rest[..used - 1]), Ok(None), "a frame that is cut is waited for");
        use_frame(&frame);
        rest = &rest[used..];
    }
});

fn use_frame(frame: &Frame<'_>) {
    match frame.head.kind {
        FrameKind::Hello => {
            if let Some(hello) = read_again::<Hello>(frame) {
                let _ = (id_of(&hello.session), id_of(&hello.cluster_id));
            }
        }
        FrameKind::Welcome => drop(read_again::<Welcome>(frame)),
        FrameKind::Goodbye => drop(read_again::<Goodbye>(frame)),
        FrameKind::Chunk => drop(read_again::<ChunkHeader>(frame)),
        FrameKind::Request => {
            if let Some(header) = read_again::<RequestHeader>(frame) {
                use_request(&header, frame.payload);
                use_items::<RequestHeader>(frame.payload, use_request);
            }
        }
        FrameKind::Reply => {
            if let Some(header) = read_again::<ReplyHeader>(frame) {
                let _ = header.error();
                use_items::<ReplyHeader>(frame.payload, |header, _| drop(header.error()));
            }
        }
        FrameKind::Cancel | FrameKind::Ping | FrameKind::Pong => {
            let _ = frame.read::<()>();
        }
    }
}

fn read_again<M: Message + Default + PartialEq>(frame: &Frame<'_>) -> Option<M> {
    let message: M = frame.read().ok()?;
    let mut out = BytesMut::new();
    encode_frame(&mut out, frame.head, &message, &[frame.payload]);
    let (again, _) = parse_frame(&out).expect("what was written is a frame").expect("and complete");
    assert_eq!((again.head, again.payload), (frame.head, frame.payload));
    assert!(again.read::<M>().expect("what was written is read") == message);
    Some(message)
}

fn use_request(header: &RequestHeader, payload: &[u8]) {
    if let Some(definition) = &header.definition {
        let _ = definition.given();
    }
    let (Ok(operation), Ok((key, value))) = (operation_of(header), header.key_and_value(payload)) else {
        return;
    };
    let _ = header.change(operation, key, value);
    let _ = header.range(key, value);
}

fn use_items<H: Item>(payload: &[u8], mut each: impl FnMut(&H, &[u8])) {
    let mut items = ItemReader::new(payload);
    while let Ok(Some((header, key, _))) = items.next::<H>() {
        each(&header, key);
    }
}
