//! Requests: one of each operation with the fields that it uses, and one with every field.

use holdfast_proto::session::{
    Eviction, FrameHead, FrameKind, Operation, Priority, ReadConsistency, RequestHeader, StoreClass,
    StoreDefinition, flags,
};

use crate::example::{Content, Example, Items, bytes, items_payload};

/// The name of the example of a request's operation.
pub(crate) fn name(header: &RequestHeader) -> String {
    let operation = Operation::try_from(header.operation).expect("examples have known operations");
    let name = operation.as_str_name().trim_start_matches("OPERATION_");
    format!("request_{}", name.to_lowercase())
}

pub(crate) fn all() -> Vec<Example> {
    let mut all: Vec<Example> = each().into_iter().map(by_operation).collect();
    all.push(Example::new("request_with_every_field", with_every_field()));
    all.push(Example::new("request_in_pieces", in_pieces()));
    all.push(Example::new("request_of_a_part", of_a_part()));
    all.push(Example::new("items_of_a_request", Content::RequestItems(items())));
    all
}

fn by_operation((header, payload): (RequestHeader, Vec<u8>)) -> Example {
    let number = 100 + u64::from(header.operation.unsigned_abs());
    let name = name(&header);
    Example::new(
        name,
        Content::Request(FrameHead::new(FrameKind::Request, number), header, payload),
    )
}

/// A read on a store.
fn read(operation: Operation) -> RequestHeader {
    RequestHeader {
        operation: operation as i32,
        store: 3,
        timeout_ms: 5_000,
        ..RequestHeader::default()
    }
}

/// A change on a store.
fn change(operation: Operation) -> RequestHeader {
    RequestHeader {
        sequence: 17,
        first_unacknowledged: 15,
        epoch: 1_790_000_000_000_001,
        ..read(operation)
    }
}

fn with_key(header: RequestHeader, key: &str, value: &[u8]) -> (RequestHeader, Vec<u8>) {
    let header = RequestHeader {
        key_length: key.len() as u32,
        ..header
    };
    (header, [key.as_bytes(), value].concat())
}

fn each() -> Vec<(RequestHeader, Vec<u8>)> {
    let mut each = vec![with_key(open_store(), "shop/orders", b"")];
    each.extend(of_one_key());
    each.extend(of_many_keys());
    each.push((read(Operation::Stats), Vec::new()));
    let advance_clock = RequestHeader {
        delta: 86_400_000,
        ..read(Operation::AdvanceClock)
    };
    each.push((advance_clock, Vec::new()));
    each.push((read(Operation::Ping), Vec::new()));
    let cluster_map = RequestHeader {
        operation: Operation::ClusterMap as i32,
        timeout_ms: 1_000,
        ..RequestHeader::default()
    };
    each.push((cluster_map, Vec::new()));
    each.push((read(Operation::ClusterAdmin), Vec::new()));
    each
}

fn open_store() -> RequestHeader {
    RequestHeader {
        operation: Operation::OpenStore as i32,
        timeout_ms: 5_000,
        definition: Some(definition()),
        ..RequestHeader::default()
    }
}

fn definition() -> StoreDefinition {
    StoreDefinition {
        class: Some(StoreClass::Cache as i32),
        max_memory: Some(256 << 20),
        eviction: Some(Eviction::S3Fifo as i32),
        default_ttl_ms: Some(0),
        max_value: Some(1 << 20),
        hash_tags: Some(true),
        default_class: StoreClass::Cache as i32,
        create: true,
    }
}

fn of_one_key() -> Vec<(RequestHeader, Vec<u8>)> {
    let get = RequestHeader {
        flags: flags::METADATA_ONLY | flags::NO_SLIDE,
        consistency: ReadConsistency::Bounded as i32,
        max_staleness_ms: 250,
        ..read(Operation::Get)
    };
    let put = RequestHeader {
        flags: flags::IF_VERSION | flags::RETURN_PREVIOUS | flags::NEVER_EVICT,
        version: 1_700_000_000_000_123,
        ttl_ms: 60_000,
        sliding_ms: 10_000,
        absolute_unix_ms: Some(1_790_000_060_000),
        ..change(Operation::Put)
    };
    let delete = RequestHeader {
        flags: flags::IF_VERSION | flags::RETURN_PREVIOUS,
        version: -1,
        ..change(Operation::Delete)
    };
    let set_expiry = RequestHeader {
        flags: flags::IF_PRESENT,
        ttl_ms: 3_155_760_000_000,
        ..change(Operation::SetExpiry)
    };
    let increment = RequestHeader {
        flags: flags::RESET_EXPIRY,
        delta: -5,
        minimum: Some(i64::MIN),
        maximum: Some(i64::MAX),
        initial: 100,
        ttl_ms: 1_000,
        ..change(Operation::Increment)
    };
    vec![
        with_key(get, "product:1", b""),
        with_key(read(Operation::Exists), "product:1", b""),
        with_key(put, "product:1", b"Laptop \x00\xFF"),
        with_key(delete, "product:1", b""),
        with_key(change(Operation::Refresh), "product:1", b""),
        with_key(set_expiry, "product:1", b""),
        with_key(increment, "visits", b""),
    ]
}

fn of_many_keys() -> Vec<(RequestHeader, Vec<u8>)> {
    let keys: Items<RequestHeader> = ["a", "b"]
        .map(|key| {
            let header = RequestHeader {
                key_length: 1,
                ..RequestHeader::default()
            };
            (header, key.into(), Vec::new())
        })
        .into();
    let get_many = RequestHeader {
        items: 2,
        ..read(Operation::GetMany)
    };
    let batch = RequestHeader {
        items: 3,
        ..change(Operation::Batch)
    };
    let count = RequestHeader {
        flags: flags::PREFIX,
        ..read(Operation::Count)
    };
    let clear = RequestHeader {
        flags: flags::RANGE,
        ..change(Operation::Clear)
    };
    let scan = RequestHeader {
        flags: flags::RANGE | flags::DESCENDING | flags::KEYS_ONLY,
        maximum: Some(1_000),
        cursor: bytes("where the page before ended"),
        ..read(Operation::Scan)
    };
    vec![
        (get_many, items_payload(&keys)),
        (batch, items_payload(&items())),
        with_key(count, "product:", b""),
        with_key(clear, "a", b"m"),
        with_key(scan, "a", b"m"),
    ]
}

/// What a batch holds.
fn items() -> Items<RequestHeader> {
    let item = |operation, key: &str, value: &[u8]| RequestHeader {
        operation: operation as i32,
        key_length: key.len() as u32,
        value_length: value.len() as u32,
        ..RequestHeader::default()
    };
    let put = RequestHeader {
        ttl_ms: 30_000,
        ..item(Operation::Put, "a", b"first")
    };
    let increment = RequestHeader {
        delta: 1,
        ..item(Operation::Increment, "n", b"")
    };
    vec![
        (put, b"a".to_vec(), b"first".to_vec()),
        (increment, b"n".to_vec(), Vec::new()),
        (item(Operation::Delete, "gone", b""), b"gone".to_vec(), Vec::new()),
    ]
}

fn in_pieces() -> Content {
    let header = RequestHeader {
        key_length: 9,
        payload_length: 9 + (1 << 20),
        priority: Priority::Bulk as i32,
        ..change(Operation::Put)
    };
    let head = FrameHead {
        flags: FrameHead::IN_PIECES,
        ..FrameHead::new(FrameKind::Request, 1)
    };
    Content::Request(head, header, Vec::new())
}

/// A retry of a batch's part in one group.
fn of_a_part() -> Content {
    let items = items_payload(&items());
    let header = RequestHeader {
        flags: flags::RETRY,
        items: 3,
        group: 12,
        ..change(Operation::Batch)
    };
    Content::Request(FrameHead::new(FrameKind::Request, 300), header, items)
}

fn with_every_field() -> Content {
    let header = RequestHeader {
        operation: Operation::Put as i32,
        store: 1,
        flags: u32::MAX,
        key_length: 3,
        value_length: 4,
        timeout_ms: 5,
        priority: Priority::System as i32,
        trace_context: bytes("0123456789abcdef01234567\x01"),
        sequence: 9,
        first_unacknowledged: 10,
        epoch: 11,
        slot_epoch: 12,
        consistency: ReadConsistency::Local as i32,
        max_staleness_ms: 14,
        items: 15,
        version: -16,
        ttl_ms: 17,
        sliding_ms: 18,
        absolute_unix_ms: Some(-19),
        delta: -20,
        minimum: Some(-21),
        maximum: Some(22),
        initial: -23,
        cursor: bytes("cursor"),
        definition: Some(definition()),
        payload_length: 26,
        sent_ms: 27,
        // Younger than this file: `request_of_a_part` has it.
        group: 0,
    };
    Content::Request(
        FrameHead::new(FrameKind::Request, u64::MAX),
        header,
        b"keyvalue".to_vec(),
    )
}
