//! The one table of what was accepted and has not completed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashbrown::HashTable;
use holdfast_proto::Outcome;
use holdfast_proto::session::Operation;
use slab::Slab;
use tokio::time::Instant;

use super::client::ClientShared;
use super::join::Join;

/// A node that can do nothing answers in this time, also when both are busy.
const WAY_AND_BACK: Duration = Duration::from_millis(50);

/// Who waits for the reply.
pub(super) enum Owner {
    /// A caller, by its ticket.
    Client(Arc<ClientShared>, u64),
    /// The requests for a store (its index in `Core::stores`) whose id is being asked for.
    Store(u32),
    /// The cluster's map is asked for.
    Map,
    /// A request that was split: its slot and order, and which of its parts this is.
    Part(usize, u64, usize),
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for a connection.
    Waiting,
    /// Waits for its store's id.
    Opening,
    /// A change that waits for room in the session's window.
    Held,
    /// Its parts, requests of their own, are on their way.
    Split,
    /// In the outbox or on the wire. `end`: the stream's position after its last byte, `u64::MAX` while the last piece
    /// of its payload has not been cut.
    Sent { number: u64, end: u64 },
}

/// One request. Everything that sending it again takes is here.
pub(super) struct Pending {
    pub(super) owner: Owner,
    /// Index in `Core::stores`.
    pub(super) store: u32,
    pub(super) operation: Operation,
    pub(super) deadline: Option<Instant>,
    /// Of acceptance: requests are sent, and sent again, in this order.
    pub(super) order: u64,
    pub(super) stage: Stage,
    /// The connection that it is on, or was last.
    pub(super) link: usize,
    /// In a cluster: the group that it is about, once known.
    pub(super) group: Option<u16>,
    /// In a cluster: the node to ask, of a request that any may answer; an index in the cluster's.
    pub(super) to: Option<usize>,
    /// Times that a node said that another one leads the group.
    pub(super) hops: u32,
    /// A read that may be answered by any replica was turned away by one.
    pub(super) leader_only: bool,
    /// The last node that was asked turned it away, and knew of nobody else.
    pub(super) leaderless: bool,
    pub(super) join: Option<Box<Join>>,
    /// The encoded header, then the payload unless it is `large`.
    pub(super) copy: Vec<u8>,
    pub(super) header_length: usize,
    /// A payload that goes in pieces.
    pub(super) large: Option<Bytes>,
    /// Its length; 0: there is none.
    pub(super) large_length: usize,
    /// First sequence number and how many, from the first sending on.
    pub(super) sequence: Option<(u64, u32)>,
    /// The node's epoch at the first sending.
    pub(super) epoch: u64,
    /// When an earlier connection took all of it, or this one began to.
    pub(super) first_sent: Option<Instant>,
    /// An earlier connection took all of it: the node may have executed it.
    pub(super) was_sent: bool,
    pub(super) retries: u32,
    /// Items of a batch.
    pub(super) items: u32,
}

impl Pending {
    pub(super) fn new(owner: Owner, store: u32, operation: Operation, deadline: Option<Instant>) -> Pending {
        Pending {
            owner,
            store,
            operation,
            deadline,
            order: 0,
            stage: Stage::Waiting,
            link: 0,
            group: None,
            to: None,
            hops: 0,
            leader_only: false,
            leaderless: false,
            join: None,
            copy: Vec::new(),
            header_length: 0,
            large: None,
            large_length: 0,
            sequence: None,
            epoch: 0,
            first_sent: None,
            was_sent: false,
            retries: 0,
            items: 0,
        }
    }

    /// Sequence numbers that a change takes: a batch one for each item.
    pub(super) fn sequence_count(&self) -> u32 {
        match self.operation {
            Operation::Batch => self.items.max(1),
            _ => 1,
        }
    }

    /// The lane of its sequence numbers.
    pub(super) fn lane(&self) -> usize {
        usize::from(self.group.unwrap_or(0))
    }

    /// What became of it if nothing more is heard.
    pub(super) fn outcome(&self) -> Outcome {
        let on_its_way = matches!(self.stage, Stage::Sent { end, .. } if end != u64::MAX);
        if self.operation.is_change() && (self.was_sent || on_its_way) {
            Outcome::Unknown
        } else {
            Outcome::NotApplied
        }
    }

    /// Whether it is better not sent any more: a change that is known not to be made, and that nobody could make a moment
    /// ago, would be on its way when its time is over, and then nobody could say what became of it.
    pub(super) fn is_too_late(&self, now: Instant) -> bool {
        self.leaderless
            && self.operation.is_change()
            && !self.was_sent
            && self
                .deadline
                .is_some_and(|deadline| deadline < now + WAY_AND_BACK)
    }

    /// Whether a node may have got all of it.
    pub(super) fn may_have_arrived(&self) -> bool {
        self.was_sent || matches!(self.stage, Stage::Sent { end, .. } if end != u64::MAX)
    }

    fn bytes(&self) -> usize {
        OVERHEAD + self.copy.len() + self.large.as_ref().map_or(0, Bytes::len)
    }
}

/// What a request takes beside its bytes, roughly.
pub(super) const OVERHEAD: usize = 256;
/// Buffers of small requests are used again, so many and up to this size.
const MOST_SPARE: usize = 1024;
const SPARE_BYTES: usize = 2048;

/// Requests by slot, by number on the connection, and by ticket.
#[derive(Default)]
pub(super) struct Table {
    slots: Slab<Pending>,
    by_number: HashTable<u32>,
    by_ticket: HashTable<u32>,
    spare: Vec<Vec<u8>>,
    bytes: usize,
    /// Bytes of payloads in pieces whose requests are sent, by connection.
    large_under_way: Vec<usize>,
    next_order: u64,
}

impl Table {
    /// Takes a request in; `copy` and `large` come with [`Table::keep`].
    pub(super) fn insert(&mut self, mut pending: Pending) -> usize {
        self.next_order += 1;
        pending.order = self.next_order;
        pending.copy = self.spare.pop().unwrap_or_default();
        let ticket = match &pending.owner {
            Owner::Client(client, ticket) => Some(hash_ticket(client.id, *ticket)),
            _ => None,
        };
        self.bytes += pending.bytes();
        let slot = self.slots.insert(pending);
        if let Some(hash) = ticket {
            let slots = &self.slots;
            self.by_ticket
                .insert_unique(hash, slot as u32, |&slot| ticket_hash_of(slots, slot));
        }
        slot
    }

    /// Keeps the bytes of a request for sending it (again).
    pub(super) fn keep(&mut self, slot: usize, header_length: usize, copy: Vec<u8>, large: Option<Bytes>) {
        let pending = &mut self.slots[slot];
        self.bytes -= pending.bytes();
        pending.header_length = header_length;
        pending.copy = copy;
        pending.large = large;
        self.bytes += pending.bytes();
    }

    /// Takes out what [`Table::keep`] kept.
    pub(super) fn take(&mut self, slot: usize) -> (usize, Vec<u8>, Option<Bytes>) {
        let pending = &mut self.slots[slot];
        self.bytes -= pending.bytes();
        let kept = (
            pending.header_length,
            std::mem::take(&mut pending.copy),
            pending.large.take(),
        );
        self.bytes += pending.bytes();
        kept
    }

    /// Sets the stage; on the wire a request is found by its number.
    pub(super) fn set_stage(&mut self, slot: usize, stage: Stage) {
        let (large, link) = (self.slots[slot].large_length, self.slots[slot].link);
        let before = std::mem::replace(&mut self.slots[slot].stage, stage);
        if let Stage::Sent { number, .. } = before {
            if large > 0 {
                self.large_under_way[link] -= large;
            }
            self.forget_number(slot, number);
        }
        if let Stage::Sent { number, .. } = stage {
            if large > 0 {
                let links = self.large_under_way.len().max(link + 1);
                self.large_under_way.resize(links, 0);
                self.large_under_way[link] += large;
            }
            let slots = &self.slots;
            self.by_number
                .insert_unique(hash(number), slot as u32, |&slot| number_hash_of(slots, slot));
        }
    }

    pub(super) fn get(&self, slot: usize) -> &Pending {
        &self.slots[slot]
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> &mut Pending {
        &mut self.slots[slot]
    }

    /// The slot if the request of that order is still in it.
    pub(super) fn live(&self, slot: usize, order: u64) -> Option<&Pending> {
        self.slots.get(slot).filter(|pending| pending.order == order)
    }

    pub(super) fn live_mut(&mut self, slot: usize, order: u64) -> Option<&mut Pending> {
        self.slots.get_mut(slot).filter(|pending| pending.order == order)
    }

    pub(super) fn contains(&self, slot: usize) -> bool {
        self.slots.contains(slot)
    }

    pub(super) fn slot_of_number(&self, number: u64) -> Option<usize> {
        let slots = &self.slots;
        self.by_number
            .find(hash(number), |&slot| is_number(slots, slot, number))
            .map(|&slot| slot as usize)
    }

    pub(super) fn slot_of_ticket(&self, client: u64, ticket: u64) -> Option<usize> {
        let slots = &self.slots;
        self.by_ticket
            .find(hash_ticket(client, ticket), |&slot| {
                is_ticket(slots, slot, client, ticket)
            })
            .map(|&slot| slot as usize)
    }

    /// Takes a request out: whoever does completes it.
    pub(super) fn remove(&mut self, slot: usize) -> Pending {
        let mut pending = self.slots.remove(slot);
        self.bytes -= pending.bytes();
        if let Stage::Sent { number, .. } = pending.stage {
            if pending.large_length > 0 {
                self.large_under_way[pending.link] -= pending.large_length;
            }
            self.forget_number(slot, number);
        }
        if let Owner::Client(client, ticket) = &pending.owner
            && let Ok(entry) = self
                .by_ticket
                .find_entry(hash_ticket(client.id, *ticket), |&other| other as usize == slot)
        {
            entry.remove();
        }
        if pending.copy.capacity() <= SPARE_BYTES && self.spare.len() < MOST_SPARE {
            let mut copy = std::mem::take(&mut pending.copy);
            copy.clear();
            self.spare.push(copy);
        }
        pending
    }

    /// Slots of all requests that `which` accepts, in the order of their acceptance.
    pub(super) fn slots(&self, which: impl Fn(&Pending) -> bool) -> Vec<usize> {
        let mut found: Vec<(u64, usize)> = self
            .slots
            .iter()
            .filter(|(_, pending)| which(pending))
            .map(|(slot, pending)| (pending.order, slot))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, slot)| slot).collect()
    }

    pub(super) fn count(&self, which: impl Fn(&Pending) -> bool) -> usize {
        self.slots.iter().filter(|(_, pending)| which(pending)).count()
    }

    pub(super) fn earliest_deadline(&self) -> Option<Instant> {
        self.slots
            .iter()
            .filter_map(|(_, pending)| pending.deadline)
            .min()
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of payloads in pieces whose requests are sent on a connection and not answered.
    pub(super) fn large_under_way(&self, link: usize) -> usize {
        self.large_under_way.get(link).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn forget_number(&mut self, slot: usize, number: u64) {
        if let Ok(entry) = self
            .by_number
            .find_entry(hash(number), |&other| other as usize == slot)
        {
            entry.remove();
        }
    }
}

fn hash(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

fn hash_ticket(client: u64, ticket: u64) -> u64 {
    hash(ticket ^ client.rotate_left(40))
}

fn is_number(slots: &Slab<Pending>, slot: u32, number: u64) -> bool {
    matches!(slots[slot as usize].stage, Stage::Sent { number: own, .. } if own == number)
}

fn is_ticket(slots: &Slab<Pending>, slot: u32, client: u64, ticket: u64) -> bool {
    matches!(&slots[slot as usize].owner, Owner::Client(owner, own) if owner.id == client && *own == ticket)
}

fn number_hash_of(slots: &Slab<Pending>, slot: u32) -> u64 {
    match slots[slot as usize].stage {
        Stage::Sent { number, .. } => hash(number),
        _ => 0,
    }
}

fn ticket_hash_of(slots: &Slab<Pending>, slot: u32) -> u64 {
    match &slots[slot as usize].owner {
        Owner::Client(client, ticket) => hash_ticket(client.id, *ticket),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_sent_again_counts_once() {
        let mut table = Table::default();
        let slot = table.insert(Pending::new(Owner::Store(0), 0, Operation::Put, None));
        let large = Some(Bytes::from(vec![0; 300_000]));
        table.keep(slot, 10, vec![0; 1_000], large);
        let counted = table.bytes();
        assert!(counted > 301_000);
        for _ in 0..3 {
            let (header_length, copy, large) = table.take(slot);
            table.keep(slot, header_length, copy, large);
            assert_eq!(table.bytes(), counted);
        }
        table.remove(slot);
        assert_eq!(table.bytes(), 0);
    }

    #[test]
    fn a_change_that_nobody_could_make_is_not_sent_in_its_last_moment() {
        let now = Instant::now();
        let put = |left: Duration| {
            let mut put = Pending::new(Owner::Map, 0, Operation::Put, Some(now + left));
            put.leaderless = true;
            put
        };
        assert!(put(Duration::from_millis(20)).is_too_late(now));
        assert!(!put(Duration::from_millis(80)).is_too_late(now));
        // What may have been made is asked for until the end; a read may always be asked.
        let mut sent = put(Duration::from_millis(20));
        sent.was_sent = true;
        assert!(!sent.is_too_late(now));
        let mut led = put(Duration::from_millis(20));
        led.leaderless = false;
        assert!(!led.is_too_late(now));
        let mut read = put(Duration::from_millis(20));
        read.operation = Operation::Get;
        assert!(!read.is_too_late(now));
    }
}
