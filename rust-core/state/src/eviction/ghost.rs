//! The hashes of lately evicted entries.

/// Ages that are told apart while a ghost lives.
const AGES: u8 = 32;
/// A ghost younger than this would have been a hit, had the window been a third longer or so.
const YOUNG: u8 = 10;
const AGE_MASK: u16 = 63;
const TAG_SHIFT: u32 = 6;
const WAYS: usize = 8;
const FEWEST: u32 = 8;

/// What is known of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Never, or too long ago.
    No,
    /// Evicted a short while ago.
    Lately,
    /// Evicted long ago, measured in evictions.
    LongAgo,
}

/// Remembers about as many evicted hashes as the sub-map has entries, in three bytes each.
///
/// A table of buckets of eight: 10 bits of the hash and the age's epoch modulo 64, of which the last 32 count. Forgetting
/// needs no work: old slots lapse and are used again. A foreign hash passes for a known one in about 1 of 150 cases, which
/// costs that entry's way through the window.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    /// Empty until something is evicted. Zero: an unused slot.
    slots: Box<[u16]>,
    /// Entries that the table was made for.
    room: u32,
    /// Evictions, in ages times 2^16: a sub-map's entries make up [`AGES`].
    clock: u32,
}

impl Ghosts {
    /// Remembers an eviction; `entries` is how many the sub-map has.
    pub(super) fn record(&mut self, hash: u64, entries: u32) {
        let entries = entries.max(FEWEST);
        if entries > self.room {
            // Starts afresh, which is rare: sub-maps under pressure keep their number of entries.
            self.room = entries + entries / 2;
            let buckets = (self.room as usize).div_ceil(WAYS);
            self.slots = vec![0; buckets * WAYS].into_boxed_slice();
        }
        self.clock = self.clock.wrapping_add((u32::from(AGES) << 16) / entries);
        let (tag, epoch) = (tag(hash), self.epoch());
        let bucket = self.bucket(hash);
        let slot = bucket
            .iter_mut()
            .max_by_key(|slot| match **slot {
                0 => u16::from(u8::MAX),
                slot if slot >> TAG_SHIFT == tag => u16::MAX,
                slot => u16::from(age(epoch, slot)),
            })
            .expect("a bucket has slots");
        *slot = tag << TAG_SHIFT | u16::from(epoch) & AGE_MASK;
    }

    /// Forgets the hash and says what was known of it.
    pub(super) fn take(&mut self, hash: u64) -> Seen {
        if self.slots.is_empty() {
            return Seen::No;
        }
        let (tag, epoch) = (tag(hash), self.epoch());
        let Some(slot) = self
            .bucket(hash)
            .iter_mut()
            .find(|slot| **slot >> TAG_SHIFT == tag)
        else {
            return Seen::No;
        };
        let age = age(epoch, *slot);
        *slot = 0;
        match age {
            0..YOUNG => Seen::Lately,
            YOUNG..AGES => Seen::LongAgo,
            _ => Seen::No,
        }
    }

    fn epoch(&self) -> u8 {
        (self.clock >> 16) as u8
    }

    fn bucket(&mut self, hash: u64) -> &mut [u16] {
        let buckets = (self.slots.len() / WAYS) as u64;
        // The hash's upper half, scaled; the tag comes from the lower half.
        let bucket = (((hash >> 32) * buckets) >> 32) as usize;
        &mut self.slots[bucket * WAYS..][..WAYS]
    }
}

/// 1 to 1023: zero is an unused slot. The hash's lowest bits choose the cluster's slot, so that all keys of a sub-map agree
/// in most of them: they say nothing here.
fn tag(hash: u64) -> u16 {
    ((hash >> 16) as u16 & 0x3ff).max(1)
}

fn age(epoch: u8, slot: u16) -> u8 {
    epoch.wrapping_sub(slot as u8) & AGE_MASK as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of a key in one slot.
    fn hash(key: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes()) & !1023 | 77
    }

    fn known(ghosts: &mut Ghosts, keys: std::ops::Range<u64>) -> usize {
        keys.filter(|key| ghosts.take(hash(*key)) != Seen::No).count()
    }

    #[test]
    fn as_many_evictions_as_there_are_entries_are_remembered() {
        for entries in [8, 100, 5_000_u32] {
            let mut ghosts = Ghosts::default();
            for key in 0..u64::from(entries) * 10 {
                ghosts.record(hash(key), entries);
            }
            let entries = u64::from(entries);
            let last = known(&mut ghosts, entries * 9 + entries / 10..entries * 10);
            assert!(last as u64 >= entries * 7 / 10, "{last} of {entries}");
            let earlier = known(&mut ghosts, 0..entries * 8);
            assert!(earlier as u64 <= 1 + entries / 5, "{earlier} of {entries}");
        }
    }

    #[test]
    fn keys_of_one_slot_are_told_apart() {
        let mut ghosts = Ghosts::default();
        for key in 0..1_000 {
            ghosts.record(hash(key), 1_000);
        }
        let mistaken = known(&mut ghosts, 1_000..11_000);
        assert!(mistaken <= 100, "{mistaken} of 10000");
    }

    #[test]
    fn a_ghost_grows_old_with_evictions_and_is_met_once() {
        let mut ghosts = Ghosts::default();
        for key in 0..1_000 {
            ghosts.record(hash(key), 1_000);
        }
        assert_eq!(ghosts.take(hash(990)), Seen::Lately);
        assert_eq!(ghosts.take(hash(990)), Seen::No);
        assert_eq!(ghosts.take(hash(200)), Seen::LongAgo);
    }
}
