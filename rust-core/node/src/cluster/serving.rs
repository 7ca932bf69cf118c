//! A client's request in a cluster: it is about one group, and this node answers it if it leads that group.

mod batch;
mod change;
mod read;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::session::{ItemReader, Operation, ReadConsistency, ReplyHeader, RequestHeader};
use holdfast_proto::{Code, Error, Outcome};
use holdfast_replication::raft::{
    DataMachine, GroupStatus, ProposeError, Proposed, RaftGroup, ReadError, ReadMode, ReplicaAddress,
    ReplicaProgress, Role,
};
use holdfast_state::{GroupId, GroupKind, KeyHash, Machine, ReplicaId, Slot, Store};
use tokio::time::{Instant, timeout_at};

use super::group::GroupNode;
use super::member::ClusterNode;
use super::reforming::is_lost;
use super::stores::ClusterStore;
use crate::server::answer::Answer;
use crate::server::failure::Failure;

/// How long a request waits for a store that its group does not know yet.
const STORE_WAIT: Duration = Duration::from_secs(2);
/// How long a request waits for its group to have a leader again, before the client asks elsewhere: a leadership that
/// moves takes a few milliseconds, in which everybody would send everybody to the other.
const MOVE_WAIT: Duration = Duration::from_millis(200);

/// A request on a store.
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) header: RequestHeader,
    pub(crate) payload: Bytes,
    pub(crate) store: Arc<ClusterStore>,
    pub(crate) session: Option<u128>,
    /// When the client hears of a group without a majority, if it has no answer by then: a little before it would give up.
    pub(crate) notice: Option<Instant>,
    /// Something was proposed for it, so that it may have been done, now or later.
    pub(crate) proposed: AtomicBool,
}

/// Why there is no ordinary answer.
#[derive(Debug)]
pub(crate) enum Away {
    /// An error, or bytes that are none of the protocol.
    Failed(Failure),
    /// Another node may answer; nothing was changed here.
    Elsewhere(Option<ReplicaAddress>),
    /// Whether a change was made is not known here: the client asks again, with the same number, wherever the group is
    /// led.
    Lost,
}

impl From<Error> for Away {
    fn from(error: Error) -> Self {
        Away::Failed(error.into())
    }
}

impl From<Failure> for Away {
    fn from(failure: Failure) -> Self {
        Away::Failed(failure)
    }
}

impl From<holdfast_proto::session::FrameError> for Away {
    fn from(error: holdfast_proto::session::FrameError) -> Self {
        Away::Failed(error.into())
    }
}

impl From<ReadError> for Away {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotLeader { leader } => Away::Elsewhere(leader),
            ReadError::NoQuorum | ReadError::Stopped => Away::Elsewhere(None),
        }
    }
}

impl From<ProposeError> for Away {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NotLeader { leader } => Away::Elsewhere(leader),
            ProposeError::Stopped => Away::Elsewhere(None),
            ProposeError::Overloaded { .. } => Error::new(Code::ResourceExhausted, error.to_string()).into(),
            ProposeError::Unknown => Away::Lost,
        }
    }
}

/// A request on its way: its group's replica here, and the store in it.
struct Here<'a> {
    asked: &'a Asked,
    group: Arc<GroupNode>,
    id: GroupId,
}

impl ClusterNode {
    /// Answers a request on a store, and in time: a change that was proposed without a majority would wait for it for good.
    pub(crate) async fn serve(&self, asked: &Asked) -> Result<Answer, Away> {
        let Some(notice) = asked.notice else {
            return self.serve_to_end(asked).await;
        };
        let mut serving = pin!(self.serve_to_end(asked));
        if let Ok(served) = timeout_at(notice, serving.as_mut()).await {
            return served;
        }
        match self.group_of(asked).ok().and_then(|id| self.group(id)) {
            Some(group) if !has_majority(group.raft()) => Err(without_majority(asked, group.raft()).into()),
            _ => serving.await,
        }
    }

    async fn serve_to_end(&self, asked: &Asked) -> Result<Answer, Away> {
        if self.awaits_epoch.load(Ordering::Acquire) != 0 {
            return Err(Away::Elsewhere(None));
        }
        let id = self.group_of(asked)?;
        let group = self
            .group(id)
            .ok_or_else(|| Away::Elsewhere(self.leader_of(id)))?;
        let here = Here { asked, group, id };
        here.check_epoch()?;
        let leader = match here.serve().await {
            Err(Away::Elsewhere(leader)) => leader,
            served => return served,
        };
        // A batch is repeated as a whole by the client, which marks it as sent before.
        let again = asked.operation != Operation::Batch;
        // Elected meanwhile? A leader that hands its leadership over refuses again.
        let leader = if again && here.group.raft().leads() {
            match here.serve().await {
                Err(Away::Elsewhere(leader)) => leader,
                served => return served,
            }
        } else {
            leader
        };
        match here.leader_after_move(leader).await {
            None if again => here.serve().await,
            leader => Err(Away::Elsewhere(leader)),
        }
    }

    /// Whom to ask about a group that has no replica here: any node that holds it.
    fn leader_of(&self, group: GroupId) -> Option<ReplicaAddress> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let own = self.own_id();
        let mut voters = cluster.group(group)?.voters();
        let (_, member) = voters.find(|(_, member)| Some(member.node) != own)?;
        super::placement::address(cluster, member.node)
    }

    /// The group that a request is about.
    fn group_of(&self, asked: &Asked) -> Result<GroupId, Away> {
        let Asked {
            operation,
            header,
            payload,
            store,
            ..
        } = asked;
        if header.group != 0 {
            return u16::try_from(header.group)
                .map(GroupId)
                .map_err(|_| Failure::new(Code::InvalidArgument, "there is no such group").into());
        }
        let slot = match (store.kind(), operation) {
            (GroupKind::Coordination, _) => KeyHash::slot_of_store(store.id),
            (_, Operation::GetMany | Operation::Batch) => {
                let mut items = ItemReader::new(payload);
                items
                    .next::<RequestHeader>()?
                    .map_or(Slot(0), |(_, key, _)| store.place(key).slot)
            }
            (_, Operation::Count | Operation::Clear | Operation::Scan | Operation::Stats) => {
                return Err(Failure::new(
                    Code::Unsupported,
                    "in a cluster each group of a cache store is asked for its part: use a newer client",
                )
                .into());
            }
            _ => store.place(header.key_and_value(payload)?.0).slot,
        };
        self.group_of_slot(store.kind(), slot)
            .ok_or(Away::Elsewhere(None))
    }
}

/// Whether this replica leads, and hears of so many others that something can be agreed on.
fn has_majority(raft: &RaftGroup<DataMachine>) -> bool {
    let status = raft.status();
    let progress = raft.replication();
    let answers =
        |id: &ReplicaId| *id == raft.replica() || progress.get(id).is_some_and(ReplicaProgress::answers);
    status.role == Role::Leader && !is_lost(&status.members.agreeing, answers)
}

#[cold]
fn without_majority(asked: &Asked, raft: &RaftGroup<DataMachine>) -> Error {
    let group = raft.id().0;
    let (outcome, what) = match asked.proposed.load(Ordering::Relaxed) {
        true => (
            Outcome::Unknown,
            ": the change may have been proposed, and may be made when others are back",
        ),
        false => (Outcome::NotApplied, ""),
    };
    let message = format!("this node hears of no majority that agrees on group {group}{what}");
    Error::new(Code::Unavailable, message).with_outcome(outcome)
}

impl Here<'_> {
    /// Proposes commands that go into one entry together.
    fn propose(&self, commands: Vec<Bytes>) -> Result<Proposed<holdfast_state::Outcome>, Away> {
        let proposed = self.group.raft().propose_all(commands)?;
        self.asked.proposed.store(true, Ordering::Relaxed);
        Ok(proposed)
    }

    async fn serve(&self) -> Result<Answer, Away> {
        let asked = self.asked;
        match asked.operation {
            Operation::Get
            | Operation::Exists
            | Operation::GetMany
            | Operation::Count
            | Operation::Scan
            | Operation::Stats => self.read().await,
            Operation::Batch => self.batch().await,
            Operation::Clear => self.clear().await,
            _ => {
                let (key, value) = asked.header.key_and_value(&asked.payload)?;
                let change = self.change(asked.operation, &asked.header, asked.header.sequence, key, value);
                Ok(change.await?.into())
            }
        }
    }

    /// Who leads the group, once that is known again: `None` when it is this replica, or when nobody knows.
    async fn leader_after_move(&self, leader: Option<ReplicaAddress>) -> Option<ReplicaAddress> {
        let mut status = self.group.raft().watch();
        let moves = |status: &GroupStatus| match status.role {
            Role::Leader => !status.ready,
            Role::Follower => status.leader.is_none(),
            Role::Candidate => true,
            Role::Learner | Role::Stopped => false,
        };
        let (led, term) = {
            let now = status.borrow_and_update();
            (now.ready, now.term)
        };
        let unsettled = |now: &GroupStatus| moves(now) || (led && now.term == term);
        let settled = status.wait_for(|now| !unsettled(now));
        match tokio::time::timeout(MOVE_WAIT, settled).await {
            Ok(Ok(now)) if now.role == Role::Leader => None,
            Ok(Ok(now)) => now.leader_address(),
            _ => leader,
        }
    }

    /// A change that was first sent under another epoch may have been applied then.
    fn check_epoch(&self) -> Result<(), Away> {
        let (sent, epoch) = (self.asked.header.epoch, self.group.epoch());
        if sent != 0 && sent != epoch && self.asked.operation.is_change() {
            let message = format!(
                "the change was first sent under epoch {sent} of group {}, which is at {epoch}: whether it was applied then \
                 is not known",
                self.id.0
            );
            return Err(Error::new(Code::SessionExpired, message)
                .with_outcome(Outcome::Unknown)
                .into());
        }
        if sent != 0 && sent != epoch {
            // Clients hear of a new epoch before they get answers of it: this one asks again when it has the map.
            return Err(Away::Elsewhere(None));
        }
        Ok(())
    }

    /// How fresh a read must be.
    fn mode(&self) -> ReadMode {
        match ReadConsistency::try_from(self.asked.header.consistency) {
            Ok(ReadConsistency::Bounded) => {
                ReadMode::Bounded(Duration::from_millis(self.asked.header.max_staleness_ms.into()))
            }
            Ok(ReadConsistency::Local) => ReadMode::Local,
            _ if self.asked.store.kind() == GroupKind::Cache => ReadMode::Lease,
            _ => ReadMode::ReadIndex,
        }
    }

    /// The group's state as it is now, and the store in it. A store that was just defined is waited for.
    async fn state(&self) -> Result<(Arc<Machine>, Arc<Store>), Away> {
        let find = || {
            let machine = self.group.raft().machine().load_full();
            let store = machine.store(self.asked.store.id)?;
            Some((machine, store))
        };
        if let Some(found) = find() {
            return Ok(found);
        }
        let waited = async {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if let Some(found) = find() {
                    return found;
                }
            }
        };
        tokio::time::timeout(STORE_WAIT, waited).await.map_err(|_| {
            let store = self.asked.store.id;
            Error::from(holdfast_state::StateError::StoreNotReady { store }).into()
        })
    }
}

/// The reply of a node that does not lead the group.
pub(crate) fn elsewhere(leader: Option<&ReplicaAddress>) -> Answer {
    let message = match leader {
        Some(leader) => format!("node '{}' leads this group", leader.name),
        None => "nobody is known to lead this group now".to_owned(),
    };
    let error = Error::new(Code::Unavailable, message).with_outcome(Outcome::NotApplied);
    ReplyHeader {
        redirect: leader
            .map(|leader| leader.client_address.clone())
            .unwrap_or_default(),
        ..ReplyHeader::failure(&error)
    }
    .into()
}
