//! The limits that every layer states and checks, and the constants of memory accounting.

/// Longest key in bytes; the shortest is 1.
pub const MAX_KEY: usize = 32 * 1024;
/// Largest value in bytes that a store's `max_value` may allow.
pub const MAX_VALUE: u32 = 16 * 1024 * 1024;
/// Largest batch in bytes.
pub const MAX_BATCH: usize = 16 * 1024 * 1024;
/// Longest time to live: 100 years (of 365.25 days) in ms.
pub const MAX_TTL_MS: u64 = 100 * 31_557_600_000;
/// Number of slots of each kind of group.
pub const SLOTS: u16 = 1024;
/// The newest feature level that this build can apply.
///
/// 1: the first. 2: nodes say which disk their logs are on, and replicas on disk belong to it.
pub const FEATURE_LEVEL: u32 = 2;
/// The level from which on a node may name its disk.
pub(crate) const DISKS_LEVEL: u32 = 2;
/// Changes that one session may have unacknowledged in one group.
pub const SESSION_WINDOW: u64 = 4096;
/// Bytes of outcomes, with the values that they gave back, that one session may have unacknowledged in one group: what is
/// above when a change arrives refuses it.
pub const SESSION_OUTCOME_BYTES: u64 = 64 * 1024 * 1024;
/// Most entries changed under one hold of a sub-map's lock by the leader's own commands, so that
/// a million entries due at once do not stall the readers of others.
pub(crate) const ENTRIES_PER_LOCK: usize = 64;

/// Most wheel items looked at under one hold of a sub-map's lock: each is an entry that memory has to
/// fetch.
pub(crate) const LOOKS_PER_LOCK: usize = 512;

// Memory accounting of feature level 1. An entry is charged what the allocator takes for it plus
// these constants; replicas compare the sums with budgets, so a change needs a new level.

/// What the allocator adds in front of an allocation.
pub(crate) const ALLOCATION_HEADER: usize = 8;
/// The allocator's granularity.
pub(crate) const ALLOCATION_UNIT: usize = 16;
/// Slab node, hash table bucket and their spare room.
pub(crate) const ENTRY_OVERHEAD: usize = 28;
/// Timing wheel item and its spare room, for an entry with a deadline.
pub(crate) const DEADLINE_OVERHEAD: usize = 8;
/// Share of an ordered index node, for an entry of a coordination store.
pub(crate) const INDEX_OVERHEAD: usize = 16;

/// Bytes of events that a store's history keeps at most.
pub const HISTORY_BYTES: u64 = 8 * 1024 * 1024;
