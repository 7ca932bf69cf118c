//! What a machine's disk has when its process is killed, or its power fails, at any moment.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_replication::raft::DataDirectory;
use holdfast_sim::machine::Machine;
use holdfast_system::simulation::disk::Pace;
use holdfast_system::simulation::{Death, Network};

const NOTE: &str = "written";
/// Longer than a log waits before it writes what is lazy.
const IDLE_MS: u64 = 60;

/// One disk, and what is known of it.
struct Disk<'a> {
    path: &'a Path,
    machine: Machine,
    random: fastrand::Rng,
    /// The last number that was said to be on disk, and the last that was to be written.
    acknowledged: Arc<AtomicU64>,
    attempted: u64,
}

impl Disk<'_> {
    /// One process: it writes one number after the other, until it dies.
    fn live(&mut self, network: &Network) {
        network.switch_on(0);
        self.machine.begin();
        let path = self.path.to_owned();
        let data = self.machine.run(async move { DataDirectory::open(path).await });
        let data = data.expect("what a crash leaves can be opened");
        let found = self.machine.run(data.note(NOTE)).expect("and read");
        let found = found.map_or(0, |note| {
            u64::from_le_bytes(note[..].try_into().expect("a number"))
        });
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        assert!(
            (acknowledged..=self.attempted).contains(&found),
            "{found} was read, {acknowledged} was acknowledged, {} was the last to be written",
            self.attempted
        );
        for _ in 0..self.random.u32(1..6) {
            self.attempted += 1;
            let number = self.attempted;
            let (data, acknowledged) = (data.clone(), Arc::clone(&self.acknowledged));
            self.machine.spawn(async move {
                let value = Bytes::copy_from_slice(&number.to_le_bytes());
                data.set_note(NOTE, value).await.expect("the disk works");
                acknowledged.fetch_max(number, Ordering::Relaxed);
            });
            // From the middle of its writing to when all is quiet.
            let ms = [0, 1, self.random.u64(0..8), IDLE_MS][self.random.usize(0..4)];
            (0..ms).for_each(|_| self.machine.step());
        }
        let death = [Death::Process, Death::Power, Death::Power][self.random.usize(0..3)];
        network.kill(0, death);
        self.machine.end(data);
    }
}

#[test]
fn what_was_acknowledged_is_on_disk_after_a_crash_at_any_moment_and_what_a_crash_tears_is_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..150 {
        let network = Network::install(1, seed);
        let pace = Pace {
            least_ms: 1,
            most_ms: 5,
        };
        network.set_disk(0, pace);
        let path = folder.path().join(seed.to_string());
        let mut disk = Disk {
            path: &path,
            machine: Machine::new(0, 1_000_000, Duration::ZERO),
            random: fastrand::Rng::with_seed(seed),
            acknowledged: Arc::default(),
            attempted: 0,
        };
        (0..6).for_each(|_| disk.live(&network));
    }
}
