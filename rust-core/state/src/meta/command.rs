//! What an entry of the meta group's log asks for, and what it answers.

use crate::error::StateError;
use crate::hash::Slot;
use crate::meta::DefinedStore;
use crate::meta::cluster::{ClusterSettings, GroupId, NodeDescription, NodeId, ReplicaId};
use crate::settings::{GroupKind, Revision, StoreSettings, StoreSettingsGiven};

/// One command of an entry of the meta group's log. Each may be repeated: what is so already stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaCommand {
    /// Forms the cluster; its very first command. The nodes get the ids 1, 2, … in this order and hold
    /// the groups as [`ClusterSettings::first_voters`] says.
    Form {
        /// Random.
        cluster: u128,
        /// The revision is raised to this: the wall clock in microseconds.
        revision: Revision,
        /// What is decided for good.
        settings: ClusterSettings,
        /// All nodes that form it.
        nodes: Vec<NodeDescription>,
    },
    /// Takes a node in, or learns what has changed at one.
    RegisterNode {
        /// What it says of itself.
        node: NodeDescription,
        /// The incarnation of that name which it knows it replaces; 0: none.
        replaces: u128,
    },
    /// A node will stop or be removed, or will stay after all.
    SetLeaving {
        /// The node.
        node: NodeId,
        /// Whether it leaves.
        leaving: bool,
    },
    /// Forgets a node that holds nothing.
    RemoveNode {
        /// The node.
        node: NodeId,
    },
    /// Gives a process a replica of a group, as a learner.
    IssueReplica {
        /// The group.
        group: GroupId,
        /// The node.
        node: NodeId,
        /// The node's present process, or its disk where the group's logs are on disk: see [`crate::Cluster::home`].
        incarnation: u128,
    },
    /// The group's own membership has changed: the replica votes now, or learns.
    SetVoter {
        /// The group.
        group: GroupId,
        /// The replica.
        replica: ReplicaId,
        /// Whether it votes.
        voter: bool,
    },
    /// The group's own membership no longer has the replica.
    RemoveReplica {
        /// The group.
        group: GroupId,
        /// The replica.
        replica: ReplicaId,
    },
    /// A group starts again from what one process has left of it, with new replicas.
    ReformGroup {
        /// The group.
        group: GroupId,
        /// The new epoch: one more than the present one.
        epoch: u64,
        /// Those who vote in it, each with its home; they get new replica ids in this order.
        voters: Vec<(NodeId, u128)>,
    },
    /// Slots change their owner.
    AssignSlots {
        /// The kind of slots.
        kind: GroupKind,
        /// The slots; those that the group has already stay as they are.
        slots: Vec<Slot>,
        /// The new owner.
        group: GroupId,
    },
    /// Defines a store, or finds it: see [`crate::MetaMachine::define_store`].
    DefineStore {
        /// Its full name.
        name: Box<str>,
        /// What the opener gave explicitly.
        asked: StoreSettingsGiven,
        /// The same with every default filled in.
        settings: StoreSettings,
    },
    /// Lets all groups use what a feature level brings.
    RaiseFeatureLevel {
        /// The level.
        level: u32,
    },
}

/// The answer to a [`MetaCommand`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaOutcome {
    /// Done, or so already.
    Done {
        /// The command's revision.
        version: Revision,
    },
    /// To `RegisterNode`.
    Node(NodeId),
    /// To `IssueReplica`.
    Replica(ReplicaId),
    /// To `ReformGroup`, in the order of the voters.
    Replicas(Vec<ReplicaId>),
    /// To `DefineStore`.
    Store(DefinedStore),
    /// Refused; nothing has changed.
    Failed(MetaError),
}

/// Why a command of the meta group was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// The cluster is not formed yet.
    #[error("the cluster is not formed yet")]
    NotFormed,
    /// There is a cluster already, another one.
    #[error("the nodes already form cluster {cluster:032x}")]
    AlreadyFormed {
        /// Its id.
        cluster: u128,
    },
    /// No cluster can have such settings or nodes.
    #[error("a cluster cannot be formed so: {what}")]
    Unfit {
        /// What is wrong.
        what: &'static str,
    },
    /// Another process is the node of that name.
    #[error("another process is the node of that name")]
    NodeReplaced {
        /// The incarnation that it has.
        incarnation: u128,
    },
    /// There is no such node, or not this process of it.
    #[error("there is no such node, or not this process of it")]
    UnknownNode,
    /// The node still holds replicas.
    #[error("the node still holds replicas")]
    NodeInUse,
    /// There is no such group.
    #[error("there is no such group")]
    UnknownGroup,
    /// The group has no such replica.
    #[error("the group has no such replica")]
    UnknownReplica,
    /// A group has at least one voter.
    #[error("a group has at least one voter")]
    LastVoter,
    /// The group's epoch is another one.
    #[error("the group's epoch is {epoch}")]
    EpochConflict {
        /// Its epoch.
        epoch: u64,
    },
    /// There is no such slot, or the group is of another kind.
    #[error("there is no such slot in groups of that kind")]
    UnknownSlot,
    /// A node's build is too old for the cluster's feature level, or this build for the one asked for.
    #[error("feature level {level}: only {newest} is possible")]
    FeatureLevel {
        /// The level needed.
        level: u32,
        /// The newest that is possible there.
        newest: u32,
    },
    /// A store was refused.
    #[error(transparent)]
    Store(#[from] StateError),
}
