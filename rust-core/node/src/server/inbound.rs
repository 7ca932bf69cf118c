//! What comes in on a session's connection: frames and requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::limits::check_key;
use holdfast_proto::session::{
    Frame, FrameError, FrameHead, FrameKind, Operation, ReplyHeader, RequestHeader, frame_size, operation_of,
    parse_frame,
};
use holdfast_proto::{Code, Error, bytes_text};
use tokio::time::Instant;

use super::admission::Reserved;
use super::answer::{describe, read_mode};
use super::connection::Connection;
use super::failure::{Failure, store_error};
use super::jobs::{self, Job};
use super::lateness::is_too_late;
use super::outbound::COPIED;
use crate::store::NodeStore;

/// An empty buffer is kept for the next frame up to this.
const MOST_KEPT: usize = 4 * 1024;
/// Items that run on the connection's task.
const FEW_ITEMS: u32 = 64;
/// Payload that runs on the connection's task.
const SHORT: usize = 64 * 1024;
/// A store of so many bytes is looked through on the connection's task.
const SMALL_STORE: u64 = 32 * 1024;
/// What a request that waits takes besides its bytes.
const WAITING: u64 = 1024;
/// When to come again with what there was no room for.
pub(super) const RETRY_AFTER_MS: u32 = 50;

/// What a request takes while it waits, with a payload of so many bytes.
pub(super) fn waiting(header: &RequestHeader, payload: usize) -> u64 {
    WAITING + (header.cursor.len() + header.trace_context.len() + payload) as u64
}

/// A payload, with what was reserved for it.
pub(super) enum Input<'a> {
    /// In the buffer that it came in.
    Here(&'a [u8]),
    /// Put together from pieces.
    Whole(Bytes, Reserved),
}

impl Input<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Input::Here(bytes) => bytes,
            Input::Whole(bytes, _) => bytes,
        }
    }
}

pub(super) fn out_of_place(kind: FrameKind, place: &'static str) -> FrameError {
    FrameError::OutOfPlace {
        kind: kind.name(),
        place,
    }
}

impl Connection {
    /// Answers the frames in `bytes`, which follow what came before.
    ///
    /// # Errors
    /// The peer does not speak the protocol: the connection ends.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), FrameError> {
        while !self.partial.is_empty() && !bytes.is_empty() {
            let wanted = frame_size(&self.partial).unwrap_or(FrameHead::LENGTH);
            let (part, rest) = bytes.split_at(bytes.len().min(wanted - self.partial.len()));
            // Grows with what has come, not with what a head announces.
            self.partial.extend_from_slice(part);
            bytes = rest;
            let mut partial = std::mem::take(&mut self.partial);
            match parse_frame(&partial)? {
                Some((frame, _)) => {
                    self.frame(&frame)?;
                    partial.clear();
                    if partial.capacity() <= MOST_KEPT {
                        self.partial = partial;
                    }
                }
                None => self.partial = partial,
            }
        }
        while !bytes.is_empty() {
            if !self.may_execute() {
                self.backlog = true;
                break;
            }
            let Some((frame, used)) = parse_frame(bytes)? else {
                break;
            };
            self.frame(&frame)?;
            bytes = &bytes[used..];
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), FrameError> {
        let FrameHead { kind, number, .. } = frame.head;
        match kind {
            FrameKind::Request => self.request(frame)?,
            FrameKind::Chunk => self.piece(frame)?,
            FrameKind::Cancel => self.cancel(number),
            FrameKind::Ping => self.out.frame(FrameHead::new(FrameKind::Pong, number), &(), &[]),
            FrameKind::Pong => {}
            FrameKind::Goodbye => self.heard_all = true,
            FrameKind::Hello => return Err(out_of_place(kind, "after the first one")),
            FrameKind::Welcome | FrameKind::Reply => return Err(out_of_place(kind, "from a client")),
        }
        Ok(())
    }

    #[inline]
    fn request(&mut self, frame: &Frame<'_>) -> Result<(), FrameError> {
        let header: RequestHeader = frame.read()?;
        if frame.has(FrameHead::IN_PIECES) {
            return self.begin(frame, header);
        }
        let deadline = self.deadline(&header);
        let number = frame.head.number;
        let waited_ms = self.lateness.waited_ms(header.sent_ms, self.now);
        if is_too_late(waited_ms, header.timeout_ms) {
            self.refuse_late(number, &header, waited_ms);
            return Ok(());
        }
        match operation_of(&header) {
            Ok(operation) => self.run(number, operation, header, Input::Here(frame.payload), deadline),
            Err(error) => {
                self.refuse(number, 0, &error, 0);
                Ok(())
            }
        }
    }

    #[cold]
    fn refuse_late(&mut self, number: u64, header: &RequestHeader, waited_ms: u32) {
        let timeout_ms = header.timeout_ms;
        let message = format!(
            "the request had waited {waited_ms} of its {timeout_ms} ms when node '{}' read it: more is asked for than is \
             done; ask for less at once",
            self.caller.shared.node().name()
        );
        let operation = operation_of(header).map_or(0, |operation| operation as usize);
        let error = Error::new(Code::ResourceExhausted, message);
        self.refuse(number, operation, &error, RETRY_AFTER_MS);
    }

    pub(super) fn deadline(&self, header: &RequestHeader) -> Option<Instant> {
        match header.timeout_ms {
            0 => None,
            ms => Some(self.now + Duration::from_millis(ms.into())),
        }
    }

    #[inline]
    pub(super) fn run(
        &mut self,
        number: u64,
        operation: Operation,
        header: RequestHeader,
        input: Input<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), FrameError> {
        match self.try_run(number, operation, header, input, deadline) {
            Ok(()) => Ok(()),
            Err(Failure::Refused(error)) => {
                let exhausted = error.code == Code::ResourceExhausted;
                self.refuse(
                    number,
                    operation as usize,
                    &error,
                    if exhausted { RETRY_AFTER_MS } else { 0 },
                );
                Ok(())
            }
            Err(Failure::Broken(error)) => Err(error),
        }
    }

    fn try_run(
        &mut self,
        number: u64,
        operation: Operation,
        header: RequestHeader,
        input: Input<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), Failure> {
        #[cfg(feature = "cluster")]
        if self.caller.shared.cluster().is_some() {
            return self.run_in_cluster(number, operation, header, input, deadline);
        }
        let payload = input.bytes();
        let store = if needs_store(operation) {
            let store = self.stores.find(self.caller.shared.node(), header.store)?;
            if let Input::Here(bytes) = &input {
                self.caller.check(operation, store, &header, bytes.len())?;
            }
            Some(store)
        } else {
            None
        };
        if let (Operation::Get | Operation::Exists, Some(store)) = (operation, store) {
            let (key, _) = header.key_and_value(payload)?;
            let shared = read(&mut self.out, number, operation, store, &header, key)?;
            self.tally.answered(operation as usize, 0);
            if let Some((reply, entry)) = shared {
                self.out.reply(number, reply, entry.into());
            }
            return Ok(());
        }
        if is_long(operation, &header, payload.len(), store.map(|store| &**store)) {
            let store = store.cloned();
            return self.run_beside(number, operation, header, input, store, deadline);
        }
        let store = store.map(|store| &**store);
        let answer = self
            .caller
            .answer(operation, store, &header, payload, &mut self.tally.dedupe_hits)?;
        self.tally.answered(operation as usize, 0);
        self.out.reply(number, answer.header, answer.payload);
        Ok(())
    }

    /// Lets a request run beside the connection.
    fn run_beside(
        &mut self,
        number: u64,
        operation: Operation,
        header: RequestHeader,
        input: Input<'_>,
        store: Option<Arc<NodeStore>>,
        deadline: Option<Instant>,
    ) -> Result<(), Failure> {
        if self.jobs.contains_key(&number) {
            return Err(out_of_place(
                FrameKind::Request,
                "with the number of one that is not answered yet",
            )
            .into());
        }
        let (payload, reserved) = match input {
            Input::Whole(bytes, reserved) => (bytes, reserved),
            Input::Here(bytes) => {
                let reserved = self.reserve(waiting(&header, bytes.len()))?;
                (Bytes::copy_from_slice(bytes), reserved)
            }
        };
        let job = Job {
            number,
            operation,
            header,
            payload,
            store,
            caller: self.caller.clone(),
            deadline,
            reserved,
        };
        self.jobs.insert(number, jobs::start(&self.link, job));
        Ok(())
    }

    pub(super) fn reserve(&self, bytes: u64) -> Result<Reserved, Error> {
        Reserved::take(&self.link, bytes).ok_or_else(|| self.exhausted(bytes))
    }

    #[cold]
    fn exhausted(&self, bytes: u64) -> Error {
        let (own, node) = (&self.link.budget, &self.link.shared.budget);
        let (who, used, limit) = if own.used() + bytes > own.limit() {
            ("connection", own.used(), own.limit())
        } else {
            ("node", node.used(), node.limit())
        };
        let limit = bytes_text(limit);
        let message = format!(
            "the {who} has {used} bytes in flight: {bytes} more do not fit into {limit}; send fewer at once"
        );
        Error::new(Code::ResourceExhausted, message)
    }
}

#[inline]
pub(super) fn needs_store(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::OpenStore
            | Operation::AdvanceClock
            | Operation::Ping
            | Operation::ClusterMap
            | Operation::ClusterAdmin
            | Operation::Unspecified
    )
}

/// Whether others of the thread would have to wait for this.
#[inline]
fn is_long(operation: Operation, header: &RequestHeader, length: usize, store: Option<&NodeStore>) -> bool {
    let many = || store.is_some_and(|store| store.bytes() > SMALL_STORE);
    match operation {
        Operation::GetMany | Operation::Batch => header.items > FEW_ITEMS || length > SHORT,
        Operation::Count => many() && header.range(&[], &[]) != holdfast_state::KeyRange::All,
        Operation::Clear | Operation::Scan => many(),
        Operation::AdvanceClock => true,
        _ => length >= holdfast_proto::session::CHUNK_FROM,
    }
}

/// Answers a read; small values are copied while the entry is locked, others are given to be written from where they lie.
#[inline]
fn read(
    out: &mut super::outbound::Outbound,
    number: u64,
    operation: Operation,
    store: &NodeStore,
    header: &RequestHeader,
    key: &[u8],
) -> Result<Option<(ReplyHeader, Option<holdfast_state::EntryRef>)>, Error> {
    check_key(key)?;
    let (slide, with_value) = read_mode(operation, header);
    let head = FrameHead::new(FrameKind::Reply, number);
    let found = store
        .get(key, slide, |entry| {
            let reply = describe(entry);
            if with_value && entry.value().len() > COPIED {
                return Some((reply, Some(entry.share())));
            }
            let value = if with_value { entry.value() } else { &[] };
            out.frame(head, &reply, value);
            None
        })
        .map_err(|failed| store_error(store, failed))?;
    Ok(match found {
        Some(shared) => shared,
        None => {
            out.frame(head, &ReplyHeader::default(), &[]);
            None
        }
    })
}
