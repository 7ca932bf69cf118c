//! The machine against the naive model: every command, reads, time, replicas, snapshots.

#[path = "../common/mod.rs"]
mod common;
mod lead;
mod read;
mod run;
mod steps;

use holdfast_state::*;
use proptest::prelude::*;
use run::Run;
use steps::{Step, step};

fn run(settings: StoreSettings, grace_ms: u64, steps: &[Step]) {
    let mut run = Run::new(settings, grace_ms);
    for step in steps {
        run.step(step);
        run.check();
    }
}

fn cache() -> StoreSettings {
    StoreSettings {
        hash_tags: true,
        ..StoreSettings::new(StoreClass::Cache, 64 << 20)
    }
}

fn coordination() -> StoreSettings {
    StoreSettings {
        default_ttl_ms: Some(2_000),
        ..StoreSettings::new(StoreClass::Coordination, 64 << 20)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn a_cache_group_and_its_restored_replicas_do_what_the_model_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(cache(), 50, &steps);
    }

    #[test]
    fn a_coordination_group_and_its_restored_replicas_do_what_the_model_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(coordination(), 50, &steps);
    }

    #[test]
    fn a_solo_cache_group_does_what_the_model_does(steps in prop::collection::vec(step(), 1..80)) {
        run(cache(), 0, &steps);
    }

    #[test]
    fn a_solo_coordination_group_does_what_the_model_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(coordination(), 0, &steps);
    }
}
