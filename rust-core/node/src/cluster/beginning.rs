//! Groups that were planned and never begun, because the process that was to begin them ended too soon.

use futures_util::future::join_all;
use holdfast_state::{GroupId, MetaCommand, ReplicaId};

use super::calls::{Answer, Call};
use super::controller::begin_again;
use super::member::{ClusterNode, PATIENCE};
use crate::log::Level;

impl ClusterNode {
    /// Whether this node's replica has ever had members.
    pub(crate) async fn has_begun(&self, group: GroupId, replica: ReplicaId) -> Answer {
        match self.group(group).filter(|here| here.replica() == replica) {
            Some(here) => Answer::Begun(here.raft().is_initialized().await),
            // Nobody can say.
            None => Answer::Elsewhere(None),
        }
    }

    /// At the meta group's leader: has groups begin again that nobody has anything of.
    pub(crate) async fn begin_groups_again(&self) {
        for group in self.groups().values() {
            if group.raft().is_initialized().await {
                continue;
            }
            let Some((command, others)) = self.stuck(group.id()) else {
                continue;
            };
            let asked = others.iter().map(|(address, replica)| {
                let call = Call::HasBegun(group.id().0, replica.0);
                async move { self.ask(address, &call, PATIENCE).await }
            });
            let answers = join_all(asked).await;
            if !answers
                .iter()
                .all(|answer| matches!(answer, Ok(Answer::Begun(false))))
            {
                continue;
            }
            let done = self.decide(&command).await;
            let what = format!("group {} was never begun: it begins again", group.id().0);
            self.log(
                Level::Warning,
                &match done {
                    Ok(()) => what,
                    Err(reason) => format!("{what}: {reason}"),
                },
            );
        }
    }

    /// What would begin a group again, and the replicas of processes that are still there: none may have begun.
    fn stuck(&self, group: GroupId) -> Option<(MetaCommand, Vec<(String, ReplicaId)>)> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let cluster = machine.cluster()?;
        let command = begin_again(cluster, group)?;
        let voters = cluster.group(group)?.voters();
        let present = voters.filter_map(|(replica, member)| {
            let description = &cluster.node(member.node)?.description;
            cluster
                .has_its_log(group, member)
                .then(|| (description.peer_address.to_string(), replica))
        });
        Some((command, present.collect()))
    }
}
