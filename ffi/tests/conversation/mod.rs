//! A conversation with a store, and what of its answers does not depend on where the store is.

use holdfast::*;

use crate::calls::{Arrival, many, request};

const OK: u32 = HfStatus::Ok as u32;

/// An item as numbers, without its version, and its key and value.
pub(crate) type Shown = (u32, u32, u32, i64, i64, i64, i64, Vec<u8>, Vec<u8>);

fn items_of(arrival: &Arrival) -> Vec<Shown> {
    let size = size_of::<HfItem>();
    (0..arrival.items as usize)
        .map(|index| {
            // SAFETY: the data begins with that many items; unaligned, since it was copied.
            let item = unsafe {
                arrival.data[index * size..]
                    .as_ptr()
                    .cast::<HfItem>()
                    .read_unaligned()
            };
            let bytes =
                |offset: u64, length: u64| arrival.data[offset as usize..(offset + length) as usize].to_vec();
            let key = bytes(item.key_offset, u64::from(item.key_length));
            let mut value = bytes(item.value_offset, item.value_length);
            if item.status == HfStatus::Error as u32 {
                value.clear();
            }
            let numbers = (item.number, item.previous, item.ttl_ms, item.absolute_unix_ms);
            let (number, previous, ttl_ms, absolute) = numbers;
            (
                item.status,
                item.code,
                item.flags,
                number,
                previous,
                ttl_ms,
                absolute,
                key,
                value,
            )
        })
        .collect()
}

/// What has to be the same wherever the store is: all but versions, wording and the way.
pub(crate) fn comparable(mut arrival: Arrival) -> (Arrival, Vec<Shown>) {
    let items = items_of(&arrival);
    (arrival.version, arrival.retries, arrival.server) = (0, 0, 0);
    if arrival.items > 0 || arrival.status != OK {
        arrival.data.clear();
    }
    (arrival, items)
}

/// Requests of every kind, by name, in an order that gives them something to answer.
pub(crate) fn conversation() -> Vec<(&'static str, HfRequest)> {
    let plain = |op, key: &'static [u8], value: &'static [u8]| request(op, 1, key, value);
    let with = |mut request: HfRequest, change: fn(&mut HfRequest)| {
        change(&mut request);
        request
    };
    let batch: &'static [HfRequest] = Vec::leak(vec![
        plain(HfOp::Put, b"b:1", b"one"),
        plain(HfOp::Put, b"", b"no key"),
        with(plain(HfOp::Put, b"b:2", b"endless"), |request| {
            request.ttl_ms = -1
        }),
        plain(HfOp::Get, b"b:1", b""),
        plain(HfOp::Scan, b"", b""),
        with(plain(HfOp::Increment, b"b:n", b""), |request| {
            (request.delta, request.minimum, request.maximum) = (5, 0, 10);
        }),
        plain(HfOp::Exists, b"b:none", b""),
        plain(HfOp::Delete, b"b:1", b""),
    ]);
    let keys: &'static [HfRequest] = Vec::leak(vec![
        plain(HfOp::Get, b"a", b""),
        plain(HfOp::Get, b"none", b""),
        plain(HfOp::Get, b"timed", b""),
    ]);
    let no_key: &'static [HfRequest] = Vec::leak(vec![plain(HfOp::Get, b"", b"")]);
    let large: &'static [u8] = Vec::leak(vec![7; 900_000]);
    let too_large: &'static [u8] = Vec::leak(vec![7; (1 << 20) + 1]);
    vec![
        ("miss", plain(HfOp::Get, b"a", b"")),
        ("put", plain(HfOp::Put, b"a", b"value")),
        ("get", plain(HfOp::Get, b"a", b"")),
        ("exists", plain(HfOp::Exists, b"a", b"")),
        (
            "metadata",
            with(plain(HfOp::Get, b"a", b""), |request| {
                request.flags = HF_REQUEST_METADATA_ONLY
            }),
        ),
        (
            "create",
            with(plain(HfOp::Put, b"a", b"x"), |request| {
                request.flags = HF_REQUEST_IF_ABSENT
            }),
        ),
        (
            "previous",
            with(plain(HfOp::Put, b"a", b"new"), |request| {
                request.flags = HF_REQUEST_RETURN_PREVIOUS
            }),
        ),
        (
            "version",
            with(plain(HfOp::Put, b"a", b"x"), |request| {
                (request.flags, request.version) = (HF_REQUEST_IF_VERSION, 1);
            }),
        ),
        (
            "timed",
            with(plain(HfOp::Put, b"timed", b"t"), |request| {
                (request.ttl_ms, request.sliding_ms, request.absolute_unix_ms) = (60_000, 10_000, 1_234);
            }),
        ),
        ("sliding", plain(HfOp::Get, b"timed", b"")),
        ("refresh", plain(HfOp::Refresh, b"timed", b"")),
        (
            "expiry",
            with(plain(HfOp::SetExpiry, b"timed", b""), |request| {
                request.ttl_ms = 5_000
            }),
        ),
        (
            "increment",
            with(plain(HfOp::Increment, b"n", b""), |request| {
                (request.delta, request.minimum, request.maximum, request.initial) =
                    (3, i64::MIN, i64::MAX, 4);
            }),
        ),
        (
            "bounds",
            with(plain(HfOp::Increment, b"n", b""), |request| {
                (request.delta, request.minimum, request.maximum) = (3, 0, 8);
            }),
        ),
        (
            "not a number",
            with(plain(HfOp::Increment, b"a", b""), |request| request.maximum = 9),
        ),
        (
            "empty bounds",
            with(plain(HfOp::Increment, b"n", b""), |request| request.minimum = 1),
        ),
        ("large", plain(HfOp::Put, b"large", large)),
        ("large again", plain(HfOp::Get, b"large", b"")),
        ("too large", plain(HfOp::Put, b"large", too_large)),
        ("no key", plain(HfOp::Get, b"", b"")),
        (
            "negative",
            with(plain(HfOp::Put, b"a", b"x"), |request| request.ttl_ms = -1),
        ),
        (
            "lenient",
            with(plain(HfOp::Put, b"l", b"x"), |request| {
                (request.ttl_ms, request.flags) = (-1, HF_REQUEST_LENIENT_EXPIRY);
            }),
        ),
        ("get many", many(HfOp::GetMany, 1, keys)),
        ("get no key", many(HfOp::GetMany, 1, no_key)),
        ("get none", many(HfOp::GetMany, 1, &[])),
        ("batch", many(HfOp::Batch, 1, batch)),
        ("count", plain(HfOp::Count, b"", b"")),
        (
            "count prefix",
            with(plain(HfOp::Count, b"b:", b""), |request| {
                request.flags = HF_REQUEST_PREFIX
            }),
        ),
        (
            "count range",
            with(plain(HfOp::Count, b"a", b"c"), |request| {
                request.flags = HF_REQUEST_RANGE
            }),
        ),
        (
            "page",
            with(plain(HfOp::Scan, b"", b""), |request| request.maximum = 2),
        ),
        (
            "rest",
            with(plain(HfOp::Scan, b"b", b"z"), |request| {
                request.flags = HF_REQUEST_RANGE | HF_REQUEST_KEYS_ONLY | HF_REQUEST_DESCENDING;
            }),
        ),
        (
            "no entries",
            with(plain(HfOp::Scan, b"zzz", b""), |request| {
                request.flags = HF_REQUEST_PREFIX
            }),
        ),
        (
            "no page",
            with(plain(HfOp::Scan, b"", b""), |request| request.maximum = -1),
        ),
        (
            "cursor",
            with(plain(HfOp::Scan, b"", b""), |request| {
                (request.cursor, request.cursor_length) = (b"garbage".as_ptr(), 7);
            }),
        ),
        (
            "clock",
            with(plain(HfOp::AdvanceClock, b"", b""), |request| {
                request.delta = 6_000
            }),
        ),
        (
            "back",
            with(plain(HfOp::AdvanceClock, b"", b""), |request| request.delta = -1),
        ),
        ("expired", plain(HfOp::Get, b"timed", b"")),
        ("delete", plain(HfOp::Delete, b"a", b"")),
        ("delete again", plain(HfOp::Delete, b"a", b"")),
        ("stats", plain(HfOp::Stats, b"", b"")),
        ("clear", plain(HfOp::Clear, b"", b"")),
        (
            "another store",
            with(plain(HfOp::Get, b"a", b""), |request| request.store = 9),
        ),
        (
            "no operation",
            with(plain(HfOp::Get, b"a", b""), |request| request.op = 99),
        ),
    ]
}
