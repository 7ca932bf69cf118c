//! Writes a history while it happens: a recorder costs its caller a clock reading and a channel's push; a thread of its
//! own encodes and writes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::time::Instant;

use super::{HistoryError, Line, Setting};

/// Takes what happens; clones write to the same history.
#[derive(Clone)]
pub struct Recorder {
    began: Instant,
    lines: mpsc::Sender<Line>,
    /// The newest moment that was asked for, where no two may be the same.
    newest_ns: Option<Arc<AtomicU64>>,
}

/// A history that is being written.
pub struct Recording {
    recorder: Recorder,
    writer: JoinHandle<std::io::Result<()>>,
}

impl Recording {
    /// Begins a file; times count from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn start(path: &Path, setting: Setting) -> Result<Recording, HistoryError> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        Line::Setting(setting).write(&mut file)?;
        let (lines, coming) = mpsc::channel::<Line>();
        let writer = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || {
                // Up to the line that says the end: a clone of the recorder may outlive the run.
                for line in coming {
                    line.write(&mut file)?;
                    if line == Line::End {
                        break;
                    }
                }
                file.flush()
            })?;
        let recorder = Recorder {
            began: Instant::now(),
            lines,
            newest_ns: None,
        };
        Ok(Recording { recorder, writer })
    }

    /// For those who tell what happens.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the file could not be written.
    ///
    /// # Panics
    /// When the writing thread did.
    pub fn finish(self) -> Result<(), HistoryError> {
        self.recorder.note(Line::End);
        drop(self.recorder);
        Ok(self.writer.join().expect("the writer does not panic")?)
    }
}

impl Recorder {
    /// One of a simulation: lines stay in memory. Its clock steps; so that the order of things is known all the same, no
    /// two moments are the same. Times count from now on.
    #[must_use]
    pub fn in_memory() -> (Recorder, mpsc::Receiver<Line>) {
        let (lines, coming) = mpsc::channel();
        let recorder = Recorder {
            began: Instant::now(),
            lines,
            newest_ns: Some(Arc::default()),
        };
        (recorder, coming)
    }

    /// The time, from the run's begin on.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        let now_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let Some(newest_ns) = &self.newest_ns else {
            return now_ns;
        };
        let next = |newest_ns: u64| now_ns.max(newest_ns + 1);
        let newest =
            newest_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |newest| Some(next(newest)));
        next(newest.unwrap_or_else(|newest| newest))
    }

    /// Notes what happened.
    pub fn note(&self, line: Line) {
        // The writer has ended early only when the disk refused: `finish` says so.
        let _ = self.lines.send(line);
    }
}
