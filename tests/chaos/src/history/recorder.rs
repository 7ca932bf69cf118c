//! Writes a history while it happens: a recorder costs its caller a clock reading and a channel's push; a thread of its
//! own encodes and writes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::time::Instant;

use super::{HistoryError, Line, Setting};

/// Takes what happens; clones write to the same history.
#[derive(Clone)]
pub struct Recorder {
    began: Instant,
    lines: mpsc::Sender<Line>,
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
    /// The time, from the run's begin on.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Notes what happened.
    pub fn note(&self, line: Line) {
        // The writer has ended early only when the disk refused: `finish` says so.
        let _ = self.lines.send(line);
    }
}
