//! Settings of a store.

use std::time::Duration;

use holdfast_proto::{Code, Error, bytes_text};
use holdfast_state::{Eviction, StoreClass, StoreSettingsGiven};

use super::given;
use super::table::{LEAST_MEMORY, Scope, Setting};
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

/// A budget holds at least this many of the largest values, so that one put never empties a store.
const LEAST_VALUES_IN_BUDGET: u64 = 16;
/// An embedded cache store is a guest in its process.
const MOST_DEFAULT_CACHE_BUDGET: u64 = 256 << 20;

/// The store's settings that were given; only these can contradict the ones of a store that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// In the form that the state compares with a store's own.
    pub given: StoreSettingsGiven,
}

impl StoreSettings {
    /// Reads `(name, value)` pairs that may name settings of stores only.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<StoreSettings, Error> {
        for (name, _) in pairs {
            let owner = match Setting::find(name).map(|setting| setting.scope) {
                Some(Scope::Node) => "the node",
                Some(Scope::Client) => "the client",
                Some(Scope::Store) | None => continue,
            };
            let message = format!("setting '{name}' belongs to {owner}, not to a store");
            return Err(Error::new(Code::InvalidSetting, message));
        }
        super::Settings::from_pairs(pairs).map(|settings| settings.store)
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
        let resolved = self.given.resolve(default_class, |class| match class {
            StoreClass::Coordination => node_limit,
            StoreClass::Cache => (available / 10)
                .min(MOST_DEFAULT_CACHE_BUDGET)
                .min(node_limit)
                .max(LEAST_MEMORY),
        });
        let refused = |message: &str| Err(Error::new(Code::InvalidSetting, message));
        if resolved.class == StoreClass::Coordination {
            if resolved.eviction != Eviction::None {
                return refused("setting 'eviction' is 's3-fifo': a coordination store takes only none");
            }
            if resolved.hash_tags {
                return refused(
                    "setting 'hash-tags' is 'on': a coordination store, whose keys all lie in one slot, \
                     takes only off",
                );
            }
        }
        if resolved.max_memory / LEAST_VALUES_IN_BUDGET < u64::from(resolved.max_value) {
            return refused(&budget_too_small(&resolved, self.given.max_memory.is_some()));
        }
        resolved.check()?;
        Ok(resolved)
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

#[cold]
fn budget_too_small(settings: &holdfast_state::StoreSettings, given: bool) -> String {
    let by_default = if given { "" } else { " by default" };
    let least = bytes_text(u64::from(settings.max_value) * LEAST_VALUES_IN_BUDGET);
    let max_value = bytes_text(u64::from(settings.max_value));
    let max_memory = bytes_text(settings.max_memory);
    format!(
        "setting 'max-memory' is '{max_memory}'{by_default}: with a max-value of {max_value} it takes \
         at least {LEAST_VALUES_IN_BUDGET} times that, {least}"
    )
}

#[cfg(test)]
mod tests;
