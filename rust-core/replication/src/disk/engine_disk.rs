//! The disk under a node's durable groups: raft-engine, called by one thread alone.
//!
//! raft-engine lets several threads write and makes one of them write for all. When that one fails it panics, and wakes
//! the others as if all were well. So only one thread ever calls it here, and gathers what waits of all groups into one
//! batch with one sync. Its first failure is the last: from then on everything fails.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use holdfast_state::GroupId;
use parking_lot::Mutex;
use raft_engine::env::DefaultFileSystem;

use super::log_disk::{Done, LogDisk, LogWrite, Recovered, Reply};
use super::seals::Seals;
#[cfg(feature = "simulation")]
use super::simulated::SimulatedDisk;
use super::stopped;
use super::worker::Worker;

/// What a caller wants of the disk.
pub(super) enum Order {
    Write {
        group: GroupId,
        write: LogWrite,
        done: Done,
    },
    Read {
        group: GroupId,
        first: u64,
        end: u64,
        byte_limit: usize,
        reply: Reply<Vec<Bytes>>,
    },
    Recover {
        group: GroupId,
        reply: Reply<Recovered>,
    },
}

/// The thread's end that orders go to.
pub(crate) struct EngineDisk {
    orders: Mutex<Option<Sender<Order>>>,
    runs: Mutex<Option<Runs>>,
}

/// What takes the orders.
enum Runs {
    Thread(JoinHandle<()>),
    #[cfg(feature = "simulation")]
    Simulated(SimulatedDisk),
}

impl EngineDisk {
    /// Opens the log of a directory, or begins one.
    ///
    /// A write that a crash has torn is cut off; nobody was told that it is there. Anything else that does not fit its
    /// checksums is an error.
    ///
    /// # Errors
    /// The directory cannot be used, or the log is damaged.
    pub(crate) fn open(directory: &Path, seals: Seals) -> io::Result<EngineDisk> {
        let (sender, orders) = channel();
        #[cfg(feature = "simulation")]
        if holdfast_system::work::is_simulated() {
            let disk = SimulatedDisk::open(directory, seals, orders)?;
            return Ok(EngineDisk::new(sender, Runs::Simulated(disk)));
        }
        let worker = Worker::open(directory, seals, Arc::new(DefaultFileSystem), orders)?;
        let thread = std::thread::Builder::new()
            .name("holdfast-log".to_owned())
            .spawn(move || worker.run())?;
        Ok(EngineDisk::new(sender, Runs::Thread(thread)))
    }

    fn new(orders: Sender<Order>, runs: Runs) -> EngineDisk {
        EngineDisk {
            orders: Mutex::new(Some(orders)),
            runs: Mutex::new(Some(runs)),
        }
    }

    /// Writes what is lazy, and ends. Orders after it fail.
    pub(crate) fn close(&self) {
        drop(self.orders.lock().take());
        match self.runs.lock().take() {
            Some(Runs::Thread(thread)) => drop(thread.join()),
            #[cfg(feature = "simulation")]
            Some(Runs::Simulated(disk)) => disk.close(),
            None => {}
        }
    }

    fn order(&self, order: Order) {
        let refused = match &*self.orders.lock() {
            Some(orders) => match orders.send(order) {
                Ok(()) => None,
                Err(error) => Some(error.0),
            },
            None => Some(order),
        };
        match refused {
            Some(order) => order.fail(&stopped),
            None => self.wake(),
        }
    }

    /// A thread waits for orders by itself.
    fn wake(&self) {
        #[cfg(feature = "simulation")]
        if let Some(Runs::Simulated(disk)) = &*self.runs.lock() {
            disk.wake();
        }
    }
}

impl Drop for EngineDisk {
    fn drop(&mut self) {
        // The process of a simulated machine that is dropped has been killed.
        #[cfg(feature = "simulation")]
        if let Some(Runs::Simulated(disk)) = self.runs.lock().take() {
            return disk.die();
        }
        self.close();
    }
}

impl LogDisk for EngineDisk {
    fn write(&self, group: GroupId, write: LogWrite, done: Done) {
        self.order(Order::Write { group, write, done });
    }

    fn read(&self, group: GroupId, first: u64, end: u64, byte_limit: usize, reply: Reply<Vec<Bytes>>) {
        self.order(Order::Read {
            group,
            first,
            end,
            byte_limit,
            reply,
        });
    }

    fn recover(&self, group: GroupId, reply: Reply<Recovered>) {
        self.order(Order::Recover { group, reply });
    }
}

impl Order {
    pub(super) fn fail(self, error: &dyn Fn() -> io::Error) {
        match self {
            Order::Write { done, .. } => done(Err(error())),
            Order::Read { reply, .. } => reply(Err(error())),
            Order::Recover { reply, .. } => reply(Err(error())),
        }
    }
}
