//! The tests are tested: each defect must be found by what is there to find it.

use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use holdfast_state::mutant::Mutant;

use crate::seeds::Seeds;

/// Seeds after which a defect has survived.
const MOST_SEEDS: u64 = 200;

/// What is to find a defect.
#[derive(Clone, Copy, Debug)]
enum Killer {
    /// A seed of the simulation.
    Seeds,
    /// Tests: the target, a part of their names.
    Test(&'static [&'static str], &'static str),
}

/// What became of a defect.
#[derive(Clone, Debug)]
pub struct Fate {
    mutant: Mutant,
    /// What found it.
    killed_by: Result<String, String>,
    took: Duration,
}

fn killer(mutant: Mutant) -> Killer {
    match mutant {
        Mutant::SleepUnnoticed => Killer::Test(&["--test", "groups"], "a_leader_whose_machine_was_suspended"),
        // Seeds find these two also, after a hundred or so.
        Mutant::LeaseTooLong => Killer::Test(&["--test", "groups"], "a_leader_without_a_quorum"),
        Mutant::ReadsAheadOfChanges => Killer::Test(&["--lib"], "readers_are_not_ahead"),
        Mutant::ReadsBeforeItBegins => {
            Killer::Test(&["--test", "groups"], "handed_over::nobody_reads_at_a_leader")
        }
        Mutant::SlotNotChecked => Killer::Test(&["--test", "groups"], "a_slot_that_is_not_served"),
        Mutant::UnknownCommandSkipped => Killer::Test(&["--test", "log"], "an_unknown_command"),
        Mutant::SnapshotWithoutOutcomes => Killer::Test(&["--test", "replicas"], "replicas_of"),
        Mutant::FormedByMajority => Killer::Test(&["--lib"], "cluster::forming"),
        _ => Killer::Seeds,
    }
}

/// Lets a defect loose, and says what found it.
#[expect(clippy::disallowed_methods, reason = "people are told how long it took")]
#[must_use]
pub fn hunt(mutant: Mutant, faults: u32, jobs: usize) -> Fate {
    let began = Instant::now();
    let killed_by = match killer(mutant) {
        Killer::Seeds => by_seeds(mutant, faults, jobs),
        Killer::Test(target, name) => by_test(mutant, target, name),
    };
    Fate {
        mutant,
        killed_by,
        took: began.elapsed(),
    }
}

fn by_seeds(mutant: Mutant, faults: u32, jobs: usize) -> Result<String, String> {
    let seeds = Seeds {
        range: 1..1 + MOST_SEEDS,
        faults,
        jobs,
        mutant: Some(mutant),
        until_violation: true,
    };
    let sum = seeds.run(false);
    let Some((seed, violations)) = sum.failed.first_key_value() else {
        return Err(format!("{} seeds find nothing", sum.seeds));
    };
    let violation = violations
        .first()
        .map_or("", |first| first.lines().next().unwrap_or_default());
    let violation: String = violation.chars().take(90).collect();
    Ok(format!("seed {seed} ({} seeds run): {violation}", sum.seeds))
}

/// The test must pass without the defect and fail with it. Features are those of the simulation, so that little is built.
fn by_test(mutant: Mutant, target: &[&str], name: &str) -> Result<String, String> {
    let run = |chosen: &str| {
        Command::new("ffi/cargo")
            .args(["test", "--quiet", "--locked", "--workspace"])
            .args(["--features", "holdfast-sim/simulation"])
            .args(target)
            .arg(name)
            .env("HOLDFAST_MUTANT", chosen)
            // A defect found is no regression to be kept.
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            .output()
            .map(|output| {
                (
                    output.status.success(),
                    String::from_utf8_lossy(&output.stdout).into_owned(),
                )
            })
            .map_err(|error| format!("ffi/cargo: {error}"))
    };
    let (passed, text) = run("")?;
    let ran = text
        .lines()
        .any(|line| line.starts_with("test result: ok. ") && !line.starts_with("test result: ok. 0 passed"));
    if !passed || !ran {
        return Err(format!("no test passes without the defect: {text}"));
    }
    let (passed, text) = run(&mutant.name())?;
    if passed || !text.contains("test result: FAILED") {
        return Err(format!("{} {name} finds nothing: {text}", target.join(" ")));
    }
    let failed = text.lines().find_map(|line| line.strip_prefix("---- "));
    let failed = failed.and_then(|line| line.split(' ').next()).unwrap_or(name);
    Ok(failed.to_owned())
}

impl Fate {
    /// Whether something has found it.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.killed_by.is_ok()
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, how) = match &self.killed_by {
            Ok(how) => ("killed", how),
            Err(how) => ("SURVIVED", how),
        };
        write!(
            formatter,
            "{:<28} {word:<8} {:>6.1} s  {how}",
            self.mutant.name(),
            self.took.as_secs_f64()
        )
    }
}
