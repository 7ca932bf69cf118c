//! A group with one replica: commands are applied at once, or, with a log on disk, as soon as they are there.

#[cfg(feature = "durable")]
mod directory;
mod failure;
#[cfg(feature = "durable")]
mod log;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_state::{
    Change, Command, DueWork, EntryView, GroupCommand, KeyHash, Machine, NoEvents, Outcome, Query, Read,
    SessionHandle, SessionTag, Slot, StateError, Store, Timestamp, Touches,
};

/// Entries that one `Expire` or `Sweep` removes at most: what the locks are held for stays short.
const STEP: u32 = 1_024;

/// The place of a change that has no key.
const ANYWHERE: KeyHash = KeyHash {
    slot: Slot(0),
    hash: 0,
};

#[cfg(feature = "durable")]
pub use directory::SoloDirectory;
pub use failure::{GroupFailed, StorageFailed};

/// The unreplicated path to one machine.
///
/// With a log, a change returns when it is on disk and applied, so that nobody ever sees what a crash could lose. Changes
/// of several threads share the disk's syncs.
pub struct Solo {
    machine: Machine,
    failed: AtomicBool,
    #[cfg(feature = "durable")]
    log: Option<log::SoloLog>,
}

impl Solo {
    /// Takes a machine over.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            failed: AtomicBool::new(false),
            #[cfg(feature = "durable")]
            log: None,
        }
    }

    #[cfg(feature = "durable")]
    fn logged(machine: Machine, log: log::SoloLog) -> Self {
        Self {
            log: Some(log),
            ..Self::new(machine)
        }
    }

    /// Whether there is a log on disk.
    #[must_use]
    #[inline]
    pub fn is_logged(&self) -> bool {
        #[cfg(feature = "durable")]
        return self.log.is_some();
        #[cfg(not(feature = "durable"))]
        false
    }

    /// Why it takes no changes, if its log cannot be written.
    #[must_use]
    pub fn storage_failed(&self) -> Option<StorageFailed> {
        #[cfg(feature = "durable")]
        return self.log.as_ref().and_then(log::SoloLog::failed);
        #[cfg(not(feature = "durable"))]
        None
    }

    /// The machine, for what changes nothing.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether a command has panicked.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Applies commands in their order.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn propose(&self, at: Timestamp, commands: &[Command<'_>]) -> Result<Vec<Outcome>, GroupFailed> {
        #[cfg(feature = "durable")]
        if let Some(log) = &self.log {
            return log.propose(at, commands, |entry| {
                self.guarded(|| self.machine.apply_entry(entry, &mut NoEvents))?
                    .map_err(|_| GroupFailed::Panicked)
            });
        }
        self.guarded(|| self.machine.apply(at, commands, &mut NoEvents))
    }

    /// Applies one change to a resolved store.
    ///
    /// # Errors
    /// [`GroupFailed`].
    #[inline]
    pub fn change(
        &self,
        store: &Store,
        at: Timestamp,
        hash: KeyHash,
        change: &Change<'_>,
    ) -> Result<Outcome, GroupFailed> {
        if self.is_logged() {
            return self.change_logged(store, at, hash.slot, change, None);
        }
        self.guarded(|| self.machine.change(store, at, hash, change, &mut NoEvents))
    }

    /// Applies one change through the log. With a tag, for a session of this group: its log keeps the outcome too.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn change_logged(
        &self,
        store: &Store,
        at: Timestamp,
        slot: Slot,
        change: &Change<'_>,
        session: Option<SessionTag>,
    ) -> Result<Outcome, GroupFailed> {
        let command = Command::InStore {
            store: store.id(),
            slot,
            session,
            change: *change,
        };
        self.propose(at, &[command])?.pop().ok_or(GroupFailed::Panicked)
    }

    /// A session of this group, opened when it is not.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn open_session(&self, at: Timestamp, session: u128) -> Result<SessionHandle, GroupFailed> {
        loop {
            if let Some(handle) = self.machine.session(session) {
                return Ok(handle);
            }
            self.propose(at, &[Command::Group(GroupCommand::OpenSession { session })])?;
        }
    }

    /// Ends a session: its outcomes are forgotten.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn close_session(&self, at: Timestamp, session: u128) -> Result<(), GroupFailed> {
        self.propose(at, &[Command::Group(GroupCommand::CloseSession { session })])
            .map(drop)
    }

    /// Reads one entry under its lock. In a coordination store a deadline that has passed is first made
    /// true by the logged command, as replicas would see it.
    ///
    /// # Errors
    /// [`GroupFailed`], or the caller's error.
    #[inline]
    pub fn get<R>(
        &self,
        store: &Store,
        now: impl Fn() -> Timestamp,
        hash: KeyHash,
        key: &[u8],
        slide: bool,
        mut visit: impl FnMut(&EntryView<'_>) -> R,
    ) -> Result<Result<Option<R>, StateError>, GroupFailed> {
        loop {
            let read = self.guarded(|| {
                self.machine
                    .get(store, &now, hash, key, slide, |entry: EntryView<'_>| {
                        visit(&entry)
                    })
            })?;
            match read {
                Ok(Read::Hit(result)) => return Ok(Ok(Some(result))),
                Ok(Read::Miss) => return Ok(Ok(None)),
                // Nothing can be logged any more; it is gone all the same.
                Ok(Read::Due) if self.storage_failed().is_some() => return Ok(Ok(None)),
                Ok(Read::Due) => match self.expire_due(store, now()) {
                    Err(GroupFailed::Storage(_)) => return Ok(Ok(None)),
                    other => other?,
                },
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Reads many keys of a coordination store, all of them of one moment.
    ///
    /// # Errors
    /// [`GroupFailed`], or the caller's error.
    pub fn get_many(
        &self,
        store: &Store,
        now: Timestamp,
        keys: &[&[u8]],
        visit: impl FnMut(usize, Option<EntryView<'_>>),
    ) -> Result<Result<(), StateError>, GroupFailed> {
        self.expire_before_reading(store, now)?;
        let places = keys.iter().map(|key| (store.place(key), *key));
        self.guarded(|| self.machine.get_many(store, now, places, true, visit))
    }

    /// Answers a query that changes nothing; as with `get`, what is due in a coordination store expires
    /// first.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn query(&self, store: &Store, now: Timestamp, query: &Query<'_>) -> Result<Outcome, GroupFailed> {
        if store.settings().class == holdfast_state::StoreClass::Coordination {
            self.expire_before_reading(store, now)?;
        }
        self.guarded(|| self.machine.read(now, query))
    }

    /// Reads hide what is due; without a log it costs nothing to remove it too.
    fn expire_before_reading(&self, store: &Store, now: Timestamp) -> Result<(), GroupFailed> {
        if self.is_logged() {
            return Ok(());
        }
        self.expire_due(store, now)
    }

    /// Evicts from one store until `over_bytes` are free; the bytes that could not be freed are returned.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn evict(&self, store: &Store, at: Timestamp, over_bytes: u64) -> Result<u64, GroupFailed> {
        let freed = self.guarded(|| self.machine.make_room(store, at, over_bytes, &mut NoEvents))?;
        Ok(over_bytes.saturating_sub(freed))
    }

    /// Removes everything of one store that is due. What reads have kept alive stays: without replicas,
    /// a read's own mark in the entry counts.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn expire_due(&self, store: &Store, now: Timestamp) -> Result<(), GroupFailed> {
        while self.expire_step(store, now)? {}
        Ok(())
    }

    /// One bounded step of [`Solo::expire_due`]; true when there is more to do.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn expire_step(&self, store: &Store, now: Timestamp) -> Result<bool, GroupFailed> {
        if self.is_logged() {
            return self.log_due(now);
        }
        let expire = Change::Expire {
            up_to: now,
            limit: STEP,
        };
        Ok(more(&self.change(store, now, ANYWHERE, &expire)?))
    }

    /// Frees a bounded part of what a clear has hidden; true when there is more.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn sweep_step(&self, store: &Store, now: Timestamp) -> Result<bool, GroupFailed> {
        if self.is_logged() {
            return self.log_due(now);
        }
        Ok(more(&self.change(
            store,
            now,
            ANYWHERE,
            &Change::Sweep { limit: STEP },
        )?))
    }

    /// One bounded step of what a log needs: what reads have kept alive is logged, then what is due expires. To be called
    /// every 500 ms at least, and when something is due; true when there is more to do. Cuts the log when it is long.
    ///
    /// # Errors
    /// [`GroupFailed`].
    pub fn keep(&self, now: Timestamp) -> Result<bool, GroupFailed> {
        #[cfg(feature = "durable")]
        if let Some(log) = &self.log {
            if log.failed().is_some() {
                return Ok(false);
            }
            let more = self.log_due(now)?;
            let stores = || {
                self.machine
                    .stores()
                    .iter()
                    .map(|store| store.bytes())
                    .sum::<u64>()
            };
            if log.is_long(|| stores() + self.machine.outcome_bytes()) {
                log.cut(&self.machine);
            }
            return Ok(more);
        }
        let _ = now;
        Ok(false)
    }

    /// Waits for what is being written beside the log.
    pub fn settle(&self) {
        #[cfg(feature = "durable")]
        if let Some(log) = &self.log {
            log.settle();
        }
    }

    /// Touches first, so that nothing expires that a read has kept alive.
    fn log_due(&self, now: Timestamp) -> Result<bool, GroupFailed> {
        let due = self.guarded(|| self.machine.due(now, STEP as usize))?;
        let commands: Vec<Command<'_>> = due.iter().flat_map(|work| commands_of(work, now)).collect();
        if commands.is_empty() {
            return Ok(false);
        }
        if let Err(failed) = self.propose(now, &commands) {
            for work in &due {
                self.machine.touch_again(&work.store, &work.touches);
            }
            return Err(failed);
        }
        Ok(due
            .iter()
            .any(|work| work.more_touches || work.expire || work.sweep))
    }

    #[inline]
    fn guarded<R>(&self, work: impl FnOnce() -> R) -> Result<R, GroupFailed> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(GroupFailed::Panicked);
        }
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
            self.failed.store(true, Ordering::Release);
            GroupFailed::Panicked
        })
    }
}

fn more(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Removed { more: true, .. })
}

fn commands_of(work: &DueWork, now: Timestamp) -> impl Iterator<Item = Command<'_>> {
    let touch = (!work.touches.is_empty()).then(|| Change::Touch {
        touches: Touches::from(&work.touches[..]),
    });
    let expire = work.expire.then_some(Change::Expire {
        up_to: now,
        limit: STEP,
    });
    let sweep = work.sweep.then_some(Change::Sweep { limit: STEP });
    [touch, expire, sweep]
        .into_iter()
        .flatten()
        .map(|change| Command::InStore {
            store: work.store.id(),
            slot: ANYWHERE.slot,
            session: None,
            change,
        })
}
