//! Standard output: text for people, JSON for programs.

use std::io::{self, StdoutLock, Write};

use serde::Serialize;

use crate::exit::Failure;

/// What standard output looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, in the shapes of docs/cli.md.
    Json,
}

/// Writes to standard output.
pub(crate) struct Printer {
    format: Format,
    out: StdoutLock<'static>,
}

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            out: io::stdout().lock(),
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One object on a line of its own in JSON, `text` and a line end otherwise.
    pub(crate) fn answer(&mut self, json: &impl Serialize, text: impl AsRef<[u8]>) -> Result<(), Failure> {
        if self.is_json() {
            serde_json::to_writer(&mut self.out, json).map_err(io::Error::from)?;
        } else {
            self.out.write_all(text.as_ref())?;
        }
        self.out.write_all(b"\n")?;
        Ok(self.out.flush()?)
    }

    /// Bytes as they are, without a line end.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        Ok(self.out.flush()?)
    }
}
