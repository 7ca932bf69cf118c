//! What a client makes of a cluster's map, and of pages that it puts together: whatever they say.

use bytes::Bytes;
use holdfast_proto::session::cluster_map::{Group, Node};
use holdfast_proto::session::{ClusterMap, ReplyHeader, id_bytes};
use holdfast_state::{StoreClass, StoreId};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::remote::cluster::Cluster;
use crate::remote::pages::Pages;

fn node(name: &str, port: u16) -> Node {
    Node {
        name: name.to_owned(),
        address: format!("h:{port}"),
        incarnation: Bytes::new(),
    }
}

/// Two nodes, `leader` counted from 1, of group 5.
fn map(version: u64, epoch: u64, term: u64, leader: u32) -> ClusterMap {
    ClusterMap {
        cluster_id: id_bytes(7),
        version,
        nodes: vec![node("a", 1), node("b", 2)],
        groups: vec![Group {
            id: 5,
            epoch,
            leader,
            term,
            replicas: vec![0, 1],
        }],
        coordination_groups: 4,
        cache_groups: 8,
        coordination_slots: Vec::new(),
        cache_slots: Vec::new(),
    }
}

fn knowing(map: &ClusterMap) -> Cluster {
    let mut cluster = Cluster::new(Bytes::new(), 1);
    cluster.adopt(map).unwrap();
    cluster
}

#[test]
fn the_leader_of_the_newest_term_wins_and_not_knowing_one_says_nothing() {
    let mut cluster = knowing(&map(1, 9, 4, 1));
    assert_eq!(cluster.leader(5), cluster.node_named("a"));
    cluster.adopt(&map(1, 9, 3, 2)).unwrap();
    assert_eq!(cluster.leader(5), cluster.node_named("a"), "an older term");
    cluster.adopt(&map(1, 9, 4, 0)).unwrap();
    assert_eq!(
        cluster.leader(5),
        cluster.node_named("a"),
        "somebody who has not heard"
    );
    cluster.adopt(&map(1, 9, 5, 0)).unwrap();
    assert_eq!(cluster.leader(5), None, "a newer term, whose leader is not known");
    cluster.adopt(&map(1, 9, 5, 2)).unwrap();
    assert_eq!(cluster.leader(5), cluster.node_named("b"));
}

#[test]
fn a_new_epoch_is_news_once() {
    let mut cluster = knowing(&map(1, 9, 4, 1));
    let news = cluster.adopt(&map(1, 10, 1, 2)).unwrap();
    assert_eq!(news.restarted, [5_u16]);
    assert_eq!((cluster.epoch(5), cluster.leader(5)), (10, Some(1)));
    for again in [map(1, 10, 1, 2), map(1, 9, 8, 1)] {
        assert!(cluster.adopt(&again).unwrap().restarted.is_empty());
        assert_eq!(cluster.epoch(5), 10);
    }
}

#[test]
fn nodes_come_go_and_move_and_an_older_map_does_not_bring_them_back() {
    let mut cluster = knowing(&map(1, 9, 4, 1));
    let mut next = map(2, 9, 4, 1);
    next.nodes = vec![node("b", 3), node("c", 4)];
    next.groups.clear();
    cluster.adopt(&next).unwrap();
    let of = |cluster: &Cluster, name: &str| {
        let node = cluster.node_named(name).unwrap();
        cluster.address(node).map(str::to_owned)
    };
    let expected = [("a", None), ("b", Some("h:3")), ("c", Some("h:4"))];
    for _ in 0..2 {
        for (name, address) in expected {
            assert_eq!(of(&cluster, name).as_deref(), address, "{name}");
        }
        cluster.adopt(&map(1, 9, 4, 1)).unwrap();
    }
    assert_eq!(cluster.node_at("h:1"), None);
    assert_eq!(cluster.node_at("h:3"), cluster.node_named("b"));
}

#[test]
fn a_slot_is_where_the_map_says_and_else_by_its_number() {
    let cluster = knowing(&map(1, 9, 4, 1));
    let group = |cluster: &Cluster, key: &[u8]| cluster.group_of(StoreId(3), StoreClass::Cache, false, key);
    let slot = holdfast_state::KeyHash::of(StoreId(3), false, b"k").slot.0;
    assert_eq!(group(&cluster, b"k"), 5 + slot % 8);
    let mut moved = map(2, 9, 4, 1);
    moved.cache_slots = vec![12; 1024];
    let mut cluster = cluster;
    assert!(cluster.adopt(&moved).unwrap().slots_moved);
    assert_eq!(group(&cluster, b"k"), 12);
    assert!(!cluster.adopt(&moved).unwrap().slots_moved);
}

#[test]
fn a_map_that_cannot_be_is_refused_and_changes_nothing() {
    let mut cluster = knowing(&map(1, 9, 4, 1));
    let broken: [fn(&mut ClusterMap); 9] = [
        |map| map.cluster_id = id_bytes(8),
        |map| map.cache_groups = 0,
        |map| map.coordination_groups = u32::MAX,
        |map| map.groups[0].leader = 3,
        |map| map.groups[0].replicas = vec![2],
        |map| map.groups[0].id = 13,
        |map| map.cache_slots = vec![5; 1023],
        |map| map.cache_slots = vec![4; 1024],
        |map| map.coordination_slots = vec![5; 1024],
    ];
    for (index, break_it) in broken.into_iter().enumerate() {
        let mut map = map(2, 10, 5, 2);
        break_it(&mut map);
        assert!(cluster.adopt(&map).is_err(), "{index}");
        assert_eq!((cluster.epoch(5), cluster.leader(5)), (9, Some(0)), "{index}");
    }
}

prop_compose! {
    fn any_map()(
        groups in vec((0..16_u32, any::<u64>(), 0..4_u32, any::<u64>(), vec(0..4_u32, 0..4)), 0..6),
        names in vec("[a-c]", 0..4), counts in (0..6_u32, 0..10_u32), version in 0..5_u64,
        slots in prop_oneof![Just(Vec::new()), vec(1..12_u32, 1024)],
    ) -> ClusterMap {
        ClusterMap {
            cluster_id: id_bytes(7),
            version,
            nodes: names.iter().map(|name| node(name, 1)).collect(),
            groups: groups
                .into_iter()
                .map(|(id, epoch, leader, term, replicas)| Group { id, epoch, leader, term, replicas })
                .collect(),
            coordination_groups: counts.0,
            cache_groups: counts.1,
            coordination_slots: Vec::new(),
            cache_slots: slots,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn whatever_maps_come_every_key_has_a_group_that_is_there(maps in vec(any_map(), 1..5)) {
        let mut cluster = Cluster::new(Bytes::new(), 1);
        for map in maps {
            let _ = cluster.adopt(&map);
            if !cluster.is_known() {
                continue;
            }
            for key in [&b"a"[..], b"bb", b"ccc"] {
                for class in [StoreClass::Cache, StoreClass::Coordination] {
                    let group = cluster.group_of(StoreId(1), class, true, key);
                    prop_assert!(usize::from(group) < cluster.group_count());
                    let nodes = cluster.node_count();
                    prop_assert!(cluster.leader(group).is_none_or(|node| node < nodes));
                    prop_assert!(cluster.replicas(group).iter().all(|&node| node < nodes));
                }
            }
        }
    }

    #[test]
    fn whatever_nodes_send_as_pages_is_put_together_or_refused(
        pages in vec((vec(any::<u8>(), 0..60), vec(any::<u8>(), 0..20)), 0..4),
        descending in any::<bool>(), most in 1..5_usize,
    ) {
        let merging = Pages { store: StoreId(1), hash_tags: true, descending, most };
        let page = |(payload, cursor): (Vec<u8>, Vec<u8>)| {
            let header = ReplyHeader { cursor: cursor.into(), ..ReplyHeader::default() };
            (header, payload)
        };
        if let Ok((header, _)) = merging.merge(pages.into_iter().map(page).collect()) {
            prop_assert!(header.items as usize <= most);
        }
    }
}
