//! The machine checks itself: tests and the simulator ask after each command.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::hash::Slot;
use crate::limits::SLOTS;
use crate::machine::Machine;
use crate::settings::{GroupKind, StoreClass};
use crate::store::Store;

/// A rule that the state breaks: a bug, or memory gone bad. Never a caller's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenInvariant(pub String);

impl fmt::Display for BrokenInvariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BrokenInvariant {}

impl Machine {
    /// Walks the whole state.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn validate(&self) -> Result<(), BrokenInvariant> {
        self.check_rules().map_err(BrokenInvariant)
    }

    fn check_rules(&self) -> Result<(), String> {
        self.sessions.lock().validate()?;
        let stores = self.stores();
        if !stores.is_sorted_by(|a, b| a.id() < b.id()) {
            return Err("stores are out of order".into());
        }
        for store in &stores {
            let fits = match self.kind {
                GroupKind::Coordination => store.settings().class == StoreClass::Coordination,
                GroupKind::Cache => store.settings().class == StoreClass::Cache,
                GroupKind::Meta => false,
            };
            if !fits {
                return Err(format!("store {} is in the wrong kind of group", store.id().0));
            }
            self.check_store(store)
                .map_err(|rule| format!("store {}: {rule}", store.id().0))?;
        }
        Ok(())
    }

    fn check_store(&self, store: &Store) -> Result<(), String> {
        // All at once, so that the sums can be compared while other threads go on.
        let guards: Vec<_> = store.shards.iter().map(|shard| shard.map.read()).collect();
        let revision = self.revision();
        let (mut bytes, mut cleared) = (0, 0);
        for (index, map) in guards.iter().enumerate() {
            map.validate()?;
            bytes += map.held().bytes;
            cleared += map.cleared().bytes;
            for entry in map.iter() {
                if entry.version() > revision {
                    return Err(format!("{entry:?} is newer than revision {revision}"));
                }
                if store.place(entry.key()).hash != entry.hash() {
                    return Err(format!("{entry:?} has the hash of another key"));
                }
                let slot = store.slot_of(entry);
                if slot >= Slot(SLOTS) || store.shard_index(slot) != index {
                    return Err(format!("{entry:?} lies in another slot's sub-map"));
                }
            }
            if map.next_due() < store.shards[index].next_due.load(Ordering::Relaxed) {
                return Err(format!("sub-map {index} is due before its published bound"));
            }
        }
        if (bytes, bytes - cleared) != (store.bytes(), store.visible_bytes()) {
            return Err(format!(
                "counts {} bytes, {} visible; holds {bytes}, {}",
                store.bytes(),
                store.visible_bytes(),
                bytes - cleared
            ));
        }
        if store.is_ordered() && bytes > store.settings().max_memory {
            return Err(format!("holds {bytes} bytes, beyond its budget"));
        }
        let history = store.history.lock();
        history.validate(revision)
    }
}
