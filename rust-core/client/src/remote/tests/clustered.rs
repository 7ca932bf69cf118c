//! Requests find the node that leads their group, whatever happens to it.

use std::time::Duration;

use holdfast_proto::session::{Operation, ReadConsistency, RequestHeader};
use holdfast_proto::{Code, Outcome};

use super::fake_cluster::{FakeCluster, LONG, ORDERS, entries, group_of, keys_in};
use super::recorder::{TestClient, client, request};
use crate::remote::{ConnectionState, RemoteOptions};
use crate::settings::StoreSettings;

/// A client whose store 0 is `orders` and store 1 `pages`.
pub(super) fn client_of(options: RemoteOptions) -> TestClient {
    let client = client(options);
    let pages = client.client.open_store("pages", &StoreSettings::default());
    assert_eq!(pages, Ok(1));
    client
}

pub(super) fn put(client: &TestClient, ticket: u64, key: &[u8]) {
    client
        .client
        .submit(ticket, 1, request(Operation::Put), key, b"v", Some(LONG))
        .unwrap();
}

pub(super) fn increment(client: &TestClient, ticket: u64, store: u32, key: &[u8]) {
    client
        .client
        .submit(ticket, store, request(Operation::Increment), key, &[], Some(LONG))
        .unwrap();
}

#[test]
fn each_request_goes_to_the_node_that_leads_its_keys_group_over_one_connection_per_node() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    for ticket in 0..100 {
        put(&client, ticket, format!("key-{ticket}").as_bytes());
    }
    for ticket in 0..100 {
        let done = client.done(ticket);
        assert!(done.result.is_ok(), "{done:?}");
        assert_eq!(done.retries, 0);
    }
    client.submit(200, Operation::Put, b"k", b"v");
    let leader = usize::from(group_of(ORDERS, b"k")) % 3;
    assert_eq!(client.done(200).server, leader as u32 + 1);
    let state = cluster.state();
    assert_eq!(state.count(|seen| !seen.served), 0, "nobody was asked in vain");
    assert_eq!(entries(&state).len(), 101);
    assert_eq!(state.count(|seen| seen.is(Operation::OpenStore)), 2);
    drop(state);
    assert_eq!(cluster.connections(), 3);
    assert!(!client.sink.state(ConnectionState::Connected, 0).epoch_changed);
}

#[test]
fn a_change_that_a_former_leader_sends_on_keeps_its_session_sequence_and_epoch() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    increment(&client, 1, 0, b"k");
    client.done(1);
    let group = group_of(ORDERS, b"k");
    let former = cluster.state().leaders[usize::from(group)].unwrap();
    cluster.state().lead(group, Some((former + 1) % 3));
    increment(&client, 2, 0, b"k");
    let done = client.done(2);
    assert_eq!(done.retries, 1);
    assert_eq!(done.result.unwrap().0.number, 2);
    let state = cluster.state();
    let asked: Vec<_> = state
        .seen
        .iter()
        .filter(|seen| seen.is(Operation::Increment))
        .skip(1)
        .collect();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[0].served, asked[1].served), (false, true));
    assert_eq!(asked[0].header.sequence, asked[1].header.sequence);
    assert_eq!(asked[0].header.epoch, asked[1].header.epoch);
    assert_eq!(asked[1].header.epoch, 100);
}

#[test]
fn sequences_are_of_each_group() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0]));
    for (index, group) in [5, 6, 7].into_iter().enumerate() {
        for (ticket, key) in keys_in(group, 3).iter().enumerate() {
            put(&client, (index * 10 + ticket) as u64, key);
        }
    }
    client.sink.wait_completed(9);
    let state = cluster.state();
    for group in [5, 6, 7] {
        let mut sequences: Vec<u64> = state
            .seen
            .iter()
            .filter(|seen| seen.is(Operation::Put) && group_of(4, &seen.key) == group)
            .map(|seen| seen.header.sequence)
            .collect();
        sequences.sort_unstable();
        assert_eq!(sequences, [1, 2, 3]);
    }
}

#[test]
fn a_request_whose_group_has_no_leader_ends_at_its_deadline_and_changed_nothing() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    let key = &keys_in(6, 1)[0];
    put(&client, 1, key);
    client.done(1);
    cluster.state().lead(6, None);
    let timeout = Duration::from_millis(300);
    let began = tokio::time::Instant::now();
    client
        .client
        .submit(2, 1, request(Operation::Put), key, b"v", Some(timeout))
        .unwrap();
    let done = client.done(2);
    assert!(began.elapsed() >= timeout && began.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (done.code(), done.error().outcome),
        (Some(Code::Unavailable), Outcome::NotApplied)
    );
    assert!(done.error().message.contains("group 6"), "{}", done.error());
}

#[test]
fn a_request_of_a_group_that_had_no_leader_for_long_is_served_once_it_has_one() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    let keys = keys_in(6, 2);
    put(&client, 1, &keys[0]);
    client.done(1);
    cluster.state().lead(6, None);
    let timeout = Some(Duration::from_millis(100));
    let header = request(Operation::Put);
    client
        .client
        .submit(2, 1, header, &keys[0], b"v", timeout)
        .unwrap();
    assert_eq!(client.done(2).code(), Some(Code::Unavailable));
    // Nothing waits any more: nobody asks for the map, until somebody needs it.
    cluster.state().lead(6, Some(1));
    put(&client, 3, &keys[1]);
    assert!(client.done(3).result.is_ok());
}

#[test]
fn a_change_whose_answer_was_lost_with_its_leader_is_unknown_at_its_deadline() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    let key = &keys_in(6, 1)[0];
    put(&client, 1, key);
    client.done(1);
    {
        let mut state = cluster.state();
        (state.swallow, state.swallow_leader) = (1, true);
    }
    let header = request(Operation::Put);
    let timeout = Some(Duration::from_millis(400));
    client.client.submit(2, 1, header, key, b"v", timeout).unwrap();
    let done = client.done(2);
    assert_eq!(cluster.state().swallow, 0, "the change was made");
    assert_eq!(
        (done.code(), done.error().outcome),
        (Some(Code::Unavailable), Outcome::Unknown)
    );
}

#[test]
fn a_thousand_requests_that_are_turned_away_at_once_ask_for_the_map_a_few_times() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    let keys = keys_in(6, 1_000);
    put(&client, 1, &keys[0]);
    client.done(1);
    cluster.wait("rest", |state| {
        state.count(|seen| seen.is(Operation::ClusterMap)) > 0
    });
    let before = cluster.state().count(|seen| seen.is(Operation::ClusterMap));
    cluster.state().lead(6, None);
    for (index, key) in keys.iter().enumerate() {
        put(&client, 10 + index as u64, key);
    }
    cluster.wait("the map's being asked for", |state| {
        state.count(|seen| seen.is(Operation::ClusterMap)) >= before + 4
    });
    let state = cluster.state();
    let asked = state.count(|seen| seen.is(Operation::ClusterMap)) - before;
    let away = state.count(|seen| !seen.served);
    assert!(away >= 1, "{away}");
    assert!(asked <= 8, "{asked} questions for the map");
    drop(state);
    cluster.state().lead(6, Some(2));
    client.sink.wait_completed(1_001);
    let state = cluster.state();
    let asked = state.count(|seen| seen.is(Operation::ClusterMap)) - before;
    assert!(asked <= 20, "{asked} questions for the map");
}

#[test]
fn nodes_that_send_a_request_to_each_other_do_not_keep_it_going_round() {
    let cluster = FakeCluster::start(2);
    let client = client_of(cluster.options(&[0, 1]));
    let key = &keys_in(6, 1)[0];
    put(&client, 1, key);
    client.done(1);
    cluster.state().beliefs.insert((0, 6), Some(1));
    cluster.state().beliefs.insert((1, 6), Some(0));
    client
        .client
        .submit(
            2,
            1,
            request(Operation::Put),
            key,
            b"v",
            Some(Duration::from_millis(500)),
        )
        .unwrap();
    assert_eq!(client.done(2).code(), Some(Code::Unavailable));
    let hops = cluster.state().count(|seen| !seen.served);
    assert!((2..=40).contains(&hops), "{hops} times sent on");
}

#[test]
fn a_read_that_may_be_stale_goes_to_a_replica_that_is_connected_and_to_the_leader_when_that_refuses() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0]));
    let key = &keys_in(6, 1)[0];
    // Led by node 0: the only connection.
    put(&client, 1, key);
    client.done(1);
    cluster.state().lead(6, Some(1));
    cluster.state().replicas_serve.insert(0);
    let stale = |ticket, consistency: ReadConsistency| {
        let header = RequestHeader {
            consistency: consistency as i32,
            max_staleness_ms: 500,
            ..request(Operation::Get)
        };
        client
            .client
            .submit(ticket, 1, header, key, &[], Some(LONG))
            .unwrap();
        client.done(ticket)
    };
    assert_eq!(stale(2, ReadConsistency::Local).server, 1);
    assert_eq!(stale(3, ReadConsistency::Bounded).payload(), b"v");
    assert_eq!(cluster.connections(), 1);
    cluster.state().replicas_serve.clear();
    assert_eq!(stale(4, ReadConsistency::Bounded).payload(), b"v");
    let state = cluster.state();
    let last = state.seen.iter().rfind(|seen| seen.is(Operation::Get)).unwrap();
    assert_eq!((last.node, last.served), (1, true));
    let bounded = |seen: &&super::fake_cluster::Seen| seen.header.max_staleness_ms == 500;
    assert_eq!(state.seen.iter().filter(bounded).count(), 4);
}

#[test]
fn a_store_that_a_leader_does_not_know_yet_is_asked_for_again() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0]));
    cluster.state().not_ready = 3;
    put(&client, 1, b"k");
    assert!(client.done(1).result.is_ok());
    assert_eq!(cluster.state().not_ready, 0);
}

#[test]
fn closing_a_client_ends_what_waits_for_a_leader() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    put(&client, 1, &keys_in(5, 1)[0]);
    client.done(1);
    cluster.state().lead(6, None);
    put(&client, 2, &keys_in(6, 1)[0]);
    cluster.wait("questions after the refusal", |state| {
        let refused = state.seen.iter().position(|seen| !seen.served);
        let map = |seen: &super::fake_cluster::Seen| seen.is(Operation::ClusterMap);
        refused.is_some_and(|at| state.seen[at..].iter().filter(|seen| map(seen)).count() >= 2)
    });
    client.client.close();
    client.sink.wait_closed();
    assert_eq!(client.done(2).code(), Some(Code::Closed));
    assert_eq!(client.done(2).error().outcome, Outcome::NotApplied);
}
