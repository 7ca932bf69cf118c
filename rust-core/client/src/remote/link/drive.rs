//! Drives a connection: writes all that is queued, takes all that has arrived, and notices when nobody is there.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use holdfast_proto::Error;
use holdfast_proto::session::{FrameKind, Goodbye, features, parse_frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connect::Connection;
use super::reader::ReadBuffer;
use super::receive::Receiver;
use super::refusal::refusal_of;
use super::transport::Transport;
use super::writer::Writer;
use crate::remote::dispatch::push_bare;
use crate::remote::registry::Shared;
use holdfast_proto::log::Level;

/// Bytes of requests that are worth a write of their own.
const GATHERED: usize = 8 * 1024;

/// Why a connection is over.
pub(super) struct Ended {
    pub(super) reason: String,
    /// The node refuses this client for good.
    pub(super) refused: Option<Error>,
    /// Another endpoint is to be tried first.
    pub(super) leave: bool,
    /// The same node is not to be asked earlier.
    pub(super) pause: Duration,
}

impl Ended {
    pub(super) fn because(reason: impl Into<String>) -> Ended {
        Ended {
            reason: reason.into(),
            refused: None,
            leave: false,
            pause: Duration::ZERO,
        }
    }
}

struct Drive<'a> {
    shared: &'a Arc<Shared>,
    link: usize,
    transport: Transport,
    read: ReadBuffer,
    writer: Writer,
    /// TLS has bytes that the socket has not taken.
    unflushed: bool,
    receiver: Receiver,
    tick: Pin<Box<Sleep>>,
    idle: bool,
    idle_after: Duration,
    heard: Instant,
    /// A ping that nothing was heard after.
    asked: Option<Instant>,
    /// The node said Goodbye: what it was, and when it or a reply after it came.
    goodbye: Option<(String, Instant)>,
    pause: Duration,
}

/// Until the connection ends; how many bytes of its stream reached the socket.
pub(super) async fn run(shared: &Arc<Shared>, link: usize, connection: Connection) -> (Ended, u64) {
    let Connection {
        transport,
        read,
        welcome,
        ..
    } = connection;
    let now = Instant::now();
    let mut drive = Drive {
        shared,
        link,
        transport,
        read,
        writer: Writer::default(),
        unflushed: false,
        receiver: Receiver::new(link, welcome.features & features::CLUSTER != 0),
        tick: Box::pin(sleep_until(now + shared.options.timing.ping_after / 2)),
        idle: false,
        idle_after: Duration::from_millis(u64::from(welcome.idle_timeout_ms.max(300))) / 3,
        heard: now,
        asked: None,
        goodbye: None,
        pause: Duration::ZERO,
    };
    let ended = match drive.received(now) {
        Ok(()) => poll_fn(|context| drive.poll(context)).await,
        Err(ended) => ended,
    };
    let mut core = shared.link(link);
    if let Some(up) = &mut core.up {
        // From here on no caller writes itself: its bytes would reach the node and not be counted.
        up.writer = None;
    }
    let written = drive.writer.written(&core);
    (ended, written)
}

impl Drive<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let progress = match self.read(context) {
                Ok(progress) => progress,
                Err(ended) => return Poll::Ready(ended),
            };
            self.gather();
            if let Err(ended) = self.write(context) {
                return Poll::Ready(ended);
            }
            if progress || !self.rest(context) {
                continue;
            }
            ready!(self.tick.as_mut().poll(context));
            match self.tick_passed(Instant::now()) {
                Ok(next) => self.tick.as_mut().reset(next),
                Err(ended) => return Poll::Ready(ended),
            }
        }
    }

    /// Lets callers that are about to send theirs do so first: one write for many requests costs client and node a
    /// fraction of many writes. A lone request does not wait.
    fn gather(&self) {
        let core = self.shared.link(self.link);
        let worthwhile = core.in_flight > 1 && core.outbox.len() < GATHERED;
        drop(core);
        if worthwhile {
            std::thread::yield_now();
        }
    }

    /// Writes until there is nothing left or the socket takes no more.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        if self.goodbye.is_some() {
            return Ok(());
        }
        let mut wrote = false;
        loop {
            if self.writer.unwritten().is_empty() {
                if !self.writer.fill(&mut self.shared.core.lock(), self.link) {
                    break;
                }
                self.writer.cut();
            }
            match self.transport.poll_write(context, self.writer.unwritten()) {
                Poll::Ready(Ok(0)) => return Err(Ended::because("the socket takes no more bytes")),
                Poll::Ready(Ok(length)) => self.writer.wrote(length),
                Poll::Ready(Err(error)) => return Err(Ended::because(error.to_string())),
                Poll::Pending => break,
            }
            wrote = true;
        }
        if wrote || self.unflushed {
            match self.transport.poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Err(Ended::because(error.to_string())),
                Poll::Pending => self.unflushed = true,
            }
        }
        Ok(())
    }

    /// Takes what one read gives; false when nothing had arrived.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Ended> {
        match self.transport.poll_read(context, self.read.room()) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => Err(self.ended("the node closed the connection".to_owned())),
            Poll::Ready(Err(error)) => Err(self.ended(error.to_string())),
            Poll::Ready(Ok(length)) => {
                self.read.filled(length);
                let now = Instant::now();
                self.heard = now;
                self.asked = None;
                self.received(now)?;
                Ok(true)
            }
        }
    }

    fn received(&mut self, now: Instant) -> Result<(), Ended> {
        let mut used = 0;
        let mut goodbye: Option<Goodbye> = None;
        let outcome = loop {
            match parse_frame(&self.read.unread()[used..]) {
                Ok(None) => break Ok(()),
                Ok(Some((frame, length))) => {
                    let at = used;
                    used += length;
                    let kind = frame.head.kind;
                    let taken = match kind {
                        FrameKind::Reply => {
                            let draining = goodbye.is_some() || self.goodbye.is_some();
                            self.receiver.reply(self.shared, &frame, at, draining)
                        }
                        FrameKind::Chunk => self.receiver.chunk(&frame),
                        FrameKind::Pong => Ok(()),
                        FrameKind::Ping => {
                            push_bare(
                                &mut self.shared.link(self.link).outbox,
                                FrameKind::Pong,
                                frame.head.number,
                            );
                            Ok(())
                        }
                        FrameKind::Goodbye => frame
                            .read()
                            .map(|read| goodbye = Some(read))
                            .map_err(|e| e.to_string()),
                        kind => Err(format!("a {} frame from a node", kind.name())),
                    };
                    if let Err(error) = taken {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error.to_string()),
            }
        };
        // What came before the fault counts.
        let outcome = outcome.and(self.receiver.deliver(self.shared, self.read.unread(), now));
        self.read.consume(used);
        if let Some((_, since)) = &mut self.goodbye {
            *since = now;
        }
        if let Some(goodbye) = goodbye {
            self.leave(&goodbye, now)?;
        }
        outcome.map_err(|error| {
            let reason = format!("the node broke the protocol: {error}");
            self.shared.log.line(Level::Error, &reason);
            Ended::because(reason)
        })?;
        self.drained(now)
    }

    /// The node ends the connection: nothing more is sent, what is outstanding may still be answered.
    fn leave(&mut self, goodbye: &Goodbye, now: Instant) -> Result<(), Ended> {
        let error = refusal_of(goodbye);
        if !goodbye.reconnect {
            return Err(Ended {
                leave: true,
                refused: Some(error.clone()),
                ..Ended::because(error.message)
            });
        }
        if let Some(up) = &mut self.shared.link(self.link).up {
            up.draining = true;
            up.writer = None;
        }
        self.goodbye = Some((error.message, now));
        self.pause = Duration::from_millis(goodbye.reconnect_after_ms.into());
        Ok(())
    }

    /// Over, once a node that said Goodbye has answered what it got.
    fn drained(&self, now: Instant) -> Result<(), Ended> {
        let Some((reason, since)) = &self.goodbye else {
            return Ok(());
        };
        let core = self.shared.core.lock();
        let written = self.writer.written(&core.links[self.link]);
        if core.arrived(self.link, written) == 0
            || now.saturating_duration_since(*since) >= self.shared.options.timing.drain
        {
            return Err(self.ended(reason.clone()));
        }
        Ok(())
    }

    fn ended(&self, reason: String) -> Ended {
        let goodbye = self.goodbye.as_ref().map(|(reason, _)| reason.clone());
        Ended {
            leave: goodbye.is_some(),
            pause: self.pause,
            ..Ended::because(goodbye.unwrap_or(reason))
        }
    }

    /// Nothing to do until somebody wakes the task; false when there is something after all.
    fn rest(&mut self, context: &mut Context<'_>) -> bool {
        let mut core = self.shared.link(self.link);
        if !core
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            core.waker = Some(context.waker().clone());
        }
        if self.idle && !core.idle {
            // A request came: the node has to answer soon now.
            self.idle = false;
            self.tick
                .as_mut()
                .reset(Instant::now() + self.shared.options.timing.ping_after / 2);
        }
        if self.goodbye.is_some() || !self.writer.unwritten().is_empty() {
            // The socket wakes the task; what is queued meanwhile goes with the rest.
            core.sleeping = false;
            return true;
        }
        core.sleeping = core.outbox.is_empty() && core.large.is_empty();
        core.sleeping
    }

    /// Looks after a silent connection; when to look again.
    fn tick_passed(&mut self, now: Instant) -> Result<Instant, Ended> {
        self.drained(now)?;
        let timing = &self.shared.options.timing;
        let mut core = self.shared.link(self.link);
        // This task writes next: no caller may put its frame into the middle of one.
        core.sleeping = false;
        let busy = core.in_flight > 0;
        let since = if busy {
            self.heard.max(core.busy_since)
        } else {
            self.heard
        };
        let silence = now.saturating_duration_since(since);
        // After a pause of this process itself the answer may be there and not read yet: only a ping that had its time
        // counts.
        // This look may come a moment before half of the time to a ping has passed; the next is as far away again.
        core.suspect = busy && silence >= timing.ping_after * 9 / 20;
        if core.suspect {
            self.shared.keeper.notify_one();
        }
        let unanswered = self
            .asked
            .is_some_and(|asked| now - asked >= timing.dead_after - timing.ping_after);
        if unanswered && silence >= timing.dead_after {
            drop(core);
            let silence = crate::remote::errors::duration_text(silence);
            return Err(Ended {
                leave: true,
                ..Ended::because(format!("nothing was heard for {silence}"))
            });
        }
        let due = if busy { timing.ping_after } else { self.idle_after };
        if self.asked.is_none() && silence >= due && self.goodbye.is_none() {
            push_bare(&mut core.outbox, FrameKind::Ping, 0);
            self.asked = Some(now);
        }
        self.idle = !busy && self.asked.is_none() && silence >= timing.ping_after && self.goodbye.is_none();
        core.idle = self.idle;
        Ok(if self.idle {
            self.heard + self.idle_after
        } else {
            now + timing.ping_after / 2
        })
    }
}
