//! What the leader of a group does by itself: stores that it does not know yet, its epoch, what is due, and who belongs to
//! the group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use holdfast_replication::raft::{DataMachine, GroupMachine, MembershipError, ProposeError, RaftGroup};
use holdfast_state::mutant::{self, Mutant};
use holdfast_state::{
    Change, Command, DueWork, GroupCommand, GroupId, GroupKind, KeyHash, Machine, Slot, StoreClass, StoreId,
    Timestamp, Touches,
};
use tokio::time::Instant;

use super::controller::{GroupView, Step, step};
use super::group::{GroupNode, TOUCH_INTERVAL_MS};
use super::idle_sessions::IdleSessions;
use super::member::ClusterNode;
use super::moving::{MOVE, Movable, NEARLY, move_leader};
use super::placement::address;
use crate::clock::first_revision;
use crate::log::Level;

/// How often a leader looks at what is due while anything has a time to live.
const ROUND: Duration = Duration::from_millis(50);
/// How often it logs what reads have kept alive: well within the interval that replicas allow for.
const TOUCHES: Duration = Duration::from_millis(TOUCH_INTERVAL_MS / 2);
/// How often it looks at its members.
const MEMBERS: Duration = Duration::from_millis(250);
/// Entries removed, and touches logged, by one command.
const STEP: u32 = 1_024;
/// Sessions ended by one entry.
const SESSIONS: usize = 256;
/// What a step of membership may take.
const STEP_TIME: Duration = Duration::from_secs(30);
/// A new leader keeps its leadership for so long before it hands it to the node that is to have it: what made it lead, a
/// node that leaves or that was lost, may not be known everywhere yet, and would get the group back.
const SETTLED: Duration = Duration::from_secs(1);

/// Does a data group's duties while this replica leads.
pub(crate) async fn lead(node: Weak<ClusterNode>, group: RaftGroup<DataMachine>) {
    let mut members_at = Instant::now();
    let mut touches_at = Instant::now();
    // The term, and the meta group's revision, that the group knows all stores of.
    let mut introduced = None;
    let mut leading = Leading::default();
    let mut idle = IdleSessions::default();
    loop {
        if !wait_for_leadership(&group).await {
            return;
        }
        let Some(node) = node.upgrade() else {
            return;
        };
        let newest = node
            .meta()
            .map(|meta| (group.status().term, meta.machine().read().revision()));
        let here = node
            .group(group.id())
            .filter(|here| here.replica() == group.replica());
        if introduced.map(|(term, _)| term) != newest.map(|(term, _)| term) {
            // What it knew of another leadership may be old.
            idle = IdleSessions::default();
        }
        if introduced != newest && introduce(&node, &group).await {
            introduced = newest;
        }
        let due = group.machine().load().next_deadline();
        let is_due = due.is_some_and(|due| due <= group.now());
        if is_due || Instant::now() >= touches_at {
            expire(&group).await;
            touches_at = Instant::now() + TOUCHES;
        }
        if let Some(here) = &here {
            end_idle(&node, here, &mut idle).await;
        }
        if Instant::now() >= members_at {
            let settled = leading.settled(group.status().term);
            mend(&node, &group, group.id(), settled).await;
            members_at = Instant::now() + MEMBERS;
        }
        // What gets a time to live meanwhile is found a moment later: readers and changes of it do not wait for that.
        let look = match due {
            Some(_) => Instant::now() + ROUND,
            None => touches_at.min(members_at),
        };
        tokio::select! {
            () = tokio::time::sleep_until(node.ticks.at_or_after(look)) => {}
            () = node.changed.notified() => {}
        }
    }
}

/// Does the meta group's duties while this replica leads.
pub(crate) async fn lead_meta(node: Arc<ClusterNode>) {
    let mut leading = Leading::default();
    loop {
        if let Some(meta) = node.meta().filter(RaftGroup::leads) {
            let settled = leading.settled(meta.status().term);
            mend(&node, &meta, GroupId::META, settled).await;
            node.begin_groups_again().await;
            node.reform_lost_groups().await;
            node.raise_feature_level().await;
        }
        let look = node.ticks.at_or_after(Instant::now() + MEMBERS);
        tokio::select! {
            () = tokio::time::sleep_until(look) => {}
            () = node.changed.notified() => {}
            () = node.stopped() => return,
        }
    }
}

/// Since when this replica leads.
#[derive(Default)]
struct Leading(Option<(u64, Instant)>);

impl Leading {
    fn settled(&mut self, term: u64) -> bool {
        match self.0 {
            Some((led, since)) if led == term => since.elapsed() >= SETTLED,
            _ => {
                self.0 = Some((term, Instant::now()));
                false
            }
        }
    }
}

/// Ends sessions that nobody uses any more: no connection here has them, and they have changed nothing for as long as a
/// session is remembered. Whoever leads next counts from its own beginning.
async fn end_idle(node: &ClusterNode, group: &GroupNode, idle: &mut IdleSessions) {
    let now = Instant::now();
    if !idle.is_time(now, node.session_lifetime) {
        return;
    }
    let mut marks = group.raft().machine().load().session_marks();
    marks.retain(|(session, _)| !node.is_connected(*session));
    let over = idle.look(now, &marks, node.session_lifetime);
    for some in over.chunks(SESSIONS) {
        group.begin_ending(some);
        let close = |session: &u128| Command::Group(GroupCommand::CloseSession { session: *session });
        let commands = some.iter().map(|session| close(session).encode().into());
        if let Ok(proposed) = group.raft().propose_all(commands.collect()) {
            let _ = proposed.await;
        }
        group.have_ended();
    }
}

async fn wait_for_leadership(group: &RaftGroup<DataMachine>) -> bool {
    let mut status = group.watch();
    status.wait_for(|status| status.ready).await.is_ok()
}

/// Tells the group of its epoch and of stores that it should have and does not; true when it knows them.
async fn introduce(node: &ClusterNode, group: &RaftGroup<DataMachine>) -> bool {
    let commands = {
        let Some(meta) = node.meta() else {
            return false;
        };
        let meta = meta.machine().read();
        let Some(cluster) = meta.cluster() else {
            return false;
        };
        let Some((kind, index)) = cluster.settings.kind_of(group.id()) else {
            return false;
        };
        let machine = group.machine().load();
        let mut commands: Vec<Bytes> = Vec::new();
        let epoch = cluster.group(group.id()).map_or(0, |placement| placement.epoch);
        if machine.epoch() < epoch {
            let begin = GroupCommand::BeginEpoch {
                epoch,
                revision: first_revision(),
            };
            commands.push(Command::Group(begin).encode().into());
        }
        let level = cluster.feature_level;
        if machine.feature_level() < level {
            let raise = GroupCommand::RaiseFeatureLevel { level };
            commands.push(Command::Group(raise).encode().into());
        }
        let count = cluster.settings.count_of(kind);
        for (name, defined) in meta.stores() {
            let here = match (kind, defined.settings.class) {
                (GroupKind::Cache, StoreClass::Cache) => true,
                (GroupKind::Coordination, StoreClass::Coordination) => {
                    KeyHash::slot_of_store(defined.id).0 % count == index
                }
                _ => false,
            };
            if here && machine.store(defined.id).is_none() {
                let define = GroupCommand::DefineStore {
                    id: defined.id,
                    name,
                    settings: defined.settings,
                };
                commands.push(Command::Group(define).encode().into());
            }
        }
        commands
    };
    if commands.is_empty() {
        return true;
    }
    match group.propose_all(commands) {
        Ok(proposed) => proposed.await.is_ok(),
        Err(_) => false,
    }
}

/// Logs the leader's present moment, and removes what is due then.
pub(super) async fn log_time(group: &RaftGroup<DataMachine>) {
    if stamp(group).await {
        expire(group).await;
    }
}

/// Logs the leader's present moment; whether it is logged. An entry without commands would not do: applying it moves no
/// clock.
pub(super) async fn stamp(group: &RaftGroup<DataMachine>) -> bool {
    // The present epoch again: that begins nothing.
    let epoch = group.machine().load().epoch();
    let stamp = Command::Group(GroupCommand::BeginEpoch { epoch, revision: 0 });
    match group.propose_all(vec![stamp.encode().into()]) {
        Ok(proposed) => proposed.await.is_ok(),
        Err(_) => false,
    }
}

/// Logs what reads have kept alive and removes what is due, in bounded steps.
pub(super) async fn expire(group: &RaftGroup<DataMachine>) {
    loop {
        let machine = group.machine().load_full();
        if !matches!(expire_step(group, &machine, group.now()).await, Ok(true)) {
            return;
        }
    }
}

/// One step of that, of what is due at `now`; whether there is more.
pub(super) async fn expire_step(
    group: &RaftGroup<DataMachine>,
    machine: &Machine,
    now: Timestamp,
) -> Result<bool, ProposeError> {
    let due = machine.due(now, STEP as usize);
    if due.is_empty() {
        return Ok(false);
    }
    let again = due
        .iter()
        .any(|work| work.more_touches || work.expire || work.sweep);
    let commands = due.iter().flat_map(|work| commands_of(work, now)).collect();
    let done = match group.propose_all(commands) {
        Ok(proposed) => proposed.await.map(drop),
        Err(error) => Err(error),
    };
    if done.is_err() {
        for work in &due {
            machine.touch_again(&work.store, &work.touches);
        }
    }
    done.map(|()| again)
}

/// A change that a leader makes by itself, in nobody's session.
pub(in crate::cluster) fn of_leader(store: StoreId, change: Change<'_>) -> Bytes {
    let command = Command::InStore {
        store,
        slot: Slot(0),
        session: None,
        change,
    };
    command.encode().into()
}

fn commands_of(work: &DueWork, now: Timestamp) -> Vec<Bytes> {
    let command = |change: Change<'_>| of_leader(work.store.id(), change);
    let mut commands = Vec::new();
    if !work.touches.is_empty() && !mutant::active(Mutant::TouchesNotLogged) {
        commands.push(command(Change::Touch {
            touches: Touches::from(&work.touches[..]),
        }));
    }
    if work.expire {
        commands.push(command(Change::Expire {
            up_to: now,
            limit: STEP,
        }));
    }
    if work.sweep {
        commands.push(command(Change::Sweep { limit: STEP }));
    }
    commands
}

/// Does the next step of the group's membership, if there is one.
async fn mend<M: Movable>(node: &Arc<ClusterNode>, group: &RaftGroup<M>, id: GroupId, settled: bool) {
    if node.is_leaving() {
        return;
    }
    let view = view(node, group);
    let next = {
        let Some(meta) = node.meta() else {
            return;
        };
        let machine = meta.machine().read();
        let Some(cluster) = machine.cluster() else {
            return;
        };
        let Some(next) = step(cluster, id, &view) else {
            return;
        };
        match next {
            Step::TransferLeader(_) if !settled => return,
            Step::AddLearner(_, at) | Step::MoveMember(_, at) => match address(cluster, at) {
                Some(address) => (next, Some(address)),
                None => return,
            },
            next => (next, None),
        }
    };
    let name = format!("{:?}", next.0);
    let done = tokio::time::timeout(STEP_TIME, take(node, group, &view, next)).await;
    match done {
        Ok(Ok(())) => node.log(Level::Debug, &format!("group {}: {name}", id.0)),
        Ok(Err(error)) => node.log(Level::Information, &format!("group {}: {name}: {error}", id.0)),
        Err(_) => node.log(Level::Warning, &format!("group {}: {name}: not in time", id.0)),
    }
}

async fn take<M: Movable>(
    node: &ClusterNode,
    group: &RaftGroup<M>,
    view: &GroupView,
    (step, address): (Step, Option<holdfast_replication::raft::ReplicaAddress>),
) -> Result<(), String> {
    let text = |error: MembershipError| error.to_string();
    match step {
        Step::Propose(command) => {
            node.decide(&command).await?;
            node.changed.notify_waiters();
            Ok(())
        }
        Step::AddLearner(replica, _) => {
            let address = address.ok_or("the node is not known")?;
            group
                .add_learner(view.version, replica, address)
                .await
                .map_err(text)
        }
        Step::MoveMember(replica, _) => {
            let address = address.ok_or("the node is not known")?;
            group
                .update_member(view.version, replica, address)
                .await
                .map_err(text)
        }
        Step::RemoveLearners(replicas) => group.remove_learners(view.version, replicas).await.map_err(text),
        Step::ChangeVoters(voters) => group
            .change_voters(view.version, voters, false)
            .await
            .map_err(text),
        Step::TransferLeader(replica) => move_leader(group, replica, MOVE).await.map_err(text),
    }
}

pub(super) fn view<M: GroupMachine>(node: &ClusterNode, group: &RaftGroup<M>) -> GroupView {
    let status = group.status();
    let kept = node.keeps_leader(group.id(), status.term);
    let members = status.members;
    let replication = group.replication();
    let own = group.replica();
    let mut caught_up: BTreeSet<_> = replication
        .iter()
        .filter(|(_, progress)| progress.matched > 0 && progress.behind() < NEARLY)
        .map(|(id, _)| *id)
        .collect();
    caught_up.insert(own);
    let silent: BTreeMap<_, _> = replication
        .iter()
        .filter(|(id, _)| **id != own)
        .filter_map(|(id, progress)| Some((*id, Duration::from_millis(progress.silent_ms?))))
        .collect();
    let addresses = members.addresses.iter();
    GroupView {
        addresses: addresses
            .map(|(id, member)| (*id, member.peer_address.clone()))
            .collect(),
        own,
        version: members.version,
        voters: members.voters,
        learners: members.learners,
        joint: members.joint,
        caught_up,
        kept,
        silent,
    }
}
