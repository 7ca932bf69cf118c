//! The connections of this process, shared by clients with equal options.

use std::sync::{Arc, Weak};

use holdfast_proto::log::LogSink;
use holdfast_proto::{Code, Error};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::sync::Notify;

use super::core::{Core, Thread};
use super::links::Link;
use super::options::RemoteOptions;

/// What the threads of one connection share.
pub(super) struct Shared {
    pub(super) options: RemoteOptions,
    pub(super) log: Arc<dyn LogSink>,
    pub(super) core: Mutex<Core>,
    /// Wakes the keeper: something is to be delivered, or a deadline is earlier than it knows.
    pub(super) keeper: Notify,
}

impl Shared {
    /// Wakes whoever has something to do after the callers' side changed the core.
    pub(super) fn wake_all(&self, mut core: MutexGuard<'_, Core>) {
        let wakers = core.wakers();
        drop(core);
        wakers.wake();
        self.keeper.notify_one();
    }

    /// One connection's part of the core.
    pub(super) fn link(&self, link: usize) -> MappedMutexGuard<'_, Link> {
        MutexGuard::map(self.core.lock(), |core| &mut core.links[link])
    }
}

/// A connection (to one node at a time, or to several of a cluster) and its I/O thread; they end with the last client.
pub(super) struct Remote {
    pub(super) shared: Arc<Shared>,
}

static REMOTES: Mutex<Vec<Weak<Remote>>> = Mutex::new(Vec::new());

impl Remote {
    /// The one with these options, or a new one.
    pub(super) fn of(options: RemoteOptions, log: Arc<dyn LogSink>) -> Result<Arc<Remote>, Error> {
        options.check()?;
        let mut remotes = REMOTES.lock();
        remotes.retain(|remote| remote.strong_count() > 0);
        let live: Vec<Arc<Remote>> = remotes.iter().filter_map(Weak::upgrade).collect();
        let usable = |remote: &&Arc<Remote>| {
            remote.shared.options == options
                && !matches!(remote.shared.core.lock().thread, Thread::Broken | Thread::Gone)
        };
        if let Some(remote) = live.iter().find(usable) {
            return Ok(Arc::clone(remote));
        }
        let mut session = [0; 16];
        getrandom::fill(&mut session).map_err(|refused| {
            Error::new(
                Code::Internal,
                format!("the operating system gives no random numbers for a session: {refused}"),
            )
        })?;
        let remote = Arc::new(Remote {
            shared: Arc::new(Shared {
                options,
                log,
                core: Mutex::new(Core::new(u128::from_be_bytes(session))),
                keeper: Notify::new(),
            }),
        });
        remotes.push(Arc::downgrade(&remote));
        drop(remotes);
        Ok(remote)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.core.lock().stop = true;
        self.shared.keeper.notify_one();
    }
}
