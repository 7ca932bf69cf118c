//! What happened, as the clients and the one who broke things saw it.

mod event;
mod file;
mod operation;
mod recorder;

use std::collections::BTreeMap;
use std::fmt;

pub use event::{Epoch, Fault, FaultKind};
pub use file::{HistoryError, Line};
pub use operation::{Action, Condition, Operation, Outcome, Seen};
pub use recorder::{Recorder, Recording};
use serde::{Deserialize, Serialize};

/// What a checker must know of a run besides its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Nodes of the run.
    pub nodes: u32,
    /// Seed of workload and nemesis.
    pub seed: u64,
    /// How much earlier than its deadline an entry may vanish, because the nodes' clock counts in whole steps of so much.
    pub clock_grain_ns: u64,
    /// How much later than its deadline a read may still give an entry; absent: time may have stood still, no bound.
    pub expiry_lateness_ns: Option<u64>,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Where and how.
    pub setting: Setting,
    /// Every call of every client, in no order that matters.
    pub operations: Vec<Operation>,
    /// What was done to nodes and network.
    pub faults: Vec<Fault>,
    /// Starts of the nodes without their past, the first one included; ascending.
    pub epochs: Vec<Epoch>,
    /// The run's own complaints: nodes that died by themselves, calls that never ended.
    pub complaints: Vec<String>,
}

impl History {
    /// The operations of each key, by the time of their call.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<&str, Vec<&Operation>> {
        let mut keys: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        for operation in &self.operations {
            keys.entry(&operation.key).or_default().push(operation);
        }
        for operations in keys.values_mut() {
            operations.sort_by_key(|operation| (operation.call_ns, operation.return_ns));
        }
        keys
    }

    /// Looks for what no recorder writes: then the checkers' answers would mean nothing.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), Malformed> {
        let mut of_process: BTreeMap<u32, Vec<&Operation>> = BTreeMap::new();
        for operation in &self.operations {
            operation.validate()?;
            of_process.entry(operation.process).or_default().push(operation);
        }
        for operations in of_process.values_mut() {
            operations.sort_by_key(|operation| operation.call_ns);
            for pair in operations.windows(2) {
                if pair[1].call_ns < pair[0].return_ns {
                    return Err(Malformed::of(
                        "a process called before its last call returned",
                        pair[1],
                    ));
                }
            }
        }
        for operations in self.by_key().values() {
            let mut values = std::collections::BTreeSet::new();
            for operation in operations {
                if let Action::Put { value, .. } = &operation.action
                    && !values.insert(value)
                {
                    return Err(Malformed::of("a value was put twice", operation));
                }
            }
        }
        if !self
            .epochs
            .is_sorted_by(|before, after| before.number < after.number)
        {
            return Err(Malformed {
                what: "epochs do not rise".to_owned(),
            });
        }
        Ok(())
    }
}

/// A history that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    what: String,
}

impl Malformed {
    fn of(what: &str, operation: &Operation) -> Malformed {
        Malformed {
            what: format!("{what}: {operation}"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

impl std::error::Error for Malformed {}
