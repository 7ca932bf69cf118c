//! What others see of a connection, and how they reach it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::admission::ByteBudget;
use super::jobs::Done;
use super::shared::{ConnectionInfo, Shared};

/// Replies that may wait on a connection while the node has too much in flight.
const LEAST_REPLIES: u64 = 16 * 1024;

/// One connection's place in the server. Its own task reads and writes; everybody else comes here.
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
    pub(crate) client_name: String,
    pub(crate) client_version: String,
    pub(crate) tenant: String,
    pub(crate) connected: Instant,
    /// Bytes in flight: payloads that are coming and requests that wait. Replies that wait are charged to it as well.
    pub(crate) budget: ByteBudget,
    /// Requests answered, added once for all that were answered in one go.
    pub(crate) requests: AtomicU64,
    /// The connection has ended: what waits for it need not run.
    ended: AtomicBool,
    /// Its requests that may run, or wait for the node's turn, beside it at once: those of others come in between.
    pub(crate) turns: Arc<Semaphore>,
    /// Bytes of replies that wait to be written, as the connection's task last saw them.
    queued: AtomicU64,
    /// Bytes of replies in `done`.
    finished: AtomicU64,
    /// Told when fewer replies wait, and at the end.
    fewer_replies: Notify,
    /// Told to say goodbye.
    stopping: AtomicBool,
    /// Told to end at once.
    closing: AtomicBool,
    /// There is something in `done`.
    has_done: AtomicBool,
    done: Mutex<Vec<Done>>,
    waker: Mutex<Option<Waker>>,
}

/// Who is at the other end.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) client_name: String,
    pub(crate) client_version: String,
    pub(crate) tenant: String,
}

impl Link {
    pub(crate) fn new(id: u64, shared: Arc<Shared>, peer: Peer) -> Link {
        let limit = shared.options().limits.connection_bytes;
        Link {
            id,
            turns: Arc::new(Semaphore::new(shared.jobs_at_once())),
            queued: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            fewer_replies: Notify::new(),
            shared,
            peer: peer.address,
            client_name: peer.client_name,
            client_version: peer.client_version,
            tenant: peer.tenant,
            connected: Instant::now(),
            budget: ByteBudget::new(limit),
            requests: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            has_done: AtomicBool::new(false),
            done: Mutex::default(),
            waker: Mutex::default(),
        }
    }

    /// The connection's task, to be woken from now on.
    pub(crate) fn register(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }

    /// Hands over what came of a request that ran beside the connection.
    pub(crate) fn complete(&self, done: Done) {
        self.finished.fetch_add(done.bytes(), Ordering::Relaxed);
        self.done.lock().push(done);
        // Else it has been woken, and has not come to take it yet.
        if !self.has_done.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// Something was handed over and not taken yet.
    #[inline]
    pub(crate) fn has_done(&self) -> bool {
        self.has_done.load(Ordering::Acquire)
    }

    /// What has been handed over since the last time.
    #[inline]
    pub(crate) fn take_done(&self) -> Vec<Done> {
        if !self.has_done.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.has_done.store(false, Ordering::Release);
        std::mem::take(&mut *self.done.lock())
    }

    /// Says how many bytes of replies wait, `taken` of them out of what was handed over.
    #[inline]
    pub(crate) fn set_queued(&self, bytes: u64, taken: u64) {
        self.queued.store(bytes, Ordering::Release);
        if taken > 0 {
            self.finished.fetch_sub(taken, Ordering::Release);
        }
    }

    /// Requests that wait for [`Link::room_for_replies`] look again.
    pub(crate) fn tell_waiting(&self) {
        self.fewer_replies.notify_waiters();
    }

    /// Bytes of replies that may wait.
    pub(crate) fn reply_limit(&self) -> u64 {
        if self.shared.budget.is_over() {
            LEAST_REPLIES
        } else {
            self.shared.options().limits.reply_bytes
        }
    }

    /// Waits until no more replies wait than may: what a peer does not take is not made.
    pub(crate) async fn room_for_replies(&self) {
        loop {
            let mut fewer = pin!(self.fewer_replies.notified());
            fewer.as_mut().enable();
            let waiting = self.queued.load(Ordering::Acquire) + self.finished.load(Ordering::Acquire);
            if self.has_ended() || waiting <= self.reply_limit() {
                return;
            }
            fewer.await;
        }
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.tell_waiting();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake();
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            peer: self.peer,
            client_name: self.client_name.clone(),
            client_version: self.client_version.clone(),
            tenant: self.tenant.clone(),
            connected: self.connected.elapsed(),
            requests: self.requests.load(Ordering::Relaxed),
            bytes_in_flight: self.budget.used(),
        }
    }
}
