//! Where a key lives: slots and hashes.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::limits::SLOTS;
use crate::settings::{StoreClass, StoreId, StoreSettings};

/// Keys up to this length are hashed from a small buffer on the stack.
const SHORT_KEY: usize = 60;
/// Keys up to this length are hashed from a larger one, longer ones in pieces.
const MEDIUM_KEY: usize = 252;

/// One of the [`SLOTS`] parts of a group kind's hash space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// A key's place: its slot, and the hash that finds it inside a store.
///
/// `hash` = XXH3-64 (seed 0) of the store id (u32, little endian) followed by the key;
/// `slot` = the same over the store id and the *routing bytes*, modulo [`SLOTS`]. Routing bytes are
/// the key, or the text between the first `{` and the next `}` in stores with hash tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash {
    /// The slot that owns the key.
    pub slot: Slot,
    /// The full hash of store and key.
    pub hash: u64,
}

impl KeyHash {
    /// The place of `key` in a cache store.
    #[must_use]
    #[inline]
    pub fn of(store: StoreId, hash_tags: bool, key: &[u8]) -> KeyHash {
        let hash = hash_of(store, key);
        let slot = match hash_tags.then(|| tag(key)).flatten() {
            Some(tag) => slot_of(hash_of(store, tag)),
            None => slot_of(hash),
        };
        KeyHash { slot, hash }
    }

    /// The place of `key` in a store with these settings: a coordination store is one slot,
    /// whatever the key.
    #[must_use]
    #[inline]
    pub fn in_store(store: StoreId, settings: &StoreSettings, key: &[u8]) -> KeyHash {
        match settings.class {
            StoreClass::Cache => KeyHash::of(store, settings.hash_tags, key),
            StoreClass::Coordination => KeyHash {
                slot: KeyHash::slot_of_store(store),
                hash: hash_of(store, key),
            },
        }
    }

    /// The one slot of a coordination store.
    #[must_use]
    pub fn slot_of_store(store: StoreId) -> Slot {
        slot_of(hash_of(store, b""))
    }
}

#[inline]
fn slot_of(hash: u64) -> Slot {
    Slot((hash & u64::from(SLOTS - 1)) as u16)
}

#[inline]
fn hash_of(store: StoreId, key: &[u8]) -> u64 {
    if key.len() <= SHORT_KEY {
        return hash_on_stack::<{ SHORT_KEY + 4 }>(store, key);
    }
    if key.len() <= MEDIUM_KEY {
        return hash_on_stack::<{ MEDIUM_KEY + 4 }>(store, key);
    }
    let mut hasher = Xxh3Default::new();
    hasher.update(&store.0.to_le_bytes());
    hasher.update(key);
    hasher.digest()
}

/// One shot over a buffer, which is worth clearing only as far as the key may reach.
#[inline]
fn hash_on_stack<const ROOM: usize>(store: StoreId, key: &[u8]) -> u64 {
    let mut buffer = [0_u8; ROOM];
    buffer[..4].copy_from_slice(&store.0.to_le_bytes());
    buffer[4..4 + key.len()].copy_from_slice(key);
    xxh3_64(&buffer[..4 + key.len()])
}

/// The text between the first `{` and the next `}`, unless empty.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|&byte| byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// The hash that in-memory tables use: keyed by the process's seed, so that nobody outside can
/// choose keys that collide. Never part of an output.
#[inline]
pub(crate) fn table_hash(seed: u64, hash: u64) -> u64 {
    let product = u128::from(hash ^ seed) * 0x9E37_79B9_7F4A_7C15_u128;
    (product >> 64) as u64 ^ product as u64
}
