//! From an accepted request to frames in the outbox.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{
    CHUNK_FROM, FrameHead, FrameKind, Operation, RequestHeader, StoreDescription, encode_frame, flags,
};
use holdfast_state::StoreClass;
use prost::Message;
use tokio::time::Instant;

use super::core::Core;
use super::links::Large;
use super::pending::{Owner, Pending, Stage};
use super::route::is_of_many;

/// How a request goes on.
pub(super) enum Way {
    /// Over this connection, now.
    Over(usize),
    Later(Stage),
    /// As requests of their own, one for each group.
    InParts,
}

impl Core {
    /// Takes a request in and puts it on its way as far as it can go now. The payload is the concatenation of `payload`.
    pub(super) fn accept(
        &mut self,
        pending: Pending,
        header: RequestHeader,
        payload: &[&[u8]],
        now: Instant,
    ) -> usize {
        let slot = self.table.insert(pending);
        let length: usize = payload.iter().map(|part| part.len()).sum();
        let large = (length >= CHUNK_FROM).then(|| Bytes::from(payload.concat()));
        self.table.get_mut(slot).large_length = large.as_ref().map_or(0, Bytes::len);
        match self.way(slot, &header, payload) {
            Way::Over(link) => self.send(slot, link, header, payload, large, now),
            Way::InParts => self.split(slot, &header, payload, now),
            Way::Later(stage) => {
                let mut copy = std::mem::take(&mut self.table.get_mut(slot).copy);
                let header_length = header.encoded_len();
                header.encode_raw(&mut copy);
                if large.is_none() {
                    payload.iter().for_each(|part| copy.extend_from_slice(part));
                }
                self.table.keep(slot, header_length, copy, large);
                self.put_off(slot, stage);
            }
        }
        slot
    }

    /// Puts a request of the table on its way as far as it can go now.
    pub(super) fn dispatch(&mut self, slot: usize, now: Instant) {
        let (header_length, copy, large) = self.table.take(slot);
        let (encoded, payload) = copy.split_at(header_length);
        let header = RequestHeader::decode(encoded).expect("it was encoded here");
        let whole = large.clone();
        match self.way(slot, &header, &[whole.as_deref().unwrap_or(payload)]) {
            Way::Over(link) => self.send(slot, link, header, &[payload], large, now),
            Way::InParts => self.split(slot, &header, &[whole.as_deref().unwrap_or(payload)], now),
            Way::Later(stage) => {
                self.table.keep(slot, header_length, copy, large);
                self.put_off(slot, stage);
            }
        }
    }

    /// Changes that a window held back, now that it may have room.
    pub(super) fn dispatch_held(&mut self, now: Instant) {
        for lane in 0..self.lanes.len() {
            self.dispatch_held_in(lane, now);
        }
        self.held = self.lanes.iter().map(|lane| lane.held.len()).sum();
    }

    fn dispatch_held_in(&mut self, lane: usize, now: Instant) {
        while let Some(&(slot, order)) = self.lanes[lane].held.front() {
            let held = self
                .table
                .live(slot, order)
                .is_some_and(|pending| pending.stage == Stage::Held);
            if !held {
                self.lanes[lane].held.pop_front();
                continue;
            }
            let count = self.table.get(slot).sequence_count();
            let Some(sequence) = self.lanes[lane].window.take(count, self.session.window) else {
                return;
            };
            self.table.get_mut(slot).sequence = Some((sequence, count));
            self.lanes[lane].held.pop_front();
            self.dispatch(slot, now);
        }
    }

    /// A store's id is there: what waited for it goes.
    pub(super) fn store_opened(&mut self, store: u32, at_node: &StoreDescription, now: Instant) {
        self.stores[store as usize].opened(at_node);
        for slot in self.waiting_for_store(store) {
            self.dispatch(slot, now);
        }
    }

    /// Slots of what waits for a store's id.
    pub(super) fn waiting_for_store(&self, store: u32) -> Vec<usize> {
        self.table
            .slots(|pending| pending.stage == Stage::Opening && pending.store == store)
    }

    fn put_off(&mut self, slot: usize, stage: Stage) {
        self.table.set_stage(slot, stage);
        if stage == Stage::Held {
            let pending = self.table.get(slot);
            let (order, link, lane) = (pending.order, pending.link, pending.lane());
            if self.has_no_room(slot, link) {
                self.links[link].held_large.push_back((slot, order));
            } else {
                self.lanes[lane].held.push_back((slot, order));
                self.held += 1;
            }
        }
    }

    /// What keeps a request from being sent now, or where it goes. A change that nothing keeps has its sequence
    /// afterwards.
    fn way(&mut self, slot: usize, header: &RequestHeader, payload: &[&[u8]]) -> Way {
        self.table.get_mut(slot).items = header.items;
        if self.cluster.is_some() {
            return self.way_in_cluster(slot, header, payload);
        }
        if self.links[0].usable().is_none() {
            return Way::Later(Stage::Waiting);
        }
        let pending = self.table.get(slot);
        let (store, operation) = (pending.store, pending.operation);
        if !matches!(
            operation,
            Operation::OpenStore | Operation::Ping | Operation::ClusterAdmin
        ) && self.stores[store as usize].id.is_none()
        {
            self.open(store);
            return Way::Later(Stage::Opening);
        }
        self.over(slot, 0)
    }

    /// Over a connection that is there, unless it or the window has no room.
    pub(super) fn over(&mut self, slot: usize, link: usize) -> Way {
        if self.has_no_room(slot, link) {
            self.table.get_mut(slot).link = link;
            return Way::Later(Stage::Held);
        }
        let pending = self.table.get_mut(slot);
        let operation = pending.operation;
        // A clear that is made twice may remove what others have put in between: it is sent once.
        let once = matches!(operation, Operation::AdvanceClock | Operation::Clear);
        if !operation.is_change() || once || pending.sequence.is_some() {
            return Way::Over(link);
        }
        let count = pending.sequence_count();
        let most = self.session.window;
        if count as usize > most {
            // More than can be told apart from its retry: sent once, without a sequence.
            return Way::Over(link);
        }
        let lane = &mut self.lanes[pending.lane()];
        if !lane.held.is_empty() {
            return Way::Later(Stage::Held);
        }
        match lane.window.take(count, most) {
            Some(sequence) => {
                pending.sequence = Some((sequence, count));
                Way::Over(link)
            }
            None => Way::Later(Stage::Held),
        }
    }

    /// Whether a payload in pieces is more than the node would take beside those that it has.
    fn has_no_room(&self, slot: usize, link: usize) -> bool {
        let length = self.table.get(slot).large_length;
        if length == 0 {
            return false;
        }
        let Some(up) = &self.links[link].up else {
            return false;
        };
        let under_way = self.table.large_under_way(link);
        under_way > 0 && under_way + length > up.most_large
    }

    /// Payloads in pieces that waited for room.
    pub(super) fn dispatch_large(&mut self, link: usize, now: Instant) {
        while let Some(&(slot, order)) = self.links[link].held_large.front() {
            let held = self
                .table
                .live(slot, order)
                .is_some_and(|pending| pending.stage == Stage::Held);
            if held && (self.links[link].up.is_none() || self.has_no_room(slot, link)) {
                return;
            }
            self.links[link].held_large.pop_front();
            if held {
                self.dispatch(slot, now);
            }
        }
    }

    /// Asks for a store's id.
    pub(super) fn open(&mut self, store: u32) {
        let entry = &mut self.stores[store as usize];
        if std::mem::replace(&mut entry.opening, true) {
            return;
        }
        let (header, name) = (entry.open_request(), entry.name.clone());
        let pending = Pending::new(Owner::Store(store), store, Operation::OpenStore, None);
        self.accept(pending, header, &[name.as_bytes()], Instant::now());
    }

    fn send(
        &mut self,
        slot: usize,
        link: usize,
        mut header: RequestHeader,
        payload: &[&[u8]],
        large: Option<Bytes>,
        now: Instant,
    ) {
        self.last_number += 1;
        let number = self.last_number;
        let epoch = match &self.cluster {
            None => self.links[link].up.as_ref().map_or(0, |up| up.epoch),
            Some(cluster) => self.table.get(slot).group.map_or(0, |group| cluster.epoch(group)),
        };
        let pending = self.table.get_mut(slot);
        pending.link = link;
        if pending.epoch == 0 {
            pending.epoch = epoch;
        }
        if pending.was_sent {
            pending.retries += 1;
        }
        if pending.operation != Operation::ClusterMap {
            header.store = self.stores[pending.store as usize].id.unwrap_or(0);
        }
        if let Some(group) = pending.group.filter(|_| is_of_many(pending.operation)) {
            let in_parts = self.stores[pending.store as usize].class == StoreClass::Cache;
            header.group = if in_parts { u32::from(group) } else { 0 };
        }
        header.timeout_ms = pending.deadline.map_or(0, |deadline| remaining_ms(deadline, now));
        // Any start does, and wrapping around is expected.
        header.sent_ms = (now.saturating_duration_since(self.began).as_millis() as u32).max(1);
        if pending.operation.is_change() {
            header.sequence = pending.sequence.map_or(0, |(sequence, _)| sequence);
            header.first_unacknowledged = self.lanes[pending.lane()].window.first_unacknowledged();
            header.epoch = pending.epoch;
            header.flags &= !flags::RETRY;
            if !pending.was_sent {
                pending.first_sent = Some(now);
            } else if self.lanes[pending.lane()].confirmed || is_old(pending.first_sent, now) {
                header.flags |= flags::RETRY;
            }
        } else if self.cluster.is_some() {
            // A group that has started again is read only once this client has been told.
            header.epoch = epoch;
        }
        let order = pending.order;
        let mut copy = std::mem::take(&mut pending.copy);
        copy.clear();
        let line = &mut self.links[link];
        let mut head = FrameHead::new(FrameKind::Request, number);
        let start = line.outbox.len() + FrameHead::LENGTH;
        let header_length;
        let end = match &large {
            None => {
                header_length = header.encoded_len();
                encode_frame(&mut line.outbox, head, &header, payload);
                copy.extend_from_slice(&line.outbox[start..]);
                line.outbox_start + line.outbox.len() as u64
            }
            Some(payload) => {
                head.flags = FrameHead::IN_PIECES;
                header.payload_length = payload.len() as u64;
                header_length = header.encoded_len();
                encode_frame(&mut line.outbox, head, &header, &[]);
                copy.extend_from_slice(&line.outbox[start..]);
                line.large.push(Large {
                    slot,
                    order,
                    number,
                    payload: payload.clone(),
                    offset: 0,
                });
                u64::MAX
            }
        };
        self.table.keep(slot, header_length, copy, large);
        self.table.set_stage(slot, Stage::Sent { number, end });
        self.links[link].sent(now);
    }
}

/// No group forgets a session as fast.
const SURELY_KNOWN: Duration = Duration::from_secs(10);

/// Whether a group that does not know the session may have begun and forgotten it since.
fn is_old(first_sent: Option<Instant>, now: Instant) -> bool {
    first_sent.is_none_or(|first| now.saturating_duration_since(first) >= SURELY_KNOWN)
}

fn remaining_ms(deadline: Instant, now: Instant) -> u32 {
    let remaining = deadline.saturating_duration_since(now).as_micros().div_ceil(1000);
    u32::try_from(remaining).unwrap_or(u32::MAX).max(1)
}

/// Appends a frame without header and payload.
pub(super) fn push_bare(out: &mut BytesMut, kind: FrameKind, number: u64) {
    encode_frame(out, FrameHead::new(kind, number), &(), &[]);
}
