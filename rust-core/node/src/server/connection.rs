//! One session's connection: a task that reads all that has come, answers it, and writes once.
//!
//! Small requests run on this task; what takes long runs beside it ([`super::jobs`]) and comes back through the
//! [`Link`]. Nothing here waits but for the peer.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use holdfast_proto::Code;
use holdfast_proto::session::{FrameError, FrameHead, FrameKind, Goodbye, ReplyHeader};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::answer::Caller;
use super::coming::Coming;
use super::counters::{Tally, count};
use super::failure::Failure;
use super::greeting::Start;
use super::jobs::{Done, JobState};
use super::lateness::Lateness;
use super::link::Link;
use super::outbound::Outbound;
use super::sessions::SessionUse;
use super::shared::{Listed, Shared};
use super::spare;
use super::stores::Stores;
use super::stream::Stream;
use crate::log::Level;

/// Reads in a row before others of the thread get their turn.
const ROUNDS: u32 = 3;
/// Replies in whole frames that may wait: a client that takes them more slowly than the node makes them has them wait at
/// its own end, as requests, not here, where each would make the next ones later. Values in pieces do not hold others up.
const WHOLE_REPLIES: u64 = 256 * 1024;
/// Time for a goodbye to a client that is cut.
const GOODBYE: Duration = Duration::from_secs(1);
/// A client of a node that stops comes back after so long, if it knows no other node.
const COME_BACK_MS: u32 = 100;

/// Why a connection ends.
pub(super) enum Ending {
    /// The peer has closed, and everything is answered.
    Finished,
    /// The network says so.
    Lost,
    /// The peer sent what is none of this protocol.
    Cut(FrameError),
    /// Nothing could be written for too long.
    Slow,
    /// Nothing was heard for too long.
    Silent,
    /// The server ends.
    Closed,
}

/// Replies that wait, charged to the connection's and the node's bytes in flight.
struct Charge {
    link: Arc<Link>,
    bytes: u64,
}

impl Charge {
    #[inline]
    fn set(&mut self, bytes: u64) {
        if bytes != self.bytes {
            self.change(bytes);
        }
    }

    fn change(&mut self, bytes: u64) {
        for budget in [&self.link.budget, &self.link.shared.budget] {
            if bytes > self.bytes {
                budget.take(bytes - self.bytes);
            } else {
                budget.give(self.bytes - bytes);
            }
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A session's connection.
pub(crate) struct Connection {
    pub(super) link: Arc<Link>,
    _listed: Listed,
    _session: Option<SessionUse>,
    pub(super) caller: Caller,
    stream: Stream,
    pub(super) out: Outbound,
    /// What has come of a frame, or of frames that wait until replies have gone.
    pub(super) partial: BytesMut,
    /// There may be whole frames in `partial`.
    pub(super) backlog: bool,
    /// Payloads that are coming in pieces, by request number.
    pub(super) coming: HashMap<u64, Coming>,
    /// Requests that run beside this, by number.
    pub(super) jobs: HashMap<u64, Arc<JobState>>,
    pub(super) stores: Stores,
    pub(super) tally: Tally,
    pub(super) lateness: Lateness,
    charge: Charge,
    /// This pass's time.
    pub(super) now: Instant,
    heard: Instant,
    /// Since when nothing could be written.
    stalled: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// It has let others finish first, and takes now what they have done.
    gathered: bool,
    /// The peer says nothing more.
    pub(super) heard_all: bool,
    said_goodbye: bool,
}

impl Connection {
    pub(crate) fn new(shared: &Arc<Shared>, stream: Stream, start: Start) -> Connection {
        let link = Arc::new(Link::new(shared.next_link(), Arc::clone(shared), start.peer));
        let now = Instant::now();
        let caller = Caller {
            shared: Arc::clone(shared),
            identity: Arc::new(start.identity),
            session: start.session.as_ref().map(|used| Arc::clone(&used.session)),
        };
        Connection {
            _listed: shared.list(&link),
            _session: start.session,
            caller,
            stream,
            out: Outbound::new(start.out),
            backlog: !start.rest.is_empty(),
            partial: start.rest.into(),
            coming: HashMap::new(),
            jobs: HashMap::new(),
            stores: Stores::default(),
            tally: Tally::default(),
            lateness: Lateness::new(now),
            charge: Charge {
                link: Arc::clone(&link),
                bytes: 0,
            },
            now,
            heard: now,
            stalled: None,
            timer: Box::pin(sleep_until(now + 2 * shared.options().limits.idle_timeout)),
            gathered: false,
            heard_all: false,
            said_goodbye: false,
            link,
        }
    }

    /// Serves until the connection ends. A stream that is given back is to be closed in order.
    pub(crate) async fn serve(mut self) -> Option<Stream> {
        let mut registered = false;
        let ending = poll_fn(|cx| {
            if !registered {
                self.link.register(cx.waker());
                registered = true;
            }
            self.poll_pass(cx)
        })
        .await;
        let (code, reason) = match ending {
            Ending::Finished => return Some(self.stream),
            Ending::Lost | Ending::Closed => return None,
            Ending::Slow => {
                count(&self.link.shared.counters.slow_readers_cut);
                let patience = self.limits().write_timeout;
                self.log(
                    Level::Warning,
                    &format!("nothing could be written for {patience:?}: cut"),
                );
                return None;
            }
            Ending::Silent => {
                let patience = 2 * self.limits().idle_timeout;
                (Code::Timeout, format!("nothing was heard for {patience:?}"))
            }
            Ending::Cut(error) => {
                count(&self.link.shared.counters.protocol_errors);
                self.log(Level::Warning, &format!("cut: {error}"));
                (Code::InvalidArgument, error.to_string())
            }
        };
        self.goodbye(code, reason, code.is_transient(), 0);
        let mut bytes_out = 0;
        let written = poll_fn(|cx| self.out.poll_write(&mut self.stream, cx, &mut bytes_out));
        match timeout(GOODBYE, written).await {
            Ok(Ok(())) => Some(self.stream),
            _ => None,
        }
    }

    fn limits(&self) -> &super::options::Limits {
        &self.link.shared.options().limits
    }

    fn log(&self, level: Level, message: &str) {
        let Link {
            peer, client_name, ..
        } = &*self.link;
        let name = holdfast_proto::limits::escape_key(client_name.as_bytes());
        self.link
            .shared
            .log(level, &format!("connection {peer} ('{name}'): {message}"));
    }

    fn goodbye(&mut self, code: Code, reason: impl Into<String>, reconnect: bool, reconnect_after_ms: u32) {
        let goodbye = Goodbye {
            code: code.number(),
            reason: reason.into(),
            reconnect,
            reconnect_after_ms,
        };
        self.out
            .frame(FrameHead::new(FrameKind::Goodbye, 0), &goodbye, &[]);
    }

    /// Does all that can be done now.
    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if self.link.has_done() && !std::mem::replace(&mut self.gathered, true) {
            // Requests whose changes were in one log entry finish one after the other, and the first has woken this task.
            // Behind the others in the queue: their replies go out in one write.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.gathered = false;
        self.now = Instant::now();
        for _ in 0..ROUNDS {
            if self.link.is_closing() {
                return Poll::Ready(Ending::Closed);
            }
            let paused = !self.may_execute();
            let received = match self
                .collect()
                .map_err(Ending::Cut)
                .and_then(|()| self.poll_receive(cx))
            {
                Ok(received) => received,
                Err(ending) => return Poll::Ready(ending),
            };
            if !received && !paused && !self.backlog && !self.said_goodbye && self.link.is_stopping() {
                // All that had come is answered or under way.
                self.said_goodbye = true;
                self.goodbye(Code::Unavailable, "the node is stopping", true, COME_BACK_MS);
            }
            let before = self.tally.bytes_out;
            let written = self
                .out
                .poll_write(&mut self.stream, cx, &mut self.tally.bytes_out);
            if let Poll::Ready(Err(_)) = written {
                return Poll::Ready(Ending::Lost);
            }
            self.settle(self.tally.bytes_out > before);
            let unblocked = (paused || self.backlog) && self.may_execute();
            if received || unblocked {
                continue;
            }
            if self.heard_all && self.jobs.is_empty() && self.out.is_empty() {
                return Poll::Ready(Ending::Finished);
            }
            return self.poll_timer(cx);
        }
        // Others of this thread first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether there is room for the replies to more requests.
    #[inline]
    pub(super) fn may_execute(&self) -> bool {
        let queued = self.out.queued();
        queued == 0 || (queued <= self.link.reply_limit() && self.out.whole_queued() <= WHOLE_REPLIES)
    }

    /// Takes what came of requests that ran beside this.
    fn collect(&mut self) -> Result<(), FrameError> {
        let mut bytes = 0;
        for done in self.link.take_done() {
            bytes += done.bytes();
            let Done {
                number,
                operation,
                result,
                dedupe_hits,
            } = done;
            self.jobs.remove(&number);
            self.tally.dedupe_hits += dedupe_hits;
            match result {
                Ok(answer) => {
                    self.tally.answered(operation as usize, 0);
                    self.out.reply(number, answer.header, answer.payload);
                }
                Err(Failure::Refused(error)) => self.refuse(number, operation as usize, &error, 0),
                Err(Failure::Broken(error)) => return Err(error),
            }
        }
        if bytes > 0 {
            self.link.set_queued(self.out.queued(), bytes);
        }
        Ok(())
    }

    /// Answers with an error.
    #[cold]
    pub(super) fn refuse(
        &mut self,
        number: u64,
        operation: usize,
        error: &holdfast_proto::Error,
        retry_after_ms: u32,
    ) {
        self.tally.answered(operation, error.code.number());
        let header = ReplyHeader {
            retry_after_ms,
            ..ReplyHeader::failure(error)
        };
        self.out.reply(number, header, super::payload::Payload::Empty);
    }

    /// Reads once and answers what has come; true when there may be more.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        if self.heard_all || !self.may_execute() {
            return Ok(false);
        }
        if self.backlog {
            self.backlog = false;
            let waiting = std::mem::take(&mut self.partial);
            self.take(&waiting).map_err(Ending::Cut)?;
            if self.backlog {
                return Ok(false);
            }
        }
        let mut buffer = spare::take_reading();
        let mut read = ReadBuf::new(&mut buffer);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut read);
        let length = read.filled().len();
        let received = match polled {
            Poll::Pending => {
                self.lateness.drained();
                Ok(false)
            }
            Poll::Ready(Err(_)) => Err(Ending::Lost),
            Poll::Ready(Ok(())) if length == 0 => {
                self.heard_all = true;
                Ok(false)
            }
            Poll::Ready(Ok(())) => {
                self.heard = self.now;
                self.tally.bytes_in += length as u64;
                self.take(&buffer[..length]).map(|()| true).map_err(Ending::Cut)
            }
        };
        spare::give_reading(buffer);
        received
    }

    /// Accounts for what a round has done.
    fn settle(&mut self, progress: bool) {
        let queued = self.out.queued();
        self.charge.set(queued);
        let link = &self.link;
        link.set_queued(queued, 0);
        if !self.jobs.is_empty() {
            link.tell_waiting();
        }
        let requests = self.tally.flush(&link.shared.counters, link.id);
        if requests > 0 {
            link.requests.fetch_add(requests, Ordering::Relaxed);
        }
        if self.out.is_empty() {
            self.stalled = None;
        } else if progress || self.stalled.is_none() {
            self.stalled = Some(self.now);
        }
    }

    /// Ends what is over, and wakes this task when the next thing may be.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            let next = self.next_deadline();
            if next < self.timer.deadline() {
                self.timer.as_mut().reset(next);
            }
            // Armed for too early, as happens with each sign of life, it fires and is set anew.
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.now = Instant::now();
            let limits = self.limits();
            if self
                .stalled
                .is_some_and(|since| self.now >= since + limits.write_timeout)
            {
                return Poll::Ready(Ending::Slow);
            }
            if !self.may_execute() {
                // Not listened to: no wonder that nothing was heard.
                self.heard = self.now;
            } else if self.now >= self.heard + 2 * limits.idle_timeout {
                return Poll::Ready(Ending::Silent);
            }
            if self.end_overdue() {
                // Its refusal is to be written.
                cx.waker().wake_by_ref();
            }
            let next = self.next_deadline();
            self.timer.as_mut().reset(next);
        }
    }

    fn next_deadline(&self) -> Instant {
        let limits = self.limits();
        let silent = self.heard + 2 * limits.idle_timeout;
        let slow = self.stalled.map(|since| since + limits.write_timeout);
        let coming = self.coming.values().filter_map(Coming::deadline).min();
        [slow, coming].into_iter().flatten().fold(silent, Instant::min)
    }
}
