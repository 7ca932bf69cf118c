//! Members come, go and hand the leadership on.

use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_replication::raft::MembershipError;
use holdfast_state::{GroupId, ReplicaId};

use crate::cluster::{Cluster, WAIT, Wire, on_each_wire};

const GROUP: GroupId = GroupId(1);

on_each_wire! {
    the_leadership_moves_to_the_replica_that_was_named
    a_new_replica_catches_up_and_votes_in_place_of_another
    a_change_of_members_that_was_overtaken_is_refused
}

async fn the_leadership_moves_to_the_replica_that_was_named(wire: Wire) {
    let cluster = Cluster::formed(wire, &[GROUP]).await;
    for round in 0..6 {
        let leader = cluster.leader(GROUP).await;
        let next = (leader + 1) % 3;
        let to = cluster.group(next, GROUP).replica();
        cluster
            .group(leader, GROUP)
            .transfer_leader(to, Duration::from_secs(5))
            .await
            .unwrap();
        cluster.until(next, GROUP, |status| status.ready).await;
        cluster.put_at(next, GROUP, &format!("{round}")).await.unwrap();
    }
    assert_eq!(cluster.agree(GROUP, &[0, 1, 2]).await.len(), 6);
}

async fn a_new_replica_catches_up_and_votes_in_place_of_another(wire: Wire) {
    let mut cluster = Cluster::formed(wire, &[GROUP]).await;
    for number in 0..100 {
        cluster.put(GROUP, &format!("{number}")).await;
    }
    let new = cluster.add_node(&[GROUP]).await;
    let replica = cluster.group(new, GROUP).replica();
    let leader = cluster.leader(GROUP).await;
    let group = cluster.group(leader, GROUP);
    group
        .add_learner(group.status().members.version, replica, cluster.address(new))
        .await
        .unwrap();
    group.wait_caught_up(replica, WAIT).await.unwrap();
    let gone = cluster.group((leader + 1) % 3, GROUP).replica();
    let voters: BTreeSet<ReplicaId> = (1..=4)
        .map(ReplicaId)
        .filter(|replica| *replica != gone)
        .collect();
    group
        .change_voters(group.status().members.version, voters.clone(), false)
        .await
        .unwrap();
    cluster
        .until(new, GROUP, |status| {
            status.members.voters == voters && !status.members.joint
        })
        .await;
    assert!(!group.status().members.addresses.contains_key(&gone));
    cluster.kill((leader + 1) % 3).await;
    cluster.put(GROUP, "after").await;
    assert_eq!(cluster.agree(GROUP, &[leader, new]).await.len(), 101);
}

async fn a_change_of_members_that_was_overtaken_is_refused(wire: Wire) {
    let cluster = Cluster::formed(wire, &[GROUP]).await;
    let leader = cluster.leader(GROUP).await;
    let group = cluster.group(leader, GROUP);
    let before = group.status().members.version;
    let mut moved = cluster.address(0);
    moved.client_address = "elsewhere:1".to_owned();
    group
        .update_member(before, ReplicaId(1), moved.clone())
        .await
        .unwrap();
    let late = group.add_learner(before, ReplicaId(9), moved).await.unwrap_err();
    assert!(matches!(late, MembershipError::Conflict(_)), "{late}");
    let voters = BTreeSet::from([ReplicaId(1), ReplicaId(8)]);
    cluster
        .until(leader, GROUP, |status| status.members.version > before)
        .await;
    let absent = group
        .change_voters(group.status().members.version, voters, false)
        .await
        .unwrap_err();
    assert!(matches!(absent, MembershipError::Refused(_)), "{absent}");
}
