//! Leaders frozen past their lease: what they say when they wake up is not stale.

use std::time::Duration;

use holdfast_chaos::history::FaultKind;
use holdfast_chaos::violation::Kind;
use tokio::time::sleep;

use super::{group_of_turn, load};
use crate::cluster::Cluster;
use crate::recorded::{Mark, Recorded, judge};
use crate::report::Report;

/// Longer than a node is frozen: requests that wait in its sockets are answered when it wakes, and their answers count.
const TIMEOUT: Duration = Duration::from_secs(5);
/// From just past the lease, when nobody else may lead yet, to when others have long led.
const FROZEN_MS: std::ops::Range<u64> = 460..2_000;
const QUIET_MS: std::ops::Range<u64> = 300..1_000;

/// Freezes the leader of one group after the other (SIGSTOP) for longer than its lease, and lets it go on (SIGCONT).
///
/// # Errors
/// What could not be done.
pub async fn pauses(count: usize, seed: u64) -> Result<Report, String> {
    let mut report = Report::default();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cluster = Cluster::start(3, &[]).await;
    let recorded = Recorded::start(&cluster, "pauses", load(3, 8, TIMEOUT, seed)).await?;
    let recorder = recorded.recorder();
    for turn in 0..count {
        sleep(Duration::from_millis(random.u64(QUIET_MS))).await;
        let group = group_of_turn(turn);
        let node = cluster.leader(group).await;
        let frozen = Duration::from_millis(random.u64(FROZEN_MS));
        let began_ns = recorder.now_ns();
        cluster.node(node).pause();
        sleep(frozen).await;
        cluster.node(node).resume();
        let ended_ns = recorder.now_ns();
        let what = format!("node {node}, which led group {group}, frozen for {frozen:?}");
        recorded.fault(FaultKind::Pause, node, Mark { began_ns, ended_ns }, what);
    }
    sleep(Duration::from_secs(2)).await;
    cluster.all_ready().await;
    let (history, path) = recorded.finish().await?;
    report.say(format!(
        "{} leaders frozen past their lease",
        history.faults.len()
    ));
    let verdict = judge(&mut report, &history);
    let of_reads = [
        Kind::StaleRead,
        Kind::ReadYourWrites,
        Kind::NotMonotonic,
        Kind::NotLinearizable,
    ];
    let stale = verdict
        .violations()
        .filter(|it| of_reads.contains(&it.kind))
        .count();
    report.judge(stale == 0, format!("stale linearizable reads: {stale} (bar 0)"));
    report.say(format!("history: {}", path.display()));
    Ok(report)
}
