//! A group that starts again with what one replica has.

use std::sync::Arc;

use holdfast_replication::raft::{
    ClusterId, GroupLimits, GroupOptions, LocalNetwork, Peers, RaftGroup, ReplicaAddress,
};
use holdfast_state::{NodeId, ReplicaId};
use tempfile::TempDir;

use crate::list::List;
use crate::{Alone, GROUP, WAIT, numbers};

const NEW: ReplicaId = ReplicaId(5);

fn address() -> ReplicaAddress {
    ReplicaAddress {
        node: NodeId(1),
        peer_address: "alone".to_owned(),
        ..ReplicaAddress::default()
    }
}

/// A group with ten entries, whose old replica has stopped and whose new one is to begin with them.
async fn left_with_a_beginning(directory: &TempDir) {
    let node = Alone::begun(directory.path(), GroupLimits::default()).await;
    for command in numbers(0..10) {
        node.put(&command).await.unwrap();
    }
    node.group.stop_and_apply_all().await.unwrap();
    let again = (NEW, &address());
    let machine = node.group.machine();
    node.data
        .begin_again(GROUP, ClusterId(7), again, machine)
        .await
        .unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_starts_again_on_disk_with_the_state_that_it_had_and_a_new_replica() {
    let directory = TempDir::new().unwrap();
    left_with_a_beginning(&directory).await;
    for round in 0..3 {
        let node = Alone::start_replica(directory.path(), NEW, GroupLimits::default())
            .await
            .unwrap();
        node.leads().await;
        assert_eq!(node.group.machine().applied(), numbers(0..10 + round));
        node.put(&numbers(10 + round..11 + round)[0]).await.unwrap();
        node.end().await;
    }
    // What the old one has promised is not taken for the new one's, nor the other way round.
    assert!(
        Alone::start(directory.path(), GroupLimits::default())
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_a_group_started_again_leaves_it_as_it_was() {
    let directory = TempDir::new().unwrap();
    left_with_a_beginning(&directory).await;
    let node = Alone::start(directory.path(), GroupLimits::default())
        .await
        .unwrap();
    node.leads().await;
    assert_eq!(node.group.machine().applied(), numbers(0..10));
    node.put("further").await.unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_join_a_group_that_started_again_get_its_state() {
    let network = LocalNetwork::default();
    let mut members = Vec::new();
    for number in 1..=2_u32 {
        let peers = Peers::in_process(&network, &format!("node-{number}"));
        peers.set_cluster(ClusterId(7));
        let replica = ReplicaId(u64::from(number) + 4);
        let machine = Arc::new(List::default());
        let address = ReplicaAddress {
            node: NodeId(number),
            peer_address: format!("node-{number}"),
            ..ReplicaAddress::default()
        };
        let mut options = GroupOptions::new(GROUP, replica, Arc::clone(&machine), peers.clone());
        if number == 1 {
            // As of a leader that others do not have any more.
            let state = Arc::new(List::default());
            let mut entry = holdfast_state::EntryWriter::new(holdfast_state::Timestamp(7), 0);
            entry.push(b"from before");
            let entry = bytes::Bytes::from(entry.finish());
            holdfast_replication::raft::GroupMachine::apply(&*state, 1, &entry).unwrap();
            options.machine = state;
            options.begins_with_machine = Some(address.clone());
        }
        let group = RaftGroup::start(options).await.unwrap();
        members.push((group, address, peers));
    }
    let first = &members[0].0;
    let second = &members[1].0;
    let ready = async { first.watch().wait_for(|status| status.ready).await.map(drop) };
    tokio::time::timeout(WAIT, ready).await.expect("in time").unwrap();
    first
        .propose(bytes::Bytes::from_static(b"after"))
        .unwrap()
        .await
        .unwrap();
    let version = first.status().members.version;
    first
        .add_learner(version, second.replica(), members[1].1.clone())
        .await
        .unwrap();
    first.wait_caught_up(second.replica(), WAIT).await.unwrap();
    let caught_up = async {
        while second.machine().applied() != ["from before", "after"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, caught_up)
        .await
        .expect("it has the state in time");
    assert_eq!(
        first.position().map(|(_, index)| index),
        second.position().map(|(_, index)| index)
    );
    for (group, ..) in &members {
        group.stop().await;
    }
}
