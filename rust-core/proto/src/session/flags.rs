//! Bits of [`super::RequestHeader::flags`] and [`super::ReplyHeader::flags`], the same as in the C ABI, and what they ask
//! for.

use holdfast_state::{Condition, KeyRange, Revision};

/// Only if the key does not exist.
pub const IF_ABSENT: u32 = 1;
/// Only if the key exists.
pub const IF_PRESENT: u32 = 1 << 1;
/// Only if the entry has `version`.
pub const IF_VERSION: u32 = 1 << 2;
/// Answer with the former value.
pub const RETURN_PREVIOUS: u32 = 1 << 3;
/// The entry is never evicted.
pub const NEVER_EVICT: u32 = 1 << 4;
/// Leave the value out of the reply.
pub const METADATA_ONLY: u32 = 1 << 5;
/// Do not slide.
pub const NO_SLIDE: u32 = 1 << 6;
/// `Increment` sets the expiry also on an entry that exists.
pub const RESET_EXPIRY: u32 = 1 << 7;
/// The key is a prefix.
pub const PREFIX: u32 = 1 << 8;
/// Key and payload bound a range.
pub const RANGE: u32 = 1 << 9;
/// Backwards.
pub const DESCENDING: u32 = 1 << 10;
/// Keys without values.
pub const KEYS_ONLY: u32 = 1 << 11;
/// An earlier connection may have carried this change to a node already, and its group has known the session since or
/// may have forgotten it. A group that does not know the session must not begin it with such a request: what became of
/// the change is no longer known there (`SessionExpired`, outcome Unknown). Without the flag a group begins a session
/// that it does not know: the client vouches that nothing of the session can have been forgotten.
pub const RETRY: u32 = 1 << 12;

/// The key existed (before the operation, for a change).
pub const FOUND: u32 = 1;
/// The change was applied.
pub const APPLIED: u32 = 1 << 1;
/// With a code: whether the change was applied is unknown.
pub const OUTCOME_UNKNOWN: u32 = 1 << 2;

/// What must hold for a change with these bits.
#[must_use]
#[inline]
pub fn condition(bits: u32, version: Revision) -> Condition {
    if bits & IF_VERSION != 0 {
        Condition::Version(version)
    } else if bits & IF_ABSENT != 0 {
        Condition::Absent
    } else if bits & IF_PRESENT != 0 {
        Condition::Present
    } else {
        Condition::Always
    }
}

/// The keys that an operation on many with these bits is about; `end` is what follows the key.
#[must_use]
#[inline]
pub fn range<'a>(bits: u32, key: &'a [u8], end: &'a [u8]) -> KeyRange<'a> {
    if bits & PREFIX != 0 {
        KeyRange::Prefix(key)
    } else if bits & RANGE != 0 {
        KeyRange::Range {
            first: key,
            end: (!end.is_empty()).then_some(end),
        }
    } else {
        KeyRange::All
    }
}
