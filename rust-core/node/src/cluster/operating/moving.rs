//! Leaderships that operators move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast_proto::cluster::{LeaderMove, LeadersMoved, MoveLeaderRequest, TransferLeadersRequest};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::RaftGroup;
use holdfast_state::{GroupId, NodeId, ReplicaId};
use tokio::time::Instant;

use super::report::NodeReport;
use super::{AGAIN, ClusterNode, Led, PATIENCE, PeerAnswer, PeerAsk, membership_error, unavailable};
use crate::cluster::controller::planned_leader;
use crate::cluster::moving::{MOVE, Movable, NEARLY, move_leader};

/// An election that is under way is waited for.
const ELECTION: Duration = Duration::from_secs(5);

/// Who leads and who votes in a group, by what its leader has told.
struct Seen {
    group: GroupId,
    leader: NodeId,
    /// Voters that have all entries, about.
    ready: BTreeMap<NodeId, ReplicaId>,
    voters: BTreeMap<NodeId, ReplicaId>,
}

impl ClusterNode {
    /// Lets another node lead a group.
    pub(super) async fn move_leader(
        self: &Arc<Self>,
        request: &MoveLeaderRequest,
    ) -> Result<LeadersMoved, Error> {
        let group = self.must_be_group(request.group)?;
        let to = match request.node.is_empty() {
            true => None,
            false => Some(self.must_be_named(&request.node)?.0),
        };
        let until = Instant::now() + ELECTION;
        let seen = loop {
            let mut seen = self.seen().await?;
            if let Some(place) = seen.iter().position(|seen| seen.group == group) {
                break (seen.swap_remove(place), seen);
            }
            if Instant::now() >= until {
                return Err(unavailable(format!("nobody leads group {} now", group.0)));
            }
            tokio::time::sleep(AGAIN).await;
        };
        let (seen, others) = seen;
        let mut leads: BTreeMap<NodeId, usize> = BTreeMap::new();
        for other in &others {
            *leads.entry(other.leader).or_default() += 1;
        }
        let to = self.target(&seen, to, &mut leads)?;
        let moved = self.move_one(&seen, to).await;
        if moved.error.is_empty() {
            return Ok(LeadersMoved { moves: vec![moved] });
        }
        Err(unavailable(format!("group {}: {}", group.0, moved.error)))
    }

    /// Moves the leaderships of a node away, or leaderships to a node, or all to where the plan has them.
    pub(super) async fn transfer_leaders(
        self: &Arc<Self>,
        request: &TransferLeadersRequest,
    ) -> Result<LeadersMoved, Error> {
        let named = |name: &str| match name.is_empty() {
            true => Ok(None),
            false => self.must_be_named(name).map(|(id, _)| Some(id)),
        };
        let (from, to) = (named(&request.from)?, named(&request.to)?);
        if request.spread != (from.is_none() && to.is_none()) {
            let message = "say which node's leaderships to move, or to which node, or to spread all of them";
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if request.spread {
            return self.spread_leaders().await;
        }
        if from.is_some() && from == to {
            let message = "the leaderships of a node cannot be moved to that same node";
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let seen = self.seen().await?;
        let mut leads: BTreeMap<NodeId, usize> = BTreeMap::new();
        for it in &seen {
            *leads.entry(it.leader).or_default() += 1;
        }
        let mut wanted = Vec::new();
        for it in &seen {
            let moves = match from {
                Some(from) => it.leader == from,
                None => to.is_some_and(|to| it.leader != to && it.voters.contains_key(&to)),
            };
            if moves {
                wanted.push((it, self.target(it, to, &mut leads)));
            }
        }
        let moves = wanted.into_iter().map(|(it, target)| async move {
            match target {
                Ok(to) => self.move_one(it, to).await,
                Err(error) => LeaderMove {
                    error: error.message,
                    ..self.describe_move(it, it.leader)
                },
            }
        });
        let moves = join_all(moves).await;
        Ok(LeadersMoved { moves })
    }

    /// Every leadership to where the plan has it, whoever was told to keep it.
    async fn spread_leaders(self: &Arc<Self>) -> Result<LeadersMoved, Error> {
        let before = self.seen().await?;
        self.keep_no_leaders().await;
        let mut wanted = Vec::new();
        for it in &before {
            let voters: Vec<(NodeId, ReplicaId)> = self.with_cluster(|cluster| {
                let stays = |node: &NodeId| cluster.node(*node).is_some_and(|node| !node.leaving);
                it.ready
                    .iter()
                    .filter(|(node, _)| stays(node))
                    .map(|(node, id)| (*node, *id))
                    .collect()
            })?;
            if let Some((node, replica)) = planned_leader(it.group, &voters)
                && node != it.leader
            {
                wanted.push((it, (node, replica)));
            }
        }
        let moves = wanted.into_iter().map(|(it, to)| self.move_one(it, to));
        let moves = join_all(moves).await;
        // Where the plan has them is no wish of anybody's: a node that comes back gets its share again.
        self.keep_no_leaders().await;
        Ok(LeadersMoved { moves })
    }

    /// Has all leaderships go by the plan, at every node: those that do not answer lead nothing, or not for long.
    async fn keep_no_leaders(self: &Arc<Self>) {
        let addresses = self.known_addresses();
        let asked = addresses
            .iter()
            .map(|address| self.ask_peer(address, &PeerAsk::Spread, PATIENCE));
        join_all(asked).await;
    }

    /// All groups that have a leader now.
    async fn seen(self: &Arc<Self>) -> Result<Vec<Seen>, Error> {
        let reports = self.reports().await?;
        let groups: Vec<GroupId> =
            self.with_cluster(|cluster| cluster.groups().map(|(id, _)| id).collect())?;
        Ok(groups
            .into_iter()
            .filter_map(|group| seen(group, &reports))
            .collect())
    }

    /// Who is to lead, and counts it.
    fn target(
        &self,
        seen: &Seen,
        to: Option<NodeId>,
        leads: &mut BTreeMap<NodeId, usize>,
    ) -> Result<(NodeId, ReplicaId), Error> {
        let group = seen.group.0;
        if let Some(to) = to {
            let Some(replica) = seen.voters.get(&to) else {
                let holders: Vec<String> = seen.voters.keys().map(|node| self.name_of(*node)).collect();
                let message = format!(
                    "node '{}' has no vote in group {group}: {} have",
                    self.name_of(to),
                    holders.join(", ")
                );
                return Err(Error::new(Code::GroupNotFound, message));
            };
            return Ok((to, *replica));
        }
        let stays = |node: &NodeId| {
            let leaving = self.with_cluster(|cluster| cluster.node(*node).is_none_or(|node| node.leaving));
            *node != seen.leader && leaving == Ok(false)
        };
        let candidates = seen.ready.iter().filter(|(node, _)| stays(node));
        let best = candidates.min_by_key(|(node, _)| (leads.get(node).copied().unwrap_or(0), **node));
        let Some((node, replica)) = best else {
            let message = format!("no other node has all of group {group} now: wait until one has caught up");
            return Err(unavailable(message));
        };
        *leads.entry(*node).or_default() += 1;
        Ok((*node, *replica))
    }

    async fn move_one(self: &Arc<Self>, seen: &Seen, (to, replica): (NodeId, ReplicaId)) -> LeaderMove {
        let mut moved = self.describe_move(seen, to);
        let asked = PeerAsk::MoveLeader {
            group: seen.group,
            replica,
        };
        let until = Instant::now() + ELECTION;
        loop {
            let answer = match self.find_leader(seen.group).await {
                Some(leader) => self.ask_peer(&leader, &asked, 2 * MOVE).await,
                None => Err(unavailable("nobody is known to lead it now".to_owned())),
            };
            match answer {
                Ok(PeerAnswer::Moved(took_us)) => {
                    moved.took_us = took_us;
                    return moved;
                }
                Err(error) if error.code == Code::Unavailable && Instant::now() < until => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => {
                    moved.error = error.message;
                    return moved;
                }
                Ok(_) => {
                    moved.error = "its leader answers as another version would".to_owned();
                    return moved;
                }
            }
        }
    }

    fn describe_move(&self, seen: &Seen, to: NodeId) -> LeaderMove {
        LeaderMove {
            group: seen.group.0.into(),
            from: self.name_of(seen.leader),
            to: self.name_of(to),
            took_us: 0,
            error: String::new(),
        }
    }

    fn name_of(&self, node: NodeId) -> String {
        let name = self.with_cluster(|cluster| Some(cluster.node(node)?.description.name.to_string()));
        name.ok().flatten().unwrap_or_else(|| format!("#{}", node.0))
    }

    fn must_be_group(&self, group: u32) -> Result<GroupId, Error> {
        let found = self.with_cluster(|cluster| {
            let mut groups = cluster.groups().map(|(id, _)| id);
            let found = groups.find(|id| u32::from(id.0) == group);
            (found, cluster.groups().len())
        })?;
        found.0.ok_or_else(|| {
            let message = format!("the cluster has no group {group}: they are 0 to {}", found.1 - 1);
            Error::new(Code::GroupNotFound, message)
        })
    }

    /// At the leader: lets that replica lead, and has its node keep the leadership.
    pub(super) async fn move_leader_from_here(
        self: &Arc<Self>,
        group: GroupId,
        replica: ReplicaId,
    ) -> Result<u64, Error> {
        match self.led(group)? {
            Led::Meta(raft) => self.hand_to(&raft, replica).await,
            Led::Data(raft) => self.hand_to(&raft, replica).await,
        }
    }

    async fn hand_to<M: Movable>(
        self: &Arc<Self>,
        raft: &RaftGroup<M>,
        replica: ReplicaId,
    ) -> Result<u64, Error> {
        let group = raft.id();
        if raft.replica() == replica {
            self.keep_leader(group, true);
            return Ok(0);
        }
        let members = raft.status().members;
        let address = members
            .addresses
            .get(&replica)
            .filter(|_| members.voters.contains(&replica));
        let Some(address) = address else {
            let message = format!("replica {} has no vote in group {} now", replica.0, group.0);
            return Err(Error::new(Code::GroupNotFound, message));
        };
        let behind = raft
            .replication()
            .get(&replica)
            .map_or(u64::MAX, |progress| progress.behind());
        if behind > NEARLY {
            let message = format!("node '{}' has not caught up in group {}", address.name, group.0);
            return Err(unavailable(message));
        }
        let keep = |keeps| PeerAsk::KeepLeader { group, keeps };
        self.ask_peer(&address.peer_address, &keep(true), PATIENCE)
            .await?;
        let started = Instant::now();
        if let Err(error) = move_leader(raft, replica, MOVE).await {
            let _ = self.ask_peer(&address.peer_address, &keep(false), PATIENCE).await;
            return Err(membership_error(&error));
        }
        Ok(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// A group as its leader's report has it.
fn seen(group: GroupId, reports: &BTreeMap<NodeId, Option<NodeReport>>) -> Option<Seen> {
    let of_group = |report: &NodeReport| {
        let mut groups = report.groups.iter();
        groups.find(|it| it.group == u32::from(group.0)).cloned()
    };
    let all = reports
        .iter()
        .filter_map(|(node, report)| Some((*node, of_group(report.as_ref()?)?)));
    let all: BTreeMap<NodeId, _> = all.collect();
    let (leader, led) = all
        .iter()
        .filter(|(_, it)| it.leads)
        .max_by_key(|(_, it)| it.term)?;
    let voters = all
        .iter()
        .filter(|(_, it)| led.voters.contains(&it.replica))
        .map(|(node, it)| (*node, ReplicaId(it.replica)));
    let voters: BTreeMap<NodeId, ReplicaId> = voters.collect();
    let has_all = |replica: &ReplicaId| {
        let matched = led.matched.get(&replica.0).copied().unwrap_or_default();
        led.last_index.saturating_sub(matched) <= NEARLY
    };
    let ready = voters
        .iter()
        .filter(|(node, replica)| *node == leader || has_all(replica));
    Some(Seen {
        group,
        leader: *leader,
        ready: ready.map(|(node, replica)| (*node, *replica)).collect(),
        voters,
    })
}
