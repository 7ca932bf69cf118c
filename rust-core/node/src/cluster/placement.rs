//! Starts and stops this node's replicas as the meta group has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_replication::raft::{DataMachine, GroupOptions, RaftGroup, ReplicaAddress};
use holdfast_state::{Cluster, GroupId, MachineConfig, NodeId, ReplicaId};

use super::clock::time_source;
use super::duties;
use super::group::{GroupNode, TOUCH_INTERVAL_MS};
use super::member::ClusterNode;
use crate::log::Level;

/// Looked at so often when nothing is said to have changed.
const LOOK: Duration = Duration::from_millis(500);

/// A replica that this node is to have.
struct Wanted {
    group: GroupId,
    replica: ReplicaId,
    epoch: u64,
    config: MachineConfig,
    /// This replica gives the group its first members.
    begins: Option<BTreeMap<ReplicaId, ReplicaAddress>>,
}

/// Keeps the node's replicas as they are wanted, until it stops.
pub(crate) async fn keep(node: Arc<ClusterNode>) {
    loop {
        let changed = node.changed.notified();
        let revision = node.meta().map(|meta| meta.machine().watch());
        place(&node).await;
        let meta_changed = async {
            match revision {
                Some(mut revision) => drop(revision.changed().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed => {}
            () = meta_changed => {}
            () = tokio::time::sleep(LOOK) => {}
            () = node.stopped() => return,
        }
    }
}

async fn place(node: &Arc<ClusterNode>) {
    // The node may become a new one, or stop, while this runs: nothing is started behind its back.
    let _placing = node.placing.lock().await;
    if node.is_stopped() {
        return;
    }
    let Some(wanted) = wanted(node) else {
        return;
    };
    let mut groups = (*node.groups()).clone();
    let is_wanted = |group: &GroupNode| {
        wanted
            .iter()
            .any(|wanted| wanted.group == group.id() && wanted.replica == group.replica())
    };
    let gone: Vec<GroupId> = groups
        .values()
        .filter(|group| !is_wanted(group))
        .map(|group| group.id())
        .collect();
    let mut changed = !gone.is_empty();
    for group in gone {
        if let Some(group) = groups.remove(&group) {
            node.set_groups(groups.clone());
            group.raft().stop().await;
        }
    }
    for wanted in wanted {
        let group = match groups.get(&wanted.group) {
            Some(group) => Arc::clone(group),
            None => match start(node, &wanted).await {
                Ok(group) => {
                    groups.insert(wanted.group, Arc::clone(&group));
                    changed = true;
                    group
                }
                Err(error) => {
                    node.log(
                        Level::Error,
                        &format!("group {} cannot start: {error}", wanted.group.0),
                    );
                    continue;
                }
            },
        };
        if let Some(members) = wanted.begins
            && !group.raft().is_initialized().await
            && let Err(error) = group.raft().initialize(members).await
        {
            node.log(
                Level::Error,
                &format!("group {} cannot begin: {error}", wanted.group.0),
            );
        }
    }
    if changed {
        node.set_groups(groups);
    }
}

async fn start(node: &Arc<ClusterNode>, wanted: &Wanted) -> Result<Arc<GroupNode>, String> {
    let machine = Arc::new(DataMachine::new(wanted.config));
    let mut options = GroupOptions::new(wanted.group, wanted.replica, machine, node.peers.clone());
    options.timing = node.options.timing;
    options.ticks = Some(node.ticks);
    options.time = time_source(&node.clock);
    let raft = RaftGroup::start(options)
        .await
        .map_err(|error| error.to_string())?;
    let duties = tokio::spawn(duties::lead(Arc::downgrade(node), raft.clone()));
    Ok(GroupNode::new(raft, wanted.epoch, duties))
}

fn wanted(node: &ClusterNode) -> Option<Vec<Wanted>> {
    let own = node.own_id()?;
    let meta = node.meta()?;
    let machine = meta.machine().read();
    let cluster = machine.cluster()?;
    let incarnation = node.incarnation().0;
    let groups = cluster.groups().filter(|(group, _)| *group != GroupId::META);
    let wanted = groups.filter_map(|(group, placement)| {
        let replica = placement.replica_of(own, incarnation)?;
        let (kind, index) = cluster.settings.kind_of(group)?;
        // The first voter that is recorded begins the group, if it has no members yet: only a group that was just formed,
        // or formed anew, is recorded with voters that its own log does not have.
        let first = placement.voters().next().map(|(id, _)| id) == Some(replica);
        Some(Wanted {
            group,
            replica,
            epoch: placement.epoch,
            config: MachineConfig {
                kind,
                first_revision: 0,
                feature_level: 1,
                seed: node.seed,
                touch_interval_ms: TOUCH_INTERVAL_MS,
                group_index: index,
                group_count: cluster.settings.count_of(kind),
            },
            begins: first.then(|| voters(cluster, group)),
        })
    });
    Some(wanted.collect())
}

fn voters(cluster: &Cluster, group: GroupId) -> BTreeMap<ReplicaId, ReplicaAddress> {
    let placement = cluster.group(group).into_iter();
    let voters = placement.flat_map(|placement| placement.voters());
    voters
        .filter_map(|(id, member)| Some((id, address(cluster, member.node)?)))
        .collect()
}

/// Where the replicas of a node are reached.
pub(crate) fn address(cluster: &Cluster, node: NodeId) -> Option<ReplicaAddress> {
    let description = &cluster.node(node)?.description;
    Some(ReplicaAddress {
        node,
        name: description.name.to_string(),
        peer_address: description.peer_address.to_string(),
        client_address: description.client_address.to_string(),
    })
}
