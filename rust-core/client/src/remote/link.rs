//! The connection's task: connects, drives the connection, connects again.

mod connect;
mod drive;
mod reader;
mod receive;
mod refusal;
mod transport;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::Error;
use holdfast_proto::log::Level;
use holdfast_proto::session::Welcome;
use tokio::time::{Instant, sleep};

use self::connect::Connection;
pub(super) use self::connect::{Failed, passing};
use self::drive::Ended;
use super::core::Up;
use super::errors;
use super::registry::Shared;
use super::sink::{ConnectionState, StateChange};

/// Runs for ever.
pub(super) async fn run(shared: &Arc<Shared>) {
    wanted(shared).await;
    announce(shared, ConnectionState::Connecting, String::new(), String::new());
    // A seed of its own for each process and connection, so that clients that lost one node do not return in step.
    let mut jitter = fastrand::Rng::with_seed(shared.core.lock().session.id as u64);
    let mut next = 0;
    let (mut failures, mut short_lived) = (0_u32, 0_u32);
    loop {
        match round(shared, next).await {
            Ok((endpoint, connection)) => {
                failures = 0;
                let began = Instant::now();
                next = serve(shared, endpoint, connection).await;
                if began.elapsed() >= LIVED {
                    short_lived = 0;
                    continue;
                }
                // Who welcomes and then cuts is no better than who refuses: neither is asked as fast as it answers.
                let most = backoff(shared.options.timing.backoff, short_lived);
                short_lived = short_lived.saturating_add(1);
                sleep(most.mul_f64(jitter.f64())).await;
            }
            Err(refusal) => {
                let timing = &shared.options.timing;
                let most = if refusal.is_some() {
                    timing.lasting_backoff
                } else {
                    backoff(timing.backoff, failures)
                };
                if let Some(refusal) = refusal {
                    refuse(shared, refusal);
                }
                failures = failures.saturating_add(1);
                sleep(most.mul_f64(jitter.f64())).await;
            }
        }
    }
}

/// A connection that ends earlier has failed, as far as the pause before the next attempt goes.
const LIVED: Duration = Duration::from_secs(1);

/// Until the first request.
async fn wanted(shared: &Shared) {
    std::future::poll_fn(|context| {
        let mut core = shared.core.lock();
        if core.wanted {
            return std::task::Poll::Ready(());
        }
        core.waker = Some(context.waker().clone());
        core.sleeping = true;
        std::task::Poll::Pending
    })
    .await;
}

/// Upper bound of the pause after so many rounds without success.
fn backoff((first, most): (Duration, Duration), failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(16)).min(most)
}

/// Tries every endpoint once, from `first` on. The error: what nodes refuse this client for, if any does.
async fn round(shared: &Arc<Shared>, first: usize) -> Result<(usize, Box<Connection>), Option<Error>> {
    let endpoints = &shared.options.endpoints;
    let mut refusal = None;
    for offset in 0..endpoints.len() {
        let endpoint = (first + offset) % endpoints.len();
        match connect::endpoint(shared, endpoint).await {
            Ok(connection) => return Ok((endpoint, Box::new(connection))),
            Err(Failed { error, lasting }) => {
                let text = format!("{}: {}", endpoints[endpoint], error.message);
                shared.log.line(Level::Debug, &text);
                shared.core.lock().last_error = text;
                if lasting {
                    refusal = Some(error);
                }
            }
        }
    }
    Err(refusal)
}

/// Until the connection ends; the endpoint to try first then.
async fn serve(shared: &Arc<Shared>, endpoint: usize, connection: Box<Connection>) -> usize {
    let address = connection.address.clone();
    begin(shared, endpoint, &connection);
    shared.deliver();
    let (ended, written) = drive::run(shared, *connection).await;
    let Ended {
        reason,
        refused,
        leave,
        pause,
    } = ended;
    let node = {
        let mut core = shared.core.lock();
        let node = core.up.as_ref().map_or_else(String::new, |up| up.node.clone());
        core.lost(written);
        core.last_error = format!("{address}: {reason}");
        node
    };
    shared.log.line(
        Level::Warning,
        &format!("the connection to {address} ended: {reason}"),
    );
    announce_lost(shared, address, node, reason);
    if let Some(error) = refused {
        shared.core.lock().refuse(error);
    }
    shared.keeper.notify_one();
    let count = shared.options.endpoints.len();
    if count == 1 && !pause.is_zero() {
        sleep(pause.min(shared.options.timing.backoff.1)).await;
    }
    if leave { (endpoint + 1) % count } else { endpoint }
}

/// A node accepted the session: what waits goes to it.
fn begin(shared: &Shared, endpoint: usize, connection: &Connection) {
    let Connection { welcome, address, .. } = connection;
    let now = Instant::now();
    let mut core = shared.core.lock();
    let epoch_changed = core.session.epoch != 0 && core.session.epoch != welcome.epoch;
    core.refusal = None;
    core.up = Some(Up {
        address: address.clone(),
        node: welcome.node.clone(),
        epoch: welcome.epoch,
        server: endpoint as u32 + 1,
        window: (welcome.dedupe_window as usize).max(1),
        most_large: most_large(welcome),
        writer: connection.transport.writer(),
        draining: false,
        last_number: 0,
    });
    core.outbox.clear();
    core.outbox_start = 0;
    core.lone = true;
    core.idle = false;
    core.sleeping = false;
    resume(&mut core, welcome, address, now);
    core.change_state(StateChange {
        state: ConnectionState::Connected,
        address: address.clone(),
        node: welcome.node.clone(),
        epoch: welcome.epoch,
        epoch_changed,
        reason: String::new(),
    });
    drop(core);
    let text = format!(
        "connected to {address} (node {}, epoch {})",
        welcome.node, welcome.epoch
    );
    shared.log.line(Level::Information, &text);
}

/// What a node that says nothing of it takes.
const CONNECTION_BYTES: u64 = 64 * 1024 * 1024;

/// Three quarters of what a connection may have in flight: the rest is for small requests and for answers.
fn most_large(welcome: &Welcome) -> usize {
    let bytes = welcome
        .limits
        .as_ref()
        .map_or(0, |limits| limits.connection_bytes);
    let bytes = if bytes == 0 { CONNECTION_BYTES } else { bytes };
    usize::try_from(bytes / 4 * 3).unwrap_or(usize::MAX)
}

fn resume(core: &mut super::core::Core, welcome: &Welcome, address: &str, now: Instant) {
    if core.session.incarnation != welcome.incarnation || welcome.incarnation.is_empty() {
        for store in &mut core.stores {
            store.id = None;
        }
    }
    core.session.incarnation = welcome.incarnation.clone();
    let resumed = welcome.session_resumed && core.session.epoch == welcome.epoch;
    core.session.epoch = welcome.epoch;
    if !resumed {
        for slot in core
            .table
            .slots(|pending| pending.was_sent && pending.operation.is_change())
        {
            core.fail(slot, |_| errors::session_lost(address));
        }
    }
    for slot in core.table.slots(|_| true) {
        // Whatever asks for a store's id on the way is in the table too, and on its way already.
        if core.table.get(slot).stage == super::pending::Stage::Waiting {
            core.dispatch(slot, now);
        }
    }
}

fn refuse(shared: &Shared, refusal: Error) {
    let mut core = shared.core.lock();
    let news = core.refusal.as_ref() != Some(&refusal);
    core.refuse(refusal.clone());
    drop(core);
    shared.keeper.notify_one();
    if news {
        shared
            .log
            .line(Level::Error, &format!("refused: {}", refusal.message));
        announce(
            shared,
            ConnectionState::Disconnected,
            String::new(),
            refusal.message,
        );
    }
}

fn announce(shared: &Shared, state: ConnectionState, address: String, reason: String) {
    announce_change(
        shared,
        StateChange {
            state,
            address,
            node: String::new(),
            epoch: 0,
            epoch_changed: false,
            reason,
        },
    );
}

fn announce_lost(shared: &Shared, address: String, node: String, reason: String) {
    let epoch = shared.core.lock().session.epoch;
    announce_change(
        shared,
        StateChange {
            state: ConnectionState::Disconnected,
            address,
            node,
            epoch,
            epoch_changed: false,
            reason,
        },
    );
}

fn announce_change(shared: &Shared, change: StateChange) {
    shared.core.lock().change_state(change);
    shared.keeper.notify_one();
}
