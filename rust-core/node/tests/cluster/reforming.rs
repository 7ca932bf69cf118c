//! Clusters that lose most of their nodes.

use holdfast_node::cluster::ReformError;
use holdfast_proto::Code;
use holdfast_proto::session::{Operation, StoreClass};

use super::nodes::Nodes;
use super::peer::{request, until};

#[test]
fn the_survivor_of_a_cluster_in_memory_takes_the_others_in_under_a_new_epoch() {
    let mut nodes = Nodes::formed(3);
    let before = nodes.map();
    let (table, cache) = (
        nodes.open("table", StoreClass::Coordination),
        nodes.open("cache", StoreClass::Cache),
    );
    for number in 0..20_u8 {
        nodes.put(table, &[number], &[number]);
        nodes.put(cache, &[number], &[number]);
    }
    // A replica that lags might not have what the two others have acknowledged: the survivor has led all groups once.
    nodes.stop(1);
    until("the others have it all", || nodes.get(table, &[19]).is_some());
    nodes.kill(0);
    nodes.start(0);
    nodes.start(1);
    nodes.wait_until_ready();
    let after = nodes.map();
    assert_eq!(after.cluster_id, before.cluster_id);
    assert_eq!(after.nodes.len(), 3);
    let raised = |(before, after): (&holdfast_proto::session::cluster_map::Group, _)| {
        let after: &holdfast_proto::session::cluster_map::Group = after;
        after.epoch > before.epoch
    };
    assert!(before.groups.iter().zip(&after.groups).all(raised));
    nodes.forget_sessions();
    for number in 0..20_u8 {
        for store in [table, cache] {
            nodes.put(store, &[100 + number], &[number]);
            assert_eq!(nodes.get(store, &[100 + number]), Some(vec![number]));
        }
    }
}

#[test]
fn a_request_under_an_epoch_from_before_is_not_answered_as_if_nothing_had_happened() {
    let mut nodes = Nodes::formed(3);
    let table = nodes.open("table", StoreClass::Coordination);
    let version = nodes.put(table, b"key", b"value");
    let group = nodes.group(table, b"key");
    let epoch = nodes.epoch(group);
    nodes.kill(0);
    nodes.kill(1);
    nodes.start(0);
    nodes.start(1);
    nodes.wait_until_ready();
    assert!(nodes.epoch(group) > epoch);
    nodes.forget_sessions();
    let table = nodes.open("table", StoreClass::Coordination);
    let leader = nodes.leader_of_key(table, b"key");
    let mut peer = nodes.connect(leader, 5);
    let mut get = request(Operation::Get, table.id);
    get.epoch = epoch;
    let reply = peer.call(get, b"key", &[]);
    assert_eq!(
        reply.header.code,
        Code::Unavailable.number(),
        "{}",
        reply.header.message
    );
    let mut put = request(Operation::Put, table.id);
    put.epoch = epoch;
    let reply = peer.call(put, b"key", b"late");
    assert_eq!(
        reply.header.code,
        Code::SessionExpired.number(),
        "{}",
        reply.header.message
    );
    // Versions go on growing: none from before comes again.
    assert!(nodes.put(table, b"key", b"new") > version);
}

#[test]
fn nobody_reforms_while_a_node_is_silent_and_an_operator_may() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    for number in 0..20_u8 {
        nodes.put(table, &[number], &[number]);
    }
    let refused = nodes.reform(2);
    assert!(matches!(refused, Err(ReformError::NotLost(_))), "{refused:?}");
    let epoch = nodes.epoch(1);
    nodes.kill(0);
    nodes.kill(1);
    nodes.give_empty_disk(0);
    nodes.start(0);
    // One is gone for good and one is silent: what it has is not known, and nobody has reformed anything by itself.
    let reformed = nodes.reform(2).expect("it is ordered");
    assert!(
        reformed.groups.contains(&0) && reformed.emptied.is_empty(),
        "{reformed:?}"
    );
    nodes.give_empty_disk(1);
    nodes.start(1);
    nodes.wait_until_ready();
    assert!(nodes.epoch(1) > epoch);
    for number in 0..20_u8 {
        assert_eq!(nodes.get(table, &[number]), Some(vec![number]));
    }
}

#[test]
fn a_node_that_comes_back_after_a_reform_without_it_takes_what_the_others_have() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    nodes.put(table, b"key", b"before");
    nodes.kill(0);
    nodes.kill(1);
    nodes.reform(2).expect("it is ordered");
    nodes.forget_sessions();
    nodes.put(table, b"key", b"after");
    // With their old directories, in which a majority of the groups as they were is.
    nodes.start(0);
    nodes.start(1);
    nodes.wait_until_ready();
    for node in 0..3 {
        assert_eq!(
            nodes.get(table, b"key").as_deref(),
            Some(&b"after"[..]),
            "with node {node}"
        );
    }
    (0..3).for_each(|node| nodes.kill(node));
    (0..3).for_each(|node| nodes.start(node));
    nodes.wait_until_ready();
    assert_eq!(nodes.get(table, b"key").as_deref(), Some(&b"after"[..]));
}

#[test]
fn a_group_that_has_most_of_its_replicas_keeps_its_entries_when_the_meta_group_is_lost() {
    let mut nodes = Nodes::formed(5);
    let before = nodes.map();
    let cache = nodes.open("cache", StoreClass::Cache);
    for number in 0..100_u8 {
        nodes.put(cache, &[number], &[number]);
    }
    // Two of the three that vote in the meta group.
    let lost = [0, 1];
    let is_lost = |key: &[u8]| {
        let id = nodes.group(cache, key);
        let group = before
            .groups
            .iter()
            .find(|group| group.id == id)
            .expect("it is there");
        lost.iter().all(|node| group.replicas.contains(node))
    };
    let kept: Vec<u8> = (0..100).filter(|number| !is_lost(&[*number])).collect();
    assert!(!kept.is_empty());
    let index_of = |node: &u32| {
        let address = &before.nodes[*node as usize].address;
        (0..5)
            .find(|index| nodes.address(*index) == address)
            .expect("a node")
    };
    let indices: Vec<usize> = lost.iter().map(index_of).collect();
    indices.iter().for_each(|node| nodes.kill(*node));
    indices.iter().for_each(|node| nodes.start(*node));
    nodes.wait_until_ready();
    nodes.forget_sessions();
    assert!(nodes.has_logged("most of the meta group is gone"));
    for number in kept {
        assert_eq!(nodes.get(cache, &[number]), Some(vec![number]), "{number}");
    }
}
