//! Requests on a client of a node in this process: each completes inside the call.

use holdfast_client::embedded::ScanRequest;
use holdfast_client::settings::{self, StoreSettings};
use holdfast_client::{EmbeddedClient, Store};
use holdfast_proto::{Code, Error};
use holdfast_state::{Change, EntryView, Outcome, StoreClass};

use crate::abi::*;
use crate::batch::{batch, get_many};
use crate::cluster;
use crate::replies::{self, ItemsBuilder, bit, signed, ttl_of};
use crate::requests::{self, Request, utf8};
use crate::room::fill_room;

/// Entries of a page when the caller names no number.
const PAGE: i64 = 1_000;
/// Most bytes of one page.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The reply of opening a client.
///
/// # Errors
/// None: the client's first store is open.
pub(crate) fn opened_client(client: &EmbeddedClient) -> Result<HfReply, Error> {
    client.with_store(0, |store| {
        let names = format!("{}\n{}", store.name(), client.node().name());
        let names = replies::with_bytes(0, names.into_bytes().into_boxed_slice());
        Ok(HfReply {
            number: i64::from(client.node().is_shared()),
            ..describe(store, names)
        })
    })
}

/// Runs a request and fills its reply, which comes empty.
///
/// # Errors
/// Whatever the request is refused for.
#[inline]
pub(crate) fn run(client: &EmbeddedClient, request: &Request<'_>, reply: &mut HfReply) -> Result<(), Error> {
    let raw = request.raw;
    match requests::op(raw.op)? {
        HfOp::OpenStore => *reply = open_store(client, request)?,
        HfOp::AdvanceClock => reply.number = client.node().advance_clock(request.clock_step()?)?.0,
        HfOp::Echo => return Err(requests::echo_elsewhere()),
        HfOp::Ping => {
            let names = format!("\n{}", client.node().name());
            *reply = replies::with_bytes(raw.ticket, names.into_bytes().into_boxed_slice());
        }
        HfOp::Connect => *reply = opened(client, raw.store, raw.ticket)?,
        HfOp::ClusterAdmin => {
            let answer = cluster::answer_alone(client.node().name(), request.payload())?;
            let text = cluster::lines(&answer);
            *reply = replies::with_bytes(raw.ticket, text.into_bytes().into_boxed_slice());
        }
        op => client.with_store(raw.store, |store| in_store(store, op, request, reply))?,
    }
    Ok(())
}

fn describe(store: &Store, reply: HfReply) -> HfReply {
    let class = i64::from(store.class() == StoreClass::Cache);
    HfReply {
        previous: class,
        absolute_unix_ms: i64::from(store.max_value()),
        ..reply
    }
}

fn open_store(client: &EmbeddedClient, request: &Request<'_>) -> Result<HfReply, Error> {
    let name = utf8("the store's name", request.key())?;
    let pairs = settings::pairs_of_lines(utf8("the settings", request.payload())?)?;
    let id = client.open_store(name, &StoreSettings::from_pairs(&pairs)?)?;
    opened(client, id, request.raw.ticket)
}

fn opened(client: &EmbeddedClient, id: u32, ticket: u64) -> Result<HfReply, Error> {
    client.with_store(id, |store| {
        let full_name = replies::with_bytes(ticket, store.name().as_bytes().into());
        Ok(HfReply {
            number: i64::from(id),
            ..describe(store, full_name)
        })
    })
}

pub(crate) fn in_store(
    store: &Store,
    op: HfOp,
    request: &Request<'_>,
    reply: &mut HfReply,
) -> Result<(), Error> {
    match op {
        HfOp::Get => return get(store, request, reply),
        HfOp::Exists => {
            store.get(request.key(), false, &mut |entry| describe_entry(reply, entry))?;
        }
        HfOp::Put | HfOp::Delete | HfOp::Refresh | HfOp::SetExpiry | HfOp::Increment => {
            *reply = change(store, op, request)?;
        }
        HfOp::GetMany => *reply = get_many(store, request)?,
        HfOp::Batch => *reply = batch(store, request)?,
        HfOp::Count => reply.number = signed(store.count(&request.range())?),
        HfOp::Clear => {
            let (removed, version) = store.clear(&request.range())?;
            (reply.number, reply.version) = (signed(removed), version);
        }
        HfOp::Scan => *reply = scan(store, request)?,
        HfOp::Stats => *reply = stats(store, request.raw.ticket),
        HfOp::OpenStore
        | HfOp::AdvanceClock
        | HfOp::Echo
        | HfOp::Ping
        | HfOp::Connect
        | HfOp::ClusterAdmin => {
            let message = "this operation is not one of a store";
            return Err(Error::new(Code::InvalidArgument, message));
        }
    }
    Ok(())
}

fn describe_entry(reply: &mut HfReply, entry: &EntryView<'_>) {
    reply.flags |= HF_REPLY_FOUND;
    reply.version = entry.version();
    reply.ttl_ms = ttl_of(entry.remaining_ms());
    reply.absolute_unix_ms = entry.absolute_unix_ms().unwrap_or(0);
}

#[inline]
fn get(store: &Store, request: &Request<'_>, reply: &mut HfReply) -> Result<(), Error> {
    let raw = request.raw;
    let mut shared = None;
    let slide = !request.has(HF_REQUEST_NO_SLIDE);
    let with_value = !request.has(HF_REQUEST_METADATA_ONLY);
    store.get(request.key(), slide, &mut |entry| {
        describe_entry(reply, entry);
        if with_value && !fill_room(reply, raw, entry.value()) {
            shared = Some(entry.share());
        }
    })?;
    if let Some(entry) = shared {
        // Behind the entry's lock: the table of releases has one of its own.
        replies::share_value(reply, entry);
    }
    Ok(())
}

fn change(store: &Store, op: HfOp, request: &Request<'_>) -> Result<HfReply, Error> {
    let raw = request.raw;
    let key = request.key();
    let return_previous = request.has(HF_REQUEST_RETURN_PREVIOUS);
    let outcome = match op {
        HfOp::Put => store.change(&Change::Put {
            key,
            value: request.payload(),
            expiry: request.expiry().checked()?,
            condition: request.condition(),
            never_evict: request.has(HF_REQUEST_NEVER_EVICT),
            return_previous,
        })?,
        HfOp::Delete => store.change(&Change::Delete {
            key,
            condition: request.condition(),
            return_previous,
        })?,
        HfOp::Refresh => store.change(&Change::Refresh { key })?,
        HfOp::SetExpiry => store.change(&Change::SetExpiry {
            key,
            expiry: request.expiry().checked()?,
            condition: request.condition(),
        })?,
        _ => store.change(&Change::Increment {
            key,
            delta: raw.delta,
            minimum: raw.minimum,
            maximum: raw.maximum,
            initial: raw.initial,
            expiry: request.expiry().checked()?,
            reset_expiry: request.has(HF_REQUEST_RESET_EXPIRY),
        })?,
    };
    changed(raw, outcome)
}

fn changed(raw: &HfRequest, outcome: Outcome) -> Result<HfReply, Error> {
    let mut reply = replies::empty(raw.ticket);
    match outcome {
        Outcome::Changed {
            applied,
            found,
            version,
            previous,
            ..
        } => {
            reply.flags = bit(applied, HF_REPLY_APPLIED) | bit(found, HF_REPLY_FOUND);
            reply.version = version;
            if let Some(previous) = previous
                && !fill_room(&mut reply, raw, previous.value())
            {
                replies::share_value(&mut reply, previous);
            }
        }
        Outcome::Counter {
            before,
            after,
            version,
            ..
        } => {
            reply.flags = HF_REPLY_APPLIED;
            (reply.number, reply.previous, reply.version) = (after, before, version);
        }
        other => {
            let message = format!("the state answered a change with {other:?}");
            return Err(Error::new(Code::Internal, message));
        }
    }
    Ok(reply)
}

fn scan(store: &Store, request: &Request<'_>) -> Result<HfReply, Error> {
    let raw = request.raw;
    let keys_only = request.has(HF_REQUEST_KEYS_ONLY);
    let limit = if raw.maximum == 0 { PAGE } else { raw.maximum };
    let limit = usize::try_from(limit).map_err(|_| {
        Error::new(
            Code::InvalidArgument,
            format!("a page has at least one entry, not {limit}"),
        )
    })?;
    let page = store.scan(&ScanRequest {
        range: request.range(),
        descending: request.has(HF_REQUEST_DESCENDING),
        keys_only,
        cursor: request.cursor(),
        limit,
        byte_limit: PAGE_BYTES,
    })?;
    let mut builder = ItemsBuilder::with_capacity(page.entries.len() + 1);
    for scanned in &page.entries {
        let item = HfItem {
            flags: HF_REPLY_FOUND,
            version: scanned.entry.version(),
            ttl_ms: ttl_of(scanned.remaining_ms),
            absolute_unix_ms: scanned.absolute_unix_ms.unwrap_or(0),
            ..replies::empty_item()
        };
        let value = if keys_only { &[] } else { scanned.entry.value() };
        builder.push(item, scanned.entry.key(), value);
    }
    if let Some(cursor) = &page.cursor {
        builder.push(
            HfItem {
                status: HfStatus::Cursor as u32,
                ..replies::empty_item()
            },
            cursor,
            &[],
        );
    }
    Ok(builder.finish(raw.ticket))
}

fn stats(store: &Store, ticket: u64) -> HfReply {
    let stats = store.stats();
    let words = [
        stats.hits,
        stats.misses,
        stats.evictions,
        stats.expirations,
        stats.entries,
        stats.bytes,
        store.max_memory(),
        stats.changes,
    ];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    replies::with_bytes(ticket, bytes.into_boxed_slice())
}
