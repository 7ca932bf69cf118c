//! One group's replica at this node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_replication::raft::{DataMachine, RaftGroup};
use holdfast_state::{GroupId, ReplicaId, Store, StoreId};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// How long a read's touch may take to be logged.
pub(crate) const TOUCH_INTERVAL_MS: u64 = 500;

/// One group's replica at this node.
pub(crate) struct GroupNode {
    raft: RaftGroup<DataMachine>,
    /// The group's epoch as of when the replica was issued.
    epoch: u64,
    on_disk: bool,
    duties: JoinHandle<()>,
    /// By store: bytes that proposed changes will add, and that evictions proposed with them will free.
    pending: Arc<Mutex<BTreeMap<StoreId, (u64, u64)>>>,
    /// Sessions whose end is proposed: a change that comes meanwhile opens its session again.
    ending: Mutex<BTreeSet<u128>>,
    /// An operator has put the leadership here: through this term it is not moved to where the plan has it.
    keeps_through: AtomicU64,
}

/// What a change that is proposed will add, and free, until it is applied.
pub(crate) struct Coming {
    pending: Arc<Mutex<BTreeMap<StoreId, (u64, u64)>>>,
    store: StoreId,
    adds: u64,
    frees: u64,
}

impl GroupNode {
    pub(crate) fn new(
        raft: RaftGroup<DataMachine>,
        epoch: u64,
        on_disk: bool,
        duties: JoinHandle<()>,
    ) -> Arc<Self> {
        Arc::new(Self {
            raft,
            epoch,
            on_disk,
            duties,
            pending: Arc::default(),
            ending: Mutex::default(),
            keeps_through: AtomicU64::new(0),
        })
    }

    /// These sessions are about to end.
    pub(crate) fn begin_ending(&self, sessions: &[u128]) {
        self.ending.lock().extend(sessions);
    }

    /// They have, or will not.
    pub(crate) fn have_ended(&self) {
        self.ending.lock().clear();
    }

    /// Whether the session is about to end.
    pub(crate) fn is_ending(&self, session: u128) -> bool {
        self.ending.lock().contains(&session)
    }

    /// The last term of which a leadership stays here, wherever the plan has it.
    pub(crate) fn keeps_through(&self) -> u64 {
        self.keeps_through.load(Ordering::Relaxed)
    }

    pub(crate) fn keep_through(&self, term: u64) {
        self.keeps_through.store(term, Ordering::Relaxed);
    }

    /// Counts what a change will add until it is applied.
    pub(crate) fn coming(&self, store: StoreId, adds: u64) -> Coming {
        self.pending.lock().entry(store).or_default().0 += adds;
        Coming {
            pending: Arc::clone(&self.pending),
            store,
            adds,
            frees: 0,
        }
    }

    pub(crate) fn raft(&self) -> &RaftGroup<DataMachine> {
        &self.raft
    }

    pub(crate) fn id(&self) -> GroupId {
        self.raft.id()
    }

    pub(crate) fn replica(&self) -> ReplicaId {
        self.raft.replica()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether its log outlives the process.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.on_disk
    }
}

impl Drop for GroupNode {
    fn drop(&mut self) {
        self.duties.abort();
    }
}

impl Coming {
    /// Bytes that would be too many, with all that is proposed.
    pub(crate) fn over(&self, store: &Store) -> u64 {
        let (adds, frees) = self.pending.lock().get(&self.store).copied().unwrap_or_default();
        store.over_budget(adds).saturating_sub(frees)
    }

    /// The change's own evictions.
    pub(crate) fn goes(&mut self, frees: u64) {
        self.frees += frees;
        self.pending.lock().entry(self.store).or_default().1 += frees;
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        let mut pending = self.pending.lock();
        if let Some((adds, frees)) = pending.get_mut(&self.store) {
            *adds = adds.saturating_sub(self.adds);
            *frees = frees.saturating_sub(self.frees);
        }
    }
}
