//! Operations on many keys.

use holdfast_proto::limits::{check_batch, check_key};
use holdfast_proto::session::{
    FrameError, ItemReader, MAX_PAYLOAD, ReplyHeader, RequestHeader, StoreStats, flags, push_item,
};
use holdfast_proto::{Code, Error, bytes_text};
use holdfast_state::KeyRange;

use super::answer::{Answer, describe};
use super::failure::{Failure, store_error};
use crate::scan::{ScanError, ScanRequest};
use crate::store::NodeStore;

/// Entries of a page when the caller names no number.
const PAGE: i64 = 1_000;
/// Most entries of a page: their headers have to fit too.
const MOST_PAGE: usize = 200_000;
/// Most bytes of keys and values of one page; one entry always fits.
pub(crate) const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes that an item's header takes, without its message.
pub(crate) const ITEM_ROOM: usize = 80;

/// Goes through a request's items: their number, and the bytes of their keys and values.
///
/// # Errors
/// Items that are none, or not as many as the header says.
pub(crate) fn survey(header: &RequestHeader, payload: &[u8]) -> Result<(usize, usize), Failure> {
    let announced = header.items as usize;
    let mut reader = ItemReader::new(payload);
    let (mut items, mut bytes) = (0, 0);
    while let Some((_, key, value)) = reader.next::<RequestHeader>()? {
        items += 1;
        bytes += key.len() + value.len();
    }
    if items != announced {
        return Err(Failure::Broken(FrameError::Header {
            kind: "Request",
            reason: format!("it announces {announced} items and has {items}"),
        }));
    }
    Ok((items, bytes))
}

#[cold]
pub(crate) fn reply_too_large() -> Error {
    let most = bytes_text(MAX_PAYLOAD as u64);
    Error::new(
        Code::BatchTooLarge,
        format!("the answer to all items could have more than {most}: ask for fewer at once"),
    )
}

/// Room for values in the reply to so many items.
///
/// # Errors
/// `BatchTooLarge` when not even the items fit.
pub(crate) fn room_for(items: usize) -> Result<usize, Error> {
    MAX_PAYLOAD
        .checked_sub(items.saturating_mul(ITEM_ROOM))
        .ok_or_else(reply_too_large)
}

pub(crate) fn get_many(store: &NodeStore, header: &RequestHeader, payload: &[u8]) -> Result<Answer, Failure> {
    let (items, bytes) = survey(header, payload)?;
    check_batch(bytes)?;
    let mut room = room_for(items)?;
    let mut keys = Vec::with_capacity(items);
    let mut reader = ItemReader::new(payload);
    while let Some((_, key, _)) = reader.next::<RequestHeader>()? {
        check_key(key)?;
        keys.push(key);
    }
    let mut reply = Vec::new();
    let mut fits = true;
    store
        .get_many(&keys, |_, entry| {
            let value = entry.map_or(&[][..], |entry| entry.value());
            fits &= value.len() <= room;
            if fits {
                room -= value.len();
                let mut item = entry.map(describe).unwrap_or_default();
                item.value_length = value.len() as u32;
                push_item(&mut reply, &item, &[], value);
            }
        })
        .map_err(|failed| store_error(store, failed))?;
    if !fits {
        return Err(reply_too_large().into());
    }
    Ok(of_items(items, reply))
}

/// A reply of many items.
pub(crate) fn of_items(items: usize, payload: Vec<u8>) -> Answer {
    Answer {
        header: ReplyHeader {
            items: items as u32,
            ..ReplyHeader::default()
        },
        payload: payload.into(),
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn count(store: &NodeStore, range: &KeyRange<'_>) -> Result<ReplyHeader, Error> {
    let count = store.count(range).map_err(|failed| store_error(store, failed))?;
    Ok(ReplyHeader {
        number: signed(count),
        ..ReplyHeader::default()
    })
}

pub(crate) fn clear(store: &NodeStore, range: &KeyRange<'_>) -> Result<ReplyHeader, Error> {
    let (removed, version) = store.clear(range).map_err(|failed| store_error(store, failed))?;
    Ok(ReplyHeader {
        number: signed(removed),
        version,
        ..ReplyHeader::default()
    })
}

pub(crate) fn stats(store: &NodeStore) -> ReplyHeader {
    ReplyHeader {
        stats: Some(StoreStats::new(&store.stats(), store.settings().max_memory)),
        ..ReplyHeader::default()
    }
}

/// Most entries of the page that a scan asks for.
///
/// # Errors
/// `InvalidArgument` when there are to be less than none.
pub(crate) fn page_limit(header: &RequestHeader) -> Result<usize, Error> {
    let limit = match header.maximum {
        None | Some(0) => PAGE,
        Some(given) => given,
    };
    let limit = usize::try_from(limit).map_err(|_| {
        let message = format!("a page has at least one entry, not {limit}");
        Error::new(Code::InvalidArgument, message)
    })?;
    Ok(limit.min(MOST_PAGE))
}

pub(crate) fn scan(store: &NodeStore, header: &RequestHeader, range: &KeyRange<'_>) -> Result<Answer, Error> {
    let keys_only = header.has(flags::KEYS_ONLY);
    let page = store
        .scan(&ScanRequest {
            range: *range,
            descending: header.has(flags::DESCENDING),
            cursor: &header.cursor,
            limit: page_limit(header)?,
            byte_limit: PAGE_BYTES,
            keys_only,
        })
        .map_err(|failed| match failed {
            ScanError::InvalidCursor => Error::new(Code::InvalidCursor, failed.to_string()),
            ScanError::Node(failed) => store_error(store, failed),
        })?;
    let mut reply = Vec::new();
    for found in &page.entries {
        let entry = &found.entry;
        let value = if keys_only { &[] } else { entry.value() };
        let item = ReplyHeader {
            flags: flags::FOUND,
            version: entry.version(),
            ttl_ms: found.remaining_ms,
            absolute_unix_ms: entry.absolute_unix_ms(),
            key_length: entry.key().len() as u32,
            value_length: value.len() as u32,
            ..ReplyHeader::default()
        };
        push_item(&mut reply, &item, entry.key(), value);
    }
    let mut answer = of_items(page.entries.len(), reply);
    answer.header.cursor = page.cursor.unwrap_or_default().into();
    Ok(answer)
}
