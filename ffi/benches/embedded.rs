//! The embedded path through the ABI: what a call costs below C#.
//! `ffi/cargo bench -p holdfast-ffi --bench embedded`

use std::ffi::c_void;

use criterion::{Criterion, criterion_group, criterion_main};
use holdfast::*;

const KEYS: usize = 10_000;

fn open(text: &str) -> u64 {
    // SAFETY: a reply of zeroes is a valid one.
    let (mut client, mut reply) = (0, unsafe { std::mem::zeroed::<HfReply>() });
    // SAFETY: all pointers are to live locals; embedded requests never call back.
    unsafe {
        hf_open(
            text.as_ptr(),
            text.len() as u32,
            std::ptr::null(),
            0,
            1,
            std::ptr::null::<c_void>(),
            &raw mut client,
            &raw mut reply,
        )
    };
    assert_eq!(reply.status, HfStatus::Ok as u32);
    hf_reply_release(reply.release);
    client
}

fn request(op: HfOp, key: &[u8], value: &[u8], room: &mut [u8]) -> HfRequest {
    // SAFETY: a request of zeroes is a valid one.
    let mut request: HfRequest = unsafe { std::mem::zeroed() };
    request.ticket = 1;
    request.op = op as u32;
    (request.key, request.key_length) = (key.as_ptr(), key.len() as u32);
    (request.payload, request.payload_length) = (value.as_ptr(), value.len() as u32);
    (request.room, request.room_length) = (room.as_mut_ptr(), room.len() as u32);
    request
}

fn submit(client: u64, request: &HfRequest) -> HfReply {
    // SAFETY: a reply of zeroes is a valid one.
    let mut reply = unsafe { std::mem::zeroed() };
    // SAFETY: one request and one reply, both live, and so is what they point to.
    unsafe { hf_submit(client, request, 1, &raw mut reply) };
    reply
}

fn embedded(criterion: &mut Criterion) {
    let keys: Vec<String> = (0..KEYS).map(|index| format!("product:{index:012}")).collect();
    let value = [7_u8; 100];
    let mut room = [0_u8; 512];
    for class in ["cache", "coordination"] {
        let client = open(&format!(
            "holdfast://embedded/bench?node=bench-{class}&class={class}"
        ));
        for key in &keys {
            submit(client, &request(HfOp::Put, key.as_bytes(), &value, &mut room));
        }
        let mut next = (0..KEYS).cycle();
        criterion.bench_function(&format!("{class}: get 100 B"), |bencher| {
            bencher.iter(|| {
                let key = keys[next.next().unwrap_or_default() * 7919 % KEYS].as_bytes();
                submit(client, &request(HfOp::Get, key, b"", &mut room))
            });
        });
        criterion.bench_function(&format!("{class}: put 100 B over an entry"), |bencher| {
            bencher.iter(|| {
                let key = keys[next.next().unwrap_or_default() * 7919 % KEYS].as_bytes();
                submit(client, &request(HfOp::Put, key, &value, &mut room))
            });
        });
        hf_close(client);
    }
}

criterion_group!(benches, embedded);
criterion_main!(benches);
