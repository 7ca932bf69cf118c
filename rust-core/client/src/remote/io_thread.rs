//! The one thread of a client's connections. It reads, writes, keeps time and calls the sinks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use holdfast_proto::log::Level;
use holdfast_proto::{Code, Error};
use tokio::runtime::{Builder, Runtime};

use super::core::Thread;
use super::links::Link;
use super::registry::Shared;
use super::{keeper, link};

/// Starts the thread. Called under the core's lock, which the thread waits for.
pub(super) fn start(shared: &Arc<Shared>) -> Result<(), Error> {
    let refused = |what: &str, error: std::io::Error| {
        Error::new(
            Code::ResourceExhausted,
            format!("the operating system refuses {what} for the client's I/O: {error}"),
        )
    };
    if holdfast_system::work::is_simulated() {
        let shared = Arc::clone(shared);
        drop(tokio::spawn(async move { serve(&shared).await }));
        return Ok(());
    }
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(2)
        .thread_keep_alive(Duration::from_secs(1))
        .thread_name("holdfast-dns")
        .build()
        .map_err(|error| refused("an event queue", error))?;
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("holdfast-io".to_owned())
        .spawn(move || run(runtime, &shared))
        .map_err(|error| refused("a thread", error))?;
    Ok(())
}

fn run(runtime: Runtime, shared: &Arc<Shared>) {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(serve(shared));
    }));
    if let Err(panic) = ended {
        break_down(shared, &text_of(panic.as_ref()));
    }
    // A name that is being resolved is not waited for.
    runtime.shutdown_background();
}

async fn serve(shared: &Arc<Shared>) {
    let mut keeper = tokio::spawn(keeper::run(Arc::clone(shared)));
    tokio::select! {
        biased;
        ended = &mut keeper => match ended {
            Ok(()) => {}
            Err(failed) => resume_unwind(failed.into_panic()),
        },
        () = link::run(shared, 0) => {}
    }
}

/// After a panic: everything ends with an error, and nothing is accepted any more. The process lives.
fn break_down(shared: &Shared, panic: &str) {
    let message = format!("the I/O thread met a defect: {panic}");
    shared.log.line(Level::Error, &message);
    let error = Error::new(Code::Internal, message);
    {
        let mut core = shared.core.lock();
        core.thread = Thread::Broken;
        core.fail_all(&error);
        core.links.iter_mut().for_each(Link::end);
    }
    loop {
        // A sink that panics loses its batch; the others get theirs.
        let delivered = catch_unwind(AssertUnwindSafe(|| shared.deliver()));
        let mut core = shared.core.lock();
        let rest = core.events.len() + core.finished.len() + core.closing.len();
        if delivered.is_ok() && rest == 0 {
            core.thread = Thread::Gone;
            return;
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
