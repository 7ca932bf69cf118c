//! A node that was away while much was written: it catches up by snapshots, and the others go on meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_client::settings::StoreSettings;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::report::Report;

/// Bytes of one value that is written while the node is away.
const VALUE: usize = 64 << 10;
const WRITERS: usize = 32;
const KEYS: u64 = 10_000;
/// How long throughput is looked at before.
const LOOK: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(3);
const BAR: f64 = 0.8;

/// How it is done.
#[derive(Clone, Copy, Debug)]
pub struct CatchUp {
    /// MiB that are written while a node is away.
    pub mebibytes: u64,
    /// Small changes in flight all the time.
    pub in_flight: usize,
}

/// Changes that were acknowledged.
struct Load {
    made: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(client: &AsyncClient, in_flight: usize) -> Load {
        let (made, failed, stopping) = (Arc::default(), Arc::default(), Arc::default());
        let tasks = (0..in_flight as u64)
            .map(|task| {
                let (client, made, failed) = (client.clone(), Arc::clone(&made), Arc::clone(&failed));
                let stopping: Arc<AtomicBool> = Arc::clone(&stopping);
                tokio::spawn(async move {
                    let mut random = fastrand::Rng::with_seed(task);
                    while !stopping.load(Ordering::Relaxed) {
                        let key = random.u64(..KEYS).to_be_bytes();
                        let counted: &AtomicU64 = match client.put(&key, &[7; 100], None).await {
                            Ok(_) => &made,
                            Err(_) => &failed,
                        };
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Load {
            made,
            failed,
            stopping,
            tasks,
        }
    }

    /// Changes per second while something goes on.
    async fn during(&self, what: impl Future<Output = ()>) -> (f64, Duration) {
        let (before, began) = (self.made.load(Ordering::Relaxed), Instant::now());
        what.await;
        let (made, took) = (self.made.load(Ordering::Relaxed) - before, began.elapsed());
        (made as f64 / took.as_secs_f64(), took)
    }

    async fn finish(self) -> u64 {
        self.stopping.store(true, Ordering::Relaxed);
        for task in self.tasks {
            let _ = task.await;
        }
        self.failed.load(Ordering::Relaxed)
    }
}

/// Kills a node, writes, starts it again, and measures the throughput of small changes before and while it catches up.
///
/// # Errors
/// What could not be done.
pub async fn catch_up(options: CatchUp) -> Result<Report, String> {
    let text = |error: holdfast_proto::Error| error.to_string();
    let mut report = Report::default();
    let mut cluster = Cluster::start(3, &["--memory-limit=6GiB"]).await;
    let small = StoreSettings::from_pairs(&[("class", "cache"), ("max-memory", "64MiB")]).map_err(text)?;
    // Nothing is evicted: the room is for twice of what is written.
    let room = format!("{}MiB", (2 * options.mebibytes).max(512));
    let big = StoreSettings::from_pairs(&[("class", "cache"), ("max-memory", &room)]).map_err(text)?;
    let client = AsyncClient::connect(&cluster.store("figures"), &[])
        .await
        .map_err(text)?;
    let (small, big) = (
        client.store("small", &small).map_err(text)?,
        client.store("big", &big).map_err(text)?,
    );
    let load = Load::start(&small, options.in_flight);
    sleep(SETTLE).await;
    let (three, _) = load.during(sleep(LOOK)).await;
    let away = cluster.leader(1).await;
    cluster.node_mut(away).kill().await;
    sleep(SETTLE).await;
    write(&big, options.mebibytes).await?;
    sleep(SETTLE).await;
    let (two, _) = load.during(sleep(LOOK)).await;
    let catching_up = async {
        cluster.node_mut(away).restart().await;
        cluster.all_ready().await;
    };
    let (meanwhile, took) = load.during(catching_up).await;
    let (after, _) = load.during(sleep(LOOK)).await;
    let resident = cluster.node(away).facts().resident() >> 20;
    let failed = load.finish().await;
    report.say(format!(
        "changes per second, {} in flight: three nodes {three:.0}, two nodes {two:.0}, while the third catches up \
         {meanwhile:.0}, afterwards {after:.0}",
        options.in_flight
    ));
    let seconds = took.as_secs_f64();
    let mebibytes = options.mebibytes;
    report.say(format!(
        "{mebibytes} MiB caught up in {seconds:.1} s; the node has {resident} MiB then"
    ));
    report.judge(
        resident >= mebibytes,
        format!("it has what was written: {resident} of {mebibytes} MiB"),
    );
    // All nodes share this machine's processors: what a third replica costs at any time is no matter of catching up.
    let usual = (three + after) / 2.0;
    let percent = |of: f64| meanwhile / of * 100.0;
    report.judge(
        meanwhile / usual >= BAR,
        format!(
            "throughput meanwhile: {:.0} % of that of three nodes before and after (bar 80 %), {:.0} % of that of two",
            percent(usual),
            percent(two)
        ),
    );
    report.judge(failed == 0, format!("changes that failed: {failed} (bar 0)"));
    Ok(report)
}

/// Writes so much in values that do not compress to anything less by being equal.
async fn write(store: &AsyncClient, mebibytes: u64) -> Result<(), String> {
    let values = (mebibytes << 20) / VALUE as u64;
    let next = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= values {
                        return Ok(());
                    }
                    let value = vec![number as u8; VALUE];
                    store.put(&number.to_be_bytes(), &value, None).await?;
                }
            })
        })
        .collect();
    for writer in writers {
        let written: Result<(), holdfast_proto::Error> = writer.await.map_err(|error| error.to_string())?;
        written.map_err(|error| error.to_string())?;
    }
    Ok(())
}
