//! Builds replies and keeps what they point to until it is given back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use holdfast_proto::{Code, Error, Outcome};
use holdfast_state::EntryRef;
use parking_lot::Mutex;
use slab::Slab;

use crate::abi::{HF_REPLY_OUTCOME_UNKNOWN, HF_REPLY_TRANSIENT, HfItem, HfReply, HfStatus};

/// Memory that a reply's `data` points to.
#[expect(dead_code, reason = "held for the reader of the reply, read by nobody here")]
enum Owned {
    Bytes(Box<[u8]>),
    /// Items and bytes in one allocation, aligned for [`HfItem`].
    Words(Box<[u64]>),
    Entry(EntryRef),
}

struct Kept {
    generation: u32,
    _owned: Owned,
}

#[derive(Default)]
struct Releases {
    kept: Slab<Kept>,
    generation: u32,
    stale: u64,
}

static RELEASES: LazyLock<Mutex<Releases>> = LazyLock::new(|| Mutex::new(Releases::default()));

fn keep(owned: Owned) -> u64 {
    let mut releases = RELEASES.lock();
    releases.generation = releases.generation.wrapping_add(1).max(1);
    let generation = releases.generation;
    let index = releases.kept.insert(Kept {
        generation,
        _owned: owned,
    });
    (u64::from(generation) << 32) | index as u64
}

/// Gives back a reply's memory; a stale or unknown name is counted and ignored.
pub(crate) fn release(release: u64) {
    if release == 0 {
        return;
    }
    let index = (release & u64::from(u32::MAX)) as usize;
    let generation = (release >> 32) as u32;
    let mut releases = RELEASES.lock();
    let freed = match releases.kept.get(index) {
        Some(kept) if kept.generation == generation => Some(releases.kept.remove(index)),
        _ => {
            releases.stale += 1;
            None
        }
    };
    // The memory itself is freed after the lock.
    drop(releases);
    drop(freed);
}

/// A reply with nothing in it: `Ok` and no deadline.
pub(crate) fn empty(ticket: u64) -> HfReply {
    HfReply {
        ticket,
        status: HfStatus::Ok as u32,
        code: 0,
        flags: 0,
        items: 0,
        version: 0,
        number: 0,
        previous: 0,
        ttl_ms: -1,
        absolute_unix_ms: 0,
        retries: 0,
        server: 0,
        data: std::ptr::null(),
        data_length: 0,
        release: 0,
    }
}

/// A reply whose ticket was accepted and will complete later.
pub(crate) fn pending(ticket: u64) -> HfReply {
    HfReply {
        status: HfStatus::Pending as u32,
        ..empty(ticket)
    }
}

/// A reply of a closed client.
pub(crate) fn closed(ticket: u64) -> HfReply {
    HfReply {
        status: HfStatus::Closed as u32,
        ..empty(ticket)
    }
}

/// A reply that owns `bytes` as its data.
pub(crate) fn with_bytes(ticket: u64, bytes: Box<[u8]>) -> HfReply {
    let mut reply = empty(ticket);
    own_bytes(&mut reply, bytes);
    reply
}

/// Lets `reply` own `bytes` as its data.
pub(crate) fn own_bytes(reply: &mut HfReply, bytes: Box<[u8]>) {
    if !bytes.is_empty() {
        reply.data = bytes.as_ptr();
        reply.data_length = bytes.len() as u64;
        reply.release = keep(Owned::Bytes(bytes));
    }
}

/// Lets `reply` share an entry's value.
pub(crate) fn share_value(reply: &mut HfReply, entry: EntryRef) {
    let value = entry.value();
    if !value.is_empty() {
        reply.data = value.as_ptr();
        reply.data_length = value.len() as u64;
        // The value lies in the shared allocation, which the kept reference holds in place.
        reply.release = keep(Owned::Entry(entry));
    }
}

/// A reply for an error: its code and its message.
pub(crate) fn failure(ticket: u64, error: &Error) -> HfReply {
    let mut reply = HfReply {
        status: HfStatus::Error as u32,
        code: error.code.number(),
        flags: failure_flags(Some(error.code), error.outcome == Outcome::Unknown),
        ..empty(ticket)
    };
    own_bytes(&mut reply, error.message.as_bytes().into());
    reply
}

/// The bits of a reply to a request that failed.
pub(crate) fn failure_flags(code: Option<Code>, outcome_unknown: bool) -> u32 {
    let transient = code.is_some_and(Code::is_transient);
    bit(transient, HF_REPLY_TRANSIENT) | bit(outcome_unknown, HF_REPLY_OUTCOME_UNKNOWN)
}

/// A bit that is set or not.
pub(crate) fn bit(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

/// What is left until a deadline, as replies say it.
pub(crate) fn ttl_of(remaining_ms: Option<u64>) -> i64 {
    remaining_ms.map_or(-1, signed)
}

/// A count as replies say it.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A reply for a panic, with its message.
pub(crate) fn panicked(ticket: u64, panic: &(dyn Any + Send)) -> HfReply {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    HfReply {
        status: HfStatus::Panicked as u32,
        flags: HF_REPLY_OUTCOME_UNKNOWN,
        ..with_bytes(ticket, message.as_bytes().to_vec().into_boxed_slice())
    }
}

/// The reply that `make` makes; its panic is one too, so that the ticket completes all the same.
pub(crate) fn contained(ticket: u64, make: impl FnOnce() -> HfReply) -> HfReply {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| panicked(ticket, panic.as_ref()))
}

/// An item with nothing in it.
pub(crate) fn empty_item() -> HfItem {
    HfItem {
        status: HfStatus::Ok as u32,
        code: 0,
        flags: 0,
        key_length: 0,
        key_offset: 0,
        value_offset: 0,
        value_length: 0,
        version: 0,
        number: 0,
        previous: 0,
        ttl_ms: -1,
        absolute_unix_ms: 0,
    }
}

/// Most bytes of a reply to many keys: a few keys can name any amount of values, and a caller may hold a
/// reply in one array of less than 2 GiB.
pub(crate) const MOST_BYTES: usize = 1 << 30;
/// Where messages are left out already, which are shorter.
const MESSAGE_ROOM: usize = 64 * 1024;

/// Collects the items of a reply: first all items, then the keys and values that they name.
#[derive(Default)]
pub(crate) struct ItemsBuilder {
    items: Vec<HfItem>,
    bytes: Vec<u8>,
}

impl ItemsBuilder {
    pub(crate) fn with_capacity(items: usize) -> Self {
        Self {
            items: Vec::with_capacity(items),
            bytes: Vec::new(),
        }
    }

    /// Room for that many items; `None` when they take more than half of what a reply may have.
    pub(crate) fn of(items: usize) -> Option<Self> {
        (items <= MOST_BYTES / 2 / size_of::<HfItem>()).then(|| Self::with_capacity(items))
    }

    /// Bytes of values that may still be added; whoever adds to a builder made by `of` asks first.
    pub(crate) fn room_left(&self) -> usize {
        (MOST_BYTES / 2).saturating_sub(self.bytes.len())
    }

    /// Whether there is no room left for messages either.
    pub(crate) fn is_full(&self) -> bool {
        self.room_left() < MESSAGE_ROOM
    }

    /// Adds an item with its key and value; their offsets are filled in at the end.
    pub(crate) fn push(&mut self, item: HfItem, key: &[u8], value: &[u8]) {
        let key_offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(key);
        let value_offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(value);
        self.items.push(HfItem {
            key_offset,
            key_length: u32::try_from(key.len()).expect("a key or cursor is shorter than 4 GiB"),
            value_offset,
            value_length: value.len() as u64,
            ..item
        });
    }

    /// Lays items, keys and values out in the memory that is returned, to which `reply` points from now on.
    pub(crate) fn lay_out(mut self, reply: &mut HfReply) -> Box<[u64]> {
        let head = self.items.len() * size_of::<HfItem>();
        for item in &mut self.items {
            item.key_offset += head as u64;
            item.value_offset += head as u64;
        }
        let length = head + self.bytes.len();
        let mut words = vec![0_u64; length.div_ceil(size_of::<u64>())].into_boxed_slice();
        let start = words.as_mut_ptr().cast::<u8>();
        // SAFETY: `words` has room for `head` + the bytes' length; an HfItem is plain data without
        // padding bytes and aligned to 8 like a u64.
        unsafe {
            std::ptr::copy_nonoverlapping(self.items.as_ptr().cast::<u8>(), start, head);
            std::ptr::copy_nonoverlapping(self.bytes.as_ptr(), start.add(head), self.bytes.len());
        }
        reply.items = u32::try_from(self.items.len()).expect("a batch has fewer than 4 billion items");
        reply.data = words.as_ptr().cast::<u8>();
        reply.data_length = length as u64;
        words
    }

    /// A reply that owns its items.
    pub(crate) fn finish(self, ticket: u64) -> HfReply {
        let mut reply = empty(ticket);
        let words = self.lay_out(&mut reply);
        if !words.is_empty() {
            reply.release = keep(Owned::Words(words));
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_given_back_twice_is_ignored_the_second_time() {
        let before = RELEASES.lock().stale;
        let reply = with_bytes(1, vec![1, 2, 3].into_boxed_slice());
        release(reply.release);
        release(reply.release);
        assert!(RELEASES.lock().stale > before);
    }

    #[test]
    fn a_panic_while_a_reply_is_made_is_its_tickets_reply() {
        let reply = contained(7, || panic!("a defect"));
        assert_eq!((reply.ticket, reply.status), (7, HfStatus::Panicked as u32));
        assert_eq!(reply.flags, HF_REPLY_OUTCOME_UNKNOWN);
        release(reply.release);
        assert_eq!(contained(8, || empty(8)).status, HfStatus::Ok as u32);
    }

    #[test]
    fn items_name_where_their_keys_and_values_lie() {
        let mut builder = ItemsBuilder::default();
        builder.push(empty_item(), b"key", b"value");
        builder.push(empty_item(), b"", b"x");
        let reply = builder.finish(7);
        assert_eq!(reply.items, 2);
        // SAFETY: the reply's data is live until it is released below.
        let data = unsafe { std::slice::from_raw_parts(reply.data, reply.data_length as usize) };
        // SAFETY: the data begins with two aligned items.
        let items = unsafe { std::slice::from_raw_parts(reply.data.cast::<HfItem>(), 2) };
        let at = |offset: u64, length: u64| &data[offset as usize..(offset + length) as usize];
        assert_eq!(at(items[0].key_offset, u64::from(items[0].key_length)), b"key");
        assert_eq!(at(items[0].value_offset, items[0].value_length), b"value");
        assert_eq!(at(items[1].value_offset, items[1].value_length), b"x");
        release(reply.release);
    }
}
