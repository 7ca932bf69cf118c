//! Starts and stops this node's replicas as the meta group has them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast_replication::raft::{ClusterId, DataMachine, GroupLog, RaftGroup, ReplicaAddress};
use holdfast_state::{Cluster, GroupId, MachineConfig, NodeId, ReplicaId};

use super::duties;
use super::group::{GroupNode, TOUCH_INTERVAL_MS};
use super::home::Home;
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
    /// Its log outlives the process.
    on_disk: bool,
    /// Where it is reached.
    address: ReplicaAddress,
    /// This replica gives the group its first members.
    begins: Option<BTreeMap<ReplicaId, ReplicaAddress>>,
}

/// Keeps the node's replicas as they are wanted, until it stops.
pub(crate) async fn keep(node: Arc<ClusterNode>) {
    loop {
        let changed = node.changed.notified();
        let revision = node.meta().map(|meta| meta.machine().watch());
        place(&node).await;
        node.notice_failures().await;
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
    let Some((cluster, wanted)) = wanted(node) else {
        return;
    };
    if node.meta_epoch() < node.awaits_epoch.load(Ordering::Acquire) {
        return;
    }
    let mut groups = (*node.groups()).clone();
    give_up(node, &mut groups, &wanted).await;
    let mut changed = false;
    for wanted in &wanted {
        let group = match groups.get(&wanted.group) {
            Some(group) => Arc::clone(group),
            None => match start(node, cluster, wanted).await {
                Ok(group) => {
                    groups.insert(wanted.group, Arc::clone(&group));
                    changed = true;
                    group
                }
                Err(error) => {
                    let mut message = format!("group {} cannot start: {error}", wanted.group.0);
                    if let Some(home) = node.home.as_ref().filter(|_| wanted.on_disk) {
                        let path = home.path().display();
                        let _ = write!(
                            message,
                            "; the others go on without this replica. Stop the node, move {path} away and start it again: \
                             it comes back as a new node and gets its state from them"
                        );
                    }
                    node.complain(&format!("group {}", wanted.group.0), &message);
                    continue;
                }
            },
        };
        if let Some(members) = wanted.begins.clone()
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
    node.awaits_epoch.store(0, Ordering::Release);
}

/// Stops replicas that are wanted no more and forgets their logs. Those whose groups start again here are left, to be
/// continued.
async fn give_up(node: &Arc<ClusterNode>, groups: &mut BTreeMap<GroupId, Arc<GroupNode>>, wanted: &[Wanted]) {
    let of = |group: GroupId| wanted.iter().find(|wanted| wanted.group == group);
    let begins_with = |group: &Arc<GroupNode>| {
        of(group.id()).is_some_and(|next| next.begins.is_some() && next.epoch > group.epoch())
    };
    let dropped: Vec<_> = node
        .former
        .lock()
        .extract_if(.., |_, former| !begins_with(former))
        .collect();
    for (_, former) in dropped {
        former.raft().stop().await;
    }
    let is_gone =
        |group: &&Arc<GroupNode>| of(group.id()).is_none_or(|wanted| wanted.replica != group.replica());
    let gone: Vec<Arc<GroupNode>> = groups.values().filter(is_gone).cloned().collect();
    for group in gone {
        groups.remove(&group.id());
        node.set_groups(groups.clone());
        if begins_with(&group) {
            node.former.lock().insert(group.id(), group);
            continue;
        }
        group.raft().stop().await;
        // What it was is decided: its id is never used again.
        if let Some(home) = node.home.as_ref().filter(|_| group.is_on_disk())
            && let Err(error) = home.data().forget(group.id()).await
        {
            let message = format!("group {}: its log cannot be removed: {error}", group.id().0);
            node.complain(&format!("group {}", group.id().0), &message);
        }
    }
}

/// Starts a replica; with the state of this node's replica of the epoch before, when the group starts again with it.
async fn start(
    node: &Arc<ClusterNode>,
    cluster: ClusterId,
    wanted: &Wanted,
) -> Result<Arc<GroupNode>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let former = node.former.lock().get(&wanted.group).cloned();
    let mut former = former.map(|former| former.raft().clone());
    let home = node.home.as_ref().filter(|_| wanted.on_disk);
    if let Some(home) = home {
        if former.is_none() {
            former = left_on_disk(node, home, cluster, wanted).await?;
        }
        if former.is_none() {
            let room = home.data().make_room(wanted.group, cluster, wanted.replica).await;
            room.map_err(|error| text(&error))?;
        }
    }
    let mut machine = Arc::new(DataMachine::new(wanted.config));
    let mut begins_with_machine = None;
    if let Some(former) = former {
        let done = former.stop_and_apply_all().await;
        done.map_err(|error| text(&error))?;
        node.log(
            Level::Warning,
            &format!(
                "group {} starts again under epoch {} with the state of this node",
                wanted.group.0, wanted.epoch
            ),
        );
        match home {
            Some(home) => {
                let again = (wanted.replica, &wanted.address);
                let data = home.data();
                let begun = data.begin_again(wanted.group, cluster, again, former.machine());
                begun.await.map_err(|error| text(&error))?;
            }
            None => {
                machine = Arc::clone(former.machine());
                begins_with_machine = Some(wanted.address.clone());
            }
        }
    }
    let mut options = node.group_options(wanted.group, wanted.replica, machine);
    options.begins_with_machine = begins_with_machine;
    if let Some(home) = home {
        options.log = GroupLog::Disk(home.data().clone());
    }
    let raft = RaftGroup::start(options).await.map_err(|error| text(&error))?;
    // Until here there may be another try, and nobody else has its state.
    node.former.lock().remove(&wanted.group);
    let duties = tokio::spawn(duties::lead(Arc::downgrade(node), raft.clone()));
    Ok(GroupNode::new(raft, wanted.epoch, wanted.on_disk, duties))
}

/// The replica of the epoch before, as a process before this one has left it on disk, if the group starts again with it.
async fn left_on_disk(
    node: &Arc<ClusterNode>,
    home: &Home,
    cluster: ClusterId,
    wanted: &Wanted,
) -> Result<Option<RaftGroup<DataMachine>>, String> {
    let text = |error: std::io::Error| error.to_string();
    let data = home.data();
    if wanted.begins.is_none()
        || data
            .begins_again(wanted.group, cluster, wanted.replica)
            .await
            .map_err(text)?
    {
        return Ok(None);
    }
    let found = data.replica_of(wanted.group).await.map_err(text)?;
    let Some((_, replica)) = found.filter(|found| found.0 == cluster && found.1 < wanted.replica) else {
        return Ok(None);
    };
    let machine = Arc::new(DataMachine::new(wanted.config));
    let mut options = node.group_options(wanted.group, replica, machine);
    options.log = GroupLog::Disk(data.clone());
    let started = RaftGroup::start(options).await;
    started.map(Some).map_err(|error| error.to_string())
}

fn wanted(node: &ClusterNode) -> Option<(ClusterId, Vec<Wanted>)> {
    let own = node.own_id()?;
    let meta = node.meta()?;
    let machine = meta.machine().read();
    let cluster = machine.cluster()?;
    let groups = cluster.groups().filter(|(group, _)| *group != GroupId::META);
    let wanted = groups.filter_map(|(group, placement)| {
        let replica = placement.replica_of(own, node.own_home(cluster, group))?;
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
            on_disk: node.home.is_some() && cluster.is_on_disk(group),
            address: address(cluster, own)?,
            begins: first.then(|| voters(cluster, group)),
        })
    });
    Some((ClusterId(cluster.id), wanted.collect()))
}

fn voters(cluster: &Cluster, group: GroupId) -> BTreeMap<ReplicaId, ReplicaAddress> {
    let placement = cluster.group(group).into_iter();
    let voters = placement.flat_map(|placement| placement.voters());
    voters
        .filter_map(|(id, member)| Some((id, address(cluster, member.node)?)))
        .collect()
}

impl ClusterNode {
    /// A group that has failed does not come back by itself. When the disk has, none of the node's promises hold any more:
    /// the process ends, and the others go on.
    async fn notice_failures(&self) {
        let meta = self
            .meta()
            .map(|meta| (GroupId::META, self.home.is_some(), meta.status().failed));
        let groups = self.groups();
        let groups = groups
            .values()
            .map(|group| (group.id(), group.is_on_disk(), group.raft().status().failed));
        let failed = meta.into_iter().chain(groups);
        let failed: Vec<_> = failed
            .filter_map(|(id, on_disk, failed)| Some((id, on_disk, failed?)))
            .collect();
        for (id, on_disk, failed) in failed {
            let name = format!("group {}", id.0);
            match self.home.as_ref().filter(|_| on_disk) {
                Some(home) => {
                    let message = format!(
                        "{name} has failed: {failed}. The node ends: what it acknowledged is on disk. See that {} has room \
                         and works, and start it again; if it is damaged, move it away first, and the node comes back as a \
                         new one",
                        home.path().display()
                    );
                    return self.displace(message).await;
                }
                None => self.complain(
                    &name,
                    &format!("{name} has failed: {failed}. Start the node again"),
                ),
            }
        }
    }
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
