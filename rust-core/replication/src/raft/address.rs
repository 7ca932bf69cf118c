//! Whom a message is for.

use std::fmt;

use holdfast_state::NodeId;

/// Random, made when a cluster is formed. Nodes of different clusters refuse each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClusterId(pub u128);

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::str::FromStr for ClusterId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(ClusterId)
    }
}

/// Where a replica lives, as its group's log records it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaAddress {
    /// The node.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
    /// `host:port` where peers reach it.
    pub peer_address: String,
    /// `host:port` where clients reach it.
    pub client_address: String,
}
