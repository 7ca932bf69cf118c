//! A group's snapshot, its checksum always right so that the decoder behind it is what is met. The first byte says which
//! kind of group restores it.
#![no_main]

use holdfast_state::{FEATURE_LEVEL, GroupKind, Machine, MachineConfig};
use libfuzzer_sys::fuzz_target;
use xxhash_rust::xxh3::xxh3_64;

const CHECKSUM: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, snapshot)) = bytes.split_first() else {
        return;
    };
    let kind = if kind % 2 == 0 {
        GroupKind::Coordination
    } else {
        GroupKind::Cache
    };
    let mut snapshot = snapshot.to_vec();
    if let Some((content, checksum)) = snapshot.split_last_chunk_mut::<CHECKSUM>() {
        *checksum = xxh3_64(content).to_le_bytes();
    }
    let Ok(machine) = Machine::restore(&snapshot, config(kind)) else {
        return;
    };
    machine.validate().expect("what restore accepts is a state");
    let written = machine.snapshot();
    let again = Machine::restore(&written, config(kind)).expect("what was written is read");
    assert!(again.snapshot() == written, "equal states have equal bytes");
});

fn config(kind: GroupKind) -> MachineConfig {
    MachineConfig {
        kind,
        first_revision: 1_000,
        feature_level: FEATURE_LEVEL,
        seed: 1,
        touch_interval_ms: 500,
        group_index: 0,
        group_count: 1,
    }
}
