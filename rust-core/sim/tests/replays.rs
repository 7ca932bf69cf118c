//! A seed's course of events comes again.

use std::collections::BTreeSet;
use std::process::Command;

use holdfast_sim::scenario::Ending;

/// A seed in a process of its own, as `tests/sim/run` runs it.
fn ending(seed: u64) -> Ending {
    let output = Command::new(env!("CARGO_BIN_EXE_holdfast-sim"))
        .args(["--json", "--seed", &seed.to_string()])
        .output()
        .expect("the simulator starts");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}"))
}

/// The endings of seeds, two processes at once.
fn endings(seeds: impl Iterator<Item = u64>) -> Vec<Ending> {
    let seeds: Vec<u64> = seeds.collect();
    let (even, odd): (Vec<u64>, Vec<u64>) = seeds.iter().partition(|seed| seed.is_multiple_of(2));
    let mut all = std::thread::scope(|scope| {
        let even = scope.spawn(|| even.into_iter().map(ending).collect::<Vec<_>>());
        let mut all: Vec<Ending> = odd.into_iter().map(ending).collect();
        all.extend(even.join().expect("no panic"));
        all
    });
    all.sort_by_key(|ending| ending.seed);
    all
}

#[test]
fn a_seed_has_the_same_course_of_events_each_time_and_no_two_seeds_have_the_same() {
    let first = endings(1..=20);
    let second = endings(1..=20);
    assert_eq!(first, second);
    let hashes: BTreeSet<u64> = first.iter().map(|ending| ending.hash).collect();
    assert_eq!(hashes.len(), 20);
    assert!(first.iter().all(|ending| ending.operations > 500), "{first:?}");
}
