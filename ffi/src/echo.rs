//! Requests that are answered with their own key: they exercise the boundary without a node.

use std::sync::Arc;
use std::thread;

use holdfast_proto::{Code, Error};

use crate::abi::*;
use crate::completions::{Completion, Completions};
use crate::replies;
use crate::requests::Request;
use crate::room::fill_room;

/// Answers a request with its own key, in the way that `mode` says.
///
/// # Safety
/// The request's pointers are readable (`room`: writable) for their lengths or null.
pub(crate) unsafe fn echo(completions: Option<&Arc<Completions>>, raw: &HfRequest, mode: u32) -> HfReply {
    // SAFETY: as promised by the caller.
    let request = unsafe { Request::new(raw) };
    if mode == HfEchoMode::Inline as u32 {
        return at_once(&request);
    }
    let pending = match completions {
        Some(completions) => pending(completions, &request, mode),
        None => Err(Error::new(
            Code::InvalidArgument,
            "a client of servers echoes at once only",
        )),
    };
    match pending {
        Ok(true) => replies::pending(raw.ticket),
        Ok(false) => replies::closed(raw.ticket),
        Err(error) => replies::failure(raw.ticket, &error),
    }
}

fn at_once(request: &Request<'_>) -> HfReply {
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
fn pending(completions: &Arc<Completions>, request: &Request<'_>, mode: u32) -> Result<bool, Error> {
    let ticket = request.raw.ticket;
    let completion = || Completion::Echo {
        data: request.key().into(),
        number: request.raw.delta,
    };
    match mode {
        mode if mode == HfEchoMode::Deferred as u32 => completions.complete(ticket, completion()),
        mode if mode == HfEchoMode::OtherThread as u32 => {
            if !completions.hold(ticket)? {
                return Ok(false);
            }
            let (shared, completion) = (Arc::clone(completions), completion());
            let other = thread::Builder::new()
                .name("holdfast-echo".to_owned())
                .spawn(move || shared.complete_held(ticket, completion));
            if other.is_err() {
                // It pends already, so it has to complete like that.
                completions.cancel(ticket);
            }
            Ok(true)
        }
        mode if mode == HfEchoMode::Hold as u32 => completions.hold(ticket),
        mode if mode == HfEchoMode::PanicInline as u32 => panic!("asked to panic in the call"),
        mode if mode == HfEchoMode::PanicDeferred as u32 => completions.complete(ticket, Completion::Panic),
        other => Err(Error::new(
            Code::InvalidArgument,
            format!("there is no echo mode {other}"),
        )),
    }
}
