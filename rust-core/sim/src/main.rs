//! `tests/sim/run`: seeds, each in a process of its own, and what came of them.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use holdfast_sim::log::Log;
use holdfast_sim::scenario::{self, Ending, Size};

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
    /// Answers one seed's ending as a line of JSON; for this program itself.
    #[arg(long, hide = true)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let size = Size {
        faults: arguments.faults,
        ..Size::default()
    };
    match arguments.seed {
        Some(seed) => one(seed, size, arguments.json),
        None => many(&arguments),
    }
}

fn one(seed: u64, size: Size, json: bool) -> ExitCode {
    let ending = scenario::run(seed, size, &Log::new(!json));
    if json {
        println!("{}", serde_json::to_string(&ending).expect("an ending is JSON"));
        return ExitCode::SUCCESS;
    }
    println!(
        "seed {seed}: {} operations in {:.1} simulated seconds, hash {:016x}",
        ending.operations,
        ending.simulated_ms as f64 / 1e3,
        ending.hash
    );
    ending.violations.iter().for_each(|violation| println!("  {violation}"));
    println!("{} violations", ending.violation_count);
    if ending.violation_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the processes of the seeds answer.
#[derive(Default)]
struct Sum {
    seeds: u64,
    operations: usize,
    simulated_ms: u64,
    failed: BTreeMap<u64, Vec<String>>,
}

#[expect(clippy::disallowed_methods, reason = "the runner tells people how long it took")]
fn many(arguments: &Arguments) -> ExitCode {
    let began = std::time::Instant::now();
    let jobs = arguments
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
    let next = AtomicU64::new(arguments.first);
    let end = arguments.first + arguments.seeds;
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let ending = of_process(seed, arguments.faults);
                    note(&mut sum.lock().expect("no panic under it"), seed, ending);
                }
            });
        }
    });
    report(&sum.into_inner().expect("no panic under it"), began.elapsed(), arguments)
}

/// A seed in a process of its own.
fn of_process(seed: u64, faults: u32) -> Result<Ending, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["--json", "--seed", &seed.to_string(), "--faults", &faults.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).map_err(|_| format!("its process ended with {}: {text}", output.status))
}

fn note(sum: &mut Sum, seed: u64, ending: Result<Ending, String>) {
    sum.seeds += 1;
    let violations = match ending {
        Ok(ending) => {
            sum.operations += ending.operations;
            sum.simulated_ms += ending.simulated_ms;
            ending.violations
        }
        Err(died) => vec![died],
    };
    if !violations.is_empty() {
        println!("seed {seed}: {}", violations[0]);
        sum.failed.insert(seed, violations);
    }
}

fn report(sum: &Sum, took: Duration, arguments: &Arguments) -> ExitCode {
    for (seed, violations) in &sum.failed {
        println!("\nseed {seed}:");
        violations.iter().for_each(|violation| println!("  {violation}"));
        println!("  again: tests/sim/run --seed {seed} --faults {}", arguments.faults);
    }
    println!(
        "{} seeds, {} operations checked, {:.0} simulated seconds, in {:.1} s: {:.2} seeds/s; {} seeds with violations",
        sum.seeds,
        sum.operations,
        sum.simulated_ms as f64 / 1e3,
        took.as_secs_f64(),
        sum.seeds as f64 / took.as_secs_f64(),
        sum.failed.len()
    );
    if sum.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
