//! What breaks things: faults one after the other, sometimes two at once, each undone before the next.

use holdfast_chaos::history::{Fault, FaultKind, Line, Recorder};
use holdfast_system::simulation::disk::Pace;
use holdfast_system::simulation::{Death, Link};

use crate::cluster::{Cluster, DISK};

/// Time in which nothing is broken, between two faults.
const QUIET_MS: std::ops::Range<u64> = 200..900;
const FREEZE_MS: std::ops::Range<u64> = 100..3_000;
const CUT_MS: std::ops::Range<u64> = 100..3_500;
/// Long enough, mostly, for new leaders to be there before the node is.
const DOWN_MS: std::ops::Range<u64> = 0..3_000;
const SLOW_MS: std::ops::Range<u64> = 500..2_500;
const LONGEST_STOP_MS: u64 = 20_000;
/// After a fault, until everything is whole.
pub const LONGEST_RECOVERY_MS: u64 = 60_000;

/// Breaks things, as the seed says.
pub struct Nemesis {
    random: fastrand::Rng,
    /// All nodes may lose power at once.
    may_go_dark: bool,
    recorder: Recorder,
}

/// A fault beside which others may be.
enum Beside {
    Frozen(usize),
    Suspended(usize),
    Links(Vec<(usize, usize, Link)>),
    SlowDisk(usize),
}

impl Nemesis {
    /// One that follows a seed.
    #[must_use]
    pub fn new(seed: u64, may_go_dark: bool, recorder: Recorder) -> Nemesis {
        Nemesis {
            random: fastrand::Rng::with_seed(seed ^ 0xFA),
            may_go_dark,
            recorder,
        }
    }

    /// Does so many faults; then everything is whole again.
    ///
    /// # Errors
    /// A node ended by itself, or did not come back.
    pub fn run(&mut self, cluster: &mut Cluster, faults: u32) -> Result<(), String> {
        for _ in 0..faults {
            let quiet = self.random.u64(QUIET_MS);
            cluster.pass(quiet)?;
            self.one(cluster)?;
            cluster.all_ready(LONGEST_RECOVERY_MS)?;
        }
        Ok(())
    }

    fn one(&mut self, cluster: &mut Cluster) -> Result<(), String> {
        let began_ns = cluster.now_ms() * 1_000_000;
        let node = self.random.usize(0..cluster.size());
        if self.may_go_dark && self.random.u32(0..4) == 0 {
            self.go_dark(cluster)?;
            self.note(cluster, FaultKind::Kill, node, began_ns);
            return Ok(());
        }
        let mut beside = if self.random.u32(0..4) == 0 {
            let other = (node + self.random.usize(1..cluster.size())) % cluster.size();
            Some(self.begin(cluster, other))
        } else {
            None
        };
        let kind = match self.random.u32(0..10) {
            0..3 => self.kill(cluster, node)?,
            3 => self.stop(cluster, node, &mut beside)?,
            _ => {
                let (kind, fault, ms) = self.begin(cluster, node);
                cluster.pass(ms)?;
                self.undo(cluster, fault);
                kind
            }
        };
        if let Some((_, fault, ms)) = beside {
            cluster.pass(ms / 4)?;
            self.undo(cluster, fault);
        }
        self.note(cluster, kind, node, began_ns);
        Ok(())
    }

    fn note(&self, cluster: &Cluster, kind: FaultKind, node: usize, began_ns: u64) {
        self.recorder.note(Line::Fault(Fault {
            kind,
            node: node as u32,
            began_ns,
            ended_ns: cluster.now_ms() * 1_000_000,
            what: String::new(),
        }));
    }

    /// All nodes lose power at the same moment, and come back one after the other.
    fn go_dark(&mut self, cluster: &mut Cluster) -> Result<(), String> {
        cluster.say("all nodes lose power");
        let mut nodes: Vec<usize> = (0..cluster.size()).collect();
        for &node in &nodes {
            cluster.kill(node, Death::Power);
        }
        self.random.shuffle(&mut nodes);
        for node in nodes {
            let down = self.random.u64(DOWN_MS);
            cluster.pass(down)?;
            cluster.start(node)?;
        }
        Ok(())
    }

    fn kill(&mut self, cluster: &mut Cluster, node: usize) -> Result<FaultKind, String> {
        let death = if self.random.bool() {
            Death::Process
        } else {
            Death::Power
        };
        let down = self.random.u64(DOWN_MS);
        cluster.say(&format!("node {node} dies ({death:?}) for {down} ms"));
        cluster.kill(node, death);
        cluster.pass(down)?;
        cluster.start(node)?;
        Ok(FaultKind::Kill)
    }

    /// A planned stop waits for others that are getting a group: what keeps them from it does not last for ever.
    fn stop(
        &mut self,
        cluster: &mut Cluster,
        node: usize,
        beside: &mut Option<(FaultKind, Beside, u64)>,
    ) -> Result<FaultKind, String> {
        cluster.say(&format!("node {node} is asked to stop"));
        let stopping = cluster.ask_to_stop(node);
        if let Some((_, fault, ms)) = beside.take() {
            cluster.pass(ms)?;
            self.undo(cluster, fault);
        }
        cluster.until("a node that is asked to stop ends", LONGEST_STOP_MS, |_| {
            stopping.is_finished()
        })?;
        cluster.say(&format!("node {node} has stopped"));
        cluster.kill(node, Death::Process);
        cluster.start(node)?;
        Ok(FaultKind::Kill)
    }

    /// Begins a fault that is undone later; how long it lasts.
    fn begin(&mut self, cluster: &mut Cluster, node: usize) -> (FaultKind, Beside, u64) {
        if cluster.is_durable() && self.random.u32(0..4) == 0 {
            let ms = self.random.u64(SLOW_MS);
            let most_ms = self.random.u64(20..400);
            cluster.say(&format!(
                "the disk of node {node} takes up to {most_ms} ms, for {ms} ms"
            ));
            let least_ms = 0;
            cluster.network().set_disk(node, Pace { least_ms, most_ms });
            return (FaultKind::Pause, Beside::SlowDisk(node), ms);
        }
        match self.random.u32(0..10) {
            0..3 => {
                let ms = self.random.u64(FREEZE_MS);
                cluster.say(&format!("node {node} freezes for {ms} ms"));
                cluster.machine(node).freeze(true);
                (FaultKind::Pause, Beside::Frozen(node), ms)
            }
            3 => {
                let ms = self.random.u64(FREEZE_MS);
                cluster.say(&format!("node {node} is suspended for {ms} ms"));
                cluster.machine(node).suspend(true);
                (FaultKind::Pause, Beside::Suspended(node), ms)
            }
            4 => {
                let ms = self.random.u64(SLOW_MS);
                let most_ms = self.random.u64(5..150);
                cluster.say(&format!(
                    "what goes to and from node {node} takes up to {most_ms} ms, for {ms} ms"
                ));
                let slow = |link: Link| Link { most_ms, ..link };
                let others: Vec<usize> = (0..=cluster.size()).filter(|&other| other != node).collect();
                (
                    FaultKind::Cut,
                    change(cluster, &others, node, [true, true], slow),
                    ms,
                )
            }
            _ => self.cut(cluster, node),
        }
    }

    fn cut(&mut self, cluster: &mut Cluster, node: usize) -> (FaultKind, Beside, u64) {
        let ms = self.random.u64(CUT_MS);
        let ways = [[true, true], [true, false], [false, true]][self.random.usize(0..3)];
        let peers: Vec<usize> = (0..cluster.size()).filter(|&other| other != node).collect();
        let clients = cluster.clients_host();
        // From nodes, from one node only (the third one is a bridge then), from all, from clients.
        let from = match self.random.u32(0..4) {
            0 => peers,
            1 => vec![peers[self.random.usize(0..peers.len())]],
            2 => peers.into_iter().chain([clients]).collect(),
            _ => vec![clients],
        };
        cluster.say(&format!(
            "node {node} is cut off from {from:?} for {ms} ms, {ways:?}"
        ));
        let cut = |link: Link| Link { cut: true, ..link };
        (FaultKind::Cut, change(cluster, &from, node, ways, cut), ms)
    }

    fn undo(&mut self, cluster: &mut Cluster, fault: Beside) {
        cluster.say("that is over");
        match fault {
            Beside::Frozen(node) => cluster.machine(node).freeze(false),
            Beside::Suspended(node) => cluster.machine(node).suspend(false),
            Beside::SlowDisk(node) => cluster.network().set_disk(node, DISK),
            Beside::Links(links) => {
                let ends = self.random.bool();
                for (from, to, link) in links {
                    cluster.network().set_link(from, to, link);
                    if ends {
                        cluster.network().reset(from, to);
                    }
                }
            }
        }
    }
}

/// Changes the ways between a node and others, `[to the node, from the node]`; what they were.
fn change(
    cluster: &Cluster,
    others: &[usize],
    node: usize,
    ways: [bool; 2],
    change: impl Fn(Link) -> Link,
) -> Beside {
    let network = cluster.network();
    let mut links = Vec::new();
    for &other in others {
        for (from, to) in [(other, node), (node, other)] {
            if ways[usize::from(from == node)] {
                let link = network.link(from, to);
                links.push((from, to, link));
                network.set_link(from, to, change(link));
            }
        }
    }
    Beside::Links(links)
}
