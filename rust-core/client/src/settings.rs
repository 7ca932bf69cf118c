//! Settings of nodes, stores and clients: one table ([`table`]), whose names are the same in connection strings,
//! options, flags, configuration files and the environment, and the typed values of those that were given.

mod client;
mod node;
mod rows;
mod secret;
mod store;
pub mod table;
mod value;

pub use client::ClientSettings;
pub use node::{Clock, NodeSettings};
pub use secret::Secret;
pub use store::StoreSettings;
pub(crate) use value::{MOST_CHARACTERS, is_host, is_name};

use holdfast_proto::{Code, Error};
use table::{Scope, Setting};

/// Everything that one opener gave, by what it is a setting of. What was not given is `None` throughout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The node's.
    pub node: NodeSettings,
    /// The store's.
    pub store: StoreSettings,
    /// The client's.
    pub client: ClientSettings,
}

impl Settings {
    /// Reads `(name, value)` pairs. Unknown names, values that are not accepted and a name given twice are
    /// `InvalidSetting`.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        settings.set_all(pairs)?;
        Ok(settings)
    }

    /// Sets each pair, over what was set before; a name twice among the pairs is an error.
    pub fn set_all(&mut self, pairs: &[(&str, &str)]) -> Result<(), Error> {
        for (index, (name, text)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                let shown = shown_name(name);
                return Err(Error::new(
                    Code::InvalidSetting,
                    format!("setting '{shown}' is given twice"),
                ));
            }
            self.set(name, text)?;
        }
        Ok(())
    }

    /// Sets one setting by its name, over what was set before.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let setting =
            Setting::find(name).ok_or_else(|| Error::new(Code::InvalidSetting, table::unknown_name(name)))?;
        match setting.scope {
            Scope::Node => self.node.set(setting, text),
            Scope::Store => self.store.set(setting, text),
            Scope::Client => self.client.set(setting, text),
            Scope::Server => {
                let name = setting.name;
                let message = format!("setting '{name}' belongs to servers: give it to `holdfast serve`");
                Err(Error::new(Code::InvalidSetting, message))
            }
        }
    }

    /// What was given, by name, in the table's order, as text that reads back as the same. Secrets are left out.
    pub fn given(&self) -> Vec<(&'static str, String)> {
        [self.node.given(), self.store.given_pairs(), self.client.given()].concat()
    }
}

/// Splits `name=value` lines, the form in which settings come through the ABI. Empty lines are skipped; a line without
/// `=` is `InvalidSetting` (and not shown: it may be the rest of a secret with a line break in it).
pub fn pairs_of_lines(lines: &str) -> Result<Vec<(&str, &str)>, Error> {
    lines
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            line.split_once('=').ok_or_else(|| {
                let number = index + 1;
                Error::new(
                    Code::InvalidSetting,
                    format!("line {number} of the settings is not NAME=VALUE"),
                )
            })
        })
        .collect()
}

/// A name as it may appear in a message.
pub(crate) fn shown_name(name: &str) -> String {
    crate::limits::escape_key(name.as_bytes())
}

fn given<T>(
    name: &'static str,
    value: &Option<T>,
    text: impl FnOnce(&T) -> String,
) -> Option<(&'static str, String)> {
    value.as_ref().map(|value| (name, text(value)))
}

#[cfg(test)]
mod tests;
