//! The answers of the groups that a request was split over, put together.

use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, StoreStats, push_item};
use holdfast_proto::{Code, Error, Outcome};

use super::core::Core;
use super::pages::Pages;
use super::pending::{Owner, Pending, Stage};
use super::sink::{Completed, Payload, Reply};

/// What a group answered: owned, as the others are waited for.
pub(super) type Answered = Result<(ReplyHeader, Vec<u8>), Error>;

/// A group's answer, and which of the whole's items it is about.
type OfItems = ((ReplyHeader, Vec<u8>), Vec<u32>);

/// The parts of a request.
pub(super) struct Join {
    pub(super) parts: Vec<Part>,
    left: usize,
    /// Of the whole.
    items: u32,
    /// A scan's.
    pages: Option<Pages>,
    retries: u32,
    server: u32,
}

/// A part, a request of its own.
#[derive(Default)]
pub(super) struct Part {
    pub(super) slot: usize,
    pub(super) order: u64,
    /// Which of the whole's items its items are.
    pub(super) items: Vec<u32>,
    pub(super) result: Option<Answered>,
}

impl Join {
    pub(super) fn new(parts: usize, items: u32, pages: Option<Pages>) -> Join {
        Join {
            parts: (0..parts).map(|_| Part::default()).collect(),
            left: parts,
            items,
            pages,
            retries: 0,
            server: 0,
        }
    }

    /// The answer to the whole, once all parts have theirs, or one of a read has failed.
    fn whole(&mut self, operation: Operation) -> Answered {
        if operation == Operation::Batch {
            return self.batch();
        }
        let mut answers = Vec::with_capacity(self.parts.len());
        let mut failed: Option<Error> = None;
        let mut some_applied = false;
        for part in &mut self.parts {
            match part.result.take() {
                Some(Ok(answer)) => {
                    some_applied = true;
                    answers.push((answer, std::mem::take(&mut part.items)));
                }
                Some(Err(error)) => failed = Some(worse(failed, error)),
                None => {}
            }
        }
        if let Some(error) = failed {
            let unknown = operation.is_change() && some_applied;
            return Err(if unknown {
                error.with_outcome(Outcome::Unknown)
            } else {
                error
            });
        }
        match operation {
            Operation::GetMany => self.items(answers),
            Operation::Scan => match &self.pages {
                Some(pages) => pages.merge(answers.into_iter().map(|(answer, _)| answer).collect()),
                None => Err(defect("a scan without its page")),
            },
            _ => Ok((sum(answers.iter().map(|((header, _), _)| header)), Vec::new())),
        }
    }

    /// A batch says of each item what became of it, also of those whose group did not answer.
    fn batch(&mut self) -> Answered {
        let mut answers = Vec::with_capacity(self.parts.len());
        let mut failed: Option<Error> = None;
        let mut some = false;
        for part in &mut self.parts {
            let items = std::mem::take(&mut part.items);
            match part.result.take() {
                Some(Ok(answer)) => {
                    some = true;
                    answers.push((answer, items));
                }
                Some(Err(error)) => {
                    let failure = ReplyHeader::failure(&error);
                    let mut payload = Vec::new();
                    for _ in &items {
                        push_item(&mut payload, &failure, &[], &[]);
                    }
                    answers.push(((ReplyHeader::default(), payload), items));
                    failed = Some(worse(failed, error));
                }
                None => {}
            }
        }
        match failed {
            Some(error) if !some => Err(error),
            _ => self.items(answers),
        }
    }

    /// The items of all parts in the order of the whole.
    fn items(&self, answers: Vec<OfItems>) -> Answered {
        let mut places = vec![None; self.items as usize];
        for ((_, payload), items) in &answers {
            let mut reader = ItemReader::new(payload);
            for &item in items {
                let read = reader.next::<ReplyHeader>();
                let Ok(Some((header, _, value))) = read else {
                    return Err(defect("a node answered other items than it was asked for"));
                };
                places[item as usize] = Some((header, value));
            }
        }
        let mut payload = Vec::with_capacity(answers.iter().map(|((_, payload), _)| payload.len()).sum());
        for place in places {
            let Some((header, value)) = place else {
                return Err(defect("an item was not answered"));
            };
            push_item(
                &mut payload,
                &ReplyHeader {
                    key_length: 0,
                    ..header
                },
                &[],
                value,
            );
        }
        let header = ReplyHeader {
            items: self.items,
            ..ReplyHeader::default()
        };
        Ok((header, payload))
    }
}

/// The one that says less of what became of the change, or came first.
fn worse(one: Option<Error>, other: Error) -> Error {
    match one {
        Some(one) if one.outcome == Outcome::Unknown || other.outcome == Outcome::NotApplied => one,
        _ => other,
    }
}

#[cold]
fn defect(what: &str) -> Error {
    Error::new(Code::Internal, what)
}

/// Numbers added, the newest version.
fn sum<'a>(headers: impl Iterator<Item = &'a ReplyHeader>) -> ReplyHeader {
    let mut sum = ReplyHeader::default();
    for header in headers {
        sum.number = sum.number.saturating_add(header.number);
        sum.version = sum.version.max(header.version);
        sum.flags |= header.flags;
        if let Some(stats) = &header.stats {
            add(sum.stats.get_or_insert_default(), stats);
        }
    }
    sum
}

fn add(sum: &mut StoreStats, stats: &StoreStats) {
    // Destructured so that a new counter cannot be left out.
    let StoreStats {
        hits,
        misses,
        evictions,
        expirations,
        entries,
        bytes,
        max_memory,
        changes,
    } = *stats;
    sum.hits += hits;
    sum.misses += misses;
    sum.evictions += evictions;
    sum.expirations += expirations;
    sum.entries += entries;
    sum.bytes += bytes;
    sum.changes += changes;
    // Each says the whole store's.
    sum.max_memory = sum.max_memory.max(max_memory);
}

impl Core {
    /// A part has its answer: the whole completes with the last one, and a read with the first error.
    pub(super) fn part_done(
        &mut self,
        slot: usize,
        order: u64,
        index: usize,
        result: Answered,
        retries: u32,
        server: u32,
    ) {
        let Some(pending) = self.table.live_mut(slot, order) else {
            return;
        };
        let operation = pending.operation;
        let Some(join) = &mut pending.join else { return };
        let failed = result.is_err() && !operation.is_change();
        join.parts[index].result = Some(result);
        join.left -= 1;
        join.retries += retries;
        join.server = server;
        if join.left > 0 && !failed {
            return;
        }
        let whole = join.whole(operation);
        let (retries, server) = (join.retries, join.server);
        self.drop_parts(slot);
        self.table.get_mut(slot).retries = retries;
        self.complete(slot, whole, server);
    }

    /// Completes what was split, through the keeper.
    pub(super) fn complete(&mut self, slot: usize, whole: Answered, server: u32) {
        self.keeper_needed = true;
        let pending = self.take(slot);
        if let Owner::Client(client, ticket) = pending.owner {
            let completed = Completed {
                ticket,
                result: whole.map(|(header, payload)| Reply {
                    header,
                    payload: Payload::Owned(payload),
                }),
                retries: pending.retries,
                server,
            };
            self.finished.push((client, completed));
        }
    }

    /// What was split ends: its parts are no longer waited for. Afterwards it says itself whether some of it may have
    /// been applied.
    pub(super) fn drop_parts(&mut self, slot: usize) {
        let Some(join) = self.table.get_mut(slot).join.take() else {
            return;
        };
        let mut arrived = false;
        for part in join.parts {
            arrived |= match &part.result {
                Some(Ok(_)) => true,
                Some(Err(error)) => error.outcome == Outcome::Unknown,
                None => self.drop_part(part.slot, part.order),
            };
        }
        self.table.get_mut(slot).was_sent |= arrived;
    }

    /// Whether a node may have got all of it.
    fn drop_part(&mut self, slot: usize, order: u64) -> bool {
        if self.table.live(slot, order).is_none() {
            return false;
        }
        let pending: &Pending = self.table.get(slot);
        let arrived = pending.may_have_arrived();
        if let Stage::Sent { number, .. } = pending.stage {
            let link = pending.link;
            self.links[link].push_cancel(number);
        }
        self.take(slot);
        arrived
    }
}
