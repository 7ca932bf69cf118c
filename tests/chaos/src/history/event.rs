//! What happened besides the calls.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was done to a node, or to the network around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// SIGKILL, then a start of the same node.
    Kill,
    /// SIGSTOP, then SIGCONT.
    Pause,
    /// Links of the node let nothing through.
    Cut,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FaultKind::Kill => "kill",
            FaultKind::Pause => "pause",
            FaultKind::Cut => "cut",
        })
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The node, from 0.
    pub node: u32,
    /// Just before it was done.
    pub began_ns: u64,
    /// Just after it was undone.
    pub ended_ns: u64,
    /// In words.
    pub what: String,
}

/// A start of the only node, or of all of them, without anything from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number: revisions begin there.
    pub number: i64,
    /// What was there before was lost after this time, and nothing can have been answered from it once that was so.
    pub lost_ns: u64,
    /// Nothing can have been answered in this epoch before.
    pub spawned_ns: u64,
    /// By now it was so.
    pub started_ns: u64,
}
