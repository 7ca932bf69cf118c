//! From what became of requests on servers to replies, and on to the caller.

use std::collections::HashMap;

use holdfast_client::remote::{Completed, Reply, Sink, StateChange};
use holdfast_proto::session::{FrameError, ItemReader, ReplyHeader, StoreDescription, StoreStats, flags};
use holdfast_proto::{Code, Error, Outcome};
use parking_lot::Mutex;

use crate::abi::*;
use crate::cluster;
use crate::delivery::Delivery;
use crate::replies::{self, ItemsBuilder, bit, failure_flags, ttl_of};

/// Takes the completions of one client. Replies point into what the connection shows, or into memory that
/// lives as long as the callback: nothing has to be released, and a batch is one callback.
pub(crate) struct Returns {
    delivery: Delivery,
    /// What answers of a special kind are expected as, by ticket.
    expected: Mutex<HashMap<u64, Expected>>,
}

/// An answer that means something else in the ABI than on the wire.
#[derive(Clone, Copy)]
enum Expected {
    /// Of a `Connect`, for this store.
    Store(u32),
    /// Of a `ClusterAdmin`.
    Cluster,
}

/// Memory that replies of a batch point to.
#[derive(Default)]
struct Laid {
    words: Vec<Box<[u64]>>,
}

impl Laid {
    /// A reply whose data is this text, kept until the batch is delivered.
    fn text(&mut self, ticket: u64, text: &str) -> HfReply {
        let mut words = vec![0_u64; text.len().div_ceil(size_of::<u64>())].into_boxed_slice();
        for (word, bytes) in words.iter_mut().zip(text.as_bytes().chunks(size_of::<u64>())) {
            let mut whole = [0; size_of::<u64>()];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(whole);
        }
        let reply = HfReply {
            data: words.as_ptr().cast(),
            data_length: text.len() as u64,
            ..replies::empty(ticket)
        };
        self.words.push(words);
        reply
    }
}

impl Returns {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            expected: Mutex::default(),
        }
    }

    /// `ticket` is about to ask for a store.
    pub(super) fn expect_store(&self, ticket: u64, store: u32) {
        self.expected.lock().insert(ticket, Expected::Store(store));
    }

    /// `ticket` is about to ask about the cluster.
    pub(super) fn expect_cluster(&self, ticket: u64) {
        self.expected.lock().insert(ticket, Expected::Cluster);
    }

    /// It was not sent.
    pub(super) fn expect_nothing(&self, ticket: u64) {
        self.expected.lock().remove(&ticket);
    }

    /// What a batch's answers are expected as: nearly always nothing special.
    fn expected(&self, batch: &[Completed<'_>]) -> HashMap<u64, Expected> {
        let mut expected = self.expected.lock();
        if expected.is_empty() {
            return HashMap::new();
        }
        batch
            .iter()
            .filter_map(|completed| expected.remove_entry(&completed.ticket))
            .collect()
    }
}

impl Sink for Returns {
    fn completed(&self, batch: &mut Vec<Completed<'_>>) {
        let expected = self.expected(batch);
        let mut laid = Laid::default();
        let replies: Vec<HfReply> = batch
            .iter()
            .map(|completed| replies::contained(completed.ticket, || reply(completed, &expected, &mut laid)))
            .collect();
        self.delivery.deliver(&replies);
    }

    fn state_changed(&self, change: &StateChange) {
        let text = format!("{}\n{}\n{}", change.address, change.node, change.reason);
        let reply = HfReply {
            status: HfStatus::State as u32,
            flags: bit(change.epoch_changed, HF_REPLY_EPOCH_CHANGED),
            number: i64::from(change.state as u32),
            version: change.epoch.cast_signed(),
            ..shown(replies::empty(0), text.as_bytes())
        };
        self.delivery.deliver(&[reply]);
    }

    fn closed(&self) {
        self.delivery.deliver(&[replies::closed(0)]);
    }
}

/// A reply whose data lies where it is.
fn shown(reply: HfReply, data: &[u8]) -> HfReply {
    if data.is_empty() {
        return reply;
    }
    HfReply {
        data: data.as_ptr(),
        data_length: data.len() as u64,
        ..reply
    }
}

fn reply(completed: &Completed<'_>, expected: &HashMap<u64, Expected>, laid: &mut Laid) -> HfReply {
    let ticket = completed.ticket;
    let reply = match &completed.result {
        Ok(answer) => match answered(ticket, answer, expected, laid) {
            Ok(reply) => reply,
            Err(unreadable) => {
                let message = format!("the node's answer cannot be read: {unreadable}");
                replies::failure(ticket, &Error::new(Code::Internal, message))
            }
        },
        Err(error) if error.code == Code::Closed => replies::closed(ticket),
        Err(error) => {
            let status = match error.code {
                Code::Cancelled => HfStatus::Cancelled,
                _ => HfStatus::Error,
            };
            HfReply {
                status: status as u32,
                code: error.code.number(),
                flags: failure_flags(Some(error.code), error.outcome == Outcome::Unknown),
                ..shown(replies::empty(ticket), error.message.as_bytes())
            }
        }
    };
    HfReply {
        retries: completed.retries,
        server: completed.server,
        ..reply
    }
}

fn answered(
    ticket: u64,
    answer: &Reply<'_>,
    expected: &HashMap<u64, Expected>,
    laid: &mut Laid,
) -> Result<HfReply, FrameError> {
    let header = &answer.header;
    if let Some(store) = &header.store {
        return Ok(connected(ticket, store, expected));
    }
    if let Some(stats) = &header.stats {
        return Ok(counted(ticket, stats, laid));
    }
    if let Some(Expected::Cluster) = expected.get(&ticket) {
        return Ok(match cluster::reply(&answer.payload) {
            Ok(reply) => laid.text(ticket, &cluster::lines(&reply)),
            Err(error) => replies::failure(ticket, &error),
        });
    }
    let mut reply = HfReply {
        flags: header.flags & (HF_REPLY_FOUND | HF_REPLY_APPLIED),
        version: header.version,
        number: header.number,
        previous: header.previous,
        ttl_ms: ttl_of(header.ttl_ms),
        absolute_unix_ms: header.absolute_unix_ms.unwrap_or(0),
        ..replies::empty(ticket)
    };
    if header.items == 0 && header.cursor.is_empty() {
        return Ok(shown(reply, &answer.payload));
    }
    let items = items_of(header, &answer.payload)?;
    laid.words.push(items.lay_out(&mut reply));
    Ok(reply)
}

fn connected(ticket: u64, store: &StoreDescription, expected: &HashMap<u64, Expected>) -> HfReply {
    HfReply {
        number: match expected.get(&ticket) {
            Some(Expected::Store(store)) => i64::from(*store),
            _ => 0,
        },
        // The numbers of classes are the ABI's.
        previous: i64::from(store.class),
        absolute_unix_ms: i64::from(store.max_value),
        ..shown(replies::empty(ticket), store.name.as_bytes())
    }
}

fn counted(ticket: u64, stats: &StoreStats, laid: &mut Laid) -> HfReply {
    // In the order of HfStats' fields.
    let words = [
        stats.hits,
        stats.misses,
        stats.evictions,
        stats.expirations,
        stats.entries,
        stats.bytes,
        stats.max_memory,
        stats.changes,
    ];
    let words: Box<[u64]> = words.into();
    let reply = HfReply {
        data: words.as_ptr().cast(),
        data_length: size_of_val(&*words) as u64,
        ..replies::empty(ticket)
    };
    laid.words.push(words);
    reply
}

fn items_of(header: &ReplyHeader, payload: &[u8]) -> Result<ItemsBuilder, FrameError> {
    // An item takes at least a byte: nothing is made room for that is not there.
    let announced = (header.items as usize).min(payload.len());
    let mut items = ItemsBuilder::with_capacity(announced + 1);
    let mut reader = ItemReader::new(payload);
    while let Some((item, key, value)) = reader.next::<ReplyHeader>()? {
        let value = if item.code == 0 {
            value
        } else {
            item.message.as_bytes()
        };
        items.push(item_of(&item), key, value);
    }
    if !header.cursor.is_empty() {
        let end = HfItem {
            status: HfStatus::Cursor as u32,
            ..replies::empty_item()
        };
        items.push(end, &header.cursor, &[]);
    }
    Ok(items)
}

fn item_of(item: &ReplyHeader) -> HfItem {
    let described = HfItem {
        flags: item.flags & (HF_REPLY_FOUND | HF_REPLY_APPLIED),
        version: item.version,
        number: item.number,
        previous: item.previous,
        ttl_ms: ttl_of(item.ttl_ms),
        absolute_unix_ms: item.absolute_unix_ms.unwrap_or(0),
        ..replies::empty_item()
    };
    if item.code == 0 {
        return described;
    }
    let outcome_unknown = item.flags & flags::OUTCOME_UNKNOWN != 0;
    HfItem {
        status: HfStatus::Error as u32,
        code: item.code,
        flags: failure_flags(Code::from_number(item.code), outcome_unknown),
        ..described
    }
}
