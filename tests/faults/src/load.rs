//! Tasks that increment counters and read, each one call after the other, while a test breaks things.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_proto::session::{Operation, RequestHeader};
use holdfast_proto::{Error, Outcome};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::journal::Journal;
use crate::ledger::{Ended, Ledger};
use crate::wait::{eventually, within};

/// How long a call may take on top of its own timeout before it counts as one that hangs.
const HANGS_AFTER: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What the tasks do.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// How many there are, each with a counter of its own.
    pub tasks: usize,
    /// Of each call.
    pub timeout: Duration,
    /// Between two calls of a task.
    pub pause: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            tasks: 64,
            timeout: Duration::from_secs(1),
            pause: Duration::from_millis(2),
        }
    }
}

#[derive(Default)]
struct Shared {
    journal: Journal,
    phase: AtomicU32,
    stopping: AtomicBool,
}

/// Running tasks.
pub struct Load {
    shared: Arc<Shared>,
    client: AsyncClient,
    tasks: Vec<JoinHandle<Ledger>>,
}

impl Load {
    /// Starts the tasks; every fourth call is a read.
    #[must_use]
    pub fn start(client: &AsyncClient, options: LoadOptions) -> Load {
        let shared = Arc::new(Shared::default());
        let tasks = (0..options.tasks)
            .map(|task| tokio::spawn(run(client.clone(), task, options, Arc::clone(&shared))))
            .collect();
        Load {
            shared,
            client: client.clone(),
            tasks,
        }
    }

    /// How the calls ended so far.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Calls begin in the next phase from now on; gives its number.
    pub fn next_phase(&self) -> u32 {
        self.shared.phase.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Waits until `more` further calls have succeeded.
    pub async fn succeeds(&self, more: u64) {
        let goal = self.journal().succeeded() + more;
        eventually(LONGEST_WAIT, "further calls succeed", || async {
            (self.journal().succeeded() >= goal).then_some(())
        })
        .await;
    }

    /// Waits until `more` further calls have failed.
    pub async fn fails(&self, more: u64) {
        let goal = self.journal().failed() + more;
        eventually(LONGEST_WAIT, "further calls fail", || async {
            (self.journal().failed() >= goal).then_some(())
        })
        .await;
    }

    /// Ends the tasks after their current call, reads the counters, and checks them: the node started anew in `epochs`,
    /// and what counts in the last one was begun in `last_phase` or later.
    ///
    /// # Panics
    /// When a counter cannot be what it is, or a task hangs.
    pub async fn check(self, epochs: &[u64], last_phase: u32) -> Vec<Ledger> {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let mut ledgers = Vec::new();
        for task in self.tasks {
            ledgers.push(
                within(LONGEST_WAIT, "a task of the load", task)
                    .await
                    .expect("no panic"),
            );
        }
        println!("{}", self.shared.journal);
        for (task, ledger) in ledgers.iter().enumerate() {
            let counter = counter(&self.client, task).await;
            ledger
                .check(epochs, last_phase, counter)
                .unwrap_or_else(|wrong| panic!("counter {task}: {wrong}"));
        }
        ledgers
    }
}

async fn run(client: AsyncClient, task: usize, options: LoadOptions, shared: Arc<Shared>) -> Ledger {
    let key = key_of(task);
    let mut ledger = Ledger::default();
    let mut calls = 0_u64;
    while !shared.stopping.load(Ordering::SeqCst) {
        calls += 1;
        let phase = shared.phase.load(Ordering::SeqCst);
        if calls.is_multiple_of(4) {
            let read = call(&client, Operation::Get, &key, options.timeout, &shared.journal).await;
            drop(read);
        } else {
            let ended = match call(
                &client,
                Operation::Increment,
                &key,
                options.timeout,
                &shared.journal,
            )
            .await
            {
                Ok((after, version)) => Ended::Acknowledged { after, version },
                Err(error) if error.outcome == Outcome::Unknown => Ended::Unknown,
                Err(_) => Ended::NotApplied,
            };
            ledger.note(phase, ended);
        }
        tokio::time::sleep(options.pause).await;
    }
    ledger
}

/// The number and version that it is answered with.
async fn call(
    client: &AsyncClient,
    operation: Operation,
    key: &[u8],
    timeout: Duration,
    journal: &Journal,
) -> Result<(i64, i64), Error> {
    let request = RequestHeader {
        operation: operation as i32,
        delta: 1,
        ..RequestHeader::default()
    };
    let began = Instant::now();
    let call = client.call_within(Some(timeout), request, key, b"");
    let result = within(timeout + HANGS_AFTER, "a call", call).await;
    journal.note(operation.is_change(), timeout, began.elapsed(), &result);
    let header = result?.header;
    Ok((header.number, header.version))
}

fn key_of(task: usize) -> Vec<u8> {
    format!("counter:{task}").into_bytes()
}

/// What a task's counter is; 0 when there is none.
async fn counter(client: &AsyncClient, task: usize) -> i64 {
    let request = RequestHeader {
        operation: Operation::Get as i32,
        ..RequestHeader::default()
    };
    let answer = client
        .call_within(Some(LONGEST_WAIT), request, &key_of(task), b"")
        .await
        .unwrap_or_else(|error| panic!("counter {task} cannot be read: {error}"));
    if answer.payload.is_empty() {
        return 0;
    }
    let text = std::str::from_utf8(&answer.payload).expect("a counter is decimal text");
    text.parse().expect("a counter is a number")
}
