//! The meta group's state: which stores there are.
//!
//! A store's id is never used again, and the first definition of a name wins.

use std::collections::BTreeMap;

use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::error::StateError;
use crate::settings::{Revision, StoreId, StoreSettings, StoreSettingsGiven};
use crate::snapshot::{read_settings, write_settings};

/// The snapshot format that this build writes; it reads this one and older ones.
const FORMAT: u16 = 1;

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

/// The stores by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaMachine {
    revision: Revision,
    next_id: u32,
    stores: BTreeMap<Box<str>, DefinedStore>,
}

impl MetaMachine {
    /// No stores; `first_revision` is the revision before the first command.
    #[must_use]
    pub fn new(first_revision: Revision) -> MetaMachine {
        MetaMachine {
            revision: first_revision,
            next_id: 1,
            stores: BTreeMap::new(),
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

    /// The store of that name.
    #[must_use]
    pub fn store(&self, name: &str) -> Option<&DefinedStore> {
        self.stores.get(name)
    }

    /// All stores, by name.
    pub fn stores(&self) -> impl ExactSizeIterator<Item = (&str, &DefinedStore)> {
        self.stores.iter().map(|(name, store)| (&**name, store))
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The replicated state as bytes; equal states have equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u16(FORMAT);
        out.i64(self.revision);
        out.u32(self.next_id);
        out.u32(self.stores.len() as u32);
        for (name, store) in &self.stores {
            out.bytes(name.as_bytes());
            out.u32(store.id.0);
            write_settings(&mut out, &store.settings);
            out.i64(store.defined_at);
        }
        out.finish()
    }

    /// What [`MetaMachine::snapshot`] wrote.
    ///
    /// # Errors
    /// Says why the bytes are no such state.
    pub fn restore(bytes: &[u8]) -> Result<MetaMachine, SnapshotError> {
        let mut input = Reader::open(bytes, FORMAT)?;
        let mut meta = MetaMachine {
            revision: input.i64()?,
            next_id: input.u32()?,
            stores: BTreeMap::new(),
        };
        for _ in 0..input.u32()? {
            let name = input.text()?;
            let store = DefinedStore {
                id: StoreId(input.u32()?),
                settings: read_settings(&mut input)?,
                defined_at: input.i64()?,
            };
            store
                .settings
                .check()
                .map_err(|error| malformed(error.to_string()))?;
            if meta.stores.insert(name.into(), store).is_some() {
                return Err(malformed("a store's name comes twice"));
            }
        }
        input.end()?;
        meta.validate().map_err(malformed)?;
        Ok(meta)
    }

    /// Checks the invariants.
    ///
    /// # Errors
    /// The one that is broken.
    pub fn validate(&self) -> Result<(), String> {
        let mut ids: Vec<u32> = self.stores.values().map(|store| store.id.0).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two stores have one id".to_owned());
        }
        if ids.last().is_some_and(|&last| last >= self.next_id) {
            return Err(format!(
                "store id {:?} is not below the next one, {}",
                ids.last(),
                self.next_id
            ));
        }
        match self
            .stores
            .values()
            .find(|store| store.defined_at > self.revision)
        {
            Some(store) => Err(format!(
                "store {} was defined after revision {}",
                store.id.0, self.revision
            )),
            None => Ok(()),
        }
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
