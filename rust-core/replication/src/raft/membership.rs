//! Changes of a group's members and of its leader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, Precondition};

use super::address::ReplicaAddress;
use super::errors::MembershipError;
use super::group::RaftGroup;
use super::machine::GroupMachine;
use super::status::{GroupStatus, ReplicaProgress, Role};
use super::types::{RaftId, Types};
use holdfast_state::ReplicaId;

type Failure = RaftError<Types, ClientWriteError<Types>>;

impl<M: GroupMachine> RaftGroup<M> {
    /// Gives a new group its first members, all of them voters. Once, at one replica of a group that has never had any;
    /// the others learn of it from that one.
    ///
    /// # Errors
    /// [`MembershipError::Refused`]: the group has members, or this replica is not among these.
    pub async fn initialize(
        &self,
        members: BTreeMap<ReplicaId, ReplicaAddress>,
    ) -> Result<(), MembershipError> {
        let members: BTreeMap<RaftId, ReplicaAddress> = members
            .into_iter()
            .map(|(id, address)| (id.into(), address))
            .collect();
        match self.0.raft.initialize(members).await {
            Ok(()) => Ok(()),
            Err(RaftError::APIError(error)) => Err(MembershipError::Refused(error.to_string())),
            Err(RaftError::Fatal(_)) => Err(MembershipError::Stopped),
        }
    }

    /// Whether the group has, or had, members as far as this replica knows.
    pub async fn is_initialized(&self) -> bool {
        self.0.raft.is_initialized().await.unwrap_or(true)
    }

    /// Adds a replica without a vote; it begins to catch up. `expected` is [`super::GroupMembers::version`] as the
    /// caller has seen it. When a change of members returns, [`RaftGroup::status`] shows it.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn add_learner(
        &self,
        expected: u64,
        replica: ReplicaId,
        member: ReplicaAddress,
    ) -> Result<(), MembershipError> {
        let change = ChangeMembers::AddNodes(BTreeMap::from([(replica.into(), member)]));
        self.change(expected, change, true).await
    }

    /// Takes replicas without a vote out.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn remove_learners(
        &self,
        expected: u64,
        replicas: BTreeSet<ReplicaId>,
    ) -> Result<(), MembershipError> {
        self.change(expected, ChangeMembers::RemoveNodes(raft_ids(replicas)), false)
            .await
    }

    /// Makes exactly these replicas voters, in one joint change. New ones must be learners that have caught up; former
    /// ones become learners (`retain`) or leave.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn change_voters(
        &self,
        expected: u64,
        voters: BTreeSet<ReplicaId>,
        retain: bool,
    ) -> Result<(), MembershipError> {
        self.change(
            expected,
            ChangeMembers::ReplaceAllVoters(raft_ids(voters)),
            retain,
        )
        .await
    }

    /// Changes where a member is reached.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn update_member(
        &self,
        expected: u64,
        replica: ReplicaId,
        member: ReplicaAddress,
    ) -> Result<(), MembershipError> {
        let change = ChangeMembers::SetNodes(BTreeMap::from([(replica.into(), member)]));
        self.change(expected, change, true).await
    }

    async fn change(
        &self,
        expected: u64,
        change: ChangeMembers<RaftId, ReplicaAddress>,
        retain: bool,
    ) -> Result<(), MembershipError> {
        let seen = *self
            .0
            .raft
            .server_metrics()
            .borrow_watched()
            .membership_config
            .log_id();
        if seen.map_or(0, |seen| seen.index) != expected {
            return Err(MembershipError::Conflict(
                "the members are of another version".to_owned(),
            ));
        }
        let precondition = Precondition::LastMembershipLogId {
            last_membership_log_id: seen,
        };
        let changed = self
            .0
            .raft
            .change_membership_if(change, retain, [precondition])
            .await
            .map_err(membership_error)?;
        // Whoever looks next, to name the version in a further change, must find this one.
        let version = changed.log_id.index;
        let seen = self
            .watch()
            .wait_for(|status| status.members.version >= version || status.role == Role::Stopped)
            .await
            .map(|status| status.role != Role::Stopped);
        match seen {
            Ok(true) => Ok(()),
            _ => Err(MembershipError::Stopped),
        }
    }

    /// Hands the leadership to another voter and returns when that one leads. It should have caught up: until it has,
    /// the group takes no proposals. When it does not take the leadership in time, the other voters are asked, because a
    /// leader that has begun to hand over takes no proposals again.
    ///
    /// # Errors
    /// [`MembershipError`]; `TimedOut` also when another one leads than the one that was to.
    pub async fn transfer_leader(&self, to: ReplicaId, within: Duration) -> Result<(), MembershipError> {
        {
            let now = self.0.status.borrow();
            if !now.ready {
                return Err(MembershipError::NotLeader {
                    leader: now.leader_address(),
                });
            }
            if !now.members.voters.contains(&to) {
                return Err(MembershipError::Refused(format!(
                    "replica {} has no vote in the group",
                    to.0
                )));
            }
        }
        if to == self.replica() {
            return Ok(());
        }
        if self.offer_leadership(to, within).await? == Some(to) {
            return Ok(());
        }
        let progress = self.replication();
        let mut others: Vec<ReplicaId> = self.status().members.voters.into_iter().collect();
        others.retain(|id| *id != to && *id != self.replica());
        others.sort_by_key(|id| progress.get(id).map_or(u64::MAX, ReplicaProgress::behind));
        for other in others {
            if self.status().role != Role::Leader || self.offer_leadership(other, within).await?.is_some() {
                break;
            }
        }
        Err(MembershipError::TimedOut(
            "the other replica has not become the leader",
        ))
    }

    /// Who leads instead of this replica after `within`, if anybody does.
    async fn offer_leadership(
        &self,
        to: ReplicaId,
        within: Duration,
    ) -> Result<Option<ReplicaId>, MembershipError> {
        let mut status = self.watch();
        self.0
            .raft
            .trigger()
            .transfer_leader(to.into())
            .await
            .map_err(|_| MembershipError::Stopped)?;
        let own = self.replica();
        let other = |status: &GroupStatus| {
            let leader = status.leader.as_ref().map(|(leader, _)| *leader);
            leader.filter(|leader| *leader != own)
        };
        match tokio::time::timeout(within, status.wait_for(|status| other(status).is_some())).await {
            Ok(Ok(status)) => Ok(other(&status)),
            Ok(Err(_)) => Err(MembershipError::Stopped),
            Err(_) => Ok(None),
        }
    }

    /// Waits until a replica has everything that this leader had when it was called.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn wait_caught_up(&self, replica: ReplicaId, within: Duration) -> Result<(), MembershipError> {
        let mut metrics = self.0.raft.metrics();
        let last = metrics.borrow_and_update().last_log_index;
        let reached = metrics.wait_until(move |metrics| match &metrics.replication {
            // Not the leader any more: nobody to tell.
            None => true,
            Some(replicas) => {
                let matched = replicas
                    .get(&RaftId::from(replica))
                    .and_then(|matched| matched.as_ref());
                matched.map(|matched| matched.index) >= last
            }
        });
        let led = match tokio::time::timeout(within, reached).await {
            Ok(Ok(metrics)) => metrics.replication.is_some(),
            Ok(Err(_)) => return Err(MembershipError::Stopped),
            Err(_) => return Err(MembershipError::TimedOut("the replica has not caught up")),
        };
        if led {
            return Ok(());
        }
        let leader = self.status().leader_address();
        Err(MembershipError::NotLeader { leader })
    }
}

fn raft_ids(replicas: BTreeSet<ReplicaId>) -> BTreeSet<RaftId> {
    replicas.into_iter().map(RaftId::from).collect()
}

fn membership_error(error: Failure) -> MembershipError {
    match error {
        RaftError::Fatal(_) => MembershipError::Stopped,
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => MembershipError::NotLeader {
            leader: forward.leader_node,
        },
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) => MembershipError::Unknown,
        RaftError::APIError(ClientWriteError::PreconditionFailed(error)) => {
            MembershipError::Conflict(error.to_string())
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => match error {
            ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_) => {
                MembershipError::Conflict(error.to_string())
            }
            other => MembershipError::Refused(other.to_string()),
        },
    }
}
