//! Mixed operations of one request, in their order; one that fails does not stop the others.

use holdfast_proto::session::{
    ItemReader, Operation, ReplyHeader, RequestHeader, flags, operation_of, push_item,
};
use holdfast_proto::{Code, Error};
use holdfast_state::SESSION_WINDOW;

use super::answer::{Answer, Caller, get};
use super::failure::Failure;
use super::many::{of_items, reply_too_large, room_for, survey};
use crate::store::NodeStore;

/// Answers a batch. Its changes have the sequence numbers that follow the request's own, one for each item.
///
/// # Errors
/// `BatchTooLarge` before anything has run.
pub(crate) fn batch(
    caller: &Caller,
    store: &NodeStore,
    header: &RequestHeader,
    payload: &[u8],
    dedupe_hits: &mut u64,
) -> Result<Answer, Failure> {
    let (items, bytes) = survey(header, payload)?;
    holdfast_proto::limits::check_batch(bytes)?;
    let mut room = room_for(items)?;
    if header.sequence != 0 && items as u64 > SESSION_WINDOW {
        let message =
            format!("the batch has {items} items: one that may be repeated has at most {SESSION_WINDOW}");
        return Err(Failure::new(Code::BatchTooLarge, message));
    }
    let mut reply = Vec::new();
    let mut reader = ItemReader::new(payload);
    let mut sequence = header.sequence;
    while let Some((mut item, key, value)) = reader.next::<RequestHeader>()? {
        item.first_unacknowledged = header.first_unacknowledged;
        let answer = run(caller, store, &item, sequence, (key, value), room, dedupe_hits);
        let answer = answer.unwrap_or_else(|error| {
            let mut failure = ReplyHeader::failure(&error);
            if failure.message.len() > room {
                failure.message.clear();
            }
            failure.into()
        });
        let Answer { mut header, payload } = answer;
        let value = payload.bytes();
        room = room.saturating_sub(value.len() + header.message.len());
        header.value_length = value.len() as u32;
        push_item(&mut reply, &header, &[], value);
        if sequence != 0 {
            sequence = sequence.saturating_add(1);
        }
    }
    Ok(of_items(items, reply))
}

fn run(
    caller: &Caller,
    store: &NodeStore,
    item: &RequestHeader,
    sequence: u64,
    (key, value): (&[u8], &[u8]),
    room: usize,
    dedupe_hits: &mut u64,
) -> Result<Answer, Error> {
    let operation = operation_of(item)?;
    match operation {
        Operation::Get | Operation::Exists => {
            let answer = get(store, operation, item, key)?;
            if answer.payload.bytes().len() > room {
                return Err(reply_too_large());
            }
            Ok(answer)
        }
        Operation::Put
        | Operation::Delete
        | Operation::Refresh
        | Operation::SetExpiry
        | Operation::Increment => {
            // Nothing changes whose answer may find no room.
            if item.has(flags::RETURN_PREVIOUS) && room < store.settings().max_value as usize {
                return Err(reply_too_large());
            }
            caller
                .change(operation, store, item, sequence, (key, value), dedupe_hits)
                .map(Answer::from)
        }
        other => {
            let message = format!("{other:?} cannot be part of a batch");
            Err(Error::new(Code::InvalidArgument, message))
        }
    }
}
