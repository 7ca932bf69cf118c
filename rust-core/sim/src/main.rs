//! `tests/sim/run`: seeds, each in a process of its own, and what came of them.

use std::process::ExitCode;

use clap::Parser;
use holdfast_sim::log::Log;
use holdfast_sim::mutants;
use holdfast_sim::scenario::{self, Size};
use holdfast_sim::seeds::Seeds;
use holdfast_state::mutant::Mutant;

/// Seconds after which the system ends the process of a seed: its simulation stands still.
const LONGEST_SEED_S: u32 = 180;

/// Runs whole clusters on simulated machines, one for each seed, and checks that what clients saw is what a linearizable
/// store gives.
#[derive(Debug, Parser)]
#[command(name = "tests/sim/run")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// One seed only, with everything that the nodes say.
    #[arg(long)]
    seed: Option<u64>,
    /// Faults of each seed.
    #[arg(long, default_value_t = 4)]
    faults: u32,
    /// Seeds at once; by default as many as there are processors.
    #[arg(long)]
    jobs: Option<usize>,
    /// Lets a defect loose on purpose: seeds, or a test, must find it. With --seed: the seed has it.
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
    /// The same with each defect that there is.
    #[arg(long, conflicts_with_all = ["mutant", "seed"])]
    mutants: bool,
    /// Answers one seed's ending as a line of JSON; for this program itself.
    #[arg(long, hide = true)]
    json: bool,
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let found = Mutant::ALL.into_iter().find(|mutant| mutant.name() == name);
    found.ok_or_else(|| format!("there are {}", Mutant::ALL.map(Mutant::name).join(", ")))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let clean = match (arguments.seed, arguments.mutant) {
        (Some(seed), Some(mutant)) => with_mutant(seed, mutant),
        (Some(seed), None) => one(seed, &arguments),
        (None, Some(mutant)) => hunt(&[mutant], &arguments),
        (None, None) if arguments.mutants => hunt(&Mutant::ALL, &arguments),
        (None, None) => many(&arguments),
    };
    if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn one(seed: u64, arguments: &Arguments) -> bool {
    let size = Size {
        faults: arguments.faults,
        ..Size::default()
    };
    // SAFETY: it has the system end this process after a time, and touches no memory.
    unsafe { libc::alarm(LONGEST_SEED_S) };
    let ending = scenario::run(seed, size, &Log::new(!arguments.json));
    if arguments.json {
        println!("{}", serde_json::to_string(&ending).expect("an ending is JSON"));
        return true;
    }
    println!(
        "seed {seed}: {} operations in {:.1} simulated seconds, hash {:016x}",
        ending.operations,
        ending.simulated_ms as f64 / 1e3,
        ending.hash
    );
    ending
        .violations
        .iter()
        .for_each(|violation| println!("  {violation}"));
    println!("{} violations", ending.violation_count);
    ending.violation_count == 0
}

/// This program again, with the defect in its environment.
fn with_mutant(seed: u64, mutant: Mutant) -> bool {
    let status = std::env::current_exe().and_then(|program| {
        std::process::Command::new(program)
            .args(["--seed", &seed.to_string()])
            .env("HOLDFAST_MUTANT", mutant.name())
            .status()
    });
    status.is_ok_and(|status| status.success())
}

fn jobs(arguments: &Arguments) -> usize {
    arguments
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from))
}

fn many(arguments: &Arguments) -> bool {
    let seeds = Seeds {
        range: arguments.first..arguments.first + arguments.seeds,
        faults: arguments.faults,
        jobs: jobs(arguments),
        mutant: None,
        until_violation: false,
    };
    let sum = seeds.run(true);
    for (seed, violations) in &sum.failed {
        println!("\nseed {seed}:");
        violations.iter().for_each(|violation| println!("  {violation}"));
        println!(
            "  again: tests/sim/run --seed {seed} --faults {}",
            arguments.faults
        );
    }
    println!("{sum}");
    sum.failed.is_empty()
}

fn hunt(mutants: &[Mutant], arguments: &Arguments) -> bool {
    let mut survivors = 0;
    for mutant in mutants {
        let fate = mutants::hunt(*mutant, arguments.faults, jobs(arguments));
        println!("{fate}");
        survivors += usize::from(!fate.is_dead());
    }
    println!(
        "{} mutants, {} killed, {survivors} survived",
        mutants.len(),
        mutants.len() - survivors
    );
    survivors == 0
}
