//! Room for what a change adds: a store keeps its budget, all stores together the node's limit.
//!
//! Due and cleared entries count until they are freed. Where something evicts, room is made; where
//! nothing does, the change is refused, and only if it really does not fit.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use holdfast_state::{Change, Eviction, KeyHash, StateError, StoreClass, Timestamp};

use crate::store::{NodeError, NodeStore, Share};

/// A change that may add this part of the budget is big.
const BIG: u64 = 1_024;
/// The longest text of a counter: the digits of `i64::MIN` and its sign.
const LONGEST_NUMBER: usize = 20;

/// What the stores of a node use together.
pub(crate) struct MemoryUse {
    limit: u64,
    stores: ArcSwap<Vec<Arc<NodeStore>>>,
    /// Bytes of big changes that are under way.
    reserved: AtomicU64,
}

impl MemoryUse {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            stores: ArcSwap::default(),
            reserved: AtomicU64::new(0),
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn stores(&self) -> Arc<Vec<Arc<NodeStore>>> {
        self.stores.load_full()
    }

    /// Adds a store; only one caller at a time.
    pub(crate) fn add(&self, store: Arc<NodeStore>) {
        let mut all = self.stores.load().to_vec();
        all.push(store);
        self.stores.store(Arc::new(all));
    }

    /// Lets go of the stores, which hold this.
    pub(crate) fn clear(&self) {
        self.stores.store(Arc::default());
    }

    pub(crate) fn used(&self) -> u64 {
        self.stores.load().iter().map(|store| store.bytes()).sum()
    }

    /// Evicts from any store, the largest first; the bytes that could not be freed are returned.
    fn evict(&self, now: Timestamp, mut over: u64) -> u64 {
        if over == 0 {
            return 0;
        }
        let mut evicting: Vec<Arc<NodeStore>> = self
            .stores
            .load()
            .iter()
            .filter(|store| store.settings().evicts())
            .cloned()
            .collect();
        evicting.sort_by_cached_key(|store| Reverse(store.bytes()));
        for store in evicting {
            if over == 0 {
                break;
            }
            over = store.evict(now, over);
        }
        over
    }
}

/// Bytes of a big change that is under way: without it, threads that put big values at once would all
/// count on the same room. Small changes reserve nothing; what they can be over by together is a
/// thousandth of the budget for each thread.
pub(crate) struct Reserved<'a> {
    store: &'a NodeStore,
    bytes: u64,
    /// What others reserved before, in the store and in the node.
    before: (u64, u64),
}

impl<'a> Reserved<'a> {
    #[inline]
    fn new(store: &'a NodeStore, needed: u64) -> Self {
        let (own, node) = (&store.reserved, &store.memory.reserved);
        let budget = store.settings().max_memory.min(store.memory.limit);
        if needed > budget / BIG {
            let before = (
                own.fetch_add(needed, Ordering::Relaxed),
                node.fetch_add(needed, Ordering::Relaxed),
            );
            Self {
                store,
                bytes: needed,
                before,
            }
        } else {
            Self {
                store,
                bytes: 0,
                before: (own.load(Ordering::Relaxed), node.load(Ordering::Relaxed)),
            }
        }
    }
}

impl Drop for Reserved<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.store.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
            self.store
                .memory
                .reserved
                .fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// What would be used with a change, against what may be.
#[derive(Clone, Copy)]
struct Use {
    own: u64,
    own_limit: u64,
    node: u64,
    node_limit: u64,
}

impl Use {
    fn over(&self) -> (u64, u64) {
        (
            self.own.saturating_sub(self.own_limit),
            self.node.saturating_sub(self.node_limit),
        )
    }

    fn fits(&self) -> bool {
        self.over() == (0, 0)
    }

    fn full(&self) -> NodeError {
        let (needed, limit) = match self.over() {
            (0, _) => (self.node, self.node_limit),
            _ => (self.own, self.own_limit),
        };
        StateError::StoreFull { needed, limit }.into()
    }
}

impl NodeStore {
    /// Makes sure that what a change adds fits into the budget and into the node's limit, for as long
    /// as the answer is held.
    ///
    /// # Errors
    /// `StoreFull`, and a failed group.
    #[inline]
    pub(crate) fn make_room(
        &self,
        now: Timestamp,
        share: &Share,
        place: KeyHash,
        change: &Change<'_>,
    ) -> Result<Option<Reserved<'_>>, NodeError> {
        let (key, needed) = match change {
            Change::Put { key, value, .. } => (*key, share.store.charge_of(key.len(), value.len())),
            Change::Increment { key, .. } => (*key, share.store.charge_of(key.len(), LONGEST_NUMBER)),
            // At most what an entry's deadlines take. Elsewhere they are never refused: entries that
            // are there already can grow by so little only.
            Change::SetExpiry { key, expiry, .. } if self.settings().evicts() && !expiry.is_none() => {
                (*key, share.store.charge_of(0, 0))
            }
            _ => return Ok(None),
        };
        let reserved = Reserved::new(self, needed);
        if !self.use_with(needed, &reserved).fits() {
            if self.settings().eviction == Eviction::None {
                self.find_room(now, share, place, key, needed, &reserved)?;
            } else {
                self.evict_for(now, needed, &reserved)?;
            }
        }
        Ok(Some(reserved))
    }

    #[inline]
    fn use_with(&self, needed: u64, reserved: &Reserved<'_>) -> Use {
        let own = self.bytes();
        Use {
            own: own + reserved.before.0 + needed,
            // A coordination store lies in one group, which knows its budget to the byte.
            own_limit: match self.settings().class {
                StoreClass::Coordination => u64::MAX,
                StoreClass::Cache => self.settings().max_memory,
            },
            node: self.memory.used() + reserved.before.1 + needed,
            node_limit: self.memory.limit,
        }
    }

    /// For a store that does not evict: counts exactly, and frees what nobody sees any more.
    #[cold]
    fn find_room(
        &self,
        now: Timestamp,
        share: &Share,
        place: KeyHash,
        key: &[u8],
        needed: u64,
        reserved: &Reserved<'_>,
    ) -> Result<(), NodeError> {
        let growth = || needed.saturating_sub(share.store.charge_of_key(place, key));
        let fits = || {
            let growth = growth();
            growth == 0 || self.use_with(growth, reserved).fits()
        };
        for share in &self.shares {
            while !fits() && share.drive(now)? {}
        }
        let growth = growth();
        let wanted = self.use_with(growth, reserved);
        match wanted.over() {
            _ if growth == 0 => Ok(()),
            (0, over) if self.memory.evict(now, over) == 0 => Ok(()),
            _ => Err(wanted.full()),
        }
    }

    /// For a store that evicts: its own entries go for its budget, those of the largest store for the
    /// node's limit.
    #[cold]
    fn evict_for(&self, now: Timestamp, needed: u64, reserved: &Reserved<'_>) -> Result<(), NodeError> {
        let wanted = self.use_with(needed, reserved);
        let (over, node_over) = wanted.over();
        let left = self.evict(now, over);
        let node_left = self.memory.evict(now, node_over.saturating_sub(over - left));
        // What others have reserved is evictable soon: nobody is refused for their sake.
        if left > reserved.before.0 || node_left > reserved.before.1 {
            return Err(wanted.full());
        }
        Ok(())
    }

    /// Evicts until `over` bytes are free, from the fullest group first; the bytes that could not be
    /// freed are returned. A group that has failed gives nothing.
    fn evict(&self, now: Timestamp, over: u64) -> u64 {
        let fullest = self.shares.iter().max_by_key(|share| share.store.bytes());
        // The others are asked only when the fullest has nothing left to give.
        fullest
            .into_iter()
            .chain(self.shares.iter())
            .fold(over, |left, share| match left {
                0 => 0,
                left => share.group.evict(&share.store, now, left).unwrap_or(left),
            })
    }
}
