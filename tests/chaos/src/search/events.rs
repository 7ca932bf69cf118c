//! From a key's operations to what the search places: answered operations, which have an end, and what may happen at any
//! time from some moment on, which has none.

use std::collections::{HashMap, HashSet};

use super::model::{Step, Taken, Value};
use crate::history::{Action, Condition, History, Operation, Outcome, Seen};

/// Something to be placed between its begin and its end.
pub(super) struct Event {
    pub(super) step: Step,
    pub(super) begin_ns: u64,
    /// Absent: it may come at any later time, or never.
    pub(super) end_ns: Option<u64>,
    /// What to try first. No more than a guess.
    pub(super) hint: i64,
    /// Another one without an end that does the same and began before: taken first, or this one is not needed.
    pub(super) after: Option<u32>,
    /// For people.
    pub(super) text: String,
}

/// Everything to be placed for a key.
pub(super) struct Events {
    pub(super) all: Vec<Event>,
    pub(super) taken: Taken,
}

/// Hint of what happens by itself: tried behind all that was answered.
const BY_ITSELF: i64 = i64::MAX - 1;
const PERHAPS: i64 = i64::MAX;

pub(super) fn of_key(history: &History, operations: &[&Operation]) -> Events {
    let mut values = Values::of(operations);
    let mut all = Vec::with_capacity(operations.len());
    for operation in operations {
        let Some(step) = values.step(operation) else {
            continue;
        };
        let set_by = all.len() as u32;
        let unknown = operation.is_unknown_change();
        all.push(Event {
            step,
            begin_ns: operation.call_ns,
            end_ns: (!unknown).then_some(operation.return_ns),
            hint: match operation.applied() {
                Some(version) => version,
                None if unknown => PERHAPS,
                // A look changes nothing: it is tried as soon as it fits.
                None => 0,
            },
            after: None,
            text: operation.to_string(),
        });
        if let Some(expire) = expiry(history, operation, set_by) {
            all.push(expire);
        }
    }
    for epoch in history.epochs.iter().skip(1) {
        all.push(Event {
            step: Step::Lose,
            begin_ns: epoch.lost_ns,
            end_ns: Some(epoch.started_ns),
            hint: BY_ITSELF,
            after: None,
            text: format!("everything is lost: epoch {}", epoch.number),
        });
    }
    link_equals(&mut all);
    Events {
        all,
        taken: operations
            .iter()
            .filter_map(|operation| operation.applied())
            .collect(),
    }
}

/// What ends the life that an operation gives.
fn expiry(history: &History, operation: &Operation, set_by: u32) -> Option<Event> {
    if !operation.is_unknown_change() && operation.applied().is_none() {
        return None;
    }
    let ttl_ns = operation.ttl_ns()?;
    let earliest = (operation.call_ns + ttl_ns).saturating_sub(history.setting.clock_grain_ns);
    let latest = history
        .setting
        .expiry_lateness_ns
        .filter(|_| operation.applied().is_some());
    Some(Event {
        step: Step::Expire { set_by },
        begin_ns: earliest,
        end_ns: latest.map(|late| operation.return_ns + ttl_ns + late),
        hint: BY_ITSELF,
        after: None,
        text: format!("expiry of: {operation}"),
    })
}

/// Of changes that do the same and may come at any time, the one that began first serves as well as any other.
fn link_equals(all: &mut [Event]) {
    let mut newest: Vec<(Step, u32)> = Vec::new();
    for (number, event) in all.iter_mut().enumerate() {
        let alike = match event.step {
            Step::Put {
                value, ttl: false, ..
            } => value == Value::Unread,
            Step::Delete { .. } | Step::Increment { ttl: false, .. } => true,
            _ => false,
        };
        if event.end_ns.is_some() || !alike {
            continue;
        }
        match newest.iter_mut().find(|(step, _)| *step == event.step) {
            Some((_, before)) => event.after = Some(std::mem::replace(before, number as u32)),
            None => newest.push((event.step, number as u32)),
        }
    }
}

/// Numbers of texts.
struct Values<'a> {
    texts: HashMap<&'a str, u32>,
    read: HashSet<&'a str>,
}

impl<'a> Values<'a> {
    fn of(operations: &[&'a Operation]) -> Values<'a> {
        let read = operations
            .iter()
            .filter_map(|operation| match &operation.outcome {
                Outcome::Read { value, .. } => Some(value.as_str()),
                _ => None,
            });
        Values {
            texts: HashMap::new(),
            read: read.collect(),
        }
    }

    fn value(&mut self, text: &'a str) -> Value {
        if let Ok(number) = text.parse() {
            return Value::Number(number);
        }
        let next = self.texts.len() as u32;
        Value::Text(*self.texts.entry(text).or_insert(next))
    }

    /// Nothing for what had no effect and saw nothing.
    fn step(&mut self, operation: &'a Operation) -> Option<Step> {
        if matches!(operation.outcome, Outcome::NotApplied { .. })
            || !operation.is_change() && matches!(operation.outcome, Outcome::Unknown { .. })
        {
            return None;
        }
        match operation.seen() {
            Seen::Nothing => {}
            Seen::Absent => return Some(seen_absent(&operation.action)),
            Seen::Entry(version, value) => {
                let value = value.map(|text| self.value(text));
                return Some(seen_entry(&operation.action, version, value));
            }
        }
        Some(match &operation.action {
            Action::Get => return None,
            Action::Put {
                value,
                condition,
                ttl_ms,
            } => {
                let answer = match operation.outcome {
                    Outcome::Applied { version, found } => Some((version, found)),
                    _ => None,
                };
                let unread = answer.is_none() && !self.read.contains(value.as_str());
                let value = match self.value(value) {
                    Value::Text(_) if unread => Value::Unread,
                    value => value,
                };
                Step::Put {
                    value,
                    condition: *condition,
                    ttl: ttl_ms.is_some(),
                    answer,
                }
            }
            Action::Delete { condition } => Step::Delete {
                condition: *condition,
                answer: match operation.outcome {
                    Outcome::Applied { found, .. } => Some(found),
                    _ => None,
                },
            },
            Action::Increment { delta, ttl_ms } => Step::Increment {
                delta: *delta,
                ttl: ttl_ms.is_some(),
                answer: match operation.outcome {
                    Outcome::Counted {
                        version,
                        before,
                        after,
                    } => Some((version, before, after)),
                    _ => None,
                },
            },
        })
    }
}

fn condition_of(action: &Action) -> Condition {
    match *action {
        Action::Put { condition, .. } | Action::Delete { condition } => condition,
        Action::Get | Action::Increment { .. } => Condition::Always,
    }
}

/// A change that was refused because there was no entry, or a read that found none.
fn seen_absent(action: &Action) -> Step {
    let refuses_absent = match condition_of(action) {
        Condition::Always => !matches!(action, Action::Put { .. }),
        Condition::Present | Condition::Version(_) => true,
        Condition::Absent => false,
    };
    if refuses_absent {
        Step::SeenAbsent
    } else {
        Step::Never
    }
}

fn seen_entry(action: &Action, version: i64, value: Option<Value>) -> Step {
    let other_than = match condition_of(action) {
        Condition::Version(expected) => Some(expected),
        Condition::Always if *action != Action::Get => return Step::Never,
        Condition::Present => return Step::Never,
        Condition::Always | Condition::Absent => None,
    };
    Step::SeenEntry {
        version,
        value,
        other_than,
    }
}
