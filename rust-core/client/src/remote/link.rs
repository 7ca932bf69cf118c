//! The connection's task: connects, drives the connection, connects again.

mod connect;
mod drive;
mod own;
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
use super::errors;
use super::links::Up;
use super::registry::Shared;
use super::sink::{ConnectionState, StateChange};

/// Runs for ever.
pub(super) async fn run(shared: &Arc<Shared>, link: usize) {
    wanted(shared, link).await;
    if link == 0 {
        announce(shared, ConnectionState::Connecting, String::new(), String::new());
    }
    // A seed of its own for each process and connection, so that clients that lost one node do not return in step.
    let seed = shared.core.lock().session.id as u64;
    let mut jitter = fastrand::Rng::with_seed(seed ^ link as u64);
    let mut next = 0;
    let (mut failures, mut short_lived) = (0_u32, 0_u32);
    loop {
        wanted(shared, link).await;
        match round(shared, link, next).await {
            Ok((address, connection)) => {
                failures = 0;
                let began = Instant::now();
                next = serve(shared, link, address, connection).await;
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
                // The nodes of a cluster that refuse a client are not all that there are.
                let refusal = refusal.filter(|_| link == 0 && !shared.core.lock().is_connected());
                let most = if refusal.is_some() {
                    timing.lasting_backoff
                } else {
                    backoff(timing.backoff, failures)
                };
                if let Some(refusal) = refusal {
                    refuse(shared, refusal);
                }
                unreachable(shared, link);
                failures = failures.saturating_add(1);
                sleep(most.mul_f64(jitter.f64())).await;
            }
        }
    }
}

/// A connection that ends earlier has failed, as far as the pause before the next attempt goes.
const LIVED: Duration = Duration::from_secs(1);

/// Until somebody needs the connection: in a cluster one after the other may do without.
async fn wanted(shared: &Shared, link: usize) {
    std::future::poll_fn(|context| {
        let mut line = shared.link(link);
        if line.wanted {
            line.sleeping = false;
            return std::task::Poll::Ready(());
        }
        line.waker = Some(context.waker().clone());
        line.sleeping = true;
        std::task::Poll::Pending
    })
    .await;
}

/// No attempt of a round succeeded.
fn unreachable(shared: &Shared, link: usize) {
    let mut core = shared.core.lock();
    core.unreachable(link, Instant::now());
    let clustered = core.cluster.is_some();
    drop(core);
    if clustered {
        shared.keeper.notify_one();
    }
}

/// Upper bound of the pause after so many rounds without success.
fn backoff((first, most): (Duration, Duration), failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(16)).min(most)
}

/// Where a connection was made.
struct Address {
    /// In the round's order.
    index: usize,
    /// How many there are.
    count: usize,
    /// 1 + the index among the endpoints that the client was given; 0: none of them.
    server: u32,
}

/// Tries every address once, from `first` on. The error: what nodes refuse this client for, if any does.
async fn round(
    shared: &Arc<Shared>,
    link: usize,
    first: usize,
) -> Result<(Address, Box<Connection>), Option<Error>> {
    let endpoints = &shared.options.endpoints;
    let addresses = shared.core.lock().addresses(link, endpoints);
    let count = addresses.len();
    let mut refusal = None;
    for offset in 0..count {
        let index = (first + offset) % count;
        let address = &addresses[index];
        match connect::endpoint(shared, address).await {
            Ok(connection) => {
                let given = endpoints.iter().position(|endpoint| endpoint == address);
                let server = given.map_or(0, |given| given as u32 + 1);
                let address = Address { index, count, server };
                return Ok((address, Box::new(connection)));
            }
            Err(Failed { error, lasting }) => {
                let text = format!("{address}: {}", error.message);
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

/// Until the connection ends; the address to try first then.
async fn serve(shared: &Arc<Shared>, link: usize, at: Address, connection: Box<Connection>) -> usize {
    let address = connection.address.clone();
    if !begin(shared, link, at.server, &connection) {
        let text = format!("{address} belongs to another cluster than it did");
        shared.log.line(Level::Warning, &text);
        unreachable(shared, link);
        return 0;
    }
    shared.deliver();
    let (ended, written) = drive::run(shared, link, *connection).await;
    let Ended {
        reason,
        refused,
        leave,
        pause,
    } = ended;
    let (node, connected) = {
        let mut core = shared.core.lock();
        let up = core.links[link].up.as_ref();
        let node = up.map_or_else(String::new, |up| up.node.clone());
        core.last_error = format!("{address}: {reason}");
        core.lost(link, written, Instant::now());
        (node, core.is_connected())
    };
    shared.log.line(
        Level::Warning,
        &format!("the connection to {address} ended: {reason}"),
    );
    if !connected {
        announce_lost(shared, address, node, reason);
    }
    if let Some(error) = refused.filter(|_| link == 0 && !connected) {
        shared.core.lock().refuse(error);
    }
    shared.keeper.notify_one();
    if at.count == 1 && !pause.is_zero() {
        sleep(pause.min(shared.options.timing.backoff.1)).await;
    }
    if leave {
        (at.index + 1) % at.count
    } else {
        at.index
    }
}

/// A node accepted the session: what waits goes to it. False: it is not one that this connection is for.
fn begin(shared: &Shared, link: usize, server: u32, connection: &Connection) -> bool {
    let Connection { welcome, address, .. } = connection;
    let now = Instant::now();
    let mut core = shared.core.lock();
    let used = core.session.epoch != 0;
    let before = core.cluster.as_ref().map(|cluster| cluster.id().clone());
    if !core.meet(link, welcome) {
        return false;
    }
    let clustered = core.cluster.is_some();
    let alone = !core.is_connected();
    // A cluster of memory whose nodes were all lost at once comes back as another one.
    let another = used && core.cluster.as_ref().map(|cluster| cluster.id().clone()) != before;
    let epoch_changed = another || (!clustered && used && core.session.epoch != welcome.epoch);
    core.refusal = None;
    if alone {
        // Nothing is on its way that could be taken for something else.
        core.last_number = 0;
    }
    let first_number = core.last_number;
    core.links[link].begin(Up {
        address: address.clone(),
        node: welcome.node.clone(),
        epoch: welcome.epoch,
        server,
        most_large: most_large(welcome),
        writer: connection.transport.writer(),
        draining: false,
        first_number,
    });
    core.session.window = (welcome.dedupe_window as usize).max(1);
    if clustered {
        core.session.epoch = welcome.epoch.max(1);
        core.name_links();
        core.want_map(now);
        core.dispatch_waiting(now);
    } else {
        resume(&mut core, welcome, address, now);
    }
    if alone || another {
        core.change_state(StateChange {
            state: ConnectionState::Connected,
            address: address.clone(),
            node: welcome.node.clone(),
            epoch: welcome.epoch,
            epoch_changed,
            reason: String::new(),
        });
    }
    drop(core);
    shared.keeper.notify_one();
    let text = format!(
        "connected to {address} (node {}, epoch {})",
        welcome.node, welcome.epoch
    );
    shared.log.line(Level::Information, &text);
    true
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
    core.dispatch_waiting(now);
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
