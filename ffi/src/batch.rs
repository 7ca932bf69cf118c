//! Requests of many items, on a store of this process.

use holdfast_client::Store;
use holdfast_client::limits::check_batch;
use holdfast_proto::{Code, Error, bytes_text};
use holdfast_state::EntryView;

use crate::abi::*;
use crate::replies::{self, ItemsBuilder, ttl_of};
use crate::requests::{self, Request};
use crate::verbs::in_store;

pub(crate) fn get_many(store: &Store, request: &Request<'_>) -> Result<HfReply, Error> {
    let items = request.items()?;
    let keys: Vec<&[u8]> = items
        .iter()
        // SAFETY: the caller of `submit` promised the pointers of all items.
        .map(|item| unsafe { Request::new(item) }.key())
        .collect();
    check_batch(keys.iter().map(|key| key.len()).sum())?;
    let mut builder = ItemsBuilder::of(keys.len()).ok_or_else(reply_too_large)?;
    let mut fits = true;
    store.get_many(&keys, &mut |_, entry| {
        let value = entry.map_or(&[][..], |entry| entry.value());
        fits &= value.len() <= builder.room_left();
        if fits {
            builder.push(entry.map_or_else(replies::empty_item, item_of), &[], value);
        }
    })?;
    if !fits {
        return Err(reply_too_large());
    }
    Ok(builder.finish(request.raw.ticket))
}

#[cold]
fn reply_too_large() -> Error {
    let most = bytes_text(replies::MOST_BYTES as u64);
    Error::new(
        Code::BatchTooLarge,
        format!("the answer to all items could have more than {most}: ask for fewer at once"),
    )
}

fn item_of(entry: &EntryView<'_>) -> HfItem {
    HfItem {
        flags: HF_REPLY_FOUND,
        version: entry.version(),
        ttl_ms: ttl_of(entry.remaining_ms()),
        absolute_unix_ms: entry.absolute_unix_ms().unwrap_or(0),
        ..replies::empty_item()
    }
}

/// Runs mixed operations in their order; one that fails does not stop the others.
pub(crate) fn batch(store: &Store, request: &Request<'_>) -> Result<HfReply, Error> {
    let items = request.items()?;
    check_batch(requests::bytes_of(items))?;
    let mut builder = ItemsBuilder::of(items.len()).ok_or_else(reply_too_large)?;
    for item in items {
        let alone = HfRequest {
            ticket: 0,
            room: std::ptr::null_mut(),
            room_length: 0,
            ..*item
        };
        // SAFETY: the caller of `submit` promised the pointers of all items.
        let alone = unsafe { Request::new(&alone) };
        let mut reply = replies::empty(0);
        let done = requests::op(item.op).and_then(requests::item_op).and_then(|op| {
            // Nothing runs whose answer may find no room.
            if builder.room_left() < store.max_value() as usize {
                return Err(reply_too_large());
            }
            in_store(store, op, &alone, &mut reply)
        });
        if let Err(error) = done {
            reply = replies::failure(0, &error);
        }
        push_reply(&mut builder, &reply);
    }
    Ok(builder.finish(request.raw.ticket))
}

fn push_reply(builder: &mut ItemsBuilder, reply: &HfReply) {
    let item = HfItem {
        status: reply.status,
        code: reply.code,
        flags: reply.flags,
        version: reply.version,
        number: reply.number,
        previous: reply.previous,
        ttl_ms: reply.ttl_ms,
        absolute_unix_ms: reply.absolute_unix_ms,
        ..replies::empty_item()
    };
    let is_message = reply.status == HfStatus::Error as u32;
    let value = if reply.data.is_null() || (is_message && builder.is_full()) {
        &[]
    } else {
        // SAFETY: the reply was made here and is released below, after its bytes are copied.
        unsafe { std::slice::from_raw_parts(reply.data, reply.data_length as usize) }
    };
    builder.push(item, &[], value);
    replies::release(reply.release);
}
