//! A [`GroupMachine`] as openraft's state machine.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

#[cfg(feature = "disk")]
use super::group_snapshots::GroupSnapshots;
use super::machine::GroupMachine;
use super::snapshot::SnapshotBody;
use super::types::{Applied, LogId, Payload, Snapshot, SnapshotMeta, StoredMembership, Types};

/// Where a group's snapshots stay.
#[derive(Clone)]
pub(crate) enum SnapshotHome {
    /// Nowhere: one is made of the present state whenever a replica needs it, and gone when it was sent.
    Memory,
    /// In a file: what a restarted replica begins with.
    #[cfg(feature = "disk")]
    Files(Arc<GroupSnapshots>),
}

/// Applies a group's entries.
pub(crate) struct Adapter<M> {
    machine: Arc<M>,
    home: SnapshotHome,
    applied: Option<LogId>,
    membership: StoredMembership,
    /// The last index applied, for who waits for it.
    progress: watch::Sender<u64>,
    /// Rung after entries were applied: the log may have grown too long.
    grown: Arc<Notify>,
}

impl<M: GroupMachine> Adapter<M> {
    pub(crate) fn new(
        machine: Arc<M>,
        home: SnapshotHome,
        begins: Option<SnapshotMeta>,
        progress: watch::Sender<u64>,
        grown: Arc<Notify>,
    ) -> Self {
        let begins = begins.unwrap_or_default();
        Self {
            machine,
            home,
            applied: begins.last_log_id,
            membership: begins.last_membership,
            progress,
            grown,
        }
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        }
    }

    fn apply_one(&mut self, log_id: LogId, payload: Payload) -> io::Result<Applied> {
        let applied = match payload {
            Payload::Blank => None,
            Payload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                None
            }
            Payload::Normal(entry) => {
                let machine = &self.machine;
                let outcomes = catch_unwind(AssertUnwindSafe(|| machine.apply(log_id.index, &entry.0)))
                    .map_err(|_| io::Error::other("a command panicked while it was applied"))??;
                Some(Box::new(outcomes) as Box<dyn std::any::Any + Send + Sync>)
            }
        };
        self.applied = Some(log_id);
        Ok(Applied(applied))
    }

    /// The state as it is now. Making the view may encode all of it: not on a task that others wait for.
    async fn view(&self) -> io::Result<SnapshotBody> {
        let machine = Arc::clone(&self.machine);
        let view = holdfast_system::work::spawn_blocking(move || machine.snapshot())
            .await
            .map_err(|_| io::Error::other("making a snapshot panicked"))??;
        Ok(SnapshotBody::View(view))
    }
}

impl<M: GroupMachine> RaftStateMachine<Types> for Adapter<M> {
    type SnapshotData = SnapshotBody;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let index = entry.log_id.index;
            let applied = self.apply_one(entry.log_id, entry.payload)?;
            self.progress.send_replace(index);
            if let Some(responder) = responder {
                responder.send(applied);
            }
        }
        self.grown.notify_one();
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let body = match &self.home {
            SnapshotHome::Memory => None,
            #[cfg(feature = "disk")]
            SnapshotHome::Files(_) => Some(self.view().await),
        };
        Builder {
            home: self.home.clone(),
            meta: self.meta(),
            body: Mutex::new(body),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotBody) -> io::Result<()> {
        let machine = Arc::clone(&self.machine);
        let home = self.home.clone();
        let received = meta.clone();
        holdfast_system::work::spawn_blocking(move || {
            let pieces = snapshot.into_pieces()?;
            machine.restore(&pieces)?;
            match home {
                SnapshotHome::Memory => drop((pieces, received)),
                // Nothing to do when it came from there.
                #[cfg(feature = "disk")]
                SnapshotHome::Files(files) => files.write(&received, pieces.into_iter().map(Ok))?,
            }
            io::Result::Ok(())
        })
        .await
        .map_err(|_| io::Error::other("restoring a snapshot panicked"))??;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.progress
            .send_replace(meta.last_log_id.map_or(0, |last| last.index));
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        match &self.home {
            SnapshotHome::Memory if self.applied.is_none() => Ok(None),
            SnapshotHome::Memory => Ok(Some(Snapshot {
                meta: self.meta(),
                snapshot: self.view().await?,
            })),
            #[cfg(feature = "disk")]
            SnapshotHome::Files(files) => {
                let files = Arc::clone(files);
                let newest = holdfast_system::work::spawn_blocking(move || files.newest())
                    .await
                    .map_err(|_| io::Error::other("reading a snapshot panicked"))??;
                Ok(newest.map(|(meta, file)| Snapshot {
                    meta,
                    snapshot: SnapshotBody::File(file),
                }))
            }
        }
    }
}

/// Keeps a snapshot of the moment it was made at.
pub(crate) struct Builder {
    home: SnapshotHome,
    meta: SnapshotMeta,
    /// Never shared; the lock only says so to the compiler.
    body: Mutex<Option<io::Result<SnapshotBody>>>,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = SnapshotBody;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let meta = self.meta.clone();
        match (self.home.clone(), self.body.get_mut().take()) {
            #[cfg(feature = "disk")]
            (SnapshotHome::Files(files), Some(body)) => {
                let body = body?;
                let written = meta.clone();
                holdfast_system::work::spawn_blocking(move || match body {
                    SnapshotBody::View(view) => {
                        files.write(&written, view.map(|piece| piece.map_err(io::Error::from)))
                    }
                    other => files.write(&written, other.into_pieces()?.into_iter().map(Ok)),
                })
                .await
                .map_err(|_| io::Error::other("writing a snapshot panicked"))??;
            }
            _ => {}
        }
        // openraft looks at the meta alone; who needs the state asks for the current snapshot.
        Ok(Snapshot {
            meta,
            snapshot: SnapshotBody::Pieces(Vec::new()),
        })
    }
}
