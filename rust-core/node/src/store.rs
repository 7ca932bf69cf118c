//! A store of a node: its part in every group that holds some of it, behind one door.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use holdfast_proto::{Code, Error, Outcome as WhatBecame};
use holdfast_replication::{GroupFailed, Solo};
use holdfast_state::{
    Arrival, Change, Command, EntryView, KeyHash, KeyRange, Outcome, Query, Revision, SessionTag, Slot,
    StateError, Store, StoreClass, StoreId, StoreSettings, StoreStats, Timestamp,
};

use crate::clock::ClusterClock;
use crate::driver::Alarm;
use crate::room::MemoryUse;
use crate::session::{ChangeNumbers, NodeSession};

/// Entries that one step of a clear by prefix or range removes at most.
const CLEAR_STEP: u32 = 1_024;

/// Why a node cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The caller's own mistake, or what the state refuses.
    #[error(transparent)]
    State(#[from] StateError),
    /// A defect of this node: the group it hit is out of service. Or its log cannot be written: it takes no changes.
    #[error(transparent)]
    Group(#[from] GroupFailed),
    /// The machine answered with something else than what it was asked.
    #[error("the state machine gave an unexpected answer: {0}")]
    Unexpected(String),
}

impl From<NodeError> for Error {
    #[cold]
    fn from(failed: NodeError) -> Error {
        let message = failed.to_string();
        match failed {
            NodeError::State(refused) => Error::from(refused),
            NodeError::Group(GroupFailed::Storage(storage)) => {
                let outcome = if storage.is_perhaps_applied() {
                    WhatBecame::Unknown
                } else {
                    WhatBecame::NotApplied
                };
                Error::new(Code::StorageFailed, message).with_outcome(outcome)
            }
            NodeError::Group(_) | NodeError::Unexpected(_) => Error::new(Code::Internal, message),
        }
    }
}

/// The store's part in one group.
pub(crate) struct Share {
    /// The group's number among all of the node.
    pub(crate) number: usize,
    pub(crate) group: Arc<Solo>,
    pub(crate) store: Arc<Store>,
}

impl Share {
    /// One bounded step of expiring and freeing; true when there is more to do right away. Of a group with a log, the node
    /// does it for all stores together.
    pub(crate) fn drive(&self, now: Timestamp) -> Result<bool, GroupFailed> {
        let mut more = false;
        if self.group.is_logged() {
            return Ok(more);
        }
        if self.store.next_deadline().is_some_and(|due| due <= now) {
            more |= self.group.expire_step(&self.store, now)?;
        }
        if self.store.needs_sweep() {
            more |= self.group.sweep_step(&self.store, now)?;
        }
        Ok(more)
    }
}

/// What one step of expiring and freeing has come to.
#[derive(Default)]
pub(crate) struct Driven {
    /// Something is left to do right away.
    pub(crate) more: bool,
    /// Some group of the store is out of service.
    pub(crate) failure: Option<GroupFailed>,
}

/// An open store. Everything it is asked completes before it returns; any number of threads may ask.
pub struct NodeStore {
    id: StoreId,
    name: String,
    tenant_length: usize,
    settings: StoreSettings,
    /// By slot modulo their number: one in a coordination store, one for each cache group else.
    pub(crate) shares: Box<[Share]>,
    clock: Arc<dyn ClusterClock>,
    alarm: Arc<Alarm>,
    pub(crate) memory: Arc<MemoryUse>,
    /// Bytes of big changes that are under way.
    pub(crate) reserved: AtomicU64,
}

impl NodeStore {
    /// Resolves the parts of a store that its groups have defined.
    pub(crate) fn new(
        id: StoreId,
        name: String,
        groups: Vec<(usize, Arc<Solo>)>,
        clock: Arc<dyn ClusterClock>,
        alarm: Arc<Alarm>,
        memory: Arc<MemoryUse>,
    ) -> Result<Self, NodeError> {
        let shares = groups
            .into_iter()
            .map(|(number, group)| {
                let store = group
                    .machine()
                    .store(id)
                    .ok_or(StateError::StoreNotReady { store: id })?;
                Ok(Share { number, group, store })
            })
            .collect::<Result<Box<[Share]>, StateError>>()?;
        let settings = *shares[0].store.settings();
        Ok(Self {
            id,
            tenant_length: name.find('/').unwrap_or(0),
            name,
            settings,
            shares,
            clock,
            alarm,
            memory,
            reserved: AtomicU64::new(0),
        })
    }

    /// `tenant/name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tenant's part of the name.
    #[must_use]
    #[inline]
    pub fn tenant(&self) -> &str {
        &self.name[..self.tenant_length]
    }

    /// The name without the tenant.
    #[must_use]
    #[inline]
    pub fn own_name(&self) -> &str {
        let full = &self.name[self.tenant_length..];
        full.strip_prefix('/').unwrap_or(full)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    #[inline]
    fn place(&self, key: &[u8]) -> (KeyHash, &Share) {
        let hash = KeyHash::in_store(self.id, &self.settings, key);
        (hash, &self.shares[usize::from(hash.slot.0) % self.shares.len()])
    }

    /// Reads one entry under its lock.
    ///
    /// # Errors
    /// [`NodeError`].
    #[inline]
    pub fn get<R>(
        &self,
        key: &[u8],
        slide: bool,
        visit: impl FnMut(&EntryView<'_>) -> R,
    ) -> Result<Option<R>, NodeError> {
        let (hash, share) = self.place(key);
        Ok(share
            .group
            .get(&share.store, || self.clock.now(), hash, key, slide, visit)??)
    }

    /// Applies one change of one key. `Outcome::Failed` says what the state refused.
    ///
    /// # Errors
    /// [`NodeError::Group`].
    pub fn change(&self, change: &Change<'_>) -> Result<Outcome, NodeError> {
        let (hash, share) = self.place(change.key().unwrap_or_default());
        let now = self.clock.now();
        // Held until the change is counted.
        let _room = match self.make_room(now, share, hash, change) {
            Ok(room) => room,
            Err(NodeError::State(full)) => return Ok(Outcome::Failed(full)),
            Err(other) => return Err(other),
        };
        let some_due = self.settings.class == StoreClass::Coordination
            && share.store.next_deadline().is_some_and(|due| due <= now);
        if some_due && change.key().is_some_and(|key| share.store.is_due(now, hash, key)) {
            // A condition must not see an entry whose time has come, nor may the change find it where a
            // replica would find none. Others that are due do not hold the change up.
            share.group.expire_due(&share.store, now)?;
        }
        let mut outcome = share.group.change(&share.store, now, hash, change)?;
        if some_due && matches!(outcome, Outcome::Failed(StateError::StoreFull { .. })) {
            share.group.expire_due(&share.store, now)?;
            outcome = share.group.change(&share.store, now, hash, change)?;
        }
        if let Some(deadline) = self.earliest_deadline(change, now) {
            self.alarm.set(deadline);
        }
        Ok(outcome)
    }

    /// Applies one change of one key for a session: a retry, which has the same sequence, gets the first outcome. True when
    /// it was one.
    ///
    /// # Errors
    /// [`NodeError::Group`].
    pub fn change_once(
        &self,
        change: &Change<'_>,
        session: &NodeSession,
        numbers: ChangeNumbers,
    ) -> Result<(Outcome, bool), NodeError> {
        let (hash, share) = self.place(change.key().unwrap_or_default());
        let known = session.in_group(share.number, || {
            share.group.open_session(self.clock.now(), session.id())
        })?;
        let tag = SessionTag {
            session: session.id(),
            sequence: numbers.sequence,
            first_unacknowledged: numbers.first_unacknowledged,
        };
        match known.arrive(&tag) {
            Err(refused) => Ok((Outcome::Failed(refused), false)),
            Ok(Arrival::Retry(outcome)) => Ok((outcome, true)),
            Ok(Arrival::New(arrived)) if share.group.is_logged() => {
                // Applying the entry looks it up again, and keeps the outcome.
                drop(arrived);
                let now = self.clock.now();
                let _room = match self.make_room(now, share, hash, change) {
                    Ok(room) => room,
                    Err(NodeError::State(full)) => return Ok((Outcome::Failed(full), false)),
                    Err(other) => return Err(other),
                };
                let logged = share
                    .group
                    .change_logged(&share.store, now, hash.slot, change, Some(tag))?;
                Ok((logged, false))
            }
            Ok(Arrival::New(arrived)) => {
                let outcome = self.change(change)?;
                arrived.record(hash.slot, self.id, &outcome);
                Ok((outcome, false))
            }
        }
    }

    /// When the entry that a change leaves behind may be due, at the earliest.
    #[inline]
    fn earliest_deadline(&self, change: &Change<'_>, now: Timestamp) -> Option<Timestamp> {
        let (Change::Put { expiry, .. }
        | Change::SetExpiry { expiry, .. }
        | Change::Increment { expiry, .. }) = change
        else {
            return None;
        };
        let soonest_ms = match (expiry.ttl_ms, expiry.sliding_ms) {
            (Some(ttl), Some(sliding)) => ttl.min(sliding),
            (ttl, sliding) => ttl.or(sliding).or(self.settings.default_ttl_ms)?,
        };
        Some(Timestamp(now.0.saturating_add_unsigned(soonest_ms)))
    }

    /// Bytes charged for its entries now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shares.iter().map(|share| share.store.bytes()).sum()
    }

    /// Reads many keys and shows each with its index. In a coordination store all are of one moment.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn get_many(
        &self,
        keys: &[&[u8]],
        mut visit: impl FnMut(usize, Option<&EntryView<'_>>),
    ) -> Result<(), NodeError> {
        if self.settings.class == StoreClass::Cache {
            for (index, key) in keys.iter().enumerate() {
                if self.get(key, true, |entry| visit(index, Some(entry)))?.is_none() {
                    visit(index, None);
                }
            }
            return Ok(());
        }
        let share = &self.shares[0];
        share
            .group
            .get_many(&share.store, self.clock.now(), keys, |index, entry| {
                visit(index, entry.as_ref())
            })??;
        Ok(())
    }

    /// Counts the entries of a range that are not due.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn count(&self, range: &KeyRange<'_>) -> Result<u64, NodeError> {
        let now = self.clock.now();
        let query = Query::Count {
            store: self.id,
            range: *range,
        };
        self.shares.iter().try_fold(0, |sum, share| {
            match share.group.query(&share.store, now, &query)? {
                Outcome::Count(count) => Ok(sum + count),
                other => Err(unexpected(other)),
            }
        })
    }

    /// Removes a range: how many entries there were, and the highest revision of the removal.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn clear(&self, range: &KeyRange<'_>) -> Result<(u64, Revision), NodeError> {
        let now = self.clock.now();
        let mut removed = 0;
        let mut version = 0;
        for share in &self.shares {
            // What is due is no entry any more: it expires, it is not cleared.
            share.group.expire_due(&share.store, now)?;
            let through = share.group.machine().revision();
            let mut slot = Slot(0);
            loop {
                let change = Change::Clear {
                    range: *range,
                    through,
                    limit: CLEAR_STEP,
                };
                let command = Command::InStore {
                    store: self.id,
                    slot,
                    session: None,
                    change,
                };
                match share.group.propose(now, &[command])?.pop() {
                    Some(Outcome::Removed {
                        count,
                        more,
                        next,
                        version: at,
                    }) => {
                        removed += count;
                        version = version.max(at);
                        slot = next;
                        if !more {
                            break;
                        }
                    }
                    Some(Outcome::Failed(error)) => return Err(error.into()),
                    other => return Err(NodeError::Unexpected(format!("{other:?}"))),
                }
            }
        }
        self.alarm.ring();
        Ok((removed, version))
    }

    /// The counters of all groups together.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.shares.iter().fold(StoreStats::default(), |mut sum, share| {
            sum += share.store.stats();
            sum
        })
    }

    /// One page out of one group, for [`crate::scan`].
    pub(crate) fn page(&self, group: usize, query: &Query<'_>) -> Result<holdfast_state::Page, NodeError> {
        let share = &self.shares[group];
        match share.group.query(&share.store, self.clock.now(), query)? {
            Outcome::Page(page) => Ok(page),
            other => Err(unexpected(other)),
        }
    }

    pub(crate) fn group_of(&self, slot: Slot) -> usize {
        usize::from(slot.0) % self.shares.len()
    }

    /// Expires and frees in bounded steps, in every group that works.
    pub(crate) fn drive(&self, now: Timestamp) -> Driven {
        let mut driven = Driven::default();
        for share in &self.shares {
            match share.drive(now) {
                Ok(more) => driven.more |= more,
                Err(failure) => driven.failure = Some(failure),
            }
        }
        driven
    }

    /// When there is something to expire next. What a failed group holds stays.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.shares
            .iter()
            .filter(|share| !share.group.has_failed() && share.group.storage_failed().is_none())
            .filter_map(|share| share.store.next_deadline())
            .min()
    }
}

fn unexpected(outcome: Outcome) -> NodeError {
    match outcome {
        Outcome::Failed(error) => NodeError::State(error),
        other => NodeError::Unexpected(format!("{other:?}")),
    }
}
