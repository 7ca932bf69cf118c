//! Many seeds, each in a process of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_state::mutant::Mutant;

use crate::scenario::Ending;

/// Which seeds, and how.
#[derive(Clone, Debug)]
pub struct Seeds {
    /// The seeds.
    pub range: Range<u64>,
    /// Faults of each.
    pub faults: u32,
    /// Processes at once.
    pub jobs: usize,
    /// The defect that they have.
    pub mutant: Option<Mutant>,
    /// Ends with the first violation.
    pub until_violation: bool,
}

/// What came of them.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// Seeds that were run.
    pub seeds: u64,
    /// Calls in their histories.
    pub operations: usize,
    /// Simulated time, ms.
    pub simulated_ms: u64,
    /// How long it took.
    pub took: Duration,
    /// Violations, by seed.
    pub failed: BTreeMap<u64, Vec<String>>,
}

impl Seeds {
    /// Runs them; says of each violation at once when `told`.
    #[expect(clippy::disallowed_methods, reason = "people are told how long it took")]
    pub fn run(&self, told: bool) -> Sum {
        let began = Instant::now();
        let next = AtomicU64::new(self.range.start);
        let over = AtomicBool::new(false);
        let sum = Mutex::new(Sum::default());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.range.end {
                            return;
                        }
                        let ending = self.in_process(seed);
                        let clean = sum.lock().expect("no panic under it").note(seed, ending, told);
                        if !clean && self.until_violation {
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let mut sum = sum.into_inner().expect("no panic under it");
        sum.took = began.elapsed();
        sum
    }

    fn in_process(&self, seed: u64) -> Result<Ending, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new(program)
            .args([
                "--json",
                "--seed",
                &seed.to_string(),
                "--faults",
                &self.faults.to_string(),
            ])
            .env(
                "HOLDFAST_MUTANT",
                self.mutant.map(Mutant::name).unwrap_or_default(),
            )
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.trim()).map_err(|_| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("its process ended with {}: {text}{errors}", output.status)
        })
    }
}

impl Sum {
    fn note(&mut self, seed: u64, ending: Result<Ending, String>, told: bool) -> bool {
        self.seeds += 1;
        let violations = match ending {
            Ok(ending) => {
                self.operations += ending.operations;
                self.simulated_ms += ending.simulated_ms;
                ending.violations
            }
            Err(died) => vec![died],
        };
        let Some(first) = violations.first() else {
            return true;
        };
        if told {
            println!("seed {seed}: {first}");
        }
        self.failed.insert(seed, violations);
        false
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        write!(
            formatter,
            "{} seeds, {} operations checked, {:.0} simulated seconds, in {seconds:.1} s ({:.2} seeds/s): {} seeds with \
             violations",
            self.seeds,
            self.operations,
            self.simulated_ms as f64 / 1e3,
            self.seeds as f64 / seconds,
            self.failed.len()
        )
    }
}
