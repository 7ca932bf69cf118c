//! The meta group's commands as bytes of a log entry.
//!
//! `number u8 | fields`, as [`crate::Command`]'s: the numbers of both are different, so that an entry of
//! one kind of group is refused by the other.

use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::hash::Slot;
use crate::limits::SLOTS;
use crate::log_entry::LogError;
use crate::meta::cluster::{ClusterSettings, GroupId, NodeDescription, NodeId, ReplicaId};
use crate::meta::command::MetaCommand;
use crate::settings::StoreSettingsGiven;
use crate::snapshot::{read_class, read_eviction, read_kind, read_settings, write_settings};

const FORM: u8 = 128;
const REGISTER_NODE: u8 = 129;
const SET_LEAVING: u8 = 130;
const REMOVE_NODE: u8 = 131;
const ISSUE_REPLICA: u8 = 132;
const SET_VOTER: u8 = 133;
const REMOVE_REPLICA: u8 = 134;
const REFORM_GROUP: u8 = 135;
const ASSIGN_SLOTS: u8 = 136;
const DEFINE_STORE: u8 = 137;
const RAISE_FEATURE_LEVEL: u8 = 138;
/// The same as [`FORM`] and [`REGISTER_NODE`], of nodes that keep their logs on disk: builds of feature level 1 do not
/// know them.
const FORM_ON_DISKS: u8 = 139;
const REGISTER_ON_DISK: u8 = 140;

/// Bytes of the smallest description of a node, and of a voter.
const SMALLEST_NODE: usize = 36;
const VOTER: usize = 20;

impl MetaCommand {
    /// The command as the log has it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.into_bytes()
    }

    fn write(&self, out: &mut Writer) {
        match self {
            MetaCommand::Form {
                cluster,
                revision,
                settings,
                nodes,
            } => {
                let disks = Disks::of(nodes.iter().any(|node| node.disk != 0));
                out.u8(if disks.named() { FORM_ON_DISKS } else { FORM });
                out.u128(*cluster);
                out.i64(*revision);
                write_cluster_settings(out, settings);
                out.u32(nodes.len() as u32);
                nodes.iter().for_each(|node| write_node(out, node, disks));
            }
            MetaCommand::RegisterNode { node, replaces } => {
                let disks = Disks::of(node.disk != 0);
                out.u8(if disks.named() {
                    REGISTER_ON_DISK
                } else {
                    REGISTER_NODE
                });
                write_node(out, node, disks);
                out.u128(*replaces);
            }
            MetaCommand::SetLeaving { node, leaving } => {
                out.u8(SET_LEAVING);
                out.u32(node.0);
                out.bool(*leaving);
            }
            MetaCommand::RemoveNode { node } => {
                out.u8(REMOVE_NODE);
                out.u32(node.0);
            }
            MetaCommand::DefineStore {
                name,
                asked,
                settings,
            } => {
                out.u8(DEFINE_STORE);
                out.bytes(name.as_bytes());
                write_given(out, asked);
                write_settings(out, settings);
            }
            MetaCommand::RaiseFeatureLevel { level } => {
                out.u8(RAISE_FEATURE_LEVEL);
                out.u32(*level);
            }
            placement => write_placement(out, placement),
        }
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`LogError::UnknownCommand`], or [`LogError::Unreadable`] when bytes are missing or left over,
    /// or mean nothing. Never panics on any bytes.
    pub fn decode(bytes: &[u8]) -> Result<MetaCommand, LogError> {
        let mut input = Reader::new(bytes);
        let number = input.u8()?;
        let command = match number {
            FORM | FORM_ON_DISKS => MetaCommand::Form {
                cluster: input.u128()?,
                revision: input.i64()?,
                settings: read_cluster_settings(&mut input)?,
                nodes: input.list(SMALLEST_NODE, |input| {
                    read_node(input, Disks::of(number == FORM_ON_DISKS))
                })?,
            },
            REGISTER_NODE | REGISTER_ON_DISK => MetaCommand::RegisterNode {
                node: read_node(&mut input, Disks::of(number == REGISTER_ON_DISK))?,
                replaces: input.u128()?,
            },
            SET_LEAVING => MetaCommand::SetLeaving {
                node: NodeId(input.u32()?),
                leaving: input.bool()?,
            },
            REMOVE_NODE => MetaCommand::RemoveNode {
                node: NodeId(input.u32()?),
            },
            DEFINE_STORE => MetaCommand::DefineStore {
                name: input.text()?.into(),
                asked: read_given(&mut input)?,
                settings: read_settings(&mut input)?,
            },
            RAISE_FEATURE_LEVEL => MetaCommand::RaiseFeatureLevel { level: input.u32()? },
            number => read_placement(number, &mut input)?,
        };
        input.end()?;
        Ok(command)
    }
}

fn write_placement(out: &mut Writer, command: &MetaCommand) {
    match command {
        MetaCommand::IssueReplica {
            group,
            node,
            incarnation,
        } => {
            out.u8(ISSUE_REPLICA);
            out.u16(group.0);
            out.u32(node.0);
            out.u128(*incarnation);
        }
        MetaCommand::SetVoter {
            group,
            replica,
            voter,
        } => {
            out.u8(SET_VOTER);
            out.u16(group.0);
            out.u64(replica.0);
            out.bool(*voter);
        }
        MetaCommand::RemoveReplica { group, replica } => {
            out.u8(REMOVE_REPLICA);
            out.u16(group.0);
            out.u64(replica.0);
        }
        MetaCommand::ReformGroup { group, epoch, voters } => {
            out.u8(REFORM_GROUP);
            out.u16(group.0);
            out.u64(*epoch);
            out.u32(voters.len() as u32);
            for (node, incarnation) in voters {
                out.u32(node.0);
                out.u128(*incarnation);
            }
        }
        MetaCommand::AssignSlots { kind, slots, group } => {
            out.u8(ASSIGN_SLOTS);
            out.u8(*kind as u8);
            out.u32(slots.len() as u32);
            slots.iter().for_each(|slot| out.u16(slot.0));
            out.u16(group.0);
        }
        other => unreachable!("{other:?} is written elsewhere"),
    }
}

fn read_placement(number: u8, input: &mut Reader<'_>) -> Result<MetaCommand, LogError> {
    Ok(match number {
        ISSUE_REPLICA => MetaCommand::IssueReplica {
            group: GroupId(input.u16()?),
            node: NodeId(input.u32()?),
            incarnation: input.u128()?,
        },
        SET_VOTER => MetaCommand::SetVoter {
            group: GroupId(input.u16()?),
            replica: ReplicaId(input.u64()?),
            voter: input.bool()?,
        },
        REMOVE_REPLICA => MetaCommand::RemoveReplica {
            group: GroupId(input.u16()?),
            replica: ReplicaId(input.u64()?),
        },
        REFORM_GROUP => MetaCommand::ReformGroup {
            group: GroupId(input.u16()?),
            epoch: input.u64()?,
            voters: input.list(VOTER, |input| Ok((NodeId(input.u32()?), input.u128()?)))?,
        },
        ASSIGN_SLOTS => MetaCommand::AssignSlots {
            kind: read_kind(input)?,
            slots: input.list(size_of::<u16>(), |input| {
                let slot = input.u16()?;
                if slot >= SLOTS {
                    return Err(malformed(format!("slot {slot}")));
                }
                Ok(Slot(slot))
            })?,
            group: GroupId(input.u16()?),
        },
        number => return Err(LogError::UnknownCommand { number }),
    })
}

/// Whether descriptions of nodes name disks. Those of clusters in memory are as the first builds wrote them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Disks {
    Named,
    None,
}

impl Disks {
    pub(super) fn of(named: bool) -> Disks {
        if named { Disks::Named } else { Disks::None }
    }

    pub(super) fn named(self) -> bool {
        self == Disks::Named
    }
}

pub(super) fn write_node(out: &mut Writer, node: &NodeDescription, disks: Disks) {
    for text in [&node.name, &node.zone, &node.peer_address, &node.client_address] {
        out.bytes(text.as_bytes());
    }
    out.u128(node.incarnation);
    if disks.named() {
        out.u128(node.disk);
    }
    out.u32(node.feature_level);
}

pub(super) fn read_node(input: &mut Reader<'_>, disks: Disks) -> Result<NodeDescription, SnapshotError> {
    Ok(NodeDescription {
        name: input.text()?.into(),
        zone: input.text()?.into(),
        peer_address: input.text()?.into(),
        client_address: input.text()?.into(),
        incarnation: input.u128()?,
        disk: if disks.named() { input.u128()? } else { 0 },
        feature_level: input.u32()?,
    })
}

pub(super) fn write_cluster_settings(out: &mut Writer, settings: &ClusterSettings) {
    out.u16(settings.coordination_groups);
    out.u16(settings.cache_groups);
    out.u8(settings.coordination_replicas);
    out.u8(settings.cache_replicas);
    out.bool(settings.durable);
}

pub(super) fn read_cluster_settings(input: &mut Reader<'_>) -> Result<ClusterSettings, SnapshotError> {
    Ok(ClusterSettings {
        coordination_groups: input.u16()?,
        cache_groups: input.u16()?,
        coordination_replicas: input.u8()?,
        cache_replicas: input.u8()?,
        durable: input.bool()?,
    })
}

fn write_given(out: &mut Writer, given: &StoreSettingsGiven) {
    out.option(given.class, |out, class| out.u8(class as u8));
    out.option(given.max_memory, Writer::u64);
    out.option(given.eviction, |out, eviction| out.u8(eviction as u8));
    out.option(given.default_ttl_ms, |out, ttl| out.option(ttl, Writer::u64));
    out.option(given.max_value, Writer::u32);
    out.option(given.hash_tags, Writer::bool);
}

fn read_given(input: &mut Reader<'_>) -> Result<StoreSettingsGiven, SnapshotError> {
    Ok(StoreSettingsGiven {
        class: input.option(read_class)?,
        max_memory: input.option(Reader::u64)?,
        eviction: input.option(read_eviction)?,
        default_ttl_ms: input.option(|input| input.option(Reader::u64))?,
        max_value: input.option(Reader::u32)?,
        hash_tags: input.option(Reader::bool)?,
    })
}
