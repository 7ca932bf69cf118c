//! Turns openraft's metrics into a group's status.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openraft::async_runtime::WatchReceiver;
use openraft::errors::Fatal;
use openraft::metrics::RaftServerMetrics;
use openraft::{RaftMetrics, ServerState};
use tokio::sync::watch;

use super::adapter::Adapter;
use super::leader_clock::LeaderClock;
use super::machine::GroupMachine;
use super::status::{GroupMembers, GroupStatus, Role};
use super::types::{LeaderId, Types};
use holdfast_state::ReplicaId;

/// Until the replica stops.
pub(crate) async fn watch<M: GroupMachine>(
    raft: openraft::Raft<Types, Adapter<M>>,
    machine: Arc<M>,
    clock: Arc<LeaderClock>,
    sender: watch::Sender<GroupStatus>,
    halting: Arc<AtomicBool>,
) {
    let mut server = raft.server_metrics();
    let mut all = raft.metrics();
    loop {
        // openraft tells of one change here first and there a moment later: each fact is taken from where its change wakes
        // this task, or a status could stay behind for good.
        let seen = server.borrow_and_update().clone();
        let status = {
            let metrics = all.borrow_and_update();
            status(&seen, &metrics, &machine, &clock)
        };
        let catching_up = status.role == Role::Leader && !status.ready;
        let stopped = status.role == Role::Stopped;
        sender.send_if_modified(|before| {
            let changed = *before != status;
            *before = status;
            changed
        });
        if stopped {
            return;
        }
        // All metrics change with every entry: they are followed only while a new leader catches up.
        let changed = if catching_up {
            all.changed().await
        } else {
            server.changed().await
        };
        if changed.is_err() {
            clock.step_down();
            // A replica that was told to stop has nothing to say, and would log that it cannot be asked.
            let reason = match halting.load(Ordering::Relaxed) {
                true => None,
                false => match raft.with_raft_state(|_| ()).await {
                    Ok(()) | Err(Fatal::Stopped) => None,
                    Err(fatal) => Some(fatal.to_string()),
                },
            };
            sender.send_modify(|status| {
                status.role = Role::Stopped;
                status.ready = false;
                status.failed = reason;
            });
            return;
        }
    }
}

fn status<M: GroupMachine>(
    seen: &RaftServerMetrics<Types>,
    metrics: &RaftMetrics<Types>,
    machine: &Arc<M>,
    clock: &LeaderClock,
) -> GroupStatus {
    let members = GroupMembers::of(&seen.membership_config);
    let leader = seen
        .current_leader
        .map(ReplicaId::from)
        .and_then(|id| Some((id, members.addresses.get(&id)?.clone())));
    let failed = match &metrics.running_state {
        Ok(()) | Err(Fatal::Stopped) => None,
        Err(fatal) => Some(fatal.to_string()),
    };
    let role = match (metrics.running_state.is_ok(), seen.state) {
        (false, _) | (_, ServerState::Shutdown) => Role::Stopped,
        (_, ServerState::Leader) => Role::Leader,
        (_, ServerState::Candidate) => Role::Candidate,
        (_, ServerState::Follower) => Role::Follower,
        (_, ServerState::Learner) => Role::Learner,
    };
    let leading = (role == Role::Leader)
        .then(|| leadership(seen, metrics))
        .flatten();
    match leading {
        Some(leader) if !clock.is_led_by(leader) => {
            let at = machine.applied_at();
            machine.begin_to_lead(at);
            clock.lead(leader, at);
        }
        Some(_) => {}
        None => clock.step_down(),
    }
    GroupStatus {
        role,
        term: seen.vote.leader_id.term,
        leader,
        ready: leading.is_some(),
        members,
        failed,
    }
}

/// The leadership, once an entry of its own is applied: then everything of its predecessors is.
fn leadership(seen: &RaftServerMetrics<Types>, metrics: &RaftMetrics<Types>) -> Option<LeaderId> {
    let applied = metrics.last_applied?.leader_id;
    (applied == seen.vote.leader_id && applied.node_id == seen.id).then_some(applied)
}
