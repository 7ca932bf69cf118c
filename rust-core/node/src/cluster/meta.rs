//! This node's part in the meta group: its replica there, and what it has the group decide.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, GroupLog, MembershipError, MetaGroup, ProposeError, RaftGroup, ReplicaAddress,
};
use holdfast_state::{GroupId, MetaCommand, MetaOutcome, NodeId, ReplicaId};

use super::calls::{Answer, Call};
use super::forming::Preparation;
use super::member::ClusterNode;
use crate::identity::random;

/// How long the meta group may take to decide something.
const DECISION: Duration = Duration::from_secs(5);

impl ClusterNode {
    /// The meta group's replica here, once this node belongs to a cluster that is formed.
    pub(crate) fn meta(&self) -> Option<RaftGroup<MetaGroup>> {
        self.meta.load().as_deref().cloned()
    }

    pub(crate) fn set_meta(&self, meta: RaftGroup<MetaGroup>) {
        self.meta.store(Some(Arc::new(meta)));
        self.changed.notify_waiters();
    }

    /// The cluster, once this node has applied its plan.
    pub(crate) fn cluster_id(&self) -> Option<u128> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        machine.cluster().map(|cluster| cluster.id)
    }

    /// The meta group's epoch, as far as is known here.
    pub(crate) fn meta_epoch(&self) -> u64 {
        let Some(meta) = self.meta() else {
            return 0;
        };
        let machine = meta.machine().read();
        let placement = machine.cluster().and_then(|cluster| cluster.group(GroupId::META));
        placement.map_or(0, |placement| placement.epoch)
    }

    /// What the cluster may use; `None`: the node is not part of a formed one.
    #[doc(hidden)]
    #[must_use]
    pub fn feature_level(&self) -> Option<u32> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        machine.cluster().map(|cluster| cluster.feature_level)
    }

    /// Takes part in the meta group of a cluster, with this replica.
    pub(crate) async fn open_meta(&self, cluster: ClusterId, replica: ReplicaId) -> Result<(), String> {
        // A node that ends takes part in nothing any more.
        let _placing = self.placing.lock().await;
        if self.is_stopped() {
            return Err("the node is stopping".to_owned());
        }
        self.peers.set_cluster(cluster);
        let machine = Arc::new(MetaGroup::new(0));
        let mut options = self.group_options(GroupId::META, replica, machine);
        if let Some(home) = &self.home {
            let room = home.data().make_room(GroupId::META, cluster, replica).await;
            room.map_err(|error| error.to_string())?;
            options.log = GroupLog::Disk(home.data().clone());
        }
        let meta = RaftGroup::start(options)
            .await
            .map_err(|error| error.to_string())?;
        self.set_meta(meta);
        Ok(())
    }

    /// Takes part no longer; whether the replica had anything in its log.
    pub(crate) async fn close_meta(&self) -> bool {
        // Nobody of a cluster belongs to this one.
        self.peers.set_cluster(ClusterId(random()));
        let Some(meta) = self.meta.swap(None) else {
            return false;
        };
        meta.stop().await;
        meta.log_bytes() > 0
    }

    /// Whether the meta group's replica has anything in its log.
    pub(crate) fn meta_has_begun(&self) -> bool {
        self.meta().is_some_and(|meta| meta.log_bytes() > 0)
    }

    /// Begins the meta group's log.
    pub(crate) async fn initialize_meta(&self, preparation: &Preparation) -> Result<(), MembershipError> {
        let Some(meta) = self.meta() else {
            return Err(MembershipError::Stopped);
        };
        let voters = preparation.voters().iter().zip(1..);
        let members = voters.map(|(founder, number)| {
            let address = ReplicaAddress {
                node: NodeId(number),
                name: founder.name.clone(),
                peer_address: founder.address.clone(),
                client_address: founder.address.clone(),
            };
            (ReplicaId(number.into()), address)
        });
        meta.initialize(members.collect()).await
    }

    /// Has the meta group decide something, wherever its leader is, and waits until that is known to be so.
    ///
    /// # Errors
    /// Why it did not, or may not have.
    pub(crate) async fn decide(&self, command: &MetaCommand) -> Result<(), String> {
        let bytes = Bytes::from(command.encode());
        match self.decide_here(bytes.clone()).await {
            Answer::Decided(result) => result,
            Answer::Elsewhere(Some(leader)) => match self.ask(&leader, &Call::Decide(bytes), DECISION).await?
            {
                Answer::Decided(result) => result,
                _ => Err("the meta group's leader has changed".to_owned()),
            },
            _ => Err("it is not known who leads the meta group".to_owned()),
        }
    }

    fn undecided(&self, error: ProposeError) -> Answer {
        match error {
            ProposeError::NotLeader { leader } => {
                Answer::Elsewhere(leader.map(|leader| self.peers.place(&leader)))
            }
            error => Answer::Decided(Err(error.to_string())),
        }
    }

    pub(crate) async fn decide_here(&self, command: Bytes) -> Answer {
        let Some(meta) = self.meta() else {
            return Answer::Elsewhere(None);
        };
        let proposed = match meta.propose(command) {
            Ok(proposed) => proposed,
            Err(error) => return self.undecided(error),
        };
        match tokio::time::timeout(DECISION, proposed).await {
            Ok(Ok(MetaOutcome::Failed(error))) => Answer::Decided(Err(error.to_string())),
            Ok(Ok(_)) => Answer::Decided(Ok(())),
            Ok(Err(error)) => self.undecided(error),
            Err(_) => Answer::Decided(Err("the meta group did not decide in time".to_owned())),
        }
    }
}
