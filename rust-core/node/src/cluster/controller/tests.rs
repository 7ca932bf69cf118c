use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast_state::{
    ClusterSettings, GroupId, MetaCommand, MetaMachine, MetaOutcome, NodeDescription, NodeId, ReplicaId,
    Timestamp,
};

use super::{DEAD_AFTER, GroupView, Step, begin_again, step};

const GROUPS: [GroupId; 4] = [GroupId(0), GroupId(1), GroupId(2), GroupId(3)];

/// A cluster's groups as their leaders see them, and the meta group, where everything happens at once.
struct World {
    meta: MetaMachine,
    groups: BTreeMap<GroupId, GroupView>,
    /// Which process runs at a node.
    running: BTreeMap<NodeId, u128>,
    changes: usize,
}

fn description(node: u32, incarnation: u128) -> NodeDescription {
    NodeDescription {
        name: format!("n{node}").into(),
        zone: "".into(),
        peer_address: format!("h{node}:1").into(),
        client_address: format!("h{node}:1").into(),
        incarnation,
        disk: 0,
        feature_level: 1,
    }
}

impl World {
    fn formed(nodes: u32) -> World {
        let mut meta = MetaMachine::new(0);
        let form = MetaCommand::Form {
            cluster: 7,
            revision: 1,
            settings: ClusterSettings {
                coordination_groups: 1,
                cache_groups: 2,
                coordination_replicas: 3,
                cache_replicas: 3,
                durable: false,
            },
            nodes: (1..=nodes)
                .map(|node| description(node, u128::from(node)))
                .collect(),
        };
        assert!(matches!(
            meta.apply(Timestamp(0), &form),
            MetaOutcome::Done { .. }
        ));
        let cluster = meta.cluster().expect("it is formed");
        let view = |group: GroupId| {
            let members = &cluster.group(group).expect("it is one").members;
            let voters: BTreeSet<ReplicaId> = members.keys().copied().collect();
            GroupView {
                own: *voters.first().expect("there are some"),
                version: 1,
                caught_up: voters.clone(),
                voters,
                ..GroupView::default()
            }
        };
        World {
            groups: GROUPS.iter().map(|group| (*group, view(*group))).collect(),
            running: (1..=nodes).map(|node| (NodeId(node), u128::from(node))).collect(),
            meta,
            changes: 0,
        }
    }

    fn propose(&mut self, command: &MetaCommand) -> MetaOutcome {
        let outcome = self.meta.apply(Timestamp(0), command);
        assert!(
            !matches!(outcome, MetaOutcome::Failed(_)),
            "{command:?}: {outcome:?}"
        );
        outcome
    }

    /// The process of a node ends and another one, of this incarnation, comes back in its place.
    fn restart(&mut self, node: u32, incarnation: u128) {
        let replaces = self.running.insert(NodeId(node), incarnation).unwrap_or_default();
        self.propose(&MetaCommand::RegisterNode {
            node: description(node, incarnation),
            replaces,
        });
    }

    fn incarnation_of(&self, group: GroupId, replica: ReplicaId) -> Option<(NodeId, u128)> {
        let member = self.meta.cluster()?.group(group)?.members.get(&replica)?;
        Some((member.node, member.incarnation))
    }

    fn lives(&self, group: GroupId, replica: ReplicaId) -> bool {
        self.incarnation_of(group, replica)
            .is_some_and(|(node, incarnation)| self.running.get(&node) == Some(&incarnation))
    }

    /// One step of one group; false when there is nothing to do.
    fn step(&mut self, group: GroupId) -> bool {
        let members: Vec<ReplicaId> = {
            let view = &self.groups[&group];
            view.voters.union(&view.learners).copied().collect()
        };
        let living: BTreeSet<ReplicaId> = members
            .into_iter()
            .filter(|replica| self.lives(group, *replica))
            .collect();
        let view = self.groups.get_mut(&group).expect("it is one");
        view.caught_up.clone_from(&living);
        if !living.contains(&view.own) {
            view.own = *view
                .voters
                .iter()
                .find(|id| living.contains(id))
                .expect("a quorum lives");
        }
        let cluster = self.meta.cluster().expect("it is formed");
        let Some(next) = step(cluster, group, view) else {
            return false;
        };
        match next {
            Step::Propose(command) => drop(self.propose(&command)),
            Step::AddLearner(replica, _) => {
                assert!(view.learners.insert(replica) && !view.voters.contains(&replica));
            }
            Step::RemoveLearners(replicas) => {
                assert!(replicas.is_subset(&view.learners));
                view.learners.retain(|id| !replicas.contains(id));
            }
            Step::ChangeVoters(voters) => {
                assert!(
                    voters.difference(&view.voters).count() <= 1,
                    "one comes at a time"
                );
                assert!(view.voters.difference(&voters).count() <= 1, "one goes at a time");
                assert!(
                    voters
                        .iter()
                        .all(|id| view.voters.contains(id) || view.learners.contains(id))
                );
                view.learners.retain(|id| !voters.contains(id));
                view.voters = voters;
                view.joint = false;
                self.changes += 1;
            }
            Step::MoveMember(..) => panic!("nobody moves here"),
            Step::TransferLeader(replica) => {
                assert!(view.voters.contains(&replica));
                view.own = replica;
            }
        }
        let view = self.groups.get_mut(&group).expect("it is one");
        view.version += 1;
        let quorum = view.voters.iter().copied().collect::<Vec<_>>();
        let living = quorum.iter().filter(|id| self.lives(group, **id)).count();
        assert!(2 * living > quorum.len(), "{group:?} has lost its quorum");
        true
    }

    /// Goes on until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..200 {
            let busy = GROUPS.iter().filter(|group| self.step(**group)).count();
            if busy == 0 {
                return;
            }
        }
        panic!("there always is something to do: {:?}", self.groups);
    }

    fn check_whole(&self, voters: usize) {
        let cluster = self.meta.cluster().expect("it is formed");
        for (group, view) in &self.groups {
            assert_eq!(view.voters.len(), voters, "{group:?}");
            assert!(view.voters.iter().all(|id| self.lives(*group, *id)), "{group:?}");
            let recorded = cluster.group(*group).expect("it is one");
            let known: BTreeSet<ReplicaId> = recorded.voters().map(|(id, _)| id).collect();
            assert_eq!(known, view.voters, "{group:?}");
            assert!(recorded.members.len() <= voters + usize::from(*group == GroupId::META));
        }
    }

    fn leaders(&self) -> BTreeMap<NodeId, usize> {
        let mut leaders = BTreeMap::new();
        for (group, view) in &self.groups {
            let (node, _) = self
                .incarnation_of(*group, view.own)
                .expect("a leader is a member");
            *leaders.entry(node).or_default() += 1;
        }
        leaders
    }
}

#[test]
fn a_whole_cluster_needs_no_step_but_the_spreading_of_its_leaders() {
    let mut world = World::formed(3);
    world.settle();
    assert_eq!(world.changes, 0);
    world.check_whole(3);
    assert_eq!(world.leaders().len(), 3);
}

#[test]
fn a_memory_only_node_that_restarted_replaces_its_old_self_everywhere_and_leads_again() {
    let mut world = World::formed(3);
    world.settle();
    world.restart(2, 22);
    world.settle();
    world.check_whole(3);
    assert_eq!(world.changes, GROUPS.len());
    assert_eq!(world.leaders().len(), 3);
}

#[test]
fn a_process_that_dies_while_it_replaces_its_former_self_is_replaced_by_the_next() {
    for after in 0..30 {
        let mut world = World::formed(3);
        world.settle();
        world.restart(3, 33);
        for _ in 0..after {
            for group in GROUPS {
                world.step(group);
            }
        }
        world.restart(3, 333);
        world.settle();
        world.check_whole(3);
    }
}

#[test]
fn a_dead_node_is_replaced_by_a_new_one_and_not_before_it_is_dead_for_long() {
    let mut world = World::formed(3);
    world.settle();
    world.running.remove(&NodeId(1));
    let silence = |world: &mut World, by: Duration| {
        for (group, view) in &mut world.groups {
            let cluster = world.meta.cluster().expect("it is formed");
            let members = &cluster.group(*group).expect("it is one").members;
            let dead = members.iter().filter(|(_, member)| member.node == NodeId(1));
            view.silent = dead.map(|(id, _)| (*id, by)).collect();
        }
    };
    world.running.insert(NodeId(4), 4);
    world.propose(&MetaCommand::RegisterNode {
        node: description(4, 4),
        replaces: 0,
    });
    silence(&mut world, DEAD_AFTER / 2);
    world.settle();
    assert_eq!(world.changes, 0);
    silence(&mut world, DEAD_AFTER);
    world.settle();
    world.check_whole(3);
    assert_eq!(world.changes, GROUPS.len());
}

#[test]
fn a_dead_node_without_anybody_in_its_place_stays_a_member() {
    let mut world = World::formed(3);
    world.settle();
    world.running.remove(&NodeId(1));
    for view in world.groups.values_mut() {
        view.silent = view.voters.iter().map(|id| (*id, DEAD_AFTER)).take(1).collect();
    }
    let before: Vec<_> = world.groups.values().map(|view| view.voters.clone()).collect();
    world.settle();
    let after: Vec<_> = world.groups.values().map(|view| view.voters.clone()).collect();
    assert_eq!(before, after);
}

#[test]
fn a_change_that_lost_its_leader_in_the_middle_is_finished() {
    let mut world = World::formed(3);
    world.settle();
    world.restart(2, 22);
    let group = GroupId(1);
    while world.groups[&group].learners.is_empty() {
        assert!(world.step(group));
    }
    let view = world.groups.get_mut(&group).expect("it is one");
    let learner = view.learners.pop_first().expect("there is one");
    view.voters.insert(learner);
    view.joint = true;
    world.settle();
    world.check_whole(3);
}

#[test]
fn a_group_whose_first_process_is_gone_begins_again_with_the_present_ones() {
    let mut world = World::formed(3);
    let group = GroupId(1);
    let begins = |world: &World| begin_again(world.meta.cluster().expect("it is formed"), group);
    assert_eq!(begins(&world), None);
    let first = *world.groups[&group].voters.first().expect("there are some");
    let (node, _) = world.incarnation_of(group, first).expect("it is a member");
    world.restart(node.0, 99);
    let reform = begins(&world).expect("its first process is gone");
    assert!(matches!(world.propose(&reform), MetaOutcome::Replicas(ids) if ids.len() == 3));
    assert_eq!(begins(&world), None);
}

#[test]
fn a_node_that_leaves_gives_its_replicas_to_another() {
    let mut world = World::formed(4);
    world.settle();
    let group = GroupId(1);
    let first = *world.groups[&group].voters.first().expect("there are some");
    let (node, _) = world.incarnation_of(group, first).expect("it is a member");
    world.propose(&MetaCommand::SetLeaving { node, leaving: true });
    world.settle();
    world.check_whole(3);
    let cluster = world.meta.cluster().expect("it is formed");
    let holds = cluster.group(group).expect("it is one").members.values();
    assert!(holds.into_iter().all(|member| member.node != node));
}
