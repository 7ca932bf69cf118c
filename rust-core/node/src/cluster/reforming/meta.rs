//! The meta group, reformed by its furthest survivor.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use holdfast_replication::raft::{ClusterId, GroupLog, GroupMachine, MetaGroup, RaftGroup, ReplicaAddress};
use holdfast_state::{EntryWriter, GroupId, MetaCommand, MetaOutcome, NodeId, ReplicaId};

use super::{ReformError, is_lost};
use crate::cluster::forming::{Description, Founder, Standing};
use crate::cluster::member::ClusterNode;
use crate::cluster::placement::address;
use crate::log::Level;

/// What the meta group starts again with.
struct Beginning {
    cluster: ClusterId,
    epoch: u64,
    replica: ReplicaId,
    address: ReplicaAddress,
}

impl ClusterNode {
    /// Reforms the meta group here, when most of it is proven gone, everybody answers, and nobody else has come further.
    pub(crate) async fn reform_meta_if_lost(&self, heard: &[Description]) {
        let Some(survivors) = self.survivors_of_lost_meta(heard) else {
            return;
        };
        let asked = survivors
            .iter()
            .map(|(address, _)| self.ask_position(address, GroupId::META));
        let positions = join_all(asked).await;
        let Some(own) = self.position(GroupId::META) else {
            return;
        };
        for ((_, replica), position) in survivors.iter().zip(positions) {
            // Another replica than the one that is known here: it may have reformed the group meanwhile.
            let known = position.filter(|position| Some(position.replica) == *replica);
            match known {
                // It has come further, or as far and is the one that all choose.
                Some(other)
                    if (other.term, other.index, own.replica) > (own.term, own.index, other.replica) =>
                {
                    return;
                }
                Some(_) => {}
                // What it has is not known.
                None => return,
            }
        }
        if let Err(error) = self.reform_meta().await {
            self.complain("reform", &format!("the meta group cannot be reformed: {error}"));
        }
    }

    /// Where the other survivors of the meta group are, with their replicas as far as they are known here, if most of its
    /// voters are gone and every node of it answers.
    fn survivors_of_lost_meta(&self, heard: &[Description]) -> Option<Vec<(String, Option<ReplicaId>)>> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let placement = cluster.group(GroupId::META)?;
        // The group's own log knows who votes; ids are not used again.
        let agreeing = meta.status().members.agreeing;
        let named = |node: NodeId| {
            let name = &cluster.node(node)?.description.name;
            heard.iter().find(|it| *it.founder.name == **name)
        };
        let gone = |replica: &ReplicaId| match placement.members.get(replica) {
            Some(member) => named(member.node).is_some_and(|it| {
                let home = it.founder.disk.unwrap_or(it.founder.incarnation.0);
                home != member.incarnation
            }),
            None => false,
        };
        if !is_lost(&agreeing, |replica| !gone(replica)) {
            return None;
        }
        if cluster.nodes().any(|(id, _)| named(id).is_none()) {
            return None;
        }
        let own = Some(cluster.id);
        let survivors = heard.iter().filter(|it| {
            it.founder.name != self.name
                && it.formed().map(|formed| formed.0) == own
                && it.epoch == placement.epoch
        });
        if heard.iter().any(|it| it.epoch > placement.epoch) {
            return None;
        }
        let replica_of = |it: &Description| {
            let (node, _) = cluster.node_named(&it.founder.name)?;
            let home = it.founder.disk.unwrap_or(it.founder.incarnation.0);
            let mut members = placement.members.iter();
            let own = members.find(|(_, member)| member.node == node && member.incarnation == home);
            own.map(|(id, _)| *id)
        };
        let known = survivors.map(|it| (it.founder.address.clone(), replica_of(it)));
        Some(known.collect())
    }

    /// Starts the meta group again with this node's state, under the next epoch, this node its only member for now.
    pub(super) async fn reform_meta(&self) -> Result<(), String> {
        // Nothing else may change what the node takes part in meanwhile.
        let place = self.place.lock().await;
        let Standing::Formed(_) = place.forming.standing() else {
            return Err(ReformError::NotFormed.to_string());
        };
        let _placing = self.placing.lock().await;
        let meta = self.meta().ok_or_else(|| ReformError::NotFormed.to_string())?;
        if self.is_stopped() {
            return Err("the node is stopping".to_owned());
        }
        let me = place.forming.describe().founder;
        meta.stop_and_apply_all()
            .await
            .map_err(|error| error.to_string())?;
        let machine = Arc::clone(meta.machine());
        let Beginning {
            cluster,
            epoch,
            replica,
            address,
        } = self.begin_epoch(&machine, &me)?;
        let mut options = self.group_options(GroupId::META, replica, Arc::clone(&machine));
        match &self.home {
            Some(home) => {
                let data = home.data();
                let again = data.begin_again(GroupId::META, cluster, (replica, &address), &machine);
                again.await.map_err(|error| error.to_string())?;
                if !self.remember(|kept| kept.replica = replica).await {
                    return Err("the node's note cannot be written".to_owned());
                }
                options.machine = Arc::new(MetaGroup::new(0));
                options.log = GroupLog::Disk(data.clone());
            }
            None => options.begins_with_machine = Some(address),
        }
        let started = RaftGroup::start(options)
            .await
            .map_err(|error| error.to_string())?;
        self.set_meta(started);
        self.log(
            Level::Warning,
            &format!(
                "most of the meta group is gone: it starts again under epoch {epoch} with the state of this node"
            ),
        );
        Ok(())
    }

    /// Gives the meta group's state a new epoch, this node its only member.
    fn begin_epoch(&self, machine: &Arc<MetaGroup>, me: &Founder) -> Result<Beginning, String> {
        let register = {
            let machine = machine.read();
            let cluster = machine.cluster().ok_or("the cluster's plan is not here")?;
            let known = cluster.node_named(&self.name);
            MetaCommand::RegisterNode {
                node: ClusterNode::description(me),
                replaces: known
                    .ok_or("this node was removed from the cluster")?
                    .1
                    .description
                    .incarnation,
            }
        };
        let MetaOutcome::Node(own) = apply(machine, &register)? else {
            return Err("the meta group does not know this node".to_owned());
        };
        let (cluster, epoch, home, address) = {
            let machine = machine.read();
            let cluster = machine.cluster().ok_or("the cluster's plan is not here")?;
            let epoch = cluster
                .group(GroupId::META)
                .map_or(0, |placement| placement.epoch)
                + 1;
            let home = self.own_home(cluster, GroupId::META);
            let address = address(cluster, own).ok_or("this node is not known")?;
            (ClusterId(cluster.id), epoch, home, address)
        };
        let reform = MetaCommand::ReformGroup {
            group: GroupId::META,
            epoch,
            voters: vec![(own, home)],
        };
        let MetaOutcome::Replicas(replicas) = apply(machine, &reform)? else {
            return Err("the meta group gave no replica".to_owned());
        };
        Ok(Beginning {
            cluster,
            epoch,
            replica: *replicas.first().ok_or("the meta group gave no replica")?,
            address,
        })
    }
}

/// Applies a command outside of any log, to the state that a log will begin with.
fn apply(machine: &Arc<MetaGroup>, command: &MetaCommand) -> Result<MetaOutcome, String> {
    let mut entry = EntryWriter::new(machine.applied_at(), 0);
    entry.push(&command.encode());
    let entry = Bytes::from(entry.finish());
    let outcomes = machine.apply(0, &entry).map_err(|error| error.to_string())?;
    match outcomes.into_iter().next() {
        Some(MetaOutcome::Failed(error)) => Err(error.to_string()),
        Some(outcome) => Ok(outcome),
        None => Err("the command has no outcome".to_owned()),
    }
}
