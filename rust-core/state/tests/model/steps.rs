//! What a run is made of.

use holdfast_state::*;
use proptest::prelude::*;

const KEYS: u8 = 24;

/// One step of a run. Numbers are taken modulo what exists.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put {
        key: u8,
        size: u8,
        expiry: u8,
        condition: u8,
        never_evict: bool,
        previous: bool,
    },
    Number {
        key: u8,
        value: i64,
    },
    Delete {
        key: u8,
        condition: u8,
        previous: bool,
    },
    SetExpiry {
        key: u8,
        expiry: u8,
        condition: u8,
    },
    Refresh {
        key: u8,
    },
    Increment {
        key: u8,
        delta: i64,
        bounds: (i64, i64),
        expiry: u8,
        reset: bool,
    },
    Clear {
        range: u8,
        limit: u32,
    },
    Expire {
        limit: u32,
        earlier: i64,
    },
    Touch,
    Evict {
        bytes: u64,
    },
    Sweep {
        limit: u32,
    },
    Get {
        key: u8,
        slide: bool,
    },
    GetMany {
        keys: Vec<u8>,
    },
    Count {
        range: u8,
    },
    Scan {
        range: u8,
        descending: bool,
        limit: u32,
    },
    Pass {
        ms: i64,
    },
    Restore {
        seed: u64,
    },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS;
    prop_oneof![
        8 => (key.clone(), 0..60_u8, 0..8_u8, 0..6_u8, prop::bool::weighted(0.1), any::<bool>()).prop_map(
            |(key, size, expiry, condition, never_evict, previous)| Step::Put {
                key, size, expiry, condition, never_evict, previous
            }
        ),
        2 => (key.clone(), -20..20_i64).prop_map(|(key, value)| Step::Number { key, value }),
        3 => (key.clone(), 0..6_u8, any::<bool>())
            .prop_map(|(key, condition, previous)| Step::Delete { key, condition, previous }),
        2 => (key.clone(), 0..8_u8, 0..6_u8)
            .prop_map(|(key, expiry, condition)| Step::SetExpiry { key, expiry, condition }),
        2 => key.clone().prop_map(|key| Step::Refresh { key }),
        3 => (key.clone(), -30..30_i64, (-40..0_i64, 0..40_i64), 0..8_u8, any::<bool>()).prop_map(
            |(key, delta, bounds, expiry, reset)| Step::Increment { key, delta, bounds, expiry, reset }
        ),
        1 => (0..6_u8, 1..5_u32).prop_map(|(range, limit)| Step::Clear { range, limit }),
        3 => (1..6_u32, 0..50_i64).prop_map(|(limit, earlier)| Step::Expire { limit, earlier }),
        2 => Just(Step::Touch),
        1 => (1..2_000_u64).prop_map(|bytes| Step::Evict { bytes }),
        1 => (1..4_u32).prop_map(|limit| Step::Sweep { limit }),
        6 => (key.clone(), any::<bool>()).prop_map(|(key, slide)| Step::Get { key, slide }),
        1 => prop::collection::vec(key, 1..6).prop_map(|keys| Step::GetMany { keys }),
        1 => (0..6_u8).prop_map(|range| Step::Count { range }),
        1 => (0..6_u8, any::<bool>(), 1..4_u32)
            .prop_map(|(range, descending, limit)| Step::Scan { range, descending, limit }),
        6 => prop_oneof![1..40_i64, 1..400_i64, 1..30_000_i64].prop_map(|ms| Step::Pass { ms }),
        1 => any::<u64>().prop_map(|seed| Step::Restore { seed }),
    ]
}

pub(crate) fn key(number: u8) -> Vec<u8> {
    match number % 4 {
        0 => format!("k{number:02}").into_bytes(),
        1 => format!("user:{{{}}}:{number}", number / 8).into_bytes(),
        2 => vec![0xFF, 0xFF, number],
        _ => format!("k{}", "x".repeat(usize::from(number) * 20)).into_bytes(),
    }
}

pub(crate) fn expiry(number: u8) -> Expiry {
    match number {
        0..=2 => Expiry::NONE,
        3 => Expiry::after_ms(100),
        4 => Expiry::after_ms(5_000),
        5 => Expiry::sliding(120),
        6 => Expiry {
            ttl_ms: Some(400),
            sliding_ms: Some(150),
            absolute_unix_ms: None,
        },
        _ => Expiry {
            ttl_ms: Some(700),
            sliding_ms: None,
            absolute_unix_ms: Some(1_999_999_999_999),
        },
    }
}

pub(crate) fn range(number: u8) -> KeyRange<'static> {
    match number {
        0 | 1 => KeyRange::All,
        2 => KeyRange::Prefix(b"k0"),
        3 => KeyRange::Prefix(&[0xFF, 0xFF]),
        4 => KeyRange::Range {
            first: b"k1",
            end: Some(b"user:{1"),
        },
        _ => KeyRange::Range {
            first: b"kx",
            end: None,
        },
    }
}
