//! The settings of a store that is made now.

use holdfast_state::{Eviction, StoreClass, StoreSettings, StoreSettingsGiven};

use crate::{Code, Error, bytes_text};

/// Smallest memory budget of a store or node. Below it the largest value would be smaller than a kibibyte.
pub const LEAST_MEMORY: u64 = 16 * 1024;
/// A budget holds at least this many of the largest values, so that one put never empties a store.
const LEAST_VALUES_IN_BUDGET: u64 = 16;
/// An embedded cache store is a guest in its process.
const MOST_DEFAULT_CACHE_BUDGET: u64 = 256 << 20;

/// What was given, and the defaults for the rest.
///
/// `available` is the smaller of the machine's memory and its cgroup's limit, `node_limit` the node's own memory limit.
///
/// # Errors
/// `InvalidSetting` for contradictions among the settings.
pub fn resolve_store(
    given: &StoreSettingsGiven,
    default_class: StoreClass,
    available: u64,
    node_limit: u64,
) -> Result<StoreSettings, Error> {
    let resolved = given.resolve(default_class, |class| match class {
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
                "setting 'hash-tags' is 'on': a coordination store, whose keys all lie in one slot, takes only off",
            );
        }
    }
    if resolved.max_memory / LEAST_VALUES_IN_BUDGET < u64::from(resolved.max_value) {
        return refused(&budget_too_small(&resolved, given.max_memory.is_some()));
    }
    resolved.check()?;
    Ok(resolved)
}

#[cold]
fn budget_too_small(settings: &StoreSettings, given: bool) -> String {
    let by_default = if given { "" } else { " by default" };
    let least = bytes_text(u64::from(settings.max_value) * LEAST_VALUES_IN_BUDGET);
    let max_value = bytes_text(u64::from(settings.max_value));
    let max_memory = bytes_text(settings.max_memory);
    format!(
        "setting 'max-memory' is '{max_memory}'{by_default}: with a max-value of {max_value} it takes at least \
         {LEAST_VALUES_IN_BUDGET} times that, {least}"
    )
}
