//! All nodes of a cluster in memory killed at once: what comes after is another epoch, and clients are told.

use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_client::settings::StoreSettings;
use holdfast_faults::eventually;
use holdfast_proto::session::{Operation, RequestHeader, flags};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::report::{Report, Spread};

const LONGEST: Duration = Duration::from_secs(60);

/// Kills all nodes, starts them again, and looks at what is left; `count` times.
///
/// # Errors
/// What could not be done.
pub async fn all_killed(count: usize) -> Result<Report, String> {
    let text = |error: holdfast_proto::Error| error.to_string();
    let mut report = Report::default();
    let mut cluster = Cluster::start(3, &[]).await;
    let client = AsyncClient::connect(&cluster.store("epochs"), &[])
        .await
        .map_err(text)?;
    let cache = StoreSettings::from_pairs(&[("class", "cache")]).map_err(text)?;
    let stores = [
        client.clone(),
        client.store("epochs-cache", &cache).map_err(text)?,
    ];
    let (mut told, mut matched, mut kept, mut older) = (0, 0, 0, 0);
    let mut back = Vec::new();
    for _ in 0..count {
        let mut states = client.states();
        let mut versions = Vec::new();
        for store in &stores {
            versions.push(store.put(b"key", b"before", None).await.map_err(text)?);
        }
        for node in 0..3 {
            cluster.node_mut(node).kill().await;
        }
        let began = Instant::now();
        let restarts = futures_util::future::join_all(cluster.nodes_mut().map(|node| node.restart()));
        restarts.await;
        cluster.all_ready().await;
        for (store, version) in stores.iter().zip(versions) {
            let missing = || async { store.get(b"key").await.ok() };
            kept += usize::from(eventually(LONGEST, "the store is read", missing).await.is_some());
            let put = RequestHeader {
                operation: Operation::Put as i32,
                flags: flags::IF_VERSION,
                version,
                ..RequestHeader::default()
            };
            let answer = store.call(put, b"key", b"after").await.map_err(text)?;
            matched += usize::from(answer.applied());
            let again = store.put(b"key", b"again", None).await.map_err(text)?;
            older += usize::from(again <= version);
        }
        back.push(began.elapsed());
        let was_told = std::iter::from_fn(|| states.try_recv().ok()).any(|state| state.epoch_changed);
        told += usize::from(was_told);
    }
    report.judge(
        told == count,
        format!("clients told of the new epoch: {told} of {count}"),
    );
    report.judge(
        kept == 0,
        format!("entries of before that were read: {kept} (bar 0)"),
    );
    report.judge(
        matched == 0,
        format!("versions of before that matched: {matched} (bar 0)"),
    );
    report.judge(
        older == 0,
        format!("new versions that are not above all old ones: {older} (bar 0)"),
    );
    report.say(format!(
        "from the kill to changes in every store: {}",
        Spread::of(back)
    ));
    Ok(report)
}
