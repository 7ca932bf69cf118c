//! Keeps deadlines whatever the socket does, and delivers what did not come as a reply.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::client::ClientShared;
use super::link;
use super::registry::Shared;
use super::sink::{Completed, StateChange};

/// Runs until the connection's last client is gone and everything is delivered.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut sleep = pin!(sleep_until(Instant::now() + FAR));
    // The tasks of connections beside the first.
    let mut links = JoinSet::new();
    loop {
        let Looked {
            wakes,
            stop,
            new_links,
        } = look(&shared);
        for link in new_links {
            let shared = Arc::clone(&shared);
            links.spawn(async move { link::run(&shared, link).await });
        }
        shared.deliver();
        if stop {
            return;
        }
        let wakes = wakes.unwrap_or_else(|| Instant::now() + FAR);
        if sleep.deadline() != wakes {
            sleep.as_mut().reset(wakes);
        }
        tokio::select! {
            biased;
            Some(Err(failed)) = links.join_next(), if !links.is_empty() => resume_unwind(failed.into_panic()),
            () = shared.keeper.notified() => {}
            () = sleep.as_mut() => {}
        }
    }
}

/// Nothing waits so long.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// What is to do next.
struct Looked {
    /// When to look again.
    wakes: Option<Instant>,
    /// That was the last time.
    stop: bool,
    new_links: Vec<usize>,
}

/// Ends what is too late and asks for what is to be known.
fn look(shared: &Shared) -> Looked {
    let now = Instant::now();
    let mut core = shared.core.lock();
    core.expire(now, &shared.options);
    core.refresh_map(now);
    core.dispatch_held(now);
    for link in 0..core.links.len() {
        core.dispatch_large(link, now);
    }
    let due = core.map_due();
    core.keeper_needed = false;
    core.keeper_wakes = match (core.earliest, due) {
        (Some(earliest), Some(due)) => Some(earliest.min(due)),
        (earliest, due) => earliest.or(due),
    };
    let wakers = core.wakers();
    let looked = Looked {
        wakes: core.keeper_wakes,
        stop: core.stop,
        new_links: std::mem::take(&mut core.new_links),
    };
    drop(core);
    wakers.wake();
    looked
}

impl Shared {
    /// Delivers events, completions and last calls. On the I/O thread only.
    ///
    /// # Panics
    /// With the panic of a sink, after everything is delivered.
    pub(super) fn deliver(&self) {
        let mut panicked = None;
        loop {
            let mut core = self.core.lock();
            let events = std::mem::take(&mut core.events);
            let finished = std::mem::take(&mut core.finished);
            let closing = std::mem::take(&mut core.closing);
            drop(core);
            if events.is_empty() && finished.is_empty() && closing.is_empty() {
                break;
            }
            panicked = tell(events).or(panicked);
            for (client, mut batch) in by_client(finished) {
                panicked = guarded(|| client.sink.completed(&mut batch)).or(panicked);
            }
            for client in closing {
                panicked = guarded(|| client.sink.closed()).or(panicked);
            }
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }

    /// Delivers events alone, and gives the panic of a sink. On the I/O thread only.
    pub(super) fn tell(&self) -> Option<Box<dyn Any + Send>> {
        let events = std::mem::take(&mut self.core.lock().events);
        tell(events)
    }
}

fn tell(events: Vec<(Arc<ClientShared>, StateChange)>) -> Option<Box<dyn Any + Send>> {
    let mut panicked = None;
    for (client, event) in events {
        panicked = guarded(|| client.sink.state_changed(&event)).or(panicked);
    }
    panicked
}

/// Calls a sink; its panic is for the caller to pass on, once the others have theirs.
pub(super) fn guarded(call: impl FnOnce()) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(call)).err()
}

type Batches = Vec<(Arc<ClientShared>, Vec<Completed<'static>>)>;

fn by_client(finished: Vec<(Arc<ClientShared>, Completed<'static>)>) -> Batches {
    let mut batches: Batches = Vec::new();
    for (client, completed) in finished {
        match batches.iter_mut().find(|(other, _)| other.id == client.id) {
            Some((_, batch)) => batch.push(completed),
            None => batches.push((client, vec![completed])),
        }
    }
    batches
}
