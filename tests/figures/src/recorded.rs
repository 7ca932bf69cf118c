//! A load whose every call is in a history, and the history's verdict.

use std::path::PathBuf;
use std::time::Duration;

use holdfast_chaos::history::{Fault, FaultKind, History, Line, Outcome, Recorder, Recording, Setting};
use holdfast_chaos::search::Limits;
use holdfast_chaos::verdict::Verdict;
use holdfast_chaos::violation::Kind;
use holdfast_chaos::workload::{Load, Workload};

use crate::cluster::Cluster;
use crate::report::{Report, Spread};

/// The nodes' clocks count in milliseconds.
const CLOCK_GRAIN_NS: u64 = 1_000_000;

/// A load under way.
pub struct Recorded {
    recording: Recording,
    workload: Workload,
    path: PathBuf,
}

/// A stretch of a run in which something was done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Just before.
    pub began_ns: u64,
    /// Just after everything was whole again.
    pub ended_ns: u64,
}

impl Recorded {
    /// Starts processes on every group; `name` names the history's file.
    ///
    /// # Errors
    /// What could not be done.
    pub async fn start(cluster: &Cluster, name: &str, load: Load) -> Result<Recorded, String> {
        let directory = PathBuf::from("artifacts/figures");
        std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let path = directory.join(format!("{name}.jsonl"));
        let setting = Setting {
            nodes: cluster.size() as u32,
            seed: load.seed,
            clock_grain_ns: CLOCK_GRAIN_NS,
            // Time stands still while a group has no leader.
            expiry_lateness_ns: None,
        };
        let recording =
            Recording::start(&path, setting).map_err(|error| format!("{}: {error}", path.display()))?;
        let connection = |store: &str| cluster.store(store);
        let workload = Workload::start(&connection, cluster.size(), load, &recording.recorder()).await?;
        Ok(Recorded {
            recording,
            workload,
            path,
        })
    }

    /// The run's clock and book.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recording.recorder()
    }

    /// Notes what was done to a node.
    pub fn fault(&self, kind: FaultKind, node: usize, mark: Mark, what: String) {
        self.recorder().note(Line::Fault(Fault {
            kind,
            node: node as u32,
            began_ns: mark.began_ns,
            ended_ns: mark.ended_ns,
            what,
        }));
    }

    /// Ends the load, and reads what it wrote.
    ///
    /// # Errors
    /// When the history cannot be written or read.
    pub async fn finish(self) -> Result<(History, PathBuf), String> {
        self.workload.finish().await;
        let path = self.path;
        self.recording
            .finish()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let history = History::load(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((history, path))
    }
}

/// Prints how many calls there were, how they ended, and what both checkers say.
pub fn judge(report: &mut Report, history: &History) -> Verdict {
    let verdict = Verdict::of(history, &Limits::default());
    let acknowledged = history
        .operations
        .iter()
        .filter(|it| it.applied().is_some())
        .count();
    let seconds = history
        .operations
        .iter()
        .map(|it| it.return_ns)
        .max()
        .unwrap_or(0) as f64
        / 1e9;
    report.say(format!(
        "{} calls in {seconds:.0} s, {acknowledged} changes acknowledged, {} calls failed, {} changes of unknown outcome",
        history.operations.len(),
        failed(history).count(),
        history.operations.iter().filter(|it| it.is_unknown_change()).count(),
    ));
    let violations = verdict.violations().count();
    report.judge(
        violations == 0,
        format!("violations found by the oracle and the search: {violations} (bar 0)"),
    );
    if violations > 0 {
        report.say(&verdict);
    }
    verdict
}

/// Prints how many acknowledged changes are missing.
pub fn judge_losses(report: &mut Report, verdict: &Verdict) {
    let lost = verdict
        .violations()
        .filter(|it| it.kind == Kind::LostWrite)
        .count();
    report.judge(lost == 0, format!("acknowledged changes lost: {lost} (bar 0)"));
}

/// The calls that ended with an error, whatever it was.
pub fn failed(history: &History) -> impl Iterator<Item = &holdfast_chaos::history::Operation> {
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::NotApplied { .. } | Outcome::Unknown { .. });
    history.operations.iter().filter(move |it| failed(&it.outcome))
}

/// How long calls took.
#[must_use]
pub fn latencies(history: &History) -> Spread {
    let took = history.operations.iter().map(|it| it.return_ns - it.call_ns);
    Spread::of(took.map(Duration::from_nanos))
}
