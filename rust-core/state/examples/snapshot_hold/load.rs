//! One group's machine and the log entries that it applies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_state::*;

const STORE: StoreId = StoreId(1);

pub(crate) struct Load {
    pub(crate) machine: Arc<Machine>,
    pub(crate) config: MachineConfig,
    value: Vec<u8>,
    entries: u32,
    sessions: u32,
    sequence: u64,
    numbers: u64,
    now: i64,
}

impl Load {
    pub(crate) fn new(class: StoreClass, entries: u32, value_bytes: u32, sessions: u32) -> Load {
        let kind = match class {
            StoreClass::Cache => GroupKind::Cache,
            StoreClass::Coordination => GroupKind::Coordination,
        };
        let config = MachineConfig {
            kind,
            first_revision: 1_700_000_000_000_000,
            feature_level: FEATURE_LEVEL,
            seed: 0x9E37_79B9_7F4A_7C15,
            touch_interval_ms: 500,
            group_index: 0,
            group_count: 1,
        };
        let machine = Machine::new(config);
        let define = GroupCommand::DefineStore {
            id: STORE,
            name: "default/bench",
            settings: StoreSettings::new(class, 64 << 30),
        };
        machine.apply(Timestamp(0), &[Command::Group(define)], &mut NoEvents);
        for session in 1..=u128::from(sessions) {
            let open = Command::Group(GroupCommand::OpenSession { session });
            machine.apply(Timestamp(0), &[open], &mut NoEvents);
        }
        let mut load = Load {
            machine: Arc::new(machine),
            config,
            value: vec![b'v'; value_bytes as usize],
            entries,
            sessions,
            sequence: 0,
            numbers: 88_172_645_463_325_252,
            now: 1_700_000_000_000,
        };
        for number in 0..entries {
            load.put(number);
        }
        load
    }

    /// Applies one entry of the log: mostly an overwrite, now and then a new key or a deletion. How long it took.
    pub(crate) fn apply(&mut self) -> Duration {
        let begun = Instant::now();
        match self.below(16) {
            0 => {
                let number = self.entries + self.below(self.entries);
                self.put(number);
            }
            1 => {
                let number = self.below(2 * self.entries);
                let change = Change::Delete {
                    key: &key(number),
                    condition: Condition::Always,
                    return_previous: false,
                };
                self.one(change);
            }
            _ => {
                let number = self.below(self.entries);
                self.put(number);
            }
        }
        begun.elapsed()
    }

    fn put(&mut self, number: u32) {
        let value = std::mem::take(&mut self.value);
        self.one(Change::Put {
            key: &key(number),
            value: &value,
            expiry: Expiry::NONE,
            condition: Condition::Always,
            never_evict: false,
            return_previous: false,
        });
        self.value = value;
    }

    fn one(&mut self, change: Change<'_>) {
        self.now += 1;
        self.sequence += 1;
        let session = (self.sessions > 0).then(|| SessionTag {
            session: 1 + u128::from(self.sequence) % u128::from(self.sessions),
            sequence: self.sequence,
            // The last few changes of each.
            first_unacknowledged: self
                .sequence
                .saturating_sub(4 * u64::from(self.sessions).min(1_000)),
        });
        let command = Command::InStore {
            store: STORE,
            slot: Slot(0),
            session,
            change,
        };
        self.machine.apply(Timestamp(self.now), &[command], &mut NoEvents);
    }

    /// A plain generator (xorshift), so that every run does the same.
    fn below(&mut self, end: u32) -> u32 {
        self.numbers ^= self.numbers << 13;
        self.numbers ^= self.numbers >> 7;
        self.numbers ^= self.numbers << 17;
        ((self.numbers >> 32).wrapping_mul(u64::from(end)) >> 32) as u32
    }
}

/// 20 bytes, in an order of their own.
fn key(number: u32) -> [u8; 20] {
    let mut key = *b"bench:key:0000000000";
    let mut rest = number.wrapping_mul(2_654_435_761);
    for digit in key[10..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}
