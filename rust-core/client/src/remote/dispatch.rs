//! From an accepted request to frames in the outbox.

use bytes::{Bytes, BytesMut};
use holdfast_proto::session::{CHUNK_FROM, FrameHead, FrameKind, Operation, RequestHeader, encode_frame};
use prost::Message;
use tokio::time::Instant;

use super::core::{Core, Large};
use super::pending::{Owner, Pending, Stage};

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
        match self.obstacle(slot, &header) {
            None => self.send(slot, header, payload, large, now),
            Some(stage) => {
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
        match self.obstacle(slot, &header) {
            None => self.send(slot, header, &[payload], large, now),
            Some(stage) => {
                self.table.keep(slot, header_length, copy, large);
                self.put_off(slot, stage);
            }
        }
    }

    /// Changes that the window held back, now that it may have room.
    pub(super) fn dispatch_held(&mut self, now: Instant) {
        while let Some(&(slot, order)) = self.held.front() {
            let held = self
                .table
                .live(slot, order)
                .is_some_and(|pending| pending.stage == Stage::Held);
            if !held {
                self.held.pop_front();
                continue;
            }
            let Some(up) = &self.up else { return };
            let count = self.table.get(slot).sequence_count();
            let Some(sequence) = self.window.take(count, up.window) else {
                return;
            };
            self.table.get_mut(slot).sequence = Some((sequence, count));
            self.held.pop_front();
            self.dispatch(slot, now);
        }
    }

    /// The caller no longer waits for a request that is on the wire.
    pub(super) fn push_cancel(&mut self, number: u64) {
        if self.up.as_ref().is_some_and(|up| !up.draining) {
            encode_frame(
                &mut self.outbox,
                FrameHead::new(FrameKind::Cancel, number),
                &(),
                &[],
            );
        }
    }

    /// A store's id is there: what waited for it goes.
    pub(super) fn store_opened(&mut self, store: u32, id: u32, max_value: u32, now: Instant) {
        let entry = &mut self.stores[store as usize];
        entry.id = Some(id);
        entry.max_value = Some(max_value).filter(|&most| most != 0);
        entry.opening = false;
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
            let order = self.table.get(slot).order;
            if self.has_no_room(slot) {
                self.held_large.push_back((slot, order));
            } else {
                self.held.push_back((slot, order));
            }
        }
    }

    /// What keeps a request from being sent now. A change that nothing keeps has its sequence afterwards.
    fn obstacle(&mut self, slot: usize, header: &RequestHeader) -> Option<Stage> {
        let Some(up) = self.up.as_ref().filter(|up| !up.draining) else {
            return Some(Stage::Waiting);
        };
        let window = up.window;
        let pending = self.table.get_mut(slot);
        let (store, operation) = (pending.store, pending.operation);
        pending.items = header.items;
        if !matches!(operation, Operation::OpenStore | Operation::Ping)
            && self.stores[store as usize].id.is_none()
        {
            self.open(store);
            return Some(Stage::Opening);
        }
        if self.has_no_room(slot) {
            return Some(Stage::Held);
        }
        let pending = self.table.get_mut(slot);
        // A clear that is made twice may remove what others have put in between: it is sent once.
        let once = matches!(operation, Operation::AdvanceClock | Operation::Clear);
        if !operation.is_change() || once || pending.sequence.is_some() {
            return None;
        }
        let count = pending.sequence_count();
        if count as usize > window {
            // More than can be told apart from its retry: sent once, without a sequence.
            return None;
        }
        if !self.held.is_empty() {
            return Some(Stage::Held);
        }
        match self.window.take(count, window) {
            Some(sequence) => {
                self.table.get_mut(slot).sequence = Some((sequence, count));
                None
            }
            None => Some(Stage::Held),
        }
    }

    /// Whether a payload in pieces is more than the node would take beside those that it has.
    fn has_no_room(&self, slot: usize) -> bool {
        let Some(up) = &self.up else { return false };
        let (length, under_way) = (self.table.get(slot).large_length, self.table.large_under_way());
        length > 0 && under_way > 0 && under_way + length > up.most_large
    }

    /// Payloads in pieces that waited for room.
    pub(super) fn dispatch_large(&mut self, now: Instant) {
        while let Some(&(slot, order)) = self.held_large.front() {
            let held = self
                .table
                .live(slot, order)
                .is_some_and(|pending| pending.stage == Stage::Held);
            if held && (self.up.is_none() || self.has_no_room(slot)) {
                return;
            }
            self.held_large.pop_front();
            if held {
                self.dispatch(slot, now);
            }
        }
    }

    /// Asks for a store's id.
    fn open(&mut self, store: u32) {
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
        mut header: RequestHeader,
        payload: &[&[u8]],
        large: Option<Bytes>,
        now: Instant,
    ) {
        let up = self.up.as_mut().expect("nothing is sent without a connection");
        up.last_number += 1;
        let number = up.last_number;
        let pending = self.table.get_mut(slot);
        if pending.epoch == 0 {
            pending.epoch = up.epoch;
        }
        if pending.was_sent {
            pending.retries += 1;
        }
        header.store = self.stores[pending.store as usize].id.unwrap_or(0);
        header.timeout_ms = pending.deadline.map_or(0, |deadline| remaining_ms(deadline, now));
        // Any start does, and wrapping around is expected.
        header.sent_ms = (now.saturating_duration_since(self.began).as_millis() as u32).max(1);
        if pending.operation.is_change() {
            header.sequence = pending.sequence.map_or(0, |(sequence, _)| sequence);
            header.first_unacknowledged = self.window.first_unacknowledged();
            header.epoch = pending.epoch;
        }
        let order = pending.order;
        let mut copy = std::mem::take(&mut pending.copy);
        copy.clear();
        let mut head = FrameHead::new(FrameKind::Request, number);
        let start = self.outbox.len() + FrameHead::LENGTH;
        let header_length;
        let end = match &large {
            None => {
                header_length = header.encoded_len();
                encode_frame(&mut self.outbox, head, &header, payload);
                copy.extend_from_slice(&self.outbox[start..]);
                self.outbox_start + self.outbox.len() as u64
            }
            Some(payload) => {
                head.flags = FrameHead::IN_PIECES;
                header.payload_length = payload.len() as u64;
                header_length = header.encoded_len();
                encode_frame(&mut self.outbox, head, &header, &[]);
                copy.extend_from_slice(&self.outbox[start..]);
                self.large.push(Large {
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
        if self.in_flight == 0 {
            self.busy_since = now;
        }
        self.in_flight += 1;
    }
}

fn remaining_ms(deadline: Instant, now: Instant) -> u32 {
    let remaining = deadline.saturating_duration_since(now).as_micros().div_ceil(1000);
    u32::try_from(remaining).unwrap_or(u32::MAX).max(1)
}

/// Appends a frame without header and payload.
pub(super) fn push_bare(out: &mut BytesMut, kind: FrameKind, number: u64) {
    encode_frame(out, FrameHead::new(kind, number), &(), &[]);
}
