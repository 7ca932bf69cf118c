//! How long a snapshot holds apply up, how long it takes, and the memory it needs:
//! `cargo run --release -p holdfast-state --example snapshot_hold [-- ENTRIES VALUE_BYTES SESSIONS]`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod load;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use holdfast_state::*;
use load::Load;
use memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map_while(|text| text.parse::<u32>().ok());
    let entries = arguments.next().unwrap_or(500_000);
    let value_bytes = arguments.next().unwrap_or(1024);
    let sessions = arguments.next().unwrap_or(1_000);
    println!(
        "{entries} entries, 20 B keys, {value_bytes} B values, {sessions} sessions; one group, one thread applies"
    );
    for class in [StoreClass::Cache, StoreClass::Coordination] {
        let mut load = Load::new(class, entries, value_bytes, sessions);
        println!("{class:?}, {} MB of state", memory::live() >> 20);
        alone(&mut load);
        beside(&mut load);
        whole(&load);
        for _ in 0..3 {
            view(&mut load);
        }
        restored(&load);
    }
}

/// Apply without a snapshot, to compare with.
fn alone(load: &mut Load) {
    let applied = Applied::until(load, |begun, _| begun.elapsed() >= Duration::from_secs(2));
    println!("  no snapshot   {applied}");
}

/// Apply beside a thread that only keeps a core and the memory busy.
fn beside(load: &mut Load) {
    let over = AtomicBool::new(false);
    let applied = thread::scope(|scope| {
        scope.spawn(|| {
            let (from, mut to) = (vec![1_u8; 64 << 20], vec![0_u8; 64 << 20]);
            while !over.load(Ordering::Relaxed) {
                to.copy_from_slice(std::hint::black_box(&from));
            }
        });
        let applied = Applied::until(load, |begun, _| begun.elapsed() >= Duration::from_secs(1));
        over.store(true, Ordering::Relaxed);
        applied
    });
    println!("  busy thread   {applied}");
}

/// A snapshot in one buffer, between two entries.
fn whole(load: &Load) {
    memory::forget_peak();
    let before = memory::live();
    let begun = Instant::now();
    let bytes = load.machine.snapshot();
    let took = begun.elapsed();
    println!(
        "  one buffer    apply waits {took:.2?}; {} MB of snapshot, {} MB more memory",
        bytes.len() >> 20,
        (memory::peak() - before) >> 20
    );
}

/// A view, written by another thread while apply goes on.
fn view(load: &mut Load) {
    // The allocator has settled what the one before has freed.
    (0..20_000).for_each(|_| {
        load.apply();
    });
    let durations = Vec::with_capacity(DURATIONS);
    memory::forget_peak();
    let before = memory::live();
    let begun = Instant::now();
    let view = load.machine.snapshot_view();
    let fixed = begun.elapsed();
    let written = AtomicBool::new(false);
    let mut most_held = 0;
    let (applied, (bytes, took)) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let begun = Instant::now();
            let bytes: usize = view.map(|piece| piece.expect("no other view").len()).sum();
            let took = begun.elapsed();
            written.store(true, Ordering::Relaxed);
            (bytes, took)
        });
        let applied = Applied::into(durations, load, |_, machine| {
            most_held = machine.view_bytes().max(most_held);
            written.load(Ordering::Relaxed)
        });
        (applied, writer.join().expect("the writer does not panic"))
    });
    println!(
        "  view          apply waits {fixed:.2?}; {applied}; {} MB in {took:.2?}; {} MB held, {} MB more memory",
        bytes >> 20,
        most_held >> 20,
        (memory::peak() - before) >> 20
    );
}

/// Restoring, piece by piece.
fn restored(load: &Load) {
    let pieces: Vec<Vec<u8>> = load
        .machine
        .snapshot_view()
        .map(|piece| piece.expect("no other view"))
        .collect();
    memory::forget_peak();
    let before = memory::live();
    let begun = Instant::now();
    let mut reader = SnapshotReader::new(load.config);
    for piece in pieces {
        reader.read(&piece).expect("a good snapshot");
    }
    let machine = reader.finish().expect("a good snapshot");
    println!(
        "  restored in {:.2?}, with at most {} MB beside pieces and state",
        begun.elapsed(),
        (memory::peak() - before) >> 20
    );
    drop(machine);
}

/// Room for as many measurements as a run makes.
const DURATIONS: usize = 4_000_000;

/// How long single entries took to apply.
struct Applied {
    count: usize,
    took: Duration,
    /// Ascending: the longest ones.
    longest: Vec<Duration>,
}

impl Applied {
    fn until(load: &mut Load, is_over: impl FnMut(Instant, &Arc<Machine>) -> bool) -> Applied {
        Applied::into(Vec::with_capacity(DURATIONS), load, is_over)
    }

    fn into(
        mut all: Vec<Duration>,
        load: &mut Load,
        mut is_over: impl FnMut(Instant, &Arc<Machine>) -> bool,
    ) -> Applied {
        let begun = Instant::now();
        while !is_over(begun, &load.machine) {
            all.push(load.apply());
        }
        let took = begun.elapsed();
        all.sort_unstable();
        Applied {
            count: all.len(),
            took,
            longest: all,
        }
    }
}

impl std::fmt::Display for Applied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |part: f64| self.longest[(self.longest.len() as f64 * part) as usize];
        write!(
            f,
            "apply p50 {:.2?}, p99.9 {:.2?}, longest {:.2?}, {:.0}/s",
            at(0.5),
            at(0.999),
            self.longest[self.longest.len() - 1],
            self.count as f64 / self.took.as_secs_f64()
        )
    }
}
