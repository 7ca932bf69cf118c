//! Solo groups are changed and read from many threads at once.

mod common;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::*;
use holdfast_state::*;

const ROUNDS: u64 = 20_000;

/// A plain generator (xorshift): each thread has its own, seeded by its number.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Gives how often it counted.
fn mix(group: &Group, thread: u64, versions: &Mutex<Vec<Revision>>) -> u64 {
    let mut counted = 0;
    let mut numbers = Numbers(thread * 7_919 + 1);
    let mut got = Vec::new();
    for _ in 0..ROUNDS {
        let key = format!("key:{}", numbers.below(400));
        let outcome = match numbers.below(16) {
            0..=3 => {
                let value = "v".repeat(numbers.below(300) as usize);
                let expiry = match numbers.below(4) {
                    0 => Expiry::after_ms(1 + numbers.below(50)),
                    1 => Expiry::sliding(1 + numbers.below(50)),
                    _ => Expiry::NONE,
                };
                Some(group.change(&put(&key, &value, expiry, Condition::Always)))
            }
            4 => Some(group.change(&put(&key, "created", Expiry::NONE, Condition::Absent))),
            5 => {
                group.delete(&key);
                None
            }
            6 => {
                group.increment("counter", 1, 0, i64::MAX).expect("it counts");
                counted += 1;
                None
            }
            7 => {
                group.advance(1);
                group.expire();
                None
            }
            8 => {
                let (store, at) = (&group.store, group.now());
                group
                    .machine
                    .make_room(store, at, numbers.below(2_000), &mut NoEvents);
                None
            }
            9 if numbers.below(50) == 0 => {
                let range = KeyRange::Prefix(b"key:1");
                group.change(&Change::Clear {
                    range,
                    through: 0,
                    limit: 100,
                });
                None
            }
            10 => {
                group.count(KeyRange::All);
                let _ = group.machine.due(group.now(), 100);
                None
            }
            _ => {
                group.read(&key, true, |view| assert!(view.key() == key.as_bytes()));
                None
            }
        };
        if let Some(Outcome::Changed {
            applied: true,
            version,
            ..
        }) = outcome
        {
            got.push(version);
        }
    }
    versions.lock().expect("no thread has panicked").extend(got);
    counted
}

fn run(group: &Group) {
    let put = Change::Put {
        key: b"counter",
        value: b"0",
        expiry: Expiry::NONE,
        condition: Condition::Always,
        never_evict: true,
        return_previous: false,
    };
    group.change(&put);
    let versions = Mutex::new(Vec::new());
    let done = AtomicBool::new(false);
    let counted: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (1..=4)
            .map(|thread| {
                scope.spawn({
                    let versions = &versions;
                    move || mix(group, thread, versions)
                })
            })
            .collect();
        let checker = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let bytes = group.machine.snapshot();
                let kind = kind_of(group.store.settings().class);
                Machine::restore(&bytes, config(kind, 0)).expect("a snapshot taken meanwhile restores");
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        checker.join().expect("the checker does not panic");
        ended
            .into_iter()
            .map(|counted| counted.expect("no worker panics"))
            .sum()
    });
    group.check();
    let versions = versions.into_inner().expect("no thread has panicked");
    let distinct: BTreeSet<Revision> = versions.iter().copied().collect();
    assert_eq!(distinct.len(), versions.len(), "no two changes share a version");
    assert_eq!(group.value("counter"), Some(counted.to_string()));
}

#[test]
fn threads_that_mix_everything_leave_a_cache_store_whole() {
    run(&solo_cache());
}

#[test]
fn threads_that_mix_everything_leave_a_coordination_store_whole() {
    run(&solo_coordination());
}

#[test]
fn increments_from_many_threads_are_all_counted() {
    for group in [solo_cache(), solo_coordination()] {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        group.increment("n", 1, 0, i64::MAX).expect("it counts");
                    }
                });
            }
        });
        assert_eq!(group.value("n").as_deref(), Some("20000"));
    }
}

#[test]
fn a_watched_cache_store_keeps_events_in_the_order_of_revisions_whatever_threads_do() {
    let group = solo_cache();
    let watch = GroupCommand::WatchHistory {
        store: STORE,
        on: true,
    };
    group
        .machine
        .apply(group.now(), &[Command::Group(watch)], &mut NoEvents);
    let since = group.machine.revision();
    let versions = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for thread in 1..=3 {
            let (group, versions) = (&group, &versions);
            scope.spawn(move || mix(group, thread, versions));
        }
    });
    group.check();
    let kept = group.machine.history(&group.store, since, u64::MAX);
    let kept = match kept {
        Err(StateError::Compacted { first }) => group.machine.history(&group.store, first, u64::MAX),
        kept => kept,
    };
    let kept = kept.expect("what is not compacted is there");
    assert!(!kept.is_empty());
    assert!(kept.is_sorted_by_key(|event| (event.revision, event.ordinal)));
}
