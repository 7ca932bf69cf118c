//! Keeps a group's log short.

use std::sync::Arc;

use openraft::async_runtime::WatchReceiver;
use tokio::sync::Notify;

use super::adapter::Adapter;
use super::log::LogGauge;
use super::machine::GroupMachine;
use super::options::GroupLimits;
use super::types::Types;

/// Of the bound, what stays when the log is cut: replicas that lag by less need no snapshot.
const KEPT_PART: u64 = 4;

/// Until the replica stops: when the log has outgrown its bound, has a snapshot made and then cuts the log's beginning.
pub(crate) async fn keep<M: GroupMachine>(
    raft: openraft::Raft<Types, Adapter<M>>,
    machine: Arc<M>,
    gauge: Arc<dyn LogGauge>,
    grown: Arc<Notify>,
    limits: GroupLimits,
) {
    let mut data = raft.data_metrics();
    // What could not be cut: entries on their way to a replica stay until they have arrived.
    let mut stuck = 0;
    loop {
        grown.notified().await;
        let bound = limits.log_bytes.max(machine.state_bytes() / 4);
        if gauge.bytes() <= bound {
            stuck = 0;
            continue;
        }
        if gauge.bytes() > stuck + bound / KEPT_PART {
            let wanted = data.borrow_watched().last_applied;
            if raft.trigger().snapshot().await.is_err() {
                return;
            }
            // One at least as new as what was applied then; it is built beside further entries.
            if data.wait_until(|data| data.snapshot >= wanted).await.is_err() {
                return;
            }
            stuck = gauge.bytes();
        }
        if let Some(upto) = gauge.index_to_keep(bound / KEPT_PART)
            && raft.trigger().purge_log(upto).await.is_err()
        {
            return;
        }
    }
}
