//! What simulated nodes say.

use std::sync::{Arc, Mutex};

use holdfast_proto::log::{Level, LogSink};

/// Takes the lines of all nodes, in their order.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    shown: bool,
    now_ms: Arc<Mutex<u64>>,
}

/// Lines that are kept.
const KEPT: usize = 400;

impl Log {
    /// One that prints lines as they come, or keeps the last ones.
    #[must_use]
    pub fn new(shown: bool) -> Log {
        Log {
            shown,
            ..Log::default()
        }
    }

    /// It is so late.
    pub fn set_now_ms(&self, now_ms: u64) {
        *self.now_ms.lock().expect("no panic under it") = now_ms;
    }

    /// Says something.
    pub fn say(&self, who: &str, what: &str) {
        let line = format!(
            "{:>7} {who}: {what}",
            self.now_ms.lock().expect("no panic under it")
        );
        if self.shown {
            println!("{line}");
        }
        let mut lines = self.lines.lock().expect("no panic under it");
        if lines.len() == KEPT {
            lines.remove(0);
        }
        lines.push(line);
    }

    /// The sink of one machine.
    #[must_use]
    pub fn of(&self, who: String) -> Arc<dyn LogSink> {
        Arc::new(Voice {
            log: self.clone(),
            who,
        })
    }

    /// The last lines.
    #[must_use]
    pub fn last(&self, count: usize) -> String {
        let lines = self.lines.lock().expect("no panic under it");
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

struct Voice {
    log: Log,
    who: String,
}

impl LogSink for Voice {
    fn line(&self, level: Level, message: &str) {
        self.log.say(&self.who, &format!("{level:?} {message}"));
    }
}
