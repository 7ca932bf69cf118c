//! The meta machine against a naive model: ids are never used again, replicas stay equal, whatever is asked.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::START;
use holdfast_state::*;
use proptest::prelude::*;

const CLUSTER: u128 = 0x00C1_0517;
const SETTINGS: ClusterSettings = ClusterSettings {
    coordination_groups: 2,
    cache_groups: 3,
    coordination_replicas: 3,
    cache_replicas: 2,
    durable: true,
};
const GROUPS: u16 = 6;

fn node(name: u8, incarnation: u128, feature_level: u32) -> NodeDescription {
    NodeDescription {
        name: format!("node-{name}").into(),
        zone: format!("zone-{}", name % 2).into(),
        peer_address: format!("10.0.0.{name}:7861").into(),
        client_address: format!("example.com:{}", 7_000 + u16::from(name)).into(),
        incarnation,
        disk: 0,
        feature_level,
    }
}

fn form(nodes: Vec<NodeDescription>) -> MetaCommand {
    MetaCommand::Form {
        cluster: CLUSTER,
        revision: 1_000_000,
        settings: SETTINGS,
        nodes,
    }
}

fn formed(nodes: u8) -> MetaMachine {
    let mut meta = MetaMachine::new(0);
    let nodes = (1..=nodes).map(|name| node(name, u128::from(name), 1)).collect();
    let outcome = meta.apply(Timestamp(START), &form(nodes));
    assert_eq!(outcome, MetaOutcome::Done { version: 1_000_000 });
    meta.validate().expect("every rule holds");
    meta
}

fn cluster(meta: &MetaMachine) -> &Cluster {
    meta.cluster().expect("it is formed")
}

fn apply(meta: &mut MetaMachine, command: MetaCommand) -> MetaOutcome {
    meta.apply(Timestamp(START), &command)
}

fn entry_of(at: i64, commands: &[MetaCommand]) -> Vec<u8> {
    let mut writer = EntryWriter::new(Timestamp(at), 0);
    commands.iter().for_each(|command| writer.push(&command.encode()));
    writer.finish()
}

#[test]
fn forming_spreads_the_groups_over_the_nodes_and_happens_once() {
    let mut meta = formed(4);
    let map = cluster(&meta);
    assert_eq!(map.nodes().map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    for (group, placement) in map.groups() {
        let voters: Vec<u32> = placement.voters().map(|(_, member)| member.node.0).collect();
        let expected: Vec<u32> = SETTINGS
            .first_voters(group, 4)
            .iter()
            .map(|&place| place as u32 + 1)
            .collect();
        assert_eq!(voters, expected);
        assert_eq!(voters.len(), if group.0 > 2 { 2 } else { 3 });
        assert_eq!(
            (placement.epoch, placement.next_replica),
            (1, voters.len() as u64 + 1)
        );
    }
    assert_eq!(map.slots(GroupKind::Coordination)[3].group, GroupId(2));
    assert_eq!(map.slots(GroupKind::Cache)[4].group, GroupId(4));
    let again = form(vec![node(9, 9, 1)]);
    assert!(matches!(apply(&mut meta, again), MetaOutcome::Done { .. }));
    assert_eq!(cluster(&meta).nodes().len(), 4);
    let other = MetaCommand::Form {
        cluster: 7,
        revision: 0,
        settings: SETTINGS,
        nodes: vec![node(1, 1, 1)],
    };
    let refused = MetaOutcome::Failed(MetaError::AlreadyFormed { cluster: CLUSTER });
    assert_eq!(apply(&mut meta, other), refused);
}

#[test]
fn kinds_of_groups_and_their_numbers_go_both_ways() {
    let mut seen = 0;
    for group in SETTINGS.groups() {
        let (kind, number) = SETTINGS.kind_of(group).expect("it is one of them");
        assert_eq!(SETTINGS.group(kind, number), group);
        seen += 1;
    }
    assert_eq!((seen, SETTINGS.kind_of(GroupId(GROUPS))), (GROUPS, None));
}

#[test]
fn nothing_but_stores_is_there_before_the_cluster_is_formed() {
    let mut meta = MetaMachine::new(0);
    let asked = StoreSettingsGiven::default();
    let settings = StoreSettings::new(StoreClass::Cache, 1 << 20);
    let define = MetaCommand::DefineStore {
        name: "default/a".into(),
        asked,
        settings,
    };
    assert!(matches!(apply(&mut meta, define), MetaOutcome::Store(_)));
    let register = MetaCommand::RegisterNode {
        node: node(1, 1, 1),
        replaces: 0,
    };
    assert_eq!(
        apply(&mut meta, register),
        MetaOutcome::Failed(MetaError::NotFormed)
    );
}

#[test]
fn a_name_belongs_to_the_process_that_knows_whom_it_replaces() {
    let mut meta = formed(3);
    let register = |incarnation, replaces| MetaCommand::RegisterNode {
        node: node(1, incarnation, 1),
        replaces,
    };
    let taken = |incarnation| MetaOutcome::Failed(MetaError::NodeReplaced { incarnation });
    assert_eq!(apply(&mut meta, register(77, 0)), taken(1));
    assert_eq!(apply(&mut meta, register(77, 1)), MetaOutcome::Node(NodeId(1)));
    assert_eq!(
        apply(&mut meta, register(77, 1)),
        MetaOutcome::Node(NodeId(1)),
        "a retry"
    );
    assert_eq!(
        apply(&mut meta, register(1, 0)),
        taken(77),
        "the old process learns that it was replaced"
    );
    let old = MetaCommand::IssueReplica {
        group: GroupId(3),
        node: NodeId(1),
        incarnation: 1,
    };
    assert_eq!(apply(&mut meta, old), MetaOutcome::Failed(MetaError::UnknownNode));
}

#[test]
fn a_group_that_starts_again_gets_a_new_epoch_and_replicas_that_never_were() {
    let mut meta = formed(3);
    let group = GroupId(4);
    let reform = |epoch, voters: &[(u32, u128)]| MetaCommand::ReformGroup {
        group,
        epoch,
        voters: voters
            .iter()
            .map(|&(node, incarnation)| (NodeId(node), incarnation))
            .collect(),
    };
    let conflict = |epoch| MetaOutcome::Failed(MetaError::EpochConflict { epoch });
    assert_eq!(apply(&mut meta, reform(3, &[(2, 2)])), conflict(1));
    let issued = MetaOutcome::Replicas(vec![ReplicaId(3), ReplicaId(4)]);
    assert_eq!(apply(&mut meta, reform(2, &[(2, 2), (3, 3)])), issued);
    let version = cluster(&meta).version;
    assert_eq!(apply(&mut meta, reform(2, &[(2, 2), (3, 3)])), issued, "a retry");
    assert_eq!(cluster(&meta).version, version, "changes nothing");
    assert_eq!(
        apply(&mut meta, reform(2, &[(1, 1)])),
        conflict(2),
        "somebody else's epoch"
    );
    assert_eq!(
        cluster(&meta).group(group).map(|placement| placement.epoch),
        Some(2)
    );
}

#[test]
fn a_feature_level_waits_for_every_node_and_older_builds_are_refused_behind_it() {
    let mut meta = formed(3);
    let raise = |level| MetaCommand::RaiseFeatureLevel { level };
    let next = FEATURE_LEVEL + 1;
    let refused = MetaOutcome::Failed(MetaError::FeatureLevel {
        level: next,
        newest: 1,
    });
    assert_eq!(apply(&mut meta, raise(next)), refused);
    for name in 1..=3 {
        let newer = MetaCommand::RegisterNode {
            node: node(name, u128::from(name), next),
            replaces: 0,
        };
        assert_eq!(
            apply(&mut meta, newer),
            MetaOutcome::Node(NodeId(u32::from(name)))
        );
    }
    // This build does not know the level: the replica stops, where a newer one goes on.
    let bytes = entry_of(START, &[raise(next)]);
    let mut newer = meta.clone();
    let entry = LogEntry::decode(&bytes).expect("it was just written");
    let stopped = newer.apply_entry(&entry);
    assert_eq!(
        stopped,
        Err(LogError::FeatureLevel {
            level: next,
            newest: FEATURE_LEVEL
        })
    );
    assert!(matches!(apply(&mut meta, raise(next)), MetaOutcome::Done { .. }));
    let old = MetaCommand::RegisterNode {
        node: node(5, 5, 1),
        replaces: 0,
    };
    assert_eq!(apply(&mut meta, old), refused);
}

#[test]
fn slots_change_their_owner_once_however_often_it_is_asked() {
    let mut meta = formed(3);
    let assign = |kind, group| MetaCommand::AssignSlots {
        kind,
        slots: vec![Slot(0), Slot(1), Slot(0)],
        group: GroupId(group),
    };
    for _ in 0..2 {
        assert!(matches!(
            apply(&mut meta, assign(GroupKind::Cache, 3)),
            MetaOutcome::Done { .. }
        ));
    }
    let slots = cluster(&meta).slots(GroupKind::Cache);
    let placed = |slot: usize| (slots[slot].group.0, slots[slot].epoch);
    assert_eq!((placed(0), placed(1), placed(2)), ((3, 0), (3, 1), (5, 0)));
    let unfit = MetaOutcome::Failed(MetaError::UnknownSlot);
    assert_eq!(apply(&mut meta, assign(GroupKind::Coordination, 3)), unfit);
}

/// What the model knows: lists, searched from end to end.
#[derive(Default)]
struct Model {
    nodes: Vec<(NodeId, NodeDescription, bool)>,
    /// (group, replica, node, incarnation, votes)
    members: Vec<(GroupId, ReplicaId, NodeId, u128, bool)>,
    epochs: BTreeMap<GroupId, u64>,
    issued: BTreeSet<(GroupId, ReplicaId)>,
    nodes_ever: BTreeSet<NodeId>,
    slots: BTreeMap<(bool, u16), (GroupId, u64)>,
    level: u32,
}

impl Model {
    fn new(meta: &MetaMachine) -> Model {
        let map = cluster(meta);
        let mut model = Model {
            level: 1,
            ..Model::default()
        };
        for (id, node) in map.nodes() {
            model.nodes.push((id, node.description.clone(), false));
            model.nodes_ever.insert(id);
        }
        for (group, placement) in map.groups() {
            model.epochs.insert(group, 1);
            for (id, member) in &placement.members {
                model
                    .members
                    .push((group, *id, member.node, member.incarnation, member.voter));
                model.issued.insert((group, *id));
            }
        }
        for kind in [GroupKind::Coordination, GroupKind::Cache] {
            for (slot, placed) in map.slots(kind).iter().enumerate() {
                model
                    .slots
                    .insert((kind == GroupKind::Cache, slot as u16), (placed.group, 0));
            }
        }
        model
    }

    fn is_process(&self, node: NodeId, incarnation: u128) -> bool {
        self.nodes
            .iter()
            .any(|(id, known, _)| *id == node && known.incarnation == incarnation)
    }

    fn voters_without(&self, group: GroupId, replica: ReplicaId) -> usize {
        let others = self
            .members
            .iter()
            .filter(|m| m.0 == group && m.1 != replica && m.4);
        others.count()
    }

    /// What the machine answered, as the model sees it.
    fn apply(&mut self, command: &MetaCommand, outcome: &MetaOutcome) {
        let failed = matches!(outcome, MetaOutcome::Failed(_));
        match command {
            MetaCommand::RegisterNode { node, replaces } => self.register(node, *replaces, outcome),
            MetaCommand::SetLeaving { node, leaving } => {
                let known = self.nodes.iter_mut().find(|known| known.0 == *node);
                assert_eq!(failed, known.is_none());
                known.into_iter().for_each(|known| known.2 = *leaving);
            }
            MetaCommand::RemoveNode { node } => {
                assert_eq!(failed, self.members.iter().any(|member| member.2 == *node));
                if !failed {
                    self.nodes.retain(|known| known.0 != *node);
                }
            }
            MetaCommand::IssueReplica {
                group,
                node,
                incarnation,
            } => {
                let fits = group.0 < GROUPS && self.is_process(*node, *incarnation);
                assert_eq!(failed, !fits, "{outcome:?}");
                let MetaOutcome::Replica(replica) = *outcome else {
                    return;
                };
                let mut same = self
                    .members
                    .iter()
                    .filter(|m| (m.0, m.2, m.3) == (*group, *node, *incarnation));
                match same.next() {
                    Some(known) => assert_eq!(known.1, replica),
                    None => {
                        assert!(self.issued.insert((*group, replica)), "never issued before");
                        self.members.push((*group, replica, *node, *incarnation, false));
                    }
                }
            }
            MetaCommand::SetVoter {
                group,
                replica,
                voter,
            } => {
                let others = self.voters_without(*group, *replica);
                let known = self.members.iter_mut().find(|m| (m.0, m.1) == (*group, *replica));
                assert_eq!(failed, known.is_none() || (!voter && others == 0));
                known
                    .filter(|_| !failed)
                    .into_iter()
                    .for_each(|known| known.4 = *voter);
            }
            MetaCommand::RemoveReplica { group, replica } => {
                assert_eq!(failed, self.voters_without(*group, *replica) == 0);
                if !failed {
                    self.members.retain(|m| (m.0, m.1) != (*group, *replica));
                }
            }
            MetaCommand::ReformGroup { group, epoch, voters } => self.reform(*group, *epoch, voters, outcome),
            MetaCommand::AssignSlots { kind, slots, group } => {
                let fits = SETTINGS
                    .kind_of(*group)
                    .is_some_and(|(of_group, _)| of_group == *kind);
                assert_eq!(failed, !fits || *kind == GroupKind::Meta && !slots.is_empty());
                for slot in slots.iter().filter(|_| !failed) {
                    let placed = self.slots.get_mut(&(*kind == GroupKind::Cache, slot.0));
                    let placed = placed.expect("it is a slot");
                    if placed.0 != *group {
                        *placed = (*group, placed.1 + 1);
                    }
                }
            }
            MetaCommand::RaiseFeatureLevel { level } => {
                assert_eq!(
                    failed,
                    self.nodes.iter().any(|known| known.1.feature_level < *level)
                );
                self.level = if failed {
                    self.level
                } else {
                    self.level.max(*level)
                };
            }
            MetaCommand::Form { .. } | MetaCommand::DefineStore { .. } => {}
        }
    }

    fn register(&mut self, node: &NodeDescription, replaces: u128, outcome: &MetaOutcome) {
        let known = self.nodes.iter_mut().find(|known| known.1.name == node.name);
        let fits = node.feature_level >= self.level
            && match &known {
                None => replaces == 0,
                Some(known) => [node.incarnation, replaces].contains(&known.1.incarnation),
            };
        let MetaOutcome::Node(id) = *outcome else {
            return assert!(!fits, "{outcome:?}");
        };
        assert!(fits);
        match known {
            Some(known) => {
                assert_eq!(known.0, id);
                known.2 &= known.1.incarnation == node.incarnation;
                known.1 = node.clone();
            }
            None => {
                assert!(self.nodes_ever.insert(id), "never used before");
                self.nodes.push((id, node.clone(), false));
            }
        }
    }

    fn reform(&mut self, group: GroupId, epoch: u64, voters: &[(NodeId, u128)], outcome: &MetaOutcome) {
        let MetaOutcome::Replicas(replicas) = outcome else {
            return;
        };
        assert_eq!(replicas.len(), voters.len());
        assert!(voters.iter().all(|voter| self.is_process(voter.0, voter.1)));
        let known = self.epochs.get_mut(&group).expect("it is a group");
        if *known == epoch {
            return;
        }
        assert_eq!(*known + 1, epoch);
        *known = epoch;
        self.members.retain(|member| member.0 != group);
        for (replica, voter) in replicas.iter().zip(voters) {
            assert!(self.issued.insert((group, *replica)), "never issued before");
            self.members.push((group, *replica, voter.0, voter.1, true));
        }
    }

    fn compare(&self, map: &Cluster) {
        let mut nodes = self.nodes.clone();
        nodes.sort_by_key(|known| known.0);
        let found: Vec<_> = map
            .nodes()
            .map(|(id, node)| (id, node.description.clone(), node.leaving))
            .collect();
        assert_eq!(found, nodes);
        let mut members = self.members.clone();
        members.sort_unstable();
        let of_group = |(group, placement): (GroupId, &GroupPlacement)| {
            let member = |(id, m): (&ReplicaId, &Member)| (group, *id, m.node, m.incarnation, m.voter);
            placement.members.iter().map(member).collect::<Vec<_>>()
        };
        assert_eq!(map.groups().flat_map(of_group).collect::<Vec<_>>(), members);
        assert!(
            map.groups()
                .all(|(group, placement)| self.epochs[&group] == placement.epoch)
        );
        for (&(cache, slot), &(group, epoch)) in &self.slots {
            let kind = if cache {
                GroupKind::Cache
            } else {
                GroupKind::Coordination
            };
            assert_eq!(map.slots(kind)[usize::from(slot)], SlotPlacement { group, epoch });
        }
        assert_eq!(map.feature_level, self.level);
    }
}

fn command() -> impl Strategy<Value = MetaCommand> {
    let small = || 0..4_u128;
    let group = || (0..GROUPS + 1).prop_map(GroupId);
    let node_id = || (1..8_u32).prop_map(NodeId);
    let replica = || (1..8_u64).prop_map(ReplicaId);
    let incarnation = || prop_oneof![2 => 1..5_u128, 1 => 10..13_u128];
    let kind = prop_oneof![
        Just(GroupKind::Meta),
        Just(GroupKind::Coordination),
        Just(GroupKind::Cache)
    ];
    prop_oneof![
        4 => (1..6_u8, incarnation(), prop_oneof![small(), incarnation()], 1..3_u32).prop_map(
            |(name, incarnation, replaces, level)| MetaCommand::RegisterNode {
                node: node(name, incarnation, level),
                replaces,
            }
        ),
        1 => (node_id(), any::<bool>()).prop_map(|(node, leaving)| MetaCommand::SetLeaving { node, leaving }),
        1 => node_id().prop_map(|node| MetaCommand::RemoveNode { node }),
        5 => (group(), node_id(), incarnation())
            .prop_map(|(group, node, incarnation)| MetaCommand::IssueReplica { group, node, incarnation }),
        4 => (group(), replica(), any::<bool>())
            .prop_map(|(group, replica, voter)| MetaCommand::SetVoter { group, replica, voter }),
        4 => (group(), replica()).prop_map(|(group, replica)| MetaCommand::RemoveReplica { group, replica }),
        2 => (group(), 1..4_u64, prop::collection::vec((node_id(), incarnation()), 0..3))
            .prop_map(|(group, epoch, voters)| MetaCommand::ReformGroup { group, epoch, voters }),
        2 => (kind, prop::collection::vec((0..1024_u16).prop_map(Slot), 0..6), group())
            .prop_map(|(kind, slots, group)| MetaCommand::AssignSlots { kind, slots, group }),
        1 => (0..3_u32).prop_map(|level| MetaCommand::RaiseFeatureLevel { level }),
        1 => (0..3_u8, any::<bool>()).prop_map(|(name, cache)| {
            let class = if cache { StoreClass::Cache } else { StoreClass::Coordination };
            MetaCommand::DefineStore {
                name: format!("default/{name}").into(),
                asked: StoreSettingsGiven {
                    class: Some(class),
                    default_ttl_ms: Some(None),
                    ..StoreSettingsGiven::default()
                },
                settings: StoreSettings::new(class, 1 << 20),
            }
        }),
        1 => Just(form(vec![node(1, 1, 1)])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_model_does_and_its_replicas_with_it(
        entries in prop::collection::vec(prop::collection::vec(command(), 1..4), 1..20),
        restored in any::<u32>(),
    ) {
        let mut meta = formed(3);
        let mut replica = meta.clone();
        let mut model = Model::new(&meta);
        for (number, commands) in entries.iter().enumerate() {
            let bytes = entry_of(START + number as i64, commands);
            let entry = LogEntry::decode(&bytes).expect("it was just written");
            let outcomes = meta.apply_entry(&entry);
            prop_assert_eq!(&replica.apply_entry(&entry), &outcomes);
            let outcomes = match outcomes {
                Ok(outcomes) => outcomes,
                // Level 2 was reached: this build stops.
                Err(LogError::FeatureLevel { level: 2, .. }) => return Ok(()),
                Err(other) => panic!("{other:?}"),
            };
            for (command, outcome) in commands.iter().zip(&outcomes) {
                model.apply(command, outcome);
            }
            model.compare(cluster(&meta));
            prop_assert_eq!(meta.validate(), Ok(()));
            if restored >> (number % 32) & 1 == 1 {
                replica = MetaMachine::restore(&replica.snapshot()).expect("a good snapshot");
            }
            prop_assert!(meta.snapshot() == replica.snapshot());
        }
    }

    #[test]
    fn commands_read_back_and_no_bytes_make_the_decoder_panic(command in command(), flip: u16, to: u8, cut: u16) {
        let bytes = command.encode();
        prop_assert_eq!(MetaCommand::decode(&bytes), Ok(command));
        prop_assert!(Command::decode(&bytes).is_err(), "data groups refuse it");
        prop_assert!(MetaCommand::decode(&bytes[..usize::from(cut) % bytes.len()]).is_err());
        let mut damaged = bytes.clone();
        damaged[usize::from(flip) % bytes.len()] = to;
        if let Ok(read) = MetaCommand::decode(&damaged) {
            prop_assert_eq!(read.encode(), damaged);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_restore_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        head_only: bool,
    ) {
        let mut bytes = GOLDEN_SNAPSHOT.to_vec();
        // Slots fill most of it: what comes before them is the point.
        let length = if head_only { bytes.len().min(1_200) } else { bytes.len() };
        for (place, byte) in &changes {
            bytes[place.index(length)] = *byte;
        }
        let end = bytes.len() - 8;
        let cut = if head_only { end } else { cut.index(end) };
        for end in [end, cut] {
            let mut sealed = bytes[..end].to_vec();
            sealed.extend(xxhash_rust::xxh3::xxh3_64(&bytes[..end]).to_le_bytes());
            if let Ok(meta) = MetaMachine::restore(&sealed) {
                prop_assert_eq!(meta.validate(), Ok(()));
                prop_assert!(meta.snapshot() == sealed, "one state, one snapshot");
            }
        }
    }
}

/// Every command, as the first build wrote it, and the state that comes of them.
/// Three nodes with the disks 11, 12 and 13.
fn formed_on_disks() -> (MetaMachine, Vec<u8>) {
    let on_disk = |name: u8| NodeDescription {
        disk: 10 + u128::from(name),
        ..node(name, u128::from(name), 2)
    };
    let mut meta = MetaMachine::new(0);
    let commands = [
        form((1..=3).map(on_disk).collect()),
        MetaCommand::RegisterNode {
            node: NodeDescription {
                incarnation: 20,
                ..on_disk(1)
            },
            replaces: 1,
        },
    ];
    let entry = entry_of(START, &commands);
    meta.apply_entry(&LogEntry::decode(&entry).expect("it was just written"))
        .expect("all are known");
    meta.validate().expect("every rule holds");
    (meta, entry)
}

#[test]
fn a_replica_on_disk_belongs_to_the_disk_and_one_in_memory_to_the_process() {
    let (mut meta, _) = formed_on_disks();
    let node = NodeId(1);
    let has = |meta: &MetaMachine, group| {
        let cluster = cluster(meta);
        let home = cluster.home(node, group).expect("it is known");
        cluster
            .group(group)
            .and_then(|placement| placement.replica_of(node, home))
    };
    let (coordination, cache) = (GroupId(1), GroupId(3));
    assert!(has(&meta, GroupId::META).is_some() && has(&meta, coordination).is_some());
    // The process that had this one is gone.
    assert_eq!(has(&meta, cache), None);
    let issue = |incarnation| MetaCommand::IssueReplica {
        group: coordination,
        node,
        incarnation,
    };
    assert_eq!(
        apply(&mut meta, issue(20)),
        MetaOutcome::Failed(MetaError::UnknownNode)
    );
    // The same node with an emptied directory.
    let before = has(&meta, coordination);
    let mut emptied = cluster(&meta)
        .node(node)
        .expect("it is there")
        .description
        .clone();
    (emptied.incarnation, emptied.disk) = (21, 31);
    let register = MetaCommand::RegisterNode {
        node: emptied,
        replaces: 20,
    };
    assert_eq!(apply(&mut meta, register), MetaOutcome::Node(node));
    assert_eq!(has(&meta, coordination), None);
    let MetaOutcome::Replica(new) = apply(&mut meta, issue(31)) else {
        panic!("the node's present disk is refused");
    };
    assert!(Some(new) > before, "ids are never used again");
    meta.validate().expect("every rule holds");
}

#[test]
fn a_build_that_knows_no_disks_is_refused_on_one() {
    let mut meta = MetaMachine::new(0);
    let old = NodeDescription {
        disk: 11,
        ..node(1, 1, 1)
    };
    let outcome = apply(&mut meta, form(vec![old]));
    assert!(
        matches!(outcome, MetaOutcome::Failed(MetaError::Unfit { .. })),
        "{outcome:?}"
    );
}

const GOLDEN_LOG_2: &[u8] = include_bytes!("meta_log_2.bin");
const GOLDEN_SNAPSHOT_3: &[u8] = include_bytes!("meta_snapshot_3.bin");

#[test]
fn logs_and_snapshots_with_disks_stay_as_they_were_published() {
    let (meta, log) = formed_on_disks();
    if std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        std::fs::write(format!("{tests}/meta_log_2.bin"), &log).expect("the golden file is written");
        std::fs::write(format!("{tests}/meta_snapshot_3.bin"), meta.snapshot()).expect("as above");
    }
    assert!(log == GOLDEN_LOG_2 && meta.snapshot() == GOLDEN_SNAPSHOT_3);
    assert_eq!(MetaMachine::restore(GOLDEN_SNAPSHOT_3), Ok(meta));
}

const GOLDEN_LOG: &[u8] = include_bytes!("meta_log_1.bin");
const GOLDEN_SNAPSHOT: &[u8] = include_bytes!("meta_snapshot_2.bin");

fn golden() -> Vec<MetaCommand> {
    let group = GroupId(4);
    vec![
        form((1..=3).map(|name| node(name, u128::from(name), 1)).collect()),
        MetaCommand::RegisterNode {
            node: node(4, 4, 1),
            replaces: 0,
        },
        MetaCommand::SetLeaving {
            node: NodeId(2),
            leaving: true,
        },
        MetaCommand::IssueReplica {
            group,
            node: NodeId(4),
            incarnation: 4,
        },
        MetaCommand::SetVoter {
            group,
            replica: ReplicaId(3),
            voter: true,
        },
        MetaCommand::RemoveReplica {
            group,
            replica: ReplicaId(2),
        },
        MetaCommand::RemoveNode { node: NodeId(9) },
        MetaCommand::ReformGroup {
            group: GroupId(5),
            epoch: 2,
            voters: vec![(NodeId(1), 1), (NodeId(4), 4)],
        },
        MetaCommand::AssignSlots {
            kind: GroupKind::Cache,
            slots: vec![Slot(7), Slot(1023)],
            group,
        },
        MetaCommand::DefineStore {
            name: "default/golden".into(),
            asked: StoreSettingsGiven {
                class: Some(StoreClass::Cache),
                max_memory: Some(1 << 20),
                eviction: Some(Eviction::S3Fifo),
                default_ttl_ms: Some(Some(60_000)),
                max_value: Some(65_536),
                hash_tags: Some(true),
            },
            settings: StoreSettings {
                default_ttl_ms: Some(60_000),
                hash_tags: true,
                ..StoreSettings::new(StoreClass::Cache, 1 << 20)
            },
        },
        MetaCommand::RaiseFeatureLevel { level: 1 },
    ]
}

#[test]
fn the_formats_of_the_meta_group_stay_as_they_were_published() {
    let written = entry_of(START, &golden());
    let mut meta = MetaMachine::new(0);
    let entry = LogEntry::decode(&written).expect("it was just written");
    let outcomes = meta.apply_entry(&entry).expect("all are known");
    assert!(
        !outcomes
            .iter()
            .any(|outcome| matches!(outcome, MetaOutcome::Failed(_))),
        "{outcomes:?}"
    );
    let snapshot = meta.snapshot();
    if std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
        std::fs::write(format!("{tests}/meta_log_1.bin"), &written).expect("the golden file is written");
        std::fs::write(format!("{tests}/meta_snapshot_2.bin"), &snapshot).expect("as above");
    }
    assert!(written == GOLDEN_LOG && snapshot == GOLDEN_SNAPSHOT);
    let mut meta = MetaMachine::new(0);
    meta.apply_entry(&LogEntry::decode(GOLDEN_LOG).expect("it is readable"))
        .expect("all are known");
    assert_eq!(MetaMachine::restore(GOLDEN_SNAPSHOT), Ok(meta));
}
