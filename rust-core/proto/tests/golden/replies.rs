//! Replies: one of each shape that an operation answers with, and one with every field.

use holdfast_proto::session::{
    FrameHead, FrameKind, ReplyHeader, StoreClass, StoreDescription, StoreStats, flags,
};

use crate::example::{Content, Example, Items, bytes, items_payload};

pub(crate) fn all() -> Vec<Example> {
    let mut all: Vec<Example> = each()
        .into_iter()
        .enumerate()
        .map(|(index, (name, header, payload))| {
            let head = FrameHead::new(FrameKind::Reply, 200 + index as u64);
            Example::new(name, Content::Reply(head, header, payload))
        })
        .collect();
    let in_pieces = FrameHead {
        flags: FrameHead::IN_PIECES,
        ..FrameHead::new(FrameKind::Reply, 2)
    };
    let announced = ReplyHeader {
        flags: flags::FOUND,
        version: 8,
        payload_length: 1 << 20,
        ..ReplyHeader::default()
    };
    all.push(Example::new(
        "reply_in_pieces",
        Content::Reply(in_pieces, announced, Vec::new()),
    ));
    all.push(Example::new(
        "items_of_a_reply",
        Content::ReplyItems(page_items()),
    ));
    all
}

fn each() -> Vec<(&'static str, ReplyHeader, Vec<u8>)> {
    vec![
        ("reply_entry", entry(), b"Laptop".to_vec()),
        ("reply_nothing_found", ReplyHeader::default(), Vec::new()),
        ("reply_change", change(), b"the former value".to_vec()),
        ("reply_counter", counter(), Vec::new()),
        ("reply_failure", failure(), Vec::new()),
        ("reply_exhausted", exhausted(), Vec::new()),
        ("reply_open_store", open_store(), Vec::new()),
        ("reply_stats", stats(), Vec::new()),
        ("reply_page", page(), items_payload(&page_items())),
        ("reply_with_every_field", with_every_field(), b"value".to_vec()),
    ]
}

fn entry() -> ReplyHeader {
    ReplyHeader {
        flags: flags::FOUND,
        version: 1_700_000_000_000_123,
        ttl_ms: Some(0),
        absolute_unix_ms: Some(1_790_000_060_000),
        ..ReplyHeader::default()
    }
}

fn change() -> ReplyHeader {
    ReplyHeader {
        flags: flags::FOUND | flags::APPLIED,
        version: 1_700_000_000_000_124,
        ..ReplyHeader::default()
    }
}

fn counter() -> ReplyHeader {
    ReplyHeader {
        flags: flags::APPLIED,
        version: 9,
        number: i64::MAX,
        previous: i64::MIN,
        ..ReplyHeader::default()
    }
}

fn failure() -> ReplyHeader {
    ReplyHeader {
        code: 51,
        flags: flags::OUTCOME_UNKNOWN,
        message: "the request's 5000 ms ran out".to_owned(),
        ..ReplyHeader::default()
    }
}

fn exhausted() -> ReplyHeader {
    ReplyHeader {
        code: 32,
        message: "64MiB of requests are in flight on this connection".to_owned(),
        retry_after_ms: 100,
        ..ReplyHeader::default()
    }
}

fn open_store() -> ReplyHeader {
    ReplyHeader {
        store: Some(description()),
        ..ReplyHeader::default()
    }
}

fn description() -> StoreDescription {
    StoreDescription {
        id: 3,
        name: "shop/orders".to_owned(),
        class: StoreClass::Cache as i32,
        max_memory: 256 << 20,
        max_value: 1 << 20,
    }
}

fn stats() -> ReplyHeader {
    ReplyHeader {
        stats: Some(counters()),
        ..ReplyHeader::default()
    }
}

fn counters() -> StoreStats {
    StoreStats {
        hits: 1,
        misses: 2,
        evictions: 3,
        expirations: 4,
        entries: 5,
        bytes: 6,
        max_memory: 7,
        changes: u64::MAX,
    }
}

fn page() -> ReplyHeader {
    ReplyHeader {
        items: 2,
        cursor: bytes("where the next page begins"),
        ..ReplyHeader::default()
    }
}

fn page_items() -> Items<ReplyHeader> {
    let found = ReplyHeader {
        flags: flags::FOUND,
        version: 5,
        key_length: 1,
        value_length: 5,
        ..ReplyHeader::default()
    };
    let missing = ReplyHeader {
        key_length: 4,
        ..ReplyHeader::default()
    };
    vec![
        (found, b"a".to_vec(), b"first".to_vec()),
        (missing, b"gone".to_vec(), Vec::new()),
    ]
}

fn with_every_field() -> ReplyHeader {
    ReplyHeader {
        code: 33,
        flags: u32::MAX,
        version: -3,
        number: -4,
        previous: -5,
        ttl_ms: Some(6),
        absolute_unix_ms: Some(-7),
        message: "the slot moved".to_owned(),
        items: 9,
        key_length: 10,
        value_length: 11,
        retry_after_ms: 12,
        slot_epoch: 13,
        store: Some(description()),
        stats: Some(counters()),
        cursor: bytes("cursor"),
        payload_length: 17,
        redirect: "node-2.example:7861".to_owned(),
    }
}
