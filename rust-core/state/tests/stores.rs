//! Promises about a whole store: budgets, eviction, clear, count, scans, statistics, history.

mod common;

use common::*;
use holdfast_state::*;
use smallvec::SmallVec;

fn fill(group: &Group, count: u32, value: &str) {
    for number in 0..count {
        group.put(&format!("key:{number:06}"), value);
    }
}

fn clear(group: &Group, range: KeyRange<'_>, limit: u32) -> u64 {
    let through = group.machine.revision();
    let (mut slot, mut count) = (Slot(0), 0);
    if group.store.settings().class == StoreClass::Coordination {
        slot = KeyHash::slot_of_store(STORE);
    }
    loop {
        let change = Change::Clear {
            range,
            through,
            limit,
        };
        let place = KeyHash { slot, hash: 0 };
        let outcome = group
            .machine
            .change(&group.store, group.now(), place, &change, &mut NoEvents);
        let Outcome::Removed {
            count: some,
            more,
            next,
            ..
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        count += some;
        slot = next;
        if !more {
            return count;
        }
    }
}

#[test]
fn a_full_coordination_store_refuses_and_a_delete_still_works() {
    let group = Group::new(StoreSettings::new(StoreClass::Coordination, 64 << 10), 0);
    let value = "v".repeat(1_000);
    let mut count = 0;
    let refused = loop {
        let key = format!("key:{count}");
        match group.change(&put(&key, &value, Expiry::NONE, Condition::Always)) {
            Outcome::Failed(error) => break error,
            _ => count += 1,
        }
    };
    assert!(
        matches!(refused, StateError::StoreFull { needed, limit } if needed > limit && limit == 64 << 10)
    );
    assert!(count > 50);
    group.check();
    assert!(!matches!(
        group.change(&put("key:0", "small", Expiry::NONE, Condition::Always)),
        Outcome::Failed(_)
    ));
    assert!(group.delete("key:1"));
    group.put("other", &value[..900]);
    group.check();
}

#[test]
fn a_cache_store_that_may_not_evict_refuses_when_it_is_full() {
    let settings = StoreSettings {
        eviction: Eviction::None,
        ..StoreSettings::new(StoreClass::Cache, 64 << 10)
    };
    let group = Group::new(settings, 0);
    let value = "v".repeat(1_000);
    let full = (0..100).any(|number| {
        let key = format!("key:{number}");
        let outcome = group.change(&put(&key, &value, Expiry::NONE, Condition::Always));
        matches!(outcome, Outcome::Failed(StateError::StoreFull { .. }))
    });
    assert!(full);
    assert_eq!(
        group
            .machine
            .make_room(&group.store, group.now(), 1_000, &mut NoEvents),
        0
    );
    clear(&group, KeyRange::All, 1);
    group.put("after", &value);
}

#[test]
fn a_cache_store_that_makes_room_holds_its_budget_and_keeps_what_is_pinned() {
    let budget = 1 << 20;
    let group = Group::new(StoreSettings::new(StoreClass::Cache, budget), 0);
    let pinned = Change::Put {
        key: b"pinned",
        value: b"stays",
        expiry: Expiry::NONE,
        condition: Condition::Always,
        never_evict: true,
        return_previous: false,
    };
    group.change(&pinned);
    let mut evicted = Vec::new();
    for number in 0..20_000 {
        group.put(&format!("key:{number}"), &"v".repeat(number % 500));
        let over = group.store.bytes().saturating_sub(budget);
        if over > 0 {
            assert!(
                group
                    .machine
                    .make_room(&group.store, group.now(), over, &mut evicted)
                    >= over
            );
        }
        assert!(group.store.bytes() <= budget);
    }
    assert_eq!(group.value("pinned"), Some("stays".into()));
    assert_eq!(group.stats().evictions, evicted.len() as u64);
    assert_eq!(group.stats().entries + evicted.len() as u64, 20_001);
    let kinds = evicted.iter().map(|(_, event)| &event.kind);
    assert!(
        kinds
            .into_iter()
            .all(|kind| matches!(kind, EventKind::Evicted(_)))
    );
    group.check();
}

#[test]
fn a_victim_that_was_written_again_stays() {
    let group = Group::new(StoreSettings::new(StoreClass::Cache, 1 << 20), 500);
    fill(&group, 100, "value");
    let mut victims = SmallVec::new();
    group.machine.victims(&group.store, 1_000, &mut victims);
    assert!(victims.len() > 2);
    let saved = String::from_utf8(victims[0].key().to_vec()).expect("text");
    group.put(&saved, "new");
    let evicted = removed(&group.change(&Change::Evict {
        victims: victims.as_slice().into(),
    }));
    assert_eq!(evicted, victims.len() as u64 - 1);
    assert_eq!(group.value(&saved), Some("new".into()));
    let mut others = SmallVec::new();
    group.machine.victims(&group.store, u64::MAX, &mut others);
    assert_eq!(others.len() as u64, group.stats().entries);
    group.machine.recall_victims(&group.store);
    group.check();
}

#[test]
fn clear_of_all_hides_everything_at_once_and_sweeps_free_the_memory() {
    let group = solo_cache();
    fill(&group, 5_000, "value");
    let full = group.store.bytes();
    assert_eq!(clear(&group, KeyRange::All, 1), 5_000);
    assert_eq!(group.count(KeyRange::All), 0);
    assert_eq!(group.value("key:000001"), None);
    assert_eq!((group.stats().entries, group.stats().bytes), (0, 0));
    assert!(group.store.needs_sweep() && group.store.bytes() == full);
    group.put("key:000001", "new");
    group.check();
    let due = group.machine.due(group.now(), 100);
    assert!(due.len() == 1 && due[0].sweep && !due[0].expire);
    let mut swept = 0;
    while group.store.needs_sweep() {
        swept += removed(&group.change(&Change::Sweep { limit: 1_000 }));
        group.check();
    }
    assert_eq!(swept, 4_999);
    assert_eq!(group.store.bytes(), group.store.visible_bytes());
    assert_eq!(group.value("key:000001"), Some("new".into()));
}

#[test]
fn clear_of_a_prefix_or_range_leaves_the_others_and_what_is_written_meanwhile() {
    for group in [solo_cache(), solo_coordination()] {
        fill(&group, 1_000, "value");
        group.put("other", "value");
        assert_eq!(clear(&group, KeyRange::Prefix(b"key:0001"), 7), 100);
        let range = KeyRange::Range {
            first: b"key:000500",
            end: Some(b"key:000510"),
        };
        assert_eq!(clear(&group, range, 1_000), 10);
        assert_eq!(group.count(KeyRange::All), 891);
        assert_eq!(group.value("other"), Some("value".into()));
        assert_eq!(
            clear(
                &group,
                KeyRange::Range {
                    first: b"zzz",
                    end: Some(b"aaa")
                },
                10
            ),
            0
        );
        group.check();
    }
    let group = solo_cache();
    fill(&group, 100, "value");
    let through = group.machine.revision();
    group.put("key:000050", "newer");
    let change = Change::Clear {
        range: KeyRange::Prefix(b"key"),
        through,
        limit: u32::MAX,
    };
    assert_eq!(removed(&group.change(&change)), 99);
    assert_eq!(group.value("key:000050"), Some("newer".into()));
}

#[test]
fn count_leaves_due_entries_out_before_they_are_removed() {
    for group in [solo_cache(), solo_coordination()] {
        fill(&group, 100, "value");
        for number in 0..50 {
            group.put_for(&format!("due:{number}"), "value", Expiry::after_ms(10 + number));
        }
        group.advance(20);
        assert_eq!(group.count(KeyRange::All), 100 + 39);
        assert_eq!(group.count(KeyRange::Prefix(b"due:")), 39);
        group.expire();
        assert_eq!(group.count(KeyRange::All), 100 + 39);
        assert_eq!(group.stats().entries, 139);
        assert_eq!(group.stats().expirations, 11);
    }
}

#[test]
fn expiry_goes_in_bounded_batches_by_deadline_and_key() {
    let group = solo_coordination();
    for number in [3, 1, 2, 0] {
        group.put_for(&format!("late:{number}"), "value", Expiry::after_ms(20));
        group.put_for(&format!("early:{number}"), "value", Expiry::after_ms(10));
    }
    group.advance(30);
    let mut events = Vec::new();
    let mut steps = Vec::new();
    loop {
        let change = Change::Expire {
            up_to: group.now(),
            limit: 3,
        };
        let Outcome::Removed { count, more, .. } = group.change_with(&change, &mut events) else {
            panic!("removed")
        };
        steps.push(count);
        group.check();
        if !more {
            break;
        }
    }
    assert_eq!(steps, [3, 3, 2]);
    let keys: Vec<&[u8]> = events
        .iter()
        .map(|(_, event)| event.kind.entry().expect("about an entry").key())
        .collect();
    assert!(keys[..4].iter().all(|key| key.starts_with(b"early:")));
    assert!(keys[..4].is_sorted() && keys[4..].is_sorted());
}

#[test]
fn a_scan_goes_on_where_it_stopped_whatever_was_deleted_meanwhile() {
    let group = solo_coordination();
    fill(&group, 10, "value");
    let mut after: Option<ScanPosition> = None;
    let mut seen = Vec::new();
    loop {
        let query = Query::Scan {
            store: STORE,
            slot: None,
            range: KeyRange::Prefix(b"key:"),
            descending: true,
            keys_only: true,
            after: after.as_ref(),
            limit: 3,
            byte_limit: 1_000,
        };
        let Outcome::Page(page) = group.query(&query) else {
            panic!("a page")
        };
        for found in &page.entries {
            let key = String::from_utf8(found.entry.key().to_vec()).expect("text");
            group.delete(&key);
            seen.push(key);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all: Vec<String> = (0..10).rev().map(|number| format!("key:{number:06}")).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_page_is_bounded_in_bytes_but_never_empty() {
    let group = solo_coordination();
    fill(&group, 5, &"v".repeat(100));
    let page = |byte_limit, keys_only| {
        let query = Query::Scan {
            store: STORE,
            slot: None,
            range: KeyRange::All,
            descending: false,
            keys_only,
            after: None,
            limit: 100,
            byte_limit,
        };
        match group.query(&query) {
            Outcome::Page(page) => (page.entries.len(), page.next.is_some()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(page(0, false), (1, true));
    assert_eq!(page(250, false), (2, true));
    assert_eq!(page(250, true), (5, false));
    assert_eq!(page(10_000, false), (5, false));
}

#[test]
fn statistics_count_hits_misses_changes_entries_and_bytes() {
    for group in [solo_cache(), solo_coordination()] {
        group.put("a", "one");
        group.value("a");
        group.value("a");
        group.value("b");
        group.delete("a");
        let stats = group.stats();
        assert_eq!((stats.hits, stats.misses, stats.changes), (2, 1, 2));
        assert_eq!((stats.entries, stats.bytes), (0, 0));
        group.put("a", &"v".repeat(1_000));
        assert!((1_000..1_200).contains(&group.stats().bytes));
        assert_eq!(group.stats().bytes, group.store.bytes());
    }
}

#[test]
fn a_watch_resumes_from_the_history_or_is_told_that_it_is_gone() {
    let group = solo_coordination();
    let first = group.put("a", "one");
    group.put("b", "two");
    group.delete("a");
    let since = |after| {
        let events = group.machine.history(&group.store, after, u64::MAX);
        events.map(|events| {
            let events = events.into_iter().map(|event| match event.kind {
                EventKind::Put(entry) => format!("+{}", String::from_utf8_lossy(entry.key())),
                EventKind::Deleted(entry) => format!("-{}", String::from_utf8_lossy(entry.key())),
                other => format!("{other:?}"),
            });
            events.collect::<Vec<_>>()
        })
    };
    assert_eq!(since(first - 1), Ok(vec!["+a".into(), "+b".into(), "-a".into()]));
    assert_eq!(since(first), Ok(vec!["+b".into(), "-a".into()]));
    assert_eq!(since(group.machine.revision()), Ok(vec![]));
    let big = "v".repeat(1 << 20);
    for _ in 0..10 {
        group.put("big", &big);
    }
    let Err(StateError::Compacted { first: kept }) = since(first) else {
        panic!("ten megabytes do not fit")
    };
    assert!(since(kept).is_ok_and(|events| !events.is_empty()));
    assert!(group.store.history_bytes() <= HISTORY_BYTES);
    group.check();
}

#[test]
fn a_cache_store_keeps_events_only_while_it_is_watched() {
    let group = solo_cache();
    group.put("a", "one");
    let history = |after| group.machine.history(&group.store, after, u64::MAX);
    assert!(matches!(history(0), Err(StateError::Compacted { .. })));
    let watch = |on| {
        let command = Command::Group(GroupCommand::WatchHistory { store: STORE, on });
        group.machine.apply(group.now(), &[command], &mut NoEvents);
        group.machine.revision()
    };
    let since = watch(true);
    group.put("b", "two");
    assert_eq!(history(since).map(|events| events.len()), Ok(1));
    assert!(history(since - 1).is_err());
    watch(false);
    group.put("c", "three");
    assert!(history(since).is_err());
}

#[test]
fn the_first_definition_of_a_store_stands() {
    let group = solo_cache();
    group.put("a", "one");
    let again = GroupCommand::DefineStore {
        id: STORE,
        name: "default/other",
        settings: StoreSettings::new(StoreClass::Cache, 1 << 20),
    };
    group
        .machine
        .apply(group.now(), &[Command::Group(again)], &mut NoEvents);
    let store = group.machine.store(STORE).expect("it is defined");
    assert_eq!(
        (store.name(), store.settings().max_memory),
        ("default/test", 64 << 20)
    );
    assert_eq!(group.value("a"), Some("one".into()));
    let wrong = GroupCommand::DefineStore {
        id: StoreId(8),
        name: "default/coordination",
        settings: StoreSettings::new(StoreClass::Coordination, 1 << 20),
    };
    let outcomes = group
        .machine
        .apply(group.now(), &[Command::Group(wrong)], &mut NoEvents);
    assert!(matches!(outcomes[..], [Outcome::Failed(StateError::WrongClass)]));
    let unknown = Query::Stats { store: StoreId(8) };
    assert!(matches!(
        group.query(&unknown),
        Outcome::Failed(StateError::StoreNotReady { .. })
    ));
}

#[test]
fn settings_that_no_store_can_keep_are_refused_by_name() {
    let cache = StoreSettings::new(StoreClass::Cache, 1 << 20);
    assert_eq!(cache.check(), Ok(()));
    let refused = |settings: StoreSettings| match settings.check() {
        Err(StateError::SettingsRefused { setting }) => setting,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(StoreSettings {
            max_value: 0,
            ..cache
        }),
        "max-value"
    );
    assert_eq!(
        refused(StoreSettings {
            max_value: MAX_VALUE + 1,
            ..cache
        }),
        "max-value"
    );
    assert_eq!(
        refused(StoreSettings {
            max_memory: 1000,
            ..cache
        }),
        "max-memory"
    );
    assert_eq!(
        refused(StoreSettings {
            default_ttl_ms: Some(0),
            ..cache
        }),
        "default-ttl"
    );
    let coordination = StoreSettings::new(StoreClass::Coordination, 1 << 20);
    assert_eq!(
        refused(StoreSettings {
            eviction: Eviction::S3Fifo,
            ..coordination
        }),
        "eviction"
    );
    assert_eq!(
        refused(StoreSettings {
            hash_tags: true,
            ..coordination
        }),
        "hash-tags"
    );
}
