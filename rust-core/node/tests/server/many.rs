//! Operations on many keys, on stores that are large enough for them to run beside the connection.

use holdfast_proto::Code;
use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, RequestHeader, StoreClass, flags};

use crate::peer::{Peer, Served, items, request};

const ENTRIES: usize = 3_000;

fn key(index: usize) -> Vec<u8> {
    format!("{}:{index:05}", if index.is_multiple_of(3) { "a" } else { "b" }).into_bytes()
}

fn fill(peer: &mut Peer, store: u32) {
    let keys: Vec<Vec<u8>> = (0..ENTRIES).map(key).collect();
    let puts: Vec<_> = keys
        .iter()
        .map(|key| {
            (
                request(Operation::Put, 0),
                key.as_slice(),
                b"a value of some length".as_slice(),
            )
        })
        .collect();
    let header = RequestHeader {
        items: ENTRIES as u32,
        ..request(Operation::Batch, store)
    };
    let reply = peer.call(header, &[], &items(&puts)).ok();
    assert_eq!(reply.header.items as usize, ENTRIES);
}

fn scan(peer: &mut Peer, store: u32, flags: u32, key: &[u8], end: &[u8]) -> Vec<Vec<u8>> {
    let (mut keys, mut cursor) = (Vec::new(), bytes::Bytes::new());
    loop {
        let header = RequestHeader {
            flags,
            cursor,
            maximum: Some(700),
            ..request(Operation::Scan, store)
        };
        let page = peer.call(header, key, end).ok();
        assert!(page.header.items <= 700);
        let mut reader = ItemReader::new(&page.payload);
        while let Some((_, key, value)) = reader.next::<ReplyHeader>().expect("items") {
            assert_eq!(value.is_empty(), flags & flags::KEYS_ONLY != 0);
            keys.push(key.to_vec());
        }
        cursor = page.header.cursor;
        if cursor.is_empty() {
            return keys;
        }
    }
}

#[test]
fn every_entry_is_scanned_once_and_counted_and_cleared() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    for class in [StoreClass::Cache, StoreClass::Coordination] {
        let store = peer.open(&format!("{class:?}"), class);
        fill(&mut peer, store);
        let mut all = scan(&mut peer, store, 0, &[], &[]);
        if class == StoreClass::Coordination {
            assert!(all.is_sorted());
            let mut backwards = scan(&mut peer, store, flags::DESCENDING | flags::KEYS_ONLY, &[], &[]);
            backwards.reverse();
            assert_eq!(all, backwards);
        }
        all.sort();
        let mut expected: Vec<Vec<u8>> = (0..ENTRIES).map(key).collect();
        expected.sort();
        assert!(all == expected);
        let range = scan(&mut peer, store, flags::RANGE, b"a:00100", b"a:00200");
        assert_eq!(range.len(), 33);

        let mut number = |operation: Operation, flags: u32, key: &[u8]| {
            let header = RequestHeader {
                flags,
                ..request(operation, store)
            };
            peer.call(header, key, &[]).ok().header.number
        };
        assert_eq!(number(Operation::Count, 0, b""), ENTRIES as i64);
        assert_eq!(number(Operation::Count, flags::PREFIX, b"a:"), ENTRIES as i64 / 3);
        assert_eq!(number(Operation::Clear, flags::PREFIX, b"a:"), ENTRIES as i64 / 3);
        assert_eq!(number(Operation::Count, 0, b""), ENTRIES as i64 * 2 / 3);
        assert_eq!(number(Operation::Clear, 0, b""), ENTRIES as i64 * 2 / 3);
        assert_eq!(number(Operation::Count, 0, b""), 0);
        let stats = peer
            .call(request(Operation::Stats, store), &[], &[])
            .ok()
            .header
            .stats
            .expect("counters");
        assert_eq!((stats.entries, stats.max_memory), (0, 256 << 20));
    }
}

#[test]
fn a_cursor_that_no_scan_gave_is_refused() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let header = RequestHeader {
        cursor: vec![9, 9, 9].into(),
        ..request(Operation::Scan, store)
    };
    peer.call(header, &[], &[]).refused(Code::InvalidCursor);
    let header = RequestHeader {
        maximum: Some(-5),
        ..request(Operation::Scan, store)
    };
    peer.call(header, &[], &[]).refused(Code::InvalidArgument);
}

#[test]
fn an_answer_that_is_too_large_is_refused_and_a_batch_keeps_what_fits() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    peer.put(store, b"big", &vec![7; 12 << 20]);
    let gets: Vec<_> = (0..3)
        .map(|_| (request(Operation::Get, 0), b"big".as_slice(), &[][..]))
        .collect();
    let of = |operation| RequestHeader {
        items: 3,
        ..request(operation, store)
    };
    peer.call(of(Operation::GetMany), &[], &items(&gets))
        .refused(Code::BatchTooLarge);
    let reply = peer.call(of(Operation::Batch), &[], &items(&gets)).ok();
    let mut reader = ItemReader::new(&reply.payload);
    let codes: Vec<u32> = std::iter::from_fn(|| reader.next::<ReplyHeader>().expect("items"))
        .map(|(header, ..)| header.code)
        .collect();
    assert_eq!(codes, [0, 0, Code::BatchTooLarge.number()]);
    let number_of_items = 500_000;
    let puts: Vec<_> = (0..number_of_items)
        .map(|_| (request(Operation::Put, 0), b"k".as_slice(), &[][..]))
        .collect();
    let header = RequestHeader {
        items: number_of_items,
        ..request(Operation::Batch, store)
    };
    peer.call(header, &[], &items(&puts)).refused(Code::BatchTooLarge);
    assert_eq!(peer.get(store, b"k"), None, "nothing has run");
}

#[test]
fn small_requests_do_not_wait_for_long_ones() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    fill(&mut peer, store);
    let long: Vec<u64> = (0..20)
        .map(|_| {
            let header = RequestHeader {
                flags: flags::PREFIX,
                ..request(Operation::Count, store)
            };
            peer.send(header, b"a:", &[])
        })
        .collect();
    assert!(peer.get(store, &key(1)).is_some());
    for number in long {
        assert_eq!(peer.wait(number).ok().header.number, ENTRIES as i64 / 3);
    }
}
