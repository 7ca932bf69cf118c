//! What a store is: its identity, its class and its settings.

use crate::error::StateError;
use crate::limits::{MAX_TTL_MS, MAX_VALUE};

/// Names a store inside the cluster; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub u32);

/// A group's counter of applied commands; an entry's version is the revision that last changed it.
pub type Revision = i64;

/// What a group of replicas holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Nodes, stores and placement.
    Meta,
    /// Coordination stores.
    Coordination,
    /// Slots of cache stores.
    Cache,
}

/// The promise that a store makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreClass {
    /// Ordered keys, transactions, never evicts.
    Coordination,
    /// Hashed over all cache groups, bounded, evicts.
    Cache,
}

/// What a full cache store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Evicts the entries least worth keeping; survives scans.
    S3Fifo,
    /// Refuses with `StoreFull`.
    None,
}

/// A store's settings, all of them decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The promise.
    pub class: StoreClass,
    /// Budget in bytes for entries, keys and overhead.
    pub max_memory: u64,
    /// What happens when the budget is reached. Coordination stores never evict.
    pub eviction: Eviction,
    /// Time to live of entries that are put without any expiry.
    pub default_ttl_ms: Option<u64>,
    /// Largest value in bytes.
    pub max_value: u32,
    /// Whether `{tag}` in a key decides its slot.
    pub hash_tags: bool,
}

impl StoreSettings {
    /// The defaults of a class, for a store with this budget.
    #[must_use]
    pub fn new(class: StoreClass, max_memory: u64) -> StoreSettings {
        StoreSettings {
            class,
            max_memory,
            eviction: match class {
                StoreClass::Cache => Eviction::S3Fifo,
                StoreClass::Coordination => Eviction::None,
            },
            default_ttl_ms: None,
            max_value: u32::try_from(max_memory / 16).map_or(MAX_VALUE, |v| v.min(MAX_VALUE)),
            hash_tags: false,
        }
    }

    /// Whether a full store makes room by itself.
    #[must_use]
    pub fn evicts(&self) -> bool {
        self.class == StoreClass::Cache && self.eviction == Eviction::S3Fifo
    }

    /// Refuses settings that no store can keep.
    ///
    /// # Errors
    /// [`StateError::SettingsRefused`] names the setting.
    pub fn check(&self) -> Result<(), StateError> {
        let refused = |setting| Err(StateError::SettingsRefused { setting });
        if self.class == StoreClass::Coordination && self.eviction != Eviction::None {
            return refused("eviction");
        }
        if self.class == StoreClass::Coordination && self.hash_tags {
            return refused("hash-tags");
        }
        if self.max_value == 0 || self.max_value > MAX_VALUE {
            return refused("max-value");
        }
        if u64::from(self.max_value) * 16 > self.max_memory {
            return refused("max-memory");
        }
        match self.default_ttl_ms {
            Some(ttl) if ttl == 0 || ttl > MAX_TTL_MS => refused("default-ttl"),
            _ => Ok(()),
        }
    }
}

/// The settings that an opener gave explicitly; only these can contradict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSettingsGiven {
    /// See [`StoreSettings::class`].
    pub class: Option<StoreClass>,
    /// See [`StoreSettings::max_memory`].
    pub max_memory: Option<u64>,
    /// See [`StoreSettings::eviction`].
    pub eviction: Option<Eviction>,
    /// See [`StoreSettings::default_ttl_ms`]; `Some(None)` says "never" explicitly.
    pub default_ttl_ms: Option<Option<u64>>,
    /// See [`StoreSettings::max_value`].
    pub max_value: Option<u32>,
    /// See [`StoreSettings::hash_tags`].
    pub hash_tags: Option<bool>,
}

impl StoreSettingsGiven {
    /// Fills what was not given from the class's defaults.
    ///
    /// `default_class` counts when no class was given, `default_max_memory` is the budget of a
    /// store of each class that gave none.
    #[must_use]
    pub fn resolve(
        &self,
        default_class: StoreClass,
        default_max_memory: impl Fn(StoreClass) -> u64,
    ) -> StoreSettings {
        let class = self.class.unwrap_or(default_class);
        let max_memory = self.max_memory.unwrap_or_else(|| default_max_memory(class));
        let defaults = StoreSettings::new(class, max_memory);
        StoreSettings {
            class,
            max_memory,
            eviction: self.eviction.unwrap_or(defaults.eviction),
            default_ttl_ms: self.default_ttl_ms.unwrap_or(defaults.default_ttl_ms),
            max_value: self.max_value.unwrap_or(defaults.max_value),
            hash_tags: self.hash_tags.unwrap_or(defaults.hash_tags),
        }
    }

    /// Whether something given explicitly differs from `defined`.
    #[must_use]
    pub fn contradicts(&self, defined: &StoreSettings) -> bool {
        fn differs<T: PartialEq>(given: Option<T>, defined: T) -> bool {
            given.is_some_and(|given| given != defined)
        }
        differs(self.class, defined.class)
            || differs(self.max_memory, defined.max_memory)
            || differs(self.eviction, defined.eviction)
            || differs(self.default_ttl_ms, defined.default_ttl_ms)
            || differs(self.max_value, defined.max_value)
            || differs(self.hash_tags, defined.hash_tags)
    }
}
