//! When a replica may answer a read.

use std::time::Duration;

use holdfast_state::mutant::{self, Mutant};
use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{LinearizableReadError, RaftError};
use openraft::raft::linearizable_read::LinearizerOption;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::errors::ReadError;
use super::group::Core;
use super::machine::GroupMachine;
use super::network::{Answer, Ask, Envelope, ReadIndexAnswer};
use super::status::Role;
use super::types::Types;

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// As fresh as the question, at the leader, by its lease: no question to others while a quorum has lately
    /// acknowledged it. Trusts that clocks do not drift apart by as much as half a lease within one.
    Lease,
    /// As fresh as the question, at the leader, which asks a quorum. Trusts no clock.
    ReadIndex,
    /// At any replica: at most so much older than the question.
    Bounded(Duration),
    /// Whatever this replica has.
    Local,
}

/// The suspended time, as of the last confirmation by a quorum: when it has grown since, the leader slept, and its lease
/// may have passed without its clock having moved.
#[derive(Default)]
pub(crate) struct SleepGuard(Mutex<Option<Duration>>);

/// Clocks are read one after the other: differences below this are not sleep.
const CLOCK_NOISE: Duration = Duration::from_millis(5);

/// What a follower has lately learned of its leader.
#[derive(Default)]
pub(crate) struct BoundedReads {
    newest: Mutex<Option<(Instant, u64)>>,
    /// One question at a time; who waits for it takes its answer.
    asking: tokio::sync::Mutex<()>,
}

impl<M: GroupMachine> Core<M> {
    /// Returns when this replica's state may be read in the mode.
    pub(crate) async fn read_barrier(&self, mode: ReadMode) -> Result<(), ReadError> {
        match mode {
            _ if mutant::active(Mutant::ReadWithoutQuorum) && self.leads() => Ok(()),
            ReadMode::Local => Ok(()),
            ReadMode::Lease => self.read_by_lease().await,
            ReadMode::ReadIndex => self.read_by_index().await,
            ReadMode::Bounded(age) if self.leads() => match self.read_by_lease().await {
                Err(ReadError::NotLeader { .. }) => self.read_bounded(age).await,
                other => other,
            },
            ReadMode::Bounded(age) => self.read_bounded(age).await,
        }
    }

    /// Returns when this leader takes part in what its machine shows: openraft leads a moment before the machine knows that
    /// it does, and has what others may have read live on.
    async fn begun(&self) -> Result<(), ReadError> {
        if self.leads() || mutant::active(Mutant::ReadsBeforeItBegins) {
            return Ok(());
        }
        let mut status = self.status.clone();
        let settled = status.wait_for(|now| now.ready || now.role != Role::Leader);
        match tokio::time::timeout(self.timing.quorum_wait(), settled).await {
            Ok(Ok(now)) if now.ready => Ok(()),
            Ok(Ok(now)) if now.role != Role::Stopped => Err(ReadError::NotLeader {
                leader: now.leader_address(),
            }),
            Ok(_) => Err(ReadError::Stopped),
            Err(_) => Err(ReadError::NoQuorum),
        }
    }

    /// Returns when this replica leads, and a majority has answered it within a lease, or answers now.
    pub(crate) async fn hear_majority(&self) -> Result<(), ReadError> {
        self.begun().await?;
        let metrics = self.raft.metrics();
        let heard = metrics.borrow_watched().last_quorum_acked;
        match heard.is_some_and(|heard| heard.elapsed() < self.timing.election_most) {
            true => Ok(()),
            false => self.read_by_index().await,
        }
    }

    async fn read_by_lease(&self) -> Result<(), ReadError> {
        let suspended = self.clock.suspended();
        let awake = self
            .sleep
            .0
            .lock()
            .is_some_and(|confirmed| suspended.abs_diff(confirmed) < CLOCK_NOISE);
        if !awake && !mutant::active(Mutant::SleepUnnoticed) {
            return self.read_by_index().await;
        }
        if mutant::active(Mutant::LeaseTooLong) && self.leads() {
            return Ok(());
        }
        let lease = LinearizerOption::new(Some(self.timing.lease_read_age()), false)
            .with_wait_timeout(Duration::ZERO);
        match self.linearize(lease).await {
            // Too old an acknowledgement: ask for a new one.
            Err(ReadError::NoQuorum) => self.read_by_index().await,
            other => other,
        }
    }

    async fn read_by_index(&self) -> Result<(), ReadError> {
        let suspended = self.clock.suspended();
        let index =
            LinearizerOption::new(Some(Duration::ZERO), true).with_wait_timeout(self.timing.quorum_wait());
        self.linearize(index).await?;
        *self.sleep.0.lock() = Some(suspended);
        Ok(())
    }

    async fn linearize(&self, option: LinearizerOption) -> Result<(), ReadError> {
        let linearizer = self
            .raft
            .get_read_linearizer(option)
            .await
            .map_err(|error| self.read_error(error))?;
        match linearizer
            .try_await_ready(&self.raft, Some(self.timing.quorum_wait()))
            .await
        {
            Ok(Ok(_)) => self.begun().await,
            Ok(Err(_)) => Err(ReadError::NoQuorum),
            Err(_) => Err(ReadError::Stopped),
        }
    }

    /// The index to have applied for a read as fresh as this question.
    pub(crate) async fn read_index(&self) -> ReadIndexAnswer {
        let option =
            LinearizerOption::new(Some(Duration::ZERO), true).with_wait_timeout(self.timing.quorum_wait());
        match self
            .raft
            .get_read_log_id(option)
            .await
            .map_err(|error| self.read_error(error))
        {
            Ok((read, _)) => ReadIndexAnswer::Index(read.index()),
            Err(ReadError::NotLeader { .. }) => ReadIndexAnswer::NotLeader,
            Err(_) => ReadIndexAnswer::NoQuorum,
        }
    }

    fn read_error(&self, error: RaftError<Types, LinearizableReadError<Types>>) -> ReadError {
        use openraft::errors::ForwardReason;
        match error {
            RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))
                if forward.reason == ForwardReason::LeaseExpired =>
            {
                ReadError::NoQuorum
            }
            RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => ReadError::NotLeader {
                leader: forward.leader_node,
            },
            RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => ReadError::NoQuorum,
            RaftError::Fatal(_) => ReadError::Stopped,
        }
    }

    async fn read_bounded(&self, age: Duration) -> Result<(), ReadError> {
        let asked = Instant::now();
        let fresh = |(sent, _): &(Instant, u64)| asked.saturating_duration_since(*sent) <= age;
        let known = self.bounded.newest.lock().filter(fresh);
        let index = match known {
            Some((_, index)) => index,
            None => {
                let _asking = self.bounded.asking.lock().await;
                let meanwhile = self.bounded.newest.lock().filter(fresh);
                match meanwhile {
                    Some((_, index)) => index,
                    None => self.ask_for_index().await?,
                }
            }
        };
        self.applied(index, self.timing.quorum_wait()).await
    }

    async fn ask_for_index(&self) -> Result<u64, ReadError> {
        let leader = self.status.borrow().leader.clone();
        let Some((replica, member)) = leader else {
            return Err(ReadError::NotLeader { leader: None });
        };
        let sent = Instant::now();
        let index = if replica == self.replica {
            self.read_index().await
        } else {
            let question = Envelope {
                group: self.group,
                from: self.replica,
                to: replica,
                ask: Ask::ReadIndex,
            };
            match self
                .peers
                .ask(&self.peers.place(&member), question, self.timing.quorum_wait())
                .await
            {
                Ok(Answer::ReadIndex(answer)) => answer,
                _ => ReadIndexAnswer::NoQuorum,
            }
        };
        match index {
            ReadIndexAnswer::Index(index) => {
                // Measured from when the question was sent: the answer was true at some moment after that.
                let mut newest = self.bounded.newest.lock();
                if newest.is_none_or(|(before, _)| before < sent) {
                    *newest = Some((sent, index));
                }
                Ok(index)
            }
            ReadIndexAnswer::NotLeader => Err(ReadError::NotLeader { leader: Some(member) }),
            ReadIndexAnswer::NoQuorum => Err(ReadError::NoQuorum),
        }
    }

    /// Waits until everything up to an index is applied here.
    pub(crate) async fn applied(&self, index: u64, within: Duration) -> Result<(), ReadError> {
        let mut progress = self.progress.clone();
        let reached = progress.wait_for(|applied| *applied >= index);
        match tokio::time::timeout(within, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(ReadError::Stopped),
            Err(_) => Err(ReadError::NoQuorum),
        }
    }
}
