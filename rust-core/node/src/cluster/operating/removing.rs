//! A node that an operator takes out of the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::cluster::cluster_reply::Answer as Reply;
use holdfast_proto::cluster::cluster_request::Ask;
use holdfast_proto::cluster::{ClusterRequest, RemoveNodeRequest, RemoveNodeResponse};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::{RaftGroup, ReplicaAddress};
use holdfast_state::{ClusterNode as Member, GroupId, MetaCommand, NodeId, ReplicaId};
use tokio::time::Instant;

use super::{AGAIN, ClusterNode, Led, PATIENCE, PeerAnswer, PeerAsk, WHOLE, membership_error, unavailable};
use crate::cluster::calls::{Answer, Call};
use crate::cluster::moving::{MOVE, Movable, move_leader};

/// So long a node that has none of a group gets to take the place of the one that goes.
const SUCCESSION: Duration = Duration::from_secs(10);

impl ClusterNode {
    /// Takes a node out: others get its replicas where there are any, the groups go on with fewer where not, and the
    /// meta group forgets it. Asked again it goes on where it was left.
    pub(super) async fn remove_node(
        self: &Arc<Self>,
        request: RemoveNodeRequest,
    ) -> Result<RemoveNodeResponse, Error> {
        let Some((id, member)) = self.named(&request.node)? else {
            return Ok(RemoveNodeResponse {
                removed: false,
                name: request.node,
                id: 0,
            });
        };
        let name = member.description.name.to_string();
        if self.with_cluster(|cluster| cluster.nodes().len())? <= 1 {
            let message = format!("node '{name}' is the only one of the cluster: stop it instead");
            return Err(Error::new(Code::NodeInUse, message));
        }
        let is_up = self.is_up(&member).await;
        if is_up && !request.force {
            let message = format!(
                "node '{name}' is up: stop its process first and see to it that nothing starts it again, or insist \
                 (--force)"
            );
            return Err(Error::new(Code::NodeInUse, message));
        }
        if self.own_id() == Some(id) {
            return self.have_another_remove(request).await;
        }
        self.can_lose(id, &name).await?;
        self.take_out(id, &name).await?;
        if is_up {
            // It may be stopping already; nobody answers it any more in any case.
            let removed = PeerAsk::Removed {
                incarnation: member.description.incarnation,
            };
            let _ = self
                .ask_peer(&member.description.peer_address, &removed, PATIENCE)
                .await;
        }
        Ok(RemoveNodeResponse {
            removed: true,
            name,
            id: id.0,
        })
    }

    /// Whether a process answers at the node's address as that node.
    async fn is_up(&self, member: &Member) -> bool {
        let description = &member.description;
        let there = self
            .ask(&description.peer_address, &Call::Describe, PATIENCE)
            .await;
        matches!(there, Ok(Answer::Described(it)) if it.founder.name == *description.name)
    }

    /// A node cannot see to the end of its own removal.
    async fn have_another_remove(
        self: &Arc<Self>,
        request: RemoveNodeRequest,
    ) -> Result<RemoveNodeResponse, Error> {
        let own = self.own_id();
        let others: Vec<String> = self.with_cluster(|cluster| {
            let others = cluster.nodes().filter(|(id, _)| Some(*id) != own);
            others
                .map(|(_, node)| node.description.peer_address.to_string())
                .collect()
        })?;
        let asked = PeerAsk::Operate(ClusterRequest {
            ask: Some(Ask::RemoveNode(request)),
        });
        let mut last = None;
        for address in others {
            match self.ask_peer(&address, &asked, WHOLE).await {
                Ok(PeerAnswer::Operated(reply)) => {
                    if let Some(Reply::Removed(removed)) = reply.answer {
                        return Ok(removed);
                    }
                }
                Err(error) if error.code != Code::Unavailable => return Err(error),
                Err(error) => last = Some(error),
                Ok(_) => {}
            }
        }
        Err(last.unwrap_or_else(|| unavailable("no other node answers".to_owned())))
    }

    /// Every group must be able to decide that it goes on without the node.
    async fn can_lose(self: &Arc<Self>, gone: NodeId, name: &str) -> Result<(), Error> {
        let reports = self.reports().await?;
        let answers = |node: NodeId| reports.get(&node).is_some_and(Option::is_some);
        self.with_cluster(|cluster| {
            for (group, placement) in cluster.groups() {
                let voters: BTreeSet<NodeId> = placement.voters().map(|(_, member)| member.node).collect();
                let present = voters.iter().filter(|node| answers(**node)).count();
                if 2 * present <= voters.len() {
                    let silent = voters.iter().filter(|node| **node != gone && !answers(**node));
                    let silent: Vec<String> = silent
                        .filter_map(|node| Some(format!("'{}'", cluster.node(*node)?.description.name)))
                        .collect();
                    return Err(unavailable(format!(
                        "group {} has no majority without node '{name}': bring back {} first",
                        group.0,
                        silent.join(", ")
                    )));
                }
            }
            Ok(())
        })?
    }

    async fn take_out(self: &Arc<Self>, id: NodeId, name: &str) -> Result<(), Error> {
        let started = Instant::now();
        let mut last = String::new();
        while started.elapsed() < WHOLE {
            if self.with_cluster(|cluster| cluster.node(id).is_none())? {
                return Ok(());
            }
            let leaving = MetaCommand::SetLeaving {
                node: id,
                leaving: true,
            };
            if let Err(reason) = self.decide(&leaving).await {
                last = reason;
            }
            let held: Vec<GroupId> = self.with_cluster(|cluster| {
                let holds = |group: GroupId| {
                    let placement = cluster.group(group);
                    placement.is_some_and(|it| it.members.values().any(|member| member.node == id))
                };
                cluster
                    .groups()
                    .map(|(group, _)| group)
                    .filter(|group| holds(*group))
                    .collect()
            })?;
            if held.is_empty() {
                match self.decide(&MetaCommand::RemoveNode { node: id }).await {
                    Ok(()) => self.changed.notify_waiters(),
                    Err(reason) => last = reason,
                }
                continue;
            }
            for group in held {
                // Another node gets the time to take its place before the group goes on with fewer.
                if started.elapsed() < SUCCESSION && self.has_successor(group, id)? {
                    continue;
                }
                let asked = PeerAsk::DropNode { group, node: id };
                let Some(leader) = self.find_leader(group).await else {
                    last = format!("nobody leads group {}", group.0);
                    continue;
                };
                if let Err(error) = self.ask_peer(&leader, &asked, 2 * MOVE).await {
                    last = error.message;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
        Err(unavailable(format!(
            "node '{name}' is not out of all groups after {WHOLE:?}{}{last}: it stays marked as leaving, ask again to go on",
            if last.is_empty() { "" } else { ": " }
        )))
    }

    /// Whether a node that stays holds nothing of the group yet.
    fn has_successor(&self, group: GroupId, gone: NodeId) -> Result<bool, Error> {
        self.with_cluster(|cluster| {
            let Some(placement) = cluster.group(group) else {
                return false;
            };
            let votes = |node: NodeId| placement.voters().any(|(_, member)| member.node == node);
            let mut nodes = cluster.nodes();
            let free = nodes.any(|(id, node)| id != gone && !node.leaving && !votes(id));
            free && votes(gone)
        })
    }

    /// At a group's leader: the next step towards the group having no replica at the node.
    pub(super) async fn drop_node_here(&self, group: GroupId, node: NodeId) -> Result<(), Error> {
        match self.led(group)? {
            Led::Meta(raft) => drop_from(&raft, node).await,
            Led::Data(raft) => drop_from(&raft, node).await,
        }
    }
}

async fn drop_from<M: Movable>(raft: &RaftGroup<M>, node: NodeId) -> Result<(), Error> {
    let members = raft.status().members;
    let there = |(_, address): &(&ReplicaId, &ReplicaAddress)| address.node == node;
    let replicas: BTreeSet<ReplicaId> = members
        .addresses
        .iter()
        .filter(there)
        .map(|(id, _)| *id)
        .collect();
    if members.joint {
        return Err(unavailable(format!(
            "a change of group {} is under way",
            raft.id().0
        )));
    }
    if replicas.contains(&raft.replica()) {
        let progress = raft.replication();
        let others = members.voters.iter().filter(|id| !replicas.contains(id));
        let next = others.min_by_key(|id| progress.get(id).map_or(u64::MAX, |it| it.behind()));
        let next = next.ok_or_else(|| unavailable(format!("nobody else has group {}", raft.id().0)))?;
        let moved = move_leader(raft, *next, MOVE).await;
        return moved.map_err(|error| membership_error(&error));
    }
    let voters: BTreeSet<ReplicaId> = members.voters.difference(&replicas).copied().collect();
    if voters.len() < members.voters.len() {
        let changed = raft.change_voters(members.version, voters, false).await;
        return changed.map_err(|error| membership_error(&error));
    }
    let learners: BTreeSet<ReplicaId> = members.learners.intersection(&replicas).copied().collect();
    if learners.is_empty() {
        return Ok(());
    }
    let removed = raft.remove_learners(members.version, learners).await;
    removed.map_err(|error| membership_error(&error))
}
