//! One seed's course of events, from the forming of a cluster to the verdict on its history.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_chaos::history::{History, Line, Recorder, Setting};
use holdfast_chaos::search::Limits;
use holdfast_chaos::verdict::Verdict;
use holdfast_chaos::workload::{Load, Workload};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::cluster::Cluster;
use crate::faults::{LONGEST_RECOVERY_MS, Nemesis};
use crate::log::Log;
use crate::sliding;

const NODES: usize = 3;
const LONGEST_FORMING_MS: u64 = 30_000;
const LONGEST_CONNECTING_MS: u64 = 60_000;
/// At the end, with everything whole.
const SETTLE_MS: u64 = 400;
const LONGEST_END_MS: u64 = 120_000;
/// Nodes' clocks count in milliseconds, and run up to a hundredth fast.
const CLOCK_GRAIN_NS: u64 = 20_000_000;

/// How much happens.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Faults.
    pub faults: u32,
    /// Processes of each group's team.
    pub processes: u32,
    /// Between two calls of a process, on average, ms.
    pub pause_ms: u64,
}

impl Default for Size {
    fn default() -> Self {
        Size {
            faults: 4,
            processes: 3,
            pause_ms: 120,
        }
    }
}

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The seed.
    pub seed: u64,
    /// Of every line of the history and every step of the network: the same seed has the same one.
    pub hash: u64,
    /// Calls in the history.
    pub operations: usize,
    /// Simulated time, ms.
    pub simulated_ms: u64,
    /// What is wrong.
    pub violations: Vec<String>,
    /// How many things are.
    pub violation_count: usize,
}

/// Violations that are told in words.
const TOLD: usize = 12;

/// Whether the nodes of a seed keep their coordination groups on disk.
fn is_durable(seed: u64) -> bool {
    seed % 4 == 3
}

/// Whether all nodes of a seed may lose power at once: then the clients use no store that is in memory.
fn may_go_dark(seed: u64) -> bool {
    seed % 8 == 7
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64, size: Size, log: &Log) -> Ending {
    let panics: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&panics);
    std::panic::set_hook(Box::new(move |panic| {
        seen.lock()
            .expect("no panic under it")
            .push(format!("a task panicked: {panic}"));
    }));
    let mut cluster = Cluster::new(NODES, seed, is_durable(seed), log.clone());
    let (recorder, lines) = cluster.clients().run(async { Recorder::in_memory() });
    let course = catch_unwind(AssertUnwindSafe(|| course(&mut cluster, seed, size, &recorder)));
    match course {
        Ok(Ok(())) => {}
        Ok(Err(complaint)) => recorder.note(Line::Complaint(complaint)),
        Err(_) => recorder.note(Line::Complaint("the simulation panicked".to_owned())),
    }
    let simulated_ms = cluster.now_ms();
    let delivered = cluster.network().delivered();
    drop(cluster);
    let _ = std::panic::take_hook();
    for panic in panics.lock().expect("no panic under it").drain(..) {
        recorder.note(Line::Complaint(panic));
    }
    drop(recorder);
    // Every sender is gone with its machine.
    judge(seed, simulated_ms, delivered, lines.try_iter().collect())
}

fn course(cluster: &mut Cluster, seed: u64, size: Size, recorder: &Recorder) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut order: Vec<usize> = (0..NODES).collect();
    random.shuffle(&mut order);
    for node in order {
        cluster.pass(random.u64(0..400))?;
        cluster.start(node)?;
    }
    cluster.all_ready(LONGEST_FORMING_MS)?;
    let addresses = cluster.addresses().join(",");
    let load = Load {
        processes: size.processes,
        timeout: Duration::from_millis(1_000),
        pause: Duration::from_millis(size.pause_ms),
        seed,
        caches: !may_go_dark(seed),
    };
    let book = recorder.clone();
    let starting = cluster.clients().spawn(async move {
        let connection = move |store: &str| format!("holdfast://{addresses}/{store}");
        Workload::start(&connection, NODES, load, &book).await
    });
    cluster.until("the clients have not connected", LONGEST_CONNECTING_MS, |_| {
        starting.is_finished()
    })?;
    let workload = cluster
        .clients()
        .run(starting)
        .map_err(|error| error.to_string())??;
    let stopping = Arc::new(AtomicBool::new(false));
    let kept = sliding::keep_alive(
        format!("holdfast://{}/sliding-cache", cluster.addresses().join(",")),
        Arc::clone(&stopping),
        seed,
        recorder.clone(),
    );
    let kept = async move {
        match may_go_dark(seed) {
            true => Ok(()),
            false => kept.await,
        }
    };
    let kept = cluster.clients().spawn(kept);
    let broken = Nemesis::new(seed, may_go_dark(seed), recorder.clone()).run(cluster, size.faults);
    if broken.is_ok() {
        cluster.all_ready(LONGEST_RECOVERY_MS)?;
        cluster.pass(SETTLE_MS)?;
    }
    stopping.store(true, Ordering::Relaxed);
    let finishing = cluster.clients().spawn(workload.finish());
    let finished = cluster.until("the clients have not ended", LONGEST_END_MS, |_| {
        finishing.is_finished() && kept.is_finished()
    });
    broken.and(finished)?;
    cluster.clients().run(kept).map_err(|error| error.to_string())?
}

fn judge(seed: u64, simulated_ms: u64, delivered: u64, lines: Vec<Line>) -> Ending {
    let mut hash = Xxh3::new();
    for line in &lines {
        let line = serde_json::to_vec(line).expect("a line is JSON");
        hash.update(&line);
    }
    hash.update(&delivered.to_le_bytes());
    hash.update(&simulated_ms.to_le_bytes());
    let setting = Setting {
        nodes: NODES as u32,
        seed,
        clock_grain_ns: CLOCK_GRAIN_NS,
        expiry_lateness_ns: None,
    };
    let mut ending = Ending {
        seed,
        hash: hash.digest(),
        operations: 0,
        simulated_ms,
        violations: Vec::new(),
        violation_count: 1,
    };
    let history = match History::of(setting, lines) {
        Ok(history) => history,
        Err(error) => {
            ending.violations.push(error.to_string());
            return ending;
        }
    };
    let verdict = Verdict::of(&history, &Limits::default());
    ending.operations = history.operations.len();
    ending.violation_count = verdict.violations().count();
    let told = verdict.violations().take(TOLD);
    ending.violations = told.map(|violation| violation.to_string()).collect();
    ending
}
