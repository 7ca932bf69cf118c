//! The meta group's state as bytes, and back.
//!
//! ```text
//! format u16 | applied stamp, revision, next store id | stores by name | cluster? | checksum u64
//! cluster: id, settings, feature level, version, next node id | nodes | groups | slots
//! ```
//! Format 1 had neither the stamp nor a cluster, format 2 no disks; a cluster without disks is still written as 2, which
//! builds of feature level 1 read. Equal states have equal bytes.

use std::collections::BTreeMap;

use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::limits::{FEATURE_LEVEL, SLOTS};
use crate::meta::cluster::{
    Cluster, ClusterNode, GroupId, GroupPlacement, Member, NodeId, ReplicaId, SlotPlacement,
};
use crate::meta::codec::{Disks, read_cluster_settings, read_node, write_cluster_settings, write_node};
use crate::meta::{DefinedStore, MetaMachine};
use crate::settings::StoreId;
use crate::snapshot::{read_settings, write_settings};
use crate::time::Timestamp;

/// The newest snapshot format that this build writes; it reads this one and older ones.
const FORMAT: u16 = 3;
/// The format of what knows no disks.
const WITHOUT_DISKS: u16 = 2;

impl MetaMachine {
    /// The replicated state as bytes; equal states have equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let has_disk = |cluster: &Cluster| cluster.nodes.values().any(|node| node.description.disk != 0);
        let disks = Disks::of(self.cluster.as_ref().is_some_and(has_disk));
        out.u16(if disks.named() { FORMAT } else { WITHOUT_DISKS });
        out.i64(self.applied_at.0);
        out.i64(self.revision);
        out.u32(self.next_id);
        out.u32(self.stores.len() as u32);
        for (name, store) in &self.stores {
            out.bytes(name.as_bytes());
            out.u32(store.id.0);
            write_settings(&mut out, &store.settings);
            out.i64(store.defined_at);
        }
        out.option(self.cluster.as_ref(), |out, cluster| {
            write_cluster(out, cluster, disks)
        });
        out.finish()
    }

    /// What [`MetaMachine::snapshot`] wrote.
    ///
    /// # Errors
    /// Says why the bytes are no such state; never panics on them.
    pub fn restore(bytes: &[u8]) -> Result<MetaMachine, SnapshotError> {
        let mut input = Reader::open(bytes, FORMAT)?;
        let first = bytes.starts_with(&1_u16.to_le_bytes());
        let disks = Disks::of(bytes.starts_with(&FORMAT.to_le_bytes()));
        let applied_at = if first { i64::MIN } else { input.i64()? };
        let mut meta = MetaMachine {
            applied_at: Timestamp(applied_at),
            revision: input.i64()?,
            next_id: input.u32()?,
            stores: BTreeMap::new(),
            cluster: None,
        };
        for _ in 0..input.u32()? {
            let name = input.text()?;
            let store = DefinedStore {
                id: StoreId(input.u32()?),
                settings: read_settings(&mut input)?,
                defined_at: input.i64()?,
            };
            store
                .settings
                .check()
                .map_err(|error| malformed(error.to_string()))?;
            if meta
                .stores
                .last_key_value()
                .is_some_and(|(last, _)| **last >= *name)
            {
                return Err(malformed("stores are out of order"));
            }
            meta.stores.insert(name.into(), store);
        }
        if !first {
            meta.cluster = input.option(|input| read_cluster(input, disks))?;
        }
        input.end()?;
        meta.validate().map_err(malformed)?;
        Ok(meta)
    }
}

fn write_cluster(out: &mut Writer, cluster: &Cluster, disks: Disks) {
    out.u128(cluster.id);
    write_cluster_settings(out, &cluster.settings);
    out.u32(cluster.feature_level);
    out.i64(cluster.version);
    out.u32(cluster.next_node);
    out.u32(cluster.nodes.len() as u32);
    for (id, node) in &cluster.nodes {
        out.u32(id.0);
        write_node(out, &node.description, disks);
        out.bool(node.leaving);
    }
    for placement in &cluster.groups {
        out.u64(placement.epoch);
        out.u64(placement.next_replica);
        out.u32(placement.members.len() as u32);
        for (id, member) in &placement.members {
            out.u64(id.0);
            out.u32(member.node.0);
            out.u128(member.incarnation);
            out.bool(member.voter);
        }
    }
    for slot in cluster.coordination_slots.iter().chain(&cluster.cache_slots) {
        out.u16(slot.group.0);
        out.u64(slot.epoch);
    }
}

fn read_cluster(input: &mut Reader<'_>, disks: Disks) -> Result<Cluster, SnapshotError> {
    let id = input.u128()?;
    let settings = read_cluster_settings(input)?;
    let feature_level = input.u32()?;
    if feature_level > FEATURE_LEVEL {
        return Err(SnapshotError::Unfit("its feature level is newer than this build"));
    }
    let (version, next_node) = (input.i64()?, input.u32()?);
    let mut nodes = BTreeMap::new();
    for _ in 0..input.u32()? {
        let id = NodeId(input.u32()?);
        let node = ClusterNode {
            description: read_node(input, disks)?,
            leaving: input.bool()?,
        };
        insert_in_order(&mut nodes, id, node)?;
    }
    let groups = settings.groups().map(|_| read_group(input));
    let groups = groups.collect::<Result<Vec<_>, _>>()?;
    Ok(Cluster {
        id,
        settings,
        feature_level,
        version,
        next_node,
        nodes,
        groups,
        coordination_slots: read_slots(input)?,
        cache_slots: read_slots(input)?,
    })
}

fn read_group(input: &mut Reader<'_>) -> Result<GroupPlacement, SnapshotError> {
    let mut placement = GroupPlacement {
        epoch: input.u64()?,
        next_replica: input.u64()?,
        members: BTreeMap::new(),
    };
    for _ in 0..input.u32()? {
        let id = ReplicaId(input.u64()?);
        let member = Member {
            node: NodeId(input.u32()?),
            incarnation: input.u128()?,
            voter: input.bool()?,
        };
        insert_in_order(&mut placement.members, id, member)?;
    }
    Ok(placement)
}

fn read_slots(input: &mut Reader<'_>) -> Result<Box<[SlotPlacement]>, SnapshotError> {
    let slot = |_| {
        Ok(SlotPlacement {
            group: GroupId(input.u16()?),
            epoch: input.u64()?,
        })
    };
    (0..SLOTS).map(slot).collect()
}

fn insert_in_order<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), SnapshotError> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(malformed("ids are out of order"));
    }
    map.insert(key, value);
    Ok(())
}
