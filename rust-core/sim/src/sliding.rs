//! Entries that must stay because somebody keeps reading them.
//!
//! The workload's keys have no sliding windows, so the checkers know nothing of them; what has to be so is easily said:
//! an entry that was read is there for another window.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_chaos::history::{Line, Recorder};
use holdfast_client::remote::AsyncClient;
use holdfast_client::settings::StoreSettings;
use holdfast_proto::session::{Operation, RequestHeader};
use tokio::time::{Instant, sleep};

const WINDOW: Duration = Duration::from_millis(1_500);
const TIMEOUT: Duration = Duration::from_millis(800);
/// Machines' clocks are up to a hundredth wrong.
const GRAIN: Duration = Duration::from_millis(40);
const KEYS: u64 = 6;

/// Keeps a few entries alive until told to stop, and complains when one is gone before its time.
pub async fn keep_alive(
    connection: String,
    stopping: Arc<AtomicBool>,
    seed: u64,
    recorder: Recorder,
) -> Result<(), String> {
    let text = |error: holdfast_proto::Error| format!("sliding entries: {error}");
    let client = AsyncClient::connect_lazily(&connection, &[("client-name", "sliding")]).map_err(text)?;
    let mut stores = Vec::new();
    for (name, class) in [
        ("sliding-cache", "cache"),
        ("sliding-coordination", "coordination"),
    ] {
        let settings = StoreSettings::from_pairs(&[("class", class)]).map_err(text)?;
        stores.push(client.store(name, &settings).map_err(text)?);
    }
    let tasks: Vec<_> = (0..KEYS)
        .map(|key| {
            let store = stores[key as usize % stores.len()].clone();
            let random = fastrand::Rng::with_seed(seed ^ (0x511D + key));
            tokio::spawn(one(store, key, Arc::clone(&stopping), random, recorder.clone()))
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| format!("sliding entries: {error}"))?;
    }
    Ok(())
}

async fn one(
    store: AsyncClient,
    key: u64,
    stopping: Arc<AtomicBool>,
    mut random: fastrand::Rng,
    recorder: Recorder,
) {
    let name = format!("kept-{key}");
    // When the last call that found the entry was made: from then on it has at least a window.
    let mut seen: Option<Instant> = None;
    while !stopping.load(Ordering::Relaxed) {
        let called = Instant::now();
        let operation = if seen.is_some() {
            Operation::Get
        } else {
            Operation::Put
        };
        let header = RequestHeader {
            operation: operation as i32,
            sliding_ms: if seen.is_some() {
                0
            } else {
                WINDOW.as_millis() as u64
            },
            ..RequestHeader::default()
        };
        let value: &[u8] = if seen.is_some() { b"" } else { b"kept" };
        match store
            .call_within(Some(TIMEOUT), header, name.as_bytes(), value)
            .await
        {
            Ok(answer) if operation == Operation::Put || answer.found() => seen = Some(called),
            Ok(_) => {
                let since = seen.map_or(Duration::MAX, |seen| seen.elapsed());
                if since + GRAIN < WINDOW {
                    let text = format!(
                        "the sliding entry {name} is gone {since:?} after it was read, its window is {WINDOW:?}"
                    );
                    recorder.note(Line::Complaint(text));
                }
                seen = None;
            }
            // It may have been touched or not: the last call that is known to have done so counts.
            Err(_) => {}
        }
        sleep(Duration::from_millis(random.u64(50..1_200))).await;
    }
}
