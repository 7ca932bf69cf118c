//! A cache store over the groups of one node, driven as the node drives it.

use std::sync::Arc;

use holdfast_state::{
    Change, Command, Condition, Expiry, FEATURE_LEVEL, GroupCommand, GroupKind, KeyHash, Machine,
    MachineConfig, NoEvents, Outcome, Read, Store, StoreClass, StoreId, StoreSettings, Timestamp,
};

use crate::Cache;

const GROUPS: u16 = 8;
const NOW: Timestamp = Timestamp(1);
const VALUE: [u8; 100] = [7; 100];

/// A store whose budget holds a number of entries.
pub(crate) struct SoloStore {
    groups: Vec<(Machine, Arc<Store>)>,
    capacity: usize,
    /// What one entry is charged with, known once there is one.
    charge: u64,
}

impl SoloStore {
    /// With room for `capacity` entries.
    pub(crate) fn new(capacity: usize) -> SoloStore {
        SoloStore {
            groups: (0..GROUPS).map(group).collect(),
            capacity,
            charge: 0,
        }
    }

    fn place(&self, key: &[u8]) -> (KeyHash, &Machine, &Store) {
        let hash = self.groups[0].1.place(key);
        let (machine, store) = &self.groups[usize::from(hash.slot.0 % GROUPS)];
        (hash, machine, store)
    }

    fn bytes(&self) -> u64 {
        self.groups.iter().map(|(_, store)| store.bytes()).sum()
    }

    fn make_room(&self) {
        let budget = self.capacity as u64 * self.charge;
        let over = (self.bytes() + self.charge).saturating_sub(budget);
        if over > 0 {
            let fullest = self
                .groups
                .iter()
                .max_by_key(|(_, store)| store.evictable_bytes());
            let (machine, store) = fullest.expect("there are groups");
            machine.make_room(store, NOW, over, &mut NoEvents);
        }
    }
}

impl Cache for SoloStore {
    fn request(&mut self, key: u32) -> bool {
        // As long as most keys of caches are.
        let key = format!("product:{key:012}");
        let (hash, machine, store) = self.place(key.as_bytes());
        let read = machine.get(
            store,
            || NOW,
            hash,
            key.as_bytes(),
            true,
            |entry| entry.value().len(),
        );
        if matches!(read, Ok(Read::Hit(_))) {
            return true;
        }
        if self.charge > 0 {
            self.make_room();
        }
        let put = Change::Put {
            key: key.as_bytes(),
            value: &VALUE,
            expiry: Expiry::NONE,
            condition: Condition::Always,
            never_evict: false,
            return_previous: false,
        };
        let outcome = machine.change(store, NOW, hash, &put, &mut NoEvents);
        assert!(
            matches!(outcome, Outcome::Changed { applied: true, .. }),
            "{outcome:?}"
        );
        if self.charge == 0 {
            self.charge = self.bytes();
        }
        false
    }
}

fn group(index: u16) -> (Machine, Arc<Store>) {
    let machine = Machine::new(MachineConfig {
        kind: GroupKind::Cache,
        first_revision: 1,
        feature_level: FEATURE_LEVEL,
        seed: 1,
        touch_interval_ms: 0,
        group_index: index,
        group_count: GROUPS,
    });
    let id = StoreId(1);
    let define = GroupCommand::DefineStore {
        id,
        name: "default/hit-ratio",
        settings: StoreSettings::new(StoreClass::Cache, 1 << 30),
    };
    machine.apply(NOW, &[Command::Group(define)], &mut NoEvents);
    let store = machine.store(id).expect("it was just defined");
    (machine, store)
}
