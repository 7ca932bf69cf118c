//! What one contestant did in one turn.

use std::time::Duration;

use holdfast_faults::ProcessFacts;
use tokio::time::Instant;

use super::{Setter, spread};

const KEYS: u64 = 10_000;

/// The figures of a turn.
pub(super) struct Turn {
    pub(super) per_second: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Of all processes, for a call.
    pub(super) cpu_us: f64,
    /// Of this process.
    pub(super) client_cpu_us: f64,
}

/// Sets for a time; gives the callers back.
pub(super) async fn take(
    setters: Vec<Box<dyn Setter>>,
    pids: &[u32],
    time: Duration,
    value: usize,
) -> Result<(Vec<Box<dyn Setter>>, Turn), String> {
    let servers = || {
        pids.iter()
            .map(|&pid| ProcessFacts::of(pid).cpu_time())
            .sum::<Duration>()
    };
    let own = || ProcessFacts::of(std::process::id()).cpu_time();
    let (servers_before, own_before, began) = (servers(), own(), Instant::now());
    let tasks: Vec<_> = setters
        .into_iter()
        .enumerate()
        .map(|(number, mut setter)| {
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(number as u64);
                let value = vec![7; value];
                let mut latencies = Vec::new();
                let mut sent = Instant::now();
                while sent < began + time {
                    let key = format!("product:{:08}", random.u64(..KEYS));
                    setter.set(&key, &value).await?;
                    let answered = Instant::now();
                    latencies.push(answered - sent);
                    sent = answered;
                }
                Ok::<_, String>((setter, latencies))
            })
        })
        .collect();
    let (mut setters, mut latencies) = (Vec::new(), Vec::new());
    for task in tasks {
        let (setter, own) = task.await.map_err(|error| error.to_string())??;
        setters.push(setter);
        latencies.extend(own);
    }
    let took = began.elapsed().as_secs_f64();
    let count = latencies.len().max(1) as f64;
    let client = own().saturating_sub(own_before).as_secs_f64() * 1e6 / count;
    let server = servers().saturating_sub(servers_before).as_secs_f64() * 1e6 / count;
    let latencies = spread(latencies);
    let turn = Turn {
        per_second: count / took,
        p50: latencies.p50,
        p99: latencies.p99,
        cpu_us: client + server,
        client_cpu_us: client,
    };
    Ok((setters, turn))
}
