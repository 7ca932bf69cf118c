//! What a node promises about memory: budgets and its limit hold, and nothing is refused that fits.

use std::sync::Arc;

use holdfast_node::clock::{ClusterClock, ManualClock};
use holdfast_node::log::NoLog;
use holdfast_node::{Node, NodeOptions, NodeStore};
use holdfast_state::{
    Change, Condition, Eviction, Expiry, KeyRange, Outcome, StateError, StoreClass, StoreSettings,
    StoreSettingsGiven,
};

const MIB: u64 = 1024 * 1024;

fn node(memory_limit: u64) -> (Node, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let node = Node::start(NodeOptions {
        name: "test".to_owned(),
        clock: Arc::clone(&clock) as Arc<dyn ClusterClock>,
        memory_limit,
        seed: 7,
        log: Arc::new(NoLog),
    });
    (node, clock)
}

fn store(node: &Node, name: &str, settings: StoreSettings) -> Arc<NodeStore> {
    node.define_store(name, &StoreSettingsGiven::default(), &settings)
        .expect("the store is made")
}

fn cache(node: &Node, name: &str, max_memory: u64) -> Arc<NodeStore> {
    store(node, name, StoreSettings::new(StoreClass::Cache, max_memory))
}

fn coordination(node: &Node, max_memory: u64) -> Arc<NodeStore> {
    let settings = StoreSettings::new(StoreClass::Coordination, max_memory);
    store(node, "default/coordination", settings)
}

/// A cache store that refuses instead of evicting.
fn refusing(node: &Node, max_memory: u64) -> Arc<NodeStore> {
    let settings = StoreSettings {
        eviction: Eviction::None,
        ..StoreSettings::new(StoreClass::Cache, max_memory)
    };
    store(node, "default/refusing", settings)
}

fn put_with(store: &NodeStore, key: &[u8], value: &[u8], expiry: Expiry) -> Outcome {
    let put = Change::Put {
        key,
        value,
        expiry,
        condition: Condition::Always,
        never_evict: false,
        return_previous: false,
    };
    store.change(&put).expect("the group works")
}

fn put(store: &NodeStore, key: &[u8], value: &[u8]) -> Outcome {
    put_with(store, key, value, Expiry::NONE)
}

fn increment(store: &NodeStore, key: &[u8]) -> Outcome {
    let increment = Change::Increment {
        key,
        delta: 1,
        minimum: i64::MIN,
        maximum: i64::MAX,
        initial: 0,
        expiry: Expiry::NONE,
        reset_expiry: false,
    };
    store.change(&increment).expect("the group works")
}

fn applied(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Changed { applied: true, .. } | Outcome::Counter { .. }
    )
}

fn is_full(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(StateError::StoreFull { .. }))
}

/// Puts values of 1,000 bytes under the keys 0, 1, … until one is refused; how many there are.
fn fill(store: &NodeStore) -> u32 {
    (0_u32..)
        .find(|index| is_full(&put(store, &index.to_le_bytes(), &[7; 1_000])))
        .expect("a store that does not evict is full at last")
}

#[test]
fn counters_keep_the_budget_of_a_cache_store() {
    let (node, _) = node(1024 * MIB);
    let store = cache(&node, "default/counters", MIB);
    for index in 0..50_000_u32 {
        assert!(applied(&increment(&store, &index.to_le_bytes())));
        assert!(
            store.bytes() <= MIB,
            "{} bytes after {index} counters",
            store.bytes()
        );
    }
    assert!(store.stats().evictions > 0);
}

#[test]
fn deadlines_that_are_set_later_keep_the_budget_of_a_cache_store() {
    let (node, _) = node(1024 * MIB);
    let store = cache(&node, "default/touched", MIB);
    for index in 0..20_000_u32 {
        put(&store, &index.to_le_bytes(), b"");
    }
    for index in 0..20_000_u32 {
        let set = Change::SetExpiry {
            key: &index.to_le_bytes(),
            expiry: Expiry {
                sliding_ms: Some(60_000),
                ..Expiry::after_ms(600_000)
            },
            condition: Condition::Always,
        };
        store.change(&set).expect("the group works");
        assert!(
            store.bytes() <= MIB,
            "{} bytes after {index} deadlines",
            store.bytes()
        );
    }
}

#[test]
fn counters_of_a_coordination_store_stay_below_the_nodes_limit() {
    let (node, _) = node(MIB);
    let store = coordination(&node, 4 * MIB);
    let refused = (0..50_000_u32).any(|index| is_full(&increment(&store, &index.to_le_bytes())));
    assert!(refused);
    assert!(store.bytes() <= MIB, "{} bytes", store.bytes());
}

#[test]
fn a_node_far_over_its_limit_refuses_with_store_full() {
    let (node, _) = node(MIB);
    let full = coordination(&node, 4 * MIB);
    let count = fill(&full);
    // Deadlines make entries larger and are never refused for the node's sake.
    for index in 0..count {
        let set = Change::SetExpiry {
            key: &index.to_le_bytes(),
            expiry: Expiry::after_ms(600_000),
            condition: Condition::Always,
        };
        assert!(applied(&full.change(&set).expect("the group works")));
    }
    let empty = cache(&node, "default/empty", MIB);
    assert!(is_full(&put(&empty, b"key", b"value")));
    assert!(is_full(&increment(&empty, b"key")));
}

#[test]
fn a_full_store_still_takes_a_value_in_place_of_one_that_is_as_large() {
    let (node, _) = node(1024 * MIB);
    let (small, _) = self::node(MIB);
    for store in [
        coordination(&node, MIB),
        refusing(&node, MIB),
        coordination(&small, 4 * MIB),
    ] {
        let count = fill(&store);
        for index in 0..count {
            let outcome = put(&store, &index.to_le_bytes(), &[8; 1_000]);
            assert!(applied(&outcome), "{outcome:?}");
        }
        assert!(is_full(&put(&store, &count.to_le_bytes(), &[7; 1_000])));
        assert!(store.bytes() <= MIB);
    }
}

#[test]
fn what_was_cleared_or_is_due_takes_no_room_from_a_put() {
    let (node, clock) = node(1024 * MIB);
    let store = refusing(&node, MIB);
    for _ in 0..20 {
        let count = fill(&store);
        assert!(count > 500, "only {count} fitted");
        store.clear(&KeyRange::All).expect("the group works");
    }
    for index in 0..100_u32 {
        put_with(&store, &index.to_le_bytes(), &[7; 1_000], Expiry::after_ms(10));
    }
    // The clock alone, without the node's expiry.
    clock.advance(10);
    let count = (100..100_000_u32)
        .find(|index| is_full(&put(&store, &index.to_le_bytes(), &[7; 1_000])))
        .expect("it is full at last");
    assert!(count > 600, "only {count} fitted");
}

#[test]
fn a_cache_store_that_fills_the_node_makes_room_for_the_others() {
    let (node, _) = node(4 * MIB);
    let greedy = cache(&node, "default/greedy", 4 * MIB);
    for index in 0..10_000_u32 {
        put(&greedy, &index.to_le_bytes(), &[7; 1_000]);
    }
    let late = cache(&node, "default/late", 4 * MIB);
    let coordination = coordination(&node, 4 * MIB);
    for index in 0..1_000_u32 {
        assert!(applied(&put(&late, &index.to_le_bytes(), &[7; 1_000])));
        assert!(applied(&put(&coordination, &index.to_le_bytes(), &[7; 1_000])));
        assert!(greedy.bytes() + late.bytes() + coordination.bytes() <= 4 * MIB);
    }
    assert_eq!(late.stats().entries, 1_000);
    assert_eq!(coordination.stats().entries, 1_000);
}

#[test]
fn threads_that_put_big_values_at_once_keep_the_budget_and_none_is_refused() {
    let (node, _) = node(1024 * MIB);
    let store = cache(&node, "default/big", 4 * MIB);
    let value = vec![7; 250 * 1024];
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (store, value) = (&store, &value);
            scope.spawn(move || {
                for index in 0..200_u32 {
                    let key = thread * 1_000 + index;
                    assert!(applied(&put(store, &key.to_le_bytes(), value)));
                    let bytes = store.bytes();
                    assert!(bytes <= 4 * MIB, "{bytes} bytes");
                }
            });
        }
    });
}
