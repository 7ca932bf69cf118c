//! Carries the completions of echoes to their client's callback, in batches, from a thread of the client's own.
//!
//! Each pending ticket is in exactly one place, `queue` or `held`, until it is delivered: that is why
//! it completes exactly once, whatever cancels, closes or panics.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread;

use holdfast_proto::{Code, Error};
use parking_lot::{Condvar, Mutex};

use crate::abi::{HfReply, HfStatus};
use crate::delivery::Delivery;
use crate::replies;

/// What completes a pending ticket.
pub(crate) enum Completion {
    /// The bytes and number that an echo gives back.
    Echo { data: Box<[u8]>, number: i64 },
    /// Ended by a cancellation.
    Cancelled,
    /// Panics on the I/O thread, to prove that it is contained.
    Panic,
}

#[derive(Default)]
struct State {
    queue: Vec<(u64, Completion)>,
    /// Tickets that wait for a cancellation or for the close.
    held: HashSet<u64>,
    /// Runs before the first ticket pends, so that whatever pends can be delivered.
    io_thread: bool,
    closed: bool,
}

/// The way back to the caller, shared by a client and its I/O thread.
pub(crate) struct Completions {
    delivery: Delivery,
    state: Mutex<State>,
    wake: Condvar,
}

impl Completions {
    pub(crate) fn new(delivery: Delivery) -> Arc<Self> {
        Arc::new(Self {
            delivery,
            state: Mutex::default(),
            wake: Condvar::new(),
        })
    }

    /// Queues a completion for the I/O thread; false when the client is closed (then the caller
    /// answers `Closed` itself).
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no thread to deliver it; the ticket is not pending then.
    pub(crate) fn complete(self: &Arc<Self>, ticket: u64, completion: Completion) -> Result<bool, Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Ok(false);
        }
        self.start_io_thread(&mut state, Self::spawn)?;
        state.queue.push((ticket, completion));
        self.wake.notify_one();
        Ok(true)
    }

    /// Holds a ticket until it is cancelled, completed or the client closes; false when closed.
    ///
    /// # Errors
    /// As `complete`.
    pub(crate) fn hold(self: &Arc<Self>, ticket: u64) -> Result<bool, Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Ok(false);
        }
        self.start_io_thread(&mut state, Self::spawn)?;
        state.held.insert(ticket);
        Ok(true)
    }

    /// Completes a ticket that was held; nothing happens when it completed otherwise meanwhile.
    pub(crate) fn complete_held(&self, ticket: u64, completion: Completion) {
        let mut state = self.state.lock();
        if state.held.remove(&ticket) {
            state.queue.push((ticket, completion));
            self.wake.notify_one();
        }
    }

    /// Cancels a ticket that has not been taken up for delivery.
    pub(crate) fn cancel(&self, ticket: u64) {
        let mut state = self.state.lock();
        if state.held.remove(&ticket) {
            state.queue.push((ticket, Completion::Cancelled));
            self.wake.notify_one();
        } else if let Some(queued) = state.queue.iter_mut().find(|(queued, _)| *queued == ticket) {
            queued.1 = Completion::Cancelled;
        }
    }

    /// Fails what is pending and delivers the last completion: from the I/O thread when there is one,
    /// else here (nothing has ever pended then).
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        if state.io_thread {
            self.wake.notify_one();
        } else {
            drop(state);
            self.delivery.deliver(&[replies::closed(0)]);
        }
    }

    fn start_io_thread(
        self: &Arc<Self>,
        state: &mut State,
        spawn: fn(Arc<Self>) -> io::Result<()>,
    ) -> Result<(), Error> {
        if !state.io_thread {
            spawn(Arc::clone(self)).map_err(|refused| {
                Error::new(
                    Code::ResourceExhausted,
                    format!("the operating system refuses a thread for the client's I/O: {refused}"),
                )
            })?;
            state.io_thread = true;
        }
        Ok(())
    }

    fn spawn(shared: Arc<Self>) -> io::Result<()> {
        thread::Builder::new()
            .name("holdfast-io".to_owned())
            .spawn(move || shared.run())
            .map(drop)
    }

    fn run(&self) {
        loop {
            let (work, held, closed) = {
                let mut state = self.state.lock();
                while state.queue.is_empty() && !state.closed {
                    self.wake.wait(&mut state);
                }
                let held = if state.closed {
                    std::mem::take(&mut state.held)
                } else {
                    HashSet::new()
                };
                (std::mem::take(&mut state.queue), held, state.closed)
            };
            let mut batch: Vec<HfReply> = work
                .into_iter()
                .map(|(ticket, work)| reply(ticket, work))
                .collect();
            if closed {
                batch.extend(held.into_iter().map(replies::closed));
                batch.push(replies::closed(0));
            }
            self.delivery.deliver(&batch);
            if closed {
                return;
            }
        }
    }
}

fn reply(ticket: u64, completion: Completion) -> HfReply {
    replies::contained(ticket, || match completion {
        Completion::Echo { data, number } => HfReply {
            number,
            ..replies::with_bytes(ticket, data)
        },
        Completion::Cancelled => HfReply {
            status: HfStatus::Cancelled as u32,
            ..replies::empty(ticket)
        },
        Completion::Panic => panic!("asked to panic on the I/O thread"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(_: Arc<Completions>) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn nothing_pends_without_a_thread_to_deliver_it() {
        let completions = Completions::new(Delivery::new(1 << 50, None));
        let refused = completions.start_io_thread(&mut completions.state.lock(), refuse);
        assert_eq!(refused.map_err(|error| error.code), Err(Code::ResourceExhausted));
        assert!(!completions.state.lock().io_thread);
        // The next request tries again.
        assert_eq!(completions.hold(7), Ok(true));
        assert!(completions.state.lock().io_thread);
        completions.close();
        assert_eq!(completions.hold(8), Ok(false));
        assert_eq!(completions.complete(8, Completion::Cancelled), Ok(false));
    }
}
