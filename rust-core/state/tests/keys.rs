//! Promises about one key: values, conditions, versions, expiry.

mod common;

use common::*;
use holdfast_state::*;

#[test]
fn a_put_is_read_back_with_its_version() {
    for group in [solo_cache(), solo_coordination()] {
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
    let group = solo_cache();
    group.put("a", "");
    assert_eq!(group.value("a"), Some(String::new()));
}

#[test]
fn an_entry_is_gone_at_its_deadline_and_not_before() {
    for group in [solo_cache(), solo_coordination()] {
        group.put_for("a", "one", Expiry::after_ms(100));
        group.advance(99);
        assert_eq!(group.value("a"), Some("one".into()));
        group.advance(1);
        assert_eq!(group.value("a"), None);
        group.check();
    }
}

#[test]
fn sliding_entry_read_before_its_deadline_lives_another_window() {
    for group in [solo_cache(), solo_coordination()] {
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
fn a_counter_counts_and_keeps_its_bounds() {
    let group = solo_coordination();
    assert_eq!(group.increment("n", 5, 0, 10), Ok((0, 5)));
    assert_eq!(
        group.increment("n", 6, 0, 10),
        Err(StateError::CounterOutOfBounds {
            value: 5,
            delta: 6,
            minimum: 0,
            maximum: 10
        })
    );
    assert_eq!(group.increment("n", -5, 0, 10), Ok((5, 0)));
    assert_eq!(group.value("n"), Some("0".into()));
}
