//! Groups that have lost most of their replicas start again, under a new epoch, with the state of the survivor that has
//! come furthest.
//!
//! A group is lost when a majority of its voters is *proven* gone: another process answers in the node's place, without
//! the log that the voter had. Nobody decides so while a survivor does not answer: what it has may be newer. An operator
//! may ([`ClusterNode::reform`]), and takes what is left.
//!
//! The meta group is reformed by its furthest survivor itself; then, as its leader, that one decides about the others.

mod lost;
mod meta;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast_state::{GroupId, ReplicaId};

use super::calls::{Answer, Call, Position};
use super::member::{ClusterNode, PATIENCE};

/// What an operator's reform has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reformed {
    /// Groups that started again, by id; the meta group is 0.
    pub groups: Vec<u16>,
    /// Of these, groups of which nothing was left: they are empty.
    pub emptied: Vec<u16>,
}

/// Why nothing is reformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReformError {
    /// The node belongs to no cluster that could be reformed.
    #[error("the node is not part of a formed cluster")]
    NotFormed,
    /// A majority answers.
    #[error("a majority of the meta group answers: {0}; nothing has to be reformed by force")]
    NotLost(String),
    /// It went wrong; what happened is in the node's log too.
    #[error("{0}")]
    Failed(String),
}

impl ClusterNode {
    /// How far this node's replica of a group has come.
    pub(crate) fn position(&self, group: GroupId) -> Option<Position> {
        let of = |replica, position: Option<(u64, u64)>, agreeing: Vec<BTreeSet<ReplicaId>>| {
            let (term, index) = position.unwrap_or_default();
            Position {
                replica,
                term,
                index,
                agreeing,
            }
        };
        if group == GroupId::META {
            let meta = self.meta()?;
            return Some(of(
                meta.replica(),
                meta.position(),
                meta.status().members.agreeing,
            ));
        }
        let here = self.group(group)?;
        let raft = here.raft();
        Some(of(
            here.replica(),
            raft.position(),
            raft.status().members.agreeing,
        ))
    }

    /// Asks a node how far its replica has come.
    async fn ask_position(&self, address: &str, group: GroupId) -> Option<Position> {
        match self.ask(address, &Call::Position(group.0), PATIENCE).await {
            Ok(Answer::Position(position)) => position,
            _ => None,
        }
    }

    /// By an operator's order: whatever has no majority starts again with what those have that answer. What only the others
    /// have is lost.
    ///
    /// # Errors
    /// [`ReformError`].
    pub async fn reform(&self) -> Result<Reformed, ReformError> {
        let mut reformed = Reformed::default();
        if self.own_id().is_none() {
            return Err(ReformError::NotFormed);
        }
        if self.meta_has_majority().await.is_none() {
            self.reform_meta().await.map_err(ReformError::Failed)?;
            reformed.groups.push(GroupId::META.0);
        }
        let leader = async {
            while !self.meta().is_some_and(|meta| meta.leads()) {
                tokio::time::sleep(PATIENCE / 20).await;
            }
        };
        if tokio::time::timeout(10 * PATIENCE, leader).await.is_err() {
            let names = self.meta_has_majority().await.unwrap_or_default();
            return Err(ReformError::NotLost(format!(
                "{names}: ask the node that leads it, if a group has to be reformed"
            )));
        }
        let all = self.lost_groups(true);
        let found = join_all(all.iter().map(|lost| self.again(lost, true))).await;
        for (lost, again) in all.iter().zip(found) {
            let Some(again) = again else {
                continue;
            };
            if self.start_again(lost, &again).await {
                reformed.groups.push(lost.group.0);
                if again.from_nothing {
                    reformed.emptied.push(lost.group.0);
                }
            }
        }
        if reformed.groups.is_empty() {
            return Err(ReformError::NotLost("every group has one too".to_owned()));
        }
        Ok(reformed)
    }

    /// Names of the nodes with a vote in the meta group that answer, when they are a majority.
    async fn meta_has_majority(&self) -> Option<String> {
        let meta = self.meta()?;
        let voters: Vec<(ReplicaId, String, String)> = {
            let members = meta.status().members;
            let place = |id: &ReplicaId| {
                let address = members.addresses.get(id)?;
                Some((*id, address.name.clone(), address.peer_address.clone()))
            };
            members.voters.iter().filter_map(place).collect()
        };
        let asked = voters
            .iter()
            .map(|(_, _, address)| self.ask_position(address, GroupId::META));
        let answers = join_all(asked).await;
        let there = voters.iter().zip(answers);
        let there: Vec<&str> = there
            .filter(|((id, ..), answer)| answer.as_ref().is_some_and(|it| it.replica == *id))
            .map(|((_, name, _), _)| name.as_str())
            .collect();
        (there.len() >= majority(voters.len())).then(|| there.join(", "))
    }
}

/// Whether a group can agree on nothing any more, with those of its replicas that are left.
pub(super) fn is_lost(agreeing: &[BTreeSet<ReplicaId>], is_left: impl Fn(&ReplicaId) -> bool) -> bool {
    agreeing
        .iter()
        .any(|set| set.iter().filter(|id| is_left(id)).count() < majority(set.len()))
}

/// Replicas that a group needs to agree.
fn majority(voters: usize) -> usize {
    voters / 2 + 1
}
