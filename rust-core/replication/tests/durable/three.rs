//! Three nodes with several durable groups each, all on one log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, ClusterTiming, DataDirectory, GroupLog, GroupOptions, LocalNetwork, Peers, RaftGroup,
    ReplicaAddress,
};
use holdfast_state::{GroupId, NodeId, ReplicaId};
use tempfile::TempDir;

use crate::WAIT;
use crate::list::List;

const GROUPS: [GroupId; 3] = [GroupId(1), GroupId(2), GroupId(3)];

struct Node {
    data: DataDirectory,
    _peers: Peers,
    groups: Vec<RaftGroup<List>>,
}

impl Node {
    async fn start(network: &LocalNetwork, id: u32, path: &Path) -> Node {
        let data = DataDirectory::open(path).await.unwrap();
        let peers = Peers::in_process(network, &format!("node-{id}"));
        peers.set_cluster(ClusterId(7));
        let mut groups = Vec::new();
        for group in GROUPS {
            let mut options = GroupOptions::new(
                group,
                ReplicaId(id.into()),
                Arc::new(List::default()),
                peers.clone(),
            );
            options.timing = ClusterTiming::FAST;
            options.log = GroupLog::Disk(data.clone());
            groups.push(RaftGroup::start(options).await.unwrap());
        }
        Node {
            data,
            _peers: peers,
            groups,
        }
    }
}

async fn start(directories: &[TempDir]) -> Vec<Node> {
    let network = LocalNetwork::default();
    let mut nodes = Vec::new();
    for (place, directory) in (1..).zip(directories) {
        nodes.push(Node::start(&network, place, directory.path()).await);
    }
    nodes
}

async fn put(nodes: &[Node], group: usize, command: &str) {
    let tried = async {
        loop {
            let leader = nodes.iter().find(|node| node.groups[group].leads());
            if let Some(node) = leader
                && let Ok(proposed) = node.groups[group].propose(Bytes::from(command.to_owned()))
                && proposed.await.is_ok()
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, tried).await.expect("applied in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_die_at_once_keep_every_acknowledged_change() {
    let directories = [(); 3].map(|()| TempDir::new().unwrap());
    let mut nodes = start(&directories).await;
    let members: BTreeMap<_, _> = (1..=3_u32)
        .map(|id| {
            let member = ReplicaAddress {
                node: NodeId(id),
                peer_address: format!("node-{id}"),
                ..ReplicaAddress::default()
            };
            (ReplicaId(id.into()), member)
        })
        .collect();
    for (place, node) in nodes.iter().enumerate() {
        node.groups[place].initialize(members.clone()).await.unwrap();
    }
    let mut acknowledged = vec![Vec::new(); GROUPS.len()];
    for round in 0..3 {
        for number in 0..20 {
            for (group, acknowledged) in acknowledged.iter_mut().enumerate() {
                let command = format!("{group}-{round}-{number}");
                put(&nodes, group, &command).await;
                acknowledged.push(command);
            }
        }
        // The disks first: whatever is still on its way is lost with them.
        for node in &nodes {
            node.data.close().await;
        }
        for node in nodes {
            for group in &node.groups {
                group.stop().await;
            }
        }
        nodes = start(&directories).await;
    }
    for (group, acknowledged) in acknowledged.iter().enumerate() {
        put(&nodes, group, "last").await;
        let leader = nodes.iter().find(|node| node.groups[group].leads());
        let mut applied = leader.expect("one leads").groups[group].machine().applied();
        assert_eq!(applied.pop().as_deref(), Some("last"));
        assert_eq!(&applied, acknowledged);
    }
    for node in nodes {
        for group in &node.groups {
            group.stop().await;
        }
        node.data.close().await;
    }
}
