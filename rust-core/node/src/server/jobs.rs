//! Requests that take long run beside their connection, a bounded number of them at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use holdfast_proto::session::{Operation, RequestHeader};
use holdfast_proto::{Code, Error, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::admission::Reserved;
use super::answer::{Answer, Caller};
use super::failure::Failure;
use super::link::Link;
use crate::store::NodeStore;

/// What came of a job.
pub(crate) struct Done {
    pub(crate) number: u64,
    pub(crate) operation: Operation,
    pub(crate) result: Result<Answer, Failure>,
    pub(crate) dedupe_hits: u64,
}

impl Done {
    /// Bytes of its reply's payload.
    pub(crate) fn bytes(&self) -> u64 {
        self.result
            .as_ref()
            .map_or(0, |answer| answer.payload.bytes().len() as u64)
    }
}

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const CANCELLED: u8 = 2;

/// Whether a job still may be called off.
#[derive(Default)]
pub(crate) struct JobState(AtomicU8);

impl JobState {
    /// Of a job that runs at once.
    #[cfg(feature = "cluster")]
    pub(crate) fn running() -> Self {
        Self(AtomicU8::new(RUNNING))
    }

    fn leave_waiting(&self, to: u8) -> bool {
        self.0
            .compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Calls it off; false when it runs already.
    pub(crate) fn cancel(&self) -> bool {
        self.leave_waiting(CANCELLED)
    }
}

/// A request with all that it needs to run on its own.
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) operation: Operation,
    pub(crate) header: RequestHeader,
    pub(crate) payload: Bytes,
    pub(crate) store: Option<Arc<NodeStore>>,
    pub(crate) caller: Caller,
    pub(crate) deadline: Option<Instant>,
    pub(crate) reserved: Reserved,
}

/// Sees to it that the job is answered, whatever happens to it.
pub(crate) struct Unanswered {
    link: Arc<Link>,
    number: u64,
    operation: Operation,
    answered: bool,
}

impl Unanswered {
    #[cfg(feature = "cluster")]
    pub(crate) fn new(link: &Arc<Link>, number: u64, operation: Operation) -> Self {
        Self {
            link: Arc::clone(link),
            number,
            operation,
            answered: false,
        }
    }

    pub(crate) fn answer(mut self, result: Result<Answer, Failure>, dedupe_hits: u64) {
        self.answered = true;
        self.complete(result, dedupe_hits);
    }

    fn complete(&self, result: Result<Answer, Failure>, dedupe_hits: u64) {
        self.link.complete(Done {
            number: self.number,
            operation: self.operation,
            result,
            dedupe_hits,
        });
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if !self.answered {
            let message = "the request came upon a defect of the node while it ran";
            self.complete(Err(Failure::new(Code::Internal, message)), 0);
        }
    }
}

/// Waits for a turn among the connection's own, for its peer to take replies, and for a turn among all.
async fn turn(link: &Link) -> Option<[OwnedSemaphorePermit; 2]> {
    let own = Arc::clone(&link.turns).acquire_owned().await.ok()?;
    link.room_for_replies().await;
    let nodes = Arc::clone(&link.shared.jobs).acquire_owned().await.ok()?;
    Some([own, nodes])
}

/// Runs a job as soon as it may.
pub(crate) fn start(link: &Arc<Link>, job: Job) -> Arc<JobState> {
    let state = Arc::new(JobState::default());
    let (link, waiting) = (Arc::clone(link), Arc::clone(&state));
    tokio::spawn(async move {
        let unanswered = Unanswered {
            link: Arc::clone(&link),
            number: job.number,
            operation: job.operation,
            answered: false,
        };
        let turn = turn(&link);
        let turn = match job.deadline {
            Some(deadline) => timeout_at(deadline, turn).await.ok().flatten(),
            None => turn.await,
        };
        let Some(turn) = turn else {
            if waiting.leave_waiting(CANCELLED) {
                unanswered.answer(Err(out_of_time(job.operation).into()), 0);
            } else {
                unanswered.forget();
            }
            return;
        };
        if link.has_ended() || !waiting.leave_waiting(RUNNING) {
            unanswered.forget();
            return;
        }
        holdfast_system::work::spawn_blocking(move || {
            let mut dedupe_hits = 0;
            let result = job.caller.answer(
                job.operation,
                job.store.as_deref(),
                &job.header,
                &job.payload,
                &mut dedupe_hits,
            );
            drop(job.reserved);
            unanswered.answer(result, dedupe_hits);
            // Whose turn is next sees the bytes of this reply.
            drop(turn);
        });
    });
    state
}

impl Unanswered {
    /// Somebody else has answered, or nobody is there to hear it.
    pub(crate) fn forget(mut self) {
        self.answered = true;
    }
}

/// The error of a request whose time was over before it ran.
#[cold]
pub(crate) fn out_of_time(operation: Operation) -> Error {
    let message = format!("the request's time was over before the node could run it ({operation:?})");
    Error::new(Code::Timeout, message).with_outcome(Outcome::NotApplied)
}
