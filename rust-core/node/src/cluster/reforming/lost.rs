//! Groups that the meta group's leader finds without a majority.

use futures_util::future::join_all;
use holdfast_state::{Cluster, GroupId, GroupPlacement, Member, MetaCommand, NodeId, ReplicaId};

use super::{is_lost, majority};
use crate::cluster::calls::Call;
use crate::cluster::forming::VOTERS;
use crate::cluster::member::{ClusterNode, PATIENCE};
use crate::log::Level;

/// A group that could start again, and who of it answers.
pub(super) struct Lost {
    pub(super) group: GroupId,
    epoch: u64,
    /// Members whose logs are not known to be gone: replica, node, where.
    left: Vec<(ReplicaId, NodeId, String)>,
    /// Nodes that could hold the group from nothing.
    nodes: Vec<(NodeId, u128, String)>,
}

/// What is to become of a lost group.
pub(super) struct Again {
    command: MetaCommand,
    pub(super) from_nothing: bool,
}

impl ClusterNode {
    /// At the meta group's leader: groups that have lost a majority for good start again.
    pub(crate) async fn reform_lost_groups(&self) {
        let lost = self.lost_groups(false);
        let found = join_all(lost.iter().map(|lost| self.again(lost, false))).await;
        for (lost, again) in lost.iter().zip(found) {
            if let Some(again) = again {
                self.start_again(lost, &again).await;
            }
        }
    }

    pub(super) async fn start_again(&self, lost: &Lost, again: &Again) -> bool {
        let what = match again.from_nothing {
            false => "it starts again with the state of the survivor that has come furthest",
            true => "nothing is left of it: it starts again empty",
        };
        let message = format!(
            "group {} has lost a majority of its replicas: {what}, under epoch {}",
            lost.group.0,
            lost.epoch + 1
        );
        match self.decide(&again.command).await {
            Ok(()) => {
                self.log(Level::Warning, &message);
                self.changed.notify_waiters();
                true
            }
            Err(reason) => {
                self.complain(
                    &format!("reform {}", lost.group.0),
                    &format!("{message}: {reason}"),
                );
                false
            }
        }
    }

    /// Groups without a majority, as the meta group knows them; all but the meta group when `all`.
    pub(super) fn lost_groups(&self, all: bool) -> Vec<Lost> {
        let Some(meta) = self.meta() else {
            return Vec::new();
        };
        let machine = meta.machine().read();
        let Some(cluster) = machine.cluster() else {
            return Vec::new();
        };
        let groups = cluster.groups().filter(|(group, _)| *group != GroupId::META);
        let lost = groups.filter(|(group, placement)| {
            let voters = placement.voters().count();
            let left = placement
                .voters()
                .filter(|(_, member)| cluster.has_its_log(*group, member));
            all || left.count() < majority(voters)
        });
        lost.map(|(group, placement)| Lost::new(cluster, group, placement))
            .collect()
    }

    /// How a lost group starts again; `None` while somebody who may have something of it does not answer, unless forced,
    /// or when it turns out to have a majority.
    pub(super) async fn again(&self, lost: &Lost, force: bool) -> Option<Again> {
        let asked = lost
            .left
            .iter()
            .map(|(_, _, address)| self.ask_position(address, lost.group));
        let answers = join_all(asked).await;
        let mut answered = Vec::new();
        for ((replica, node, _), answer) in lost.left.iter().zip(answers) {
            match answer.filter(|position| position.replica == *replica) {
                Some(position) => answered.push((*node, position)),
                None if force => {}
                None => return None,
            }
        }
        let furthest = answered
            .iter()
            .max_by_key(|(_, it)| (it.term, it.index, it.replica));
        let reform = |voters| MetaCommand::ReformGroup {
            group: lost.group,
            epoch: lost.epoch + 1,
            voters,
        };
        if let Some((node, furthest)) = furthest {
            let is_left = |id: &ReplicaId| answered.iter().any(|(_, it)| it.replica == *id);
            // What the meta group knows of its members may be old: they may well agree among themselves.
            if !is_lost(&furthest.agreeing, is_left) {
                return None;
            }
            let home = lost.nodes.iter().find(|(id, ..)| id == node)?.1;
            return Some(Again {
                command: reform(vec![(*node, home)]),
                from_nothing: false,
            });
        }
        let asked = lost
            .nodes
            .iter()
            .map(|(_, _, address)| self.ask(address, &Call::Describe, PATIENCE));
        let there = join_all(asked).await;
        let voters: Vec<(NodeId, u128)> = lost
            .nodes
            .iter()
            .zip(there)
            .filter(|(_, answer)| answer.is_ok())
            .map(|((node, home, _), _)| (*node, *home))
            .take(VOTERS)
            .collect();
        (!voters.is_empty()).then(|| Again {
            command: reform(voters),
            from_nothing: true,
        })
    }
}

impl Lost {
    fn new(cluster: &Cluster, group: GroupId, placement: &GroupPlacement) -> Lost {
        let place = |node: NodeId| {
            let node = cluster.node(node);
            node.map(|node| node.description.peer_address.to_string())
        };
        let members = placement.members.iter();
        let left = members.filter(|(_, member)| cluster.has_its_log(group, member));
        let left = left.filter_map(|(id, member)| Some((*id, member.node, place(member.node)?)));
        let held = |node: NodeId| {
            placement
                .members
                .values()
                .any(|member: &Member| member.node == node)
        };
        let mut nodes: Vec<_> = cluster
            .nodes()
            .filter_map(|(id, _)| Some((id, cluster.home(id, group)?, place(id)?)))
            .collect();
        // Those that held it come first; each group begins with another one.
        nodes.sort_by_key(|(id, ..)| (!held(*id), *id));
        let first = usize::from(group.0) % nodes.len().max(1);
        nodes.rotate_left(first);
        Lost {
            group,
            epoch: placement.epoch,
            left: left.collect(),
            nodes,
        }
    }
}
