//! One entry of a group's log: a stamp and commands, as bytes.
//!
//! ```text
//! format u16 | at i64 | count u32 | count x (length u32, command) | checksum u64
//! ```
//! Little endian. The commands are those of the group's kind: [`crate::Command`] in data groups,
//! [`crate::MetaCommand`] in the meta group. The checksum is XXH3-64 (seed 0) of all bytes before it.

use crate::codec::{Reader, SnapshotError, Writer};
use crate::time::Timestamp;

/// The format that this build writes; it reads this one and older ones.
pub const LOG_FORMAT: u16 = 1;

/// Where the number of commands stands.
const COUNT_AT: usize = size_of::<u16>() + size_of::<i64>();
/// Bytes of an entry without its commands, and of each command's length.
const ENVELOPE: usize = COUNT_AT + size_of::<u32>() + size_of::<u64>();
const LENGTH: usize = size_of::<u32>();

/// Why an entry of the log cannot be applied: the replica must stop, never go on behind it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A command that this build does not know: it needs a newer one.
    #[error("command {number} is not one of this build")]
    UnknownCommand {
        /// Its number.
        number: u8,
    },
    /// The group's feature level is beyond this build.
    #[error("feature level {level} is not one of this build (up to {newest})")]
    FeatureLevel {
        /// The level.
        level: u32,
        /// The newest one known here.
        newest: u32,
    },
    /// The entry is damaged, cut, of an unknown format, or says what no command can.
    #[error("a log entry: {0}")]
    Unreadable(#[from] SnapshotError),
}

/// Writes one entry.
pub struct EntryWriter {
    out: Writer,
    count: u32,
}

impl EntryWriter {
    /// An entry stamped `at`, with room for `bytes` of commands.
    #[must_use]
    pub fn new(at: Timestamp, bytes: usize) -> EntryWriter {
        let mut out = Writer::with_capacity(ENVELOPE + bytes);
        out.u16(LOG_FORMAT);
        out.i64(at.0);
        out.u32(0);
        EntryWriter { out, count: 0 }
    }

    /// Puts one encoded command behind the others ([`crate::Command::encode`]).
    ///
    /// # Panics
    /// When the command has 4 GiB or more.
    pub fn push(&mut self, command: &[u8]) {
        self.out.bytes(command);
        self.count += 1;
        self.out.set_u32(COUNT_AT, self.count);
    }

    /// The number of commands.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are no commands yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the entry will take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.len() + size_of::<u64>()
    }

    /// The whole entry.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out.finish()
    }

    /// What a command of this length adds to an entry.
    #[must_use]
    pub fn bytes_of(command_length: usize) -> usize {
        LENGTH + command_length
    }
}

/// One entry, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The format of everything in it.
    pub format: u16,
    /// The leader's stamp.
    pub at: Timestamp,
    count: u32,
    /// Checked when it was made: that many commands behind their lengths, and nothing else.
    commands: &'a [u8],
}

impl<'a> LogEntry<'a> {
    /// Reads what an [`EntryWriter`] wrote; the commands themselves are not looked at.
    ///
    /// # Errors
    /// [`LogError::Unreadable`]; never panics on any bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<LogEntry<'a>, LogError> {
        let mut input = Reader::open(bytes, LOG_FORMAT)?;
        let at = Timestamp(input.i64()?);
        let count = input.u32()?;
        let commands = input.rest();
        for _ in 0..count {
            input.bytes()?;
        }
        input.end()?;
        Ok(LogEntry {
            format: u16::from_le_bytes([bytes[0], bytes[1]]),
            at,
            count,
            commands,
        })
    }

    /// The number of commands.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether the entry has no commands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The commands, encoded, in order.
    pub fn commands(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut input = Reader::new(self.commands);
        std::iter::from_fn(move || input.bytes().ok())
    }
}
