//! `tests/chaos/run`: nodes under faults, judged; or a history judged again.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use holdfast_chaos::figures::Figures;
use holdfast_chaos::history::{FaultKind, History, Line, Recorder, Recording, Setting};
use holdfast_chaos::nemesis::Nemesis;
use holdfast_chaos::nodes::Cluster;
use holdfast_chaos::search::Limits;
use holdfast_chaos::verdict::Verdict;
use holdfast_chaos::workload::{Load, Workload};
use tokio::time::Instant;

/// The nodes' clocks count in milliseconds.
const CLOCK_GRAIN_NS: u64 = 1_000_000;
/// How late a node alone may still give an entry: its clock is the machine's, so not at all but for the grain.
const EXPIRY_LATENESS_NS: u64 = 2 * CLOCK_GRAIN_NS;
/// At the end, with everything whole.
const SETTLE: Duration = Duration::from_secs(2);

/// Runs real nodes under faults and checks that what clients saw is what a linearizable store gives.
#[derive(Debug, Parser)]
#[command(name = "tests/chaos/run")]
struct Arguments {
    /// One node (memory only: a restart is a new epoch), or a cluster of so many.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    nodes: u32,
    /// How long things are broken.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Of workload and nemesis; by default a new one, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Faults to do.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kill,pause,cut")]
    nemesis: Vec<Fault>,
    /// Processes that share keys, for each group.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    processes: u32,
    /// Between two calls of a process, on average.
    #[arg(long, default_value_t = 10)]
    pause_ms: u64,
    /// Of a call.
    #[arg(long, default_value_t = 1_000)]
    timeout_ms: u64,
    /// Where the history goes; by default artifacts/chaos.
    #[arg(long)]
    history: Option<PathBuf>,
    /// Judges this history again, and runs nothing.
    #[arg(long, conflicts_with_all = ["nodes", "seconds", "seed", "nemesis", "history"])]
    check: Option<PathBuf>,
    /// The program under test.
    #[arg(
        long,
        env = "HOLDFAST_BINARY",
        default_value = "holdfast",
        hide_env_values = true
    )]
    binary: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fault {
    Kill,
    Pause,
    Cut,
    None,
}

impl Fault {
    fn kind(self) -> Option<FaultKind> {
        match self {
            Fault::Kill => Some(FaultKind::Kill),
            Fault::Pause => Some(FaultKind::Pause),
            Fault::Cut => Some(FaultKind::Cut),
            Fault::None => None,
        }
    }

    fn word(self) -> String {
        self.kind().map_or("none".to_owned(), |kind| kind.to_string())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let judged = match &arguments.check {
        Some(path) => judge(path),
        None => run(&arguments),
    };
    match judged {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let seed = arguments
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one("seed") >> 32);
    let path = arguments.history.clone().unwrap_or_else(|| {
        PathBuf::from(format!(
            "artifacts/chaos/{}-nodes-seed-{seed}.jsonl",
            arguments.nodes
        ))
    });
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    let again = format!(
        "tests/chaos/run --nodes {} --seconds {} --seed {seed} --nemesis {} --processes {} --pause-ms {} --timeout-ms {}",
        arguments.nodes,
        arguments.seconds,
        arguments
            .nemesis
            .iter()
            .map(|fault| fault.word())
            .collect::<Vec<_>>()
            .join(","),
        arguments.processes,
        arguments.pause_ms,
        arguments.timeout_ms
    );
    println!("{again}");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let logs = path.with_extension("logs");
    std::fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
    runtime.block_on(record(arguments, seed, &path, &logs))?;
    let passed = judge(&path)?;
    if !passed {
        println!(
            "judge it again: tests/chaos/run --check {}\nrun it again:   {again}\nnodes' logs:    {}",
            path.display(),
            logs.display()
        );
    }
    Ok(passed)
}

/// Runs workload and nemesis; what went wrong on the way is in the history.
async fn record(arguments: &Arguments, seed: u64, path: &Path, logs: &Path) -> Result<(), String> {
    let setting = Setting {
        nodes: arguments.nodes,
        seed,
        clock_grain_ns: CLOCK_GRAIN_NS,
        // In a cluster time stands still while a group has no leader.
        expiry_lateness_ns: (arguments.nodes == 1).then_some(EXPIRY_LATENESS_NS),
    };
    let recording =
        Recording::start(path, setting).map_err(|error| format!("{}: {error}", path.display()))?;
    let recorder = recording.recorder();
    if let Err(problem) = break_things(arguments, seed, logs, &recorder).await {
        recorder.note(Line::Complaint(problem));
    }
    drop(recorder);
    recording
        .finish()
        .map_err(|error| format!("{}: {error}", path.display()))
}

async fn break_things(
    arguments: &Arguments,
    seed: u64,
    logs: &Path,
    recorder: &Recorder,
) -> Result<(), String> {
    let mut cluster = Cluster::start(arguments.nodes, &arguments.binary, logs, recorder.clone()).await?;
    let load = Load {
        processes: arguments.processes,
        timeout: Duration::from_millis(arguments.timeout_ms),
        pause: Duration::from_millis(arguments.pause_ms),
        seed,
        caches: true,
    };
    let workload = Workload::start(&|store| cluster.store(store), cluster.size(), load, recorder).await?;
    let kinds: Vec<FaultKind> = arguments
        .nemesis
        .iter()
        .filter_map(|fault| fault.kind())
        .collect();
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let broken = Nemesis::new(&kinds, seed).run(&mut cluster, until).await;
    if broken.is_ok() {
        tokio::time::sleep(SETTLE).await;
    }
    workload.finish().await;
    if let Some(died) = cluster.died() {
        return Err(died);
    }
    broken
}

fn judge(path: &Path) -> Result<bool, String> {
    let history = History::load(path).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}", Figures::of(&history));
    let verdict = Verdict::of(&history, &Limits::default());
    println!("{verdict}");
    let word = if verdict.passed() { "PASSED" } else { "FAILED" };
    println!(
        "{word}: {} violations, history {}",
        verdict.violations().count(),
        path.display()
    );
    Ok(verdict.passed())
}
