//! This node as one of a cluster: what it takes part in, and what it tells others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use holdfast_replication::raft::{
    ClusterId, Dial, GroupLog, GroupMachine, GroupOptions, MembershipError, MetaGroup, PeerOptions,
    PeerServer, Peers, ProposeError, RaftGroup, ReplicaAddress, Ticks,
};
use holdfast_state::{
    Cluster, GroupId, MetaCommand, MetaOutcome, NodeDescription, NodeId, ReplicaId, StoreId,
};
use tokio::sync::{Mutex, Notify, watch};

use super::calls::{Answer, Call};
use super::clock::time_source;
use super::forming::{Forming, Founder, Preparation, Standing};
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
/// How long the meta group may take to decide something.
const DECISION: Duration = Duration::from_secs(5);

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
    meta: ArcSwapOption<RaftGroup<MetaGroup>>,
    groups: ArcSwap<BTreeMap<GroupId, Arc<GroupNode>>>,
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

    /// The meta group's replica here, once this node belongs to a cluster that is formed.
    pub(crate) fn meta(&self) -> Option<RaftGroup<MetaGroup>> {
        self.meta.load().as_deref().cloned()
    }

    pub(crate) fn set_meta(&self, meta: RaftGroup<MetaGroup>) {
        self.meta.store(Some(Arc::new(meta)));
        self.changed.notify_waiters();
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

    /// The cluster, once this node has applied its plan.
    pub(crate) fn cluster_id(&self) -> Option<u128> {
        let meta = self.meta()?;
        let machine = meta.machine().read();
        machine.cluster().map(|cluster| cluster.id)
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
        for group in groups.values() {
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
