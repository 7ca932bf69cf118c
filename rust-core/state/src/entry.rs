//! One entry: a single reference-counted allocation.
//!
//! ```text
//! | header 32 B | cap deadline 8 | absolute_unix 8 | window 8, access_at 8, access_deadline 8 | key | value |
//!                 `------------------ each only when its flag is set -------------------'
//! ```
//! Everything but the reference count is fixed once the entry is published, with three exceptions,
//! all atomics: `access_at` (replicated, changed under the exclusive lock), `access_deadline` and
//! `heat` (volatile: written by reads, outside snapshots and equality).

mod deadlines;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering, fence};

use crate::limits::{ALLOCATION_HEADER, ALLOCATION_UNIT, DEADLINE_OVERHEAD, ENTRY_OVERHEAD, INDEX_OVERHEAD};
use crate::settings::Revision;

pub(crate) use deadlines::Deadlines;

const CAPPED: u8 = 1;
const ABSOLUTE: u8 = 2;
const SLIDING: u8 = 4;
const NEVER_EVICT: u8 = 8;

const FIELD: usize = 8;
const HEADER: usize = size_of::<Header>();

#[repr(C)]
struct Header {
    version: Revision,
    hash: u64,
    references: AtomicU32,
    value_len: u32,
    id: u32,
    key_len: u16,
    flags: u8,
    heat: AtomicU8,
}

const _: () = assert!(HEADER == 32);
// The fields behind it are atomics of 64 bits: where an i64 is aligned to less, this must not compile.
const _: () = assert!(align_of::<Header>() >= align_of::<AtomicI64>());

/// A shared, immutable entry: key, value, version and expiry.
///
/// Cloning counts references; the bytes stay until the last holder drops them, whatever happens
/// to the key in the store meanwhile.
pub struct EntryRef(NonNull<Header>);

// SAFETY: an entry is immutable but for atomics, and its reference count is atomic.
unsafe impl Send for EntryRef {}
// SAFETY: as above; all access through a shared reference is to immutable bytes or atomics.
unsafe impl Sync for EntryRef {}

/// What an entry is made of.
#[derive(Clone, Copy)]
pub(crate) struct EntryParts<'a> {
    pub(crate) hash: u64,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) deadlines: Deadlines,
    pub(crate) never_evict: bool,
}

/// An entry that nobody shares yet: its version and place can still be given.
pub(crate) struct Draft(EntryRef);

impl Draft {
    /// Copies `parts` into a new allocation.
    pub(crate) fn new(parts: &EntryParts<'_>) -> Draft {
        let Deadlines {
            cap,
            absolute_unix_ms,
            sliding,
        } = parts.deadlines;
        let mut flags = 0;
        flags |= if cap.is_some() { CAPPED } else { 0 };
        flags |= if absolute_unix_ms.is_some() { ABSOLUTE } else { 0 };
        flags |= if sliding.is_some() { SLIDING } else { 0 };
        flags |= if parts.never_evict { NEVER_EVICT } else { 0 };
        let layout = layout_of(flags, parts.key.len(), parts.value.len());
        // SAFETY: the layout is never empty: it holds a header.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        let header = Header {
            version: 0,
            hash: parts.hash,
            references: AtomicU32::new(1),
            value_len: u32::try_from(parts.value.len()).expect("values are checked before"),
            id: u32::MAX,
            key_len: u16::try_from(parts.key.len()).expect("keys are checked before"),
            flags,
            heat: AtomicU8::new(0),
        };
        // SAFETY: `start` is fresh, aligned to 8 and as long as `layout_of` says: header, the
        // fields of these flags in this order, key, value. Nobody else can see it.
        unsafe {
            let mut next = start.as_ptr();
            next.cast::<Header>().write(header);
            next = next.add(HEADER);
            let mut field = |value: i64| {
                next.cast::<i64>().write(value);
                next = next.add(FIELD);
            };
            if let Some(cap) = cap {
                field(cap);
            }
            if let Some(absolute) = absolute_unix_ms {
                field(absolute);
            }
            if let Some((window, access_at)) = sliding {
                field(window);
                field(access_at);
                field(i64::MIN);
            }
            ptr::copy_nonoverlapping(parts.key.as_ptr(), next, parts.key.len());
            next = next.add(parts.key.len());
            ptr::copy_nonoverlapping(parts.value.as_ptr(), next, parts.value.len());
        }
        Draft(EntryRef(start.cast()))
    }

    /// Gives the version, the place in the slab and the heat, and makes the entry shareable.
    pub(crate) fn publish(self, version: Revision, id: u32, heat: u8) -> EntryRef {
        // SAFETY: a draft is the only reference to its allocation.
        unsafe {
            let header = self.0.0.as_ptr();
            (*header).version = version;
            (*header).id = id;
        }
        self.0.heat().store(heat, Ordering::Relaxed);
        self.0
    }

    pub(crate) fn charge(&self, ordered: bool) -> u64 {
        self.0.charge(ordered)
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.0.key()
    }
}

impl EntryRef {
    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the allocation lives as long as this reference and starts with a header.
        unsafe { self.0.as_ref() }
    }

    /// The revision that last changed the entry.
    #[must_use]
    #[inline]
    pub fn version(&self) -> Revision {
        self.header().version
    }

    /// The full hash of store and key.
    #[must_use]
    #[inline]
    pub fn hash(&self) -> u64 {
        self.header().hash
    }

    /// The key.
    #[must_use]
    #[inline]
    pub fn key(&self) -> &[u8] {
        let header = self.header();
        // SAFETY: the key lies behind header and fields, `key_len` bytes, immutable.
        unsafe {
            std::slice::from_raw_parts(
                self.bytes().add(HEADER + fields(header.flags)),
                usize::from(header.key_len),
            )
        }
    }

    /// The value.
    #[must_use]
    #[inline]
    pub fn value(&self) -> &[u8] {
        let header = self.header();
        let start = HEADER + fields(header.flags) + usize::from(header.key_len);
        // SAFETY: the value lies behind the key, `value_len` bytes, immutable.
        unsafe { std::slice::from_raw_parts(self.bytes().add(start), header.value_len as usize) }
    }

    /// Whether eviction passes the entry by.
    #[must_use]
    #[inline]
    pub fn never_evict(&self) -> bool {
        self.header().flags & NEVER_EVICT != 0
    }

    /// The wall-clock time (Unix ms) that its writer set, if it did.
    #[must_use]
    pub fn absolute_unix_ms(&self) -> Option<i64> {
        let flags = self.header().flags;
        (flags & ABSOLUTE != 0).then(|| self.field(usize::from(flags & CAPPED != 0)))
    }

    /// Whether the entry has a deadline of any kind.
    #[must_use]
    #[inline]
    pub fn is_timed(&self) -> bool {
        self.header().flags & (CAPPED | SLIDING) != 0
    }

    /// Bytes of key and value.
    #[must_use]
    pub fn payload(&self) -> u64 {
        u64::from(self.header().value_len) + u64::from(self.header().key_len)
    }

    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.header().id
    }

    #[inline]
    pub(crate) fn heat(&self) -> &AtomicU8 {
        &self.header().heat
    }

    /// How many hold the entry, this one included. Others may clone and drop theirs meanwhile.
    #[inline]
    pub(crate) fn references(&self) -> u32 {
        self.header().references.load(Ordering::Relaxed)
    }

    /// The same for two references exactly when they share one entry.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    #[inline]
    pub(crate) fn is_same(&self, other: &EntryRef) -> bool {
        self.0 == other.0
    }

    /// Bytes that the entry counts against its store's budget.
    #[inline]
    pub(crate) fn charge(&self, ordered: bool) -> u64 {
        let header = self.header();
        let size = HEADER
            + fields(header.flags)
            + usize::from(header.key_len)
            + header.value_len as usize
            + ALLOCATION_HEADER;
        let mut charge = size.next_multiple_of(ALLOCATION_UNIT) + ENTRY_OVERHEAD;
        if self.is_timed() {
            charge += DEADLINE_OVERHEAD;
        }
        if ordered {
            charge += INDEX_OVERHEAD;
        }
        charge as u64
    }

    fn bytes(&self) -> *const u8 {
        self.0.as_ptr().cast::<u8>().cast_const()
    }

    #[inline]
    fn field(&self, index: usize) -> i64 {
        debug_assert!(index * FIELD < fields(self.header().flags));
        // SAFETY: callers name a field that the flags say is there; fields are 8 bytes, aligned
        // to 8, and those read through here never change.
        unsafe { self.bytes().add(HEADER + index * FIELD).cast::<i64>().read() }
    }

    #[inline]
    fn atomic_field(&self, index: usize) -> &AtomicI64 {
        debug_assert!(index * FIELD < fields(self.header().flags));
        // SAFETY: as for `field`; these two are only ever accessed as atomics once published, and
        // the pointer comes from the allocation itself, not from a reference to the header.
        unsafe { &*self.bytes().add(HEADER + index * FIELD).cast::<AtomicI64>() }
    }
}

#[inline]
fn fields(flags: u8) -> usize {
    let sliding = if flags & SLIDING != 0 { 3 } else { 0 };
    ((flags & CAPPED) as usize + ((flags & ABSOLUTE) >> 1) as usize + sliding) * FIELD
}

fn layout_of(flags: u8, key_len: usize, value_len: usize) -> Layout {
    let size = HEADER + fields(flags) + key_len + value_len;
    Layout::from_size_align(size, align_of::<Header>()).expect("keys and values are bounded")
}

impl Clone for EntryRef {
    #[inline]
    fn clone(&self) -> EntryRef {
        let before = self.header().references.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // More references than a process can hold: only forgotten clones get here, and going
            // on would free an entry in use.
            std::process::abort();
        }
        EntryRef(self.0)
    }
}

impl Drop for EntryRef {
    #[inline]
    fn drop(&mut self) {
        if self.header().references.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // Pairs with the Release of every other drop: their reads happen before the free.
        fence(Ordering::Acquire);
        let header = self.header();
        let layout = layout_of(
            header.flags,
            usize::from(header.key_len),
            header.value_len as usize,
        );
        // SAFETY: the last reference is going; the layout is the one it was allocated with.
        unsafe { dealloc(self.0.as_ptr().cast(), layout) }
    }
}

impl fmt::Debug for EntryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryRef")
            .field("key", &String::from_utf8_lossy(self.key()))
            .field("value_len", &self.value().len())
            .field("version", &self.version())
            .field("deadlines", &self.deadlines())
            .field("never_evict", &self.never_evict())
            .finish()
    }
}

/// What an entry with every optional field would be charged.
#[inline]
pub(crate) fn charge_at_most(key_length: usize, value_length: usize, ordered: bool) -> u64 {
    let size = HEADER + fields(u8::MAX) + key_length + value_length + ALLOCATION_HEADER;
    let index = if ordered { INDEX_OVERHEAD } else { 0 };
    (size.next_multiple_of(ALLOCATION_UNIT) + ENTRY_OVERHEAD + DEADLINE_OVERHEAD + index) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(deadlines: Deadlines) -> EntryRef {
        Draft::new(&EntryParts {
            hash: 7,
            key: b"key",
            value: b"value",
            deadlines,
            never_evict: true,
        })
        .publish(5, 1, 0)
    }

    #[test]
    fn every_combination_of_fields_reads_back() {
        for bits in 0..8 {
            let deadlines = Deadlines {
                cap: (bits & 1 != 0).then_some(100),
                absolute_unix_ms: (bits & 2 != 0).then_some(200),
                sliding: (bits & 4 != 0).then_some((30, 40)),
            };
            let entry = entry(deadlines);
            assert_eq!(entry.deadlines(), deadlines);
            assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"value"[..]));
            assert_eq!((entry.version(), entry.hash(), entry.id()), (5, 7, 1));
            assert!(entry.never_evict());
        }
    }

    #[test]
    fn an_entry_of_120_bytes_of_payload_fills_an_allocator_chunk_exactly() {
        assert_eq!(
            (layout_of(0, 20, 100).size() + ALLOCATION_HEADER) % ALLOCATION_UNIT,
            0
        );
    }

    #[test]
    fn a_slide_never_passes_the_cap_and_never_shortens() {
        let entry = entry(Deadlines {
            cap: Some(100),
            absolute_unix_ms: None,
            sliding: Some((30, 0)),
        });
        assert_eq!(entry.visible_until(), 30);
        entry.slide(20);
        assert_eq!(entry.visible_until(), 50);
        entry.slide(10);
        assert_eq!(entry.visible_until(), 50);
        entry.slide(90);
        assert_eq!(entry.visible_until(), 100);
        assert_eq!(entry.removed_from(7), 37);
        assert_eq!(entry.removed_from(0), 100);
    }
}
