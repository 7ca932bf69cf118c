//! The one table of settings; its rows are in `rows.rs`.

use std::time::Duration;

use holdfast_proto::Error;
pub use holdfast_proto::LEAST_MEMORY;

pub use super::rows::{MOST_MEMORY, TABLE};
use super::value;

/// What a setting is a setting of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The node that runs in the process; openers who contradict each other get `NodeConflict`.
    Node,
    /// The store; openers who contradict what it was made with get `StoreConflict`.
    Store,
    /// The opener's own client.
    Client,
    /// A server, `holdfast serve`; refused in connection strings and options.
    Server,
}

/// What a setting's text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `64MiB`, `1GB`, `1048576`.
    Bytes {
        /// Smallest accepted.
        least: u64,
        /// Largest accepted.
        most: u64,
    },
    /// `250ms`, `1h 30m`; at least a millisecond.
    Duration {
        /// Longest accepted, in milliseconds.
        most_ms: u64,
        /// Whether `none` is accepted too.
        or_none: bool,
    },
    /// One of these words.
    Enum(&'static [&'static str]),
    /// `on` or `off`; `true` and `false` too, as .NET writes them.
    Bool,
    /// 1 to 128 of the characters `A-Z a-z 0-9 . _ -`.
    Name,
    /// 1 to 128 characters, none a control character.
    Text,
    /// The path of a file: 1 to 4096 bytes, no control character.
    Path,
    /// 1 to 4096 bytes, no control character; never shown.
    Secret,
    /// `127.0.0.1:7861`, `[::1]:7861`, `localhost:0`; port 0 is any free one.
    Address {
        /// Whether `off` is accepted too.
        or_off: bool,
    },
    /// `linearizable`, `bounded:500ms` or `local`.
    Freshness,
    /// One or more addresses, none of port 0, with commas between them.
    Addresses,
    /// A whole number.
    Number {
        /// Smallest accepted.
        least: u64,
        /// Largest accepted.
        most: u64,
    },
}

/// What holds when a setting is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text.
    Value(&'static str),
    /// Computed, in these words.
    Computed(&'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `max-memory`: the name in connection strings, flags and TOML.
    pub name: &'static str,
    /// What it is a setting of.
    pub scope: Scope,
    /// What its text looks like.
    pub kind: Kind,
    /// What holds when it is not given.
    pub default: DefaultValue,
    /// One sentence for people.
    pub doc: &'static str,
}

impl Setting {
    /// The row of this name, spelled exactly so.
    pub fn find(name: &str) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.name == name)
    }

    /// `MaxMemory`: the name in C# options and JSON.
    pub fn pascal_case(&self) -> String {
        pascal_case(self.name)
    }

    /// `HOLDFAST_MAX_MEMORY`: the name in the environment.
    pub fn environment_name(&self) -> String {
        format!("HOLDFAST_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    /// `--max-memory`: the name on a command line.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// Whether the setting accepts this text, by its kind alone.
    ///
    /// # Errors
    /// `InvalidSetting` names the setting, the text (never a secret) and what is accepted.
    pub fn check(&self, text: &str) -> Result<(), Error> {
        value::check(self, text)
    }

    /// Reads the text of a setting in bytes, or of a whole number.
    ///
    /// # Errors
    /// As [`Setting::check`].
    pub fn number(&self, text: &str) -> Result<u64, Error> {
        match self.kind {
            Kind::Bytes { .. } => value::bytes(self, text),
            _ => value::number(self, text),
        }
    }

    /// Reads the text of a duration; `none` is `None`.
    ///
    /// # Errors
    /// As [`Setting::check`].
    pub fn duration(&self, text: &str) -> Result<Option<Duration>, Error> {
        value::duration_or_none(self, text)
    }

    /// Reads `on` or `off`.
    ///
    /// # Errors
    /// As [`Setting::check`].
    pub fn switch(&self, text: &str) -> Result<bool, Error> {
        value::switch(self, text)
    }

    /// Reads an address, as host and port; `off` is `None`.
    ///
    /// # Errors
    /// As [`Setting::check`].
    pub fn address(&self, text: &str) -> Result<Option<(String, u16)>, Error> {
        value::address(self, text)
    }

    /// Reads a list of addresses, each as it was given.
    ///
    /// # Errors
    /// As [`Setting::check`].
    pub fn addresses(&self, text: &str) -> Result<Vec<String>, Error> {
        value::addresses(self, text)
    }
}

/// `s3-fifo` becomes `S3Fifo`.
pub(super) fn pascal_case(kebab: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    kebab.split('-').map(capital).collect()
}

/// What an opener may give; the rest belongs to `holdfast serve`.
const OPENERS: &[Scope] = &[Scope::Node, Scope::Store, Scope::Client];

/// The message about a name that no opener may give because it is not in the table.
pub(crate) fn unknown_name(name: &str) -> String {
    unknown_among(name, |setting| OPENERS.contains(&setting.scope))
}

/// The message about a name that is none of the rows that are `offered`: the nearest of those when there is one,
/// otherwise all of them.
pub fn unknown_among(name: &str, offered: impl Fn(&Setting) -> bool) -> String {
    let shown = super::shown_name(name);
    // Compared without case and separators, so that the other spellings (`MaxMemory`, `HOLDFAST_MAX_MEMORY`) are near.
    let folded = |text: &str| -> String {
        let text = text.to_ascii_lowercase();
        let text = text.trim_start_matches("--").trim_start_matches("holdfast_");
        text.chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .take(64)
            .collect()
    };
    let given = folded(name);
    let offered = || TABLE.iter().filter(|setting| offered(setting));
    let nearest = offered()
        .map(|setting| {
            (
                strsim::damerau_levenshtein(&given, &folded(setting.name)),
                setting.name,
            )
        })
        .min()
        .filter(|(distance, nearest)| *distance <= nearest.len() / 3);
    match nearest {
        Some((_, nearest)) => format!("unknown setting '{shown}': did you mean '{nearest}'?"),
        None => {
            let names: Vec<&str> = offered().map(|setting| setting.name).collect();
            format!("unknown setting '{shown}': the settings are {}", names.join(", "))
        }
    }
}
