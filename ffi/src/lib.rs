//! The C ABI of Holdfast: a handful of plain functions over plain structs.
//!
//! What this room promises:
//! - every accepted request completes exactly once: in the reply of the call, or in one callback;
//! - no panic crosses the boundary; a panic is a status of its own;
//! - a handle is an index and a generation: a stale one answers `Closed`, it is never dereferenced;
//! - `hf_close` never blocks, and nothing follows a client's last completion;
//! - no lock is held while managed code runs, and only a client's I/O thread (or the log thread)
//!   enters it.
//!
//! Each function says who owns what, for how long, from which thread, and how often.

// `#[ffi]` moves the comments of functions into the inventory, where the compiler does not see them.
#![allow(missing_docs, clippy::missing_safety_doc)]

mod abi;
mod abi_version;
mod batch;
mod callback;
mod client_table;
mod cluster;
mod completions;
mod delivery;
mod echo;
mod embedded;
mod gate;
mod log;
mod open_client;
mod remote;
mod replies;
mod requests;
mod room;
mod verbs;

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use holdfast_proto::{Code, Error};
use interoptopus::ffi;
use interoptopus::inventory::RustInventory;
use interoptopus::{constant, extra_type, function};

pub use abi::*;
pub use abi_version::ABI_VERSION;
use client_table::CLIENTS;
use open_client::OpenClient;

/// The version of this ABI: a hash of its inventory. A caller compares it once with the one that its
/// bindings were generated for, before any other call. Any thread, as often as wanted.
#[ffi]
pub fn hf_abi_version() -> u64 {
    ABI_VERSION
}

/// Opens a client.
///
/// `text` is the connection string and `settings` are `name=value` lines that win over it; both are
/// read during the call only. With an empty `text` the client has no node and only `hf_echo` works on
/// it. `completed` is the address of a
/// `void (*)(uint64_t context, const HfReply *replies, uint32_t count)` that must stay callable until
/// the client's last completion or until `hf_silence(context)`; it is called by the client's I/O
/// thread (clients of the same servers share one), may be called by the thread that closes a client
/// without one, and must not unwind. The
/// replies that it gets are valid during the callback; their data until `hf_reply_release`, or during the
/// callback when their `release` is 0. Replies with ticket 0 are about the client itself: `State`, `Closed`.
///
/// Returns a [`HfStatus`]. `Ok`: `*client` is the handle, to be given to `hf_close` once. In both
/// cases `*reply` is filled in and its `release` is the caller's. `Ok`: `number` is 0 for an isolated
/// node in the process, 1 for the one that the process shares and 2 for servers; `previous` is the class
/// of the connection string's store (0 coordination, 1 cache, -1 not known yet), `absolute_unix_ms` the
/// largest value in bytes (0: not known yet), data `store name, newline, node name` and for servers, whose
/// node name is empty, one further line `host:port` for each. Any thread; blocks for as long as opening an
/// embedded node takes. With servers nothing is connected yet: that begins with the first request.
///
/// # Safety
/// `text` and `settings` are readable for their lengths (or null with length 0), `client` and `reply`
/// are writable.
#[ffi]
#[allow(clippy::too_many_arguments)]
pub unsafe fn hf_open(
    text: *const u8,
    text_length: u32,
    settings: *const u8,
    settings_length: u32,
    context: u64,
    completed: *const c_void,
    client: *mut u64,
    reply: *mut HfReply,
) -> u32 {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller promises both ranges readable for the call.
        let text = unsafe { requests::bytes(text, text_length) };
        // SAFETY: as above.
        let settings = unsafe { requests::bytes(settings, settings_length) };
        // SAFETY: the caller promises that `completed` is null or such a function.
        let completed = unsafe { callback::at_address(completed) };
        let (opened, answer) = OpenClient::open(text, settings, context, completed)?;
        let handle = CLIENTS.insert(opened).ok_or_else(|| {
            replies::release(answer.release);
            Error::new(
                Code::ResourceExhausted,
                "the process has 65,536 open clients; close some",
            )
        })?;
        Ok::<_, Error>((answer, handle))
    }));
    let (answer, handle) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => (replies::failure(0, &error), 0),
        Err(panic) => (replies::panicked(0, panic.as_ref()), 0),
    };
    // SAFETY: the caller promises both writable.
    unsafe {
        client.write(handle);
        reply.write(answer);
    }
    answer.status
}

/// Checks a connection string and settings as `hf_open` would, without opening or starting anything, so
/// that an application can refuse a bad configuration when it starts. Returns a [`HfStatus`]; `*reply`
/// is filled in and its `release` is the caller's. Both texts are read during the call only. Any thread,
/// as often as wanted.
///
/// # Safety
/// `text` and `settings` are readable for their lengths (or null with length 0), `reply` is writable.
#[ffi]
pub unsafe fn hf_check(
    text: *const u8,
    text_length: u32,
    settings: *const u8,
    settings_length: u32,
    reply: *mut HfReply,
) -> u32 {
    let checked = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller promises both ranges readable for the call.
        let (text, settings) = unsafe {
            (
                requests::bytes(text, text_length),
                requests::bytes(settings, settings_length),
            )
        };
        OpenClient::check(text, settings)
    }));
    let answer = match checked {
        Ok(Ok(())) => replies::empty(0),
        Ok(Err(error)) => replies::failure(0, &error),
        Err(panic) => replies::panicked(0, panic.as_ref()),
    };
    // SAFETY: the caller promises it writable.
    unsafe { reply.write(answer) };
    answer.status
}

/// Submits requests. Each either completes at once (its reply is filled in, there will be no callback)
/// or is `Pending`, and the callback names its ticket exactly once, possibly before this returns.
///
/// Everything that the requests point to is copied or used up before this returns, but what the
/// replies' `data` point to: the caller's own `room`, or memory that is the caller's until
/// `hf_reply_release`. Returns `Ok`, or `Closed` (every reply says so too) for a handle that is closed
/// or stale. Any thread, many at once.
///
/// # Safety
/// `requests` and `replies` hold `count` elements; every pointer in a request is readable (`room`:
/// writable) for its length or null with length 0.
#[ffi]
pub unsafe fn hf_submit(client: u64, requests: *const HfRequest, count: u32, replies: *mut HfReply) -> u32 {
    // SAFETY: as promised by the caller.
    unsafe {
        each(client, requests, count, replies, |open, request, reply| {
            open.submit(request, reply)
        })
    }
}

/// Walks over requests and fills the reply of each, which comes empty, by `run`; its panic is a reply too.
///
/// # Safety
/// As `hf_submit`, and `run` needs no more than that.
#[inline(always)]
unsafe fn each(
    client: u64,
    requests: *const HfRequest,
    count: u32,
    replies: *mut HfReply,
    run: impl Fn(&OpenClient, &HfRequest, &mut HfReply),
) -> u32 {
    let guard = CLIENTS.get(client);
    for index in 0..count as usize {
        // SAFETY: the caller promises `count` elements in both arrays.
        let request = unsafe { &*requests.add(index) };
        // SAFETY: as above; the reply is written before it is read.
        let reply = unsafe {
            let reply = replies.add(index);
            reply.write(replies::empty(request.ticket));
            &mut *reply
        };
        match guard.as_ref() {
            Some(open) => {
                let done = catch_unwind(AssertUnwindSafe(|| run(open, request, reply)));
                if let Err(panic) = done {
                    *reply = replies::panicked(request.ticket, panic.as_ref());
                }
            }
            None => *reply = replies::closed(request.ticket),
        }
    }
    if guard.is_some() {
        HfStatus::Ok as u32
    } else {
        HfStatus::Closed as u32
    }
}

/// Answers each request with its own `key` as data and its `delta` as `number`, in the way that `mode`
/// (a [`HfEchoMode`]) says. It exercises the boundary without a node; otherwise as `hf_submit`.
///
/// # Safety
/// As `hf_submit`.
#[ffi]
pub unsafe fn hf_echo(
    client: u64,
    requests: *const HfRequest,
    count: u32,
    replies: *mut HfReply,
    mode: u32,
) -> u32 {
    // SAFETY: as promised by the caller.
    unsafe {
        each(client, requests, count, replies, |open, request, reply| {
            *reply = open.echo(request, mode)
        })
    }
}

/// Asks to cancel a pending request. It then completes through the callback as `Cancelled` or with its
/// own result, whichever came first; never on the calling thread. A ticket that is not pending is
/// ignored. Returns `Ok`, or `Closed` for a stale handle. Any thread, as often as wanted.
#[ffi]
pub fn hf_cancel(client: u64, ticket: u64) -> u32 {
    match CLIENTS.get(client).as_ref() {
        Some(open) => {
            let _ = catch_unwind(AssertUnwindSafe(|| open.cancel(ticket)));
            HfStatus::Ok as u32
        }
        None => HfStatus::Closed as u32,
    }
}

/// Gives back what a reply's `data` points to. Once for each reply whose `release` is not 0, from any
/// thread; 0, or one that was given back already, is ignored.
#[ffi]
pub fn hf_reply_release(release: u64) {
    replies::release(release);
}

/// Closes a client and never blocks: what is pending completes as `Closed` through the callback, then
/// one last completion follows with ticket 0 and status `Closed`, and nothing after it. A client whose
/// requests never pended has no I/O thread: it gets its last completion on the calling thread, before
/// this returns. Returns `Ok`, or `Closed` (and no callback) when it was closed already. Any thread.
#[ffi]
pub fn hf_close(client: u64) -> u32 {
    match CLIENTS.remove(client) {
        Some(open) => {
            // A panic here could only come from the callback's own side; it must not cross over.
            let _ = catch_unwind(AssertUnwindSafe(|| open.close()));
            HfStatus::Ok as u32
        }
        None => HfStatus::Closed as u32,
    }
}

/// Sends native log lines of `level` (0 trace … 4 error) and above to `lines`, the address of a
/// `void (*)(uint64_t context, const HfLogLine *lines, uint32_t count)`, called by one native thread of
/// its own; null ends it for this `context`. Lines wait in a bounded ring; what does not fit is
/// dropped and counted. The lines are valid during the callback. Any thread, as often as wanted.
///
/// # Safety
/// `lines` is null or such a function, callable until it is replaced or `hf_silence(context)` returned.
#[ffi]
pub unsafe fn hf_set_log(level: u32, context: u64, lines: *const c_void) -> u32 {
    // SAFETY: the caller promises that `lines` is null or such a function.
    let lines = unsafe { callback::at_address(lines) };
    let _ = catch_unwind(|| log::LOG.set(level, context, lines));
    HfStatus::Ok as u32
}

/// Silences a context for good, at process exit or before its code is unloaded: no callback with this
/// `context` begins after it returned. Waits at most 2 s for callbacks that are running; `Ok` when
/// there is none left, else `Pending`. Any thread but one that is inside such a callback.
#[ffi]
pub fn hf_silence(context: u64) -> u32 {
    let silent = catch_unwind(|| {
        let silent = gate::silence(context);
        log::LOG.set(u32::MAX, context, None);
        silent
    });
    if silent.unwrap_or(false) {
        HfStatus::Ok as u32
    } else {
        HfStatus::Pending as u32
    }
}

/// Everything that the generated bindings describe.
#[must_use]
pub fn inventory() -> RustInventory {
    RustInventory::new()
        .register(extra_type!(HfOp))
        .register(extra_type!(HfEchoMode))
        .register(extra_type!(HfStatus))
        .register(extra_type!(HfFreshness))
        .register(extra_type!(HfItem))
        .register(extra_type!(HfStats))
        .register(extra_type!(HfLogLine))
        .register(constant!(HF_REQUEST_IF_ABSENT))
        .register(constant!(HF_REQUEST_IF_PRESENT))
        .register(constant!(HF_REQUEST_IF_VERSION))
        .register(constant!(HF_REQUEST_RETURN_PREVIOUS))
        .register(constant!(HF_REQUEST_NEVER_EVICT))
        .register(constant!(HF_REQUEST_METADATA_ONLY))
        .register(constant!(HF_REQUEST_NO_SLIDE))
        .register(constant!(HF_REQUEST_RESET_EXPIRY))
        .register(constant!(HF_REQUEST_PREFIX))
        .register(constant!(HF_REQUEST_RANGE))
        .register(constant!(HF_REQUEST_DESCENDING))
        .register(constant!(HF_REQUEST_KEYS_ONLY))
        .register(constant!(HF_REQUEST_LENIENT_EXPIRY))
        .register(constant!(HF_REPLY_FOUND))
        .register(constant!(HF_REPLY_APPLIED))
        .register(constant!(HF_REPLY_OUTCOME_UNKNOWN))
        .register(constant!(HF_REPLY_TRANSIENT))
        .register(constant!(HF_REPLY_EPOCH_CHANGED))
        .register(function!(hf_abi_version))
        .register(function!(hf_open))
        .register(function!(hf_check))
        .register(function!(hf_submit))
        .register(function!(hf_echo))
        .register(function!(hf_cancel))
        .register(function!(hf_reply_release))
        .register(function!(hf_close))
        .register(function!(hf_set_log))
        .register(function!(hf_silence))
        .validate()
}
