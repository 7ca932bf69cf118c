//! Every operation, as a client sees it.

use holdfast_proto::Code;
use holdfast_proto::session::{
    ItemReader, Operation, ReplyHeader, RequestHeader, StoreClass, StoreDefinition, flags,
};

use crate::peer::{Peer, Reply, Served, items, request};

const BOTH: [StoreClass; 2] = [StoreClass::Cache, StoreClass::Coordination];

fn read_items(reply: &Reply) -> Vec<(ReplyHeader, Vec<u8>, Vec<u8>)> {
    let mut reader = ItemReader::new(&reply.payload);
    let mut all = Vec::new();
    while let Some((header, key, value)) = reader.next::<ReplyHeader>().expect("items") {
        all.push((header, key.to_vec(), value.to_vec()));
    }
    assert_eq!(all.len(), reply.header.items as usize);
    all
}

#[test]
fn what_is_put_is_got_until_it_is_deleted() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    for class in BOTH {
        let store = peer.open(&format!("{class:?}"), class);
        assert_eq!(peer.get(store, b"key"), None);
        let put = peer.put(store, b"key", b"value");
        assert!(put.has(flags::APPLIED) && !put.has(flags::FOUND));
        let got = peer.call(request(Operation::Get, store), b"key", &[]).ok();
        assert_eq!(
            (got.header.version, got.payload.as_slice()),
            (put.header.version, b"value".as_slice())
        );
        let exists = peer.call(request(Operation::Exists, store), b"key", &[]).ok();
        assert!(exists.has(flags::FOUND) && exists.payload.is_empty());
        let deleted = RequestHeader {
            flags: flags::RETURN_PREVIOUS,
            ..request(Operation::Delete, store)
        };
        let deleted = peer.change(deleted, b"key", &[]).ok();
        assert!(deleted.has(flags::APPLIED | flags::FOUND));
        assert_eq!(deleted.payload, b"value");
        assert_eq!(peer.get(store, b"key"), None);
    }
}

#[test]
fn a_change_is_made_only_if_its_condition_holds() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let with = |flags: u32, version: i64| RequestHeader {
        flags,
        version,
        ..request(Operation::Put, store)
    };
    assert!(
        !peer
            .change(with(flags::IF_PRESENT, 0), b"k", b"0")
            .ok()
            .has(flags::APPLIED)
    );
    let first = peer.change(with(flags::IF_ABSENT, 0), b"k", b"1").ok();
    assert!(first.has(flags::APPLIED));
    let again = peer
        .change(with(flags::IF_ABSENT | flags::RETURN_PREVIOUS, 0), b"k", b"2")
        .ok();
    assert!(!again.has(flags::APPLIED) && again.has(flags::FOUND));
    assert_eq!(
        (again.payload.as_slice(), again.header.version),
        (b"1".as_slice(), first.header.version)
    );
    assert!(
        !peer
            .change(with(flags::IF_VERSION, first.header.version - 1), b"k", b"3")
            .ok()
            .has(flags::APPLIED)
    );
    assert!(
        peer.change(with(flags::IF_VERSION, first.header.version), b"k", b"4")
            .ok()
            .has(flags::APPLIED)
    );
    assert_eq!(peer.get(store, b"k").as_deref(), Some(b"4".as_slice()));
}

#[test]
fn entries_live_as_long_as_they_were_given_and_reads_slide_them() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Coordination);
    let advance = |peer: &mut Peer, ms: i64| {
        let header = RequestHeader {
            delta: ms,
            ..request(Operation::AdvanceClock, 0)
        };
        peer.call(header, &[], &[]).ok().header.number
    };
    let put = RequestHeader {
        ttl_ms: 1_000,
        absolute_unix_ms: Some(77),
        ..request(Operation::Put, store)
    };
    peer.change(put, b"fixed", b"v").ok();
    let put = RequestHeader {
        sliding_ms: 300,
        ..request(Operation::Put, store)
    };
    peer.change(put.clone(), b"sliding", b"v").ok();
    peer.change(put, b"unread", b"v").ok();
    assert_eq!(advance(&mut peer, 200), 200);
    let fixed = peer.call(request(Operation::Get, store), b"fixed", &[]).ok();
    assert_eq!(
        (fixed.header.ttl_ms, fixed.header.absolute_unix_ms),
        (Some(800), Some(77))
    );
    assert!(peer.get(store, b"sliding").is_some());
    let look = RequestHeader {
        flags: flags::NO_SLIDE | flags::METADATA_ONLY,
        ..request(Operation::Get, store)
    };
    let looked = peer.call(look, b"unread", &[]).ok();
    assert_eq!((looked.header.ttl_ms, looked.payload.len()), (Some(100), 0));
    advance(&mut peer, 200);
    assert!(peer.get(store, b"unread").is_none() && peer.get(store, b"sliding").is_some());
    assert!(
        peer.change(request(Operation::Refresh, store), b"sliding", &[])
            .ok()
            .has(flags::FOUND)
    );
    let forever = peer
        .change(request(Operation::SetExpiry, store), b"fixed", &[])
        .ok();
    assert!(forever.has(flags::APPLIED));
    advance(&mut peer, 5_000);
    assert!(peer.get(store, b"fixed").is_some() && peer.get(store, b"sliding").is_none());
    let endless = RequestHeader {
        ttl_ms: u64::MAX,
        ..request(Operation::Put, store)
    };
    peer.change(endless, b"k", b"v").refused(Code::InvalidTtl);
    let back = RequestHeader {
        delta: -1,
        ..request(Operation::AdvanceClock, 0)
    };
    peer.call(back, &[], &[]).refused(Code::InvalidArgument);
}

#[test]
fn a_clock_that_moves_by_itself_is_not_advanced() {
    let served = Served::on(
        std::sync::Arc::new(holdfast_node::clock::SystemClock::start()),
        |_| {},
    );
    let mut peer = Peer::connect(&served, 1);
    let reply = peer.call(request(Operation::AdvanceClock, 0), &[], &[]);
    assert!(reply.refused(Code::ClockNotManual).contains("'tested'"));
}

#[test]
fn counters_count_within_their_bounds_and_refusals_name_key_and_store() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let store = peer.open("s", StoreClass::Cache);
    let add = |delta: i64, maximum: Option<i64>| RequestHeader {
        delta,
        maximum,
        initial: 10,
        ..request(Operation::Increment, store)
    };
    let first = peer.change(add(5, None), b"n\n", &[]).ok();
    assert_eq!((first.header.previous, first.header.number), (10, 15));
    let beyond = peer
        .change(add(5, Some(19)), b"n\n", &[])
        .refused(Code::CounterOutOfBounds);
    assert!(
        beyond.contains("'n\\n'") && beyond.contains("'default/s'"),
        "{beyond}"
    );
    peer.put(store, b"text", b"x");
    peer.change(add(1, None), b"text", &[]).refused(Code::NotANumber);
    let empty = RequestHeader {
        minimum: Some(2),
        ..add(1, Some(1))
    };
    peer.change(empty, b"n", &[]).refused(Code::InvalidArgument);
}

#[test]
fn keys_and_values_that_are_too_large_are_refused_by_the_node_as_well() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let definition = StoreDefinition {
        max_value: Some(1_024),
        create: true,
        ..StoreDefinition::default()
    };
    let store = peer
        .define("small", definition)
        .ok()
        .header
        .store
        .expect("a description")
        .id;
    let put = request(Operation::Put, store);
    peer.change(put.clone(), &[b'k'; 32 * 1024 + 1], b"v")
        .refused(Code::KeyTooLarge);
    peer.change(put.clone(), b"", b"v").refused(Code::InvalidKey);
    let named = peer
        .change(put.clone(), b"cart:1", &[0; 1_025])
        .refused(Code::ValueTooLarge);
    assert!(named.contains("'cart:1'") && named.contains("1KiB"), "{named}");
    let in_pieces = peer
        .change(put, b"cart:2", &vec![0; 1 << 20])
        .refused(Code::ValueTooLarge);
    assert!(
        in_pieces.contains("'cart:2'") && in_pieces.contains("1048576"),
        "{in_pieces}"
    );
    peer.call(request(Operation::Get, store), b"", &[])
        .refused(Code::InvalidKey);
    assert_eq!(served.shared().bytes_in_flight(), 0);
}

#[test]
fn a_store_is_opened_by_name_and_contradictions_are_named() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let missing = peer
        .define("orders", StoreDefinition::default())
        .refused(Code::StoreNotFound);
    assert!(missing.contains("'default/orders'"), "{missing}");
    let id = peer.open("orders", StoreClass::Cache);
    assert_eq!(peer.open("default/orders", StoreClass::Cache), id);
    let mut other = Peer::greet(
        served.address(),
        &holdfast_proto::session::Hello {
            tenant: "acme".to_owned(),
            ..crate::peer::hello(2)
        },
    );
    assert_ne!(other.open("orders", StoreClass::Cache), id);
    let smaller = StoreDefinition {
        max_memory: Some(1 << 20),
        max_value: Some(1 << 10),
        create: true,
        ..StoreDefinition::default()
    };
    let conflict = peer.define("orders", smaller).refused(Code::StoreConflict);
    assert!(
        conflict.starts_with("store 'default/orders': ") && conflict.contains("max-memory"),
        "{conflict}"
    );
    peer.define("no good", StoreDefinition::default())
        .refused(Code::InvalidArgument);
    let unknown = peer
        .call(request(Operation::Get, 999), b"k", &[])
        .refused(Code::StoreNotFound);
    assert!(unknown.contains("999"), "{unknown}");
    // Ids are the node's: another connection needs no opening of its own.
    peer.put(id, b"k", b"v");
    assert!(Peer::connect(&served, 3).get(id, b"k").is_some());
}

#[test]
fn an_operation_of_a_later_version_is_unsupported_and_the_connection_goes_on() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    let later = RequestHeader {
        operation: 99,
        ..RequestHeader::default()
    };
    peer.call(later, b"k", &[]).refused(Code::Unsupported);
    peer.call(request(Operation::Ping, 0), &[], &[]).ok();
}

#[test]
fn a_batch_runs_in_order_and_one_failure_does_not_stop_the_others() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    for class in BOTH {
        let store = peer.open(&format!("{class:?}"), class);
        let of = |operation| request(operation, 0);
        let payload = items(&[
            (of(Operation::Put), b"a", b"1"),
            (of(Operation::Increment), b"a", b""),
            (of(Operation::Get), b"a", b""),
            (of(Operation::Put), b"", b"x"),
            (of(Operation::Scan), b"", b""),
            (of(Operation::Delete), b"a", b""),
            (of(Operation::Exists), b"a", b""),
        ]);
        let header = RequestHeader {
            items: 7,
            sequence: 100,
            first_unacknowledged: 100,
            ..request(Operation::Batch, store)
        };
        let reply = peer.call(header, &[], &payload).ok();
        let done = read_items(&reply);
        let codes: Vec<u32> = done.iter().map(|(header, ..)| header.code).collect();
        let (invalid_key, invalid) = (Code::InvalidKey.number(), Code::InvalidArgument.number());
        assert_eq!(codes, [0, 0, 0, invalid_key, invalid, 0, 0]);
        assert_eq!(done[2].2, b"1", "a delta of 0");
        assert_eq!(
            (done[5].0.flags & flags::FOUND, done[6].0.flags & flags::FOUND),
            (flags::FOUND, 0)
        );
    }
}

#[test]
fn many_keys_are_read_at_once_in_their_order() {
    let served = Served::start();
    let mut peer = Peer::connect(&served, 1);
    for class in BOTH {
        let store = peer.open(&format!("{class:?}"), class);
        peer.put(store, b"a", b"1");
        peer.put(store, b"c", b"");
        let of = || request(Operation::Get, 0);
        let header = |items| RequestHeader {
            items,
            ..request(Operation::GetMany, store)
        };
        let payload = items(&[(of(), b"c", b""), (of(), b"b", b""), (of(), b"a", b"")]);
        let got = read_items(&peer.call(header(3), &[], &payload).ok());
        let found: Vec<bool> = got
            .iter()
            .map(|(header, ..)| header.flags & flags::FOUND != 0)
            .collect();
        assert_eq!(found, [true, false, true]);
        assert_eq!(got[2].2, b"1");
        let payload = items(&[(of(), b"a", b""), (of(), b"", b"")]);
        peer.call(header(2), &[], &payload).refused(Code::InvalidKey);
    }
}
