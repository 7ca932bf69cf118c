//! From the machine's own errors to those of callers.

use holdfast_state::{Eviction, StateError, StoreClass, StoreSettings, StoreSettingsGiven};

use crate::limits::escape_key;
use crate::{Code, Error, Outcome, bytes_text};

impl From<StateError> for Error {
    fn from(error: StateError) -> Error {
        let sized = |what: &str, size: u64, limit: u64| {
            format!(
                "the {what} has {size} bytes: at most {} are accepted",
                bytes_text(limit)
            )
        };
        match error {
            StateError::StoreFull { needed, limit } => {
                let limit = bytes_text(limit);
                let message = format!(
                    "the store would hold {needed} bytes: its max-memory is {limit}; raise it, delete entries, or \
                     use a store of class cache, which evicts"
                );
                Error::new(Code::StoreFull, message)
            }
            StateError::CounterOutOfBounds {
                value,
                delta,
                minimum,
                maximum,
            } => {
                let message =
                    format!("the counter is {value}: adding {delta} would go outside {minimum} to {maximum}");
                Error::new(Code::CounterOutOfBounds, message)
            }
            StateError::KeyEmpty => Error::new(Code::InvalidKey, "the key is empty"),
            StateError::KeyTooLarge { size, limit } => {
                Error::new(Code::KeyTooLarge, sized("key", size, limit))
            }
            StateError::ValueTooLarge { size, limit } => {
                Error::new(Code::ValueTooLarge, sized("value", size, limit))
            }
            StateError::StoreConflict { asked, defined } => {
                let contradictions = contradictions(&asked, &defined);
                Error::new(
                    Code::StoreConflict,
                    format!(
                        "the store exists with {contradictions}; leave that setting out, or use another store name"
                    ),
                )
            }
            // The session had its outcome and asks again: what became of the change is no longer known here.
            StateError::OutcomeForgotten { .. } => {
                Error::new(Code::InvalidArgument, error.to_string()).with_outcome(Outcome::Unknown)
            }
            StateError::WrongSlot { .. } => Error::new(Code::WrongSlot, error.to_string()),
            StateError::StoreNotReady { .. } => Error::new(Code::StoreNotReady, error.to_string()),
            StateError::NotANumber => Error::new(
                Code::NotANumber,
                "the value is not the decimal text of a 64-bit integer; delete it or count under another key",
            ),
            StateError::TtlOutOfRange { .. } => Error::new(Code::InvalidTtl, error.to_string()),
            StateError::SessionExpired => Error::new(Code::SessionExpired, error.to_string()),
            StateError::SessionWindowFull { .. } => Error::new(Code::ResourceExhausted, error.to_string()),
            StateError::Compacted { .. } => Error::new(Code::Compacted, error.to_string()),
            StateError::StoreNotFound => Error::new(Code::StoreNotFound, error.to_string()),
            StateError::SettingsRefused { .. } => Error::new(Code::InvalidSetting, error.to_string()),
            StateError::WrongClass | StateError::FeatureLevelUnknown { .. } => {
                Error::new(Code::Unsupported, error.to_string())
            }
        }
    }
}

/// Why the machine refused a change of a key, saying of which key and store it is.
#[cold]
#[must_use]
pub fn change_refused(store: &str, key: &[u8], refused: StateError) -> Error {
    let mut error = Error::from(refused);
    error.message = format!("key '{}' of store '{store}': {}", escape_key(key), error.message);
    error
}

/// `max-memory 64MiB, not 128MiB`: each setting that was given and differs, with the store's own value first.
fn contradictions(asked: &StoreSettingsGiven, defined: &StoreSettings) -> String {
    // Destructured so that a new setting cannot be left out.
    let StoreSettings {
        class,
        max_memory,
        eviction,
        default_ttl_ms,
        max_value,
        hash_tags,
    } = *defined;
    let bytes = |bytes: u32| bytes_text(u64::from(bytes));
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    let ttl = |ttl_ms: Option<u64>| ttl_ms.map_or("none".to_owned(), |ttl_ms| format!("{ttl_ms}ms"));
    let all = [
        contradiction("class", asked.class, class, |class| class_text(class).to_owned()),
        contradiction("max-memory", asked.max_memory, max_memory, bytes_text),
        contradiction("eviction", asked.eviction, eviction, |eviction| {
            eviction_text(eviction).to_owned()
        }),
        contradiction("default-ttl", asked.default_ttl_ms, default_ttl_ms, ttl),
        contradiction("max-value", asked.max_value, max_value, bytes),
        contradiction("hash-tags", asked.hash_tags, hash_tags, switch),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn contradiction<T: Copy + PartialEq>(
    name: &str,
    asked: Option<T>,
    defined: T,
    text: impl Fn(T) -> String,
) -> Option<String> {
    let asked = asked.filter(|asked| *asked != defined)?;
    Some(format!("{name} {}, not {}", text(defined), text(asked)))
}

fn class_text(class: StoreClass) -> &'static str {
    match class {
        StoreClass::Coordination => "coordination",
        StoreClass::Cache => "cache",
    }
}

fn eviction_text(eviction: Eviction) -> &'static str {
    match eviction {
        Eviction::S3Fifo => "s3-fifo",
        Eviction::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_each_contradicting_setting_with_both_values() {
        let defined = StoreSettings::new(StoreClass::Cache, 64 << 20);
        let asked = StoreSettingsGiven {
            class: Some(StoreClass::Coordination),
            max_memory: Some(128 << 20),
            eviction: Some(Eviction::None),
            default_ttl_ms: Some(Some(5_000)),
            max_value: Some(1_000),
            hash_tags: Some(true),
        };
        let error = Error::from(StateError::StoreConflict {
            asked: Box::new(asked),
            defined: Box::new(defined),
        });
        assert_eq!(error.code, Code::StoreConflict);
        assert_eq!(
            error.message,
            "the store exists with class cache, not coordination and max-memory 64MiB, not 128MiB and \
             eviction s3-fifo, not none and default-ttl none, not 5000ms and max-value 4MiB, not 1000B and \
             hash-tags off, not on; leave that setting out, or use another store name"
        );
        let asked = StoreSettingsGiven {
            max_memory: Some(1 << 20),
            ..StoreSettingsGiven::default()
        };
        let error = Error::from(StateError::StoreConflict {
            asked: Box::new(asked),
            defined: Box::new(defined),
        });
        let conflict = "the store exists with max-memory 64MiB, not 1MiB; leave";
        assert!(error.message.starts_with(conflict), "{}", error.message);
    }

    #[test]
    fn a_refusal_of_the_machine_says_the_limit_and_the_size_and_that_nothing_changed() {
        let error = Error::from(StateError::StoreFull {
            needed: 70_000_000,
            limit: 64 << 20,
        });
        assert_eq!(
            (error.code, error.outcome),
            (Code::StoreFull, Outcome::NotApplied)
        );
        assert_eq!(
            error.message,
            "the store would hold 70000000 bytes: its max-memory is 64MiB; raise it, delete entries, or use a \
             store of class cache, which evicts"
        );

        let error = Error::from(StateError::CounterOutOfBounds {
            value: 9,
            delta: 2,
            minimum: 0,
            maximum: 10,
        });
        assert_eq!(
            (error.code, error.outcome),
            (Code::CounterOutOfBounds, Outcome::NotApplied)
        );
        assert_eq!(
            error.message,
            "the counter is 9: adding 2 would go outside 0 to 10"
        );
    }

    #[test]
    fn a_refused_change_names_its_key_and_store() {
        let error = change_refused("shop/stock", b"k\n1", StateError::NotANumber);
        assert_eq!(error.code, Code::NotANumber);
        let named = "key 'k\\n1' of store 'shop/stock': the value is not";
        assert!(error.message.starts_with(named), "{error}");
    }

    #[test]
    fn a_forgotten_outcome_is_an_unknown_outcome() {
        let error = Error::from(StateError::OutcomeForgotten { sequence: 7 });
        assert_eq!(error.outcome, Outcome::Unknown);
    }
}
