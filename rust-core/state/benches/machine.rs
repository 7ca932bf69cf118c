//! Time of single calls: `cargo bench -p holdfast-state --bench machine`.

mod common;

use std::sync::Barrier;
use std::time::Duration;

use common::*;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_state::Expiry;

const ENTRIES: u32 = 10_000;
const VALUE: [u8; 100] = [b'v'; 100];

fn filled(expiry: Expiry) -> Node {
    let node = Node::new(1 << 30);
    (0..ENTRIES).for_each(|number| node.put(&key(number), &VALUE, expiry));
    node
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread");
    group.throughput(Throughput::Elements(1));
    let mut numbers = Numbers(1);
    let mut buffer = [0; 128];
    let node = filled(Expiry::NONE);
    group.bench_function("get hit 100 B", |b| {
        b.iter(|| node.get(&key(numbers.below(ENTRIES)), &mut buffer));
    });
    group.bench_function("put overwrite 100 B", |b| {
        b.iter(|| node.put(&key(numbers.below(ENTRIES)), &VALUE, Expiry::NONE));
    });
    group.bench_function("increment", |b| {
        b.iter(|| node.increment(&key(ENTRIES + numbers.below(1_000))));
    });
    let timed = filled(Expiry::after_ms(60_000));
    group.bench_function("get hit 100 B with TTL", |b| {
        b.iter(|| timed.get(&key(numbers.below(ENTRIES)), &mut buffer));
    });
    let sliding = filled(Expiry::sliding(60_000));
    group.bench_function("get hit 100 B sliding", |b| {
        b.iter(|| sliding.get(&key(numbers.below(ENTRIES)), &mut buffer));
    });
    group.bench_function("put new 100 B", |b| {
        let mut next = 0;
        let mut node = Node::new(1 << 40);
        b.iter(|| {
            next += 1;
            if next % 1_000_000 == 0 {
                node = Node::new(1 << 40);
            }
            node.put(&key(next), &VALUE, Expiry::NONE);
        });
    });
    group.finish();
}

/// Both threads read the whole set; time is per pair of reads.
fn two_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("two threads");
    group.throughput(Throughput::Elements(2));
    let node = filled(Expiry::NONE);
    group.bench_function("get hit 100 B", |b| {
        b.iter_custom(|rounds| {
            let barrier = Barrier::new(2);
            let read = |seed: u64| {
                let (mut numbers, mut buffer) = (Numbers(seed), [0; 128]);
                barrier.wait();
                let begin = now();
                for _ in 0..rounds {
                    std::hint::black_box(node.get(&key(numbers.below(ENTRIES)), &mut buffer));
                }
                begin.elapsed()
            };
            let spent: [Duration; 2] = std::thread::scope(|scope| {
                let other = scope.spawn(|| read(2));
                [read(3), other.join().expect("it only reads")]
            });
            spent[0].max(spent[1])
        });
    });
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = one_thread, two_threads
}
criterion_main!(benches);
