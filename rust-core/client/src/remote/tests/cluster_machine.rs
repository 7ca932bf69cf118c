//! What one group of a fake cluster holds, and how often it did what.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use holdfast_proto::session::{
    ItemReader, Operation, ReplyHeader, RequestHeader, ScanCursor, StoreStats, flags, push_item,
};
use holdfast_proto::{Code, Error, Outcome};
use holdfast_state::{KeyHash, StoreClass, StoreId};

use super::fake::Asked;
use super::fake_cluster::PAGES;

pub(super) type Answered = (ReplyHeader, Vec<u8>);

/// Entries, and the outcomes that sessions may ask for again.
#[derive(Default)]
pub(super) struct Machine {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    outcomes: HashMap<(Bytes, u64), Answered>,
    /// Sessions that have changed something here.
    sessions: HashMap<Bytes, u64>,
    pub(super) applied: usize,
}

impl Machine {
    pub(super) fn entries(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
        self.entries
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
    }

    /// It begins again without its past.
    pub(super) fn forget(&mut self) {
        *self = Machine::default();
    }

    /// A change, once for each sequence number.
    pub(super) fn once(
        &mut self,
        session: &Bytes,
        header: &RequestHeader,
        retry: bool,
        asked: &Asked,
    ) -> Result<Answered, Error> {
        let unknown = |what: &str| Error::new(Code::SessionExpired, what).with_outcome(Outcome::Unknown);
        match self.sessions.get_mut(session) {
            None if retry => return Err(unknown("the session is not known here")),
            None => {
                self.sessions.insert(session.clone(), header.first_unacknowledged);
            }
            Some(first) => *first = header.first_unacknowledged.max(*first),
        }
        if header.sequence == 0 {
            return Ok(self.change(asked));
        }
        if let Some(outcome) = self.outcomes.get(&(session.clone(), header.sequence)) {
            return Ok(outcome.clone());
        }
        if header.sequence < self.sessions[session] {
            return Err(unknown("the outcome is forgotten"));
        }
        let outcome = self.change(asked);
        self.outcomes
            .insert((session.clone(), header.sequence), outcome.clone());
        Ok(outcome)
    }

    fn change(&mut self, asked: &Asked) -> Answered {
        let (key, value) = asked.header.key_and_value(&asked.payload).unwrap();
        match asked.operation() {
            Operation::Clear => {
                let number = self.entries.len() as i64;
                self.entries.clear();
                let header = ReplyHeader {
                    number,
                    ..ReplyHeader::default()
                };
                (header, Vec::new())
            }
            Operation::Batch => {
                let (mut payload, mut reader) = (Vec::new(), ItemReader::new(&asked.payload));
                let mut items = 0;
                while let Some((item, key, value)) = reader.next::<RequestHeader>().unwrap() {
                    let operation = Operation::try_from(item.operation).unwrap();
                    let (mut header, value) = if operation.is_change() {
                        (self.apply(operation, key, value), Vec::new())
                    } else {
                        self.get(key)
                    };
                    header.value_length = value.len() as u32;
                    push_item(&mut payload, &header, &[], &value);
                    items += 1;
                }
                (of_items(items), payload)
            }
            operation => (self.apply(operation, key, value), Vec::new()),
        }
    }

    fn apply(&mut self, operation: Operation, key: &[u8], value: &[u8]) -> ReplyHeader {
        self.applied += 1;
        let mut header = ReplyHeader {
            flags: flags::APPLIED,
            version: self.applied as i64,
            ..ReplyHeader::default()
        };
        match operation {
            Operation::Put => {
                self.entries.insert(key.to_vec(), value.to_vec());
            }
            Operation::Delete => {
                self.entries.remove(key);
            }
            Operation::Increment => {
                let entry = self.entries.entry(key.to_vec()).or_default();
                let before: i64 = String::from_utf8_lossy(entry).parse().unwrap_or(0);
                *entry = (before + 1).to_string().into_bytes();
                header.number = before + 1;
            }
            other => panic!("no node of this cluster knows {other:?}"),
        }
        header
    }

    fn get(&self, key: &[u8]) -> Answered {
        match self.entries.get(key) {
            None => Answered::default(),
            Some(value) => {
                let header = ReplyHeader {
                    flags: flags::FOUND,
                    version: 1,
                    ..ReplyHeader::default()
                };
                (header, value.clone())
            }
        }
    }

    pub(super) fn read(&self, asked: &Asked) -> Answered {
        match asked.operation() {
            Operation::Get | Operation::Exists => self.get(asked.key()),
            Operation::GetMany => {
                let (mut payload, mut reader) = (Vec::new(), ItemReader::new(&asked.payload));
                let mut items = 0;
                while let Some((_, key, _)) = reader.next::<RequestHeader>().unwrap() {
                    let (mut header, value) = self.get(key);
                    header.value_length = value.len() as u32;
                    push_item(&mut payload, &header, &[], &value);
                    items += 1;
                }
                (of_items(items), payload)
            }
            Operation::Count => {
                let header = ReplyHeader {
                    number: self.entries.len() as i64,
                    ..ReplyHeader::default()
                };
                (header, Vec::new())
            }
            Operation::Stats => {
                let header = ReplyHeader {
                    stats: Some(StoreStats {
                        entries: self.entries.len() as u64,
                        max_memory: 1 << 30,
                        ..StoreStats::default()
                    }),
                    ..ReplyHeader::default()
                };
                (header, Vec::new())
            }
            Operation::Scan => self.scan(&asked.header),
            other => panic!("no node of this cluster knows {other:?}"),
        }
    }

    fn scan(&self, header: &RequestHeader) -> Answered {
        let descending = header.has(flags::DESCENDING);
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| (place(key), value))
            .collect();
        all.sort();
        if descending {
            all.reverse();
        }
        let from = ScanCursor::decode(&header.cursor).filter(|_| !header.cursor.is_empty());
        let beyond = |at: &(u16, u64, Vec<u8>)| {
            let Some(from) = &from else { return true };
            let Some((hash, key)) = &from.after else {
                return if descending {
                    at.0 <= from.slot
                } else {
                    at.0 >= from.slot
                };
            };
            let from = (from.slot, *hash, key.to_vec());
            if descending { *at < from } else { *at > from }
        };
        let rest: Vec<_> = all.into_iter().filter(|(at, _)| beyond(at)).collect();
        let most = header.maximum.unwrap_or(1_000) as usize;
        let mut payload = Vec::new();
        for (at, value) in rest.iter().take(most) {
            let item = ReplyHeader {
                flags: flags::FOUND,
                key_length: at.2.len() as u32,
                value_length: value.len() as u32,
                ..ReplyHeader::default()
            };
            push_item(&mut payload, &item, &at.2, value);
        }
        let mut header = of_items(rest.len().min(most));
        if rest.len() > most {
            let (slot, hash, key) = rest[most - 1].0.clone();
            let after = Some((hash, Bytes::from(key)));
            let class = StoreClass::Cache;
            header.cursor = ScanCursor { class, slot, after }.encode();
        }
        (header, payload)
    }
}

/// Where a key of the cache store is in the order of a scan.
pub(super) fn place(key: &[u8]) -> (u16, u64, Vec<u8>) {
    let KeyHash { slot, hash } = KeyHash::of(StoreId(PAGES), false, key);
    (slot.0, hash, key.to_vec())
}

fn of_items(items: usize) -> ReplyHeader {
    ReplyHeader {
        items: items as u32,
        ..ReplyHeader::default()
    }
}
