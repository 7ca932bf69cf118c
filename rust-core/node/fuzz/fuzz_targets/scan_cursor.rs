//! The cursor that a client hands back to go on with a scan. The first byte says which store is scanned and how.
#![no_main]

use std::sync::{Arc, LazyLock};

use holdfast_node::clock::ManualClock;
use holdfast_node::log::NoLog;
use holdfast_node::{Node, NodeOptions, NodeStore, ScanError, ScanRequest};
use holdfast_state::{
    Change, Condition, Expiry, KeyRange, StoreClass, StoreSettings, StoreSettingsGiven,
};
use libfuzzer_sys::fuzz_target;

const KEYS: usize = 40;
const PAGE: usize = 7;

struct Stores {
    _node: Node,
    coordination: Arc<NodeStore>,
    cache: Arc<NodeStore>,
}

static STORES: LazyLock<Stores> = LazyLock::new(|| {
    let node = Node::start(NodeOptions {
        name: "fuzzed".to_owned(),
        clock: Arc::new(ManualClock::default()),
        memory_limit: 64 << 20,
        seed: 1,
        log: Arc::new(NoLog),
    });
    let store = |name, class| {
        let settings = StoreSettings::new(class, 16 << 20);
        let store = node
            .define_store(name, &StoreSettingsGiven::default(), &settings)
            .expect("a store");
        for key in 0..KEYS {
            put(&store, format!("key:{key:02}").as_bytes());
        }
        store
    };
    Stores {
        coordination: store("coordination", StoreClass::Coordination),
        cache: store("cache", StoreClass::Cache),
        _node: node,
    }
});

fn put(store: &NodeStore, key: &[u8]) {
    let put = Change::Put {
        key,
        value: b"value",
        expiry: Expiry::default(),
        condition: Condition::Always,
        never_evict: false,
        return_previous: false,
    };
    store.change(&put).expect("there is room");
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, cursor)) = bytes.split_first() else {
        return;
    };
    let store = if how & 1 == 0 {
        &STORES.coordination
    } else {
        &STORES.cache
    };
    let range = match how >> 2 & 3 {
        0 => KeyRange::Prefix(b"key:1"),
        1 => KeyRange::Range {
            first: b"key:05",
            end: Some(b"key:3"),
        },
        _ => KeyRange::All,
    };
    let mut cursor = cursor.to_vec();
    let mut entries = 0;
    // Whatever the beginning was, following it ends, and gives no entry twice.
    for page in 0.. {
        assert!(page <= KEYS, "a scan that never ends");
        let request = ScanRequest {
            range,
            descending: how & 2 != 0,
            cursor: &cursor,
            limit: PAGE,
            byte_limit: 1 << 20,
            keys_only: how & 16 != 0,
        };
        match store.scan(&request) {
            Ok(found) => {
                entries += found.entries.len();
                match found.cursor {
                    Some(next) => cursor = next,
                    None => break,
                }
            }
            Err(ScanError::InvalidCursor) if page == 0 => break,
            Err(error) => panic!("page {page}: {error}"),
        }
    }
    assert!(entries <= KEYS, "an entry came twice");
});
