//! Payloads that come in pieces on a session's connection.

use std::collections::hash_map::Entry;

use holdfast_proto::limits::check_value;
use holdfast_proto::session::{
    Assembly, Frame, FrameError, FrameHead, FrameKind, Operation, RequestHeader, operation_of,
};
use holdfast_proto::{Code, Error, Outcome, bytes_text};
use holdfast_state::MAX_KEY;
use tokio::time::Instant;

use super::admission::Reserved;
use super::connection::Connection;
use super::inbound::{Input, RETRY_AFTER_MS, out_of_place, waiting};
use super::jobs::out_of_time;

/// Payloads in pieces that one connection may have under way, refused ones included.
const MOST_COMING: usize = 4096;

/// A payload that is coming in pieces.
pub(super) enum Coming {
    /// It will be run.
    Wanted(Box<Wanted>),
    /// It was refused, is over, or was cancelled: its pieces are passed by.
    Unwanted {
        /// Bytes that still come.
        left: usize,
        /// It has not been refused yet: its key, which the first piece has, is to be named.
        too_large: Option<TooLarge>,
    },
}

/// A value that its store does not accept.
#[derive(Clone, Copy)]
pub(super) struct TooLarge {
    key_length: usize,
    value_length: usize,
    max_value: u32,
}

/// Why a payload is not wanted.
enum NotAdmitted {
    Refused(Error),
    TooLarge(TooLarge),
}

impl From<Error> for NotAdmitted {
    fn from(error: Error) -> Self {
        NotAdmitted::Refused(error)
    }
}

/// A request whose payload is coming.
pub(super) struct Wanted {
    operation: Operation,
    header: RequestHeader,
    assembly: Assembly,
    /// Bytes that have come.
    arrived: usize,
    reserved: Reserved,
    deadline: Option<Instant>,
}

impl Coming {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Coming::Wanted(wanted) => wanted.deadline,
            Coming::Unwanted { .. } => None,
        }
    }
}

impl Coming {
    /// Passes the rest of a payload by; its operation, if it was wanted.
    fn give_up(&mut self) -> Option<Operation> {
        let Coming::Wanted(wanted) = self else {
            return None;
        };
        let operation = wanted.operation;
        let left = wanted.assembly.length() - wanted.arrived;
        *self = Coming::Unwanted {
            left,
            too_large: None,
        };
        Some(operation)
    }
}

impl Connection {
    /// The first frame of a request whose payload comes in pieces: room for all of it is taken now.
    pub(super) fn begin(&mut self, frame: &Frame<'_>, header: RequestHeader) -> Result<(), FrameError> {
        let number = frame.head.number;
        let length = Assembly::check(header.payload_length)?;
        if !frame.payload.is_empty() {
            return Err(out_of_place(
                FrameKind::Request,
                "with a payload besides its pieces",
            ));
        }
        if self.coming.contains_key(&number) || self.coming.len() >= MOST_COMING {
            return Err(out_of_place(
                FrameKind::Request,
                "whose payload would come in pieces between too many others, or those of the same number",
            ));
        }
        let deadline = self.deadline(&header);
        let operation = operation_of(&header);
        let number_of = operation.as_ref().map_or(0, |operation| *operation as usize);
        let admitted = match operation {
            Ok(operation) => self
                .admit(operation, &header, length)
                .map(|reserved| (operation, reserved)),
            Err(error) => Err(error.into()),
        };
        let coming = match admitted {
            Ok((operation, reserved)) => Coming::Wanted(Box::new(Wanted {
                operation,
                header,
                assembly: Assembly::new(length),
                arrived: 0,
                reserved,
                deadline,
            })),
            Err(NotAdmitted::TooLarge(too_large)) => Coming::Unwanted {
                left: length,
                too_large: Some(too_large),
            },
            Err(NotAdmitted::Refused(error)) => {
                let exhausted = error.code == Code::ResourceExhausted;
                self.refuse(
                    number,
                    number_of,
                    &error,
                    if exhausted { RETRY_AFTER_MS } else { 0 },
                );
                Coming::Unwanted {
                    left: length,
                    too_large: None,
                }
            }
        };
        self.coming.insert(number, coming);
        Ok(())
    }

    /// The largest value of the store that a request is about, if the caller may ask it at all.
    fn most_of_value(
        &mut self,
        operation: Operation,
        header: &RequestHeader,
        length: usize,
    ) -> Result<u32, Error> {
        #[cfg(feature = "cluster")]
        if self.caller.shared.cluster().is_some() {
            return super::clustered::most_of_value(&self.caller, operation, header, length);
        }
        let store = self.stores.find(self.caller.shared.node(), header.store)?;
        self.caller.check(operation, store, header, length)?;
        Ok(store.settings().max_value)
    }

    /// Refuses what could not be run before room is taken for it.
    fn admit(
        &mut self,
        operation: Operation,
        header: &RequestHeader,
        length: usize,
    ) -> Result<Reserved, NotAdmitted> {
        if !matches!(operation, Operation::Put | Operation::Batch | Operation::GetMany) {
            let message = format!("{operation:?} has no payload of {length} bytes");
            return Err(Error::new(Code::InvalidArgument, message).into());
        }
        let max_value = self.most_of_value(operation, header, length)?;
        let too_large = TooLarge {
            key_length: header.key_length as usize,
            value_length: length.saturating_sub(header.key_length as usize),
            max_value,
        };
        if too_large.key_length > MAX_KEY {
            let most = bytes_text(MAX_KEY as u64);
            let message = format!(
                "the key has {} bytes: a key has at most {most}",
                too_large.key_length
            );
            return Err(Error::new(Code::KeyTooLarge, message).into());
        }
        if operation == Operation::Put && too_large.value_length > too_large.max_value as usize {
            return Err(NotAdmitted::TooLarge(too_large));
        }
        Ok(self.reserve(waiting(header, length))?)
    }

    pub(super) fn piece(&mut self, frame: &Frame<'_>) -> Result<(), FrameError> {
        let number = frame.head.number;
        let Entry::Occupied(mut coming) = self.coming.entry(number) else {
            return Err(out_of_place(FrameKind::Chunk, "that continues no payload"));
        };
        match coming.get_mut() {
            Coming::Unwanted { left, too_large } => {
                let too_large = too_large.take();
                let beyond = frame.payload.len() > *left;
                *left -= frame.payload.len().min(*left);
                if beyond || frame.payload.is_empty() || frame.has(FrameHead::LAST) != (*left == 0) {
                    return Err(out_of_place(
                        FrameKind::Chunk,
                        "that does not fit into its payload",
                    ));
                }
                if *left == 0 {
                    coming.remove();
                }
                if let Some(TooLarge {
                    key_length,
                    value_length,
                    max_value,
                }) = too_large
                {
                    let key = &frame.payload[..key_length.min(frame.payload.len())];
                    if let Err(error) = check_value(key, value_length, max_value) {
                        self.refuse(number, Operation::Put as usize, &error, 0);
                    }
                }
                Ok(())
            }
            Coming::Wanted(wanted) => {
                wanted.arrived += frame.payload.len();
                if !wanted.assembly.push(frame)? {
                    return Ok(());
                }
                let Coming::Wanted(wanted) = coming.remove() else {
                    return Ok(());
                };
                let Wanted {
                    operation,
                    header,
                    assembly,
                    reserved,
                    deadline,
                    ..
                } = *wanted;
                let input = Input::Whole(assembly.into_bytes().into(), reserved);
                self.run(number, operation, header, input, deadline)
            }
        }
    }

    /// Drops a request that has not been run.
    pub(super) fn cancel(&mut self, number: u64) {
        // No piece comes after it, so that nothing of the payload has to be remembered.
        let operation = match self.coming.remove(&number) {
            Some(mut coming) => coming.give_up(),
            None => self.jobs.get(&number).is_some_and(|job| job.cancel()).then(|| {
                self.jobs.remove(&number);
                Operation::Unspecified
            }),
        };
        if let Some(operation) = operation {
            let error = Error::new(Code::Cancelled, "the request was cancelled before it was run");
            self.refuse(
                number,
                operation as usize,
                &error.with_outcome(Outcome::NotApplied),
                0,
            );
        }
    }

    /// Answers requests whose time was over while their payload was coming; true when there was one.
    pub(super) fn end_overdue(&mut self) -> bool {
        let mut overdue = Vec::new();
        for (number, coming) in &mut self.coming {
            if coming.deadline().is_some_and(|deadline| deadline <= self.now)
                && let Some(operation) = coming.give_up()
            {
                overdue.push((*number, operation));
            }
        }
        for (number, operation) in &overdue {
            self.refuse(*number, *operation as usize, &out_of_time(*operation), 0);
        }
        !overdue.is_empty()
    }
}
