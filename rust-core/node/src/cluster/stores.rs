//! Stores of a cluster: the meta group defines them, every group that holds some of one is told by its leader.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::{Code, Error};
use holdfast_state::{
    GroupId, GroupKind, KeyHash, MetaCommand, Slot, StateError, StoreClass, StoreId, StoreSettings,
    StoreSettingsGiven,
};
use tokio::time::Instant;

use super::member::ClusterNode;

/// How long a store that was defined may take to be known here.
const KNOWN: Duration = Duration::from_secs(5);
/// How long to wait before the meta group is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// A store as a node of a cluster knows it.
#[derive(Debug)]
pub(crate) struct ClusterStore {
    pub(crate) id: StoreId,
    /// `tenant/name`
    pub(crate) name: String,
    pub(crate) settings: StoreSettings,
}

impl ClusterStore {
    /// The tenant, and the name without it.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.name.split_once('/').unwrap_or(("", &self.name))
    }

    /// Where a key of it is.
    pub(crate) fn place(&self, key: &[u8]) -> KeyHash {
        KeyHash::in_store(self.id, &self.settings, key)
    }

    pub(crate) fn kind(&self) -> GroupKind {
        match self.settings.class {
            StoreClass::Cache => GroupKind::Cache,
            StoreClass::Coordination => GroupKind::Coordination,
        }
    }
}

impl ClusterNode {
    /// The store with this id.
    pub(crate) fn store(&self, id: StoreId) -> Option<Arc<ClusterStore>> {
        if let Some(store) = self.known_stores.load().get(&id) {
            return Some(Arc::clone(store));
        }
        let store = {
            let meta = self.meta()?;
            let machine = meta.machine().read();
            let (name, defined) = machine.stores().find(|(_, defined)| defined.id == id)?;
            Arc::new(ClusterStore {
                id,
                name: name.to_owned(),
                settings: defined.settings,
            })
        };
        // A store never changes, and its id is never another's.
        self.known_stores.rcu(|known| {
            let mut known = BTreeMap::clone(known);
            known.insert(id, Arc::clone(&store));
            known
        });
        Some(store)
    }

    /// The store of that name.
    pub(crate) fn store_named(&self, name: &str) -> Option<Arc<ClusterStore>> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let defined = machine.store(name)?;
        Some(Arc::new(ClusterStore {
            id: defined.id,
            name: name.to_owned(),
            settings: defined.settings,
        }))
    }

    /// Defines a store, or finds the one of that name.
    ///
    /// # Errors
    /// `StoreConflict`, `InvalidSetting`, `Unavailable` while the meta group has no leader.
    pub(crate) async fn define_store(
        &self,
        name: &str,
        asked: &StoreSettingsGiven,
        settings: &StoreSettings,
    ) -> Result<Arc<ClusterStore>, Error> {
        if self.store_named(name).is_none() {
            settings.check()?;
            let define = MetaCommand::DefineStore {
                name: name.into(),
                asked: *asked,
                settings: *settings,
            };
            // Whether it was refused or is there now shows below. The first definition wins: to ask again changes nothing, and
            // the next leader of the meta group may be there in a moment.
            let until = Instant::now() + KNOWN;
            while let Err(reason) = self.decide(&define).await {
                if self.known(name, AGAIN).await.is_some() {
                    break;
                }
                if Instant::now() >= until {
                    return Err(Error::new(
                        Code::Unavailable,
                        format!("store '{name}' could not be made: {reason}"),
                    ));
                }
            }
            self.changed.notify_waiters();
        }
        let store = self.known(name, KNOWN).await.ok_or_else(|| {
            Error::new(
                Code::Unavailable,
                format!("store '{name}' was made and is not known at this node yet"),
            )
        })?;
        if asked.contradicts(&store.settings) {
            let (asked, defined) = (Box::new(*asked), Box::new(store.settings));
            return Err(StateError::StoreConflict { asked, defined }.into());
        }
        Ok(store)
    }

    async fn known(&self, name: &str, within: Duration) -> Option<Arc<ClusterStore>> {
        let meta = self.meta()?;
        let mut revision = meta.machine().watch();
        let known = async {
            loop {
                if let Some(store) = self.store_named(name) {
                    return Some(store);
                }
                revision.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, known).await.ok().flatten()
    }

    /// The group that has a slot of a kind.
    pub(crate) fn group_of_slot(&self, kind: GroupKind, slot: Slot) -> Option<GroupId> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let slots = machine.cluster()?.slots(kind);
        slots.get(usize::from(slot.0)).map(|placement| placement.group)
    }
}
