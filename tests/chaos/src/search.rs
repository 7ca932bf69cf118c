//! The search: for each key, an order of its operations that a store without concurrency could have answered so
//! (Wing and Gong's algorithm with Lowe's memory of what was tried: "Testing for linearizability", 2017).
//!
//! It knows nothing of what the oracle knows: versions are names of writes here, that they grow is not used but for
//! what to try first. Operations with an unknown outcome may be placed anywhere after their call, or nowhere. That an
//! entry expires is an operation of its own, which may be placed after the deadline and never before; that a node lost
//! everything is one too.

mod events;
mod model;
mod order;
mod path;

use std::collections::BTreeSet;

use crate::history::{History, Operation};
use crate::violation::{Kind, Violation};

/// What the search takes on; beyond it gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most operations of a key.
    pub operations: usize,
    /// Most processes that use a key.
    pub processes: usize,
    /// Most placements tried for a key.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 1_000,
            processes: 8,
            steps: 4_000_000,
        }
    }
}

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable {
        /// Placements tried.
        steps: u64,
    },
    /// There is none.
    Illegal {
        /// How far the best attempt came.
        text: String,
    },
    /// It is not known.
    GaveUp {
        /// Why.
        text: String,
    },
}

/// What became of all keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Keys looked at.
    pub keys: usize,
    /// Placements tried.
    pub steps: u64,
    /// Placements of the key that needed the most.
    pub most_steps: u64,
    /// Keys without an order, or without a verdict.
    pub violations: Vec<Violation>,
}

/// Searches every key of a history.
#[must_use]
pub fn check(history: &History, limits: &Limits) -> Searched {
    let mut searched = Searched::default();
    for (key, operations) in history.by_key() {
        searched.keys += 1;
        match check_key(history, &operations, limits) {
            Verdict::Linearizable { steps } => {
                searched.steps += steps;
                searched.most_steps = searched.most_steps.max(steps);
            }
            Verdict::Illegal { text } => {
                searched
                    .violations
                    .push(Violation::new(Kind::NotLinearizable, key, text));
            }
            Verdict::GaveUp { text } => searched.violations.push(Violation::new(Kind::GaveUp, key, text)),
        }
    }
    searched
}

/// Searches one key; `operations` are all of its operations, sorted by call.
#[must_use]
pub fn check_key(history: &History, operations: &[&Operation], limits: &Limits) -> Verdict {
    let processes: BTreeSet<u32> = operations.iter().map(|operation| operation.process).collect();
    if operations.len() > limits.operations || processes.len() > limits.processes {
        return Verdict::GaveUp {
            text: format!(
                "{} operations of {} processes: at most {} of {}",
                operations.len(),
                processes.len(),
                limits.operations,
                limits.processes
            ),
        };
    }
    let events = events::of_key(history, operations);
    path::Path::new(&events).search(limits.steps)
}
