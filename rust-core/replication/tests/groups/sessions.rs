//! The machines that nodes replicate, in groups: what a session repeats is applied once, whoever leads.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, ClusterTiming, DataMachine, GroupMachine, GroupOptions, LocalNetwork, MetaGroup, Peers,
    ProposeError, RaftGroup, ReplicaAddress,
};
use holdfast_state::{
    Change, Command, Expiry, GroupCommand, GroupId, GroupKind, MachineConfig, MetaCommand, NodeId, Outcome,
    ReplicaId, SessionTag, Slot, StoreClass, StoreId, StoreSettings, StoreSettingsGiven,
};

use crate::cluster::WAIT;

const GROUP: GroupId = GroupId(1);
const STORE: StoreId = StoreId(1);
const SESSION: u128 = 42;

/// Three replicas of one group.
struct Three<M: GroupMachine>(Vec<(RaftGroup<M>, Peers)>);

impl<M: GroupMachine> Three<M> {
    async fn formed(machine: impl Fn() -> M) -> Self {
        let network = LocalNetwork::default();
        let mut replicas = Vec::new();
        let mut members = BTreeMap::new();
        for id in 1..=3_u32 {
            let address = format!("node-{id}");
            let peers = Peers::in_process(&network, &address);
            peers.set_cluster(ClusterId(7));
            let replica = ReplicaId(id.into());
            let mut options = GroupOptions::new(GROUP, replica, Arc::new(machine()), peers.clone());
            options.timing = ClusterTiming::FAST;
            replicas.push((RaftGroup::start(options).await.unwrap(), peers));
            let member = ReplicaAddress {
                node: NodeId(id),
                peer_address: address,
                ..ReplicaAddress::default()
            };
            members.insert(replica, member);
        }
        replicas[0].0.initialize(members).await.unwrap();
        Three(replicas)
    }

    async fn leader(&self) -> RaftGroup<M> {
        let found = async {
            loop {
                if let Some((leader, _)) = self.0.iter().find(|(group, _)| group.leads()) {
                    return leader.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WAIT, found).await.expect("a leader in time")
    }

    /// Again and again, until it is known to be applied.
    async fn propose(&self, command: Vec<u8>) -> M::Outcome {
        let command = Bytes::from(command);
        let tried = async {
            loop {
                let Ok(proposed) = self.leader().await.propose(command.clone()) else {
                    continue;
                };
                match proposed.await {
                    Ok(outcome) => return outcome,
                    Err(ProposeError::NotLeader { .. } | ProposeError::Unknown) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        };
        tokio::time::timeout(WAIT, tried).await.expect("applied in time")
    }

    async fn kill_leader(&mut self) {
        let leader = self.leader().await.replica();
        let place = self.0.iter().position(|(group, _)| group.replica() == leader);
        let (group, _peers) = self.0.remove(place.expect("it is one of them"));
        group.stop().await;
    }
}

fn data() -> DataMachine {
    DataMachine::new(MachineConfig {
        kind: GroupKind::Coordination,
        first_revision: 0,
        feature_level: 1,
        seed: 1,
        touch_interval_ms: 500,
        group_index: 0,
        group_count: 1,
    })
}

fn increment(sequence: u64) -> Vec<u8> {
    let change = Change::Increment {
        key: b"count",
        delta: 1,
        minimum: i64::MIN,
        maximum: i64::MAX,
        initial: 0,
        expiry: Expiry::NONE,
        reset_expiry: false,
    };
    let session = Some(SessionTag {
        session: SESSION,
        sequence,
        first_unacknowledged: 1,
    });
    Command::InStore {
        store: STORE,
        slot: Slot(0),
        session,
        change,
    }
    .encode()
}

fn after(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Counter { after, .. } => *after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sessions_retry_at_the_next_leader_gets_the_first_outcome() {
    let mut group = Three::formed(data).await;
    let define = GroupCommand::DefineStore {
        id: STORE,
        name: "default/counts",
        settings: StoreSettings::new(StoreClass::Coordination, 1 << 20),
    };
    group.propose(Command::Group(define).encode()).await;
    let open = GroupCommand::OpenSession { session: SESSION };
    group.propose(Command::Group(open).encode()).await;
    for sequence in 1..=5 {
        let outcome = group.propose(increment(sequence)).await;
        assert_eq!(after(&outcome), i64::try_from(sequence).unwrap());
    }
    group.kill_leader().await;
    for sequence in 1..=5 {
        let outcome = group.propose(increment(sequence)).await;
        assert_eq!(after(&outcome), i64::try_from(sequence).unwrap());
    }
    assert_eq!(after(&group.propose(increment(6)).await), 6);
    let unknown = Command::InStore {
        store: STORE,
        slot: Slot(0),
        session: Some(SessionTag {
            session: SESSION + 1,
            sequence: 1,
            first_unacknowledged: 1,
        }),
        change: Change::Refresh { key: b"count" },
    };
    let refused = group.propose(unknown.encode()).await;
    assert!(matches!(refused, Outcome::Failed(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_meta_machine_outlives_its_leader() {
    let mut group = Three::formed(|| MetaGroup::new(0)).await;
    let define = |name: &'static str| MetaCommand::DefineStore {
        name: name.into(),
        asked: StoreSettingsGiven::default(),
        settings: StoreSettings::new(StoreClass::Cache, 1 << 20),
    };
    group.propose(define("default/a").encode()).await;
    let first = group.leader().await.machine().read().store("default/a").copied();
    assert!(first.is_some());
    group.kill_leader().await;
    group.propose(define("default/b").encode()).await;
    let leader = group.leader().await;
    assert_eq!(leader.machine().read().store("default/a").copied(), first);
    assert!(leader.machine().read().store("default/b").is_some());
}
