//! A cache store over eight groups, as an embedded node has it.
#![allow(dead_code, reason = "each bench uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use holdfast_state::*;

pub(crate) const GROUPS: u16 = 8;
const STORE: StoreId = StoreId(1);

pub(crate) struct Node {
    pub(crate) groups: Vec<(Machine, Arc<Store>)>,
    pub(crate) now: AtomicI64,
}

impl Node {
    pub(crate) fn new(max_memory: u64) -> Node {
        let settings = StoreSettings::new(StoreClass::Cache, max_memory);
        let group = |group_index| {
            let machine = Machine::new(MachineConfig {
                kind: GroupKind::Cache,
                first_revision: 1_700_000_000_000_000,
                feature_level: FEATURE_LEVEL,
                seed: 0x9E37_79B9_7F4A_7C15,
                touch_interval_ms: 0,
                group_index,
                group_count: GROUPS,
            });
            let define = GroupCommand::DefineStore {
                id: STORE,
                name: "default/bench",
                settings,
            };
            machine.apply(Timestamp(0), &[Command::Group(define)], &mut NoEvents);
            let store = machine.store(STORE).expect("just defined");
            (machine, store)
        };
        Node {
            groups: (0..GROUPS).map(group).collect(),
            now: AtomicI64::new(1_700_000_000_000),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    #[inline]
    fn place(&self, key: &[u8]) -> (KeyHash, &Machine, &Store) {
        let place = KeyHash::of(STORE, false, key);
        let (machine, store) = &self.groups[usize::from(place.slot.0 % GROUPS)];
        (place, machine, store)
    }

    #[inline]
    pub(crate) fn put(&self, key: &[u8], value: &[u8], expiry: Expiry) {
        let (place, machine, store) = self.place(key);
        let change = Change::Put {
            key,
            value,
            expiry,
            condition: Condition::Always,
            never_evict: false,
            return_previous: false,
        };
        let outcome = machine.change(store, self.now(), place, &change, &mut NoEvents);
        assert!(matches!(outcome, Outcome::Changed { applied: true, .. }));
    }

    #[inline]
    pub(crate) fn increment(&self, key: &[u8]) {
        let (place, machine, store) = self.place(key);
        let change = Change::Increment {
            key,
            delta: 1,
            minimum: i64::MIN,
            maximum: i64::MAX,
            initial: 0,
            expiry: Expiry::NONE,
            reset_expiry: false,
        };
        let outcome = machine.change(store, self.now(), place, &change, &mut NoEvents);
        assert!(matches!(outcome, Outcome::Counter { .. }));
    }

    /// Copies the value out, as every small read does.
    #[inline]
    pub(crate) fn get(&self, key: &[u8], buffer: &mut [u8; 128]) -> usize {
        let (place, machine, store) = self.place(key);
        let copy = |view: EntryView<'_>| {
            let value = view.value();
            buffer[..value.len()].copy_from_slice(value);
            value.len()
        };
        match machine.get(store, || self.now(), place, key, true, copy) {
            Ok(Read::Hit(length)) => length,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn entries(&self) -> u64 {
        let count = |(_, store): &(Machine, Arc<Store>)| store.count(Timestamp(i64::MIN), &KeyRange::All);
        self.groups.iter().map(count).sum()
    }

    pub(crate) fn charged(&self) -> u64 {
        self.groups.iter().map(|(_, store)| store.bytes()).sum()
    }
}

/// 20 bytes.
pub(crate) fn key(number: u32) -> [u8; 20] {
    let mut key = *b"bench:key:0000000000";
    let mut rest = number;
    for digit in key[10..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// A plain generator (xorshift), so that every run reads the same keys.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    #[inline]
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32).wrapping_mul(u64::from(end)) >> 32) as u32
    }
}
