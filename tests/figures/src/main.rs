//! `tests/figures/run NAME`: one figure, beside its bar.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use holdfast_figures::beside::{Contestants, beside};
use holdfast_figures::figures::{self, CatchUp};
use holdfast_figures::report::Report;

/// Figures of a cluster of three real nodes. One that misses its bar ends the command with an error.
#[derive(Debug, Parser)]
#[command(name = "tests/figures/run")]
struct Arguments {
    #[command(subcommand)]
    figure: Figure,
    /// Of what is drawn at random; by default a new one.
    #[arg(long, global = true)]
    seed: Option<u64>,
}

#[derive(Clone, Debug, Subcommand)]
enum Figure {
    /// Leaders killed under load: nothing acknowledged is lost; how long a store takes no changes.
    LeaderKills(Count<100>),
    /// Leaderships moved as an operator moves them: how long a client's changes wait.
    PlannedMoves(Count<100>),
    /// Leaders frozen past their lease: no stale reads.
    Pauses(Count<200>),
    /// Two of three nodes frozen: the rest refuses in time, and heals.
    Minority(Count<3>),
    /// All nodes restarted one after the other under load: no call fails.
    RollingRestart(Count<1>),
    /// All nodes killed at once: a new epoch, and clients are told.
    AllKilled(Count<3>),
    /// All nodes killed at once under load, with data directories: nothing acknowledged is lost.
    AllKilledOnDisk(Count<10>),
    /// What a cluster costs that does nothing.
    Idle {
        /// How long to look.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// A node that was away while much was written catches up while the others go on.
    CatchUp {
        /// What is written meanwhile.
        #[arg(long, default_value_t = 1_024)]
        mebibytes: u64,
        /// Small changes in flight all the time.
        #[arg(long, default_value_t = 16)]
        in_flight: usize,
    },
    /// Replicated sets beside etcd and Redis, all of them running already.
    Beside(Contestants),
    /// Small sizes of those that are quick.
    Ci,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Count<const DEFAULT: usize> {
    /// How many times over; by default as often as the bar is meant.
    // No default value of clap's: it keeps one for all constants together.
    #[arg(long)]
    count: Option<usize>,
}

impl<const DEFAULT: usize> Count<DEFAULT> {
    fn times(self) -> usize {
        self.count.unwrap_or(DEFAULT)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one("seed") >> 32);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(take(arguments.figure, seed)),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn take(figure: Figure, seed: u64) -> Result<bool, String> {
    let report: Report = match figure {
        Figure::LeaderKills(count) => figures::leader_kills(count.times(), seed).await?,
        Figure::PlannedMoves(count) => figures::planned_moves(count.times()).await?,
        Figure::Pauses(count) => figures::pauses(count.times(), seed).await?,
        Figure::Minority(count) => figures::minority(count.times()).await?,
        Figure::RollingRestart(count) => figures::rolling_restart(count.times(), seed).await?,
        Figure::AllKilled(count) => figures::all_killed(count.times()).await?,
        Figure::AllKilledOnDisk(count) => figures::all_killed_on_disk(count.times(), seed).await?,
        Figure::Idle { seconds } => figures::idle(Duration::from_secs(seconds)).await?,
        Figure::CatchUp { mebibytes, in_flight } => {
            figures::catch_up(CatchUp { mebibytes, in_flight }).await?
        }
        Figure::Beside(contestants) => beside(contestants).await?,
        Figure::Ci => return ci(seed).await,
    };
    Ok(report.passed())
}

/// What machines that are busy with other things can still show.
async fn ci(seed: u64) -> Result<bool, String> {
    let reports = [
        figures::rolling_restart(1, seed).await?,
        figures::all_killed(1).await?,
        figures::all_killed_on_disk(1, seed).await?,
        figures::minority(1).await?,
    ];
    Ok(reports.iter().all(Report::passed))
}
