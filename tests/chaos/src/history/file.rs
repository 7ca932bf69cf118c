//! Histories as JSON lines: one line for each thing that happened.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Epoch, Fault, History, Malformed, Operation, Setting};

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first one.
    Setting(Setting),
    /// A call.
    Operation(Operation),
    /// A fault that was done and undone.
    Fault(Fault),
    /// A start without a past.
    Epoch(Epoch),
    /// The run's own complaint.
    Complaint(String),
    /// The last one: the run came to its end.
    End,
}

/// Why a file is no history.
#[derive(Debug)]
pub enum HistoryError {
    /// It cannot be read or written.
    Io(std::io::Error),
    /// A line is not one of ours.
    Line {
        /// From 1.
        number: usize,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// It does not begin or end as a history does: the run was cut short.
    Incomplete,
    /// It contradicts itself.
    Malformed(Malformed),
}

impl History {
    /// Reads a file and validates what it says.
    ///
    /// # Errors
    /// When it is not the whole history of a run.
    pub fn load(path: &Path) -> Result<History, HistoryError> {
        let mut history = History::default();
        let (mut begun, mut ended) = (false, false);
        let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
        let (mut text, mut number) = (String::new(), 0);
        while reader.read_line(&mut text)? > 0 {
            number += 1;
            let line = serde_json::from_str(&text).map_err(|error| HistoryError::Line { number, error })?;
            text.clear();
            begun |= matches!(line, Line::Setting(_));
            ended |= line == Line::End;
            history.take(line);
        }
        if !begun || !ended {
            return Err(HistoryError::Incomplete);
        }
        history.validate()?;
        Ok(history)
    }

    /// A history of lines that were kept in memory.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub fn of(setting: Setting, lines: impl IntoIterator<Item = Line>) -> Result<History, HistoryError> {
        let mut history = History {
            setting,
            ..History::default()
        };
        lines.into_iter().for_each(|line| history.take(line));
        history.validate()?;
        Ok(history)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Setting(setting) => self.setting = setting,
            Line::Operation(operation) => self.operations.push(operation),
            Line::Fault(fault) => self.faults.push(fault),
            Line::Epoch(epoch) => self.epochs.push(epoch),
            Line::Complaint(complaint) => self.complaints.push(complaint),
            Line::End => {}
        }
    }

    /// Writes the whole history.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), HistoryError> {
        let mut file = BufWriter::new(File::create(path)?);
        let mut write = |line: Line| -> Result<(), HistoryError> { Ok(line.write(&mut file)?) };
        write(Line::Setting(self.setting.clone()))?;
        self.operations
            .iter()
            .try_for_each(|operation| write(Line::Operation(operation.clone())))?;
        self.faults
            .iter()
            .try_for_each(|fault| write(Line::Fault(fault.clone())))?;
        self.epochs
            .iter()
            .try_for_each(|&epoch| write(Line::Epoch(epoch)))?;
        self.complaints
            .iter()
            .try_for_each(|complaint| write(Line::Complaint(complaint.clone())))?;
        write(Line::End)?;
        file.flush()?;
        Ok(())
    }
}

impl Line {
    /// Writes it, with its end.
    pub(super) fn write(&self, file: &mut impl Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *file, self)?;
        file.write_all(b"\n")
    }
}

impl From<std::io::Error> for HistoryError {
    fn from(error: std::io::Error) -> Self {
        HistoryError::Io(error)
    }
}

impl From<Malformed> for HistoryError {
    fn from(malformed: Malformed) -> Self {
        HistoryError::Malformed(malformed)
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::Io(error) => write!(formatter, "{error}"),
            HistoryError::Line { number, error } => write!(formatter, "line {number}: {error}"),
            HistoryError::Incomplete => formatter.write_str("it is not whole: the run was cut short"),
            HistoryError::Malformed(malformed) => write!(formatter, "{malformed}"),
        }
    }
}

impl std::error::Error for HistoryError {}
