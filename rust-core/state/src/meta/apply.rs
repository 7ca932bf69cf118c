//! The meta group's commands, applied.

use crate::hash::Slot;
use crate::limits::FEATURE_LEVEL;
use crate::log_entry::{LogEntry, LogError};
use crate::meta::MetaMachine;
use crate::meta::cluster::{
    Cluster, ClusterNode, GroupId, GroupPlacement, Member, NodeDescription, NodeId, ReplicaId,
};
use crate::meta::command::{MetaCommand, MetaError, MetaOutcome};
use crate::meta::form::check_description;
use crate::mutant::{self, Mutant};
use crate::settings::{GroupKind, Revision};
use crate::time::Timestamp;

impl MetaMachine {
    /// Applies the commands of an entry of the log, in order: one outcome each. All are read before the
    /// first is applied.
    ///
    /// # Errors
    /// [`LogError`]: the replica must stop. Nothing of the entry was applied, unless it is that the cluster
    /// has reached a feature level beyond this build.
    pub fn apply_entry(&mut self, entry: &LogEntry<'_>) -> Result<Vec<MetaOutcome>, LogError> {
        let commands: Vec<MetaCommand> = entry
            .commands()
            .map(MetaCommand::decode)
            .collect::<Result<_, _>>()?;
        let outcomes = commands
            .iter()
            .map(|command| self.apply(entry.at, command))
            .collect();
        let level = self.cluster.as_ref().map_or(0, |cluster| cluster.feature_level);
        let newest = FEATURE_LEVEL;
        if level > newest {
            return Err(LogError::FeatureLevel { level, newest });
        }
        Ok(outcomes)
    }

    /// Applies one command, stamped `at`. Deterministic. A refused one takes its revision too.
    pub fn apply(&mut self, at: Timestamp, command: &MetaCommand) -> MetaOutcome {
        self.applied_at = self.applied_at.max(at);
        if let MetaCommand::DefineStore {
            name,
            asked,
            settings,
        } = command
        {
            // Takes its revision itself.
            return match self.define_store(name, asked, settings) {
                Ok(store) => MetaOutcome::Store(store),
                Err(error) => MetaOutcome::Failed(error.into()),
            };
        }
        self.revision += 1;
        let result = match command {
            MetaCommand::Form {
                cluster,
                revision,
                settings,
                nodes,
            } => self.form(*cluster, *revision, settings, nodes),
            command => match &mut self.cluster {
                None => Err(MetaError::NotFormed),
                Some(cluster) => cluster.apply(self.revision, command),
            },
        };
        result.unwrap_or_else(MetaOutcome::Failed)
    }
}

impl Cluster {
    fn apply(&mut self, version: Revision, command: &MetaCommand) -> Result<MetaOutcome, MetaError> {
        let (changed, outcome) = self.decide(command)?;
        if changed {
            self.version = version;
        }
        Ok(outcome.unwrap_or(MetaOutcome::Done { version }))
    }

    /// Whether anything changed, and the outcome if it is not just done.
    fn decide(&mut self, command: &MetaCommand) -> Result<(bool, Option<MetaOutcome>), MetaError> {
        Ok(match command {
            MetaCommand::RegisterNode { node, replaces } => {
                let (changed, id) = self.register(node, *replaces)?;
                (changed, Some(MetaOutcome::Node(id)))
            }
            MetaCommand::SetLeaving { node, leaving } => {
                let node = self.nodes.get_mut(node).ok_or(MetaError::UnknownNode)?;
                (std::mem::replace(&mut node.leaving, *leaving) != *leaving, None)
            }
            MetaCommand::RemoveNode { node } => (self.remove_node(*node)?, None),
            MetaCommand::IssueReplica {
                group,
                node,
                incarnation,
            } => {
                let (changed, id) = self.issue_replica(*group, *node, *incarnation)?;
                (changed, Some(MetaOutcome::Replica(id)))
            }
            MetaCommand::SetVoter {
                group,
                replica,
                voter,
            } => (self.set_voter(*group, *replica, *voter)?, None),
            MetaCommand::RemoveReplica { group, replica } => (self.remove_replica(*group, *replica)?, None),
            MetaCommand::ReformGroup { group, epoch, voters } => {
                let (changed, ids) = self.reform(*group, *epoch, voters)?;
                (changed, Some(MetaOutcome::Replicas(ids)))
            }
            MetaCommand::AssignSlots { kind, slots, group } => (self.assign(*kind, slots, *group)?, None),
            MetaCommand::RaiseFeatureLevel { level } => (self.raise_feature_level(*level)?, None),
            MetaCommand::Form { .. } | MetaCommand::DefineStore { .. } => {
                unreachable!("the machine's own")
            }
        })
    }

    fn register(&mut self, node: &NodeDescription, replaces: u128) -> Result<(bool, NodeId), MetaError> {
        check_description(node)?;
        if node.feature_level < self.feature_level {
            return Err(MetaError::FeatureLevel {
                level: self.feature_level,
                newest: node.feature_level,
            });
        }
        let known = self
            .nodes
            .iter_mut()
            .find(|(_, known)| known.description.name == node.name);
        if let Some((id, known)) = known {
            let incarnation = known.description.incarnation;
            if incarnation != node.incarnation && incarnation != replaces {
                return Err(MetaError::NodeReplaced { incarnation });
            }
            if known.description == *node {
                return Ok((false, *id));
            }
            // A new process is here to stay, whatever the one before it was about to do.
            known.leaving &= incarnation == node.incarnation;
            known.description = node.clone();
            return Ok((true, *id));
        }
        if replaces != 0 {
            // What it replaces is gone: it may have been removed on purpose.
            return Err(MetaError::UnknownNode);
        }
        let id = NodeId(self.next_node);
        self.next_node += 1;
        self.nodes.insert(
            id,
            ClusterNode {
                description: node.clone(),
                leaving: false,
            },
        );
        Ok((true, id))
    }

    fn remove_node(&mut self, node: NodeId) -> Result<bool, MetaError> {
        let holds = |placement: &GroupPlacement| placement.members.values().any(|member| member.node == node);
        if self.groups.iter().any(holds) {
            return Err(MetaError::NodeInUse);
        }
        Ok(self.nodes.remove(&node).is_some())
    }

    fn placement(&mut self, group: GroupId) -> Result<&mut GroupPlacement, MetaError> {
        let placement = self.groups.get_mut(usize::from(group.0));
        placement.ok_or(MetaError::UnknownGroup)
    }

    /// Whether this is the process that the node is at present, or the disk that it has.
    fn check_home(&self, group: GroupId, node: NodeId, home: u128) -> Result<(), MetaError> {
        if self.home(node, group) != Some(home) {
            return Err(MetaError::UnknownNode);
        }
        Ok(())
    }

    fn issue_replica(
        &mut self,
        group: GroupId,
        node: NodeId,
        incarnation: u128,
    ) -> Result<(bool, ReplicaId), MetaError> {
        self.check_home(group, node, incarnation)?;
        let placement = self.placement(group)?;
        if let Some(replica) = placement.replica_of(node, incarnation) {
            return Ok((false, replica));
        }
        if mutant::active(Mutant::ReusedReplicaId) {
            let before = placement
                .members
                .iter_mut()
                .find(|(_, member)| member.node == node);
            if let Some((replica, member)) = before {
                member.incarnation = incarnation;
                return Ok((true, *replica));
            }
        }
        let replica = placement.issue(Member {
            node,
            incarnation,
            voter: false,
        });
        Ok((true, replica))
    }

    fn set_voter(&mut self, group: GroupId, replica: ReplicaId, voter: bool) -> Result<bool, MetaError> {
        let placement = self.placement(group)?;
        let others = placement.voters().any(|(id, _)| id != replica);
        let member = placement.members.get_mut(&replica);
        let member = member.ok_or(MetaError::UnknownReplica)?;
        if !voter && !others {
            return Err(MetaError::LastVoter);
        }
        Ok(std::mem::replace(&mut member.voter, voter) != voter)
    }

    fn remove_replica(&mut self, group: GroupId, replica: ReplicaId) -> Result<bool, MetaError> {
        let placement = self.placement(group)?;
        if !placement.voters().any(|(id, _)| id != replica) {
            return Err(MetaError::LastVoter);
        }
        Ok(placement.members.remove(&replica).is_some())
    }

    fn reform(
        &mut self,
        group: GroupId,
        epoch: u64,
        voters: &[(NodeId, u128)],
    ) -> Result<(bool, Vec<ReplicaId>), MetaError> {
        if voters.is_empty() {
            return Err(MetaError::LastVoter);
        }
        for (place, voter) in voters.iter().enumerate() {
            self.check_home(group, voter.0, voter.1)?;
            if voters[..place].contains(voter) {
                return Err(MetaError::Unfit {
                    what: "a voter twice",
                });
            }
        }
        let placement = self.placement(group)?;
        if placement.epoch == epoch {
            // Repeated: it has these voters already, or the epoch is somebody else's.
            let ids = voters.iter().map(|voter| placement.replica_of(voter.0, voter.1));
            let ids: Option<Vec<ReplicaId>> = ids.collect();
            let same = ids.filter(|ids| ids.len() == placement.members.len());
            return same
                .map(|ids| (false, ids))
                .ok_or(MetaError::EpochConflict { epoch });
        }
        if placement.epoch.checked_add(1) != Some(epoch) {
            return Err(MetaError::EpochConflict {
                epoch: placement.epoch,
            });
        }
        placement.epoch = epoch;
        placement.members.clear();
        let issue = |&(node, incarnation): &(NodeId, u128)| {
            placement.issue(Member {
                node,
                incarnation,
                voter: true,
            })
        };
        Ok((true, voters.iter().map(issue).collect()))
    }

    fn assign(&mut self, kind: GroupKind, slots: &[Slot], group: GroupId) -> Result<bool, MetaError> {
        if self
            .settings
            .kind_of(group)
            .is_none_or(|(of_group, _)| of_group != kind)
        {
            return Err(MetaError::UnknownSlot);
        }
        let known = self.slots_mut(kind);
        if slots.iter().any(|slot| usize::from(slot.0) >= known.len()) {
            return Err(MetaError::UnknownSlot);
        }
        let mut changed = false;
        for slot in slots {
            let placement = &mut known[usize::from(slot.0)];
            if placement.group != group {
                placement.group = group;
                placement.epoch += 1;
                changed = true;
            }
        }
        Ok(changed)
    }

    fn raise_feature_level(&mut self, level: u32) -> Result<bool, MetaError> {
        // Not this build's own: every replica must decide the same.
        let levels = self.nodes.values().map(|node| node.description.feature_level);
        let newest = levels.min().unwrap_or(self.feature_level);
        if level > newest {
            return Err(MetaError::FeatureLevel { level, newest });
        }
        let changed = level > self.feature_level;
        self.feature_level = self.feature_level.max(level);
        Ok(changed)
    }
}
