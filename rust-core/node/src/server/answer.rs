//! What a request is answered with. The same on a connection's task and in a job.

use std::sync::Arc;

use holdfast_proto::limits::{check_bounds, check_clock_step, check_key, check_ttl, check_value};
use holdfast_proto::session::{Operation, ReplyHeader, RequestHeader, flags, outcome_reply};
use holdfast_proto::{Code, Error, Outcome, bytes_text, change_refused};
use holdfast_state::{EntryRef, EntryView, StoreSettings};

use super::failure::{Failure, node_error, store_error};
use super::hooks::Identity;
use super::outbound::COPIED;
use super::payload::Payload;
use super::session::Session;
use super::shared::Shared;
use super::{batch, many, stores};
use crate::session::ChangeNumbers;
use crate::store::NodeStore;

/// A reply that is not encoded yet.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) header: ReplyHeader,
    pub(crate) payload: Payload,
}

impl From<ReplyHeader> for Answer {
    fn from(header: ReplyHeader) -> Self {
        Answer {
            header,
            payload: Payload::Empty,
        }
    }
}

impl From<(ReplyHeader, Option<EntryRef>)> for Answer {
    fn from((header, entry): (ReplyHeader, Option<EntryRef>)) -> Self {
        Answer {
            header,
            payload: entry.into(),
        }
    }
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) session: Option<Arc<Session>>,
}

impl Caller {
    /// Whether the request is allowed, and of this epoch.
    #[inline]
    pub(crate) fn check(
        &self,
        operation: Operation,
        store: &NodeStore,
        header: &RequestHeader,
        bytes: usize,
    ) -> Result<(), Error> {
        let options = self.shared.options();
        let (tenant, name) = (store.tenant(), store.own_name());
        options
            .permissions
            .check(&self.identity, tenant, name, operation)?;
        options.quotas.admit(tenant, name, operation, bytes)?;
        self.check_epoch(operation, header)
    }

    /// A change that was first sent under another epoch may have been applied then.
    #[inline]
    pub(crate) fn check_epoch(&self, operation: Operation, header: &RequestHeader) -> Result<(), Error> {
        let epoch = self.shared.node().epoch();
        if header.epoch != 0 && header.epoch != epoch && operation.is_change() {
            return Err(other_epoch(header.epoch, epoch));
        }
        Ok(())
    }

    /// Answers a request that has passed [`Caller::check`].
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn answer(
        &self,
        operation: Operation,
        store: Option<&NodeStore>,
        header: &RequestHeader,
        payload: &[u8],
        dedupe_hits: &mut u64,
    ) -> Result<Answer, Failure> {
        if operation == Operation::Batch
            && let Some(store) = store
        {
            return batch::batch(self, store, header, payload, dedupe_hits);
        }
        if operation == Operation::GetMany
            && let Some(store) = store
        {
            return Ok(self.fits(many::get_many(store, header, payload)?)?);
        }
        let (key, value) = header.key_and_value(payload)?;
        match (operation, store) {
            (Operation::Ping, _) => Ok(self.ping()),
            (Operation::OpenStore, _) => Ok(stores::open(&self.shared, &self.identity, header, key)?.into()),
            (Operation::AdvanceClock, _) => Ok(self.advance_clock(header)?.into()),
            (Operation::ClusterMap, _) => Err(Failure::new(
                Code::Unsupported,
                "this node belongs to no cluster: it has everything itself",
            )),
            (Operation::ClusterAdmin, _) => self.administer_alone(payload),
            (_, Some(store)) => self.in_store(operation, store, header, (key, value), dedupe_hits),
            (_, None) => Err(Failure::new(
                Code::InvalidArgument,
                "this operation needs a store",
            )),
        }
    }

    fn in_store(
        &self,
        operation: Operation,
        store: &NodeStore,
        header: &RequestHeader,
        (key, value): (&[u8], &[u8]),
        dedupe_hits: &mut u64,
    ) -> Result<Answer, Failure> {
        Ok(match operation {
            Operation::Get | Operation::Exists => get(store, operation, header, key)?,
            Operation::Count => many::count(store, &header.range(key, value))?.into(),
            Operation::Clear => many::clear(store, &header.range(key, value))?.into(),
            Operation::Scan => self.fits(many::scan(store, header, &header.range(key, value))?)?,
            Operation::Stats => many::stats(store).into(),
            _ => self
                .change(
                    operation,
                    store,
                    header,
                    header.sequence,
                    (key, value),
                    dedupe_hits,
                )?
                .into(),
        })
    }

    /// The answer of a read if the node has room for it beside what it has in flight.
    fn fits(&self, answer: Answer) -> Result<Answer, Error> {
        let budget = &self.shared.budget;
        let bytes = answer.payload.bytes().len() as u64;
        if bytes <= COPIED as u64 || budget.used().saturating_add(bytes) <= budget.limit() {
            return Ok(answer);
        }
        let message = format!(
            "the node has {} bytes in flight: an answer of {bytes} more does not fit into {}; ask for less at once",
            budget.used(),
            bytes_text(budget.limit())
        );
        Err(Error::new(Code::ResourceExhausted, message))
    }

    /// Checks a change of one key and makes it; a sequence of 0: nobody will repeat it.
    pub(crate) fn change(
        &self,
        operation: Operation,
        store: &NodeStore,
        header: &RequestHeader,
        sequence: u64,
        (key, value): (&[u8], &[u8]),
        dedupe_hits: &mut u64,
    ) -> Result<(ReplyHeader, Option<EntryRef>), Error> {
        check_change(operation, store.settings(), header, key, value)?;
        let Some(change) = header.change(operation, key, value) else {
            let message = format!("{operation:?} is no change of one key");
            return Err(Error::new(Code::InvalidArgument, message));
        };
        let outcome = if sequence == 0 {
            store
                .change(&change)
                .map_err(|failed| store_error(store, failed))?
        } else {
            let numbers = ChangeNumbers {
                sequence,
                first_unacknowledged: header.first_unacknowledged,
            };
            let session = self.session.as_ref().ok_or_else(no_session)?;
            let (outcome, repeated) = session.change_once(store, &change, numbers)?;
            *dedupe_hits += u64::from(repeated);
            outcome
        };
        match outcome {
            holdfast_state::Outcome::Failed(error) => Err(change_refused(store.name(), key, error)),
            outcome => outcome_reply(outcome),
        }
    }

    fn ping(&self) -> Answer {
        let node = self.shared.node();
        Answer {
            header: ReplyHeader {
                number: node.epoch().cast_signed(),
                ..ReplyHeader::default()
            },
            payload: node.name().as_bytes().to_vec().into(),
        }
    }

    fn advance_clock(&self, header: &RequestHeader) -> Result<ReplyHeader, Error> {
        let operation = Operation::AdvanceClock;
        let permissions = self.shared.options().permissions;
        permissions.check(&self.identity, &self.identity.tenant, "", operation)?;
        self.check_epoch(operation, header)?;
        let by_ms = check_clock_step(header.delta)?;
        let node = self.shared.node();
        let now = node.advance_clock(by_ms).map_err(node_error)?.ok_or_else(|| {
            let message = format!(
                "the clock of node '{}' moves by itself; start it with clock=manual to advance it",
                node.name()
            );
            Error::new(Code::ClockNotManual, message)
        })?;
        Ok(ReplyHeader {
            number: now.0,
            ..ReplyHeader::default()
        })
    }
}

#[cold]
fn no_session() -> Error {
    Error::new(
        Code::InvalidArgument,
        "a change with a sequence number needs a session: the Hello named none",
    )
}

#[cold]
fn other_epoch(sent: u64, epoch: u64) -> Error {
    let message = format!(
        "the change was first sent under epoch {sent}, the node is at {epoch}: whether it was applied then is not known"
    );
    Error::new(Code::SessionExpired, message).with_outcome(Outcome::Unknown)
}

/// What a client of this project checks before it sends.
#[inline]
pub(crate) fn check_change(
    operation: Operation,
    settings: &StoreSettings,
    header: &RequestHeader,
    key: &[u8],
    value: &[u8],
) -> Result<(), Error> {
    check_key(key)?;
    if operation == Operation::Put {
        check_value(key, value.len(), settings.max_value)?;
    }
    if operation == Operation::Increment {
        let (minimum, maximum) = (
            header.minimum.unwrap_or(i64::MIN),
            header.maximum.unwrap_or(i64::MAX),
        );
        check_bounds(key, minimum, maximum)?;
    }
    for (what, ms) in [
        ("time to live", header.ttl_ms),
        ("sliding window", header.sliding_ms),
    ] {
        if ms != 0 {
            check_ttl(what, ms.cast_signed())?;
        }
    }
    Ok(())
}

/// What a reader may know of an entry.
#[inline]
pub(crate) fn describe(entry: &EntryView<'_>) -> ReplyHeader {
    ReplyHeader {
        flags: flags::FOUND,
        version: entry.version(),
        ttl_ms: entry.remaining_ms(),
        absolute_unix_ms: entry.absolute_unix_ms(),
        ..ReplyHeader::default()
    }
}

/// Whether a read slides the entry, and whether it gives its value.
#[inline]
pub(crate) fn read_mode(operation: Operation, header: &RequestHeader) -> (bool, bool) {
    let is_get = operation == Operation::Get;
    (
        is_get && !header.has(flags::NO_SLIDE),
        is_get && !header.has(flags::METADATA_ONLY),
    )
}

/// One entry, shared with the state.
pub(crate) fn get(
    store: &NodeStore,
    operation: Operation,
    header: &RequestHeader,
    key: &[u8],
) -> Result<Answer, Error> {
    check_key(key)?;
    let (slide, with_value) = read_mode(operation, header);
    let found = store
        .get(key, slide, |entry| {
            (describe(entry), with_value.then(|| entry.share()))
        })
        .map_err(|failed| store_error(store, failed))?;
    Ok(found.map_or_else(|| ReplyHeader::default().into(), Answer::from))
}
