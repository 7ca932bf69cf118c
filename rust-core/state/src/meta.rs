//! The meta group's state: which stores there are, and in a cluster the nodes, who holds which group and
//! which group has which slot.
//!
//! Ids of stores, nodes and replicas are never used again. The first definition of a store wins. It says
//! what is decided, not what is: who leads a group, and whether a node answers, is not in it, and the
//! membership of a group is what the group's own log says; here stands what was last known of it, and
//! which replica ids were issued.
//!
//! Without a cluster (embedded, alone) it only knows stores.

mod apply;
pub(crate) mod cluster;
mod codec;
pub(crate) mod command;
mod form;
mod snapshot;
mod validate;

use std::collections::BTreeMap;

use crate::error::StateError;
use crate::meta::cluster::Cluster;
use crate::settings::{Revision, StoreId, StoreSettings, StoreSettingsGiven};
use crate::time::Timestamp;

/// A store as the meta group knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefinedStore {
    /// Its id.
    pub id: StoreId,
    /// What it was made with.
    pub settings: StoreSettings,
    /// The revision that defined it.
    pub defined_at: Revision,
}

/// The state machine of the meta group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaMachine {
    /// The newest stamp applied.
    applied_at: Timestamp,
    revision: Revision,
    next_id: u32,
    stores: BTreeMap<Box<str>, DefinedStore>,
    cluster: Option<Cluster>,
}

impl MetaMachine {
    /// No stores; `first_revision` is the revision before the first command.
    #[must_use]
    pub fn new(first_revision: Revision) -> MetaMachine {
        MetaMachine {
            applied_at: Timestamp(i64::MIN),
            revision: first_revision,
            next_id: 1,
            stores: BTreeMap::new(),
            cluster: None,
        }
    }

    /// Defines a store, or finds the one of that name. `asked` is what the opener gave explicitly,
    /// `settings` the same with every default filled in.
    ///
    /// # Errors
    /// [`StateError::StoreConflict`] when the store exists and `asked` contradicts it,
    /// [`StateError::SettingsRefused`] when no store can have such settings.
    pub fn define_store(
        &mut self,
        name: &str,
        asked: &StoreSettingsGiven,
        settings: &StoreSettings,
    ) -> Result<DefinedStore, StateError> {
        self.revision += 1;
        if let Some(defined) = self.stores.get(name) {
            if asked.contradicts(&defined.settings) {
                let (asked, defined) = (Box::new(*asked), Box::new(defined.settings));
                return Err(StateError::StoreConflict { asked, defined });
            }
            return Ok(*defined);
        }
        settings.check()?;
        let id = StoreId(self.next_id);
        self.next_id += 1;
        let defined = DefinedStore {
            id,
            settings: *settings,
            defined_at: self.revision,
        };
        self.stores.insert(name.into(), defined);
        Ok(defined)
    }

    /// Knows a store again that a node which is alone has kept on disk; later ones get later ids.
    pub fn adopt_store(&mut self, name: &str, id: StoreId, settings: StoreSettings) {
        self.next_id = self.next_id.max(id.0.saturating_add(1));
        let defined = DefinedStore {
            id,
            settings,
            defined_at: self.revision,
        };
        self.stores.insert(name.into(), defined);
    }

    /// The store of that name.
    #[must_use]
    pub fn store(&self, name: &str) -> Option<&DefinedStore> {
        self.stores.get(name)
    }

    /// All stores, by name.
    pub fn stores(&self) -> impl ExactSizeIterator<Item = (&str, &DefinedStore)> {
        self.stores.iter().map(|(name, store)| (&**name, store))
    }

    /// The cluster, once it is formed.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// The newest stamp applied.
    #[must_use]
    pub fn applied_at(&self) -> Timestamp {
        self.applied_at
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::StoreClass;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn the_first_definition_of_a_store_wins_and_its_id_is_its_own() {
        let mut meta = MetaMachine::new(100);
        let given = StoreSettingsGiven::default();
        let cache = StoreSettings::new(StoreClass::Cache, MIB);
        let first = meta.define_store("default/a", &given, &cache).expect("it is new");
        let other = StoreSettings::new(StoreClass::Coordination, 2 * MIB);
        assert_eq!(meta.define_store("default/a", &given, &other), Ok(first));
        let second = meta.define_store("default/b", &given, &other).expect("it is new");
        assert_ne!(first.id, second.id);
        assert_eq!(meta.validate(), Ok(()));
        assert_eq!(MetaMachine::restore(&meta.snapshot()), Ok(meta));
    }

    #[test]
    fn an_opener_that_contradicts_a_store_is_told_both_settings() {
        let mut meta = MetaMachine::new(0);
        let cache = StoreSettings::new(StoreClass::Cache, MIB);
        meta.define_store("default/a", &StoreSettingsGiven::default(), &cache)
            .expect("it is new");
        let asked = StoreSettingsGiven {
            class: Some(StoreClass::Coordination),
            ..Default::default()
        };
        let refused = meta.define_store("default/a", &asked, &cache);
        let (asked, defined) = (Box::new(asked), Box::new(cache));
        assert_eq!(refused, Err(StateError::StoreConflict { asked, defined }));
    }
}
