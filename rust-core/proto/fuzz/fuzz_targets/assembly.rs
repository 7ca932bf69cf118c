//! Payloads in pieces. The first two bytes are the length that is announced, the next says whether the rest are whole
//! frames or instructions for pieces that nearly fit.
#![no_main]

use bytes::BytesMut;
use holdfast_proto::session::{Assembly, ChunkHeader, FrameHead, FrameKind, encode_frame, parse_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [l0, l1, mode, rest @ ..] = bytes else {
        return;
    };
    let length = usize::from(u16::from_le_bytes([*l0, *l1]));
    if mode % 2 == 0 {
        frames(length, rest);
    } else {
        steps(length, rest);
    }
});

fn frames(length: usize, mut rest: &[u8]) {
    let (mut assembly, mut expected) = (Assembly::new(length), Vec::new());
    while let Ok(Some((frame, used))) = parse_frame(rest) {
        rest = &rest[used..];
        match assembly.push(&frame) {
            Ok(last) => {
                expected.extend_from_slice(frame.payload);
                if last {
                    assert_eq!(expected.len(), length);
                    assert_eq!(assembly.into_bytes(), expected);
                    return;
                }
                assert!(expected.len() < length);
            }
            Err(_) => break,
        }
    }
    assert_eq!(assembly.into_bytes(), expected);
}

fn steps(length: usize, rest: &[u8]) {
    let (mut assembly, mut have) = (Assembly::new(length), 0_usize);
    for step in rest.chunks_exact(3) {
        let offset = (have as u64).wrapping_add_signed(i64::from(step[0] as i8));
        let payload = vec![step[1]; usize::from(step[1]) * 16];
        let head = FrameHead {
            flags: step[2],
            ..FrameHead::new(FrameKind::Chunk, 1)
        };
        let mut out = BytesMut::new();
        encode_frame(&mut out, head, &ChunkHeader { offset }, &[&payload]);
        let (frame, _) = parse_frame(&out).expect("a frame").expect("a whole frame");
        let last = frame.has(FrameHead::LAST);
        let end = have + payload.len();
        let fits = !payload.is_empty()
            && offset == have as u64
            && if last { end == length } else { end < length };
        assert_eq!(assembly.push(&frame).ok(), fits.then_some(last));
        if fits {
            have = end;
        }
        if fits && last {
            break;
        }
    }
    assert_eq!(assembly.into_bytes().len(), have);
}
