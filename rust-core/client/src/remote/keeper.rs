//! Keeps deadlines whatever the socket does, and delivers what did not come as a reply.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::client::ClientShared;
use super::registry::Shared;
use super::sink::Completed;

/// Runs until the connection's last client is gone and everything is delivered.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut sleep = pin!(sleep_until(Instant::now() + FAR));
    loop {
        let (wakes, stop) = look(&shared);
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
            () = shared.keeper.notified() => {}
            () = sleep.as_mut() => {}
        }
    }
}

/// Nothing waits so long.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// Ends what is too late; when to look again, and whether that was the last time.
fn look(shared: &Shared) -> (Option<Instant>, bool) {
    let now = Instant::now();
    let mut core = shared.core.lock();
    core.expire(now, &shared.options);
    core.dispatch_held(now);
    core.dispatch_large(now);
    core.keeper_wakes = core.earliest;
    let waker = if core.outbox.is_empty() {
        None
    } else {
        core.wake_link()
    };
    let result = (core.earliest, core.stop);
    drop(core);
    if let Some(waker) = waker {
        waker.wake();
    }
    result
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
            for (client, event) in events {
                panicked = guarded(|| client.sink.state_changed(&event)).or(panicked);
            }
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
