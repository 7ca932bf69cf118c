//! Which node of a cluster a request goes to, and where it goes when that one does not serve it.

use bytes::Bytes;
use holdfast_proto::Code;
use holdfast_proto::session::{Operation, RequestHeader};
use holdfast_state::{StoreClass, StoreId};
use tokio::time::Instant;

use super::core::Core;
use super::dispatch::Way;
use super::links::Link;
use super::pending::{Owner, Pending, Stage};
use crate::connection_string::Endpoint;

/// What a node says that did not execute a request which it, or another one, may execute later.
#[derive(Debug)]
pub(super) struct TurnedAway {
    pub(super) code: Code,
    /// Who may, `host:port`; empty: it does not know.
    pub(super) redirect: String,
}

/// After so many nodes in a row that sent it on, a request waits for the next map.
const MOST_HOPS: u32 = 3;

impl Core {
    /// See [`Core::way`], for the nodes of a cluster.
    pub(super) fn way_in_cluster(&mut self, slot: usize, header: &RequestHeader, payload: &[&[u8]]) -> Way {
        let pending = self.table.get(slot);
        let (store, operation) = (pending.store, pending.operation);
        if is_for_any(operation) {
            return match self.any_link(slot) {
                Some(link) => self.over(slot, link),
                None => Way::Later(Stage::Waiting),
            };
        }
        if self.stores[store as usize].id.is_none() {
            self.open(store);
            return Way::Later(Stage::Opening);
        }
        if !self.cluster.as_ref().is_some_and(|cluster| cluster.is_known()) {
            return Way::Later(Stage::Waiting);
        }
        if self.table.get(slot).group.is_none() {
            let class = self.stores[store as usize].class;
            let in_many = class == StoreClass::Cache && is_of_many(operation);
            let group = if in_many {
                self.only_group(store, operation, payload)
            } else {
                Some(self.group_of(store, &key_of(header, payload)))
            };
            if group.is_none() {
                return Way::InParts;
            }
            self.table.get_mut(slot).group = group;
        }
        match self.link_of(slot, header) {
            Some(link) => self.over(slot, link),
            None => {
                // Who leads it, or where, may have changed.
                self.need_map();
                Way::Later(Stage::Waiting)
            }
        }
    }

    /// The group of a key of an open store.
    pub(super) fn group_of(&self, store: u32, key: &[u8]) -> u16 {
        let entry = &self.stores[store as usize];
        let id = StoreId(entry.id.unwrap_or(0));
        let cluster = self.cluster.as_ref().expect("only a cluster has groups");
        cluster.group_of(id, entry.class, entry.hash_tags, key)
    }

    /// The connection for a request that any node answers.
    fn any_link(&mut self, slot: usize) -> Option<usize> {
        if let Some(node) = self.table.get(slot).to {
            if self
                .cluster
                .as_ref()
                .is_some_and(|cluster| cluster.address(node).is_some())
            {
                return self.link_to(node);
            }
            self.table.get_mut(slot).to = None;
        }
        // One that has sent it away is not the next to be asked.
        let (turn, count) = (self.table.get(slot).hops as usize, self.links.len());
        let in_turn = |which: fn(&Link) -> bool| {
            let usable = |&link: &usize| self.links[link].usable().is_some() && which(&self.links[link]);
            (0..count).map(|offset| (turn + offset) % count).find(usable)
        };
        in_turn(|link| !link.suspect).or_else(|| in_turn(|_| true))
    }

    /// The connection for a request that a group answers.
    fn link_of(&mut self, slot: usize, header: &RequestHeader) -> Option<usize> {
        let pending = self.table.get(slot);
        let group = pending.group?;
        let any_replica = header.consistency != 0 && !pending.operation.is_change() && !pending.leader_only;
        let cluster = self.cluster.as_ref()?;
        if any_replica {
            let replicas = cluster.replicas(group);
            let serves = |link: &Link| {
                let at = link.usable().and(link.at);
                !link.suspect && at.is_some_and(|node| replicas.contains(&node))
            };
            if let Some(link) = self.links.iter().position(serves) {
                return Some(link);
            }
        }
        match cluster.leader(group) {
            Some(node) => self.link_to(node),
            None => None,
        }
    }

    /// The connection to a node; one is made when there is none.
    pub(super) fn link_to(&mut self, node: usize) -> Option<usize> {
        let there = |link: &Link| link.at == Some(node) && link.usable().is_some();
        if let Some(link) = self.links.iter().position(there) {
            return Some(link);
        }
        self.want_link(node);
        None
    }

    fn want_link(&mut self, node: usize) {
        let Some(cluster) = &self.cluster else { return };
        if cluster.address(node).is_none() {
            return;
        }
        let left = |link: &Link| {
            let gone = link
                .target
                .is_some_and(|target| cluster.address(target).is_none());
            gone && link.up.is_none() && !link.wanted
        };
        let own = self.links.iter().position(|link| link.target == Some(node));
        let link = match own.or_else(|| self.links.iter().position(left)) {
            Some(link) => link,
            None => {
                self.links.push(Link::new(None));
                self.new_links.push(self.links.len() - 1);
                self.links.len() - 1
            }
        };
        self.links[link].target = Some(node);
        self.links[link].wanted = true;
        self.keeper_needed = true;
    }

    /// Where a connection leads, in the order to try.
    pub(super) fn addresses(&self, link: usize, endpoints: &[Endpoint]) -> Vec<Endpoint> {
        let Some(cluster) = &self.cluster else {
            return if link == 0 { endpoints.to_vec() } else { Vec::new() };
        };
        if link != 0 {
            let address = self.links[link].target.and_then(|node| cluster.address(node));
            return address.and_then(Endpoint::of_node).into_iter().collect();
        }
        let mut all = endpoints.to_vec();
        for endpoint in cluster.addresses().filter_map(Endpoint::of_node) {
            if !all.contains(&endpoint) {
                all.push(endpoint);
            }
        }
        all
    }

    /// Says which node each connection leads to.
    pub(super) fn name_links(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        for link in &mut self.links {
            link.at = link.up.as_ref().and_then(|up| cluster.node_named(&up.node));
        }
    }

    /// A node did not execute a request: it goes on to the one that does. False: the caller is to be told.
    pub(super) fn turn_back(&mut self, slot: usize, away: &TurnedAway, now: Instant) -> bool {
        if self.cluster.is_some() {
            return self.turn_back_in_cluster(slot, away, now);
        }
        let pending = self.table.get_mut(slot);
        if let Owner::Store(store) = pending.owner {
            // What waits for the store asks the next node.
            self.take(slot);
            self.stores[store as usize].opening = false;
            return true;
        }
        if pending.was_sent {
            return false;
        }
        pending.epoch = 0;
        self.put_back(slot);
        self.release_sequence(slot);
        true
    }

    /// Takes a request off its connection, to be sent again.
    pub(super) fn put_back(&mut self, slot: usize) {
        let link = self.table.get(slot).link;
        self.table.set_stage(slot, Stage::Waiting);
        self.links[link].in_flight -= 1;
    }

    /// A change that no node has got gives its number back: the next ones are in order then.
    pub(super) fn release_sequence(&mut self, slot: usize) {
        let pending = self.table.get_mut(slot);
        let lane = pending.lane();
        if let Some((sequence, count)) = pending.sequence.take() {
            self.lanes[lane].window.seen(sequence, count);
        }
    }

    fn turn_back_in_cluster(&mut self, slot: usize, away: &TurnedAway, now: Instant) -> bool {
        let pending = self.table.get_mut(slot);
        if matches!(pending.owner, Owner::Map) {
            return false;
        }
        pending.hops += 1;
        pending.retries += u32::from(!pending.was_sent);
        let (hops, group) = (pending.hops, pending.group);
        let (is_part, was_sent) = (matches!(pending.owner, Owner::Part(..)), pending.was_sent);
        let link = pending.link;
        self.put_back(slot);
        self.want_map(now);
        if !was_sent {
            // Nothing of it is anywhere: whoever gets it begins with it.
            self.table.get_mut(slot).epoch = 0;
        }
        match away.code {
            Code::WrongSlot if !is_part && !was_sent => {
                self.release_sequence(slot);
                self.table.get_mut(slot).group = None;
            }
            Code::Unavailable => {
                let follows = self.follow(slot, group, link, &away.redirect);
                self.table.get_mut(slot).leaderless = !follows;
                if follows && hops <= MOST_HOPS {
                    self.dispatch(slot, now);
                }
            }
            _ => {}
        }
        true
    }

    /// Takes up what a node said of who leads; whether there is another node to ask.
    fn follow(&mut self, slot: usize, group: Option<u16>, link: usize, redirect: &str) -> bool {
        let from = self.links[link].at;
        let Some(cluster) = &mut self.cluster else {
            return false;
        };
        let to = cluster.node_at(redirect).filter(|&node| Some(node) != from);
        let Some(group) = group else {
            self.table.get_mut(slot).to = to;
            return to.is_some();
        };
        if to.is_some() {
            cluster.hint(group, to);
        } else if cluster.leader(group) == from {
            cluster.hint(group, None);
        } else if !self.table.get(slot).leader_only {
            // A replica that does not serve reads now.
            self.table.get_mut(slot).leader_only = true;
            return true;
        }
        self.table.get_mut(slot).leader_only = true;
        to.is_some()
    }

    /// Puts what waits on its way, as far as it can go now; how many wait still.
    pub(super) fn dispatch_waiting(&mut self, now: Instant) -> usize {
        for slot in self.table.slots(|pending| pending.stage == Stage::Waiting) {
            // Whatever asks for a store's id on the way is in the table too, and on its way already.
            let waits = |pending: &Pending| pending.stage == Stage::Waiting && !pending.is_too_late(now);
            if self.table.contains(slot) && waits(self.table.get(slot)) {
                self.dispatch(slot, now);
            }
        }
        self.table.count(|pending| pending.stage == Stage::Waiting)
    }

    /// A connection to a node of a cluster could not be made: what was only for that node may ask others.
    pub(super) fn unreachable(&mut self, link: usize, now: Instant) {
        let target = self.links[link].target;
        self.links[link].wanted = target.is_none() && !self.is_connected();
        if self.cluster.is_none() {
            return;
        }
        if target.is_some() {
            for slot in self.table.slots(|pending| pending.to == target) {
                self.table.get_mut(slot).to = None;
            }
        }
        self.want_map(now);
        self.dispatch_waiting(now);
    }
}

/// Whether every node answers it.
fn is_for_any(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::OpenStore
            | Operation::Ping
            | Operation::AdvanceClock
            | Operation::ClusterMap
            | Operation::ClusterAdmin
    )
}

/// Whether it is about many keys, which may be in several groups.
pub(super) fn is_of_many(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::GetMany
            | Operation::Batch
            | Operation::Count
            | Operation::Clear
            | Operation::Scan
            | Operation::Stats
    )
}

/// The key at the beginning of a payload.
fn key_of<'a>(header: &RequestHeader, payload: &[&'a [u8]]) -> std::borrow::Cow<'a, [u8]> {
    let length = header.key_length as usize;
    match payload.first() {
        Some(first) if first.len() >= length => first[..length].into(),
        _ => {
            let whole = Bytes::from(payload.concat());
            whole[..length.min(whole.len())].to_vec().into()
        }
    }
}
