//! A seed's course of events comes again.

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

#[test]
fn the_same_seed_has_the_same_course_of_events() {
    for seed in [1, 2, 3] {
        let first = ending(seed);
        assert!(first.operations > 100, "{first:?}");
        assert_eq!(first, ending(seed));
    }
}

#[test]
fn different_seeds_have_different_courses_of_events() {
    assert_ne!(ending(4).hash, ending(5).hash);
}
