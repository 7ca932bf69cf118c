//! The embedded path through the ABI: what a call costs below C#.
//! `ffi/cargo bench -p holdfast-ffi --bench embedded`

#[path = "../tests/calls/mod.rs"]
mod calls;

use calls::{open_embedded, request_with_room, submit};
use criterion::{Criterion, criterion_group, criterion_main};
use holdfast::*;

const KEYS: usize = 10_000;

fn embedded(criterion: &mut Criterion) {
    let keys: Vec<String> = (0..KEYS).map(|index| format!("product:{index:012}")).collect();
    let value = [7_u8; 100];
    let mut room = [0_u8; 512];
    for class in ["cache", "coordination"] {
        let client = open_embedded(&format!(
            "holdfast://embedded/bench?node=bench-{class}&class={class}"
        ));
        for key in &keys {
            submit(
                client,
                &request_with_room(HfOp::Put, key.as_bytes(), &value, &mut room),
            );
        }
        let mut next = (0..KEYS).cycle();
        criterion.bench_function(&format!("{class}: get 100 B"), |bencher| {
            bencher.iter(|| {
                let key = keys[next.next().unwrap_or_default() * 7919 % KEYS].as_bytes();
                submit(client, &request_with_room(HfOp::Get, key, b"", &mut room))
            });
        });
        criterion.bench_function(&format!("{class}: put 100 B over an entry"), |bencher| {
            bencher.iter(|| {
                let key = keys[next.next().unwrap_or_default() * 7919 % KEYS].as_bytes();
                submit(client, &request_with_room(HfOp::Put, key, &value, &mut room))
            });
        });
        hf_close(client);
    }
}

criterion_group!(benches, embedded);
criterion_main!(benches);
