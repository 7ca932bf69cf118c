//! Three nodes restarted one after the other under load: no call fails.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::load;
use crate::cluster::Cluster;
use crate::recorded::{Mark, Recorded, failed, judge, latencies};
use crate::report::{Report, Spread};

/// Of each call: what the client gives one that says nothing itself.
const TIMEOUT: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_secs(1);
const SHOWN: usize = 10;

/// Stops each node as planned (SIGTERM), starts it again, waits until all are ready, `rounds` times over.
///
/// # Errors
/// What could not be done.
pub async fn rolling_restart(rounds: usize, seed: u64) -> Result<Report, String> {
    let mut report = Report::default();
    let mut cluster = Cluster::start(3, &["--stop-timeout=5s"]).await;
    let recorded = Recorded::start(&cluster, "rolling-restart", load(4, 10, TIMEOUT, seed)).await?;
    let recorder = recorded.recorder();
    let (mut marks, mut stops, mut returns) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..3 * rounds {
        sleep(QUIET).await;
        let (node, began_ns, began) = (turn % 3, recorder.now_ns(), Instant::now());
        cluster.node(node).ask_to_stop();
        let status = cluster.node_mut(node).stopped().await;
        stops.push(began.elapsed());
        report.judge(
            status.success(),
            format!(
                "node {node} stopped in {:.2} s ({status})",
                began.elapsed().as_secs_f64()
            ),
        );
        let started = Instant::now();
        cluster.node_mut(node).restart().await;
        cluster.all_ready().await;
        returns.push(started.elapsed());
        let ended_ns = recorder.now_ns();
        marks.push(Mark { began_ns, ended_ns });
    }
    sleep(QUIET).await;
    let (history, path) = recorded.finish().await?;
    report.say(format!("a planned stop: {}", Spread::of(stops)));
    report.say(format!("from start to ready: {}", Spread::of(returns)));
    let longest = crate::pauses::of_writes(&history, &marks);
    let longest = longest.iter().filter_map(|stores| stores.values().max().copied());
    report.say(format!(
        "longest time without a change, over all groups: {}",
        Spread::of(longest)
    ));
    report.say(format!("calls: {}", latencies(&history)));
    judge(&mut report, &history);
    let failures = failed(&history).count();
    report.judge(failures == 0, format!("calls that failed: {failures} (bar 0)"));
    for call in failed(&history).take(SHOWN) {
        report.say(format!("  {call}"));
    }
    report.say(format!("history: {}", path.display()));
    Ok(report)
}
