//! Nodes die, fall silent or lose what they held: no change is applied twice, and only what is not known is called so.

use std::time::Duration;

use holdfast_proto::Outcome;
use holdfast_proto::session::Operation;

use super::clustered::{client_of, increment, put};
use super::fake_cluster::{FakeCluster, GROUPS, LONG, entries, group_of, keys_in};
use super::recorder::request;
use crate::remote::ConnectionState;

#[test]
fn every_change_is_applied_once_while_leaders_move_and_connections_break() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    let mut random = fastrand::Rng::with_seed(11);
    let mut ticket = 0;
    for _ in 0..60 {
        for _ in 0..20 {
            ticket += 1;
            increment(&client, ticket, 1, format!("counter-{}", ticket % 16).as_bytes());
        }
        let mut state = cluster.state();
        match random.u8(..3) {
            0 => {
                let group = random.u16(1..GROUPS);
                state.lead(group, Some(random.usize(..3)));
            }
            1 => state.swallow = 1,
            _ => {
                // For a while nobody leads.
                let group = random.u16(1..GROUPS);
                state.lead(group, None);
                drop(state);
                client.sink.wait_completed(ticket as usize / 4);
                cluster.state().lead(group, Some(random.usize(..3)));
            }
        }
    }
    for ticket in 1..=ticket {
        let done = client.done(ticket);
        assert!(done.result.is_ok(), "{done:?}");
    }
    let state = cluster.state();
    let sum: u64 = entries(&state)
        .values()
        .map(|value| String::from_utf8_lossy(value).parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, ticket);
    assert!(state.count(|seen| !seen.served) > 0, "leaders did move");
}

#[test]
fn a_node_that_dies_holds_up_only_what_it_led_until_others_lead_it() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    for ticket in 0..50 {
        put(&client, ticket, format!("key-{ticket}").as_bytes());
    }
    client.sink.wait_completed(50);
    cluster.kill(1);
    let dead = cluster.state().led_by(1);
    for &group in &dead {
        cluster.state().lead(group, None);
    }
    for ticket in 100..150 {
        put(&client, ticket, format!("key-{ticket}").as_bytes());
    }
    let waits = |ticket: &u64| dead.contains(&group_of(4, format!("key-{ticket}").as_bytes()));
    let (waiting, others): (Vec<u64>, Vec<u64>) = (100..150).partition(waits);
    for &ticket in &others {
        assert!(client.done(ticket).result.is_ok());
    }
    assert!(waiting.iter().all(|&ticket| !client.sink.is_done(ticket)));
    for &group in &dead {
        cluster.state().lead(group, Some(2));
    }
    for &ticket in &waiting {
        let done = client.done(ticket);
        assert!(done.result.is_ok(), "{done:?}");
        assert_eq!(done.server, 3);
    }
    // The connection to one of several nodes is no outage.
    assert_eq!(client.sink.states_of(ConnectionState::Disconnected), 0);
}

#[test]
fn a_client_that_knows_one_node_reaches_the_others_when_that_one_dies() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0]));
    put(&client, 1, &keys_in(5, 1)[0]);
    client.done(1);
    cluster.kill(0);
    let led = cluster.state().led_by(0);
    for group in led {
        cluster.state().lead(group, Some(1));
    }
    for group in 5..13 {
        put(&client, u64::from(group), &keys_in(group, 1)[0]);
    }
    for group in 5..13 {
        assert!(client.done(group).result.is_ok());
    }
}

#[test]
fn only_changes_of_the_group_that_began_again_have_an_unknown_outcome() {
    let cluster = FakeCluster::start(3);
    let client = client_of(cluster.options(&[0, 1, 2]));
    // Both led by node 2.
    let (lost, kept) = (&keys_in(5, 1)[0], &keys_in(8, 1)[0]);
    increment(&client, 1, 1, lost);
    increment(&client, 2, 1, kept);
    client.sink.wait_completed(2);
    cluster.state().silent.insert(2);
    increment(&client, 3, 1, lost);
    increment(&client, 4, 1, kept);
    cluster.wait("the two changes", |state| {
        state.count(|seen| seen.is(Operation::Increment)) == 4
    });
    {
        let mut state = cluster.state();
        state.epochs[5] = 200;
        state.machines[5].forget();
        state.lead(5, Some(0));
        state.lead(8, Some(1));
    }
    cluster.kill(2);
    let unknown = client.done(3);
    assert_eq!(unknown.error().outcome, Outcome::Unknown);
    assert_eq!(client.done(4).result.unwrap().0.number, 2);
    assert_eq!(client.sink.wait_epoch_changed().epoch, 200);
    // What comes now is of the new epoch.
    increment(&client, 5, 1, lost);
    assert_eq!(client.done(5).result.unwrap().0.number, 1);
}

#[test]
fn what_lies_with_a_node_that_says_nothing_goes_to_the_one_that_leads_now() {
    let cluster = FakeCluster::start(3);
    let mut options = cluster.options(&[0, 1, 2]);
    options.timing.ping_after = Duration::from_millis(100);
    // Longer than this test: it is not the end of the connection that helps.
    options.timing.dead_after = Duration::from_secs(60);
    let client = client_of(options);
    let key = &keys_in(5, 1)[0];
    increment(&client, 1, 1, key);
    increment(&client, 2, 1, &keys_in(6, 1)[0]);
    client.sink.wait_completed(2);
    cluster.state().silent.insert(2);
    increment(&client, 3, 1, key);
    client
        .client
        .submit(4, 1, request(Operation::Get), key, &[], Some(LONG))
        .unwrap();
    cluster.wait("the requests", |state| {
        state.count(|seen| seen.is(Operation::Get)) == 1
    });
    cluster.state().lead(5, Some(0));
    assert_eq!(client.done(3).result.unwrap().0.number, 2);
    assert!(client.done(4).result.is_ok());
}
