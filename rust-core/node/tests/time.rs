//! What a node promises about time: at its end, and beside a group that has failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use holdfast_node::clock::{ClusterClock, ManualClock, SystemClock};
use holdfast_node::log::NoLog;
use holdfast_node::{Node, NodeError, NodeOptions, NodeStore};
use holdfast_state::{
    Change, Condition, Expiry, KeyRange, Outcome, StoreClass, StoreSettings, StoreSettingsGiven,
};

const MIB: u64 = 1024 * 1024;
const BOTH: [StoreClass; 2] = [StoreClass::Coordination, StoreClass::Cache];

fn node_with(clock: Arc<dyn ClusterClock>) -> Node {
    Node::start(NodeOptions {
        name: "test".to_owned(),
        clock,
        memory_limit: 1024 * MIB,
        seed: 7,
        log: Arc::new(NoLog),
    })
}

fn node() -> Node {
    node_with(Arc::new(ManualClock::default()))
}

fn store(node: &Node, class: StoreClass) -> Arc<NodeStore> {
    let settings = StoreSettings::new(class, 64 * MIB);
    node.define_store(
        &format!("default/{class:?}"),
        &StoreSettingsGiven::default(),
        &settings,
    )
    .expect("the store is made")
}

fn put(store: &NodeStore, key: &[u8], ttl_ms: u64) -> Result<Outcome, NodeError> {
    store.change(&Change::Put {
        key,
        value: b"value",
        expiry: Expiry::after_ms(ttl_ms),
        condition: Condition::Always,
        never_evict: false,
        return_previous: false,
    })
}

/// Makes the group of a key fail.
fn break_group(store: &NodeStore, key: &[u8]) {
    let broken = catch_unwind(AssertUnwindSafe(|| {
        store.get(key, false, |_| panic!("this group fails, as the test wants"))
    }));
    assert!(matches!(broken, Ok(Err(NodeError::Group(_)))));
}

#[test]
fn advancing_the_clock_beyond_the_end_of_time_returns_and_everything_has_expired() {
    for class in BOTH {
        let node = node();
        let store = store(&node, class);
        for by_ms in [u64::MAX, i64::MAX as u64, 1] {
            put(&store, b"key", 1).expect("the group works");
            node.advance_clock(by_ms).expect("the clock is manual");
            store.get_many(&[b"key"], |_, _| {}).expect("the group works");
            store.count(&KeyRange::All).expect("the group works");
        }
    }
}

#[test]
fn threads_that_advance_the_clock_together_each_find_their_time_expired() {
    let node = node();
    let stores = BOTH.map(|class| store(&node, class));
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (node, stores) = (&node, &stores);
            scope.spawn(move || {
                for index in 0..500_u32 {
                    let key = (thread * 1_000 + index).to_le_bytes();
                    for store in stores {
                        put(store, &key, 10).expect("the group works");
                    }
                    node.advance_clock(10).expect("the clock is manual");
                    for store in stores {
                        let mut seen = false;
                        let everything = KeyRange::Range {
                            first: &key,
                            end: None,
                        };
                        assert!(store.count(&everything).is_ok());
                        store
                            .get_many(&[&key], |_, entry| seen = entry.is_some())
                            .expect("the group works");
                        assert!(!seen);
                    }
                }
            });
        }
    });
    node.advance_clock(10).expect("the clock is manual");
    for store in &stores {
        assert_eq!((store.stats().entries, store.stats().expirations), (0, 2_000));
    }
}

#[test]
fn what_other_groups_hold_expires_although_one_group_has_failed() {
    let manual = Arc::new(ManualClock::default());
    let clocks: [Arc<dyn ClusterClock>; 2] = [manual, Arc::new(SystemClock::start())];
    for clock in clocks {
        let is_manual = !clock.moves_by_itself();
        let node = node_with(clock);
        let cache = store(&node, StoreClass::Cache);
        let coordination = store(&node, StoreClass::Coordination);
        // Not due before the group is broken, whichever clock it is.
        put(&cache, b"broken", if is_manual { 5 } else { 600_000 }).expect("the group works");
        break_group(&cache, b"broken");
        let working: Vec<u32> = (0..1_000)
            .filter(|key: &u32| put(&cache, &key.to_le_bytes(), 5).is_ok())
            .collect();
        assert!(working.len() > 500 && working.len() < 1_000);
        put(&coordination, b"key", 5).expect("its group works");
        if is_manual {
            assert!(matches!(node.advance_clock(5), Err(NodeError::Group(_))));
            assert_eq!(cache.stats().entries, 1);
            assert_eq!(coordination.stats().entries, 0);
        }
        while cache.stats().entries > 1 || coordination.stats().entries > 0 {
            std::thread::yield_now();
        }
    }
}
