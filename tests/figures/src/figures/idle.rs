//! What a cluster costs that does nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::report::Report;

const SETTLE: Duration = Duration::from_secs(5);
/// Of one core.
const BAR_PERCENT: f64 = 6.0;

/// Processor time of three nodes, 13 groups each, without any client.
///
/// # Errors
/// None so far.
pub async fn idle(time: Duration) -> Result<Report, String> {
    let mut report = Report::default();
    let cluster = Cluster::start(3, &[]).await;
    sleep(SETTLE).await;
    let (before, began) = (cluster.cpu_time(), Instant::now());
    sleep(time).await;
    let used = cluster.cpu_time().saturating_sub(before);
    let percent = used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    report.judge(
        percent <= BAR_PERCENT,
        format!("idle, 3 processes of 13 groups: {percent:.1} % of one core (bar {BAR_PERCENT} %)"),
    );
    Ok(report)
}
