//! Three nodes in one process, over real sockets: forming, leaders, and what a client may count on when nodes die.

mod durable;
mod levels;
mod nodes;
#[allow(dead_code, unreachable_pub)]
#[path = "../server/peer.rs"]
mod peer;
mod reforming;

use std::time::Duration;

use holdfast_proto::Code;
use holdfast_proto::cluster::cluster_reply::Answer;
use holdfast_proto::cluster::cluster_request::Ask;
use holdfast_proto::cluster::{ClusterReply, ClusterRequest, LeadersMoved, MoveLeaderRequest};
use holdfast_proto::session::{Operation, RequestHeader, StoreClass, features, flags};

use nodes::Nodes;
use peer::{items, request, until};
use prost::Message;

#[test]
fn three_nodes_that_start_in_any_order_form_one_cluster_and_say_so() {
    let mut nodes = Nodes::new(3);
    for node in [2, 0, 1] {
        nodes.start(node);
    }
    nodes.wait_until_ready();
    let map = nodes.map();
    assert_eq!(map.nodes.len(), 3);
    assert_eq!(map.groups.len(), 12);
    assert!(map.groups.iter().all(|group| group.replicas.len() == 3));
    let welcome = nodes.connect(1, 1).welcome;
    assert_eq!(welcome.features, features::CLUSTER);
    assert_eq!(welcome.cluster_id, map.cluster_id);
}

#[test]
fn leaders_are_spread_over_the_nodes() {
    let nodes = Nodes::formed(3);
    until("each node leads a third of the groups", || {
        let map = nodes.map();
        let led = |node| map.groups.iter().filter(|group| group.leader == node).count();
        (1..=3).all(|node| led(node) == 4)
    });
}

#[test]
fn what_was_put_at_the_leader_is_read_there_and_other_nodes_say_who_it_is() {
    let nodes = Nodes::formed(3);
    for class in [StoreClass::Coordination, StoreClass::Cache] {
        let store = nodes.open("s", class);
        nodes.put(store, b"key", b"value");
        assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
        let leader = nodes.leader_of_key(store, b"key");
        let other = (leader + 1) % 3;
        let reply = nodes
            .connect(other, 9)
            .call(request(Operation::Get, store.id), b"key", &[]);
        assert_eq!(reply.header.code, Code::Unavailable.number());
        assert_eq!(reply.header.redirect, nodes.address(leader));
    }
}

#[test]
fn acknowledged_changes_survive_the_death_of_each_node_in_turn_and_its_return_as_a_new_one() {
    let mut nodes = Nodes::formed(3);
    let (table, cache) = (
        nodes.open("table", StoreClass::Coordination),
        nodes.open("cache", StoreClass::Cache),
    );
    for round in 0..3_u8 {
        for number in 0..20_u8 {
            nodes.put(table, &[number], &[round, number]);
            nodes.put(cache, &[number], &[round, number]);
        }
        nodes.kill(usize::from(round));
        for number in 0..20_u8 {
            assert_eq!(nodes.get(table, &[number]), Some(vec![round, number]));
            assert_eq!(nodes.get(cache, &[number]), Some(vec![round, number]));
        }
        nodes.start(usize::from(round));
        nodes.wait_until_ready();
    }
    assert_eq!(nodes.map().nodes.len(), 3);
}

#[test]
fn a_change_that_is_repeated_at_the_next_leader_is_made_once() {
    let mut nodes = Nodes::formed(3);
    let store = nodes.open("table", StoreClass::Coordination);
    let leader = nodes.leader_of_key(store, b"counter");
    let mut increment = request(Operation::Increment, store.id);
    (
        increment.delta,
        increment.sequence,
        increment.first_unacknowledged,
    ) = (5, 1, 1);
    let first = nodes.follow(
        store,
        b"counter",
        |peer| peer.call(increment.clone(), b"counter", &[]),
        77,
    );
    let first = first.ok().header;
    assert_eq!(first.number, 5);
    nodes.kill(leader);
    increment.flags |= flags::RETRY;
    let again = nodes.follow(
        store,
        b"counter",
        |peer| peer.call(increment.clone(), b"counter", &[]),
        77,
    );
    assert_eq!((again.header.number, again.header.version), (5, first.version));
}

#[test]
fn a_minority_refuses_and_nothing_is_lost_when_the_others_are_back() {
    let mut nodes = Nodes::formed(3);
    let store = nodes.open("table", StoreClass::Coordination);
    nodes.put(store, b"key", b"value");
    nodes.kill(0);
    assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
    nodes.start(0);
    nodes.wait_until_ready();
    nodes.kill(1);
    assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
}

#[test]
fn a_cluster_of_memory_that_restarts_as_a_whole_forms_anew_and_has_nothing_of_before() {
    let mut nodes = Nodes::formed(3);
    let before = nodes.map();
    let store = nodes.open("table", StoreClass::Coordination);
    nodes.put(store, b"key", b"value");
    (0..3).for_each(|node| nodes.kill(node));
    (0..3).for_each(|node| nodes.start(node));
    nodes.wait_until_ready();
    assert_ne!(nodes.map().cluster_id, before.cluster_id);
    let store = nodes.open("table", StoreClass::Coordination);
    assert_eq!(nodes.get(store, b"key"), None);
}

#[test]
fn a_node_that_is_stopped_hands_its_groups_over_first() {
    let mut nodes = Nodes::formed(3);
    let store = nodes.open("table", StoreClass::Coordination);
    nodes.put(store, b"key", b"value");
    let leader = nodes.leader_of_key(store, b"key");
    nodes.stop(leader);
    until("others lead all groups", || {
        let left = leader as u32 + 1;
        nodes
            .map()
            .groups
            .iter()
            .all(|group| group.leader != left && group.leader != 0)
    });
    assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
}

#[test]
fn entries_with_a_time_to_live_go_by_the_log() {
    let nodes = Nodes::formed(3);
    for class in [StoreClass::Coordination, StoreClass::Cache] {
        let store = nodes.open("s", class);
        let mut put = request(Operation::Put, store.id);
        put.ttl_ms = 300;
        nodes
            .follow(store, b"key", |peer| peer.call(put.clone(), b"key", b"value"), 3)
            .ok();
        until("it has expired", || nodes.get(store, b"key").is_none());
    }
}

#[test]
fn what_a_count_or_a_page_left_out_is_not_there_under_the_next_leader() {
    for operation in [Operation::Count, Operation::Scan] {
        let mut nodes = Nodes::formed(3);
        let store = nodes.open("s", StoreClass::Cache);
        let mut put = request(Operation::Put, store.id);
        put.ttl_ms = 300;
        nodes
            .follow(store, b"key", |peer| peer.call(put.clone(), b"key", b"value"), 3)
            .ok();
        let mut ask = request(operation, store.id);
        ask.group = nodes.group(store, b"key");
        let found = |nodes: &Nodes| {
            let reply = nodes.follow(store, b"key", |peer| peer.call(ask.clone(), &[], &[]), 1_000);
            let header = reply.ok().header;
            i64::from(header.items) + header.number
        };
        assert_eq!(found(&nodes), 1);
        let leader = nodes.leader_of_key(store, b"key");
        until("it is left out", || found(&nodes) == 0);
        nodes.kill(leader);
        assert_eq!(found(&nodes), 0, "{operation:?}");
        assert_eq!(nodes.get(store, b"key"), None);
    }
}

#[test]
fn clocks_that_are_moved_by_hand_move_together_and_what_they_show_outlives_its_leader() {
    const HOUR: i64 = 3_600_000;
    let mut nodes = Nodes::formed_with_manual_clocks(3);
    let stores = [StoreClass::Coordination, StoreClass::Cache].map(|class| nodes.open("s", class));
    for store in stores {
        let mut put = request(Operation::Put, store.id);
        put.ttl_ms = HOUR.unsigned_abs();
        nodes
            .follow(store, b"key", |peer| peer.call(put.clone(), b"key", b"value"), 3)
            .ok();
    }
    nodes.advance(1, HOUR - 1);
    for store in stores {
        assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
    }
    let leader = nodes.leader_of_key(stores[0], b"key");
    nodes.kill(leader);
    nodes.start(leader);
    nodes.wait_until_ready();
    for store in stores {
        assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
    }
    nodes.advance(leader, 1);
    for store in stores {
        assert_eq!(nodes.get(store, b"key"), None);
    }
}

#[test]
fn a_clock_that_moves_by_itself_is_not_moved() {
    let nodes = Nodes::formed(3);
    let mut advance = request(Operation::AdvanceClock, 0);
    advance.delta = 1;
    let reply = nodes.connect(0, 1).call(advance, &[], &[]);
    assert_eq!(reply.header.code, Code::ClockNotManual.number());
}

#[test]
fn a_cache_store_keeps_its_budget_in_each_group() {
    let nodes = Nodes::formed(3);
    let store = nodes.open_with("small", StoreClass::Cache, Some(4 << 20));
    let value = vec![7; 16 * 1024];
    for number in 0..600_u16 {
        nodes.put(store, &number.to_le_bytes(), &value);
    }
    let kept = (0..600_u16)
        .filter(|number| nodes.get(store, &number.to_le_bytes()).is_some())
        .count();
    assert!(
        (100..=256).contains(&kept),
        "{kept} of 600 values of 16 KiB are in 4 MiB"
    );
}

#[test]
fn a_session_that_nobody_uses_ends_in_its_groups_and_one_that_is_connected_does_not() {
    let mut nodes = Nodes::new(3);
    nodes.session_lifetime = Duration::from_millis(300);
    (0..3).for_each(|node| nodes.start(node));
    nodes.wait_until_ready();
    let store = nodes.open("table", StoreClass::Coordination);
    // Another node made it: the group's leader knows it by now.
    assert_eq!(nodes.get(store, b"counter"), None);
    let leader = nodes.leader_of_key(store, b"counter");
    let mut increment = request(Operation::Increment, store.id);
    (
        increment.delta,
        increment.sequence,
        increment.first_unacknowledged,
    ) = (5, 1, 1);
    let mut connected = nodes.connect(leader, 71);
    for (session, peer) in [(71, &mut connected), (72, &mut nodes.connect(leader, 72))] {
        let first = peer.call(increment.clone(), b"counter", &[]).ok();
        assert_eq!(first.header.number, (session - 70) * 5);
    }
    // A few lifetimes pass, by the cluster's own clock.
    let mut put = request(Operation::Put, store.id);
    put.ttl_ms = 2_000;
    nodes
        .follow(store, b"clock", |peer| peer.call(put.clone(), b"clock", b""), 3)
        .ok();
    until("time has passed", || nodes.get(store, b"clock").is_none());
    assert_eq!(
        nodes.leader_of_key(store, b"counter"),
        leader,
        "the leadership has not moved"
    );
    increment.flags |= flags::RETRY;
    let again = connected.call(increment.clone(), b"counter", &[]).ok();
    assert_eq!(again.header.number, 5, "its first outcome is remembered");
    let expired = nodes.connect(leader, 72).call(increment.clone(), b"counter", &[]);
    assert_eq!(expired.header.code, Code::SessionExpired.number());
    assert!(
        expired.has(flags::OUTCOME_UNKNOWN),
        "nobody knows what became of the first sending"
    );
    // What is new opens it again.
    increment.flags &= !flags::RETRY;
    (increment.sequence, increment.first_unacknowledged) = (2, 2);
    let new = nodes.connect(leader, 72).call(increment, b"counter", &[]).ok();
    assert_eq!(new.header.number, 15);
}

/// What an operator orders at a node.
fn move_leader(nodes: &Nodes, at: usize, group: u32, to: usize) -> LeadersMoved {
    let ask = MoveLeaderRequest {
        group,
        node: format!("n{to}"),
    };
    let asked = ClusterRequest {
        ask: Some(Ask::MoveLeader(ask)),
    };
    let reply = nodes
        .connect(at, 5)
        .call(request(Operation::ClusterAdmin, 0), &[], &asked.encode_to_vec());
    let reply = ClusterReply::decode(&reply.ok().payload[..]).expect("an answer");
    match reply.answer {
        Some(Answer::Moved(moved)) => moved,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_that_a_move_of_its_leader_cuts_is_not_said_not_to_have_begun() {
    let nodes = Nodes::formed(3);
    let store = nodes.open("table", StoreClass::Coordination);
    let (counter, group) = (b"counter", nodes.group(store, b"counter"));
    let mut increment = request(Operation::Increment, store.id);
    increment.delta = 1;
    let get = request(Operation::Get, store.id);
    // Each read waits for the change before it, so that they are many entries.
    let changes = 500;
    let pair = [(increment, &counter[..], &[][..]), (get, &counter[..], &[][..])];
    let payload = items(&pair).repeat(changes);
    let mut batch = request(Operation::Batch, store.id);
    batch.group = group;
    batch.items = 2 * changes as u32;
    let count = || {
        let text = nodes.get(store, counter).unwrap_or(b"0".to_vec());
        let text = String::from_utf8(text).expect("a number's text");
        text.parse::<usize>().expect("a number")
    };
    let mut cut = 0;
    for _ in 0..10 {
        let leader = nodes.leader_of_key(store, counter);
        let before = count();
        let mut peer = nodes.connect(leader, 1_000_000);
        let number = peer.send(batch.clone(), &[], &payload);
        until("the batch is under way", || count() > before);
        move_leader(&nodes, (leader + 2) % 3, group, (leader + 1) % 3);
        let reply = peer.wait(number);
        let made = count() - before;
        if reply.header.error().is_none() {
            assert_eq!(made, changes);
        } else if made > 0 {
            cut += 1;
            assert!(
                reply.has(flags::OUTCOME_UNKNOWN),
                "{made} were made: {:?}",
                reply.header
            );
        }
    }
    assert!(cut > 0, "no move came in the middle of a batch");
}

#[test]
fn a_clear_that_a_move_of_its_leader_cuts_is_neither_begun_anew_nor_said_not_to_have_begun() {
    let nodes = Nodes::formed(3);
    let cache = nodes.open("cache", StoreClass::Cache);
    let group = nodes.group(cache, b"k0");
    // A step removes 1,024 of them.
    let keys: Vec<String> = (0..)
        .map(|number| format!("k{number}"))
        .filter(|key| nodes.group(cache, key.as_bytes()) == group)
        .take(20_000)
        .collect();
    let put = request(Operation::Put, cache.id);
    let puts: Vec<_> = keys
        .iter()
        .map(|key| (put.clone(), key.as_bytes(), &b"v"[..]))
        .collect();
    let (puts, mut fill) = (items(&puts), request(Operation::Batch, cache.id));
    (fill.group, fill.items) = (group, keys.len() as u32);
    let of_group = |operation| {
        let mut header = request(operation, cache.id);
        header.group = group;
        header.flags = flags::PREFIX;
        header
    };
    let ask = |header: &RequestHeader, key: &[u8], value: &[u8]| {
        nodes
            .follow(cache, b"k0", |peer| peer.call(header.clone(), key, value), 1_000)
            .ok()
    };
    let count = || ask(&of_group(Operation::Count), b"k", &[]).header.number as usize;
    let mut cut = 0;
    for _ in 0..10 {
        ask(&fill, &[], &puts);
        assert_eq!(count(), keys.len());
        let leader = nodes.leader_of_key(cache, b"k0");
        let mut peer = nodes.connect(leader, 1_000_000);
        let number = peer.send(of_group(Operation::Clear), b"k", &[]);
        until("the clear is under way", || count() < keys.len());
        move_leader(&nodes, (leader + 2) % 3, group, (leader + 1) % 3);
        let reply = peer.wait(number);
        if reply.header.error().is_some() {
            cut += 1;
            assert!(reply.has(flags::OUTCOME_UNKNOWN), "{:?}", reply.header);
        } else {
            assert_eq!((reply.header.number as usize, count()), (keys.len(), 0));
        }
    }
    assert!(cut > 0, "no move came in the middle of a clear");
}

#[test]
fn leaderships_move_as_an_operator_says_and_a_linearizable_reader_elsewhere_is_sent_on() {
    let nodes = Nodes::formed(3);
    let store = nodes.open("table", StoreClass::Coordination);
    nodes.put(store, b"key", b"value");
    let leader = nodes.leader_of_key(store, b"key");
    let group = nodes.group(store, b"key");
    let to = (leader + 1) % 3;
    // Any node will do.
    let moved = move_leader(&nodes, (leader + 2) % 3, group, to);
    assert_eq!((moved.moves.len(), moved.moves[0].error.as_str()), (1, ""));
    let reply = nodes
        .connect(leader, 9)
        .call(request(Operation::Get, store.id), b"key", &[]);
    assert_eq!(reply.header.redirect, nodes.address(to));
    assert_eq!(nodes.get(store, b"key").as_deref(), Some(&b"value"[..]));
}
