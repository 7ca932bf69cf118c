//! Memory per entry, and what a million entries that are due in one second do to the readers of
//! others: `cargo bench -p holdfast-state --bench footprint`.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use holdfast_state::*;

const ENTRIES: u32 = 1_000_000;
const VALUE: [u8; 100] = [b'v'; 100];
const PAYLOAD: f64 = 120.0;
/// Keys that nobody expires.
const OTHERS: u32 = 100_000;

fn main() {
    // `cargo test --benches` only asks whether it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("{ENTRIES} entries, 20 B keys, 100 B values, 8 groups");
    println!(
        "{:<14} {:>10} {:>10} {:>10}   bytes per entry above payload",
        "", "malloc", "RSS", "charged"
    );
    memory("no TTL", |_| Expiry::NONE);
    memory("TTL", |number| {
        Expiry::after_ms(3_600_000 + u64::from(number % 60_000))
    });
    memory("sliding", |number| {
        Expiry::sliding(3_600_000 + u64::from(number % 60_000))
    });
    stall();
}

fn memory(name: &str, expiry: impl Fn(u32) -> Expiry) {
    let (malloc, rss) = (allocated(), resident());
    let node = Node::new(1 << 40);
    for number in 0..ENTRIES {
        if number % 100 == 0 {
            node.now.fetch_add(1, Ordering::Relaxed);
        }
        node.put(&key(number), &VALUE, expiry(number));
    }
    let each = |bytes: u64| bytes as f64 / f64::from(ENTRIES) - PAYLOAD;
    println!(
        "{name:<14} {:>10.1} {:>10.1} {:>10.1}",
        each(allocated() - malloc),
        each(resident().saturating_sub(rss)),
        each(node.charged())
    );
    assert_eq!(node.entries(), u64::from(ENTRIES));
}

/// Bytes that malloc has given out, its own headers included.
fn allocated() -> u64 {
    // SAFETY: no arguments; it only reads the allocator's counters.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

fn resident() -> u64 {
    // SAFETY: gives free pages back; no other effect.
    unsafe { libc::malloc_trim(0) };
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    pages * 4096
}

fn stall() {
    let node = Node::new(1 << 40);
    for number in 0..OTHERS {
        node.put(&key(ENTRIES + number), &VALUE, Expiry::NONE);
    }
    for number in 0..ENTRIES {
        let ttl = 3_000 + u64::from(number) * 1_000 / u64::from(ENTRIES);
        node.put(&key(number), &VALUE, Expiry::after_ms(ttl));
    }
    let (begin, first) = (now(), node.now().0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                node.now
                    .store(first + begin.elapsed().as_millis() as i64, Ordering::Relaxed);
                for (machine, store) in &node.groups {
                    expire(machine, store, node.now());
                }
                pause();
            }
        });
        let mut numbers = Numbers(9);
        read_until(&node, &mut numbers, begin + Duration::from_millis(500));
        let before = read_until(&node, &mut numbers, begin + Duration::from_millis(2_500));
        read_until(&node, &mut numbers, begin + Duration::from_millis(2_990));
        let mut during = Vec::new();
        while node.entries() > u64::from(OTHERS) {
            during.extend(read_until(&node, &mut numbers, now() + Duration::from_millis(50)));
        }
        let expired_after = begin.elapsed().as_millis() as i64 - 3_000;
        done.store(true, Ordering::Relaxed);
        println!(
            "\n{:<34} {:>9} {:>9} {:>9} {:>9}",
            "get of others", "p50 ns", "p99 ns", "p99.9 ns", "max µs"
        );
        report("before", before);
        report("while a million expire", during);
        println!("all of them, due within 1000 ms, were removed after {expired_after} ms");
    });
}

fn expire(machine: &Machine, store: &Store, now: Timestamp) {
    while machine.next_deadline().is_some_and(|due| due <= now) {
        let change = Change::Expire {
            up_to: now,
            limit: 1_000,
        };
        let anywhere = KeyHash {
            slot: Slot(0),
            hash: 0,
        };
        machine.change(store, now, anywhere, &change, &mut NoEvents);
    }
}

fn read_until(node: &Node, numbers: &mut Numbers, end: Instant) -> Vec<u32> {
    let mut times = Vec::with_capacity(8_000_000);
    let mut buffer = [0; 128];
    let mut before = now();
    while before < end {
        let key = key(ENTRIES + numbers.below(OTHERS));
        before = now();
        node.get(&key, &mut buffer);
        times.push(before.elapsed().as_nanos() as u32);
    }
    times
}

fn report(name: &str, mut times: Vec<u32>) {
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    let max = f64::from(*times.last().expect("something was read")) / 1_000.0;
    println!(
        "{name:<34} {:>9} {:>9} {:>9} {max:>9.0}",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "stands for the timer of a node's expiry driver"
)]
fn pause() {
    thread::sleep(Duration::from_millis(5));
}
