//! What holds for any bytes: a decoder never panics, what was written is read back, and a frame that is not all there
//! yet is waited for.

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{
    Assembly, CHUNK_FROM, ChunkHeader, ClusterMap, Frame, FrameHead, FrameKind, Goodbye, Hello, ItemReader,
    MAX_FRAME, MAX_HEADER, MAX_PAYLOAD, Preamble, ReplyHeader, RequestHeader, ScanCursor, Welcome,
    agreed_version, encode_frame, operation_of, parse_frame, pieces, push_item,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

fn kind() -> impl Strategy<Value = FrameKind> {
    (1..=9_u8).prop_map(|number| FrameKind::from_number(number).expect("1 to 9 are kinds"))
}

prop_compose! {
    fn request()(
        numbers in any::<[u32; 7]>(), longs in any::<[u64; 6]>(), signed in any::<[i64; 4]>(),
        bounds in any::<[Option<i64>; 3]>(), operation in -1..30, consistency in any::<i32>(),
        cursor in vec(any::<u8>(), 0..64), trace in vec(any::<u8>(), 0..64),
    ) -> RequestHeader {
        RequestHeader {
            operation,
            store: numbers[0],
            flags: numbers[1],
            key_length: numbers[2],
            value_length: numbers[3],
            timeout_ms: numbers[4],
            sent_ms: numbers[4],
            group: numbers[5],
            max_staleness_ms: numbers[5],
            items: numbers[6],
            consistency,
            trace_context: Bytes::from(trace),
            sequence: longs[0],
            first_unacknowledged: longs[1],
            epoch: longs[2],
            slot_epoch: longs[3],
            ttl_ms: longs[4],
            payload_length: longs[5],
            version: signed[0],
            delta: signed[1],
            initial: signed[2],
            absolute_unix_ms: bounds[0],
            minimum: bounds[1],
            maximum: bounds[2],
            cursor: Bytes::from(cursor),
            ..RequestHeader::default()
        }
    }
}

/// Whatever somebody may do with a frame.
fn use_frame(frame: &Frame<'_>) {
    let _ = frame.read::<Hello>();
    let _ = frame.read::<Welcome>();
    let _ = frame.read::<Goodbye>();
    let _ = frame.read::<()>();
    if let Ok(header) = frame.read::<RequestHeader>() {
        use_request(&header, frame.payload);
    }
    if let Ok(header) = frame.read::<ReplyHeader>() {
        let _ = header.error();
    }
    let _ = ClusterMap::decode(frame.payload);
    let _ = ScanCursor::decode(frame.payload);
    if frame.read::<ChunkHeader>().is_ok() {
        let _ = Assembly::new(CHUNK_FROM).push(frame);
    }
    use_items(frame.payload);
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

fn use_items(payload: &[u8]) {
    let mut requests = ItemReader::new(payload);
    while let Ok(Some((header, _, _))) = requests.next::<RequestHeader>() {
        let _ = operation_of(&header);
    }
    let mut replies = ItemReader::new(payload);
    while let Ok(Some(_)) = replies.next::<ReplyHeader>() {}
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_bytes_are_a_frame_or_an_error_or_not_all_there(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(Some((frame, used))) = parse_frame(&bytes) {
            prop_assert!(used <= bytes.len());
            use_frame(&frame);
        }
        use_items(&bytes);
    }

    #[test]
    fn any_header_and_payload_in_a_valid_frame_can_be_used(
        kind in kind(), flags in any::<u8>(), number in any::<u64>(),
        header in vec(any::<u8>(), 0..100), payload in vec(any::<u8>(), 0..100),
    ) {
        let head = FrameHead { kind, flags, number };
        use_frame(&Frame { head, header: &header, payload: &payload });
    }

    #[test]
    fn any_preamble_is_read_or_refused(bytes in any::<[u8; 8]>(), oldest in any::<u16>(), newest in any::<u16>()) {
        let _ = Preamble::decode(bytes);
        let preamble = Preamble { oldest, newest };
        prop_assert_eq!(Preamble::decode(preamble.encode()), Ok(preamble));
        prop_assert_eq!(agreed_version(preamble).is_ok(), oldest <= 1 && newest >= 1);
    }

    #[test]
    fn a_head_is_judged_before_its_body_has_come(
        length in any::<u32>(), kind in any::<u8>(), flags in any::<u8>(), header in any::<u16>(), number in any::<u64>(),
    ) {
        let head = [
            &length.to_le_bytes()[..], &[kind, flags], &header.to_le_bytes(), &number.to_le_bytes(),
        ].concat();
        let valid = (1..=9).contains(&kind)
            && length as usize <= MAX_FRAME
            && usize::from(header) <= MAX_HEADER.min(length as usize);
        prop_assert_eq!(parse_frame(&head).is_ok(), valid);
    }

    #[test]
    fn a_frame_is_read_back_and_every_beginning_of_it_is_waited_for(
        kind in kind(), flags in any::<u8>(), number in any::<u64>(), header in request(),
        payload in vec(any::<u8>(), 0..300), split in any::<prop::sample::Index>(),
        after in vec(any::<u8>(), 0..40),
    ) {
        let head = FrameHead { kind, flags, number };
        let (first, second) = payload.split_at(split.index(payload.len() + 1));
        let mut out = BytesMut::new();
        encode_frame(&mut out, head, &header, &[first, second]);
        let whole = out.len();
        for end in 0..whole {
            prop_assert_eq!(parse_frame(&out[..end]), Ok(None));
        }
        out.extend_from_slice(&after);
        let (frame, used) = parse_frame(&out).unwrap().unwrap();
        prop_assert_eq!(used, whole);
        prop_assert_eq!(frame.head, head);
        prop_assert_eq!(frame.read::<RequestHeader>().unwrap(), header);
        prop_assert_eq!(frame.payload, &payload[..]);
    }

    #[test]
    fn items_are_read_back_and_a_truncated_payload_gives_its_whole_items_and_an_error(
        contents in vec((request(), vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..40)), 1..6),
    ) {
        let (mut payload, mut ends) = (Vec::new(), vec![0]);
        for (header, key, value) in &contents {
            let (key_length, value_length) = (key.len() as u32, value.len() as u32);
            push_item(&mut payload, &RequestHeader { key_length, value_length, ..header.clone() }, key, value);
            ends.push(payload.len());
        }
        for end in 0..=payload.len() {
            let mut reader = ItemReader::new(&payload[..end]);
            let mut items = 0;
            let result = loop {
                match reader.next::<RequestHeader>() {
                    Ok(Some((_, key, value))) => {
                        prop_assert_eq!((key, value), (&contents[items].1[..], &contents[items].2[..]));
                        items += 1;
                    }
                    other => break other,
                }
            };
            prop_assert_eq!(items, ends.iter().filter(|&&item| item != 0 && item <= end).count());
            prop_assert_eq!(result.is_ok(), ends.contains(&end));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn pieces_in_any_disorder_are_refused_or_give_exactly_what_was_announced(
        length in CHUNK_FROM..CHUNK_FROM + 70_000,
        offsets in vec((any::<prop::sample::Index>(), 0..70_000_usize, any::<bool>()), 0..8),
    ) {
        let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut assembly = Assembly::new(length);
        let mut have = 0;
        for (offset, size, last) in offsets {
            // Half of them continue where the piece before ended.
            let offset = if size % 2 == 0 { have } else { offset.index(length) };
            let end = length.min(offset + size);
            let piece = &payload[offset..end];
            let header = ChunkHeader { offset: offset as u64 }.encode_to_vec();
            let head = FrameHead {
                flags: if last { FrameHead::LAST } else { 0 },
                ..FrameHead::new(FrameKind::Chunk, 1)
            };
            let fits = offset == have && !piece.is_empty() && last == (end == length);
            let result = assembly.push(&Frame { head, header: &header, payload: piece });
            prop_assert_eq!(result.is_ok(), fits);
            if fits {
                have = end;
                prop_assert_eq!(result, Ok(last));
                if last {
                    break;
                }
            }
        }
        prop_assert_eq!(assembly.into_bytes(), &payload[..have]);
    }

    #[test]
    fn a_payload_in_pieces_is_put_together_again(length in CHUNK_FROM..CHUNK_FROM * 3) {
        let payload: Vec<u8> = (0..length).map(|at| (at * 31) as u8).collect();
        let mut assembly = Assembly::new(Assembly::check(length as u64).unwrap());
        let (mut next, mut out) = (Some(0), BytesMut::new());
        while let Some(offset) = next {
            next = pieces(&mut out, 9, &payload, offset);
        }
        let (mut rest, mut complete) = (&out[..], false);
        while let Some((frame, used)) = parse_frame(rest).unwrap() {
            prop_assert!(!complete);
            complete = assembly.push(&frame).unwrap();
            rest = &rest[used..];
        }
        prop_assert!(complete && rest.is_empty());
        prop_assert_eq!(assembly.into_bytes(), payload);
    }

    #[test]
    fn only_lengths_that_pieces_are_for_are_accepted(length in any::<u64>()) {
        let allowed = (CHUNK_FROM as u64..=MAX_PAYLOAD as u64).contains(&length);
        prop_assert_eq!(Assembly::check(length).is_ok(), allowed);
    }
}
