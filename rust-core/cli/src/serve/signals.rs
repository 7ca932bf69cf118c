//! What asks the server to stop.

use std::fmt;
use std::io;

/// A signal that was received.
#[derive(Clone, Copy)]
pub(super) struct Signal {
    name: &'static str,
    number: i32,
}

impl Signal {
    /// What shells report of a process that such a signal ended.
    pub(super) fn exit_code(self) -> i32 {
        128 + self.number
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

const INTERRUPT: Signal = Signal {
    name: "SIGINT",
    number: 2,
};

/// Receives signals; while it exists they do not end the process.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        const TERMINATE: Signal = Signal {
            name: "SIGTERM",
            number: 15,
        };
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => TERMINATE,
        }
    }
}

/// Receives signals; while it exists they do not end the process.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> io::Result<Signals> {
        Ok(Signals)
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        INTERRUPT
    }
}
