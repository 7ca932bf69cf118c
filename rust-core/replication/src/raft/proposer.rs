//! Gathers proposals into log entries.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use holdfast_state::{EntryWriter, Timestamp};
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::raft::ClientWriteResult;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::adapter::Adapter;
use super::errors::ProposeError;
use super::leader_clock::LeaderClock;
use super::machine::GroupMachine;
use super::status::{GroupStatus, Role};
use super::types::{Deliver, EntryBytes, LeaderId, Types};
use super::under_way::{Stamped, UnderWay};

/// Bytes of commands in one entry, unless one command alone is bigger.
const ENTRY_BYTES: u64 = 1024 * 1024;
/// Places for entries that are proposed and not yet applied: while all are taken, further proposals gather into one.
const PLACES: usize = 8;
/// Places that a small entry takes. What an entry costs is the messages and the wake-ups of three nodes, hardly its
/// proposals: with few of them under way, what comes meanwhile shares the next one.
const PLACES_OF_SMALL: u32 = 4;
/// From this size on an entry takes one place: many of them are to be under way on a line that is wide and long.
const BIG: u64 = 64 * 1024;
/// How often others go first before an entry is gathered: whoever was woken by the same packet proposes meanwhile, and
/// shares the entry. More brings no more together.
const TURNS: usize = 2;
/// What a proposal counts for beside its bytes.
const OVERHEAD: u64 = 128;

/// What the leader adds to its group's entries by itself.
pub trait LeaderDuties<M: GroupMachine>: Send + Sync + 'static {
    /// Commands, encoded, that go in front of the clients' in the entry about to be proposed: touches, renewals,
    /// evictions for the room that `bytes` of commands will take, what is due at `at`. `first` is true for the first
    /// entry of a leadership.
    fn ahead(&self, at: Timestamp, bytes: usize, first: bool) -> Vec<Bytes>;

    /// The outcomes of what [`LeaderDuties::ahead`] gave, in its order, once they are applied.
    fn applied(&self, outcomes: Vec<M::Outcome>);
}

struct Proposal<O> {
    commands: Vec<Bytes>,
    bytes: u64,
    reply: oneshot::Sender<Result<Vec<O>, ProposeError>>,
}

/// Proposals on their way into the log.
pub(crate) struct ProposalQueue<O> {
    sender: mpsc::UnboundedSender<Proposal<O>>,
    waiting: Arc<AtomicU64>,
    limit: u64,
}

/// The outcomes of commands that were proposed together, when they are applied.
pub struct Proposed<O>(oneshot::Receiver<Result<Vec<O>, ProposeError>>);

impl<O> Future for Proposed<O> {
    type Output = Result<Vec<O>, ProposeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Whoever drops a proposal unanswered does not know what became of it.
        Pin::new(&mut self.0)
            .poll(context)
            .map(|reply| reply.unwrap_or(Err(ProposeError::Unknown)))
    }
}

impl<O: Send + Sync + 'static> ProposalQueue<O> {
    /// Takes commands that go into one entry together, in this order.
    pub(crate) fn push(&self, commands: Vec<Bytes>) -> Result<Proposed<O>, ProposeError> {
        let bytes = OVERHEAD + commands.iter().map(|command| command.len() as u64).sum::<u64>();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting > 0 && waiting + bytes > self.limit {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return Err(ProposeError::Overloaded {
                waiting,
                limit: self.limit,
            });
        }
        let (reply, outcome) = oneshot::channel();
        let proposal = Proposal {
            commands,
            bytes,
            reply,
        };
        if self.sender.send(proposal).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return Err(ProposeError::Stopped);
        }
        Ok(Proposed(outcome))
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Turns the queue into entries.
pub(crate) struct Proposer<M: GroupMachine> {
    queue: mpsc::UnboundedReceiver<Proposal<M::Outcome>>,
    /// Taken from the queue, too big for the entry before it.
    next: Option<Proposal<M::Outcome>>,
    waiting: Arc<AtomicU64>,
    raft: openraft::Raft<Types, Adapter<M>>,
    clock: Arc<LeaderClock>,
    under_way: Arc<UnderWay>,
    status: watch::Receiver<GroupStatus>,
    duties: Option<Arc<dyn LeaderDuties<M>>>,
    places: Arc<Semaphore>,
    /// The leadership that has proposed an entry.
    begun: Option<LeaderId>,
}

impl<M: GroupMachine> Proposer<M> {
    pub(crate) fn new(
        raft: openraft::Raft<Types, Adapter<M>>,
        clock: Arc<LeaderClock>,
        under_way: Arc<UnderWay>,
        status: watch::Receiver<GroupStatus>,
        duties: Option<Arc<dyn LeaderDuties<M>>>,
        limit: u64,
    ) -> (Self, ProposalQueue<M::Outcome>) {
        let (sender, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicU64::new(0));
        let queue_end = ProposalQueue {
            sender,
            waiting: Arc::clone(&waiting),
            limit,
        };
        let proposer = Self {
            queue,
            next: None,
            waiting,
            raft,
            clock,
            under_way,
            status,
            duties,
            places: Arc::new(Semaphore::new(PLACES)),
            begun: None,
        };
        (proposer, queue_end)
    }

    /// Until the queue's other end is gone.
    pub(crate) async fn run(mut self) {
        loop {
            let first = match self.next.take() {
                Some(next) => next,
                None => match self.queue.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let places = Arc::clone(&self.places).acquire_many_owned(PLACES_OF_SMALL).await;
            let Ok(mut places) = places else {
                return;
            };
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            let proposals = self.gather(first);
            if proposals.iter().map(|proposal| proposal.bytes).sum::<u64>() >= BIG {
                drop(places.split(places.num_permits() - 1));
            }
            match self.leadership().await {
                Ok(leadership) => self.propose(leadership, proposals, places).await,
                Err(error) => Batch::new(proposals, &self.waiting).fail(&error),
            }
        }
    }

    /// What waits, up to an entry's bound. A proposal is never cut.
    fn gather(&mut self, first: Proposal<M::Outcome>) -> Vec<Proposal<M::Outcome>> {
        let mut bytes = first.bytes;
        let mut proposals = vec![first];
        while let Ok(next) = self.queue.try_recv() {
            bytes += next.bytes;
            if bytes > ENTRY_BYTES {
                self.next = Some(next);
                break;
            }
            proposals.push(next);
        }
        proposals
    }

    /// The leadership to propose under, and the next entry's stamp; waits while this replica has just won it.
    async fn leadership(&mut self) -> Result<(LeaderId, Timestamp, Stamped), ProposeError> {
        loop {
            if let Some(leadership) = self.under_way.stamp(&self.clock) {
                return Ok(leadership);
            }
            let status = self.status.borrow_and_update().clone();
            match status.role {
                Role::Leader => {}
                Role::Stopped => return Err(ProposeError::Stopped),
                _ => {
                    return Err(ProposeError::NotLeader {
                        leader: status.leader_address(),
                    });
                }
            }
            if self.status.changed().await.is_err() {
                return Err(ProposeError::Stopped);
            }
        }
    }

    async fn propose(
        &mut self,
        (leader, at, stamped): (LeaderId, Timestamp, Stamped),
        proposals: Vec<Proposal<M::Outcome>>,
        places: OwnedSemaphorePermit,
    ) {
        let bytes = proposals
            .iter()
            .flat_map(|proposal| &proposal.commands)
            .map(Bytes::len)
            .sum();
        let first = self.begun.replace(leader) != Some(leader);
        let mut commands = match &self.duties {
            Some(duties) => duties.ahead(at, bytes, first),
            None => Vec::new(),
        };
        let ahead = commands.len();
        commands.extend(
            proposals
                .iter()
                .flat_map(|proposal| proposal.commands.iter().cloned()),
        );
        let mut entry = EntryWriter::new(
            at,
            commands
                .iter()
                .map(|command| EntryWriter::bytes_of(command.len()))
                .sum(),
        );
        for command in &commands {
            entry.push(command);
        }
        let entry = Bytes::from(entry.finish());
        let batch = Batch::new(proposals, &self.waiting);
        let duties = self.duties.clone();
        let settle = Deliver::new(move |result: ClientWriteResult<Types>| {
            let _places = places;
            drop(stamped);
            match result {
                Ok(response) => batch.settle(response.data.0, ahead, duties.as_deref()),
                Err(error) => batch.fail(&propose_error(error)),
            }
        });
        // A failure means that the replica has stopped; the batch is then dropped, its outcome unknown.
        let _ = self
            .raft
            .write(EntryBytes(entry))
            .with_leader(leader)
            .responder(settle)
            .await;
    }
}

fn propose_error(error: ClientWriteError<Types>) -> ProposeError {
    match error {
        ClientWriteError::ForwardToLeader(ForwardToLeader { leader_node, .. }) => {
            ProposeError::NotLeader { leader: leader_node }
        }
        _ => ProposeError::Unknown,
    }
}

/// Proposals of one entry. Dropped, their outcome is unknown.
struct Batch<O> {
    proposals: Vec<Proposal<O>>,
    waiting: Arc<AtomicU64>,
    bytes: u64,
}

impl<O: Send + Sync + 'static> Batch<O> {
    fn new(proposals: Vec<Proposal<O>>, waiting: &Arc<AtomicU64>) -> Self {
        Self {
            bytes: proposals.iter().map(|proposal| proposal.bytes).sum(),
            proposals,
            waiting: Arc::clone(waiting),
        }
    }

    fn settle<M: GroupMachine<Outcome = O>>(
        mut self,
        applied: Option<Box<dyn Any + Send + Sync>>,
        ahead: usize,
        duties: Option<&dyn LeaderDuties<M>>,
    ) {
        let Some(Ok(outcomes)) = applied.map(|applied| applied.downcast::<Vec<O>>()) else {
            return self.fail(&ProposeError::Unknown);
        };
        self.release();
        let mut outcomes = outcomes.into_iter();
        let own: Vec<O> = outcomes.by_ref().take(ahead).collect();
        for proposal in self.proposals.drain(..) {
            let wanted = proposal.commands.len();
            let given: Vec<O> = outcomes.by_ref().take(wanted).collect();
            let result = if given.len() == wanted {
                Ok(given)
            } else {
                Err(ProposeError::Unknown)
            };
            let _ = proposal.reply.send(result);
        }
        if let Some(duties) = duties
            && !own.is_empty()
        {
            duties.applied(own);
        }
    }

    fn fail(mut self, error: &ProposeError) {
        self.release();
        for proposal in self.proposals.drain(..) {
            let _ = proposal.reply.send(Err(error.clone()));
        }
    }
}

impl<O> Batch<O> {
    /// Before anybody is answered: who then looks finds the room free.
    fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl<O> Drop for Batch<O> {
    fn drop(&mut self) {
        self.release();
    }
}
