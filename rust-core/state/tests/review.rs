//! Defects that a review has found: each failed before its fix.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::*;
use holdfast_state::*;

const END: Timestamp = Timestamp(i64::MAX);

/// Runs `work`, and fails when it does not end.
fn ends<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, ended) = std::sync::mpsc::channel();
    thread::spawn(move || done.send(work()));
    ended
        .recv_timeout(std::time::Duration::from_secs(20))
        .expect("it ends")
}

#[test]
fn expiring_up_to_the_end_of_time_ends() {
    for group in [solo_cache(), solo_coordination()] {
        group.put("stays", "one");
        group.put_for("goes", "one", Expiry::after_ms(100));
        let removed = ends(move || {
            let expire = Change::Expire {
                up_to: END,
                limit: u32::MAX,
            };
            let place = group.store.place(b"stays");
            let outcome = group
                .machine
                .change(&group.store, END, place, &expire, &mut NoEvents);
            group.check();
            removed(&outcome)
        });
        assert_eq!(removed, 1);
    }
}

#[test]
fn a_deadline_at_the_end_of_time_is_kept_like_any_other() {
    for group in [solo_cache(), solo_coordination()] {
        group.advance(i64::MAX - START - 10);
        group.put_for("late", "one", Expiry::after_ms(100));
        group.put_for("later", "one", Expiry::sliding(100));
        group.check();
        let kind = kind_of(group.store.settings().class);
        let bytes = group.machine.snapshot();
        Machine::restore(&bytes, config(kind, 0)).expect("what was written restores");
        assert!(group.value("late").is_some());
        group.advance(10);
        assert_eq!(group.now(), END);
        let left = ends(move || {
            let found = group.value("late");
            let expired = group.expire();
            group.check();
            (found, expired, group.stats().entries)
        });
        assert_eq!((left.0, left.2), (None, 0));
    }
}

#[test]
fn an_increment_keeps_what_reads_have_slid() {
    for touch_interval_ms in [0, 500] {
        let settings = StoreSettings::new(StoreClass::Cache, 64 << 20);
        let group = Group::new(settings, touch_interval_ms);
        group.put_for("n", "1", Expiry::sliding(100));
        group.advance(90);
        assert!(group.value("n").is_some(), "slides to 190");
        group.advance(20);
        assert_eq!(group.increment("n", 1, 0, 10), Ok((1, 2)));
        assert_eq!(group.value("n").as_deref(), Some("2"), "{touch_interval_ms}");
        group.advance(79);
        assert!(group.read("n", false, |_| ()).is_some(), "{touch_interval_ms}");
    }
}

#[test]
fn a_slot_that_does_not_exist_is_not_served() {
    let group = solo_cache();
    let query = Query::Scan {
        store: STORE,
        slot: Some(Slot(SLOTS + 3)),
        range: KeyRange::All,
        descending: false,
        keys_only: false,
        after: None,
        limit: 10,
        byte_limit: 1_000,
    };
    let answer = group.query(&query);
    assert!(
        matches!(answer, Outcome::Failed(StateError::WrongSlot { .. })),
        "{answer:?}"
    );
}

#[test]
fn a_watch_that_begins_while_threads_write_misses_nothing() {
    let group = solo_cache();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|thread| {
                let (group, done) = (&group, &done);
                scope.spawn(move || {
                    let mut versions = Vec::new();
                    for number in 0_u64.. {
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                        versions.push(group.put(&format!("{thread}:{}", number % 50), "value"));
                    }
                    versions
                })
            })
            .collect();
        let mut watched = Vec::new();
        for _ in 0..400 {
            let switch = |on| {
                let watch = GroupCommand::WatchHistory { store: STORE, on };
                let outcomes = group
                    .machine
                    .apply(group.now(), &[Command::Group(watch)], &mut NoEvents);
                match outcomes[..] {
                    [Outcome::Done { version }] => version,
                    _ => panic!("{outcomes:?}"),
                }
            };
            let since = switch(true);
            let events = loop {
                match group.machine.history(&group.store, since, u64::MAX) {
                    Ok(events) if events.is_empty() => thread::yield_now(),
                    events => break events.unwrap_or_default(),
                }
            };
            if let Some(last) = events.last() {
                let seen: Vec<Revision> = events.iter().map(|event| event.revision).collect();
                watched.push((since, last.revision, seen));
            }
            switch(false);
        }
        done.store(true, Ordering::Relaxed);
        let ended = writers.into_iter().map(|w| w.join().expect("no writer panics"));
        let mut written: Vec<Revision> = ended.flatten().collect();
        written.sort_unstable();
        assert!(!watched.is_empty());
        for (since, last, seen) in watched {
            let after = written.partition_point(|version| *version <= since);
            let through = written.partition_point(|version| *version <= last);
            assert_eq!(written[after..through], seen, "after {since}");
        }
    });
}
