//! Calls through the ABI as a caller in any language makes them, and what its callbacks have said.

#![allow(dead_code, reason = "each test and benchmark uses its part")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, LazyLock, Mutex};
use std::time::Duration;

use holdfast::*;

/// A reply and its bytes, given back already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) ticket: u64,
    pub(crate) status: u32,
    pub(crate) code: u32,
    pub(crate) flags: u32,
    pub(crate) items: u32,
    pub(crate) version: i64,
    pub(crate) number: i64,
    pub(crate) previous: i64,
    pub(crate) ttl_ms: i64,
    pub(crate) absolute_unix_ms: i64,
    pub(crate) retries: u32,
    pub(crate) server: u32,
    pub(crate) data: Vec<u8>,
}

impl Arrival {
    pub(crate) fn of(reply: &HfReply) -> Self {
        Self {
            ticket: reply.ticket,
            status: reply.status,
            code: reply.code,
            flags: reply.flags,
            items: reply.items,
            version: reply.version,
            number: reply.number,
            previous: reply.previous,
            ttl_ms: reply.ttl_ms,
            absolute_unix_ms: reply.absolute_unix_ms,
            retries: reply.retries,
            server: reply.server,
            data: take(reply),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

/// What the callbacks have said, by context, in order of arrival.
#[derive(Default)]
struct Mailbox {
    arrived: Mutex<HashMap<u64, Vec<Arrival>>>,
    wake: Condvar,
}

static MAILBOX: LazyLock<Mailbox> = LazyLock::new(Mailbox::default);
static CONTEXT: AtomicU64 = AtomicU64::new(1);
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

extern "C" fn completed(context: u64, replies: *const HfReply, count: u32) {
    // SAFETY: the boundary gives `count` replies.
    let replies = unsafe { std::slice::from_raw_parts(replies, count as usize) };
    let mut arrived = MAILBOX.arrived.lock().expect("no test panics in here");
    arrived
        .entry(context)
        .or_default()
        .extend(replies.iter().map(Arrival::of));
    MAILBOX.wake.notify_all();
}

/// Copies a reply's data and gives it back.
pub(crate) fn take(reply: &HfReply) -> Vec<u8> {
    let bytes = if reply.data.is_null() {
        Vec::new()
    } else {
        // SAFETY: the data is readable until it is released.
        unsafe { std::slice::from_raw_parts(reply.data, reply.data_length as usize) }.to_vec()
    };
    hf_reply_release(reply.release);
    bytes
}

/// Waits until what has arrived for a context satisfies `enough`.
pub(crate) fn wait_until(context: u64, enough: impl Fn(&[Arrival]) -> bool) -> Vec<Arrival> {
    let arrived = MAILBOX.arrived.lock().expect("no test panics in here");
    let of = |arrived: &HashMap<u64, Vec<Arrival>>| arrived.get(&context).cloned().unwrap_or_default();
    let (arrived, timeout) = MAILBOX
        .wake
        .wait_timeout_while(arrived, PATIENCE, |arrived| !enough(&of(arrived)))
        .expect("no test panics in here");
    assert!(!timeout.timed_out(), "only this arrived: {:?}", of(&arrived));
    of(&arrived)
}

/// Ticket, status and bytes of what has arrived, once there is so much.
pub(crate) fn wait_for(context: u64, count: usize) -> Vec<(u64, u32, Vec<u8>)> {
    let arrived = MAILBOX.arrived.lock().expect("no test panics in here");
    let (arrived, timeout) = MAILBOX
        .wake
        .wait_timeout_while(arrived, PATIENCE, |arrived| {
            arrived.get(&context).map_or(0, Vec::len) < count
        })
        .expect("no test panics in here");
    assert!(!timeout.timed_out(), "fewer than {count} arrived");
    arrived[&context]
        .iter()
        .map(|arrival| (arrival.ticket, arrival.status, arrival.data.clone()))
        .collect()
}

/// Waits for what became of one ticket.
pub(crate) fn completion(context: u64, ticket: u64) -> Arrival {
    let is_it = |arrival: &Arrival| arrival.ticket == ticket;
    let arrived = wait_until(context, |arrived| arrived.iter().any(is_it));
    arrived.into_iter().find(is_it).expect("it has arrived")
}

/// Whether anything has arrived for a context.
pub(crate) fn heard_of(context: u64) -> bool {
    MAILBOX
        .arrived
        .lock()
        .expect("no test panics in here")
        .contains_key(&context)
}

pub(crate) fn empty_reply() -> HfReply {
    // SAFETY: a reply of zeroes is a valid one.
    unsafe { std::mem::zeroed() }
}

pub(crate) fn request(op: HfOp, ticket: u64, key: &[u8], value: &[u8]) -> HfRequest {
    // SAFETY: a request of zeroes is a valid one.
    let mut request: HfRequest = unsafe { std::mem::zeroed() };
    request.ticket = ticket;
    request.op = op as u32;
    request.key = key.as_ptr();
    request.key_length = key.len() as u32;
    request.payload = value.as_ptr();
    request.payload_length = value.len() as u32;
    request
}

/// A request of many items.
pub(crate) fn many(op: HfOp, ticket: u64, items: &[HfRequest]) -> HfRequest {
    let mut many = request(op, ticket, b"", b"");
    many.payload = items.as_ptr().cast();
    many.payload_length = items.len() as u32;
    many
}

/// A request with room for a small reply.
pub(crate) fn request_with_room(op: HfOp, key: &[u8], value: &[u8], room: &mut [u8]) -> HfRequest {
    let mut request = request(op, 1, key, value);
    (request.room, request.room_length) = (room.as_mut_ptr(), room.len() as u32);
    request
}

/// Opens a client: its handle and context, and what opening answered.
pub(crate) fn open_answered(text: &str, settings: &str) -> (u64, u64, Arrival) {
    let context = CONTEXT.fetch_add(1, Ordering::Relaxed);
    let (mut client, mut reply) = (0, empty_reply());
    // SAFETY: all pointers are to live locals.
    unsafe {
        hf_open(
            text.as_ptr(),
            text.len() as u32,
            settings.as_ptr(),
            settings.len() as u32,
            context,
            completed as *const c_void,
            &raw mut client,
            &raw mut reply,
        )
    };
    (client, context, Arrival::of(&reply))
}

/// Opens a client: its handle and context, or the error's code and message.
pub(crate) fn open(text: &str, settings: &str) -> Result<(u64, u64), (u32, String)> {
    let (client, context, answer) = open_answered(text, settings);
    if answer.status == HfStatus::Ok as u32 {
        Ok((client, context))
    } else {
        Err((answer.code, answer.text()))
    }
}

/// Opens a client of which only the replies of the calls themselves count.
pub(crate) fn open_embedded(text: &str) -> u64 {
    open(text, "").expect("it opens").0
}

pub(crate) fn submit(client: u64, request: &HfRequest) -> HfReply {
    let mut reply = empty_reply();
    // SAFETY: one request and one reply, both live.
    unsafe { hf_submit(client, request, 1, &raw mut reply) };
    reply
}

pub(crate) fn echo(client: u64, ticket: u64, key: &[u8], mode: HfEchoMode) -> HfReply {
    let (request, mut reply) = (request(HfOp::Echo, ticket, key, b""), empty_reply());
    // SAFETY: one request and one reply, both live.
    unsafe { hf_echo(client, &raw const request, 1, &raw mut reply, mode as u32) };
    reply
}
