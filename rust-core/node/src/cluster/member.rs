//! This node as one of a cluster: what it takes part in, and what it tells others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use holdfast_replication::raft::{
    ClusterId, Dial, GroupMachine, GroupOptions, MetaGroup, PeerOptions, PeerServer, Peers, RaftGroup, Ticks,
};
use holdfast_state::{Cluster, GroupId, NodeDescription, NodeId, ReplicaId, StoreId};
use tokio::sync::{Mutex, Notify, watch};

use super::calls::{Answer, Call};
use super::clock::time_source;
use super::forming::{Forming, Founder, Standing};
use super::group::GroupNode;
use super::home::Home;
use super::names::Incarnation;
use super::options::ClusterOptions;
use super::stores::ClusterStore;
use crate::clock::ClusterClock;
use crate::identity::random;
use crate::log::{Level, LogSink};

/// How long a node may take to answer a question outside of the groups.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// What serves a node, as the node sees it.
pub(crate) trait Host: Send + Sync + 'static {
    /// Whether a session has a connection here.
    fn is_connected(&self, session: u128) -> bool;

    /// How the process is doing.
    fn facts(&self) -> Facts;
}

/// How a process is doing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) uptime_ms: u64,
    pub(crate) memory_used: u64,
    pub(crate) memory_limit: u64,
}

/// What a node works with, beside its options.
pub(crate) struct Equipment {
    /// Its data directory, if it has one.
    pub(crate) home: Option<Home>,
    /// The newest feature level that it says it can apply.
    pub(crate) feature_level: u32,
    /// Connects to other nodes over TLS; `None`: without.
    pub(crate) dial: Option<Arc<dyn Dial>>,
    /// How long a group remembers a session that nobody uses.
    pub(crate) session_lifetime: Duration,
}

/// What is guarded while the node finds its cluster.
pub(crate) struct Place {
    pub(crate) forming: Forming,
}

/// This node as one of a cluster.
pub struct ClusterNode {
    pub(crate) options: ClusterOptions,
    pub(crate) name: String,
    pub(crate) seed: u64,
    /// Its data directory, if it has one.
    pub(crate) home: Option<Home>,
    /// When its groups look at their timers.
    pub(crate) ticks: Ticks,
    pub(crate) clock: Arc<dyn ClusterClock>,
    /// Carries the groups' messages; of this node's cluster only.
    pub(crate) peers: Peers,
    /// Asks others what is outside of the groups; belongs to no cluster.
    pub(crate) asking: Peers,
    pub(crate) place: Mutex<Place>,
    /// Of the process, or what it has become since.
    incarnation: ArcSwap<Incarnation>,
    pub(super) meta: ArcSwapOption<RaftGroup<MetaGroup>>,
    groups: ArcSwap<BTreeMap<GroupId, Arc<GroupNode>>>,
    /// Replicas with whose state their groups start again here, until they have.
    pub(super) former: parking_lot::Mutex<BTreeMap<GroupId, Arc<GroupNode>>>,
    /// The epoch under which others have formed the meta group again, until this node knows their plan: what its groups
    /// have may be from before, and it answers nobody. 0: there is none.
    pub(super) awaits_epoch: AtomicU64,
    /// Stores that were asked for, of the present cluster.
    pub(crate) known_stores: ArcSwap<BTreeMap<StoreId, Arc<ClusterStore>>>,
    /// Nodes that do not answer, and all reasons that were logged since they do not.
    pub(crate) silent: parking_lot::Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Whether other nodes are reached over TLS.
    pub(crate) over_tls: bool,
    /// Told when groups come or go, or when the meta group has decided something here.
    pub(crate) changed: Notify,
    stop: watch::Sender<bool>,
    /// Held by whoever starts or stops replicas of groups.
    pub(crate) placing: Mutex<()>,
    /// Why this process is no node of the cluster any more, once it is not.
    pub(super) displaced: watch::Sender<Option<String>>,
    /// What was said last of what, so that it is not said again and again.
    complaints: parking_lot::Mutex<BTreeMap<String, String>>,
    leaving: AtomicBool,
    /// How long a group remembers a session that nobody uses.
    pub(crate) session_lifetime: Duration,
    /// What serves this node.
    host: OnceLock<Box<dyn Host>>,
    /// As of [`GroupNode`]s, for the meta group.
    keeps_meta_through: AtomicU64,
    pub(crate) log: Arc<dyn LogSink>,
}

impl ClusterNode {
    pub(crate) fn new(
        name: String,
        seed: u64,
        clock: Arc<dyn ClusterClock>,
        options: ClusterOptions,
        equipment: Equipment,
        log: Arc<dyn LogSink>,
    ) -> Arc<Self> {
        let Equipment {
            home,
            feature_level,
            dial,
            session_lifetime,
        } = equipment;
        let mut peer_options = PeerOptions {
            secret: options.secret.clone(),
            ..PeerOptions::default()
        };
        let over_tls = dial.is_some();
        if let Some(dial) = dial {
            peer_options.dial = dial;
        }
        let incarnation = Incarnation(random());
        let kept = home.as_ref().map(Home::kept);
        let me = Founder {
            address: options.advertise.clone(),
            name: name.clone(),
            zone: options.zone.clone(),
            incarnation,
            disk: kept.as_ref().map(|kept| kept.disk),
            feature_level,
        };
        let forming = match kept {
            Some(kept) => Forming::restarted(me, &options.join, kept.standing, kept.preparation),
            None => Forming::new(me, &options.join),
        };
        let place = Place { forming };
        Arc::new(Self {
            name,
            seed,
            home,
            ticks: Ticks::new(options.timing, incarnation.0),
            clock,
            peers: Peers::over_network(peer_options.clone()),
            asking: Peers::over_network(peer_options),
            place: Mutex::new(place),
            incarnation: ArcSwap::from_pointee(incarnation),
            meta: ArcSwapOption::empty(),
            groups: ArcSwap::default(),
            former: parking_lot::Mutex::default(),
            awaits_epoch: AtomicU64::new(0),
            known_stores: ArcSwap::default(),
            silent: parking_lot::Mutex::default(),
            over_tls,
            changed: Notify::new(),
            stop: watch::Sender::new(false),
            placing: Mutex::new(()),
            displaced: watch::Sender::new(None),
            complaints: parking_lot::Mutex::default(),
            leaving: AtomicBool::new(false),
            session_lifetime,
            host: OnceLock::new(),
            keeps_meta_through: AtomicU64::new(0),
            options,
            log,
        })
    }

    /// What others reach this node by, to be mounted on its gRPC port.
    pub(crate) fn peer_server(&self) -> PeerServer {
        PeerServer::new(&self.peers)
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        **self.incarnation.load()
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.log.line(level, message);
    }

    /// Says what is wrong with something, unless it said just that before.
    pub(crate) fn complain(&self, about: &str, message: &str) {
        let before = self
            .complaints
            .lock()
            .insert(about.to_owned(), message.to_owned());
        if before.as_deref() != Some(message) {
            self.log(Level::Error, message);
        }
    }

    pub(crate) fn group(&self, group: GroupId) -> Option<Arc<GroupNode>> {
        self.groups.load().get(&group).cloned()
    }

    pub(crate) fn groups(&self) -> Arc<BTreeMap<GroupId, Arc<GroupNode>>> {
        self.groups.load_full()
    }

    /// How many groups this node leads, the meta group among them.
    pub(crate) fn groups_led(&self) -> u32 {
        let led = |leads: bool| u32::from(leads);
        let meta = self.meta().map_or(0, |meta| led(meta.leads()));
        let groups = self.groups();
        meta + groups
            .values()
            .map(|group| led(group.raft().leads()))
            .sum::<u32>()
    }

    pub(crate) fn set_groups(&self, groups: BTreeMap<GroupId, Arc<GroupNode>>) {
        self.groups.store(Arc::new(groups));
        self.changed.notify_waiters();
    }

    /// This node in the cluster, once it is known there as this process, or as one before it with the same disk.
    pub(crate) fn own_id(&self) -> Option<NodeId> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        let (id, node) = machine.cluster()?.node_named(&self.name)?;
        let same_disk = node.description.disk != 0 && node.description.disk == self.disk();
        (node.description.incarnation == self.incarnation().0 || same_disk).then_some(id)
    }

    /// Names the logs on its disk; 0: it has none.
    fn disk(&self) -> u128 {
        self.home.as_ref().map_or(0, Home::disk)
    }

    /// What replicas of a group that are this node's are known by: see [`Cluster::home`].
    pub(crate) fn own_home(&self, cluster: &Cluster, group: GroupId) -> u128 {
        match self.disk() {
            0 => self.incarnation().0,
            disk if cluster.is_on_disk(group) => disk,
            _ => self.incarnation().0,
        }
    }

    /// What the groups that have a replica here use.
    #[doc(hidden)]
    #[must_use]
    pub fn group_feature_levels(&self) -> BTreeSet<u32> {
        let groups = self.groups();
        let levels = groups.values();
        levels
            .map(|group| group.raft().machine().load().feature_level())
            .collect()
    }

    /// Waits until the node stops.
    pub(crate) async fn stopped(&self) {
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// It is about to stop: others are to lead.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Takes part in nothing any more, and returns when that is so.
    pub(crate) async fn end(&self) {
        self.stop.send_replace(true);
        self.stop_groups().await;
        self.close_meta().await;
        if let Some(home) = &self.home {
            home.data().close().await;
        }
    }

    pub(super) async fn stop_groups(&self) {
        // Whoever is starting one has either done so by then or sees that it may not.
        let _placing = self.placing.lock().await;
        let groups = self.groups();
        self.set_groups(BTreeMap::new());
        let former = std::mem::take(&mut *self.former.lock());
        for group in groups.values().chain(former.values()) {
            group.raft().stop().await;
        }
    }

    /// Another process has this node's place, or it has none any more: nothing of this process may go on.
    pub(crate) async fn displace(&self, why: String) {
        self.log(Level::Error, &why);
        self.displaced.send_replace(Some(why));
        self.end().await;
    }

    /// Whether that is so.
    pub(crate) fn is_displaced(&self) -> bool {
        self.displaced.borrow().is_some()
    }

    /// Waits until another process has this node's place in the cluster, or the node was removed from it: why.
    pub async fn displaced(&self) -> String {
        let mut displaced = self.displaced.subscribe();
        // The sender is this node's own, and so still there.
        let _ = displaced.wait_for(Option::is_some).await;
        let why = displaced.borrow().clone();
        why.unwrap_or_default()
    }

    /// Why this process is no node of the cluster any more, if it is not.
    #[must_use]
    pub fn why_displaced(&self) -> Option<String> {
        self.displaced.borrow().clone()
    }

    /// Says what serves this node; once.
    pub(crate) fn set_host(&self, host: impl Host) {
        let _ = self.host.set(Box::new(host));
    }

    pub(crate) fn is_connected(&self, session: u128) -> bool {
        self.host.get().is_some_and(|host| host.is_connected(session))
    }

    pub(crate) fn facts(&self) -> Facts {
        self.host.get().map(|host| host.facts()).unwrap_or_default()
    }

    /// Whether a leadership of this term, which this node has, stays here wherever the plan has it.
    pub(crate) fn keeps_leader(&self, group: GroupId, term: u64) -> bool {
        let through = match group {
            GroupId::META => self.keeps_meta_through.load(Ordering::Relaxed),
            group => self.group(group).map_or(0, |here| here.keeps_through()),
        };
        term <= through
    }

    /// Has the leadership that this node has, or is about to get, stay here until it is lost, or not.
    pub(crate) fn keep_leader(&self, group: GroupId, keeps: bool) {
        // Of the next term, or the one after it when the first vote is split.
        let through = |term: u64| if keeps { term + 2 } else { 0 };
        match group {
            GroupId::META => {
                if let Some(meta) = self.meta() {
                    let through = through(meta.status().term);
                    self.keeps_meta_through.store(through, Ordering::Relaxed);
                }
            }
            group => {
                if let Some(here) = self.group(group) {
                    here.keep_through(through(here.raft().status().term));
                }
            }
        }
    }

    /// Has all leaderships go by the plan.
    pub(crate) fn keep_no_leader(&self) {
        self.keeps_meta_through.store(0, Ordering::Relaxed);
        for group in self.groups().values() {
            group.keep_through(0);
        }
    }

    /// What the node says of itself to the meta group.
    pub(crate) fn description(founder: &Founder) -> NodeDescription {
        NodeDescription {
            name: founder.name.as_str().into(),
            zone: founder.zone.as_str().into(),
            peer_address: founder.address.as_str().into(),
            client_address: founder.address.as_str().into(),
            incarnation: founder.incarnation.0,
            disk: founder.disk.unwrap_or_default(),
            feature_level: founder.feature_level,
        }
    }

    /// What all groups of this node have in common; their logs are in memory.
    pub(crate) fn group_options<M: GroupMachine>(
        &self,
        group: GroupId,
        replica: ReplicaId,
        machine: Arc<M>,
    ) -> GroupOptions<M> {
        let mut options = GroupOptions::new(group, replica, machine, self.peers.clone());
        options.timing = self.options.timing;
        options.ticks = Some(self.ticks);
        options.time = time_source(&self.clock);
        options
    }

    /// Forgets everything: a new incarnation, which belongs to no cluster.
    pub(crate) async fn become_new(&self, place: &mut Place, why: &str) {
        self.log(Level::Warning, &format!("starting again as a new node: {why}"));
        self.close_meta().await;
        self.stop_groups().await;
        if let Some(home) = &self.home
            && let Err(error) = home.renew().await
        {
            self.displace(format!("the data directory cannot be emptied: {error}"))
                .await;
            return;
        }
        self.known_stores.store(Arc::default());
        // The epochs of the cluster that it is to belong to may be others.
        self.awaits_epoch.store(0, Ordering::Release);
        let incarnation = Incarnation(random());
        self.incarnation.store(Arc::new(incarnation));
        let me = Founder {
            incarnation,
            disk: self.home.as_ref().map(Home::disk),
            ..place.forming.describe().founder
        };
        place.forming = Forming::new(me, &self.options.join);
    }

    /// Learns of what the meta group's replica has, so that nobody is told less.
    pub(crate) async fn refresh(&self, place: &mut Place) {
        if let Some(cluster) = self.cluster_id() {
            if place.forming.standing() != Standing::Formed(ClusterId(cluster)) {
                let formed = Standing::Formed(ClusterId(cluster));
                if !self.remember(|kept| kept.standing = formed).await {
                    return;
                }
                self.log(
                    Level::Information,
                    &format!("part of cluster {}", ClusterId(cluster)),
                );
                place.forming.formed(ClusterId(cluster));
            }
        } else if self.meta_has_begun()
            && let Some(cluster) = place.forming.cluster()
        {
            place.forming.started(cluster);
        }
    }

    /// Asks a node something outside of the groups.
    pub(crate) async fn ask(&self, address: &str, call: &Call, patience: Duration) -> Result<Answer, String> {
        let answer = self.asking.call(address, call.encode(), patience).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Answer::decode(answer).map_err(|error| error.to_string())
    }
}
