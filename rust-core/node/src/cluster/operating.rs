//! What operators ask: how the cluster is doing, who leads, who belongs to it. Any node answers for all; what only a
//! group's leader can do is asked of that one.

mod asked;
mod health;
mod moving;
mod removing;
mod report;
mod status;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::cluster::cluster_reply::Answer;
use holdfast_proto::cluster::cluster_request::Ask;
use holdfast_proto::cluster::{ClusterReply, ClusterRequest, GroupsReformed, ReformRequest};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::{MembershipError, RaftGroup};
use holdfast_state::{Cluster, ClusterNode as Member, GroupId, NodeId};

use super::calls::{self, Call};
use super::member::{ClusterNode, PATIENCE};
use super::reforming::ReformError;
pub(crate) use asked::{PeerAnswer, PeerAsk};

/// How long what an operator asks may take: less than a gRPC call may.
const WHOLE: Duration = Duration::from_secs(25);
/// Looked at again so often while something is under way.
const AGAIN: Duration = Duration::from_millis(50);

impl ClusterNode {
    /// Answers an operator.
    ///
    /// # Errors
    /// `NodeNotFound`, `GroupNotFound`, `NodeInUse`, `InvalidArgument`, and `Unavailable` while the cluster cannot do it.
    pub(crate) async fn operate(self: &Arc<Self>, request: ClusterRequest) -> Result<ClusterReply, Error> {
        let answer = match request.ask {
            Some(Ask::Get(_)) => Answer::Status(self.cluster_status().await?),
            Some(Ask::RemoveNode(request)) => Answer::Removed(self.remove_node(request).await?),
            Some(Ask::MoveLeader(request)) => Answer::Moved(self.move_leader(&request).await?),
            Some(Ask::TransferLeaders(request)) => Answer::Moved(self.transfer_leaders(&request).await?),
            Some(Ask::Reform(request)) => Answer::Reformed(self.reform_as_asked(&request).await?),
            None => {
                let message = "the request is none that this version of the node knows";
                return Err(Error::new(Code::Unsupported, message));
            }
        };
        Ok(ClusterReply { answer: Some(answer) })
    }

    /// Not by itself: an operator says that what only silent nodes have may be lost.
    async fn reform_as_asked(&self, request: &ReformRequest) -> Result<GroupsReformed, Error> {
        if !request.force {
            let message = "what nodes have that do not answer would be lost: say that it may be (force)";
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let reformed = self.reform().await.map_err(|error| {
            let code = match error {
                ReformError::NotLost(_) => Code::NodeInUse,
                ReformError::NotFormed | ReformError::Failed(_) => Code::Unavailable,
            };
            Error::new(code, error.to_string())
        })?;
        let numbers = |groups: Vec<u16>| groups.into_iter().map(u32::from).collect();
        Ok(GroupsReformed {
            groups: numbers(reformed.groups),
            emptied: numbers(reformed.emptied),
        })
    }

    /// Answers another node that an operator has asked.
    pub(crate) async fn operated(self: &Arc<Self>, asked: Bytes) -> Bytes {
        let answer = match PeerAsk::decode(asked) {
            Ok(asked) => self.do_for_peer(asked).await,
            Err(error) => Err(error),
        };
        PeerAnswer::encode(answer)
    }

    async fn do_for_peer(self: &Arc<Self>, asked: PeerAsk) -> Result<PeerAnswer, Error> {
        Ok(match asked {
            PeerAsk::Report => PeerAnswer::Report(self.report()),
            PeerAsk::MoveLeader { group, replica } => {
                PeerAnswer::Moved(self.move_leader_from_here(group, replica).await?)
            }
            PeerAsk::KeepLeader { group, keeps } => {
                self.keep_leader(group, keeps);
                PeerAnswer::Done
            }
            PeerAsk::Spread => {
                self.keep_no_leader();
                PeerAnswer::Done
            }
            PeerAsk::DropNode { group, node } => {
                self.drop_node_here(group, node).await?;
                PeerAnswer::Done
            }
            PeerAsk::Operate(request) => PeerAnswer::Operated(Box::pin(self.operate(request)).await?),
            PeerAsk::Removed { incarnation } => {
                if incarnation == self.incarnation().0 {
                    let node = Arc::clone(self);
                    let why = format!("node '{}' was removed from the cluster", self.name);
                    tokio::spawn(async move { node.displace(why).await });
                }
                PeerAnswer::Done
            }
        })
    }

    /// Asks another node on an operator's behalf, or this one.
    async fn ask_peer(
        self: &Arc<Self>,
        address: &str,
        asked: &PeerAsk,
        patience: Duration,
    ) -> Result<PeerAnswer, Error> {
        if address == self.options.advertise {
            return Box::pin(self.do_for_peer(asked.clone())).await;
        }
        match self.ask(address, &Call::Operate(asked.encode()), patience).await {
            Ok(calls::Answer::Operated(answer)) => PeerAnswer::decode(answer),
            Ok(_) => Err(unavailable(format!("{address} answers as another version would"))),
            Err(reason) => Err(unavailable(format!("{address}: {reason}"))),
        }
    }

    /// Looks at the cluster as this node knows it.
    fn with_cluster<R>(&self, look: impl FnOnce(&Cluster) -> R) -> Result<R, Error> {
        let not_formed = || unavailable("the node is not part of a formed cluster yet".to_owned());
        let meta = self.meta().ok_or_else(not_formed)?;
        let machine = meta.machine().read();
        machine.cluster().map(look).ok_or_else(not_formed)
    }

    /// The node that an operator names, by name or id.
    fn named(&self, named: &str) -> Result<Option<(NodeId, Member)>, Error> {
        self.with_cluster(|cluster| {
            let by_id = || {
                let id = NodeId(named.parse().ok()?);
                Some((id, cluster.node(id)?))
            };
            let found = cluster.node_named(named).or_else(by_id);
            found.map(|(id, node)| (id, node.clone()))
        })
    }

    /// The same; there must be one.
    fn must_be_named(&self, named: &str) -> Result<(NodeId, Member), Error> {
        if let Some(found) = self.named(named)? {
            return Ok(found);
        }
        let known = self.with_cluster(|cluster| {
            let names = cluster.nodes().map(|(_, node)| node.description.name.to_string());
            names.collect::<Vec<_>>().join(", ")
        })?;
        let message = format!("the cluster has no node '{named}': it has {known}");
        Err(Error::new(Code::NodeNotFound, message))
    }

    /// Where a group's leader is reached, as far as this node knows.
    fn leader_address(&self, group: GroupId) -> Option<String> {
        let status = match group {
            GroupId::META => self.meta()?.status(),
            group => self.group(group)?.raft().status(),
        };
        status.leader.map(|(_, leader)| leader.peer_address)
    }

    /// The same, asking the others when this node does not know.
    async fn find_leader(self: &Arc<Self>, group: GroupId) -> Option<String> {
        if let Some(leader) = self.leader_address(group) {
            return Some(leader);
        }
        let reports = self.reports().await.ok()?;
        let leads = |report: &&report::NodeReport| {
            let of_group = |it: &report::GroupReport| u32::from(group.0) == it.group && it.leads;
            report.groups.iter().any(of_group)
        };
        let found = reports
            .into_iter()
            .find(|(_, report)| report.as_ref().is_some_and(|it| leads(&it)));
        let (id, _) = found?;
        self.with_cluster(|cluster| Some(cluster.node(id)?.description.peer_address.to_string()))
            .ok()
            .flatten()
    }
}

/// A group of any kind at its leader here.
enum Led {
    Meta(RaftGroup<holdfast_replication::raft::MetaGroup>),
    Data(RaftGroup<holdfast_replication::raft::DataMachine>),
}

impl ClusterNode {
    fn led(&self, group: GroupId) -> Result<Led, Error> {
        let led = match group {
            GroupId::META => self.meta().filter(RaftGroup::leads).map(Led::Meta),
            group => {
                let here = self.group(group).filter(|here| here.raft().leads());
                here.map(|here| Led::Data(here.raft().clone()))
            }
        };
        led.ok_or_else(|| unavailable(format!("node '{}' does not lead group {}", self.name, group.0)))
    }
}

fn membership_error(error: &MembershipError) -> Error {
    unavailable(error.to_string())
}

#[cold]
fn unavailable(message: String) -> Error {
    Error::new(Code::Unavailable, message)
}
