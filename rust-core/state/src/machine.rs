//! The replicated state machine of one group.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use crate::command::{Change, Command, GroupCommand};
use crate::error::StateError;
use crate::event::{Event, EventSink};
use crate::hash::{KeyHash, Slot};
use crate::limits::FEATURE_LEVEL;
use crate::log_entry::{LogEntry, LogError};
use crate::mutant::{self, Mutant};
use crate::outcome::Outcome;
use crate::session::{Arrival, SessionHandle, Sessions};
use crate::settings::{GroupKind, Revision, StoreClass, StoreId, StoreSettings};
use crate::slots::{SlotState, Slots};
use crate::store::Store;
use crate::time::Timestamp;
use crate::view::OpenViews;

/// What a machine is made with.
#[derive(Clone, Copy, Debug)]
pub struct MachineConfig {
    /// What the group holds.
    pub kind: GroupKind,
    /// The revision before the first command.
    pub first_revision: Revision,
    /// What apply may use; at most [`FEATURE_LEVEL`].
    pub feature_level: u32,
    /// The process's seed of in-memory tables. No output depends on it.
    pub seed: u64,
    /// How long a read's touch may take to be logged. 0: there is no log and no other replica
    /// (solo), so that what reads have written into entries counts at once.
    pub touch_interval_ms: u64,
    /// This group's number among those of its kind.
    pub group_index: u16,
    /// The number of groups of its kind.
    pub group_count: u16,
}

/// One group's state: stores with their entries, slots, sessions, revision.
///
/// Changes come in through [`Machine::apply`] (from a log, one at a time) or [`Machine::change`]
/// (solo, from any thread). Both run the same code. Lock order: sessions, stores, sub-maps by
/// index, history.
pub struct Machine {
    pub(crate) kind: GroupKind,
    pub(crate) revision: CachePadded<AtomicI64>,
    /// The newest stamp applied; time never goes back.
    pub(crate) applied_at: CachePadded<AtomicI64>,
    pub(crate) feature_level: AtomicU32,
    pub(crate) slots: Slots,
    /// By id.
    pub(crate) stores: RwLock<Vec<Arc<Store>>>,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) seed: u64,
    pub(crate) grace_ms: i64,
    /// The number of groups of its kind: each has an equal share of a cache store at first.
    group_count: u16,
    /// See [`GroupCommand::BeginEpoch`].
    pub(crate) epoch: AtomicU64,
    pub(crate) views: Arc<OpenViews>,
}

impl Machine {
    /// An empty machine.
    #[must_use]
    pub fn new(config: MachineConfig) -> Machine {
        Machine {
            kind: config.kind,
            revision: CachePadded::new(AtomicI64::new(config.first_revision)),
            applied_at: CachePadded::new(AtomicI64::new(i64::MIN)),
            feature_level: AtomicU32::new(config.feature_level.min(FEATURE_LEVEL)),
            slots: Slots::new(config.group_index, config.group_count),
            stores: RwLock::new(Vec::new()),
            sessions: Mutex::new(Sessions::default()),
            seed: config.seed,
            grace_ms: i64::try_from(config.touch_interval_ms).unwrap_or(i64::MAX),
            group_count: config.group_count.max(1),
            epoch: AtomicU64::new(0),
            views: Arc::default(),
        }
    }

    /// Applies the commands of one log entry, stamped `at`, in order: one outcome each.
    ///
    /// Deterministic: machines of the same state that are given the same commands end in the same
    /// state and answer the same. A stamp older than the last one counts as the last one.
    pub fn apply(&self, at: Timestamp, commands: &[Command<'_>], events: &mut dyn EventSink) -> Vec<Outcome> {
        let at = mutated(at);
        commands
            .iter()
            .map(|command| match command {
                Command::Group(command) => self.apply_to_group(at, command),
                Command::InStore {
                    store,
                    slot,
                    session: None,
                    change,
                } => self.apply_to_store(*store, at, *slot, change, events).1,
                Command::InStore {
                    store,
                    slot,
                    session: Some(tag),
                    change,
                } => {
                    let known = self.session(tag.session).ok_or(StateError::SessionExpired);
                    match known.as_ref().map(|session| session.arrive(tag)) {
                        Err(error) => Outcome::Failed(error.clone()),
                        Ok(Err(error)) => Outcome::Failed(error),
                        Ok(Ok(Arrival::Retry(outcome))) => outcome,
                        Ok(Ok(Arrival::New(arrived))) => {
                            let (slot, outcome) = self.apply_to_store(*store, at, *slot, change, events);
                            arrived.record(slot, *store, &outcome);
                            outcome
                        }
                    }
                }
            })
            .collect()
    }

    /// [`Machine::apply`] of an entry of the log. All of its commands are read before the first is applied.
    ///
    /// # Errors
    /// [`LogError`]: the replica must stop; nothing of the entry was applied. A feature level beyond this
    /// build is one, for a newer build goes on with it: who proposes it asks every replica first.
    pub fn apply_entry(
        &self,
        entry: &LogEntry<'_>,
        events: &mut dyn EventSink,
    ) -> Result<Vec<Outcome>, LogError> {
        let skips = mutant::active(Mutant::UnknownCommandSkipped);
        let commands: SmallVec<[Command<'_>; 8]> = entry
            .commands()
            .map(Command::decode)
            .filter(|decoded| !skips || !matches!(decoded, Err(LogError::UnknownCommand { .. })))
            .collect::<Result<_, _>>()?;
        for command in &commands {
            if let Command::Group(GroupCommand::RaiseFeatureLevel { level }) = *command
                && level > FEATURE_LEVEL
            {
                let newest = FEATURE_LEVEL;
                return Err(LogError::FeatureLevel { level, newest });
            }
        }
        Ok(self.apply(entry.at, &commands, events))
    }

    fn apply_to_store(
        &self,
        store: StoreId,
        at: Timestamp,
        slot: Slot,
        change: &Change<'_>,
        events: &mut dyn EventSink,
    ) -> (Slot, Outcome) {
        let Some(store) = self.store(store) else {
            return (slot, StateError::StoreNotReady { store }.into());
        };
        let hash = match change.key() {
            Some(key) => store.place(key),
            None => KeyHash { slot, hash: 0 },
        };
        let outcome = self.change(&store, at, hash, change, events);
        if mutant::active(Mutant::RevisionBackOnDelete)
            && matches!(change, Change::Delete { .. })
            && matches!(outcome, Outcome::Changed { applied: true, .. })
        {
            self.revision.fetch_sub(2, Ordering::Relaxed);
        }
        (hash.slot, outcome)
    }

    fn apply_to_group(&self, at: Timestamp, command: &GroupCommand<'_>) -> Outcome {
        self.advance(at);
        if let GroupCommand::WatchHistory { store, on } = *command
            && let Some(store) = self.store(store)
        {
            let version = store.watch(on, || self.next_revision());
            return Outcome::Done { version };
        }
        let version = self.next_revision();
        match *command {
            GroupCommand::DefineStore { id, name, settings } => {
                if let Err(error) = self.define(id, name, settings, version) {
                    return error.into();
                }
            }
            GroupCommand::OpenSession { session } => self.sessions.lock().open(session),
            GroupCommand::CloseSession { session } => self.sessions.lock().close(session),
            GroupCommand::SetSlot {
                slot,
                ownership,
                epoch,
                revision,
            } => {
                self.revision.fetch_max(revision, Ordering::Relaxed);
                self.slots.set(slot, SlotState { ownership, epoch });
            }
            GroupCommand::RaiseFeatureLevel { level } => {
                if level > FEATURE_LEVEL {
                    return StateError::FeatureLevelUnknown {
                        level,
                        newest: FEATURE_LEVEL,
                    }
                    .into();
                }
                self.feature_level.fetch_max(level, Ordering::Relaxed);
            }
            GroupCommand::BeginEpoch { epoch, revision } => {
                if epoch <= self.epoch() {
                    return Outcome::Done { version };
                }
                self.epoch.store(epoch, Ordering::Relaxed);
                let version = self.revision.fetch_max(revision, Ordering::Relaxed).max(revision);
                return Outcome::Done { version };
            }
            GroupCommand::SetBudget { store: id, bytes } => {
                let Some(store) = self.store(id) else {
                    return StateError::StoreNotReady { store: id }.into();
                };
                if store.is_ordered() {
                    return StateError::WrongClass.into();
                }
                store.set_budget(bytes);
            }
            GroupCommand::WatchHistory { store, .. } => {
                return StateError::StoreNotReady { store }.into();
            }
        }
        Outcome::Done { version }
    }

    /// The first definition wins; the same again is nothing.
    pub(crate) fn define(
        &self,
        id: StoreId,
        name: &str,
        settings: StoreSettings,
        since: Revision,
    ) -> Result<(), StateError> {
        settings.check()?;
        let fits = match self.kind {
            GroupKind::Coordination => settings.class == StoreClass::Coordination,
            GroupKind::Cache => settings.class == StoreClass::Cache,
            GroupKind::Meta => false,
        };
        if !fits {
            return Err(StateError::WrongClass);
        }
        let mut stores = self.stores.write();
        if let Err(place) = stores.binary_search_by_key(&id, |store| store.id()) {
            let share = match settings.class {
                StoreClass::Cache if !self.is_solo() => settings.max_memory / u64::from(self.group_count),
                _ => settings.max_memory,
            };
            let store = Store::new(id, name, settings, self.seed, self.grace_ms, share, since);
            stores.insert(place, store);
        }
        Ok(())
    }

    /// A store's handle.
    #[must_use]
    pub fn store(&self, id: StoreId) -> Option<Arc<Store>> {
        let stores = self.stores.read();
        let place = stores.binary_search_by_key(&id, |store| store.id()).ok()?;
        Some(Arc::clone(&stores[place]))
    }

    /// All stores, by id.
    #[must_use]
    pub fn stores(&self) -> Vec<Arc<Store>> {
        self.stores.read().clone()
    }

    /// A session that is open here, see [`GroupCommand::OpenSession`].
    #[must_use]
    pub fn session(&self, session: u128) -> Option<SessionHandle> {
        self.sessions.lock().get(session)
    }

    /// All sessions that are open here, by id, each with a number that grows when it makes a new change: one whose number
    /// stays the same is not in use.
    #[must_use]
    pub fn session_marks(&self) -> Vec<(u128, u64)> {
        self.sessions.lock().marks()
    }

    /// What the group holds.
    #[must_use]
    pub fn kind(&self) -> GroupKind {
        self.kind
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision.load(Ordering::Relaxed)
    }

    /// The newest stamp applied.
    #[must_use]
    pub fn applied_at(&self) -> Timestamp {
        Timestamp(self.applied_at.load(Ordering::Relaxed))
    }

    /// The group's epoch: new whenever it had to start again without its past. 0: alone, never formed.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// What apply may use.
    #[must_use]
    pub fn feature_level(&self) -> u32 {
        self.feature_level.load(Ordering::Relaxed)
    }

    /// Bytes that recorded outcomes take.
    #[must_use]
    pub fn outcome_bytes(&self) -> u64 {
        self.sessions.lock().bytes()
    }

    /// (session, sequence, outcome) of every recorded outcome of a slot, to move with it.
    #[must_use]
    pub fn outcomes_of_slot(&self, slot: Slot) -> Vec<(u128, u64, Outcome)> {
        self.sessions.lock().of_slot(slot)
    }

    /// The events of a store after revision `after`, up to `byte_limit` bytes of them (the events
    /// of one command always travel together).
    ///
    /// # Errors
    /// [`StateError::Compacted`] when the history does not reach back that far, or none is kept.
    pub fn history(&self, store: &Store, after: Revision, byte_limit: u64) -> Result<Vec<Event>, StateError> {
        let history = store.history.lock();
        if !store.keeps_history() {
            return Err(StateError::Compacted {
                first: self.revision(),
            });
        }
        history.since(after, byte_limit)
    }

    #[inline]
    pub(crate) fn next_revision(&self) -> Revision {
        self.revision.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Time goes on to `at`, never back; gives the present.
    #[inline]
    pub(crate) fn advance(&self, at: Timestamp) -> Timestamp {
        let applied = self.applied_at.load(Ordering::Relaxed);
        if applied >= at.0 {
            return Timestamp(applied);
        }
        Timestamp(self.applied_at.fetch_max(at.0, Ordering::Relaxed).max(at.0))
    }

    pub(crate) fn is_solo(&self) -> bool {
        self.grace_ms == 0
    }
}

/// The stamp to apply at: the entry's own.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
fn mutated(at: Timestamp) -> Timestamp {
    at
}

/// The stamp to apply at: the entry's own, unless the wall clock is to have a say.
#[cfg(feature = "mutants")]
#[expect(clippy::disallowed_methods, reason = "a defect on purpose")]
fn mutated(at: Timestamp) -> Timestamp {
    if !mutant::active(Mutant::WallClockInApply) {
        return at;
    }
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    at.plus_ms(wall.unwrap_or_default().as_millis() as u64 % 700)
}
