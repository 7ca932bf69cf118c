//! A node on its own: groups, stores, clock and driver put together.

mod start;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use holdfast_replication::Solo;
#[cfg(feature = "durable")]
use holdfast_replication::SoloDirectory;
use holdfast_state::{
    Command, DefinedStore, GroupCommand, KeyHash, MetaMachine, StoreClass, StoreId, StoreSettings,
    StoreSettingsGiven, Timestamp,
};
use parking_lot::Mutex;

use crate::clock::ClusterClock;
use crate::driver::{Alarm, BREATH, ROUND, Woken};
use crate::identity::Identity;
use crate::log::{Level, LogSink};
use crate::room::MemoryUse;
use crate::session::NodeSession;
use crate::store::{Driven, NodeError, NodeStore};

pub(crate) const COORDINATION_GROUPS: u16 = 4;
pub(crate) const CACHE_GROUPS: u16 = 8;
/// Groups of a node, the coordination groups first.
pub(crate) const GROUPS: usize = (COORDINATION_GROUPS + CACHE_GROUPS) as usize;
/// The driver looks at all deadlines again after this time at the latest: the alarm is a hint, told
/// without a lock, and one that went unheard costs memory for so long and nothing else.
const LOOK_AGAIN_MS: i64 = 60_000;
/// How often groups with a log look at what reads have kept alive: within the 500 ms that a touch may take.
const KEEP_MS: i64 = 400;

/// What a node is started with.
pub struct NodeOptions {
    /// Its name, for people.
    pub name: String,
    /// Its clock.
    pub clock: Arc<dyn ClusterClock>,
    /// What all its stores together may use, in bytes.
    pub memory_limit: u64,
    /// Seed of the in-memory tables: unknown to whoever chooses keys.
    pub seed: u64,
    /// Where its log lines go.
    pub log: Arc<dyn LogSink>,
}

struct Stores {
    meta: MetaMachine,
    open: HashMap<String, Arc<NodeStore>>,
}

struct Inner {
    name: String,
    #[cfg(feature = "cluster")]
    seed: u64,
    identity: Identity,
    clock: Arc<dyn ClusterClock>,
    alarm: Arc<Alarm>,
    memory: Arc<MemoryUse>,
    coordination: Vec<Arc<Solo>>,
    cache: Vec<Arc<Solo>>,
    #[cfg(feature = "durable")]
    data: Option<SoloDirectory>,
    stores: Mutex<Stores>,
    log: Arc<dyn LogSink>,
    failure_logged: AtomicBool,
}

/// A running node. Dropping it ends its driver and frees its stores; with a data directory, that can be opened again when
/// the drop returns.
pub struct Node {
    inner: Arc<Inner>,
    /// Ends before the data directory is given up.
    driver: Option<thread::JoinHandle<()>>,
}

impl Node {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn clock(&self) -> &Arc<dyn ClusterClock> {
        &self.inner.clock
    }

    /// Seed of the in-memory tables.
    #[cfg(feature = "cluster")]
    pub(crate) fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// What all its stores together may use, in bytes.
    #[must_use]
    pub fn memory_limit(&self) -> u64 {
        self.inner.memory.limit()
    }

    /// What its stores use of that now.
    #[must_use]
    pub fn memory_used(&self) -> u64 {
        self.inner.memory.used()
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Rises with each start: what the groups held in memory before is lost.
    #[must_use]
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.inner.identity.epoch()
    }

    /// 128 random bits of this start.
    #[must_use]
    pub fn incarnation(&self) -> u128 {
        self.inner.identity.incarnation()
    }

    /// 128 random bits of the cluster; a node alone is one that begins with it.
    #[must_use]
    pub fn cluster_id(&self) -> u128 {
        self.inner.identity.cluster_id()
    }

    /// Why it cannot do everything that it should, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let kinds = [
            ("coordination", &self.inner.coordination),
            ("cache", &self.inner.cache),
        ];
        let storage = self
            .inner
            .coordination
            .iter()
            .find_map(|group| group.storage_failed());
        if let Some(failed) = storage {
            return Some(failed.to_string());
        }
        kinds.into_iter().find_map(|(kind, groups)| {
            let failed = groups.iter().position(|group| group.has_failed())?;
            Some(format!("{kind} group {failed} has failed: restart the node"))
        })
    }

    /// All stores, in the order in which they were made.
    #[must_use]
    pub fn stores(&self) -> Arc<Vec<Arc<NodeStore>>> {
        self.inner.memory.stores()
    }

    /// The store with this id.
    #[must_use]
    pub fn store(&self, id: StoreId) -> Option<Arc<NodeStore>> {
        self.stores().iter().find(|store| store.id() == id).cloned()
    }

    /// Ends a session in every group that knows it. A group that has failed keeps what it has.
    pub fn close_session(&self, session: &NodeSession) {
        let now = self.inner.clock.now();
        let groups = self.inner.coordination.iter().chain(&self.inner.cache);
        for (number, group) in groups.enumerate() {
            if session.is_open_in(number) {
                let _ = group.close_session(now, session.id());
            }
        }
    }

    /// Whether there is a store of that name.
    #[must_use]
    pub fn has_store(&self, name: &str) -> bool {
        self.inner.stores.lock().meta.store(name).is_some()
    }

    /// Makes a store, or finds the one of that name; the first definition wins. `asked` is what the opener
    /// gave explicitly, `settings` the same with every default filled in.
    ///
    /// # Errors
    /// `StoreConflict` when the store has other settings than were asked for, `SettingsRefused`, or a
    /// failed group.
    pub fn define_store(
        &self,
        name: &str,
        asked: &StoreSettingsGiven,
        settings: &StoreSettings,
    ) -> Result<Arc<NodeStore>, NodeError> {
        let inner = &self.inner;
        let mut stores = inner.stores.lock();
        let DefinedStore { id, settings, .. } = stores.meta.define_store(name, asked, settings)?;
        if let Some(store) = stores.open.get(name) {
            return Ok(Arc::clone(store));
        }
        let groups = inner.groups_of(id, settings.class);
        let now = inner.clock.now();
        let define = Command::Group(GroupCommand::DefineStore { id, name, settings });
        for (_, group) in &groups {
            if group.machine().store(id).is_some() {
                continue;
            }
            if let Some(holdfast_state::Outcome::Failed(error)) = group.propose(now, &[define])?.pop() {
                return Err(error.into());
            }
        }
        let store = Arc::new(NodeStore::new(
            id,
            name.to_owned(),
            groups,
            Arc::clone(&inner.clock),
            Arc::clone(&inner.alarm),
            Arc::clone(&inner.memory),
        )?);
        stores.open.insert(name.to_owned(), Arc::clone(&store));
        inner.memory.add(Arc::clone(&store));
        Ok(store)
    }

    /// Moves a manual clock on and expires everything that became due; `None` on any other clock.
    ///
    /// # Errors
    /// A failed group, after the others have expired what they hold.
    pub fn advance_clock(&self, by_ms: u64) -> Result<Option<Timestamp>, NodeError> {
        let Some(now) = self.inner.clock.advance(by_ms) else {
            return Ok(None);
        };
        let mut failed = None;
        for store in self.inner.memory.stores().iter() {
            loop {
                let Driven { more, failure } = store.drive(now);
                failed = failed.or(failure);
                if !more {
                    break;
                }
            }
        }
        for group in self.inner.coordination.iter().filter(|group| group.is_logged()) {
            loop {
                match group.keep(now) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(failure) => {
                        failed = Some(failure);
                        break;
                    }
                }
            }
        }
        match failed {
            Some(failure) => Err(failure.into()),
            None => Ok(Some(now)),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The driver holds the stores too: it lets go of them, and frees them, on its own thread.
        self.inner.alarm.stop();
        #[cfg(feature = "durable")]
        if let Some(data) = &self.inner.data {
            if let Some(driver) = self.driver.take() {
                let _ = driver.join();
            }
            for group in &self.inner.coordination {
                group.settle();
            }
            data.close();
        }
        // Without a directory nobody waits for the driver.
        drop(self.driver.take());
    }
}

impl Inner {
    /// The groups that hold a store, with their numbers: all cache groups, or the one coordination group of its slot.
    fn groups_of(&self, id: StoreId, class: StoreClass) -> Vec<(usize, Arc<Solo>)> {
        match class {
            StoreClass::Cache => {
                let first = self.coordination.len();
                let numbered = self.cache.iter().enumerate();
                numbered
                    .map(|(index, group)| (first + index, Arc::clone(group)))
                    .collect()
            }
            StoreClass::Coordination => {
                let slot = KeyHash::slot_of_store(id);
                let index = usize::from(slot.0) % self.coordination.len();
                vec![(index, Arc::clone(&self.coordination[index]))]
            }
        }
    }

    /// The driver's life. At its end it lets go of the stores, which know each other through the memory
    /// that they share.
    fn drive(&self) {
        while self.round() {}
        self.memory.clear();
    }

    /// Does what is due and waits for more; false when the node ends.
    fn round(&self) -> bool {
        self.alarm.forget();
        let stores = self.memory.stores();
        let now = self.clock.now();
        let mut more = false;
        for store in stores.iter() {
            let driven = store.drive(now);
            more |= driven.more;
            if let Some(failure) = driven.failure {
                self.log_failure(&format!("store {}: {failure}", store.name()));
            }
        }
        for group in self.coordination.iter().filter(|group| group.is_logged()) {
            match group.keep(now) {
                Ok(again) => more |= again,
                Err(failure) => self.log_failure(&failure.to_string()),
            }
        }
        if more {
            return self.alarm.pause(BREATH);
        }
        if let Some(deadline) = stores.iter().filter_map(|store| store.next_deadline()).min() {
            self.alarm.set(deadline);
        }
        drop(stores);
        self.alarm.wait(|deadline| self.time_until(deadline)) == Woken::Work && self.alarm.pause(ROUND)
    }

    /// The first failure; the others say the same.
    fn log_failure(&self, failure: &str) {
        if !self.failure_logged.swap(true, Ordering::Relaxed) {
            self.log.line(Level::Error, failure);
        }
    }

    /// How long to wait for a deadline; `None` when the clock does not move by itself.
    fn time_until(&self, deadline: Timestamp) -> Option<Duration> {
        if !self.clock.moves_by_itself() {
            return None;
        }
        let rest = deadline.0.saturating_sub(self.clock.now().0);
        let longest = if self.coordination.iter().any(|group| group.is_logged()) {
            KEEP_MS
        } else {
            LOOK_AGAIN_MS
        };
        Some(Duration::from_millis(rest.clamp(0, longest).unsigned_abs()))
    }
}
