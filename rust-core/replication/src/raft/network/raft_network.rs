//! openraft's network over [`Peers`].

use std::future::Future;
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use openraft::base::BoxStream;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{Backoff, RPCOption, RPCTypes, stream_append_sequential};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};

use super::ask::{Answer, Ask, Envelope};
use super::commit_news::spared;
use super::peers::{PeerError, Peers};
use super::send_snapshot::SnapshotSender;
use crate::raft::address::ReplicaAddress;
use crate::raft::snapshot::SnapshotBody;
use crate::raft::types::{RaftId, Snapshot, Types, Vote};
use holdfast_state::{GroupId, ReplicaId};

/// Makes a group's links to its other replicas.
pub(crate) struct Network {
    pub(crate) peers: Peers,
    pub(crate) group: GroupId,
    pub(crate) own: ReplicaId,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = ReplicaLink;

    async fn new_client(&mut self, target: RaftId, node: &ReplicaAddress) -> ReplicaLink {
        ReplicaLink {
            peers: self.peers.clone(),
            group: self.group,
            own: self.own,
            target: target.into(),
            address: node.clone(),
        }
    }
}

/// To one other replica. Which connection carries a message is decided by its size, message by message.
pub(crate) struct ReplicaLink {
    peers: Peers,
    group: GroupId,
    own: ReplicaId,
    target: ReplicaId,
    /// As the group's log has it: the node may have moved since.
    address: ReplicaAddress,
}

impl ReplicaLink {
    async fn ask(&self, kind: RPCTypes, ask: Ask, patience: Duration) -> Result<Answer, RPCError<Types>> {
        let envelope = Envelope {
            group: self.group,
            from: self.own,
            to: self.target,
            ask,
        };
        self.peers
            .ask(&self.peers.place(&self.address), envelope, patience)
            .await
            .map_err(|error| match error {
                PeerError::TimedOut => RPCError::Timeout(Timeout {
                    action: kind,
                    id: self.own.into(),
                    target: self.target.into(),
                    timeout: patience,
                }),
                other => RPCError::Unreachable(Unreachable::new(&other)),
            })
    }
}

fn unexpected() -> RPCError<Types> {
    RPCError::Network(NetworkError::from_string("the answer is not one to the question"))
}

/// The answers to a stream of appends.
type Appended<'s> = BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>;

impl RaftNetworkV2<Types> for ReplicaLink {
    type SnapshotData = SnapshotBody;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        match self
            .ask(RPCTypes::AppendEntries, Ask::Append(rpc), option.soft_ttl())
            .await?
        {
            Answer::Append(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        requests: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<Appended<'s>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        // What the cluster knows of itself changes rarely, and other nodes wait for it.
        match self.group {
            GroupId::META => stream_append_sequential(self, requests, option),
            _ => stream_append_sequential(self, spared(requests), option),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        match self
            .ask(RPCTypes::Vote, Ask::Vote(rpc), option.soft_ttl())
            .await?
        {
            Answer::Vote(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        match self
            .ask(RPCTypes::Vote, Ask::PreVote(rpc), option.soft_ttl())
            .await?
        {
            Answer::Vote(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let sender = SnapshotSender {
            link: self,
            vote,
            meta: snapshot.meta,
        };
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = sender.send(snapshot.snapshot) => sent.map(SnapshotResponse::new),
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        match self
            .ask(RPCTypes::TransferLeader, Ask::Transfer(rpc), option.soft_ttl())
            .await?
        {
            Answer::Transfer(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        None
    }
}

impl ReplicaLink {
    pub(super) fn peers(&self) -> &Peers {
        &self.peers
    }

    pub(super) async fn send_piece(&self, ask: Ask) -> Result<Answer, RPCError<Types>> {
        self.ask(RPCTypes::InstallSnapshot, ask, Duration::ZERO).await
    }
}
