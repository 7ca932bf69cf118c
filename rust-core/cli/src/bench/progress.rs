//! The progress bar, on standard error; hidden when that is no terminal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Requests between two redraws: drawing is not what is measured.
const STEP: u64 = 1_024;

/// How far a run is.
pub(super) struct Progress {
    bar: ProgressBar,
    done: AtomicU64,
    by_time: bool,
}

impl Progress {
    /// Of writing the keys first.
    pub(super) fn preload(keys: u64) -> Progress {
        Progress::new(keys, "writing keys", "{msg} [{bar:40}] {pos}/{len}", false)
    }

    /// Of the run itself.
    pub(super) fn of(requests: Option<u64>, time: Duration) -> Progress {
        match requests {
            Some(requests) => Progress::new(
                requests,
                "measuring",
                "{msg} [{bar:40}] {pos}/{len} ({per_sec}, {eta})",
                false,
            ),
            None => {
                let length = time.as_millis() as u64;
                Progress::new(length, "measuring", "{msg} [{bar:40}] {percent} % ({eta})", true)
            }
        }
    }

    fn new(length: u64, what: &'static str, template: &str, by_time: bool) -> Progress {
        let style = ProgressStyle::with_template(template).expect("the templates above are valid");
        Progress {
            bar: ProgressBar::new(length)
                .with_style(style.progress_chars("=> "))
                .with_message(what),
            done: AtomicU64::new(0),
            by_time,
        }
    }

    /// So many requests more are done.
    pub(super) fn add(&self, requests: u64) {
        let before = self.done.fetch_add(requests, Ordering::Relaxed);
        if !self.by_time && before / STEP != (before + requests) / STEP {
            self.bar.set_position(before + requests);
        }
    }

    /// So much time is over.
    pub(super) fn time(&self, elapsed: Duration) {
        if self.by_time {
            self.bar.set_position(elapsed.as_millis() as u64);
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
