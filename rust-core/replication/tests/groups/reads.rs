//! Who may read what, when.

use std::time::Duration;

use holdfast_replication::raft::{ReadError, ReadMode};
use holdfast_state::GroupId;

use crate::cluster::{Cluster, WAIT, Wire, on_each_wire};

const GROUP: GroupId = GroupId(1);

on_each_wire! {
    a_read_at_the_leader_sees_every_acknowledged_change
    a_bounded_read_at_a_follower_sees_what_was_acknowledged_before_the_bound
    a_follower_refuses_linearizable_reads
    nobody_reads_at_a_leader_whose_machine_does_not_know_yet_that_it_leads
}

async fn a_read_at_the_leader_sees_every_acknowledged_change(wire: Wire) {
    let cluster = Cluster::formed(wire, &[GROUP]).await;
    for number in 0..20 {
        cluster.put(GROUP, &format!("{number}")).await;
        for mode in [ReadMode::Lease, ReadMode::ReadIndex] {
            let applied = at_the_leader(&cluster, mode).await;
            assert_eq!(applied.len(), number + 1);
        }
    }
}

/// Asks whoever leads until one may answer.
async fn at_the_leader(cluster: &Cluster, mode: ReadMode) -> Vec<String> {
    let asked = async {
        loop {
            let group = cluster.group(cluster.leader(GROUP).await, GROUP);
            if group.read_barrier(mode).await.is_ok() {
                return group.machine().applied();
            }
        }
    };
    tokio::time::timeout(WAIT, asked).await.expect("read in time")
}

async fn a_bounded_read_at_a_follower_sees_what_was_acknowledged_before_the_bound(wire: Wire) {
    let cluster = Cluster::formed(wire, &[GROUP]).await;
    let leader = cluster.leader(GROUP).await;
    let follower = (leader + 1) % 3;
    cluster
        .until(follower, GROUP, |status| status.leader.is_some())
        .await;
    for number in 0..20 {
        cluster.put(GROUP, &format!("{number}")).await;
        let group = cluster.group(follower, GROUP);
        // On a busy machine a leader may be lost between two questions.
        let asked = async {
            while group
                .read_barrier(ReadMode::Bounded(Duration::ZERO))
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WAIT, asked).await.expect("read in time");
        assert_eq!(group.machine().applied().len(), number + 1);
        // Within the bound, no question is asked.
        group
            .read_barrier(ReadMode::Bounded(Duration::from_secs(60)))
            .await
            .unwrap();
    }
}

async fn a_follower_refuses_linearizable_reads(wire: Wire) {
    let cluster = Cluster::formed(wire, &[GROUP]).await;
    let leader = cluster.leader(GROUP).await;
    let follower = (leader + 1) % 3;
    cluster
        .until(follower, GROUP, |status| status.leader.is_some())
        .await;
    for mode in [ReadMode::Lease, ReadMode::ReadIndex] {
        let refused = cluster
            .group(follower, GROUP)
            .read_barrier(mode)
            .await
            .unwrap_err();
        assert_eq!(
            refused,
            ReadError::NotLeader {
                leader: Some(cluster.address(leader))
            }
        );
    }
    cluster
        .group(follower, GROUP)
        .read_barrier(ReadMode::Local)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_a_quorum_serves_no_linearizable_read() {
    let cluster = Cluster::formed(Wire::HandedOver, &[GROUP]).await;
    let leader = cluster.leader(GROUP).await;
    let group = cluster.group(leader, GROUP);
    group.read_barrier(ReadMode::Lease).await.unwrap();
    let isolated = cluster.node(leader).address.clone();
    cluster.network.isolate(&isolated);
    let others: Vec<usize> = (0..3).filter(|place| *place != leader).collect();
    cluster.leader_among(&others, GROUP).await;
    for mode in [ReadMode::Lease, ReadMode::ReadIndex] {
        let refused = group.read_barrier(mode).await.unwrap_err();
        assert!(
            matches!(refused, ReadError::NoQuorum | ReadError::NotLeader { .. }),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_machine_was_suspended_asks_the_others_before_it_trusts_its_lease() {
    let cluster = Cluster::formed(Wire::HandedOver, &[GROUP]).await;
    let leader = cluster.leader(GROUP).await;
    let group = cluster.group(leader, GROUP);
    group.read_barrier(ReadMode::ReadIndex).await.unwrap();
    group.read_barrier(ReadMode::Lease).await.unwrap();
    // By the clock that stood still meanwhile, the lease is as good as it was.
    cluster.clocks.suspend(Duration::from_secs(10));
    cluster.network.isolate(&cluster.node(leader).address);
    let refused = group.read_barrier(ReadMode::Lease).await.unwrap_err();
    assert!(
        matches!(refused, ReadError::NoQuorum | ReadError::NotLeader { .. }),
        "{refused}"
    );
}

async fn nobody_reads_at_a_leader_whose_machine_does_not_know_yet_that_it_leads(wire: Wire) {
    let cluster = Cluster::formed(wire, &[GROUP]).await;
    for mode in [ReadMode::Lease, ReadMode::ReadIndex] {
        let leader = cluster.leader(GROUP).await;
        let next = (leader + 1) % 3;
        let group = cluster.group(next, GROUP);
        group.machine().begin_slowly(Duration::from_millis(500));
        let transferred = cluster
            .group(leader, GROUP)
            .transfer_leader(group.replica(), WAIT);
        let read = async {
            while group.read_barrier(mode).await.is_err() {
                tokio::task::yield_now().await;
            }
            group.machine().read_as_leader()
        };
        let (transferred, begun) = tokio::join!(transferred, tokio::time::timeout(WAIT, read));
        transferred.expect("it is taken");
        assert!(begun.expect("read in time"), "{mode:?}");
    }
}
