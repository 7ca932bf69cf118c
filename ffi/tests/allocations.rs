//! What the embedded path takes from the allocator: a hit or a miss nothing, a change its entry.

mod calls;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use calls::{open_embedded, request_with_room, submit};
use holdfast::*;

struct Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all memory is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of a thousand runs.
fn in_a_thousand(mut run: impl FnMut(u32)) -> u64 {
    run(0);
    let before = ALLOCATED.get();
    (0..1_000).for_each(run);
    ALLOCATED.get() - before
}

#[test]
fn a_hit_and_a_miss_allocate_nothing_and_a_put_its_entry_only() {
    for class in ["cache", "coordination"] {
        let client = open_embedded(&format!(
            "holdfast://embedded/a?node=allocations-{class}&class={class}"
        ));
        let mut room = [0_u8; 512];
        let mut timed = request_with_room(HfOp::Put, b"key", &[7; 100], &mut []);
        (timed.ttl_ms, timed.sliding_ms) = (600_000, 60_000);
        let put = submit(client, &timed);
        assert_eq!(put.flags & HF_REPLY_APPLIED, HF_REPLY_APPLIED);
        for (op, key, found) in [
            (HfOp::Get, b"key", HF_REPLY_FOUND),
            (HfOp::Exists, b"key", HF_REPLY_FOUND),
            (HfOp::Get, b"mis", 0),
        ] {
            let request = request_with_room(op, key, b"", &mut room);
            let allocated = in_a_thousand(|_| assert_eq!(submit(client, &request).flags, found));
            assert_eq!(allocated, 0, "{class} {op:?}");
        }
        let plain = request_with_room(HfOp::Put, b"plain", &[8; 100], &mut []);
        let allocated = in_a_thousand(|_| {
            submit(client, &plain);
        });
        // The history of a coordination store and tables grow now and then.
        assert!(
            allocated < 1_100,
            "{class}: {allocated} allocations in 1,000 puts"
        );
        hf_close(client);
    }
}

#[test]
fn a_put_into_a_full_cache_store_allocates_its_entry_and_a_list_of_victims() {
    let client = open_embedded("holdfast://embedded/full?node=allocations-full&class=cache&max-memory=1MiB");
    let put = |index: u32| {
        let key = index.to_le_bytes();
        submit(client, &request_with_room(HfOp::Put, &key, &[7; 200], &mut []));
    };
    (0..10_000).for_each(put);
    let allocated = in_a_thousand(|index| put(1_000_000 + index));
    assert!(allocated < 2_200, "{allocated} allocations in 1,000 puts");
    hf_close(client);
}
