//! Leaders killed under load: nothing acknowledged is lost, and how long a store takes no changes.

use std::time::Duration;

use holdfast_chaos::history::FaultKind;
use tokio::time::sleep;

use super::{group_of_turn, load};
use crate::cluster::Cluster;
use crate::pauses::of_writes;
use crate::recorded::{Mark, Recorded, judge, judge_losses};
use crate::report::{Report, Spread};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The node stays away until others lead.
const DOWN: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(1_500);
const BAR_P50: Duration = Duration::from_millis(1_000);
const BAR_P99: Duration = Duration::from_millis(1_500);

/// Kills the leader of one group after the other, which leads others too, and starts it again.
///
/// # Errors
/// What could not be done.
pub async fn leader_kills(count: usize, seed: u64) -> Result<Report, String> {
    let mut report = Report::default();
    let mut cluster = Cluster::start(3, &[]).await;
    let recorded = Recorded::start(&cluster, "leader-kills", load(2, 8, TIMEOUT, seed)).await?;
    let recorder = recorded.recorder();
    let mut marks = Vec::new();
    for turn in 0..count {
        sleep(QUIET).await;
        let group = group_of_turn(turn);
        let node = cluster.leader(group).await;
        let began_ns = recorder.now_ns();
        cluster.node_mut(node).kill().await;
        sleep(DOWN).await;
        cluster.node_mut(node).restart().await;
        cluster.all_ready().await;
        let ended_ns = recorder.now_ns();
        let mark = Mark { began_ns, ended_ns };
        let what = format!("node {node}, which led group {group}, killed and started again after {DOWN:?}");
        recorded.fault(FaultKind::Kill, node, mark, what);
        marks.push(mark);
    }
    sleep(QUIET).await;
    let (history, path) = recorded.finish().await?;
    report.say(format!("{} leaders killed", marks.len()));
    let verdict = judge(&mut report, &history);
    judge_losses(&mut report, &verdict);
    let pauses = of_writes(&history, &marks);
    // The cache store has groups that each of the nodes leads.
    let cache = Spread::of(
        pauses
            .iter()
            .filter_map(|stores| stores.get("chaos-cache").copied()),
    );
    let longest = Spread::of(pauses.iter().filter_map(|stores| stores.values().max().copied()));
    report.judge(
        cache.p50 <= BAR_P50 && cache.p99 <= BAR_P99,
        format!("write pause of the cache store, the longest of its 8 groups: {cache} (bars 1000 and 1500)"),
    );
    report.judge(
        longest.p50 <= BAR_P50 && longest.p99 <= BAR_P99,
        format!("write pause of any store, the longest of all 12 groups: {longest} (bars 1000 and 1500)"),
    );
    report.say(format!("history: {}", path.display()));
    Ok(report)
}
