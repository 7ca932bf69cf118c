//! How requests end without a reply, and what becomes of them when their connection ends.

use std::sync::Arc;

use holdfast_proto::Error;
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
            self.in_flight -= 1;
        }
        if let Some((sequence, count)) = pending.sequence {
            self.window.seen(sequence, count);
        }
        pending
    }

    /// Completes a request with an error, through the keeper.
    pub(super) fn fail(&mut self, slot: usize, error: impl FnOnce(&Pending) -> Error) {
        let pending = self.take(slot);
        let error = error(&pending);
        let server = self.up.as_ref().map_or(0, |up| up.server);
        let server = if pending.may_have_arrived() { server } else { 0 };
        if let Owner::Client(client, ticket) = pending.owner {
            let completed = Completed {
                ticket,
                result: Err(error),
                retries: pending.retries,
                server,
            };
            self.finished.push((client, completed));
        }
    }

    /// Ends what the caller no longer waits for; the node is told when it may have it.
    pub(super) fn abandon(&mut self, slot: usize, error: impl FnOnce(&Pending) -> Error) {
        if let Stage::Sent { number, .. } = self.table.get(slot).stage {
            self.push_cancel(number);
        }
        self.fail(slot, error);
    }

    /// Ends every request whose deadline has passed, and finds the next deadline.
    pub(super) fn expire(&mut self, now: Instant, options: &RemoteOptions) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        for slot in self
            .table
            .slots(|pending| pending.deadline.is_some_and(|deadline| deadline <= now))
        {
            let connected = self.up.is_some();
            let last_error = std::mem::take(&mut self.last_error);
            self.abandon(slot, |pending| {
                errors::too_late(pending, connected, &last_error, options)
            });
            self.last_error = last_error;
        }
        self.earliest = self.table.earliest_deadline();
    }

    /// The connection is gone: `written` of its stream's bytes reached the socket. What it may have carried to the node
    /// waits for the next one to say whether the session goes on, the rest waits to be sent as new.
    pub(super) fn lost(&mut self, written: u64) {
        let Some(up) = self.up.take() else { return };
        for slot in self.table.slots(|pending| pending.stage != Stage::Waiting) {
            let pending = self.table.get_mut(slot);
            if let Stage::Sent { end, .. } = pending.stage {
                pending.was_sent |= written >= end;
            }
            if let Owner::Store(store) = pending.owner {
                self.take(slot);
                self.stores[store as usize].opening = false;
                continue;
            }
            if !pending.was_sent {
                pending.epoch = 0;
                if let Some((sequence, count)) = pending.sequence.take() {
                    self.window.seen(sequence, count);
                }
            }
            let pending = self.table.get(slot);
            if pending.was_sent && pending.operation.is_change() && pending.sequence.is_none() {
                // Never to be sent twice.
                let address = up.address.clone();
                self.fail(slot, |_| errors::connection_lost(&address));
                continue;
            }
            self.table.set_stage(slot, Stage::Waiting);
        }
        self.in_flight = 0;
        self.held.clear();
        self.held_large.clear();
        self.large.clear();
        self.outbox.clear();
        self.outbox_start = 0;
    }

    /// A node that stops sent a request back: it goes to the next one. False: only its own node may execute it.
    pub(super) fn turn_back(&mut self, slot: usize) -> bool {
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
        if let Some((sequence, count)) = pending.sequence.take() {
            self.window.seen(sequence, count);
        }
        pending.epoch = 0;
        self.table.set_stage(slot, Stage::Waiting);
        self.in_flight -= 1;
        true
    }

    /// Requests that a node which got so many bytes of the stream has not answered.
    pub(super) fn arrived(&self, written: u64) -> usize {
        let arrived = |pending: &Pending| matches!(pending.stage, Stage::Sent { end, .. } if end <= written);
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
            if let Owner::Store(store) = self.table.get(slot).owner {
                self.stores[store as usize].opening = false;
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
