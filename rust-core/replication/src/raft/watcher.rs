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
        // Not borrowed for longer: openraft waits for whoever looks at its metrics, and would send no heartbeats.
        let metrics = all.borrow_and_update().clone();
        let leading = leadership(&seen, &metrics);
        let ready = leading.is_some_and(|leader| clock.is_led_by(leader));
        if !ready {
            clock.step_down();
        }
        let status = status(&seen, &metrics, ready);
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
        if let Some(leader) = leading.filter(|_| !ready) {
            let at = machine.applied_at();
            let machine = machine.clone();
            // It looks at all that slides.
            if holdfast_system::work::spawn_blocking(move || machine.begin_to_lead(at))
                .await
                .is_ok()
            {
                clock.lead(leader, at);
                continue;
            }
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

fn status(seen: &RaftServerMetrics<Types>, metrics: &RaftMetrics<Types>, ready: bool) -> GroupStatus {
    let members = GroupMembers::of(&seen.membership_config);
    let leader = seen
        .current_leader
        .map(ReplicaId::from)
        .and_then(|id| Some((id, members.addresses.get(&id)?.clone())));
    let failed = match &metrics.running_state {
        Ok(()) | Err(Fatal::Stopped) => None,
        Err(fatal) => Some(fatal.to_string()),
    };
    GroupStatus {
        role: role(seen, metrics),
        term: seen.vote.leader_id.term,
        leader,
        ready,
        members,
        failed,
    }
}

fn role(seen: &RaftServerMetrics<Types>, metrics: &RaftMetrics<Types>) -> Role {
    match (metrics.running_state.is_ok(), seen.state) {
        (false, _) | (_, ServerState::Shutdown) => Role::Stopped,
        (_, ServerState::Leader) => Role::Leader,
        (_, ServerState::Candidate) => Role::Candidate,
        (_, ServerState::Follower) => Role::Follower,
        (_, ServerState::Learner) => Role::Learner,
    }
}

/// The leadership, once an entry of its own is applied: then everything of its predecessors is.
fn leadership(seen: &RaftServerMetrics<Types>, metrics: &RaftMetrics<Types>) -> Option<LeaderId> {
    let leads = role(seen, metrics) == Role::Leader;
    let applied = metrics.last_applied.filter(|_| leads)?.leader_id;
    (applied == seen.vote.leader_id && applied.node_id == seen.id).then_some(applied)
}
