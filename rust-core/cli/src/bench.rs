//! `bench`: many requests in flight on a few connections, for a time or a number.

mod progress;
mod report;
mod workload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::args::BenchArguments;
use crate::client::{Client, Target};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use progress::Progress;
use report::{Measured, Report};
use workload::Workload;

/// Requests under way while the keys are written first.
const PRELOAD_IN_FLIGHT: u64 = 64;

/// `bench`
pub(crate) async fn run(arguments: &BenchArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let workload = Arc::new(Workload::of(arguments)?);
    let class = arguments.creation.class.as_deref();
    let named = arguments.connection.store.is_some() || arguments.connection.url.is_some();
    let class = if named { class } else { class.or(Some("cache")) };
    let target = Target::of(&arguments.connection)?.default_store(&arguments.connection, "bench");
    let mut clients = Vec::with_capacity(arguments.connections as usize);
    for index in 1..=arguments.connections {
        // Clients of one name would share a connection.
        clients.push(Arc::new(
            target.client_named(&format!("holdfast-bench-{index}"), class)?,
        ));
    }
    if !arguments.no_preload {
        preload(&clients, &workload).await?;
    }
    let (elapsed, measured) = measure(arguments, &clients, &workload).await?;
    let report = Report::new(arguments, &workload, elapsed, &measured);
    printer.answer(&report.json(), report.text())?;
    for client in clients {
        if let Some(client) = Arc::into_inner(client) {
            client.close().await;
        }
    }
    match measured.first_error {
        None => Ok(Exit::Done),
        // When none succeeded there is no result; some are one, which a script must not take for a clean one.
        Some(error) if measured.latency.is_empty() => Err(error.into()),
        Some(_) => Ok(Exit::Unavailable),
    }
}

/// Writes every key once, so that reads find something.
async fn preload(clients: &[Arc<Client>], workload: &Arc<Workload>) -> Result<(), Failure> {
    let progress = Arc::new(Progress::preload(workload.keys));
    let mut writers = JoinSet::new();
    for writer in 0..PRELOAD_IN_FLIGHT {
        let client = Arc::clone(&clients[writer as usize % clients.len()]);
        let (workload, progress) = (Arc::clone(workload), Arc::clone(&progress));
        writers.spawn(async move {
            let mut key = writer;
            while key < workload.keys {
                workload.write(&client, key).await?;
                progress.add(1);
                key += PRELOAD_IN_FLIGHT;
            }
            Ok::<(), holdfast_proto::Error>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.map_err(|error| Failure::usage(error.to_string()))??;
    }
    progress.end();
    Ok(())
}

async fn measure(
    arguments: &BenchArguments,
    clients: &[Arc<Client>],
    workload: &Arc<Workload>,
) -> Result<(Duration, Measured), Failure> {
    let over = Arc::new(AtomicBool::new(false));
    let progress = Arc::new(Progress::of(
        arguments.requests,
        Duration::from_secs(arguments.seconds),
    ));
    let tickets = Arc::new(workload::Tickets::new(arguments.requests));
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..u64::from(arguments.in_flight) {
        let client = Arc::clone(&clients[worker as usize % clients.len()]);
        let (workload, over) = (Arc::clone(workload), Arc::clone(&over));
        let (progress, tickets) = (Arc::clone(&progress), Arc::clone(&tickets));
        let mut random = workload.random(worker);
        workers.spawn(async move {
            let mut measured = Measured::default();
            while !over.load(Ordering::Relaxed) && tickets.take() {
                workload.turn(&client, &mut random, &mut measured).await;
                progress.add(1);
            }
            measured
        });
    }
    if arguments.requests.is_none() {
        let (over, progress) = (Arc::clone(&over), Arc::clone(&progress));
        let end = started + Duration::from_secs(arguments.seconds);
        tokio::spawn(async move {
            while Instant::now() < end {
                tokio::time::sleep_until(end.min(Instant::now() + Duration::from_millis(100))).await;
                progress.time(started.elapsed());
            }
            over.store(true, Ordering::Relaxed);
        });
    }
    let mut sum = Measured::default();
    while let Some(worker) = workers.join_next().await {
        sum.add(&worker.map_err(|error| Failure::usage(error.to_string()))?);
    }
    let elapsed = started.elapsed();
    progress.end();
    Ok((elapsed, sum))
}
