//! Leaderships moved as an operator moves them: how long a client's changes of the moved group wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_proto::Error;
use holdfast_proto::admin::admin_client::AdminClient;
use holdfast_proto::cluster::MoveLeaderRequest;
use holdfast_state::{KeyHash, StoreId};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::report::{Report, Spread};

const COORDINATION_GROUPS: u16 = 4;
const WRITERS: usize = 2;
/// A client's calls beside each other take so long at times on a machine that is busy.
const REST: Duration = Duration::from_millis(150);
const BAR: Duration = Duration::from_millis(25);

/// Moves the leadership of one group from node to node while clients change entries of it.
///
/// # Errors
/// What could not be done.
pub async fn planned_moves(count: usize) -> Result<Report, String> {
    let text = |error: Error| error.to_string();
    let mut report = Report::default();
    let cluster = Cluster::start(3, &[]).await;
    let client = AsyncClient::connect(&cluster.store("moves"), &[])
        .await
        .map_err(text)?;
    let store = client.ready().await.map_err(text)?;
    // A coordination store is in one group.
    let group = 1 + u32::from(KeyHash::slot_of_store(StoreId(store.id)).0 % COORDINATION_GROUPS);
    let stopping = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| write(client.clone(), writer, Arc::clone(&stopping)))
        .collect();
    let (mut marks, mut told) = (Vec::new(), Vec::new());
    for _ in 0..count {
        sleep(REST).await;
        let from = cluster.leader(group).await;
        let to = (from + 1) % cluster.size();
        let began = Instant::now();
        told.push(move_leader(&cluster, group, to).await?);
        marks.push((began, Instant::now()));
    }
    sleep(REST).await;
    stopping.store(true, Ordering::Relaxed);
    let (mut gaps, mut failed) = (vec![Duration::ZERO; marks.len()], 0);
    for writer in writers {
        let written = writer.await.map_err(|error| error.to_string())?;
        failed += written.failed;
        for (gap, mark) in gaps.iter_mut().zip(&marks) {
            *gap = longest_gap(&written.answered, *mark).max(*gap);
        }
    }
    report.say(format!(
        "{count} leaderships of group {group} moved; a move, as the nodes see it: {}",
        Spread::of(told)
    ));
    let gaps = Spread::of(gaps);
    report.judge(
        gaps.p99 <= BAR,
        format!("longest time without an answered change of a client: {gaps} (bar p99 25)"),
    );
    report.judge(failed == 0, format!("changes that failed: {failed} (bar 0)"));
    Ok(report)
}

/// What a writer has seen.
struct Written {
    answered: Vec<Instant>,
    failed: usize,
}

fn write(client: AsyncClient, writer: usize, stopping: Arc<AtomicBool>) -> JoinHandle<Written> {
    tokio::spawn(async move {
        let (mut answered, mut failed) = (vec![Instant::now()], 0);
        while !stopping.load(Ordering::Relaxed) {
            match client
                .put(format!("key-{writer}").as_bytes(), b"value", None)
                .await
            {
                Ok(_) => answered.push(Instant::now()),
                Err(_) => failed += 1,
            }
        }
        Written { answered, failed }
    })
}

/// The longest time between two answers that touches the mark.
fn longest_gap(answered: &[Instant], (began, ended): (Instant, Instant)) -> Duration {
    let pairs = answered
        .windows(2)
        .filter(|pair| pair[1] >= began && pair[0] <= ended);
    pairs.map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

/// Has the cluster move it; how long that took.
async fn move_leader(cluster: &Cluster, group: u32, to: usize) -> Result<Duration, String> {
    let address = format!("http://{}", cluster.node(to).address());
    let connected = AdminClient::connect(address).await;
    let mut admin = connected.map_err(|error| error.to_string())?;
    let request = MoveLeaderRequest {
        group,
        node: format!("node-{to}"),
    };
    let moved = admin.move_leader(request).await;
    let moved = moved
        .map_err(|status| format!("MoveLeader: {}", status.message()))?
        .into_inner();
    match moved.moves.first() {
        Some(done) if done.error.is_empty() => Ok(Duration::from_micros(done.took_us)),
        Some(failed) => Err(failed.error.clone()),
        None => Err("nothing was moved".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_when_it_touches_the_move() {
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let answered: Vec<Instant> = [0, 10, 40, 41, 100].map(at).to_vec();
        assert_eq!(
            longest_gap(&answered, (at(12), at(13))),
            Duration::from_millis(30)
        );
        assert_eq!(
            longest_gap(&answered, (at(12), at(50))),
            Duration::from_millis(59)
        );
        assert_eq!(longest_gap(&answered, (at(200), at(210))), Duration::ZERO);
    }
}
