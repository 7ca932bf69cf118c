//! Generated histories pass; broken ones do not.

use std::collections::BTreeMap;

use holdfast_chaos::history::History;
use holdfast_chaos::search::Limits;
use holdfast_chaos::verdict::Verdict;
use proptest::prelude::*;

use crate::generator::{Plan, generate};
use crate::mutations::ALL;

fn plans() -> impl Strategy<Value = Plan> {
    (
        any::<u64>(),
        1..9_u32,
        5..250_usize,
        0..6_u32,
        0..3_u32,
        any::<bool>(),
    )
        .prop_map(|(seed, processes, calls, unknown, losses, exact_expiry)| Plan {
            seed,
            processes,
            calls,
            unknown,
            losses,
            exact_expiry,
        })
}

fn verdict(history: &History) -> Verdict {
    Verdict::of(history, &Limits::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_linearizable_store_answers_passes_both_checkers(plan in plans()) {
        let history = generate(plan);
        prop_assert_eq!(history.validate(), Ok(()));
        let verdict = verdict(&history);
        prop_assert!(verdict.passed(), "{verdict}");
    }
}

/// How a mutation fared.
#[derive(Clone, Copy, Default)]
struct Kills {
    made: u32,
    by_oracle: u32,
    by_search: u32,
    by_either: u32,
}

#[test]
fn every_broken_promise_is_found_by_the_checker_that_knows_of_it() {
    let mut kills: BTreeMap<&str, Kills> = BTreeMap::new();
    let mut blind = Vec::new();
    for seed in 0..1_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let history = generate(Plan {
            seed,
            processes: random.u32(2..9),
            calls: random.usize(60..300),
            unknown: if seed % 2 == 0 { 0 } else { random.u32(1..5) },
            losses: random.u32(0..3),
            exact_expiry: true,
        });
        for mutation in ALL {
            let Some(broken) = (mutation.breaks)(&history, &mut random) else {
                continue;
            };
            let verdict = verdict(&broken);
            let (oracle, search) = (
                !verdict.oracle.is_empty(),
                !verdict.searched.violations.is_empty(),
            );
            let kills = kills.entry(mutation.name).or_default();
            kills.made += 1;
            kills.by_oracle += u32::from(oracle);
            kills.by_search += u32::from(search);
            kills.by_either += u32::from(oracle || search);
            assert!(
                oracle || !mutation.oracle_knows,
                "{} seed {seed}: the oracle is blind",
                mutation.name
            );
            for (checker, found, knows) in [
                ("oracle", oracle, mutation.oracle_knows),
                ("search", search, mutation.search_knows),
            ] {
                if knows && !found {
                    blind.push(format!("{} seed {seed}: the {checker} is blind", mutation.name));
                }
            }
        }
    }
    println!(
        "{:<44} {:>6} {:>8} {:>8} {:>8}",
        "mutation", "made", "oracle", "search", "either"
    );
    for mutation in ALL {
        let Kills {
            made,
            by_oracle,
            by_search,
            by_either,
        } = kills.get(mutation.name).copied().unwrap_or_default();
        println!(
            "{:<44} {made:>6} {by_oracle:>8} {by_search:>8} {by_either:>8}",
            mutation.name
        );
        assert!(made >= 20, "{} was made {made} times only", mutation.name);
        assert_eq!(by_either, made, "{}: some survive", mutation.name);
    }
    assert!(blind.is_empty(), "{blind:#?}");
}
