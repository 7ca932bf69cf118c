//! Logs stay short, and who has missed too much gets the state.

use holdfast_replication::raft::GroupLimits;
use holdfast_state::GroupId;

use crate::cluster::{Cluster, WAIT, Wire, on_each_wire};

const GROUP: GroupId = GroupId(5);

on_each_wire! {
    a_new_replica_begins_with_a_snapshot_when_the_log_was_cut
}

async fn short_logs(wire: Wire) -> Cluster {
    let mut cluster = Cluster::started(wire, 0, &[]).await;
    cluster.limits = GroupLimits {
        log_bytes: 40_000,
        ..GroupLimits::default()
    };
    for _ in 0..3 {
        cluster.add_node(&[GROUP]).await;
    }
    cluster.initialize(&[GROUP]).await;
    cluster
}

async fn write_past_the_bound(cluster: &Cluster, from: usize) {
    for number in from..from + 200 {
        cluster.put(GROUP, &format!("{number:01000}")).await;
    }
}

async fn a_new_replica_begins_with_a_snapshot_when_the_log_was_cut(wire: Wire) {
    let mut cluster = short_logs(wire).await;
    write_past_the_bound(&cluster, 0).await;
    let leader = cluster.leader(GROUP).await;
    // A quarter of 200 kB of state: the log may have 50 kB.
    let cut = async {
        while cluster.group(leader, GROUP).log_bytes() > 120_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, cut).await.expect("the log is cut");
    let new = cluster.add_node(&[GROUP]).await;
    let replica = cluster.group(new, GROUP).replica();
    let group = cluster.group(leader, GROUP);
    group
        .add_learner(group.status().members.version, replica, cluster.address(new))
        .await
        .unwrap();
    group.wait_caught_up(replica, WAIT).await.unwrap();
    cluster.put(GROUP, "after").await;
    assert_eq!(cluster.agree(GROUP, &[0, 1, 2, new]).await.len(), 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_was_away_catches_up_by_snapshot() {
    let cluster = short_logs(Wire::HandedOver).await;
    let leader = cluster.leader(GROUP).await;
    let away = (leader + 1) % 3;
    let address = cluster.node(away).address.clone();
    cluster.put(GROUP, "before").await;
    cluster.network.isolate(&address);
    write_past_the_bound(&cluster, 0).await;
    write_past_the_bound(&cluster, 200).await;
    assert!(cluster.group(away, GROUP).machine().applied().len() <= 1);
    cluster.network.heal();
    assert_eq!(cluster.agree(GROUP, &[0, 1, 2]).await.len(), 401);
}
