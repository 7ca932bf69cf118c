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

/// Remembers about as many evicted hashes as the sub-map has entries, in about 2.5 bytes each.
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
        // The hash's upper half, scaled; the tag comes from the lower one.
        let bucket = (((hash >> 32) * buckets) >> 32) as usize;
        &mut self.slots[bucket * WAYS..][..WAYS]
    }
}

/// 1 to 1023: zero is an unused slot.
fn tag(hash: u64) -> u16 {
    (hash as u16 & 0x3ff).max(1)
}

fn age(epoch: u8, slot: u16) -> u8 {
    epoch.wrapping_sub(slot as u8) & AGE_MASK as u8
}
