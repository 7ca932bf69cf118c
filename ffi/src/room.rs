//! The room for a small reply that a request carries.

use crate::abi::{HfReply, HfRequest};

/// Puts a value into the caller's room; false when it does not fit.
#[inline]
pub(crate) fn fill_room(reply: &mut HfReply, raw: &HfRequest, value: &[u8]) -> bool {
    if value.len() > raw.room_length as usize || raw.room.is_null() {
        return false;
    }
    // SAFETY: the caller promises `room` writable for its length; it cannot overlap an entry.
    unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), raw.room, value.len()) };
    reply.data = raw.room;
    reply.data_length = value.len() as u64;
    true
}
