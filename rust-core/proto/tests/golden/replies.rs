//! Replies: one of each shape that an operation answers with, and one with every field.

use holdfast_proto::session::cluster_map::{Group, Node};
use holdfast_proto::session::{
    ClusterMap, FrameHead, FrameKind, ReplyHeader, StoreClass, StoreDescription, StoreStats, flags, id_bytes,
};
use prost::Message;

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
        (
            "reply_open_store_with_hash_tags",
            open_store_with_hash_tags(),
            Vec::new(),
        ),
        ("reply_not_led_here", not_led_here(), Vec::new()),
        (
            "reply_cluster_map",
            ReplyHeader::default(),
            cluster_map().encode_to_vec(),
        ),
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
        // Younger than this file: `reply_open_store_with_hash_tags` has it.
        hash_tags: false,
    }
}

fn open_store_with_hash_tags() -> ReplyHeader {
    ReplyHeader {
        store: Some(StoreDescription {
            hash_tags: true,
            ..description()
        }),
        ..ReplyHeader::default()
    }
}

fn not_led_here() -> ReplyHeader {
    ReplyHeader {
        code: 50,
        message: "this node does not lead group 7".to_owned(),
        redirect: "node-2.example:7861".to_owned(),
        ..ReplyHeader::default()
    }
}

fn cluster_map() -> ClusterMap {
    let node = |name: &str, address: &str, incarnation| Node {
        name: name.to_owned(),
        address: address.to_owned(),
        incarnation: id_bytes(incarnation),
    };
    ClusterMap {
        cluster_id: id_bytes(0x1111_2222_3333_4444_5555_6666_7777_8888),
        version: 9,
        nodes: vec![
            node("node-1", "node-1.example:7861", 1),
            node("node-2", "[::1]:7862", 2),
        ],
        groups: vec![
            Group {
                id: 0,
                epoch: 1_790_000_000_000_001,
                leader: 2,
                term: 3,
                replicas: vec![0, 1],
            },
            Group {
                id: 5,
                epoch: 1_790_000_000_000_002,
                leader: 0,
                term: 4,
                replicas: vec![1],
            },
        ],
        coordination_groups: 4,
        cache_groups: 8,
        coordination_slots: vec![1, 2, 3, 4],
        cache_slots: vec![5, 12],
    }
}

#[test]
fn the_payload_of_a_map_is_the_map() {
    let all = all();
    let payload = all.iter().find_map(|example| match &example.content {
        Content::Reply(_, _, payload) if example.name == "reply_cluster_map" => Some(&payload[..]),
        _ => None,
    });
    assert_eq!(ClusterMap::decode(payload.unwrap()), Ok(cluster_map()));
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
