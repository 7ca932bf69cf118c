//! Changes: encoded, proposed, answered with what applying them gave.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use holdfast_proto::limits::escape_key;
use holdfast_proto::session::{Operation, ReplyHeader, RequestHeader, flags, outcome_reply};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::ProposeError;
use holdfast_state::{
    Change, Command, EntryRef, GroupCommand, KeyRange, Machine, Outcome, SessionTag, Slot, StateError, Store,
    Victims,
};
use smallvec::SmallVec;

use super::{Away, Here};
use crate::cluster::duties::of_leader;
use crate::cluster::group::Coming;
use crate::server::answer::{Answer, check_change};
use crate::server::failure::Failure;

/// Entries that one step of a clear by prefix or range removes at most.
const CLEAR_STEP: u32 = 1_024;
/// The longest text of a counter.
const LONGEST_NUMBER: usize = 20;

/// A change that is ready to be proposed.
pub(super) struct Ready {
    /// In their order; the last one is the change, the ones before make it possible.
    pub(super) commands: Vec<Bytes>,
    /// What it adds and what goes for it, until it is applied.
    pub(super) coming: Option<Coming>,
}

impl Here<'_> {
    /// Makes a change of one key; a sequence of 0: nobody will repeat it.
    pub(super) async fn change(
        &self,
        operation: Operation,
        header: &RequestHeader,
        sequence: u64,
        key: &[u8],
        value: &[u8],
    ) -> Result<(ReplyHeader, Option<EntryRef>), Away> {
        self.group.raft().hear_majority().await?;
        let (machine, store) = self.state().await?;
        let ready = self
            .prepare(&machine, &store, operation, header, sequence, key, value)
            .await?;
        let Ready { commands, coming } = ready;
        let outcome = self.propose(commands)?.await;
        drop(coming);
        if let Err(ProposeError::NotLeader { .. }) = outcome {
            self.asked.proposed.store(false, Ordering::Relaxed);
        }
        self.reply(key, outcome?.pop())
    }

    pub(super) fn reply(
        &self,
        key: &[u8],
        outcome: Option<Outcome>,
    ) -> Result<(ReplyHeader, Option<EntryRef>), Away> {
        match outcome {
            Some(Outcome::Failed(error)) => Err(self.named(key, error).into()),
            Some(outcome) => Ok(outcome_reply(outcome)?),
            None => Err(Away::Lost),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a request's parts")]
    pub(super) async fn prepare(
        &self,
        machine: &Machine,
        store: &Store,
        operation: Operation,
        header: &RequestHeader,
        sequence: u64,
        key: &[u8],
        value: &[u8],
    ) -> Result<Ready, Away> {
        check_change(operation, &self.asked.store.settings, header, key, value)?;
        let Some(change) = header.change(operation, key, value) else {
            let message = format!("{operation:?} is no change of one key");
            return Err(Error::new(Code::InvalidArgument, message).into());
        };
        let mut commands = Vec::with_capacity(2);
        commands.extend(self.settle_key(machine, store, key).await?);
        let coming = self.make_room(machine, store, &change, &mut commands);
        let session = self.tag(machine, sequence, &mut commands)?;
        let command = Command::InStore {
            store: store.id(),
            slot: Slot(0),
            session,
            change,
        };
        commands.push(command.encode().into());
        Ok(Ready { commands, coming })
    }

    /// Who changes; opens the session in the group when this is its first change there.
    fn tag(
        &self,
        machine: &Machine,
        sequence: u64,
        commands: &mut Vec<Bytes>,
    ) -> Result<Option<SessionTag>, Away> {
        if sequence == 0 {
            return Ok(None);
        }
        let session = self.asked.session.ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                "a change with a sequence number needs a session: the Hello named none",
            )
        })?;
        let opens = machine.session(session).is_none() || self.group.is_ending(session);
        if opens && !self.asked.header.has(flags::RETRY) {
            commands.push(
                Command::Group(GroupCommand::OpenSession { session })
                    .encode()
                    .into(),
            );
        }
        Ok(Some(SessionTag {
            session,
            sequence,
            first_unacknowledged: self.asked.header.first_unacknowledged,
        }))
    }

    /// Entries that go for what a change adds to a store that evicts, as its leader chooses them.
    fn make_room(
        &self,
        machine: &Machine,
        store: &Store,
        change: &Change<'_>,
        commands: &mut Vec<Bytes>,
    ) -> Option<Coming> {
        if !store.settings().evicts() {
            return None;
        }
        let needed = match change {
            Change::Put { key, value, .. } => store.charge_of(key.len(), value.len()),
            Change::Increment { key, .. } => store.charge_of(key.len(), LONGEST_NUMBER),
            Change::SetExpiry { .. } => store.charge_of(0, 0),
            _ => return None,
        };
        let mut coming = self.group.coming(store.id(), needed);
        let over = coming.over(store);
        if over > 0 {
            let mut victims: SmallVec<[EntryRef; 8]> = SmallVec::new();
            machine.victims(store, over, &mut victims);
            if !victims.is_empty() {
                coming.goes(
                    victims
                        .iter()
                        .map(|victim| store.charge_of(victim.key().len(), victim.value().len()))
                        .sum(),
                );
                let victims = Victims::from(&victims[..]);
                commands.push(of_leader(store.id(), Change::Evict { victims }));
            }
        }
        Some(coming)
    }

    /// Removes a range of the group's part of the store, step by step.
    pub(super) async fn clear(&self) -> Result<Answer, Away> {
        let asked = self.asked;
        let (key, end) = asked.header.key_and_value(&asked.payload)?;
        let range = asked.header.range(key, end);
        self.group.raft().hear_majority().await?;
        let (machine, store) = self.state().await?;
        self.present(&machine, &store).await?;
        let through = machine.revision();
        let (mut removed, mut version, mut slot) = (0, 0, Slot(0));
        let mut begun = false;
        loop {
            let command = self.clear_step(range, through, slot);
            let outcome = match self.propose(vec![command]) {
                Ok(proposed) => proposed.await.map_err(Away::from),
                Err(away) => Err(away),
            };
            let outcome = match outcome {
                Ok(mut outcomes) => outcomes.pop(),
                Err(Away::Elsewhere(leader)) if !begun => {
                    asked.proposed.store(false, Ordering::Relaxed);
                    return Err(Away::Elsewhere(leader));
                }
                // Begun anew, it would remove what others have put meanwhile.
                Err(away) if begun => return Err(self.cleared_in_part(away).into()),
                Err(away) => return Err(away),
            };
            begun = true;
            match outcome.ok_or(Away::Lost)? {
                Outcome::Removed {
                    count,
                    more,
                    next,
                    version: at,
                } => {
                    removed += count;
                    version = at.max(version);
                    slot = next;
                    if !more {
                        break;
                    }
                }
                Outcome::Failed(error) => return Err(Error::from(error).into()),
                other => return Err(Error::new(Code::Internal, format!("{other:?}")).into()),
            }
        }
        let number = i64::try_from(removed).unwrap_or(i64::MAX);
        Ok(ReplyHeader {
            number,
            version,
            ..ReplyHeader::default()
        }
        .into())
    }

    #[cold]
    fn cleared_in_part(&self, away: Away) -> Error {
        let reason = match away {
            Away::Failed(Failure::Refused(error)) => error.message,
            _ => "the group's leader changed".to_owned(),
        };
        let store = &self.asked.store.name;
        let message =
            format!("store '{store}': a part of the range was removed, and perhaps all of it: {reason}");
        Error::new(Code::Unavailable, message).with_outcome(holdfast_proto::Outcome::Unknown)
    }

    fn clear_step(&self, range: KeyRange<'_>, through: i64, slot: Slot) -> Bytes {
        let command = Command::InStore {
            store: self.asked.store.id,
            slot,
            session: None,
            change: Change::Clear {
                range,
                through,
                limit: CLEAR_STEP,
            },
        };
        command.encode().into()
    }

    /// The error of a change, saying of which key and store it is.
    #[cold]
    fn named(&self, key: &[u8], error: StateError) -> Error {
        let forgotten = self.asked.header.has(flags::RETRY) && error == StateError::SessionExpired;
        let mut error = Error::from(error);
        if forgotten {
            // Its first sending may have been made, and the record of it is gone with the session.
            error = error.with_outcome(holdfast_proto::Outcome::Unknown);
        }
        let (key, store) = (escape_key(key), &self.asked.store.name);
        error.message = format!("key '{key}' of store '{store}': {}", error.message);
        error
    }
}
