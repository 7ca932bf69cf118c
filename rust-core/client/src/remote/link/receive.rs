//! From frames that arrived to completions.

use std::collections::HashMap;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;

use holdfast_proto::session::{Assembly, Frame, FrameHead, Operation, ReplyHeader, flags};
use holdfast_proto::{Code, Error};
use prost::Message;
use tokio::time::Instant;

use super::own::{map_came, opened, opened_by_caller};
use crate::remote::client::ClientShared;
use crate::remote::core::Core;
use crate::remote::keeper::guarded;
use crate::remote::pending::Owner;
use crate::remote::registry::Shared;
use crate::remote::route::TurnedAway;
use crate::remote::sink::{Completed, Payload, Reply};

/// The replies of one pass, and those that are still coming in pieces.
pub(super) struct Receiver {
    link: usize,
    /// The node is one of a cluster: what it does not serve, another one does.
    clustered: bool,
    /// Somebody else has something to do after a pass.
    notify: bool,
    /// Clients are to be told something, which comes before the answers that it explains.
    tell: bool,
    arrived: Vec<Arrived>,
    taken: Vec<Taken>,
    incoming: HashMap<u64, Incoming>,
    /// Empty; kept for its room.
    batch: Vec<Completed<'static>>,
}

/// A whole reply.
struct Arrived {
    number: u64,
    body: Body,
    /// The node did not execute it.
    turned_away: Option<Box<TurnedAway>>,
}

enum Body {
    /// Header and payload in the read buffer.
    Here(Range<usize>, Range<usize>),
    Assembled(Box<ReplyHeader>, Vec<u8>),
}

/// A reply whose request was taken out of the table.
struct Taken {
    arrived: usize,
    owner: Owner,
    store: u32,
    is_change: bool,
    was_sent: bool,
    retries: u32,
    /// A ping's answer and the epoch.
    pong: Option<(String, u64)>,
    opens: bool,
}

/// A reply in pieces.
struct Incoming {
    header: Box<ReplyHeader>,
    /// `None`: nobody waits for it any more.
    assembly: Option<Assembly>,
    left: u64,
}

/// How a header with a code begins: nodes write fields in their order.
const CODE: u8 = 1 << 3;

/// Payloads in pieces, beside those of requests in flight, that may be on their way for nobody.
const MOST_ABANDONED: usize = 1024;

impl Receiver {
    pub(super) fn new(link: usize, clustered: bool) -> Receiver {
        Receiver {
            link,
            clustered,
            notify: false,
            tell: false,
            arrived: Vec::new(),
            taken: Vec::new(),
            incoming: HashMap::new(),
            batch: Vec::new(),
        }
    }

    /// Takes a reply in; `at`: where its frame begins in the read buffer.
    pub(super) fn reply(
        &mut self,
        shared: &Shared,
        frame: &Frame<'_>,
        at: usize,
        draining: bool,
    ) -> Result<(), String> {
        let number = frame.head.number;
        if frame.has(FrameHead::IN_PIECES) {
            return self.begin(shared, frame);
        }
        let header = at + FrameHead::LENGTH..at + FrameHead::LENGTH + frame.header.len();
        let payload = header.end..header.end + frame.payload.len();
        let turned_away = if draining || (self.clustered && frame.header.first() == Some(&CODE)) {
            let header: ReplyHeader = frame.read().map_err(|error| error.to_string())?;
            turned_away(header, self.clustered)
        } else {
            None
        };
        self.arrived.push(Arrived {
            number,
            body: Body::Here(header, payload),
            turned_away,
        });
        Ok(())
    }

    fn begin(&mut self, shared: &Shared, frame: &Frame<'_>) -> Result<(), String> {
        let number = frame.head.number;
        let header: ReplyHeader = frame.read().map_err(|error| error.to_string())?;
        let length = Assembly::check(header.payload_length).map_err(|error| error.to_string())?;
        let core = shared.core.lock();
        let wanted = core.table.slot_of_number(number).is_some();
        if !wanted {
            check_number(&core, self.link, number)?;
        }
        if !frame.payload.is_empty() {
            return Err(format!(
                "reply {number} has a payload and announces one in pieces"
            ));
        }
        if self.incoming.len() >= core.links[self.link].in_flight + MOST_ABANDONED {
            return Err("more payloads in pieces than there are requests".to_owned());
        }
        drop(core);
        let incoming = Incoming {
            header: Box::new(header),
            assembly: wanted.then(|| Assembly::new(length)),
            left: length as u64,
        };
        match self.incoming.insert(number, incoming) {
            None => Ok(()),
            Some(_) => Err(format!("reply {number} begins a second time")),
        }
    }

    /// Takes a piece in.
    pub(super) fn chunk(&mut self, frame: &Frame<'_>) -> Result<(), String> {
        let number = frame.head.number;
        let Some(incoming) = self.incoming.get_mut(&number) else {
            return Err(format!("a piece of reply {number}, which has not begun"));
        };
        let last = match &mut incoming.assembly {
            Some(assembly) => assembly.push(frame).map_err(|error| error.to_string())?,
            None => {
                let length = frame.payload.len() as u64;
                let last = frame.has(FrameHead::LAST);
                if length == 0 || length > incoming.left || last != (length == incoming.left) {
                    return Err(format!("the pieces of reply {number} are not what it announced"));
                }
                incoming.left -= length;
                last
            }
        };
        if last
            && let Some(incoming) = self.incoming.remove(&number)
            && let Some(assembly) = incoming.assembly
        {
            self.arrived.push(Arrived {
                number,
                body: Body::Assembled(incoming.header, assembly.into_bytes()),
                turned_away: None,
            });
        }
        Ok(())
    }

    /// Completes what arrived; `bytes` is the read buffer that it lies in.
    pub(super) fn deliver(&mut self, shared: &Shared, bytes: &[u8], now: Instant) -> Result<(), String> {
        if self.arrived.is_empty() {
            return Ok(());
        }
        let (server, result) = self.take(&mut shared.core.lock(), now);
        let mut batch = recycle(std::mem::take(&mut self.batch));
        let mut of: Option<Arc<ClientShared>> = None;
        let mut others: Vec<(Arc<ClientShared>, Vec<Completed<'_>>)> = Vec::new();
        for taken in self.taken.drain(..) {
            let arrived = &mut self.arrived[taken.arrived];
            let reply = read(arrived, bytes, &taken);
            let (client, ticket) = match taken.owner {
                Owner::Store(store) => {
                    opened(shared, store, &reply, now);
                    continue;
                }
                Owner::Map => {
                    map_came(shared, &reply, now);
                    self.tell = true;
                    continue;
                }
                Owner::Part(parent, order, index) => {
                    let result = reply.map(|reply| (reply.header, reply.payload.into_vec()));
                    let mut core = shared.core.lock();
                    core.part_done(parent, order, index, result, taken.retries, server);
                    self.notify = true;
                    continue;
                }
                Owner::Client(client, ticket) => (client, ticket),
            };
            if taken.opens {
                opened_by_caller(shared, taken.store, &reply, now);
            }
            let completed = Completed {
                ticket,
                result: reply,
                retries: taken.retries,
                server,
            };
            match &of {
                None => {
                    of = Some(client);
                    batch.push(completed);
                }
                Some(first) if first.id == client.id => batch.push(completed),
                Some(_) => match others.iter_mut().find(|(other, _)| other.id == client.id) {
                    Some((_, batch)) => batch.push(completed),
                    None => others.push((client, vec![completed])),
                },
            }
        }
        let mut panicked = None;
        if std::mem::take(&mut self.tell) {
            panicked = shared.tell();
        }
        if let Some(client) = of {
            panicked = guarded(|| client.sink.completed(&mut batch)).or(panicked);
        }
        for (client, mut batch) in others {
            panicked = guarded(|| client.sink.completed(&mut batch)).or(panicked);
        }
        self.batch = recycle(batch);
        self.arrived.clear();
        if std::mem::take(&mut self.notify) {
            shared.keeper.notify_one();
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
        result
    }

    /// Takes the requests of what arrived out of the table: from here on they complete.
    fn take(&mut self, core: &mut Core, now: Instant) -> (u32, Result<(), String>) {
        let line = &mut core.links[self.link];
        line.lone = self.arrived.len() <= 1;
        line.suspect = false;
        let mut result = Ok(());
        for (index, arrived) in self.arrived.iter().enumerate() {
            let slot = core.table.slot_of_number(arrived.number);
            let Some(slot) = slot.filter(|&slot| core.table.get(slot).link == self.link) else {
                result = result.and_then(|()| check_number(core, self.link, arrived.number));
                continue;
            };
            if let Some(away) = &arrived.turned_away
                && core.turn_back(slot, away, now)
            {
                continue;
            }
            let pending = core.take(slot);
            if pending.sequence.is_some() {
                core.lanes[pending.lane()].confirmed = true;
            }
            let pong = (pending.operation == Operation::Ping).then(|| core.pong(self.link));
            self.taken.push(Taken {
                arrived: index,
                store: pending.store,
                is_change: pending.operation.is_change(),
                was_sent: pending.was_sent,
                retries: pending.retries,
                pong,
                opens: pending.operation == Operation::OpenStore,
                owner: pending.owner,
            });
        }
        if core.held > 0 {
            core.dispatch_held(now);
        }
        if !core.links[self.link].held_large.is_empty() {
            core.dispatch_large(self.link, now);
        }
        self.notify |= core.keeper_needed || core.others_need_waking(self.link);
        self.tell |= !core.events.is_empty();
        (
            core.links[self.link].up.as_ref().map_or(0, |up| up.server),
            result,
        )
    }
}

/// What a node says that did not execute a request, if it says that.
fn turned_away(header: ReplyHeader, clustered: bool) -> Option<Box<TurnedAway>> {
    if header.flags & flags::OUTCOME_UNKNOWN != 0 {
        return None;
    }
    let code = Code::from_number(header.code)?;
    let is_elsewhere = match code {
        Code::Unavailable => true,
        Code::WrongSlot | Code::StoreNotReady => clustered,
        _ => false,
    };
    let redirect = header.redirect;
    is_elsewhere.then(|| Box::new(TurnedAway { code, redirect }))
}

/// A reply to a request that was never sent breaks the protocol; one that nobody waits for any more does not.
fn check_number(core: &Core, link: usize, number: u64) -> Result<(), String> {
    let last = core.last_number;
    let first = core.links[link].up.as_ref().map_or(last, |up| up.first_number);
    if number > first && number <= last {
        return Ok(());
    }
    Err(format!(
        "a reply to request {number}, where {last} was the last one sent"
    ))
}

fn read<'a>(arrived: &mut Arrived, bytes: &'a [u8], taken: &Taken) -> Result<Reply<'a>, Error> {
    let (mut header, mut payload) = match &mut arrived.body {
        Body::Here(header, payload) => {
            let header =
                ReplyHeader::decode(&bytes[header.clone()]).map_err(|error| unreadable(&error, taken))?;
            (header, Payload::Borrowed(&bytes[payload.clone()]))
        }
        Body::Assembled(header, payload) => (
            std::mem::take(header.as_mut()),
            Payload::Owned(std::mem::take(payload)),
        ),
    };
    if let Some(error) = header.error() {
        return Err(of_a_retry(error, taken));
    }
    if let Some((text, epoch)) = &taken.pong {
        header.number = *epoch as i64;
        payload = Payload::Owned(text.clone().into_bytes());
    }
    Ok(Reply { header, payload })
}

/// What stopped a change that was sent before on its way to the session's record says nothing about the first sending, and
/// neither does a group that has forgotten the session.
#[cold]
fn of_a_retry(error: Error, taken: &Taken) -> Error {
    let says_nothing = error.is_transient()
        || matches!(
            error.code,
            Code::Cancelled | Code::Internal | Code::SessionExpired
        );
    if taken.is_change && taken.was_sent && says_nothing {
        return error.with_outcome(holdfast_proto::Outcome::Unknown);
    }
    error
}

#[cold]
fn unreadable(error: &prost::DecodeError, taken: &Taken) -> Error {
    let error = Error::new(
        Code::Internal,
        format!("the node's reply cannot be read: {error}"),
    );
    let outcome = if taken.is_change {
        holdfast_proto::Outcome::Unknown
    } else {
        holdfast_proto::Outcome::NotApplied
    };
    error.with_outcome(outcome)
}

/// The room of a vector for another lifetime: the standard library collects in place.
fn recycle<'b>(mut batch: Vec<Completed<'_>>) -> Vec<Completed<'b>> {
    batch.clear();
    batch.into_iter().map(|_| unreachable!("it is empty")).collect()
}
