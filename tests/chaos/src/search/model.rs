//! A key of a store without concurrency.

use std::collections::HashSet;

use crate::history::Condition;

/// A value, comparable at no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// What an increment can add to.
    Number(i64),
    /// Anything else, numbered.
    Text(u32),
    /// Put by an operation of unknown outcome, and read by nobody.
    Unread,
}

/// The version of what an operation of unknown outcome wrote, until somebody says it.
pub(super) const UNBOUND: i64 = 0;
/// The entry never expires.
pub(super) const NOBODY: u32 = u32::MAX;

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) value: Value,
    pub(super) version: i64,
    /// The event whose time to live it has.
    pub(super) lives_by: u32,
}

/// The key: an entry, or none.
pub(super) type State = Option<Held>;

/// What happens at one point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An answer said that there was this entry.
    SeenEntry {
        version: i64,
        value: Option<Value>,
        /// The version that it was said not to be.
        other_than: Option<i64>,
    },
    /// An answer said that there was none.
    SeenAbsent,
    /// An answer that no state gives.
    Never,
    Put {
        value: Value,
        condition: Condition,
        ttl: bool,
        /// Version, and whether there was an entry before.
        answer: Option<(i64, bool)>,
    },
    Delete {
        condition: Condition,
        /// Whether there was an entry before.
        answer: Option<bool>,
    },
    Increment {
        delta: i64,
        ttl: bool,
        /// Version, before, after.
        answer: Option<(i64, i64, i64)>,
    },
    /// The deadline that the event set has passed.
    Expire { set_by: u32 },
    /// The node lost everything.
    Lose,
}

impl Step {
    /// It never changes anything but what is known.
    pub(super) fn only_looks(&self) -> bool {
        matches!(self, Step::SeenEntry { .. } | Step::SeenAbsent)
    }
}

/// The versions that acknowledged changes of the key have.
pub(super) type Taken = HashSet<i64>;

/// The state after the step; `None`: the step cannot happen here. `number` is the step's own.
pub(super) fn apply(state: State, step: &Step, number: u32, taken: &Taken) -> Option<State> {
    match *step {
        Step::SeenEntry {
            version,
            value,
            other_than,
        } => {
            let held = state?;
            let fits = value.is_none_or(|value| value == held.value) && other_than != Some(version);
            (fits && is_version(held, version, taken)).then_some(Some(Held { version, ..held }))
        }
        Step::SeenAbsent => state.is_none().then_some(None),
        Step::Never => None,
        Step::Put {
            value,
            condition,
            ttl,
            answer,
        } => {
            let found_fits = answer.is_none_or(|(_, found)| found == state.is_some());
            (found_fits && holds(condition, state, taken)).then_some(Some(Held {
                value,
                version: answer.map_or(UNBOUND, |(version, _)| version),
                lives_by: if ttl { number } else { NOBODY },
            }))
        }
        Step::Delete { condition, answer } => {
            let found_fits = answer.is_none_or(|found| found == state.is_some());
            (found_fits && state.is_some() && holds(condition, state, taken)).then_some(None)
        }
        Step::Increment { delta, ttl, answer } => increment(state, delta, ttl.then_some(number), answer),
        Step::Expire { set_by } => Some(state.filter(|held| held.lives_by != set_by)),
        Step::Lose => Some(None),
    }
}

fn increment(
    state: State,
    delta: i64,
    ttl_of: Option<u32>,
    answer: Option<(i64, i64, i64)>,
) -> Option<State> {
    let (number, lives_by) = match state {
        None => (0, ttl_of.unwrap_or(NOBODY)),
        Some(Held {
            value: Value::Number(number),
            lives_by,
            ..
        }) => (number, lives_by),
        Some(_) => return None,
    };
    let sum = number.checked_add(delta)?;
    let version = match answer {
        None => UNBOUND,
        Some((version, before, after)) if before == number && after == sum => version,
        Some(_) => return None,
    };
    Some(Some(Held {
        value: Value::Number(sum),
        version,
        lives_by,
    }))
}

/// Whether the entry's version may be this one.
fn is_version(held: Held, version: i64, taken: &Taken) -> bool {
    held.version == version || held.version == UNBOUND && !taken.contains(&version)
}

fn holds(condition: Condition, state: State, taken: &Taken) -> bool {
    match condition {
        Condition::Always => true,
        Condition::Absent => state.is_none(),
        Condition::Present => state.is_some(),
        Condition::Version(version) => state.is_some_and(|held| is_version(held, version, taken)),
    }
}
