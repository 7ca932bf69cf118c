//! Promises about one key: values, conditions, versions, expiry.

mod common;

use common::*;
use holdfast_state::*;

fn both() -> [Group; 2] {
    [solo_cache(), solo_coordination()]
}

#[test]
fn a_put_is_read_back_with_its_version() {
    for group in both() {
        let version = group.put("a", "one");
        assert_eq!(group.get("a"), Some(("one".into(), version)));
        assert!(group.put("a", "two") > version);
        assert_eq!(group.value("a"), Some("two".into()));
        assert_eq!(group.value("b"), None);
        group.check();
    }
}

#[test]
fn an_empty_value_is_a_value() {
    for group in both() {
        group.put("a", "");
        assert_eq!(group.value("a"), Some(String::new()));
    }
}

#[test]
fn keys_are_any_bytes_up_to_the_limit() {
    let group = solo_cache();
    for key in [
        vec![0_u8],
        vec![0xFF; MAX_KEY],
        "Ключ с пробелом".as_bytes().to_vec(),
    ] {
        let put = Change::Put {
            key: &key,
            value: b"v",
            expiry: Expiry::NONE,
            condition: Condition::Always,
            never_evict: false,
            return_previous: false,
        };
        assert!(applied(&group.change(&put)));
        let place = group.store.place(&key);
        let read = group
            .machine
            .get(&group.store, || group.now(), place, &key, false, |_| ());
        assert_eq!(read, Ok(Read::Hit(())));
    }
    group.check();
}

#[test]
fn what_breaks_a_limit_is_refused_by_name_and_nothing_changes() {
    let group = Group::new(StoreSettings::new(StoreClass::Cache, 16 << 10), 0);
    group.put("a", "one");
    let before = group.machine.snapshot();
    let long_key = "k".repeat(MAX_KEY + 1);
    let long_value = "v".repeat(1025);
    let refused = |change: Change<'_>| match group.change(&change) {
        Outcome::Failed(error) => error,
        other => panic!("{other:?}"),
    };
    let (always, none) = (Condition::Always, Expiry::NONE);
    assert_eq!(refused(put("", "v", none, always)), StateError::KeyEmpty);
    let limit = MAX_KEY as u64;
    let too_large = StateError::KeyTooLarge {
        size: limit + 1,
        limit,
    };
    assert_eq!(refused(put(&long_key, "v", none, always)), too_large);
    let too_large = StateError::ValueTooLarge {
        size: 1025,
        limit: 1024,
    };
    assert_eq!(refused(put("a", &long_value, none, always)), too_large);
    for ttl_ms in [0, MAX_TTL_MS + 1] {
        let out_of_range = StateError::TtlOutOfRange {
            ttl_ms,
            limit: MAX_TTL_MS,
        };
        assert_eq!(
            refused(put("a", "v", Expiry::after_ms(ttl_ms), always)),
            out_of_range
        );
        assert_eq!(
            refused(put("a", "v", Expiry::sliding(ttl_ms), always)),
            out_of_range
        );
        let expiry = Expiry::after_ms(ttl_ms);
        let set = Change::SetExpiry {
            key: b"a",
            expiry,
            condition: always,
        };
        assert_eq!(refused(set), out_of_range);
    }
    assert!(before == group.machine.snapshot());
}

#[test]
fn create_makes_only_what_is_absent_and_replace_only_the_version_it_knows() {
    for group in both() {
        assert!(group.put_if("a", "one", Condition::Absent));
        assert!(!group.put_if("a", "two", Condition::Absent));
        let (value, version) = group.get("a").expect("it was created");
        assert_eq!(value, "one");
        assert!(!group.put_if("a", "two", Condition::Version(version + 1)));
        assert!(group.put_if("a", "two", Condition::Version(version)));
        assert!(!group.put_if("a", "three", Condition::Version(version)));
        assert!(!group.put_if("b", "one", Condition::Present));
        assert_eq!(group.value("a"), Some("two".into()));
    }
}

#[test]
fn a_refused_condition_tells_the_version_that_is_there() {
    let group = solo_cache();
    let version = group.put("a", "one");
    let change = put("a", "two", Expiry::NONE, Condition::Absent);
    match group.change(&change) {
        Outcome::Changed {
            applied: false,
            found: true,
            version: there,
            ..
        } => assert_eq!(there, version),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_that_is_due_counts_as_absent_for_every_condition() {
    for group in both() {
        group.put_for("a", "one", Expiry::after_ms(10));
        group.advance(10);
        assert!(!group.put_if("a", "two", Condition::Present));
        assert!(group.put_if("a", "two", Condition::Absent));
        assert_eq!(group.value("a"), Some("two".into()));
        assert_eq!(group.stats().expirations, 1);
    }
}

#[test]
fn get_and_put_and_get_and_delete_give_what_was_there() {
    for group in both() {
        group.put("a", "one");
        let previous = |change: &Change<'_>| match group.change(change) {
            Outcome::Changed { previous, .. } => previous.map(|entry| entry.value().to_vec()),
            other => panic!("{other:?}"),
        };
        let swap = Change::Put {
            key: b"a",
            value: b"two",
            expiry: Expiry::NONE,
            condition: Condition::Always,
            never_evict: false,
            return_previous: true,
        };
        assert_eq!(previous(&swap), Some(b"one".to_vec()));
        let take = Change::Delete {
            key: b"a",
            condition: Condition::Always,
            return_previous: true,
        };
        assert_eq!(previous(&take), Some(b"two".to_vec()));
        assert_eq!(previous(&take), None);
        assert_eq!(previous(&swap), None);
    }
}

#[test]
fn a_delete_of_nothing_is_harmless() {
    for group in both() {
        assert!(!group.delete("a"));
        group.put("a", "one");
        assert!(group.delete("a"));
        assert!(!group.delete("a"));
        group.check();
    }
}

#[test]
fn an_entry_is_gone_at_its_deadline_and_not_before() {
    for group in both() {
        group.put_for("a", "one", Expiry::after_ms(100));
        group.advance(99);
        assert_eq!(group.read("a", true, |view| view.remaining_ms()), Some(Some(1)));
        group.advance(1);
        assert_eq!(group.value("a"), None);
        group.check();
    }
}

#[test]
fn sliding_entry_read_before_its_deadline_lives_another_window() {
    for group in both() {
        group.put_for("a", "one", Expiry::sliding(100));
        for _ in 0..5 {
            group.advance(99);
            assert_eq!(group.value("a"), Some("one".into()));
            group.expire();
        }
        group.advance(100);
        assert_eq!(group.value("a"), None);
        group.check();
    }
}

#[test]
fn a_read_that_does_not_slide_leaves_the_deadline() {
    let group = solo_cache();
    group.put_for("a", "one", Expiry::sliding(100));
    group.advance(50);
    assert_eq!(group.read("a", false, |view| view.remaining_ms()), Some(Some(50)));
    assert_eq!(group.read("a", true, |view| view.remaining_ms()), Some(Some(100)));
}

#[test]
fn sliding_never_passes_the_absolute_deadline() {
    for group in both() {
        let expiry = Expiry {
            ttl_ms: Some(150),
            sliding_ms: Some(100),
            absolute_unix_ms: Some(START + 150),
        };
        group.put_for("a", "one", expiry);
        group.advance(90);
        assert_eq!(group.read("a", true, |view| view.remaining_ms()), Some(Some(60)));
        assert_eq!(
            group.read("a", true, |view| view.absolute_unix_ms()),
            Some(Some(START + 150))
        );
        group.advance(60);
        assert_eq!(group.value("a"), None);
    }
}

#[test]
fn a_refresh_slides_and_keeps_the_version_and_is_a_no_op_without_sliding() {
    for group in both() {
        let refresh = |key: &str| applied(&group.change(&Change::Refresh { key: key.as_bytes() }));
        let version = group.put_for("a", "one", Expiry::sliding(100));
        group.put_for("b", "one", Expiry::after_ms(100));
        group.advance(60);
        assert!(refresh("a"));
        assert!(refresh("b"));
        assert!(!refresh("c"));
        group.advance(60);
        assert_eq!(group.get("a"), Some(("one".into(), version)));
        assert_eq!(group.value("b"), None);
    }
}

#[test]
fn a_change_of_the_ttl_keeps_the_value_and_none_lets_it_live_for_good() {
    for group in both() {
        let set = |expiry: Expiry| {
            let condition = Condition::Always;
            applied(&group.change(&Change::SetExpiry {
                key: b"a",
                expiry,
                condition,
            }))
        };
        assert!(!set(Expiry::after_ms(10)));
        let version = group.put_for("a", "one", Expiry::after_ms(100));
        assert!(set(Expiry::after_ms(1_000)));
        group.advance(500);
        let (value, newer) = group.get("a").expect("it lives longer");
        assert!(value == "one" && newer > version);
        assert!(set(Expiry::NONE));
        group.advance(1_000_000_000);
        assert_eq!(group.read("a", true, |view| view.remaining_ms()), Some(None));
        assert!(set(Expiry::after_ms(5)));
        group.advance(5);
        assert_eq!(group.value("a"), None);
        group.check();
    }
}

#[test]
fn the_stores_default_ttl_is_for_entries_without_any_expiry() {
    let settings = StoreSettings {
        default_ttl_ms: Some(100),
        ..StoreSettings::new(StoreClass::Cache, 64 << 20)
    };
    let group = Group::new(settings, 0);
    group.put("a", "one");
    group.put_for("b", "one", Expiry::after_ms(200));
    group.increment("n", 1, 0, 10).expect("it counts");
    group.advance(100);
    assert_eq!(group.value("a"), None);
    assert_eq!(group.value("n"), None);
    assert_eq!(group.value("b"), Some("one".into()));
}

#[test]
fn a_hundred_years_are_kept_to_the_millisecond() {
    let group = solo_cache();
    group.put_for("a", "one", Expiry::after_ms(MAX_TTL_MS));
    group.advance(MAX_TTL_MS as i64 - 1);
    assert_eq!(group.expire(), 0);
    assert_eq!(group.value("a"), Some("one".into()));
    group.advance(1);
    assert_eq!(group.expire(), 1);
}

#[test]
fn a_counter_counts_and_keeps_its_bounds() {
    for group in both() {
        assert_eq!(group.increment("n", 5, 0, 10), Ok((0, 5)));
        let out_of_bounds = |value, delta, minimum, maximum| {
            Err(StateError::CounterOutOfBounds {
                value,
                delta,
                minimum,
                maximum,
            })
        };
        assert_eq!(group.increment("n", 6, 0, 10), out_of_bounds(5, 6, 0, 10));
        assert_eq!(group.increment("n", -6, 0, 10), out_of_bounds(5, -6, 0, 10));
        assert_eq!(group.increment("n", -5, 0, 10), Ok((5, 0)));
        assert_eq!(group.value("n"), Some("0".into()));
        let (minimum, maximum) = (i64::MIN, i64::MAX);
        assert_eq!(
            group.increment("n", i64::MAX, minimum, maximum),
            Ok((0, i64::MAX))
        );
        assert_eq!(
            group.increment("n", 1, minimum, maximum),
            out_of_bounds(i64::MAX, 1, minimum, maximum)
        );
        assert_eq!(
            group.increment("m", i64::MIN, minimum, maximum),
            Ok((0, i64::MIN))
        );
        assert_eq!(
            group.increment("m", -1, minimum, maximum),
            out_of_bounds(i64::MIN, -1, minimum, maximum)
        );
    }
}

#[test]
fn only_decimal_text_is_counted_with() {
    let group = solo_cache();
    for text in ["", "x", "1.5", " 1", "9223372036854775808", "0x10"] {
        let version = group.put("n", text);
        assert_eq!(group.increment("n", 1, 0, 10), Err(StateError::NotANumber));
        assert_eq!(group.get("n"), Some((text.into(), version)));
    }
    group.put("n", "-41");
    assert_eq!(group.increment("n", 83, -100, 100), Ok((-41, 42)));
}

#[test]
fn a_counter_keeps_its_deadline_unless_told_to_begin_anew() {
    for group in both() {
        let count = |expiry: Expiry, reset_expiry: bool| {
            let change = Change::Increment {
                key: b"n",
                delta: 1,
                minimum: 0,
                maximum: 100,
                initial: 10,
                expiry,
                reset_expiry,
            };
            match group.change(&change) {
                Outcome::Counter { after, .. } => after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(count(Expiry::after_ms(100), false), 11);
        group.advance(60);
        assert_eq!(count(Expiry::after_ms(100), false), 12);
        group.advance(39);
        assert_eq!(count(Expiry::after_ms(100), true), 13);
        group.advance(99);
        assert_eq!(group.value("n"), Some("13".into()));
        group.advance(1);
        assert_eq!(count(Expiry::NONE, false), 11);
        group.check();
    }
}

#[test]
fn time_that_comes_in_backwards_does_not_bring_an_entry_back() {
    let group = solo_cache();
    group.put_for("a", "one", Expiry::after_ms(100));
    group.advance(100);
    group.expire();
    group.advance(-50);
    assert_eq!(group.value("a"), None);
    group.put_for("b", "one", Expiry::after_ms(100));
    group.advance(149);
    assert_eq!(group.value("b"), Some("one".into()));
}
