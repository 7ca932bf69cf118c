//! What breaks things: one fault after the other, chosen by the seed, each undone before the next.

use std::time::Duration;

use tokio::time::Instant;

use crate::history::{Fault, FaultKind, Line};
use crate::network::Source;
use crate::nodes::Cluster;

/// Time in which nothing is broken, between two faults.
const QUIET_MS: std::ops::Range<u64> = 1_500..3_000;
const PAUSE_MS: std::ops::Range<u64> = 200..3_000;
const CUT_MS: std::ops::Range<u64> = 300..4_000;
const DOWN_MS: std::ops::Range<u64> = 0..1_000;
/// A cluster notices that a node is gone, and has chosen new leaders, before the node comes back.
const DOWN_IN_CLUSTER_MS: std::ops::Range<u64> = 1_500..4_000;
const LONGEST_RECOVERY: Duration = Duration::from_secs(60);

/// Breaks things.
pub struct Nemesis {
    kinds: Vec<FaultKind>,
    random: fastrand::Rng,
}

impl Nemesis {
    /// One that does faults of these kinds.
    #[must_use]
    pub fn new(kinds: &[FaultKind], seed: u64) -> Nemesis {
        Nemesis {
            kinds: kinds.to_vec(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Breaks things until the time has come; then everything is whole again.
    ///
    /// # Errors
    /// A node died by itself, or did not come back.
    pub async fn run(&mut self, cluster: &mut Cluster, until: Instant) -> Result<(), String> {
        loop {
            let quiet = Instant::now() + self.time(QUIET_MS);
            tokio::time::sleep_until(quiet.min(until)).await;
            if let Some(died) = cluster.died() {
                return Err(died);
            }
            if quiet >= until || self.kinds.is_empty() {
                tokio::time::sleep_until(until).await;
                return cluster.all_ready(LONGEST_RECOVERY).await;
            }
            let kind = self.kinds[self.random.usize(0..self.kinds.len())];
            let node = self.random.usize(0..cluster.size());
            let began_ns = cluster.recorder().now_ns();
            let what = match kind {
                FaultKind::Kill => self.kill(cluster, node).await?,
                FaultKind::Pause => self.pause(cluster, node).await,
                FaultKind::Cut => self.cut(cluster, node).await,
            };
            let ended_ns = cluster.recorder().now_ns();
            cluster.recorder().note(Line::Fault(Fault {
                kind,
                node: node as u32,
                began_ns,
                ended_ns,
                what,
            }));
            // The next one finds a majority.
            cluster.all_ready(LONGEST_RECOVERY).await?;
        }
    }

    async fn kill(&mut self, cluster: &mut Cluster, node: usize) -> Result<String, String> {
        let down = if cluster.is_alone() {
            DOWN_MS
        } else {
            DOWN_IN_CLUSTER_MS
        };
        let down = self.time(down);
        cluster.kill_and_restart(node, down).await?;
        Ok(format!("node {node} killed, started again after {down:?}"))
    }

    async fn pause(&mut self, cluster: &Cluster, node: usize) -> String {
        let time = self.time(PAUSE_MS);
        cluster.pause(node, time).await;
        format!("node {node} frozen for {time:?}")
    }

    async fn cut(&mut self, cluster: &Cluster, node: usize) -> String {
        let time = self.time(CUT_MS);
        let (in_open, out_open) = [(false, false), (false, true), (true, false)][self.random.usize(0..3)];
        let others: Vec<usize> = (0..cluster.size()).filter(|&other| other != node).collect();
        // From clients only, from nodes only, from one other node only, from all.
        let (clients, peers) = match self.random.u32(0..4) {
            _ if others.is_empty() => (true, &others[..]),
            0 => (true, &[][..]),
            1 => (false, &others[..]),
            2 => {
                let at = self.random.usize(0..others.len());
                (false, &others[at..=at])
            }
            _ => (true, &others[..]),
        };
        let network = cluster.network();
        if clients {
            network.set(Source::Clients, node, in_open, out_open);
        }
        for &peer in peers {
            // What comes in to the node: requests of the other, and answers of the other.
            network.set(Source::Node(peer), node, in_open, out_open);
            network.set(Source::Node(node), peer, out_open, in_open);
        }
        tokio::time::sleep(time).await;
        let ends = self.random.bool();
        network.heal(ends);
        let ways = match (in_open, out_open) {
            (false, false) => "both ways",
            (false, true) => "towards it",
            _ => "away from it",
        };
        format!(
            "node {node} cut off {ways} for {time:?}, from clients: {clients}, from nodes {peers:?}; connections ended: {ends}"
        )
    }

    fn time(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range))
    }
}
