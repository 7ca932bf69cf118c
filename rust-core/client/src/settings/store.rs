//! Settings of a store.

use std::time::Duration;

use holdfast_proto::{Code, Error, bytes_text, resolve_store};
use holdfast_state::{Eviction, StoreClass, StoreSettingsGiven};

use super::given;
use super::table::{Scope, Setting};
use super::value::{self, Words};

impl Words for StoreClass {
    const WORDS: &'static [(&'static str, StoreClass)] = &[
        ("coordination", StoreClass::Coordination),
        ("cache", StoreClass::Cache),
    ];
}

impl Words for Eviction {
    const WORDS: &'static [(&'static str, Eviction)] =
        &[("s3-fifo", Eviction::S3Fifo), ("none", Eviction::None)];
}

/// The store's settings that were given; only these can contradict the ones of a store that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// In the form that the state compares with a store's own.
    pub given: StoreSettingsGiven,
    /// Class of the store when it is made here and nothing says its class; the client's when `None`.
    pub default_class: Option<StoreClass>,
}

impl StoreSettings {
    /// Reads `(name, value)` pairs that may name settings of stores only, and `default-class` for this one store.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<StoreSettings, Error> {
        for (name, _) in pairs {
            let owner = match Setting::find(name).map(|setting| setting.scope) {
                Some(Scope::Node) => "the node",
                Some(Scope::Client) if *name != "default-class" => "the client",
                Some(Scope::Server) => "servers (`holdfast serve`)",
                Some(Scope::Store | Scope::Client) | None => continue,
            };
            let message = format!("setting '{name}' belongs to {owner}, not to a store");
            return Err(Error::new(Code::InvalidSetting, message));
        }
        super::Settings::from_pairs(pairs).map(|settings| StoreSettings {
            default_class: settings.client.default_class,
            ..settings.store
        })
    }

    /// The settings of a store that is made now: what was given, and the defaults for the rest.
    ///
    /// `available` is the smaller of the machine's memory and its cgroup's limit, `node_limit` the node's own
    /// memory limit. Contradictions among the settings are `InvalidSetting`.
    pub fn resolve(
        &self,
        default_class: StoreClass,
        available: u64,
        node_limit: u64,
    ) -> Result<holdfast_state::StoreSettings, Error> {
        resolve_store(&self.given, default_class, available, node_limit)
    }

    pub(super) fn set(&mut self, setting: &Setting, text: &str) -> Result<(), Error> {
        match setting.name {
            "class" => self.given.class = Some(value::word(setting, text)?),
            "max-memory" => self.given.max_memory = Some(value::bytes(setting, text)?),
            "eviction" => self.given.eviction = Some(value::word(setting, text)?),
            "default-ttl" => {
                let ttl = value::duration_or_none(setting, text)?;
                self.given.default_ttl_ms = Some(ttl.map(|ttl| ttl.as_millis() as u64));
            }
            "max-value" => {
                let bytes = value::bytes(setting, text)?;
                let bytes = u32::try_from(bytes).expect("the table's most is below 4 GiB");
                self.given.max_value = Some(bytes);
            }
            "hash-tags" => self.given.hash_tags = Some(value::switch(setting, text)?),
            other => unreachable!("'{other}' is no store's setting"),
        }
        Ok(())
    }

    pub(super) fn given_pairs(&self) -> Vec<(&'static str, String)> {
        let StoreSettingsGiven {
            class,
            max_memory,
            eviction,
            default_ttl_ms,
            max_value,
            hash_tags,
        } = &self.given;
        [
            given("class", class, |class| class.word().to_owned()),
            given("max-memory", max_memory, |bytes| bytes_text(*bytes)),
            given("eviction", eviction, |eviction| eviction.word().to_owned()),
            given("default-ttl", default_ttl_ms, |ttl_ms| match ttl_ms {
                None => "none".to_owned(),
                Some(ttl_ms) => value::duration_text(Duration::from_millis(*ttl_ms)),
            }),
            given("max-value", max_value, |bytes| bytes_text(u64::from(*bytes))),
            given("hash-tags", hash_tags, |on| value::switch_text(*on)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests;
