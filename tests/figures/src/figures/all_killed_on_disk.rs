//! All nodes killed at once while clients work, with data directories: what was acknowledged is there when they are back.

use std::time::Duration;

use futures_util::future::join_all;
use holdfast_chaos::history::FaultKind;
use holdfast_chaos::workload::Load;
use tokio::time::sleep;

use super::load;
use crate::cluster::Cluster;
use crate::pauses::of_writes;
use crate::recorded::{Mark, Recorded, judge, judge_losses};
use crate::report::{Report, Spread};

const NODES: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Changes are made meanwhile.
const WORK: Duration = Duration::from_millis(1_500);

/// Kills all nodes, and starts them again; `count` times.
///
/// # Errors
/// What could not be done.
pub async fn all_killed_on_disk(count: usize, seed: u64) -> Result<Report, String> {
    let mut report = Report::default();
    let mut cluster = Cluster::start_on_disks(NODES).await;
    // Cache stores are in memory: these are allowed to lose everything.
    let load = Load {
        caches: false,
        ..load(4, 2, TIMEOUT, seed)
    };
    let recorded = Recorded::start(&cluster, "all-killed-on-disk", load).await?;
    let recorder = recorded.recorder();
    let mut marks = Vec::new();
    for _ in 0..count {
        sleep(WORK).await;
        let began_ns = recorder.now_ns();
        join_all(cluster.nodes_mut().map(|node| node.kill())).await;
        join_all(cluster.nodes_mut().map(|node| node.restart())).await;
        cluster.all_ready().await;
        let ended_ns = recorder.now_ns();
        let mark = Mark { began_ns, ended_ns };
        for node in 0..NODES {
            let what = "all nodes killed at once and started again".to_owned();
            recorded.fault(FaultKind::Kill, node, mark, what);
        }
        marks.push(mark);
    }
    sleep(WORK).await;
    let (history, path) = recorded.finish().await?;
    report.say(format!("all {NODES} nodes killed at once: {count} times"));
    let verdict = judge(&mut report, &history);
    judge_losses(&mut report, &verdict);
    let pauses = of_writes(&history, &marks);
    let longest = pauses.iter().filter_map(|stores| stores.values().max().copied());
    report.say(format!(
        "time without an acknowledged change in any of the stores: {}",
        Spread::of(longest)
    ));
    report.say(format!("history: {}", path.display()));
    Ok(report)
}
