//! Keeps the cluster's map fresh: one question at a time, no faster than is of use.

use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::session::{ClusterMap, Operation, RequestHeader, Welcome, features};
use prost::Message;
use tokio::time::Instant;

use super::cluster::{Cluster, News};
use super::core::Core;
use super::errors;
use super::pending::{Owner, Pending, Stage};
use super::sink::{ConnectionState, StateChange};

/// When the map is asked for.
pub(super) struct Refresh {
    asking: bool,
    /// Something waits for what a map may say.
    wanted: bool,
    /// To be asked for at this time.
    due: Option<Instant>,
    last: Option<Instant>,
    /// Questions in a row that did not help.
    vain: u32,
    /// Of the node that is asked next.
    turn: usize,
    jitter: fastrand::Rng,
}

/// First pause between two questions while something waits for a leader, and the longest while one is being elected.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(100));
/// The pause after so many questions in vain: this takes longer than an election.
const LONG_PAUSE: (u32, Duration) = (30, Duration::from_millis(500));
/// After so many questions in vain others are asked than those to whom there are connections.
const ASK_OTHERS: u32 = 2;
/// A node that does not answer within this is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

impl Refresh {
    pub(super) fn new(seed: u64) -> Refresh {
        Refresh {
            asking: false,
            wanted: false,
            due: None,
            last: None,
            vain: 0,
            turn: 0,
            jitter: fastrand::Rng::with_seed(seed),
        }
    }

    /// At once after a quiet time, else after a pause that grows while nothing comes of it. Drawn at random, so that
    /// clients that lost one leader do not ask in step.
    fn want(&mut self, now: Instant) {
        if self.asking || self.due.is_some() {
            return;
        }
        let most = if self.vain < LONG_PAUSE.0 {
            PAUSES.0.saturating_mul(1 << self.vain.min(8)).min(PAUSES.1)
        } else {
            LONG_PAUSE.1
        };
        let pause = most.mul_f64(0.5 + 0.5 * self.jitter.f64());
        let earliest = self.last.map_or(now, |last| last + pause);
        self.due = Some(earliest.max(now));
    }
}

impl Core {
    /// The map is to be asked for soon.
    pub(super) fn want_map(&mut self, now: Instant) {
        if let Some(cluster) = &mut self.cluster {
            cluster.refresh.want(now);
            self.keeper_needed = true;
        }
    }

    /// The same, where no time is at hand: the keeper does it.
    pub(super) fn need_map(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.refresh.wanted = true;
            self.keeper_needed = true;
        }
    }

    /// When the keeper has to look at the map again.
    pub(super) fn map_due(&self) -> Option<Instant> {
        self.cluster.as_ref()?.refresh.due
    }

    /// Asks for the map when its time has come.
    pub(super) fn refresh_map(&mut self, now: Instant) {
        let doubtful = self.is_doubtful();
        let Some(cluster) = &mut self.cluster else { return };
        if std::mem::take(&mut cluster.refresh.wanted) || doubtful {
            cluster.refresh.want(now);
        }
        if cluster.refresh.asking || cluster.refresh.due.is_none_or(|due| due > now) {
            return;
        }
        cluster.refresh.due = None;
        cluster.refresh.turn += 1;
        let turn = cluster.refresh.turn;
        let Some(link) = self.link_for_map(turn) else {
            // As soon as there is a connection.
            return;
        };
        let Some(cluster) = &mut self.cluster else { return };
        cluster.refresh.asking = true;
        cluster.refresh.last = Some(now);
        let mut pending = Pending::new(Owner::Map, 0, Operation::ClusterMap, Some(now + PATIENCE));
        pending.to = self.links[link].at;
        pending.link = link;
        let header = RequestHeader {
            operation: Operation::ClusterMap as i32,
            ..RequestHeader::default()
        };
        self.accept(pending, header, &[], now);
        self.watch(now + PATIENCE);
    }

    /// Whether a node may lead nothing any more.
    fn is_doubtful(&self) -> bool {
        self.links.iter().any(|link| link.suspect && link.in_flight > 0)
    }

    /// A connection to ask over, each in its turn; `None`: one is wanted.
    fn link_for_map(&mut self, turn: usize) -> Option<usize> {
        let count = self.links.len();
        let fit = |&link: &usize| self.links[link].usable().is_some() && !self.links[link].suspect;
        let found = (0..count).map(|offset| (turn + offset) % count).find(fit);
        let vain = self.cluster.as_ref().map_or(0, |cluster| cluster.refresh.vain);
        if found.is_some() && vain < ASK_OTHERS {
            return found;
        }
        // The only ones that are there may have nothing to say.
        let nodes = self.cluster.as_ref().map_or(0, |cluster| cluster.node_count());
        let elsewhere = (0..nodes).map(|offset| (turn + offset) % nodes).find(|&node| {
            !self
                .links
                .iter()
                .any(|link| link.at == Some(node) && link.up.is_some())
        });
        if let Some(node) = elsewhere {
            self.link_to(node);
        }
        if !self.is_connected() {
            self.links[0].wanted = true;
        }
        found
    }

    /// The question for the map has ended without an answer.
    pub(super) fn map_refused(&mut self, now: Instant) {
        if let Some(cluster) = &mut self.cluster {
            cluster.refresh.asking = false;
            cluster.refresh.vain = cluster.refresh.vain.saturating_add(1);
            cluster.refresh.want(now);
            self.keeper_needed = true;
        }
    }

    /// A node sent its map. The error: what is wrong with it.
    pub(super) fn map_came(&mut self, payload: &[u8], now: Instant) -> Result<(), String> {
        let Some(cluster) = &mut self.cluster else {
            return Ok(());
        };
        let adopted = ClusterMap::decode(payload)
            .map_err(|error| error.to_string())
            .and_then(|map| cluster.adopt(&map));
        let news = match adopted {
            Ok(news) => news,
            Err(refused) => {
                self.map_refused(now);
                return Err(refused);
            }
        };
        cluster.refresh.asking = false;
        let groups = cluster.group_count();
        let lanes = self.lanes.len().max(groups);
        self.lanes.resize_with(lanes, Default::default);
        self.name_links();
        self.leave_the_silent();
        self.take_news(&news);
        let waiting = self.dispatch_waiting(now);
        if self.held > 0 {
            self.dispatch_held(now);
        }
        let doubtful = self.is_doubtful();
        if let Some(cluster) = &mut self.cluster {
            if waiting == 0 && !doubtful {
                cluster.refresh.vain = 0;
            } else {
                cluster.refresh.vain = cluster.refresh.vain.saturating_add(1);
                cluster.refresh.want(now);
                self.keeper_needed = true;
            }
        }
        Ok(())
    }

    /// What became of changes that a group may have forgotten is not known, and clients are told of its new epoch.
    fn take_news(&mut self, news: &News) {
        if news.slots_moved {
            for slot in self
                .table
                .slots(|pending| pending.stage == Stage::Waiting && !pending.was_sent)
            {
                self.release_sequence(slot);
                if !matches!(self.table.get(slot).owner, Owner::Part(..)) {
                    self.table.get_mut(slot).group = None;
                }
            }
        }
        for &group in &news.restarted {
            self.lanes[usize::from(group)].confirmed = false;
            let epoch = self.cluster.as_ref().map_or(0, |cluster| cluster.epoch(group));
            for slot in self.table.slots(|pending| {
                let of_it = pending.group == Some(group) && pending.epoch != epoch;
                of_it && pending.was_sent && pending.operation.is_change()
            }) {
                if self.table.contains(slot) {
                    self.fail(slot, |_| errors::group_restarted(group));
                }
            }
            let Some(up) = self.links.iter().find_map(|link| link.up.as_ref()) else {
                continue;
            };
            let change = StateChange {
                state: ConnectionState::Connected,
                address: up.address.clone(),
                node: up.node.clone(),
                epoch,
                epoch_changed: true,
                reason: String::new(),
            };
            self.change_state(change);
        }
    }

    /// Takes back what lies with a node that says nothing, where another one leads now.
    fn leave_the_silent(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        let elsewhere = |pending: &Pending| {
            let link = &self.links[pending.link];
            let leader = pending.group.and_then(|group| cluster.leader(group));
            let once = pending.operation.is_change() && pending.sequence.is_none();
            matches!(pending.stage, Stage::Sent { .. })
                && link.suspect
                && !once
                && leader.is_some()
                && leader != link.at
        };
        for slot in self.table.slots(elsewhere) {
            let pending = self.table.get_mut(slot);
            let link = pending.link;
            if let Stage::Sent { number, end } = pending.stage {
                pending.was_sent |= end != u64::MAX;
                self.links[link].push_cancel(number);
            }
            self.put_back(slot);
        }
    }

    /// A node welcomed this client: is it one of a cluster, and of which? Whether it is the one that is known.
    pub(super) fn meet(&mut self, link: usize, welcome: &Welcome) -> bool {
        let is_clustered = welcome.features & features::CLUSTER != 0;
        let known = self.cluster.as_ref().map(|cluster| cluster.id().clone());
        match known {
            Some(id) if is_clustered && (id == welcome.cluster_id || id.is_empty()) => true,
            // Another one in the place of a node: the endpoints decide.
            Some(_) if link != 0 => false,
            None if !is_clustered => true,
            _ => {
                let used = self.session.epoch != 0 || self.cluster.is_some();
                if used {
                    self.begin_anew(&welcome.node);
                }
                self.cluster = is_clustered.then(|| self.new_cluster(welcome.cluster_id.clone()));
                true
            }
        }
    }

    fn new_cluster(&self, id: Bytes) -> Box<Cluster> {
        Box::new(Cluster::new(id, self.session.id as u64))
    }

    /// Nothing of what was known holds any more.
    fn begin_anew(&mut self, node: &str) {
        for store in &mut self.stores {
            store.id = None;
        }
        let is_lost = |pending: &Pending| {
            let was_sent = pending.was_sent && pending.operation.is_change();
            was_sent || pending.stage == Stage::Split || matches!(pending.owner, Owner::Map)
        };
        for slot in self.table.slots(is_lost) {
            if self.table.contains(slot) {
                self.fail(slot, |pending| {
                    errors::session_lost(node).with_outcome(pending.outcome())
                });
            }
        }
        for slot in self
            .table
            .slots(|pending| matches!(pending.stage, Stage::Waiting | Stage::Held | Stage::Opening))
        {
            self.release_sequence(slot);
            let pending = self.table.get_mut(slot);
            (pending.group, pending.to, pending.epoch) = (None, None, 0);
            self.table.set_stage(slot, Stage::Waiting);
        }
        for lane in &mut self.lanes {
            lane.held.clear();
            lane.confirmed = false;
        }
        self.held = 0;
        for link in &mut self.links {
            link.target = None;
            link.at = None;
        }
    }
}
