//! What nodes tell each other while they form.

use holdfast_replication::raft::ClusterId;

use crate::cluster::names::Incarnation;

/// Voters of a group, as far as there are nodes.
pub(crate) const VOTERS: usize = 3;

/// A node that a cluster may begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Founder {
    /// `host:port`, as the lists of names have it.
    pub(crate) address: String,
    /// For people.
    pub(crate) name: String,
    /// Nodes of one zone may fail together; empty: not said.
    pub(crate) zone: String,
    /// This start of its process.
    pub(crate) incarnation: Incarnation,
    /// Names the logs on its disk, which outlive the process; `None`: it has everything in memory.
    pub(crate) disk: Option<u128>,
    /// The newest that its build can apply.
    pub(crate) feature_level: u32,
}

impl Founder {
    /// Whether its logs are on disk.
    pub(crate) fn is_durable(&self) -> bool {
        self.disk.is_some()
    }

    /// Whether both have the same meta log: the same process, or the same disk.
    pub(crate) fn is_same_replica(&self, other: &Founder) -> bool {
        match (self.disk, other.disk) {
            (Some(own), Some(others)) => own == others,
            (None, None) => self.incarnation == other.incarnation,
            _ => false,
        }
    }

    /// Whether somebody else answers in its place: what it had is lost.
    pub(crate) fn is_gone(&self, heard: &[Description]) -> bool {
        heard
            .iter()
            .any(|it| it.founder.address == self.address && !it.founder.is_same_replica(self))
    }
}

/// What has become of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It belongs to no cluster.
    Unformed,
    /// Its replica of the meta group has something in its log, which may come to nothing.
    Started(ClusterId),
    /// It has applied the cluster's plan: a quorum has agreed.
    Formed(ClusterId),
}

/// Orders preparations. A coordinator takes a number above all that it has heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ballot {
    /// From 1.
    pub(crate) number: u64,
    /// Whose it is.
    pub(crate) coordinator: Incarnation,
}

/// What a node tells whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// Who it is.
    pub(crate) founder: Founder,
    /// The names that it was given, sorted.
    pub(crate) join: Vec<String>,
    /// The highest preparation that it has accepted.
    pub(crate) promised: Ballot,
    /// What has become of it.
    pub(crate) standing: Standing,
    /// Of the meta group, as far as it knows; 0: it knows of none.
    pub(crate) epoch: u64,
}

impl Description {
    /// The cluster that it belongs to for good.
    pub(crate) fn formed(&self) -> Option<ClusterId> {
        match self.standing {
            Standing::Formed(cluster) => Some(cluster),
            Standing::Unformed | Standing::Started(_) => None,
        }
    }
}

/// A cluster that may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preparation {
    /// Its place among others.
    pub(crate) ballot: Ballot,
    /// Random.
    pub(crate) cluster: ClusterId,
    /// All names of the list, sorted by address.
    pub(crate) founders: Vec<Founder>,
}

impl Preparation {
    /// The first voters of the meta group; their replica ids are 1, 2, … in this order.
    pub(crate) fn voters(&self) -> &[Founder] {
        &self.founders[..self.founders.len().min(VOTERS)]
    }
}

/// Why a node does not accept a preparation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The highest that it has accepted.
    pub(crate) promised: Ballot,
    /// For people.
    pub(crate) reason: &'static str,
}
