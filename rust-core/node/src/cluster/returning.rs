//! A node that comes back: with what its directory has, to where the others are now.

use std::sync::atomic::Ordering;

use holdfast_replication::raft::ClusterId;
use holdfast_state::ReplicaId;

use super::forming::{Description, Founder, Standing};
use super::home::{Home, Kept};
use super::member::{ClusterNode, Place};
use crate::log::Level;

impl ClusterNode {
    /// Takes up again what a node's directory has of it.
    ///
    /// # Errors
    /// The meta group's log or snapshot cannot be used.
    pub(crate) async fn resume(&self) -> Result<(), String> {
        let Some(kept) = self.home.as_ref().map(Home::kept) else {
            return Ok(());
        };
        match kept.cluster() {
            Some(cluster) if kept.replica != ReplicaId(0) => self.open_meta(cluster, kept.replica).await,
            _ => Ok(()),
        }
    }

    /// Notes on disk what it must know when it comes back, if it has one; false: the disk has failed.
    pub(crate) async fn remember(&self, change: impl FnOnce(&mut Kept)) -> bool {
        let Some(home) = &self.home else {
            return true;
        };
        match home.keep(change).await {
            Ok(()) => true,
            Err(error) => {
                let path = home.path().display();
                self.complain(
                    "note",
                    &format!("{path}: the node's note cannot be written: {error}"),
                );
                false
            }
        }
    }

    /// Whether the cluster knows this process, and where it is.
    pub(crate) fn is_registered(&self, me: &Founder) -> bool {
        let Some(meta) = self.meta() else {
            return false;
        };
        let machine = meta.machine().read();
        let known = machine
            .cluster()
            .and_then(|cluster| cluster.node_named(&self.name));
        known.is_some_and(|(_, node)| node.description == Self::description(me))
    }

    /// A node of a formed cluster that was away finds the others where they are now, tells them where it is itself, and
    /// gets a new replica of the meta group when that has been formed again without it.
    pub(super) async fn stay_known(&self, heard: &[Description]) {
        let (me, standing) = {
            let place = self.place.lock().await;
            (place.forming.describe().founder, place.forming.standing())
        };
        let Standing::Formed(cluster) = standing else {
            return;
        };
        let of_it = || heard.iter().filter(|it| it.formed() == Some(cluster));
        for other in of_it() {
            self.peers.set_place(&other.founder.name, &other.founder.address);
        }
        let newest = of_it().map(|it| it.epoch).max().unwrap_or_default();
        let outlived = newest > self.meta_epoch();
        if outlived && self.meta_epoch() != 0 {
            self.leave_epoch(newest).await;
        }
        if outlived || !self.is_registered(&me) {
            let addresses: Vec<String> = of_it().map(|it| it.founder.address.clone()).collect();
            self.join(cluster, &addresses).await;
        }
    }

    /// What this node has of its groups may be from before others started them again: it answers nobody until it knows.
    /// Its replicas stay meanwhile: of a group that was not started again, they have what was acknowledged.
    async fn leave_epoch(&self, newest: u64) {
        let _place = self.place.lock().await;
        let _placing = self.placing.lock().await;
        self.log(
            Level::Warning,
            &format!(
                "the meta group was formed again without this node, under epoch {newest}: it takes what the others have"
            ),
        );
        self.awaits_epoch.store(newest, Ordering::Release);
        self.close_meta().await;
    }

    /// Takes part in the meta group of its cluster with a replica that was issued for it, if it does not yet.
    pub(super) async fn take_replica(&self, place: &mut Place, cluster: ClusterId, replica: ReplicaId) {
        let has = self.meta().map(|meta| meta.replica());
        match place.forming.standing() {
            // Ids grow: an older one comes of an answer that was late.
            Standing::Formed(own) if own == cluster && has < Some(replica) => {}
            Standing::Unformed => {}
            _ => return,
        }
        let formed = matches!(place.forming.standing(), Standing::Formed(_));
        if formed {
            self.log(Level::Warning, "the meta group has a new replica for this node");
        }
        self.close_meta().await;
        let noted = self.remember(|kept| {
            kept.replica = replica;
            kept.preparation = None;
            if !formed {
                kept.standing = Standing::Started(cluster);
            }
        });
        if !noted.await {
            return;
        }
        match self.open_meta(cluster, replica).await {
            Ok(()) => place.forming.joined(cluster),
            Err(error) => self.complain("meta", &format!("the meta group cannot start: {error}")),
        }
    }
}
