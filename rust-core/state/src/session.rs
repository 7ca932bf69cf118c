//! Sessions and the outcomes of their changes, so that a retry is applied once.

use std::collections::BTreeMap;

use crate::command::SessionTag;
use crate::error::StateError;
use crate::hash::Slot;
use crate::limits::SESSION_WINDOW;
use crate::outcome::Outcome;
use crate::settings::StoreId;

/// What is kept of an outcome: little, and the value that it gave back.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) slot: Slot,
    pub(crate) store: StoreId,
    pub(crate) outcome: Outcome,
}

const _: () = assert!(size_of::<Recorded>() <= 64);

impl Recorded {
    fn bytes(&self) -> u64 {
        let kept = match &self.outcome {
            Outcome::Changed {
                previous: Some(entry),
                ..
            } => entry.charge(false),
            _ => 0,
        };
        size_of::<Recorded>() as u64 + kept
    }
}

/// One session: the outcomes that it may still ask for, by sequence number. A window, not a
/// maximum: changes of one session may arrive in any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) first_unacknowledged: u64,
    pub(crate) outcomes: BTreeMap<u64, Recorded>,
}

/// All sessions of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<u128, Session>,
    bytes: u64,
}

/// What dedupe says of a change that arrives.
pub(crate) enum Arrival {
    /// Not seen before: apply and record it.
    New,
    /// Applied before: this was its outcome.
    Retry(Outcome),
}

impl Sessions {
    pub(crate) fn open(&mut self, session: u128) {
        self.by_id.entry(session).or_default();
    }

    pub(crate) fn close(&mut self, session: u128) {
        if let Some(session) = self.by_id.remove(&session) {
            self.bytes -= session.outcomes.values().map(Recorded::bytes).sum::<u64>();
        }
    }

    /// Looks a change up, and frees the outcomes that its session has seen.
    pub(crate) fn arrive(&mut self, tag: &SessionTag) -> Result<Arrival, StateError> {
        let session = self
            .by_id
            .get_mut(&tag.session)
            .ok_or(StateError::SessionExpired)?;
        if tag.first_unacknowledged > session.first_unacknowledged {
            session.first_unacknowledged = tag.first_unacknowledged;
            let kept = session.outcomes.split_off(&tag.first_unacknowledged);
            let freed = std::mem::replace(&mut session.outcomes, kept);
            self.bytes -= freed.values().map(Recorded::bytes).sum::<u64>();
        }
        if let Some(recorded) = session.outcomes.get(&tag.sequence) {
            return Ok(Arrival::Retry(recorded.outcome.clone()));
        }
        if tag.sequence < session.first_unacknowledged {
            return Err(StateError::OutcomeForgotten {
                sequence: tag.sequence,
            });
        }
        if tag.sequence - session.first_unacknowledged >= SESSION_WINDOW {
            return Err(StateError::SessionWindowFull {
                sequence: tag.sequence,
                window: SESSION_WINDOW,
            });
        }
        Ok(Arrival::New)
    }

    pub(crate) fn record(&mut self, tag: &SessionTag, slot: Slot, store: StoreId, outcome: &Outcome) {
        let recorded = Recorded {
            slot,
            store,
            outcome: outcome.clone(),
        };
        if let Some(session) = self.by_id.get_mut(&tag.session) {
            self.bytes += recorded.bytes();
            session.outcomes.insert(tag.sequence, recorded);
        }
    }

    /// Bytes that outcomes take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u128, &Session)> {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    pub(crate) fn insert(&mut self, id: u128, session: Session) {
        self.bytes += session.outcomes.values().map(Recorded::bytes).sum::<u64>();
        self.by_id.insert(id, session);
    }

    /// (session, sequence) of every outcome of a slot, to be moved with it.
    pub(crate) fn of_slot(&self, slot: Slot) -> impl Iterator<Item = (u128, u64, &Outcome)> {
        self.by_id.iter().flat_map(move |(id, session)| {
            let of_slot = session.outcomes.iter().filter(move |(_, r)| r.slot == slot);
            of_slot.map(move |(sequence, r)| (*id, *sequence, &r.outcome))
        })
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        let mut bytes = 0;
        for (id, session) in &self.by_id {
            bytes += session.outcomes.values().map(Recorded::bytes).sum::<u64>();
            let first = session.first_unacknowledged;
            if session
                .outcomes
                .keys()
                .any(|s| *s < first || s - first >= SESSION_WINDOW)
            {
                return Err(format!("session {id:x} keeps outcomes outside of its window"));
            }
        }
        if bytes != self.bytes {
            return Err(format!("outcomes count {} bytes, take {bytes}", self.bytes));
        }
        Ok(())
    }
}
