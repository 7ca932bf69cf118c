//! A group with one replica: no log, apply at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_state::{
    Change, Command, EntryView, GroupCommand, KeyHash, Machine, NoEvents, Outcome, Query, Read,
    SessionHandle, Slot, StateError, Store, Timestamp,
};

/// Entries that one `Expire` or `Sweep` removes at most: what the locks are held for stays short.
const STEP: u32 = 1_024;

/// The place of a change that has no key.
const ANYWHERE: KeyHash = KeyHash {
    slot: Slot(0),
    hash: 0,
};

/// Applying a command has panicked: the group's state cannot be trusted and it answers nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the group has failed: a command panicked while it was applied")]
pub struct GroupFailed;

/// The unreplicated path to one machine.
pub struct Solo {
    machine: Machine,
    failed: AtomicBool,
}

impl Solo {
    /// Takes a machine over.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            failed: AtomicBool::new(false),
        }
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
    /// [`GroupFailed`] when one panicked, now or before.
    pub fn propose(&self, at: Timestamp, commands: &[Command<'_>]) -> Result<Vec<Outcome>, GroupFailed> {
        self.guarded(|| self.machine.apply(at, commands, &mut NoEvents))
    }

    /// Applies one change to a resolved store.
    ///
    /// # Errors
    /// [`GroupFailed`] when it panicked, now or before.
    #[inline]
    pub fn change(
        &self,
        store: &Store,
        at: Timestamp,
        hash: KeyHash,
        change: &Change<'_>,
    ) -> Result<Outcome, GroupFailed> {
        self.guarded(|| self.machine.change(store, at, hash, change, &mut NoEvents))
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
                Ok(Read::Due) => self.expire_due(store, now())?,
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
        self.expire_due(store, now)?;
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
            self.expire_due(store, now)?;
        }
        self.guarded(|| self.machine.read(now, query))
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
        Ok(more(&self.change(
            store,
            now,
            ANYWHERE,
            &Change::Sweep { limit: STEP },
        )?))
    }

    #[inline]
    fn guarded<R>(&self, work: impl FnOnce() -> R) -> Result<R, GroupFailed> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(GroupFailed);
        }
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
            self.failed.store(true, Ordering::Release);
            GroupFailed
        })
    }
}

fn more(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Removed { more: true, .. })
}
