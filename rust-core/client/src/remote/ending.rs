//! How requests end without a reply, and what becomes of them when their connection ends.

use std::sync::Arc;

use holdfast_proto::Error;
use holdfast_state::mutant::{self, Mutant};
use tokio::time::Instant;

use super::client::ClientShared;
use super::core::Core;
use super::errors;
use super::options::RemoteOptions;
use super::pending::{Owner, Pending, Stage};
use super::sink::Completed;

impl Core {
    /// Takes a request out of the table and everything that refers to it. Whoever calls completes it.
    pub(super) fn take(&mut self, slot: usize) -> Pending {
        let pending = self.table.remove(slot);
        if let Stage::Sent { .. } = pending.stage {
            self.links[pending.link].in_flight -= 1;
        }
        if let Some((sequence, count)) = pending.sequence {
            self.lanes[pending.lane()].window.seen(sequence, count);
        }
        pending
    }

    /// Completes a request with an error, through the keeper.
    pub(super) fn fail(&mut self, slot: usize, error: impl FnOnce(&Pending) -> Error) {
        self.drop_parts(slot);
        let pending = self.take(slot);
        let error = error(&pending);
        let server = self.links[pending.link].up.as_ref().map_or(0, |up| up.server);
        let server = if pending.may_have_arrived() { server } else { 0 };
        match pending.owner {
            Owner::Client(client, ticket) => {
                let completed = Completed {
                    ticket,
                    result: Err(error),
                    retries: pending.retries,
                    server,
                };
                self.finished.push((client, completed));
            }
            Owner::Part(parent, order, index) => {
                self.part_done(parent, order, index, Err(error), pending.retries, server);
            }
            Owner::Store(store) => self.stores[store as usize].opening = false,
            Owner::Map => self.map_refused(Instant::now()),
        }
    }

    /// Ends what the caller no longer waits for; the node is told when it may have it.
    pub(super) fn abandon(&mut self, slot: usize, error: impl FnOnce(&Pending) -> Error) {
        let pending = self.table.get(slot);
        if let Stage::Sent { number, .. } = pending.stage {
            self.links[pending.link].push_cancel(number);
        }
        self.fail(slot, error);
    }

    /// Ends every request whose deadline has passed, and finds the next deadline.
    pub(super) fn expire(&mut self, now: Instant, options: &RemoteOptions) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        let too_late = |pending: &Pending| {
            let is_part = matches!(pending.owner, Owner::Part(..));
            !is_part && pending.deadline.is_some_and(|deadline| deadline <= now)
        };
        for slot in self.table.slots(too_late) {
            let (connected, clustered) = (self.is_connected(), self.cluster.is_some());
            let last_error = std::mem::take(&mut self.last_error);
            let silent = self.links[self.table.get(slot).link].suspect;
            self.abandon(slot, |pending| {
                if connected && clustered {
                    errors::without_leader(pending, silent, &last_error)
                } else {
                    errors::too_late(pending, connected, &last_error, options)
                }
            });
            self.last_error = last_error;
        }
        self.earliest = self.table.earliest_deadline();
    }

    /// A connection is gone: `written` of its stream's bytes reached the socket. What it may have carried to the node
    /// waits for the next one to say whether the session goes on, the rest waits to be sent as new.
    pub(super) fn lost(&mut self, link: usize, written: u64, now: Instant) {
        let Some(up) = self.links[link].up.take() else {
            return;
        };
        let clustered = self.cluster.is_some();
        let held = std::mem::take(&mut self.links[link].held_large);
        for (slot, order) in held {
            if self
                .table
                .live(slot, order)
                .is_some_and(|pending| pending.stage == Stage::Held)
            {
                self.table.set_stage(slot, Stage::Waiting);
            }
        }
        let on_it = |pending: &Pending| match pending.stage {
            Stage::Sent { .. } => pending.link == link,
            // A node alone is asked for everything anew.
            stage => !clustered && stage != Stage::Waiting,
        };
        for slot in self.table.slots(on_it) {
            if self.table.contains(slot) {
                self.lost_request(slot, written, &up.address);
            }
        }
        let at = self.links[link].at;
        self.links[link].end();
        if !clustered {
            self.lanes[0].held.clear();
            self.held = 0;
            return;
        }
        self.links[link].wanted = false;
        self.links[0].wanted |= !self.is_connected();
        for slot in self
            .table
            .slots(|pending| pending.to.is_some() && pending.to == at)
        {
            self.table.get_mut(slot).to = None;
        }
        self.want_map(now);
        self.dispatch_waiting(now);
    }

    fn lost_request(&mut self, slot: usize, written: u64, address: &str) {
        let clustered = self.cluster.is_some();
        let pending = self.table.get_mut(slot);
        if let Stage::Sent { end, .. } = pending.stage {
            pending.was_sent |= written >= end && !mutant::active(Mutant::RetryOfUnknown);
        }
        match pending.owner {
            Owner::Store(store) if !clustered => {
                self.take(slot);
                self.stores[store as usize].opening = false;
                return;
            }
            Owner::Map => {
                self.take(slot);
                self.map_refused(Instant::now());
                return;
            }
            _ => {}
        }
        if !pending.was_sent {
            pending.epoch = 0;
            self.release_sequence(slot);
        }
        let pending = self.table.get(slot);
        if pending.was_sent && pending.operation.is_change() && pending.sequence.is_none() {
            // Never to be sent twice.
            self.fail(slot, |_| errors::connection_lost(address));
            return;
        }
        self.table.set_stage(slot, Stage::Waiting);
    }

    /// Requests that a node which got so many bytes of a connection's stream has not answered.
    pub(super) fn arrived(&self, link: usize, written: u64) -> usize {
        let arrived = |pending: &Pending| {
            pending.link == link && matches!(pending.stage, Stage::Sent { end, .. } if end <= written)
        };
        self.table.slots(arrived).len()
    }

    /// The node would not open a store: what waited for it ends.
    pub(super) fn store_refused(&mut self, store: u32, error: &Error) {
        self.stores[store as usize].opening = false;
        for slot in self.waiting_for_store(store) {
            self.fail(slot, |pending| error.clone().with_outcome(pending.outcome()));
        }
    }

    /// Every request ends with this error.
    pub(super) fn fail_all(&mut self, error: &Error) {
        for slot in self.table.slots(|_| true) {
            // The parts of what was split end with it.
            if !self.table.contains(slot) {
                continue;
            }
            self.fail(slot, |pending| error.clone().with_outcome(pending.outcome()));
        }
    }

    /// A node refuses this client: what waits ends, and what comes is refused until one accepts it.
    pub(super) fn refuse(&mut self, error: Error) {
        self.fail_all(&error);
        self.refusal = Some(error);
    }

    /// Ends a client: its requests, then, when they are delivered, its sink.
    pub(super) fn close(&mut self, client: &Arc<ClientShared>) {
        let own =
            |pending: &Pending| matches!(&pending.owner, Owner::Client(owner, _) if owner.id == client.id);
        for slot in self.table.slots(own) {
            self.abandon(slot, |pending| errors::closed().with_outcome(pending.outcome()));
        }
        self.clients.retain(|other| other.id != client.id);
        self.closing.push(Arc::clone(client));
    }
}
