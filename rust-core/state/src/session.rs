//! Sessions and the outcomes of their changes, so that a retry is applied once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::command::SessionTag;
use crate::error::StateError;
use crate::hash::Slot;
use crate::limits::{SESSION_OUTCOME_BYTES, SESSION_WINDOW};
use crate::mutant::{self, Mutant};
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

/// Room for outcomes that a session keeps when it has none: those of the next requests in flight.
const KEPT_ROOM: usize = 64;

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

/// Recorded outcomes, by ascending sequence number.
pub(crate) type Outcomes = VecDeque<(u64, Recorded)>;

/// One session: the outcomes that it may still ask for, by sequence number. A window, not a
/// maximum: changes of one session may arrive in any order.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) first_unacknowledged: u64,
    /// By ascending sequence number. New ones nearly always come last, and acknowledged ones leave
    /// at the front. A view of the machine shares them until the next change.
    outcomes: Arc<Outcomes>,
    bytes: u64,
    closed: bool,
}

impl Session {
    pub(crate) fn new(first_unacknowledged: u64) -> Session {
        Session {
            first_unacknowledged,
            ..Session::default()
        }
    }

    /// Records an outcome; false when there is one of that number.
    pub(crate) fn insert(&mut self, sequence: u64, recorded: Recorded) -> bool {
        let bytes = recorded.bytes();
        match self.outcomes.back() {
            Some((last, _)) if *last >= sequence => match self.find(sequence) {
                Ok(_) => return false,
                Err(place) => Arc::make_mut(&mut self.outcomes).insert(place, (sequence, recorded)),
            },
            _ => Arc::make_mut(&mut self.outcomes).push_back((sequence, recorded)),
        }
        self.bytes += bytes;
        true
    }

    fn find(&self, sequence: u64) -> Result<usize, usize> {
        match self.outcomes.back() {
            Some((last, _)) if *last >= sequence => {
                self.outcomes.binary_search_by_key(&sequence, |(at, _)| *at)
            }
            _ => Err(self.outcomes.len()),
        }
    }

    /// Frees what the session has seen.
    fn acknowledge(&mut self, first_unacknowledged: u64) {
        if first_unacknowledged <= self.first_unacknowledged {
            return;
        }
        self.first_unacknowledged = first_unacknowledged;
        let seen = |(sequence, _): &(u64, Recorded)| *sequence < first_unacknowledged;
        if !self.outcomes.front().is_some_and(seen) {
            return;
        }
        let outcomes = Arc::make_mut(&mut self.outcomes);
        while let Some((sequence, recorded)) = outcomes.front()
            && *sequence < first_unacknowledged
        {
            self.bytes -= recorded.bytes();
            outcomes.pop_front();
        }
        if outcomes.is_empty() && outcomes.capacity() > KEPT_ROOM {
            outcomes.shrink_to(KEPT_ROOM);
        }
    }

    /// The outcomes as they are now, whatever comes later.
    pub(crate) fn share_outcomes(&self) -> Arc<Outcomes> {
        Arc::clone(&self.outcomes)
    }

    /// Bytes that the outcomes take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn close(&mut self) {
        *self = Session {
            closed: true,
            ..Session::default()
        };
    }

    fn validate(&self, id: u128) -> Result<(), String> {
        let first = self.first_unacknowledged;
        let outside =
            |(sequence, _): &(u64, Recorded)| *sequence < first || sequence - first >= SESSION_WINDOW;
        if self.outcomes.iter().any(outside) {
            return Err(format!("session {id:x} keeps outcomes outside of its window"));
        }
        if !self.outcomes.iter().is_sorted_by(|left, right| left.0 < right.0) {
            return Err(format!("session {id:x} keeps outcomes out of order"));
        }
        let bytes = self
            .outcomes
            .iter()
            .map(|(_, recorded)| recorded.bytes())
            .sum::<u64>();
        if bytes != self.bytes {
            return Err(format!(
                "outcomes of session {id:x} count {} bytes, take {bytes}",
                self.bytes
            ));
        }
        Ok(())
    }
}

/// A session that a group knows, with a lock of its own: changes of different sessions do not wait for each other.
/// Whoever brings many changes of one session holds this instead of looking it up for each.
#[derive(Clone, Debug)]
pub struct SessionHandle(Arc<Mutex<Session>>);

impl SessionHandle {
    fn new(session: Session) -> SessionHandle {
        SessionHandle(Arc::new(Mutex::new(session)))
    }

    /// Looks a change up, and frees the outcomes that its session has seen.
    ///
    /// # Errors
    /// [`StateError::SessionExpired`], [`StateError::OutcomeForgotten`], [`StateError::SessionWindowFull`].
    pub fn arrive(&self, tag: &SessionTag) -> Result<Arrival<'_>, StateError> {
        let mut session = self.0.lock();
        if session.closed {
            return Err(StateError::SessionExpired);
        }
        session.acknowledge(tag.first_unacknowledged);
        if !mutant::active(Mutant::NoDedupe)
            && let Ok(place) = session.find(tag.sequence)
        {
            return Ok(Arrival::Retry(session.outcomes[place].1.outcome.clone()));
        }
        if tag.sequence < session.first_unacknowledged {
            return Err(StateError::OutcomeForgotten {
                sequence: tag.sequence,
            });
        }
        let window_full = tag.sequence - session.first_unacknowledged >= SESSION_WINDOW;
        if window_full || session.bytes >= SESSION_OUTCOME_BYTES {
            return Err(StateError::SessionWindowFull {
                sequence: tag.sequence,
                window: SESSION_WINDOW,
            });
        }
        Ok(Arrival::New(Arrived {
            session,
            sequence: tag.sequence,
        }))
    }
}

/// What dedupe says of a change that arrives.
pub enum Arrival<'a> {
    /// Not seen before: apply and record it.
    New(Arrived<'a>),
    /// Applied before: this was its outcome.
    Retry(Outcome),
}

/// A change that was not seen before. Its session is locked until it is recorded, so that no retry slips in between.
pub struct Arrived<'a> {
    session: MutexGuard<'a, Session>,
    sequence: u64,
}

impl Arrived<'_> {
    /// Keeps the outcome for a retry, unless it only says "not here", which is asked again.
    pub fn record(mut self, slot: Slot, store: StoreId, outcome: &Outcome) {
        if is_final(outcome) {
            let outcome = outcome.clone();
            self.session
                .insert(self.sequence, Recorded { slot, store, outcome });
        }
    }
}

/// Whether a retry must get this outcome again.
fn is_final(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Failed(StateError::WrongSlot { .. } | StateError::StoreNotReady { .. })
    )
}

/// All sessions of a group. Lock order: this, then each session by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<u128, SessionHandle>,
}

impl Sessions {
    pub(crate) fn open(&mut self, session: u128) {
        self.by_id
            .entry(session)
            .or_insert_with(|| SessionHandle::new(Session::default()));
    }

    pub(crate) fn close(&mut self, session: u128) {
        if let Some(session) = self.by_id.remove(&session) {
            session.0.lock().close();
        }
    }

    pub(crate) fn get(&self, session: u128) -> Option<SessionHandle> {
        self.by_id.get(&session).cloned()
    }

    /// All sessions, by id, each with a number that grows with its new changes.
    pub(crate) fn marks(&self) -> Vec<(u128, u64)> {
        let mark = |session: &SessionHandle| {
            let session = session.0.lock();
            let last = session.outcomes.back().map_or(0, |(sequence, _)| *sequence);
            last.max(session.first_unacknowledged)
        };
        self.by_id
            .iter()
            .map(|(id, session)| (*id, mark(session)))
            .collect()
    }

    /// Bytes that outcomes take.
    pub(crate) fn bytes(&self) -> u64 {
        self.by_id.values().map(|session| session.0.lock().bytes).sum()
    }

    /// All sessions, by id, as they stay while the answer is held.
    pub(crate) fn freeze(&self) -> Vec<(u128, MutexGuard<'_, Session>)> {
        self.by_id
            .iter()
            .map(|(id, session)| (*id, session.0.lock()))
            .collect()
    }

    pub(crate) fn insert(&mut self, id: u128, session: Session) {
        self.by_id.insert(id, SessionHandle::new(session));
    }

    /// (session, sequence, outcome) of every outcome of a slot, to be moved with it.
    pub(crate) fn of_slot(&self, slot: Slot) -> Vec<(u128, u64, Outcome)> {
        let frozen = self.freeze();
        let of_session = |(id, session): &(u128, MutexGuard<'_, Session>)| {
            let id = *id;
            let of_slot = session
                .outcomes
                .iter()
                .filter(|(_, recorded)| recorded.slot == slot);
            let found = of_slot.map(move |(sequence, recorded)| (id, *sequence, recorded.outcome.clone()));
            found.collect::<Vec<_>>()
        };
        frozen.iter().flat_map(of_session).collect()
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        self.freeze()
            .iter()
            .try_for_each(|(id, session)| session.validate(*id))
    }
}
