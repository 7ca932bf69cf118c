//! Clocks that are moved by hand, as tests have them: those of all nodes of a cluster move together.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use holdfast_proto::{Code, Error, Outcome};
use holdfast_replication::raft::{SystemTime, TimeSource};
use holdfast_state::Timestamp;

use super::calls::{Answer, Call};
use super::duties;
use super::member::ClusterNode;
use crate::clock::ClusterClock;

/// How long another node may take to remove what became due.
const PATIENCE: Duration = Duration::from_secs(10);

/// A node's own clock as its groups look at it: one that is moved by hand never sleeps.
struct MovedByHand(Arc<dyn ClusterClock>);

impl TimeSource for MovedByHand {
    fn boottime(&self) -> Duration {
        Duration::from_millis(self.0.now().0.try_into().unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        self.boottime()
    }
}

/// Where the groups of a node have their time from.
pub(crate) fn time_source(clock: &Arc<dyn ClusterClock>) -> Arc<dyn TimeSource> {
    if clock.moves_by_itself() {
        Arc::new(SystemTime)
    } else {
        Arc::new(MovedByHand(Arc::clone(clock)))
    }
}

impl ClusterNode {
    /// Moves the clocks of all nodes on; returns when what became due has expired. Not to be repeated: what was moved
    /// stays moved.
    ///
    /// # Errors
    /// `ClockNotManual`: a node's clock moves by itself. `Unavailable`: a node did not answer, and time has passed only at
    /// the others.
    pub(crate) async fn advance_clocks(&self, by_ms: u64) -> Result<Timestamp, Error> {
        if self.clock.moves_by_itself() {
            return Err(Error::new(Code::ClockNotManual, moves_by_itself(&self.name)));
        }
        let others = self.others();
        let call = Call::AdvanceClock(by_ms);
        let asked = others.iter().map(|address| self.ask(address, &call, PATIENCE));
        let (now, answers) = join(self.advance_clock(by_ms), join_all(asked)).await;
        for (address, answer) in others.iter().zip(answers) {
            let refused = |code, reason: String| {
                Error::new(code, format!("the clock of {address}: {reason}")).with_outcome(Outcome::Unknown)
            };
            match answer {
                Ok(Answer::Advanced(Ok(_))) => {}
                Ok(Answer::Advanced(Err(reason))) => return Err(refused(Code::ClockNotManual, reason)),
                Ok(_) => return Err(refused(Code::Unavailable, "it cannot be moved now".to_owned())),
                Err(reason) => return Err(refused(Code::Unavailable, reason)),
            }
        }
        now.map_err(|reason| Error::new(Code::ClockNotManual, reason))
    }

    /// Moves this node's clock on. The groups that it leads log the new time, so that their next leaders know it, and what
    /// became due has expired there when this returns.
    ///
    /// # Errors
    /// The clock moves by itself.
    pub(crate) async fn advance_clock(&self, by_ms: u64) -> Result<Timestamp, String> {
        let now = self.clock.advance(by_ms);
        let now = now.ok_or_else(|| moves_by_itself(&self.name))?;
        let groups = self.groups();
        let led = groups.values().filter(|group| group.raft().leads());
        join_all(led.map(|group| duties::log_time(group.raft()))).await;
        Ok(now)
    }

    /// The other nodes of the cluster.
    fn others(&self) -> Vec<String> {
        let Some(meta) = self.meta() else {
            return Vec::new();
        };
        let machine = meta.machine().read();
        let nodes = machine.cluster().into_iter().flat_map(|cluster| cluster.nodes());
        nodes
            .filter(|(_, node)| *node.description.name != *self.name)
            .map(|(_, node)| node.description.peer_address.to_string())
            .collect()
    }
}

fn moves_by_itself(name: &str) -> String {
    format!("the clock of node '{name}' moves by itself; start all nodes with clock=manual to advance it")
}
