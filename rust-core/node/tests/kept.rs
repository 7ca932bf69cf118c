//! What a node on its own keeps in its data directory.
#![cfg(feature = "durable")]

use std::path::Path;
use std::sync::Arc;

use holdfast_node::clock::ManualClock;
use holdfast_node::log::NoLog;
use holdfast_node::{ChangeNumbers, Node, NodeOptions, NodeSession, NodeStore};
use holdfast_state::{
    Change, Condition, Expiry, KeyRange, Outcome, StateError, StoreClass, StoreSettings, StoreSettingsGiven,
};
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;

fn open(path: &Path) -> Node {
    let options = NodeOptions {
        name: "test".to_owned(),
        clock: Arc::new(ManualClock::default()),
        memory_limit: 1024 * MIB,
        seed: 7,
        log: Arc::new(NoLog),
    };
    Node::open(options, path).expect("the directory can be used")
}

fn store(node: &Node, name: &str, class: StoreClass) -> Arc<NodeStore> {
    node.define_store(
        &format!("default/{name}"),
        &StoreSettingsGiven::default(),
        &StoreSettings::new(class, 64 * MIB),
    )
    .expect("the store is made")
}

fn put<'a>(key: &'a [u8], value: &'a [u8], expiry: Expiry, condition: Condition) -> Change<'a> {
    Change::Put {
        key,
        value,
        expiry,
        condition,
        never_evict: false,
        return_previous: false,
    }
}

fn set(store: &NodeStore, key: &str, expiry: Expiry) -> i64 {
    let change = put(key.as_bytes(), key.as_bytes(), expiry, Condition::Always);
    match store.change(&change).expect("it is written") {
        Outcome::Changed { version, .. } => version,
        other => panic!("{other:?}"),
    }
}

fn version(store: &NodeStore, key: &str) -> Option<i64> {
    store
        .get(key.as_bytes(), true, |entry| entry.version())
        .expect("reads work")
}

#[test]
fn coordination_stores_are_there_again_and_cache_stores_are_empty() {
    let directory = TempDir::new().unwrap();
    let node = open(directory.path());
    let mut kept = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let cache = store(&node, &format!("cache-{name}"), StoreClass::Cache);
        set(&cache, "key", Expiry::NONE);
        let orders = store(&node, name, StoreClass::Coordination);
        for number in 0..20 {
            let key = format!("key-{number}");
            kept.push((name, orders.id(), set(&orders, &key, Expiry::NONE), key));
        }
    }
    drop(node);
    let node = open(directory.path());
    for (name, id, revision, key) in &kept {
        let orders = store(&node, name, StoreClass::Coordination);
        assert_eq!(orders.id(), *id);
        assert_eq!(version(&orders, key), Some(*revision));
    }
    let cache = store(&node, "cache-a", StoreClass::Cache);
    assert_eq!(cache.count(&KeyRange::All), Ok(0));
    assert!(kept.iter().all(|(_, id, ..)| *id != cache.id()));
    let orders = store(&node, "a", StoreClass::Coordination);
    assert!(
        kept.iter()
            .all(|(_, _, revision, _)| *revision < set(&orders, "new", Expiry::NONE))
    );
    let other = StoreSettingsGiven {
        class: Some(StoreClass::Cache),
        ..StoreSettingsGiven::default()
    };
    let settings = StoreSettings::new(StoreClass::Cache, 64 * MIB);
    assert!(
        node.define_store("default/a", &other, &settings).is_err(),
        "it has another class"
    );
}

#[test]
fn time_goes_on_where_it_ended_and_what_is_due_expires() {
    let directory = TempDir::new().unwrap();
    let node = open(directory.path());
    let orders = store(&node, "orders", StoreClass::Coordination);
    set(&orders, "short", Expiry::after_ms(1_000));
    set(&orders, "long", Expiry::after_ms(10_000));
    node.advance_clock(900).unwrap();
    set(&orders, "stamp", Expiry::NONE);
    drop((node, orders));
    let node = open(directory.path());
    let orders = store(&node, "orders", StoreClass::Coordination);
    assert!(version(&orders, "short").is_some());
    node.advance_clock(100).unwrap();
    assert!(version(&orders, "short").is_none());
    assert!(version(&orders, "long").is_some());
    // A condition sees what a read sees.
    let again = put(b"short", b"", Expiry::NONE, Condition::Absent);
    assert!(matches!(
        orders.change(&again),
        Ok(Outcome::Changed { applied: true, .. })
    ));
    node.advance_clock(9_000).unwrap();
    assert_eq!(orders.count(&KeyRange::All), Ok(2));
}

#[test]
fn a_sessions_retry_after_a_restart_is_applied_once() {
    let directory = TempDir::new().unwrap();
    let numbers = ChangeNumbers {
        sequence: 1,
        first_unacknowledged: 1,
    };
    let create = put(b"key", b"", Expiry::NONE, Condition::Absent);
    let node = open(directory.path());
    let orders = store(&node, "orders", StoreClass::Coordination);
    let session = NodeSession::new(42);
    let (first, retried) = orders.change_once(&create, &session, numbers).unwrap();
    assert!(matches!(first, Outcome::Changed { applied: true, .. }) && !retried);
    drop((node, orders));
    let node = open(directory.path());
    let orders = store(&node, "orders", StoreClass::Coordination);
    let (again, retried) = orders
        .change_once(&create, &NodeSession::new(42), numbers)
        .unwrap();
    assert!(retried);
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
}

#[test]
fn a_clear_is_kept_and_a_refused_change_stays_refused() {
    let directory = TempDir::new().unwrap();
    let node = open(directory.path());
    let orders = store(&node, "orders", StoreClass::Coordination);
    for key in ["a", "b", "c"] {
        set(&orders, key, Expiry::NONE);
    }
    let stale = put(b"a", b"", Expiry::NONE, Condition::Version(1));
    assert!(matches!(
        orders.change(&stale),
        Ok(Outcome::Changed { applied: false, .. })
    ));
    let empty = put(b"", b"", Expiry::NONE, Condition::Always);
    assert!(matches!(
        orders.change(&empty),
        Ok(Outcome::Failed(StateError::KeyEmpty))
    ));
    assert_eq!(orders.clear(&KeyRange::All).unwrap().0, 3);
    set(&orders, "d", Expiry::NONE);
    drop((node, orders));
    let node = open(directory.path());
    let orders = store(&node, "orders", StoreClass::Coordination);
    assert_eq!(orders.count(&KeyRange::All), Ok(1));
}
