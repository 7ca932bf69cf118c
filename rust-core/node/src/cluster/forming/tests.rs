use proptest::prelude::*;

use super::simulation::World;
use super::{Action, Forming, Founder, Standing};
use holdfast_replication::raft::ClusterId;

use crate::cluster::names::Incarnation;

/// Rounds after which everybody must be where he belongs.
const ENOUGH: usize = 12;

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, place| {
        let mut order = order.clone();
        order.insert(place, count - 1);
        order
    };
    let places = |order: &Vec<usize>| (0..count).map(|place| insert(order, place)).collect::<Vec<_>>();
    shorter.iter().flat_map(places).collect()
}

fn started(count: usize) -> World {
    let mut world = World::new(count, false);
    (0..count).for_each(|node| world.start(node));
    world
}

#[test]
fn nodes_that_start_in_any_order_form_one_cluster() {
    for count in [1, 3, 4] {
        for order in permutations(count) {
            let mut world = World::new(count, false);
            for node in order {
                assert_eq!(world.common(), None);
                world.start(node);
                world.settle(1);
            }
            world.settle(ENOUGH);
            assert!(world.common().is_some());
            assert_eq!(world.initialized.len(), 1);
        }
    }
}

#[test]
fn a_majority_that_answers_is_not_enough_to_form() {
    let mut world = World::new(3, false);
    world.start(0);
    world.start(1);
    world.settle(ENOUGH);
    assert!(world.initialized.is_empty());
    world.start(2);
    world.settle(ENOUGH);
    assert!(world.common().is_some());
}

#[test]
fn nodes_with_different_lists_form_nothing() {
    let mut world = World::new(3, false);
    world.start(0);
    world.start(1);
    let other: Vec<String> = [0, 2].into_iter().map(|node| world.name(node)).collect();
    world.start_with(2, &other);
    world.settle(ENOUGH);
    assert!(world.initialized.is_empty());
}

#[test]
fn each_node_may_restart_at_each_moment_of_forming() {
    // After so many deliveries one node restarts.
    for node in 0..3 {
        for moment in 0..60 {
            let mut world = started(3);
            let mut deliveries = 0;
            for _ in 0..ENOUGH {
                for index in world.running() {
                    world.ask(index);
                    world.lead(index);
                }
                while !world.network.is_empty() {
                    world.deliver(0);
                    deliveries += 1;
                    if deliveries == moment {
                        world.start(node);
                    }
                }
                for index in world.running() {
                    world.look(index);
                }
            }
            world.settle(ENOUGH);
            assert!(world.common().is_some(), "node {node} after {moment} deliveries");
        }
    }
}

#[test]
fn a_restarted_node_of_a_formed_cluster_joins_it_and_forms_nothing() {
    for node in 0..3 {
        let mut world = started(3);
        world.settle(ENOUGH);
        let formed = world.common();
        assert!(formed.is_some());
        world.start(node);
        world.settle(ENOUGH);
        assert_eq!(world.common(), formed);
        assert_eq!(world.initialized.len(), 1);
    }
}

#[test]
fn a_cluster_of_memory_that_restarts_as_a_whole_forms_anew() {
    let mut world = started(3);
    world.settle(ENOUGH);
    let before = world.common();
    (0..3).for_each(|node| world.stop(node));
    (0..3).for_each(|node| world.start(node));
    world.settle(ENOUGH);
    assert!(world.common().is_some());
    assert_ne!(world.common(), before);
}

#[test]
fn a_survivor_of_a_lost_majority_keeps_the_others_from_forming() {
    let mut world = started(3);
    world.settle(ENOUGH);
    world.start(0);
    world.start(1);
    world.settle(ENOUGH);
    assert_eq!(world.initialized.len(), 1);
    assert!(world.has_lost_majority());
}

#[test]
fn durable_nodes_that_restart_are_what_they_were() {
    let mut world = World::new(3, true);
    (0..3).for_each(|node| world.start(node));
    world.settle(ENOUGH);
    let formed = world.common();
    assert!(formed.is_some());
    (0..3).for_each(|node| world.start(node));
    world.settle(ENOUGH);
    assert_eq!(world.common(), formed);
    assert_eq!(world.initialized.len(), 1);
}

#[test]
fn a_process_whose_address_answers_as_somebody_else_exits() {
    let founder = |incarnation| Founder {
        address: "h0:1".to_owned(),
        name: "n0".to_owned(),
        zone: String::new(),
        incarnation: Incarnation(incarnation),
        disk: None,
        feature_level: 1,
    };
    let join = ["h0:1".to_owned(), "h1:1".to_owned()];
    let mut old = Forming::new(founder(1), &join);
    let new = Forming::new(founder(2), &join).describe();
    assert!(matches!(old.look(&[new], ClusterId(1)), Some(Action::Exit(_))));
}

#[test]
fn the_later_incarnation_of_a_coordinator_goes_on_where_the_earlier_one_had_everything_but_begun() {
    let mut world = started(3);
    let coordinator = world.running()[0];
    world.ask(coordinator);
    while !world.network.is_empty() {
        world.deliver(0);
    }
    world.look(coordinator);
    // All prepare, and their answers are on the way.
    for _ in 0..3 {
        world.deliver(0);
    }
    world.replace(0);
    world.settle(ENOUGH);
    assert!(world.common().is_some());
    assert_eq!(world.committed.len(), 1);
}

#[test]
fn what_began_at_one_node_alone_keeps_nobody_from_forming() {
    let mut world = started(3);
    let first = world.running()[0];
    world.ask(first);
    while !world.network.is_empty() {
        world.deliver(0);
    }
    world.look(first);
    while world.initialized.is_empty() {
        world.deliver(0);
    }
    // Its first entry is on the way to all three, and reaches the second alone; the coordinator restarts.
    world.deliver(1);
    while !world.network.is_empty() {
        world.lose(0);
    }
    world.start(0);
    assert!(matches!(
        world.process(1).map(|it| it.forming.standing()),
        Some(Standing::Started(_))
    ));
    world.settle(ENOUGH);
    assert!(world.common().is_some());
    assert_eq!(world.committed.len(), 1);
}

/// One step of a run. Numbers are taken modulo what exists.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(usize),
    Look(usize),
    Lead(usize),
    Deliver(usize),
    Lose(usize),
    Repeat(usize),
    Stop(usize),
    Restart(usize),
    Replace(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..usize::MAX;
    prop_oneof![
        6 => any.clone().prop_map(Step::Ask),
        6 => any.clone().prop_map(Step::Look),
        2 => any.clone().prop_map(Step::Lead),
        30 => any.clone().prop_map(Step::Deliver),
        2 => any.clone().prop_map(Step::Lose),
        2 => any.clone().prop_map(Step::Repeat),
        1 => any.clone().prop_map(Step::Stop),
        1 => any.clone().prop_map(Step::Restart),
        1 => any.prop_map(Step::Replace),
    ]
}

fn run(world: &mut World, count: usize, step: Step) {
    let running = world.running();
    let pick = |number: usize| running.get(number % running.len().max(1)).copied();
    let letters = world.network.len();
    match step {
        Step::Ask(number) => pick(number).into_iter().for_each(|index| world.ask(index)),
        Step::Look(number) => pick(number).into_iter().for_each(|index| world.look(index)),
        Step::Lead(number) => pick(number).into_iter().for_each(|index| world.lead(index)),
        Step::Deliver(number) if letters > 0 => world.deliver(number % letters),
        Step::Lose(number) if letters > 0 => world.lose(number % letters),
        Step::Repeat(number) if letters > 0 => world.repeat(number % letters),
        Step::Stop(number) => world.stop(number % count),
        Step::Restart(number) => world.start(number % count),
        Step::Replace(number) => world.replace(number % count),
        Step::Deliver(_) | Step::Lose(_) | Step::Repeat(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// `World` itself asserts the promise at every quorum.
    #[test]
    fn whatever_the_network_and_restarts_do_no_two_clusters_are_formed_and_all_end_in_one(
        count in 2_usize..=5,
        durable in any::<bool>(),
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let mut world = World::new(count, durable);
        (0..count).for_each(|node| world.start(node));
        for step in steps {
            run(&mut world, count, step);
        }
        for node in 0..count {
            if world.process(node).is_none() {
                world.start(node);
            }
        }
        world.settle(2 * ENOUGH);
        prop_assert!(world.common().is_some() || world.has_lost_majority(), "{}", world.explain());
    }
}
