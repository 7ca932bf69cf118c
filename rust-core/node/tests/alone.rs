//! What a node on its own promises to those who use its stores.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_node::clock::{ClusterClock, ManualClock, SystemClock};
use holdfast_node::log::NoLog;
use holdfast_node::{Node, NodeOptions, NodeStore, ScanRequest};
use holdfast_state::{
    Change, Condition, Eviction, Expiry, KeyRange, Outcome, StateError, StoreClass, StoreSettings,
    StoreSettingsGiven,
};

const MIB: u64 = 1024 * 1024;

fn node_with(clock: Arc<dyn ClusterClock>, memory_limit: u64) -> Node {
    Node::start(NodeOptions {
        name: "test".to_owned(),
        clock,
        memory_limit,
        seed: 7,
        log: Arc::new(NoLog),
    })
}

fn node() -> Node {
    node_with(Arc::new(ManualClock::default()), 1024 * MIB)
}

fn store(node: &Node, class: StoreClass, max_memory: u64) -> Arc<NodeStore> {
    let name = format!("default/{class:?}");
    node.define_store(
        &name,
        &StoreSettingsGiven::default(),
        &StoreSettings::new(class, max_memory),
    )
    .expect("the store is made")
}

const BOTH: [StoreClass; 2] = [StoreClass::Coordination, StoreClass::Cache];

fn put_with(store: &NodeStore, key: &[u8], value: &[u8], expiry: Expiry, never_evict: bool) -> Outcome {
    let condition = Condition::Always;
    store
        .change(&Change::Put {
            key,
            value,
            expiry,
            condition,
            never_evict,
            return_previous: false,
        })
        .expect("the group works")
}

fn put(store: &NodeStore, key: &[u8], value: &[u8]) -> Outcome {
    put_with(store, key, value, Expiry::NONE, false)
}

fn ttl(ttl_ms: u64) -> Expiry {
    Expiry {
        ttl_ms: Some(ttl_ms),
        ..Expiry::NONE
    }
}

fn get(store: &NodeStore, key: &[u8]) -> Option<Vec<u8>> {
    store
        .get(key, true, |entry| entry.value().to_vec())
        .expect("the group works")
}

fn scan_all(store: &NodeStore, range: KeyRange<'_>, descending: bool, limit: usize) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let mut cursor = Vec::new();
    loop {
        let request = ScanRequest {
            range,
            descending,
            cursor: &cursor,
            limit,
            byte_limit: 1 << 20,
            keys_only: false,
        };
        let page = store.scan(&request).expect("the scan goes on");
        assert!(page.entries.len() <= limit, "a page holds at most its limit");
        keys.extend(page.entries.iter().map(|found| found.entry.key().to_vec()));
        match page.cursor {
            Some(next) => cursor = next,
            None => return keys,
        }
    }
}

#[test]
fn an_entry_lives_until_its_deadline_and_is_gone_at_it() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        put_with(&store, b"key", b"value", ttl(100), false);
        node.advance_clock(99).expect("the clock is manual");
        assert_eq!(get(&store, b"key").as_deref(), Some(b"value".as_slice()));
        node.advance_clock(1).expect("the clock is manual");
        assert_eq!(get(&store, b"key"), None);
    }
}

#[test]
fn advancing_the_clock_returns_after_what_became_due_has_expired() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        for index in 0..5_000_u32 {
            put_with(
                &store,
                &index.to_le_bytes(),
                b"value",
                ttl(1 + u64::from(index % 50)),
                false,
            );
        }
        node.advance_clock(50).expect("the clock is manual");
        assert_eq!((store.stats().entries, store.stats().expirations), (0, 5_000));
    }
}

#[test]
fn the_driver_expires_what_nobody_reads() {
    let node = node_with(Arc::new(SystemClock::start()), 1024 * MIB);
    for class in BOTH {
        let store = store(&node, class, 64 * MIB);
        put_with(&store, b"key", b"value", ttl(5), false);
        while store.stats().entries > 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_cache_store_keeps_its_budget_and_a_pinned_entry_stays() {
    let node = node();
    let store = store(&node, StoreClass::Cache, 4 * MIB);
    put_with(&store, b"pinned", b"stays", Expiry::NONE, true);
    for index in 0..100_000_u32 {
        put(&store, &index.to_le_bytes(), &[7; 200]);
        assert!(
            store.bytes() <= 4 * MIB,
            "{} bytes after {index} puts",
            store.bytes()
        );
    }
    assert!(store.stats().evictions > 50_000);
    assert_eq!(get(&store, b"pinned").as_deref(), Some(b"stays".as_slice()));
}

#[test]
fn a_cache_store_full_of_pinned_entries_refuses_with_store_full() {
    let node = node();
    let store = store(&node, StoreClass::Cache, MIB);
    let refused = (0..10_000_u32)
        .map(|index| put_with(&store, &index.to_le_bytes(), &[7; 1000], Expiry::NONE, true))
        .find(|outcome| matches!(outcome, Outcome::Failed(_)));
    assert!(
        matches!(refused, Some(Outcome::Failed(StateError::StoreFull { .. }))),
        "{refused:?}"
    );
}

#[test]
fn a_full_coordination_store_refuses_changes_nothing_and_still_deletes() {
    let node = node();
    let store = store(&node, StoreClass::Coordination, MIB);
    let mut last = 0_u32;
    while !matches!(put(&store, &last.to_le_bytes(), &[7; 1000]), Outcome::Failed(_)) {
        last += 1;
    }
    assert_eq!(get(&store, &last.to_le_bytes()), None);
    assert_eq!(store.stats().entries, u64::from(last));
    let delete = Change::Delete {
        key: &0_u32.to_le_bytes(),
        condition: Condition::Always,
        return_previous: false,
    };
    assert!(matches!(
        store.change(&delete),
        Ok(Outcome::Changed { applied: true, .. })
    ));
    assert!(matches!(
        put(&store, &last.to_le_bytes(), &[7; 1000]),
        Outcome::Changed { applied: true, .. }
    ));
}

#[test]
fn the_nodes_limit_covers_all_its_stores() {
    let node = node_with(Arc::new(ManualClock::default()), 4 * MIB);
    let coordination = store(&node, StoreClass::Coordination, 4 * MIB);
    let cache = store(&node, StoreClass::Cache, 4 * MIB);
    for index in 0..3_000_u32 {
        put(&coordination, &index.to_le_bytes(), &[7; 1000]);
    }
    for index in 0..10_000_u32 {
        put(&cache, &index.to_le_bytes(), &[7; 1000]);
    }
    assert_eq!(coordination.stats().entries, 3_000);
    assert!(coordination.bytes() + cache.bytes() <= 4 * MIB);
}

#[test]
fn a_cache_store_without_eviction_refuses_with_store_full() {
    let node = node();
    let settings = StoreSettings {
        eviction: Eviction::None,
        ..StoreSettings::new(StoreClass::Cache, MIB)
    };
    let store = node
        .define_store("default/refusing", &StoreSettingsGiven::default(), &settings)
        .expect("the store is made");
    let refused = (0..10_000_u32)
        .map(|index| put(&store, &index.to_le_bytes(), &[7; 1000]))
        .find(|outcome| matches!(outcome, Outcome::Failed(_)));
    assert!(
        matches!(refused, Some(Outcome::Failed(StateError::StoreFull { .. }))),
        "{refused:?}"
    );
    assert!(store.bytes() <= MIB);
}

#[test]
fn a_scan_gives_every_key_once_in_an_order_that_pages_do_not_change() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        let keys: BTreeSet<Vec<u8>> = (0..3_000)
            .map(|index| format!("key:{index}").into_bytes())
            .collect();
        keys.iter().for_each(|key| drop(put(&store, key, b"value")));
        let forward = scan_all(&store, KeyRange::All, false, 10_000);
        assert_eq!(forward.iter().cloned().collect::<BTreeSet<_>>(), keys);
        assert_eq!(forward.len(), keys.len());
        assert_eq!(scan_all(&store, KeyRange::All, false, 7), forward);
        let mut backward = scan_all(&store, KeyRange::All, true, 11);
        backward.reverse();
        assert_eq!(backward, forward);
        if class == StoreClass::Coordination {
            assert!(forward.is_sorted());
        }
    }
}

#[test]
fn a_scan_of_a_prefix_or_range_gives_only_its_keys() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        for index in 0..500 {
            put(&store, format!("a:{index:03}").as_bytes(), b"value");
            put(&store, format!("b:{index:03}").as_bytes(), b"value");
        }
        assert_eq!(scan_all(&store, KeyRange::Prefix(b"b:"), false, 9).len(), 500);
        let range = KeyRange::Range {
            first: b"a:100",
            end: Some(b"a:200"),
        };
        assert_eq!(scan_all(&store, range, true, 9).len(), 100);
        assert_eq!(store.count(&range), Ok(100));
        assert_eq!(store.count(&KeyRange::All), Ok(1_000));
    }
}

#[test]
fn a_scan_resumes_after_a_key_that_was_deleted_meanwhile() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        (0..100).for_each(|index| drop(put(&store, format!("{index:03}").as_bytes(), b"value")));
        let all = scan_all(&store, KeyRange::All, false, 100);
        let request = ScanRequest {
            range: KeyRange::All,
            descending: false,
            cursor: &[],
            limit: 10,
            byte_limit: 1 << 20,
            keys_only: true,
        };
        let first = store.scan(&request).expect("the scan begins");
        let key = all[9].as_slice();
        let delete = Change::Delete {
            key,
            condition: Condition::Always,
            return_previous: false,
        };
        store.change(&delete).expect("the group works");
        let cursor = first.cursor.expect("there are more pages");
        let second = store
            .scan(&ScanRequest {
                cursor: &cursor,
                limit: 1_000,
                ..request
            })
            .expect("it goes on");
        let rest: Vec<&[u8]> = second.entries.iter().map(|found| found.entry.key()).collect();
        assert_eq!(rest, all[10..].iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}

#[test]
fn clearing_a_prefix_leaves_the_others_and_says_how_many_went() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        for index in 0..5_000 {
            put(&store, format!("a:{index}").as_bytes(), b"value");
            put(&store, format!("b:{index}").as_bytes(), b"value");
        }
        let (removed, version) = store.clear(&KeyRange::Prefix(b"a:")).expect("the group works");
        assert_eq!(removed, 5_000);
        assert!(version > 0);
        assert_eq!(store.count(&KeyRange::Prefix(b"a:")), Ok(0));
        assert_eq!(store.count(&KeyRange::All), Ok(5_000));
    }
}

#[test]
fn clearing_everything_hides_it_at_once_and_frees_its_memory_soon() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        (0..20_000_u32).for_each(|index| drop(put(&store, &index.to_le_bytes(), b"value")));
        let (removed, _) = store.clear(&KeyRange::All).expect("the group works");
        assert_eq!(removed, 20_000);
        assert_eq!(get(&store, &7_u32.to_le_bytes()), None);
        assert_eq!(store.count(&KeyRange::All), Ok(0));
        put(&store, b"after", b"value");
        while store.stats().entries > 1 {
            std::thread::yield_now();
        }
        assert_eq!(get(&store, b"after").as_deref(), Some(b"value".as_slice()));
    }
}

#[test]
fn a_count_leaves_out_what_is_due() {
    for class in BOTH {
        let clock = Arc::new(ManualClock::default());
        let node = node_with(Arc::clone(&clock) as Arc<dyn ClusterClock>, 1024 * MIB);
        let store = store(&node, class, 64 * MIB);
        put(&store, b"stays", b"value");
        put_with(&store, b"goes", b"value", ttl(10), false);
        // The clock alone, without the node's expiry.
        clock.advance(10);
        assert_eq!(store.count(&KeyRange::All), Ok(1));
        assert_eq!(scan_all(&store, KeyRange::All, false, 10), [b"stays".to_vec()]);
    }
}

#[test]
fn a_condition_does_not_see_an_entry_whose_time_has_come() {
    for class in BOTH {
        let clock = Arc::new(ManualClock::default());
        let node = node_with(Arc::clone(&clock) as Arc<dyn ClusterClock>, 1024 * MIB);
        let store = store(&node, class, 64 * MIB);
        put_with(&store, b"key", b"old", ttl(10), false);
        clock.advance(10);
        let (key, value, condition) = (b"key".as_slice(), b"new".as_slice(), Condition::Absent);
        let create = Change::Put {
            key,
            value,
            expiry: Expiry::NONE,
            condition,
            never_evict: false,
            return_previous: false,
        };
        let outcome = store.change(&create).expect("the group works");
        assert!(
            matches!(
                outcome,
                Outcome::Changed {
                    applied: true,
                    found: false,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
}

#[test]
fn the_first_definition_of_a_store_wins() {
    let node = node();
    let first = store(&node, StoreClass::Cache, 64 * MIB);
    let settings = StoreSettings::new(StoreClass::Coordination, MIB);
    let second = node
        .define_store("default/Cache", &StoreSettingsGiven::default(), &settings)
        .expect("the store is found");
    assert_eq!(second.settings(), first.settings());
}

#[test]
fn a_dropped_node_frees_its_stores() {
    let node = node();
    let store = store(&node, StoreClass::Cache, 64 * MIB);
    put(&store, b"key", b"value");
    let weak = Arc::downgrade(&store);
    drop(store);
    drop(node);
    while weak.strong_count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn threads_that_count_together_lose_nothing() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class, 64 * MIB);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let change = Change::Increment {
                            key: b"counter",
                            delta: 1,
                            minimum: i64::MIN,
                            maximum: i64::MAX,
                            initial: 0,
                            expiry: Expiry::NONE,
                            reset_expiry: false,
                        };
                        store.change(&change).expect("the group works");
                    }
                });
            }
        });
        assert_eq!(get(&store, b"counter").as_deref(), Some(b"16000".as_slice()));
    }
}
