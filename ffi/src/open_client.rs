//! One open client as the boundary sees it: requests in, replies out.

use std::sync::Arc;
use std::thread;

use holdfast_client::embedded::ScanRequest;
use holdfast_client::limits::check_batch;
use holdfast_client::settings::{self, StoreSettings};
use holdfast_client::{Client, Store};
use holdfast_proto::{Code, Error, bytes_text};
use holdfast_state::{Change, EntryView, Outcome, StoreClass};

use crate::abi::*;
use crate::completions::{Callback, Completion, Completions};
use crate::embedded::Host;
use crate::replies::{self, ItemsBuilder};
use crate::requests::{self, Request};

/// Entries of a page when the caller names no number.
const PAGE: i64 = 1_000;
/// Most bytes of one page.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A client and the way back to its caller.
pub(crate) struct OpenClient {
    /// None: a client without a node, for `hf_echo` only.
    client: Option<Client>,
    completions: Arc<Completions>,
}

impl OpenClient {
    /// Opens a client; the reply says what `hf_open` promises.
    pub(crate) fn open(
        text: &[u8],
        settings: &[u8],
        context: u64,
        completed: Option<Callback>,
    ) -> Result<(Self, HfReply), Error> {
        let completions = Completions::new(context, completed);
        if text.is_empty() {
            return Ok((
                Self {
                    client: None,
                    completions,
                },
                replies::empty(0),
            ));
        }
        let text = utf8("the connection string", text)?;
        let pairs = settings::pairs_of_lines(utf8("the settings", settings)?)?;
        let client = Client::open(text, &pairs, &Host)?;
        let mut answer = client.with_store(0, |store| {
            let names = format!("{}\n{}", store.name(), client.node().name());
            let names = replies::with_bytes(0, names.into_bytes().into_boxed_slice());
            Ok(HfReply {
                number: i64::from(client.node().is_shared()),
                ..describe(store, names)
            })
        })?;
        answer.status = HfStatus::Ok as u32;
        Ok((
            Self {
                client: Some(client),
                completions,
            },
            answer,
        ))
    }

    /// Checks what would be opened without opening it.
    pub(crate) fn check(text: &[u8], settings: &[u8]) -> Result<(), Error> {
        let pairs = settings::pairs_of_lines(utf8("the settings", settings)?)?;
        Client::check(utf8("the connection string", text)?, &pairs).map(drop)
    }

    /// Runs one request and fills its reply, which comes empty, in place.
    ///
    /// # Safety
    /// The request's pointers are readable (`room`: writable) for their lengths or null.
    #[inline]
    pub(crate) unsafe fn submit(&self, raw: &HfRequest, reply: &mut HfReply) {
        // SAFETY: as promised by the caller.
        let request = unsafe { Request::new(raw) };
        if let Err(error) = self.run(&request, reply) {
            *reply = replies::failure(raw.ticket, &error);
        }
    }

    /// Answers a request with its own key, in the way that `mode` says.
    ///
    /// # Safety
    /// As `submit`.
    pub(crate) unsafe fn echo(&self, raw: &HfRequest, mode: u32) -> HfReply {
        // SAFETY: as promised by the caller.
        let request = unsafe { Request::new(raw) };
        if mode == HfEchoMode::Inline as u32 {
            return Self::echo_inline(&request);
        }
        match self.echo_pending(&request, mode) {
            Ok(true) => replies::pending(raw.ticket),
            Ok(false) => replies::closed(raw.ticket),
            Err(error) => replies::failure(raw.ticket, &error),
        }
    }

    fn echo_inline(request: &Request<'_>) -> HfReply {
        let raw = request.raw;
        let mut reply = HfReply {
            number: raw.delta,
            ..replies::empty(raw.ticket)
        };
        if !fill_room(&mut reply, raw, request.key()) {
            replies::own_bytes(&mut reply, request.key().into());
        }
        reply
    }

    /// Whether the request pends now; false: the client is closed.
    fn echo_pending(&self, request: &Request<'_>, mode: u32) -> Result<bool, Error> {
        let ticket = request.raw.ticket;
        let completion = || Completion::Echo {
            data: request.key().into(),
            number: request.raw.delta,
        };
        match mode {
            mode if mode == HfEchoMode::Deferred as u32 => self.completions.complete(ticket, completion()),
            mode if mode == HfEchoMode::OtherThread as u32 => {
                if !self.completions.hold(ticket)? {
                    return Ok(false);
                }
                let (completions, completion) = (Arc::clone(&self.completions), completion());
                let other = thread::Builder::new()
                    .name("holdfast-echo".to_owned())
                    .spawn(move || completions.complete_held(ticket, completion));
                if other.is_err() {
                    // It pends already, so it has to complete like that.
                    self.completions.cancel(ticket);
                }
                Ok(true)
            }
            mode if mode == HfEchoMode::Hold as u32 => self.completions.hold(ticket),
            mode if mode == HfEchoMode::PanicInline as u32 => panic!("asked to panic in the call"),
            mode if mode == HfEchoMode::PanicDeferred as u32 => {
                self.completions.complete(ticket, Completion::Panic)
            }
            other => Err(Error::new(
                Code::InvalidArgument,
                format!("there is no echo mode {other}"),
            )),
        }
    }

    pub(crate) fn cancel(&self, ticket: u64) {
        self.completions.cancel(ticket);
    }

    pub(crate) fn close(&self) {
        self.completions.close();
    }

    #[inline]
    fn run(&self, request: &Request<'_>, reply: &mut HfReply) -> Result<(), Error> {
        let client = self.client.as_ref().ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                "this client was opened without a node: it only echoes",
            )
        })?;
        let raw = request.raw;
        match requests::op(raw.op)? {
            HfOp::OpenStore => *reply = open_store(client, request)?,
            HfOp::AdvanceClock => {
                let by_ms = u64::try_from(raw.delta).map_err(|_| {
                    let message = format!("a clock does not go back: advanced by {} ms", raw.delta);
                    Error::new(Code::InvalidArgument, message)
                })?;
                reply.number = client.node().advance_clock(by_ms)?.0;
            }
            HfOp::Echo => return Err(Error::new(Code::InvalidArgument, "Echo is asked for by hf_echo")),
            op => client.with_store(raw.store, |store| in_store(store, op, request, reply))?,
        }
        Ok(())
    }
}

fn utf8<'a>(what: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes)
        .map_err(|error| Error::new(Code::InvalidArgument, format!("{what} is not UTF-8: {error}")))
}

fn describe(store: &Store, reply: HfReply) -> HfReply {
    let class = i64::from(store.class() == StoreClass::Cache);
    HfReply {
        previous: class,
        absolute_unix_ms: i64::from(store.max_value()),
        ..reply
    }
}

fn open_store(client: &Client, request: &Request<'_>) -> Result<HfReply, Error> {
    let name = utf8("the store's name", request.key())?;
    let pairs = settings::pairs_of_lines(utf8("the settings", request.payload())?)?;
    let id = client.open_store(name, &StoreSettings::from_pairs(&pairs)?)?;
    client.with_store(id, |store| {
        let full_name = replies::with_bytes(request.raw.ticket, store.name().as_bytes().into());
        Ok(HfReply {
            number: i64::from(id),
            ..describe(store, full_name)
        })
    })
}

fn in_store(store: &Store, op: HfOp, request: &Request<'_>, reply: &mut HfReply) -> Result<(), Error> {
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
        HfOp::OpenStore | HfOp::AdvanceClock | HfOp::Echo => {
            let message = "this operation is not one of a store";
            return Err(Error::new(Code::InvalidArgument, message));
        }
    }
    Ok(())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn describe_entry(reply: &mut HfReply, entry: &EntryView<'_>) {
    reply.flags |= HF_REPLY_FOUND;
    reply.version = entry.version();
    reply.ttl_ms = entry.remaining_ms().map_or(-1, signed);
    reply.absolute_unix_ms = entry.absolute_unix_ms().unwrap_or(0);
}

/// Puts a value into the caller's room; false when it does not fit.
#[inline]
fn fill_room(reply: &mut HfReply, raw: &HfRequest, value: &[u8]) -> bool {
    if value.len() > raw.room_length as usize || raw.room.is_null() {
        return false;
    }
    // SAFETY: the caller promises `room` writable for its length; it cannot overlap an entry.
    unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), raw.room, value.len()) };
    reply.data = raw.room;
    reply.data_length = value.len() as u64;
    true
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
            expiry: store.expiry(&request.expiry())?,
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
            expiry: store.expiry(&request.expiry())?,
            condition: request.condition(),
        })?,
        _ => store.change(&Change::Increment {
            key,
            delta: raw.delta,
            minimum: raw.minimum,
            maximum: raw.maximum,
            initial: raw.initial,
            expiry: store.expiry(&request.expiry())?,
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
            reply.flags = flag(applied, HF_REPLY_APPLIED) | flag(found, HF_REPLY_FOUND);
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

fn flag(set: bool, flag: u32) -> u32 {
    if set { flag } else { 0 }
}

fn get_many(store: &Store, request: &Request<'_>) -> Result<HfReply, Error> {
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
        ttl_ms: entry.remaining_ms().map_or(-1, signed),
        absolute_unix_ms: entry.absolute_unix_ms().unwrap_or(0),
        ..replies::empty_item()
    }
}

/// Runs mixed operations in their order; one that fails does not stop the others.
fn batch(store: &Store, request: &Request<'_>) -> Result<HfReply, Error> {
    let items = request.items()?;
    check_batch(
        items
            .iter()
            .map(|item| item.key_length as usize + item.payload_length as usize)
            .sum(),
    )?;
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
        let done = requests::op(item.op)
            .and_then(|op| match op {
                HfOp::Get | HfOp::Exists | HfOp::Put | HfOp::Delete | HfOp::Refresh => Ok(op),
                HfOp::SetExpiry | HfOp::Increment => Ok(op),
                other => {
                    let message = format!("{other:?} cannot be part of a batch");
                    Err(Error::new(Code::InvalidArgument, message))
                }
            })
            .and_then(|op| {
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
            ttl_ms: scanned.remaining_ms.map_or(-1, signed),
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
