//! What operators ask about the cluster: of a node that belongs to one, and of one that is alone.

use std::sync::Arc;

use holdfast_proto::cluster::cluster_reply::Answer;
use holdfast_proto::cluster::cluster_request::Ask;
use holdfast_proto::cluster::{ClusterNode, ClusterReply, ClusterRequest, ClusterStatus, Health, NodeState};
use holdfast_proto::session::{Operation, ReplyHeader, id_bytes};
use holdfast_proto::{Code, Error};
use prost::Message;

use super::answer::{Answer as Reply, Caller};
use super::failure::Failure;
use super::http::not_ready;
use super::shared::Shared;

/// Answers an operator, as one of several nodes or alone.
///
/// # Errors
/// `Unsupported`: the node is alone and was told to change its cluster. As of a cluster otherwise.
pub(super) async fn operate(shared: &Arc<Shared>, request: ClusterRequest) -> Result<ClusterReply, Error> {
    #[cfg(feature = "cluster")]
    if let Some(cluster) = shared.cluster() {
        return cluster.operate(request).await;
    }
    operate_alone(shared, &request)
}

/// Answers an operator of a node that is alone: a cluster of one.
///
/// # Errors
/// `Unsupported`: there is nothing to change.
pub(super) fn operate_alone(shared: &Shared, request: &ClusterRequest) -> Result<ClusterReply, Error> {
    match &request.ask {
        Some(Ask::Get(_)) => Ok(ClusterReply {
            answer: Some(Answer::Status(status(shared))),
        }),
        _ => Err(Error::new(
            Code::Unsupported,
            "this node is alone: it was started without --join, so that there is nobody to move to or to remove",
        )),
    }
}

impl Caller {
    /// What an operator asks a lone node over a session.
    pub(super) fn administer_alone(&self, payload: &[u8]) -> Result<Reply, Failure> {
        let permissions = self.shared.options().permissions;
        permissions.check(&self.identity, "", "", Operation::ClusterAdmin)?;
        let reply = operate_alone(&self.shared, &request_of(payload)?)?;
        Ok(reply_of(&reply))
    }
}

/// The request in a session's payload.
///
/// # Errors
/// `InvalidArgument`.
pub(super) fn request_of(payload: &[u8]) -> Result<ClusterRequest, Error> {
    let message = "the payload is no request about the cluster";
    ClusterRequest::decode(payload).map_err(|_| Error::new(Code::InvalidArgument, message))
}

/// The reply as a session has it.
pub(super) fn reply_of(reply: &ClusterReply) -> Reply {
    Reply {
        header: ReplyHeader::default(),
        payload: reply.encode_to_vec().into(),
    }
}

fn status(shared: &Shared) -> ClusterStatus {
    let node = shared.node();
    let reason = not_ready(shared);
    let (health, summary) = match &reason {
        None => (Health::Healthy, "healthy: one node, which is alone".to_owned()),
        Some(reason) => (Health::Unavailable, format!("unavailable: {reason}")),
    };
    let state = match reason {
        None => NodeState::Up,
        Some(_) => NodeState::Leaving,
    };
    ClusterStatus {
        cluster_id: id_bytes(node.cluster_id()),
        version: 0,
        feature_level: holdfast_state::FEATURE_LEVEL,
        durable: false,
        health: health as i32,
        summary,
        nodes: vec![ClusterNode {
            id: 1,
            name: node.name().to_owned(),
            address: shared.options().listen.to_string(),
            incarnation: id_bytes(node.incarnation()),
            state: state as i32,
            reason: reason.unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            feature_level: holdfast_state::FEATURE_LEVEL,
            uptime_ms: u64::try_from(shared.uptime().as_millis()).unwrap_or(u64::MAX),
            memory_used: node.memory_used(),
            memory_limit: node.memory_limit(),
            ..ClusterNode::default()
        }],
        groups: Vec::new(),
        answered_by: node.name().to_owned(),
        alone: true,
    }
}
