//! The bytes of the session protocol, for good: an example of every frame kind and of every operation's request and reply
//! is committed in `v1/*.bin`, and every build must write exactly these bytes and read exactly these messages.
//!
//! Files that are missing are written, and none is ever overwritten, by
//! `HOLDFAST_WRITE_GOLDEN=1 ffi/cargo test -p holdfast-proto --test golden`.

mod example;
mod replies;
mod requests;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Once;

use bytes::BytesMut;
use holdfast_proto::session::{
    ChunkHeader, FrameHead, FrameKind, Goodbye, Hello, Item, ItemReader, NEWEST_VERSION, OLDEST_VERSION,
    Operation, Preamble, ReplyHeader, RequestHeader, Welcome, encode_frame, operation_of, parse_frame,
};
use prost::Message;

use example::{Content, Example, all};

fn directory(version: u16) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"))
}

/// The committed bytes of an example.
fn golden(example: &Example) -> Vec<u8> {
    static WRITE_MISSING: Once = Once::new();
    if std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        WRITE_MISSING.call_once(write_missing);
    }
    let path = path_of(example);
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. A new example needs its golden file: run this test once with HOLDFAST_WRITE_GOLDEN=1 and \
             commit what it writes",
            path.display()
        )
    })
}

fn path_of(example: &Example) -> PathBuf {
    directory(NEWEST_VERSION).join(format!("{}.bin", example.name))
}

fn write_missing() {
    fs::create_dir_all(directory(NEWEST_VERSION)).expect("the directory can be made");
    for example in all().iter().filter(|example| !path_of(example).exists()) {
        fs::write(path_of(example), example.encode()).expect("the file can be written");
    }
}

fn hex(bytes: &[u8]) -> String {
    let line = |chunk: &[u8]| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(line).collect::<Vec<_>>().join("\n  ")
}

#[track_caller]
fn unchanged(example: &Example, what: &str, same: bool, seen: &str) {
    assert!(
        same,
        "the wire format of '{}' changed ({what}), so that peers of version {NEWEST_VERSION} no longer understand this \
         build. If this is not meant, undo it: fields get new numbers and keep their types. If it is meant, raise \
         NEWEST_VERSION in rust-core/proto/src/session.rs, keep tests/golden/v{NEWEST_VERSION} as it is and write new \
         files beside it with HOLDFAST_WRITE_GOLDEN=1.\n{seen}",
        example.name
    );
}

#[test]
fn every_example_is_written_as_the_committed_bytes() {
    for example in all() {
        let (golden, written) = (golden(&example), example.encode());
        let seen = format!(
            "committed:\n  {}\nwritten now:\n  {}",
            hex(&golden),
            hex(&written)
        );
        unchanged(&example, "it is written differently", golden == written, &seen);
    }
}

#[test]
fn the_committed_bytes_are_read_as_every_example() {
    for example in all() {
        let golden = golden(&example);
        let read = Content::read(&example.content, &golden);
        let seen = format!("expected:\n  {:?}\nread now:\n  {read:?}", example.content);
        unchanged(
            &example,
            "it is read differently",
            read.as_ref() == Ok(&example.content),
            &seen,
        );
    }
}

#[test]
fn every_committed_file_belongs_to_an_example() {
    let names: BTreeSet<String> = all()
        .iter()
        .map(|example| format!("{}.bin", example.name))
        .collect();
    assert_eq!(names.len(), all().len(), "two examples have one name");
    for file in fs::read_dir(directory(NEWEST_VERSION)).expect("the golden files are there") {
        let file = file.unwrap().file_name().into_string().unwrap();
        assert!(
            names.contains(&file),
            "tests/golden/v{NEWEST_VERSION}/{file} has no example: a message that was published is never taken back"
        );
    }
}

#[test]
fn every_version_that_this_build_speaks_has_files_and_their_frames_are_read() {
    for version in OLDEST_VERSION..=NEWEST_VERSION {
        let files: Vec<_> = fs::read_dir(directory(version))
            .unwrap_or_else(|error| panic!("no golden files of version {version}: {error}"))
            .map(|file| file.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "no golden files of version {version}");
        for path in files {
            let name = path.file_stem().unwrap().to_str().unwrap();
            if name.starts_with("items_of_") || name == "preamble" {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let (frame, used) = parse_frame(&bytes).unwrap().unwrap();
            assert_eq!(used, bytes.len(), "{}", path.display());
            let read = match frame.head.kind {
                FrameKind::Hello => frame.read::<Hello>().map(drop),
                FrameKind::Welcome => frame.read::<Welcome>().map(drop),
                FrameKind::Request => frame.read::<RequestHeader>().map(drop),
                FrameKind::Reply => frame.read::<ReplyHeader>().map(drop),
                FrameKind::Chunk => frame.read::<ChunkHeader>().map(drop),
                FrameKind::Goodbye => frame.read::<Goodbye>().map(drop),
                FrameKind::Cancel | FrameKind::Ping | FrameKind::Pong => frame.read::<()>(),
            };
            assert_eq!(read, Ok(()), "{}", path.display());
        }
    }
}

#[test]
fn every_frame_kind_and_every_operation_has_an_example() {
    let kinds: BTreeSet<u8> = all()
        .iter()
        .filter_map(|example| example.head())
        .map(|head| head.kind as u8)
        .collect();
    let operations: BTreeSet<i32> = all()
        .iter()
        .filter_map(|example| match &example.content {
            Content::Request(_, header, _) if example.name == requests::name(header) => {
                Some(header.operation)
            }
            _ => None,
        })
        .collect();
    for kind in (0..=u8::MAX).filter_map(FrameKind::from_number) {
        assert!(
            kinds.contains(&(kind as u8)),
            "no example of a {} frame",
            kind.name()
        );
    }
    for operation in (1..=1_000).filter_map(|number| Operation::try_from(number).ok()) {
        assert!(
            operations.contains(&(operation as i32)),
            "no example of a request of {operation:?}"
        );
    }
}

/// Fields of a later version, of every wire type, with numbers that this one does not use.
fn later_fields() -> Vec<u8> {
    use prost::encoding::{WireType, encode_key, encode_varint};
    let mut fields = Vec::new();
    encode_key(900, WireType::Varint, &mut fields);
    encode_varint(u64::MAX, &mut fields);
    encode_key(901, WireType::SixtyFourBit, &mut fields);
    fields.extend_from_slice(&[0xAB; 8]);
    encode_key(902, WireType::LengthDelimited, &mut fields);
    encode_varint(5, &mut fields);
    fields.extend_from_slice(b"later");
    encode_key(903, WireType::ThirtyTwoBit, &mut fields);
    fields.extend_from_slice(&[0xCD; 4]);
    fields
}

/// A header that somebody else encoded.
#[derive(Debug)]
struct Encoded(Vec<u8>);

impl Message for Encoded {
    fn encode_raw(&self, out: &mut impl bytes::BufMut) {
        out.put_slice(&self.0);
    }
    fn merge_field(
        &mut self,
        _: u32,
        _: prost::encoding::WireType,
        _: &mut impl bytes::Buf,
        _: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        Ok(())
    }
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn clear(&mut self) {}
}

#[test]
fn fields_of_a_newer_peer_are_passed_over_in_every_frame() {
    for example in all().iter().filter(|example| example.head().is_some()) {
        let bytes = golden(example);
        let (frame, _) = parse_frame(&bytes).unwrap().unwrap();
        for header in [
            [frame.header, &later_fields()].concat(),
            [&later_fields(), frame.header].concat(),
        ] {
            let mut out = BytesMut::new();
            encode_frame(&mut out, frame.head, &Encoded(header), &[frame.payload]);
            assert_eq!(
                Content::read(&example.content, &out).as_ref(),
                Ok(&example.content),
                "{}",
                example.name
            );
        }
    }
}

fn items_with_later_fields<H: Item>(payload: &[u8]) -> (Vec<u8>, usize) {
    let (mut out, mut items) = (Vec::new(), 0);
    let mut reader = ItemReader::new(payload);
    while let Some((header, key, value)) = reader.next::<H>().unwrap() {
        let header = [header.encode_to_vec(), later_fields()].concat();
        prost::encoding::encode_varint(header.len() as u64, &mut out);
        out.extend_from_slice(&[&header, key, value].concat());
        items += 1;
    }
    (out, items)
}

#[test]
fn fields_of_a_newer_peer_are_passed_over_in_items() {
    let mut seen = 0;
    for example in all() {
        let (bytes, items) = match &example.content {
            Content::RequestItems(_) => items_with_later_fields::<RequestHeader>(&golden(&example)),
            Content::ReplyItems(_) => items_with_later_fields::<ReplyHeader>(&golden(&example)),
            _ => continue,
        };
        seen += items;
        assert_eq!(Content::read(&example.content, &bytes), Ok(example.content));
    }
    assert!(seen > 2, "items were read");
}

#[test]
fn values_of_enums_and_flags_of_a_newer_peer_are_read_and_an_unknown_operation_is_refused_by_name() {
    let header = RequestHeader {
        operation: 99,
        consistency: 7,
        priority: 9,
        flags: u32::MAX,
        ..RequestHeader::default()
    };
    let head = FrameHead {
        flags: 0b1111_1000,
        ..FrameHead::new(FrameKind::Request, 1)
    };
    let mut out = BytesMut::new();
    encode_frame(&mut out, head, &header, &[]);
    let (frame, _) = parse_frame(&out).unwrap().unwrap();
    assert!(!frame.has(FrameHead::IN_PIECES) && !frame.has(FrameHead::LAST));
    let read: RequestHeader = frame.read().unwrap();
    assert_eq!(read, header);
    let error = operation_of(&read).unwrap_err();
    assert_eq!(error.code, holdfast_proto::Code::Unsupported);
    assert!(error.message.contains("operation 99"), "{error}");
}

#[test]
fn the_preamble_of_every_version_is_read() {
    let newer = [b'H', b'L', b'D', b'F', 3, 0, 0x10, 0x27];
    assert_eq!(
        Preamble::decode(newer),
        Ok(Preamble {
            oldest: 3,
            newest: 10_000
        })
    );
}
