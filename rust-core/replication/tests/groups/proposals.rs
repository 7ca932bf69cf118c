//! What is proposed is applied everywhere, once, whatever happens to leaders.

use bytes::Bytes;
use holdfast_replication::raft::ProposeError;
use holdfast_state::GroupId;

use crate::cluster::{Cluster, Wire, on_each_wire};

const GROUPS: [GroupId; 3] = [GroupId(0), GroupId(1), GroupId(5)];

on_each_wire! {
    every_group_elects_a_leader_and_every_replica_applies_the_same
    what_was_acknowledged_survives_the_death_of_the_leader
    a_retry_at_the_next_leader_is_applied_once
    a_replica_that_does_not_lead_appends_nothing_and_names_the_leader
    commands_of_one_proposal_are_applied_in_their_order
    a_value_of_sixteen_mebibytes_is_replicated
}

async fn every_group_elects_a_leader_and_every_replica_applies_the_same(wire: Wire) {
    let cluster = Cluster::formed(wire, &GROUPS).await;
    for round in 0..50 {
        for group in GROUPS {
            cluster.put(group, &format!("{}-{round}", group.0)).await;
        }
    }
    for group in GROUPS {
        let applied = cluster.agree(group, &[0, 1, 2]).await;
        let wanted: Vec<String> = (0..50).map(|round| format!("{}-{round}", group.0)).collect();
        assert_eq!(applied, wanted);
    }
}

async fn what_was_acknowledged_survives_the_death_of_the_leader(wire: Wire) {
    let mut cluster = Cluster::formed(wire, &GROUPS).await;
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        let command = format!("before-{number}");
        cluster.put(GROUPS[1], &command).await;
        acknowledged.push(command);
    }
    let leader = cluster.leader(GROUPS[1]).await;
    cluster.kill(leader).await;
    for number in 0..20 {
        let command = format!("after-{number}");
        cluster.put(GROUPS[1], &command).await;
        acknowledged.push(command);
    }
    let living: Vec<usize> = cluster.living().collect();
    assert_eq!(cluster.agree(GROUPS[1], &living).await, acknowledged);
}

async fn a_retry_at_the_next_leader_is_applied_once(wire: Wire) {
    let mut cluster = Cluster::formed(wire, &GROUPS[..1]).await;
    let group = GROUPS[0];
    let (place, retried) = cluster.put(group, "once").await;
    assert_eq!((place, retried), (0, false));
    let leader = cluster.leader(group).await;
    cluster.kill(leader).await;
    assert_eq!(cluster.put(group, "once").await, (0, true));
    let living: Vec<usize> = cluster.living().collect();
    assert_eq!(cluster.agree(group, &living).await, ["once"]);
}

async fn a_replica_that_does_not_lead_appends_nothing_and_names_the_leader(wire: Wire) {
    let cluster = Cluster::formed(wire, &GROUPS[..1]).await;
    let group = GROUPS[0];
    let leader = cluster.leader(group).await;
    let other = (leader + 1) % 3;
    cluster
        .until(other, group, |status| status.leader.is_some())
        .await;
    let refused = cluster.put_at(other, group, "no").await.unwrap_err();
    assert_eq!(
        refused,
        ProposeError::NotLeader {
            leader: Some(cluster.address(leader))
        }
    );
    cluster.put(group, "yes").await;
    assert_eq!(cluster.agree(group, &[0, 1, 2]).await, ["yes"]);
}

async fn commands_of_one_proposal_are_applied_in_their_order(wire: Wire) {
    let cluster = Cluster::formed(wire, &GROUPS[..1]).await;
    let group = GROUPS[0];
    let leader = cluster.leader(group).await;
    let mut pending = Vec::new();
    for proposal in 0..100 {
        let commands = (0..10)
            .map(|number| Bytes::from(format!("{}", proposal * 10 + number)))
            .collect();
        pending.push(cluster.group(leader, group).propose_all(commands).unwrap());
    }
    for (proposal, outcome) in pending.into_iter().enumerate() {
        let wanted: Vec<_> = (0..10).map(|number| (proposal * 10 + number, false)).collect();
        assert_eq!(outcome.await.unwrap(), wanted);
    }
    assert_eq!(cluster.group(leader, group).waiting_bytes(), 0);
}

async fn a_value_of_sixteen_mebibytes_is_replicated(wire: Wire) {
    let cluster = Cluster::formed(wire, &GROUPS[..1]).await;
    let big = "v".repeat(16 * 1024 * 1024);
    cluster.put(GROUPS[0], &big).await;
    cluster.put(GROUPS[0], "small").await;
    let applied = cluster.agree(GROUPS[0], &[0, 1, 2]).await;
    assert_eq!(applied.len(), 2);
    assert!(applied[0] == big);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_bytes_than_a_group_takes_are_refused_at_once() {
    let mut cluster = Cluster::started(Wire::HandedOver, 0, &[]).await;
    cluster.limits.waiting_bytes = 10_000;
    for _ in 0..3 {
        cluster.add_node(&GROUPS[..1]).await;
    }
    cluster.initialize(&GROUPS[..1]).await;
    let group = GROUPS[0];
    let leader = cluster.leader(group).await;
    // Nothing is committed any more, so what is proposed waits.
    let isolated = cluster.node(leader).address.clone();
    cluster.network.isolate(&isolated);
    let mut pending = Vec::new();
    let refused = loop {
        match cluster
            .group(leader, group)
            .propose(Bytes::from(vec![b'x'; 1_000]))
        {
            Ok(proposed) => pending.push(proposed),
            Err(error) => break error,
        }
        assert!(pending.len() < 20);
    };
    assert!(matches!(refused, ProposeError::Overloaded { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_command_stops_the_replica() {
    let cluster = Cluster::formed(Wire::HandedOver, &GROUPS[..1]).await;
    let group = GROUPS[0];
    cluster.put(group, "known").await;
    let leader = cluster.leader(group).await;
    let outcome = cluster.put_at(leader, group, "unknown").await;
    assert!(outcome.is_err(), "{outcome:?}");
    cluster
        .until(leader, group, |status| status.failed.is_some())
        .await;
    // Two others are a quorum: the one of them that leads next commits the command and stops. Whether the last one hears
    // of that before it is alone is open; it waits then, and has not skipped anything either.
    let others: Vec<usize> = (0..3).filter(|place| *place != leader).collect();
    let failed = |place: usize| cluster.until(place, group, |status| status.failed.is_some());
    tokio::select! {
        () = failed(others[0]) => {}
        () = failed(others[1]) => {}
    }
    for place in 0..3 {
        assert_eq!(cluster.group(place, group).machine().applied(), ["known"]);
    }
    let after = cluster.put_at(leader, group, "after").await.unwrap_err();
    assert_eq!(after, ProposeError::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_cut_off_does_not_apply_what_nobody_else_has() {
    let cluster = Cluster::formed(Wire::HandedOver, &GROUPS[..1]).await;
    let group = GROUPS[0];
    cluster.put(group, "first").await;
    let old = cluster.leader(group).await;
    let isolated = cluster.node(old).address.clone();
    cluster.network.isolate(&isolated);
    let lost = cluster
        .group(old, group)
        .propose(Bytes::from_static(b"lost"))
        .unwrap();
    let others: Vec<usize> = (0..3).filter(|place| *place != old).collect();
    let new = cluster.leader_among(&others, group).await;
    cluster.put_at(new, group, "second").await.unwrap();
    cluster.network.heal();
    assert_eq!(lost.await, Err(ProposeError::Unknown));
    cluster.put(group, "third").await;
    assert_eq!(
        cluster.agree(group, &[0, 1, 2]).await,
        ["first", "second", "third"]
    );
}
