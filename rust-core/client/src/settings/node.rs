//! Settings of an embedded node.

use holdfast_proto::{Code, Error, bytes_text};

use super::given;
use super::table::{LEAST_MEMORY, Setting};
use super::value::{self, Words};

/// Where a node's time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The system's clocks.
    #[default]
    System,
    /// Stands still until a test advances it.
    Manual,
}

impl Words for Clock {
    const WORDS: &'static [(&'static str, Clock)] = &[("system", Clock::System), ("manual", Clock::Manual)];
}

/// The node's settings that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSettings {
    /// Name of an isolated node; `None`: the one that the whole process shares.
    pub node: Option<String>,
    /// Where its time comes from.
    pub clock: Option<Clock>,
    /// What it may use for all its stores, in bytes.
    pub memory_limit: Option<u64>,
    /// The directory that its coordination stores are kept in; `None`: in memory.
    pub data: Option<String>,
}

impl NodeSettings {
    /// The clock, by default the system's.
    pub fn clock_or_default(&self) -> Clock {
        self.clock.unwrap_or_default()
    }

    /// The memory limit, by default half of the memory that is `available` to the process: the smaller of the
    /// machine's and its cgroup's limit.
    pub fn memory_limit_or_default(&self, available: u64) -> u64 {
        self.memory_limit
            .unwrap_or_else(|| (available / 2).max(LEAST_MEMORY))
    }

    /// `NodeConflict` if what was given contradicts what the node runs with. `node` itself chooses the node.
    pub fn check_against(&self, clock: Clock, memory_limit: u64, data: Option<&str>) -> Result<(), Error> {
        let mut contradictions = Vec::new();
        if let Some(given) = self.clock.filter(|given| *given != clock) {
            contradictions.push(format!("clock {}, not {}", clock.word(), given.word()));
        }
        if let Some(given) = self.memory_limit.filter(|given| *given != memory_limit) {
            let (runs_with, given) = (bytes_text(memory_limit), bytes_text(given));
            contradictions.push(format!("memory-limit {runs_with}, not {given}"));
        }
        if let Some(given) = self.data.as_deref().filter(|given| Some(*given) != data) {
            let runs_with = data.map_or_else(|| "no data".to_owned(), |data| format!("data {data}"));
            contradictions.push(format!("{runs_with}, not {given}"));
        }
        if contradictions.is_empty() {
            return Ok(());
        }
        let node = match &self.node {
            Some(name) => format!("node '{name}'"),
            None => "the process's shared node".to_owned(),
        };
        let contradictions = contradictions.join(" and ");
        Err(Error::new(
            Code::NodeConflict,
            format!(
                "{node} runs with {contradictions}; leave that out, or add node=NAME for a node of your own"
            ),
        ))
    }

    pub(super) fn set(&mut self, setting: &Setting, text: &str) -> Result<(), Error> {
        match setting.name {
            "node" => self.node = Some(value::text(setting, text)?),
            "clock" => self.clock = Some(value::word(setting, text)?),
            "memory-limit" => self.memory_limit = Some(value::bytes(setting, text)?),
            "data" => self.data = Some(value::text(setting, text)?),
            other => unreachable!("'{other}' is no node's setting"),
        }
        Ok(())
    }

    pub(super) fn given(&self) -> Vec<(&'static str, String)> {
        let NodeSettings {
            node,
            clock,
            memory_limit,
            data,
        } = self;
        [
            given("node", node, String::clone),
            given("clock", clock, |clock| clock.word().to_owned()),
            given("memory-limit", memory_limit, |bytes| bytes_text(*bytes)),
            given("data", data, String::clone),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
