//! Native log lines on their way to managed loggers: a bounded ring that one thread of its own drains.
//! Whoever logs never waits and never enters managed code.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use holdfast_client::{ConnectionString, Topology};
use holdfast_proto::log::{Level, LogSink};
use parking_lot::{Condvar, Mutex};

use crate::abi::HfLogLine;
use crate::gate::{self, Gate};

/// `void (*)(uint64_t context, const HfLogLine *lines, uint32_t count)`.
pub(crate) type Callback = extern "C" fn(u64, *const HfLogLine, u32);

/// Lines that wait at most; further ones are dropped and counted.
const RING: usize = 1024;

struct Line {
    level: Level,
    dropped: u32,
    source: Arc<str>,
    message: String,
}

#[derive(Clone)]
struct Listener {
    context: u64,
    level: u32,
    callback: Callback,
    gate: Arc<Gate>,
}

struct Ring {
    lines: VecDeque<Line>,
    dropped: u32,
    listeners: Vec<Listener>,
    thread: bool,
}

/// The one ring of the process.
pub(crate) struct Log {
    ring: Mutex<Ring>,
    wake: Condvar,
}

pub(crate) static LOG: Log = Log {
    ring: Mutex::new(Ring {
        lines: VecDeque::new(),
        dropped: 0,
        listeners: Vec::new(),
        thread: false,
    }),
    wake: Condvar::new(),
};

impl Log {
    /// Sets, replaces or (with `None`) removes the listener of a context.
    pub(crate) fn set(&'static self, level: u32, context: u64, callback: Option<Callback>) {
        let mut ring = self.ring.lock();
        ring.listeners.retain(|listener| listener.context != context);
        let Some(callback) = callback else { return };
        ring.listeners.push(Listener {
            context,
            level,
            callback,
            gate: gate::of(context),
        });
        if !ring.thread {
            ring.thread = thread::Builder::new()
                .name("holdfast-log".to_owned())
                .spawn(move || self.drain())
                .is_ok();
        }
    }

    fn push(&self, level: Level, source: &Arc<str>, message: &str) {
        let mut ring = self.ring.lock();
        if !ring
            .listeners
            .iter()
            .any(|listener| listener.level <= level as u32)
        {
            return;
        }
        if ring.lines.len() >= RING {
            ring.dropped = ring.dropped.saturating_add(1);
            return;
        }
        let dropped = std::mem::take(&mut ring.dropped);
        ring.lines.push_back(Line {
            level,
            dropped,
            source: Arc::clone(source),
            message: message.to_owned(),
        });
        drop(ring);
        self.wake.notify_one();
    }

    fn drain(&self) {
        loop {
            let (lines, listeners) = {
                let mut ring = self.ring.lock();
                while ring.lines.is_empty() {
                    self.wake.wait(&mut ring);
                }
                (std::mem::take(&mut ring.lines), ring.listeners.clone())
            };
            for listener in &listeners {
                let batch: Vec<HfLogLine> = lines
                    .iter()
                    .filter(|line| line.level as u32 >= listener.level)
                    .map(|line| HfLogLine {
                        level: line.level as u32,
                        dropped: line.dropped,
                        source: line.source.as_ptr(),
                        source_length: line.source.len() as u64,
                        message: line.message.as_ptr(),
                        message_length: line.message.len() as u64,
                    })
                    .collect();
                if !batch.is_empty() {
                    let count = u32::try_from(batch.len()).expect("the ring is smaller");
                    listener
                        .gate
                        .pass(|| (listener.callback)(listener.context, batch.as_ptr(), count));
                }
            }
        }
    }
}

/// Sends what one node or client has to say into the ring.
pub(crate) struct Source {
    name: Arc<str>,
}

impl Source {
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self { name: name.into() })
    }
}

impl LogSink for Source {
    fn line(&self, level: Level, message: &str) {
        LOG.push(level, &self.name, message);
    }
}

/// How a client is called in the lines about it: by its own name or by its servers.
pub(crate) fn client_name(described: &ConnectionString) -> String {
    match (&described.settings.client.client_name, &described.topology) {
        (Some(name), _) => format!("client {name}"),
        (None, Topology::Hosts { endpoints, .. }) => {
            let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
            format!("client of {}", endpoints.join(","))
        }
        (None, Topology::Embedded) => "client".to_owned(),
    }
}
