//! One replica of one group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use holdfast_state::{Moment, Timestamp};
use openraft::async_runtime::WatchReceiver;
use openraft::{Config, Instant, SnapshotPolicy};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::adapter::{Adapter, SnapshotHome};
use super::beginning::beginning;
use super::errors::{ProposeError, ReadError, StartError};
use super::inbox::GroupInbox;
use super::leader_clock::LeaderClock;
use super::log::{LogGauge, MemoryLog};
use super::machine::{GroupMachine, MachineError};
use super::network::{Network, Peers};
use super::options::{GroupLog, GroupOptions};
use super::proposer::{ProposalQueue, Proposed, Proposer};
use super::reads::{BoundedReads, ReadMode, SleepGuard};
use super::runtime::Ticks;
use super::status::{GroupStatus, ReplicaProgress};
use super::timing::ClusterTiming;
use super::types::{Payload, RaftId, Types};
use super::under_way::{Stamped, UnderWay};
use super::{log_keeper, watcher};
use holdfast_state::{GroupId, ReplicaId};

/// How long what is being applied may take to end.
const END_OF_APPLY: std::time::Duration = std::time::Duration::from_secs(10);

/// One replica of one group: the group's log, its machine, and its part in elections. Clones share it.
pub struct RaftGroup<M: GroupMachine>(pub(crate) Arc<Core<M>>);

impl<M: GroupMachine> Clone for RaftGroup<M> {
    fn clone(&self) -> Self {
        RaftGroup(Arc::clone(&self.0))
    }
}

/// A leader's present moment stands still for readers; see [`RaftGroup::hold_clock`].
pub struct HeldClock {
    _stamp: Option<Stamped>,
}

pub(crate) struct Core<M: GroupMachine> {
    pub(crate) group: GroupId,
    pub(crate) replica: ReplicaId,
    pub(crate) raft: openraft::Raft<Types, Adapter<M>>,
    pub(crate) machine: Arc<M>,
    pub(crate) peers: Peers,
    pub(crate) timing: ClusterTiming,
    pub(crate) clock: Arc<LeaderClock>,
    under_way: Arc<UnderWay>,
    pub(crate) status: watch::Receiver<GroupStatus>,
    pub(crate) progress: watch::Receiver<u64>,
    pub(crate) sleep: SleepGuard,
    pub(crate) bounded: BoundedReads,
    queue: ProposalQueue<M::Outcome>,
    gauge: Arc<dyn LogGauge>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Questions from other nodes come here.
    registered: AtomicBool,
    /// It stops because it was told to.
    halting: Arc<AtomicBool>,
    /// The last entry that was applied after it had stopped.
    applied_since: Mutex<u64>,
}

impl<M: GroupMachine> RaftGroup<M> {
    /// Starts a replica. One that has a log on disk goes on from there; a new one waits for [`RaftGroup::initialize`],
    /// or to be added by the group's leader.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: GroupOptions<M>) -> Result<RaftGroup<M>, StartError> {
        match options.ticks {
            Some(ticks) => ticks.scope(Self::begin(options)).await,
            None => Self::begin(options).await,
        }
    }

    async fn begin(options: GroupOptions<M>) -> Result<RaftGroup<M>, StartError> {
        let config = Arc::new(config(&options)?);
        let (progress_sender, progress) = watch::channel(0);
        let grown = Arc::new(Notify::new());
        let network = Network {
            peers: options.peers.clone(),
            group: options.group,
            own: options.replica,
        };
        let begins = options.begins_with_machine.as_ref();
        let begins = begins
            .map(|address| beginning(options.replica, address))
            .transpose()?;
        let adapter = |home, begins| {
            let machine = Arc::clone(&options.machine);
            Adapter::new(machine, home, begins, progress_sender, Arc::clone(&grown))
        };
        let (raft, gauge): (_, Arc<dyn LogGauge>) = match &options.log {
            GroupLog::Memory => {
                let log = MemoryLog::default();
                let gauge = Arc::new(log.clone());
                let adapter = adapter(SnapshotHome::Memory, begins);
                let raft = openraft::Raft::new(options.replica.into(), config, network, log, adapter).await;
                (raft.map_err(|error| StartError::Log(error.to_string()))?, gauge)
            }
            #[cfg(feature = "disk")]
            GroupLog::Disk(disk) => {
                let cluster = options.peers.cluster();
                let (log, files) = disk.open_group(options.group, options.replica, cluster).await?;
                let gauge = Arc::new(log.clone());
                let adapter = adapter(SnapshotHome::Files(files), None);
                let raft = openraft::Raft::new(options.replica.into(), config, network, log, adapter).await;
                (raft.map_err(|error| StartError::Log(error.to_string()))?, gauge)
            }
        };
        let group = Self::assemble(&options, raft, gauge, progress, grown);
        let inbox = Arc::new(GroupInbox::new(Arc::downgrade(&group.0), options.replica));
        if !options.peers.registry().add(options.group, inbox) {
            group.halt().await;
            return Err(StartError::Duplicate);
        }
        group.0.registered.store(true, Ordering::Relaxed);
        Ok(group)
    }

    fn assemble(
        options: &GroupOptions<M>,
        raft: openraft::Raft<Types, Adapter<M>>,
        gauge: Arc<dyn LogGauge>,
        progress: watch::Receiver<u64>,
        grown: Arc<Notify>,
    ) -> RaftGroup<M> {
        let clock = Arc::new(LeaderClock::new(Arc::clone(&options.time)));
        let (status_sender, status) = watch::channel(GroupStatus::default());
        let halting = Arc::new(AtomicBool::new(false));
        let watcher = watcher::watch(
            raft.clone(),
            Arc::clone(&options.machine),
            Arc::clone(&clock),
            status_sender,
            Arc::clone(&halting),
        );
        let under_way = Arc::new(UnderWay::default());
        let (proposer, queue) = Proposer::new(
            raft.clone(),
            Arc::clone(&clock),
            Arc::clone(&under_way),
            status.clone(),
            options.duties.clone(),
            options.limits.waiting_bytes,
        );
        let keeper = log_keeper::keep(
            raft.clone(),
            Arc::clone(&options.machine),
            Arc::clone(&gauge),
            grown,
            options.limits.clone(),
        );
        let tasks = vec![
            tokio::spawn(watcher),
            tokio::spawn(proposer.run()),
            tokio::spawn(keeper),
        ];
        RaftGroup(Arc::new(Core {
            group: options.group,
            replica: options.replica,
            raft,
            machine: Arc::clone(&options.machine),
            peers: options.peers.clone(),
            timing: options.timing,
            clock,
            under_way,
            status,
            progress,
            sleep: SleepGuard::default(),
            bounded: BoundedReads::default(),
            queue,
            gauge,
            tasks: Mutex::new(tasks),
            registered: AtomicBool::new(false),
            halting,
            applied_since: Mutex::new(0),
        }))
    }

    /// The group.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.0.group
    }

    /// This replica of it.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.0.replica
    }

    /// What the group replicates. Read it only behind [`RaftGroup::read_barrier`].
    #[must_use]
    pub fn machine(&self) -> &Arc<M> {
        &self.0.machine
    }

    /// Proposes one encoded command. It is queued when this returns; the future gives its outcome.
    ///
    /// # Errors
    /// [`ProposeError::NotLeader`] and [`ProposeError::Overloaded`] at once, the others from the future too.
    pub fn propose(
        &self,
        command: Bytes,
    ) -> Result<impl Future<Output = Result<M::Outcome, ProposeError>> + Send + use<M>, ProposeError> {
        let proposed = self.propose_all(vec![command])?;
        Ok(async move { proposed.await?.pop().ok_or(ProposeError::Unknown) })
    }

    /// Proposes encoded commands that go into one log entry, in this order.
    ///
    /// # Errors
    /// As for [`RaftGroup::propose`].
    pub fn propose_all(&self, commands: Vec<Bytes>) -> Result<Proposed<M::Outcome>, ProposeError> {
        self.0.ensure_leading()?;
        self.0.queue.push(commands)
    }

    /// Returns when a majority is there to agree with this leader: at once when it has lately answered, or else when it
    /// answers now. What is proposed without one waits for it, and nobody can say whether it will be made.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn hear_majority(&self) -> Result<(), ReadError> {
        self.0.hear_majority().await
    }

    /// Returns when this replica's state may be read in the mode.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_barrier(&self, mode: ReadMode) -> Result<(), ReadError> {
        self.0.read_barrier(mode).await
    }

    /// The cluster clock: a leader's present moment, elsewhere the last stamp applied. It waits for entries that are
    /// stamped and not yet applied: what is due by it is due for all that is applied later.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.moment().now
    }

    /// The same, and the clock as it is: what a reader slides lives on from there.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let leading = self.0.under_way.now(&self.0.clock);
        leading.unwrap_or_else(|| self.0.machine.applied_at().into())
    }

    /// Lets [`RaftGroup::now`] stand still while the answer is held, so that a leadership that is about to move has told
    /// no reader of a moment that the next leader does not know of: log something after this, then move it. Entries are
    /// stamped as always. Holds nothing at a replica that does not lead.
    #[must_use]
    pub fn hold_clock(&self) -> HeldClock {
        HeldClock {
            _stamp: self.0.under_way.stamp(&self.0.clock).map(|(.., stamped)| stamped),
        }
    }

    /// Whether this replica leads and takes proposals.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.0.leads()
    }

    /// What this replica knows of its group.
    #[must_use]
    pub fn status(&self) -> GroupStatus {
        self.0.status.borrow().clone()
    }

    /// Follows what this replica knows of its group. Do not hold a borrow of it across an await.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<GroupStatus> {
        self.0.status.clone()
    }

    /// The index of the last entry applied here.
    #[must_use]
    pub fn applied_index(&self) -> u64 {
        *self.0.progress.borrow()
    }

    /// The term and the index of the last entry of the log, committed or not; `None` when it never had any.
    #[must_use]
    pub fn position(&self) -> Option<(u64, u64)> {
        let last = self.0.gauge.last()?;
        Some((last.leader_id.term, last.index))
    }

    /// The index of the last entry of the log here.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.0
            .raft
            .metrics()
            .borrow_watched()
            .last_log_index
            .unwrap_or_default()
    }

    /// Bytes that the log takes in memory or on disk.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.0.gauge.bytes()
    }

    /// Bytes of proposals that have no outcome yet.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.0.queue.waiting()
    }

    /// How far each replica is, at the leader; empty elsewhere.
    #[must_use]
    pub fn replication(&self) -> BTreeMap<ReplicaId, ReplicaProgress> {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow_watched();
        let last = metrics.last_log_index.unwrap_or_default();
        let heartbeats = metrics.heartbeat.as_ref();
        let silent = |id: &RaftId| {
            let seen = heartbeats?.get(id)?.as_ref()?;
            Some(u64::try_from(seen.elapsed().as_millis()).unwrap_or(u64::MAX))
        };
        metrics
            .replication
            .iter()
            .flatten()
            .map(|(id, matched)| {
                let progress = ReplicaProgress {
                    matched: matched.as_ref().map_or(0, |matched| matched.index),
                    last,
                    silent_ms: silent(id),
                };
                (ReplicaId::from(*id), progress)
            })
            .collect()
    }

    /// Stops the replica. Others notice when its heartbeats end: move its leadership away first where that can be.
    pub async fn stop(&self) {
        if self.0.registered.swap(false, Ordering::Relaxed) {
            self.0.peers.registry().remove(self.0.group, self.0.replica);
        }
        self.halt().await;
    }

    /// Stops the replica and applies all of its log to the machine, also what is not known to be committed: others may have
    /// acknowledged it. For a group that lost most of its replicas, and starts again with this state.
    ///
    /// # Errors
    /// An entry cannot be read or understood.
    pub async fn stop_and_apply_all(&self) -> Result<(), MachineError> {
        self.stop().await;
        // The task that applies ends a little later.
        let mut progress = self.0.progress.clone();
        let ended = async { while progress.changed().await.is_ok() {} };
        let ended = tokio::time::timeout(END_OF_APPLY, ended).await;
        ended.map_err(|_| MachineError::new("entries are still being applied"))?;
        let applied = *self.0.progress.borrow();
        let rest = self.0.gauge.after(applied).await.map_err(MachineError::new)?;
        let core = Arc::clone(&self.0);
        let applying = holdfast_system::work::spawn_blocking(move || {
            // Whoever asks again finds done what was done.
            let mut done = core.applied_since.lock();
            let before = *done;
            for entry in rest.into_iter().filter(|entry| entry.log_id.index > before) {
                if let Payload::Normal(bytes) = entry.payload {
                    core.machine.apply(entry.log_id.index, &bytes.0)?;
                }
                *done = entry.log_id.index;
            }
            Ok(())
        });
        applying
            .await
            .unwrap_or_else(|_| Err(MachineError::new("a command panicked while it was applied")))
    }

    async fn halt(&self) {
        self.0.halting.store(true, Ordering::Relaxed);
        let _ = self.0.raft.shutdown().await;
        let tasks = std::mem::take(&mut *self.0.tasks.lock());
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

impl<M: GroupMachine> Core<M> {
    pub(crate) fn leads(&self) -> bool {
        self.status.borrow().ready
    }

    fn ensure_leading(&self) -> Result<(), ProposeError> {
        use super::status::Role;
        let status = self.status.borrow();
        match status.role {
            Role::Leader => Ok(()),
            Role::Stopped => Err(ProposeError::Stopped),
            _ => Err(ProposeError::NotLeader {
                leader: status.leader_address(),
            }),
        }
    }
}

impl<M: GroupMachine> Drop for Core<M> {
    fn drop(&mut self) {
        if *self.registered.get_mut() {
            self.peers.registry().remove(self.group, self.replica);
        }
        for task in self.tasks.get_mut().drain(..) {
            task.abort();
        }
    }
}

fn config<M: GroupMachine>(options: &GroupOptions<M>) -> Result<Config, StartError> {
    let timing = options.timing;
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let heartbeat = match options.ticks {
        Some(_) => Ticks::heartbeat(timing),
        None => timing.heartbeat,
    };
    Config {
        cluster_name: options.group.0.to_string(),
        heartbeat_interval: ms(heartbeat),
        election_timeout_min: ms(timing.election_least),
        election_timeout_max: ms(timing.election_most),
        // A leader that has lost its quorum stops its heartbeats for a lease and an election, so that others may vote.
        quorum_loss_probe_interval: Some(2 * ms(timing.election_most)),
        enable_pre_vote: Some(true),
        // A leader whose state was in memory must not lead again without a vote.
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        // Both are decided by bytes, in the log keeper.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        replication_lag_threshold: u64::MAX,
        backoff: "50ms 100ms 200ms ...500ms".to_owned(),
        // The defaults are rings of 65,536 each: 30 MB for every group.
        api_channel_size: Some(1_024),
        notification_channel_size: Some(1_024),
        state_machine_channel_size: Some(256),
        log_stage_capacity: Some(1),
        ..Config::default()
    }
    .validate()
    .map_err(|error| StartError::Settings(error.to_string()))
}
