//! Requests on many keys of a cache store in a cluster: one request for each group that has some of them.

use std::collections::BTreeMap;

use holdfast_proto::session::{
    FrameError, ItemReader, Operation, ReplyHeader, RequestHeader, flags, push_item,
};
use holdfast_proto::{Code, Error};
use holdfast_state::StoreId;
use tokio::time::Instant;

use super::core::Core;
use super::join::{Join, Part};
use super::pages::Pages;
use super::pending::{Owner, Pending, Stage};

/// What one group is asked.
struct Share {
    group: u16,
    header: RequestHeader,
    payload: Vec<u8>,
    /// Which of the items these are.
    items: Vec<u32>,
}

impl Core {
    /// The group of all items of a request on many keys, if it is one.
    pub(super) fn only_group(&self, store: u32, operation: Operation, payload: &[&[u8]]) -> Option<u16> {
        if !has_items(operation) {
            return None;
        }
        let items = payload.last()?;
        let mut reader = ItemReader::new(items);
        let mut only = None;
        // What cannot be read is refused where it is split.
        while let Some((_, key, _)) = reader.next::<RequestHeader>().ok()? {
            let group = self.group_of(store, key);
            if only.is_some_and(|only| only != group) {
                return None;
            }
            only = Some(group);
        }
        only
    }

    /// Sends the parts of a request; it completes when they have.
    pub(super) fn split(&mut self, slot: usize, header: &RequestHeader, payload: &[&[u8]], now: Instant) {
        let pending = self.table.get(slot);
        let (store, operation) = (pending.store, pending.operation);
        let (order, deadline) = (pending.order, pending.deadline);
        let shares = if has_items(operation) {
            match self.by_group(store, header, payload.last().copied().unwrap_or_default()) {
                Ok(shares) => shares,
                Err(error) => {
                    let message = format!("the items cannot be read: {error}");
                    self.fail(slot, |_| Error::new(Code::InvalidArgument, message));
                    self.keeper_needed = true;
                    return;
                }
            }
        } else {
            self.by_store(operation, header, &payload.concat())
        };
        let entry = &self.stores[store as usize];
        let pages = (operation == Operation::Scan).then(|| Pages {
            store: StoreId(entry.id.unwrap_or(0)),
            hash_tags: entry.hash_tags,
            descending: header.has(flags::DESCENDING),
            most: page_of(header),
        });
        if shares.is_empty() {
            self.complete(slot, Ok((ReplyHeader::default(), Vec::new())), 0);
            return;
        }
        self.table.keep(slot, 0, Vec::new(), None);
        self.table.set_stage(slot, Stage::Split);
        self.table.get_mut(slot).join = Some(Box::new(Join::new(shares.len(), header.items, pages)));
        for (index, share) in shares.into_iter().enumerate() {
            let owner = Owner::Part(slot, order, index);
            let mut part = Pending::new(owner, store, operation, deadline);
            part.group = Some(share.group);
            let part = self.accept(part, share.header, &[&share.payload], now);
            let part_order = self.table.get(part).order;
            // A part that failed at once has ended the whole.
            let Some(whole) = self.table.live_mut(slot, order) else {
                return;
            };
            if let Some(join) = &mut whole.join {
                join.parts[index] = Part {
                    slot: part,
                    order: part_order,
                    items: share.items,
                    result: join.parts[index].result.take(),
                };
            }
        }
    }

    /// Items by the groups of their keys.
    fn by_group(&self, store: u32, header: &RequestHeader, items: &[u8]) -> Result<Vec<Share>, FrameError> {
        let mut shares: BTreeMap<u16, Share> = BTreeMap::new();
        let mut reader = ItemReader::new(items);
        let mut index = 0;
        while let Some((item, key, value)) = reader.next::<RequestHeader>()? {
            let group = self.group_of(store, key);
            let share = shares.entry(group).or_insert_with(|| Share {
                group,
                header: RequestHeader {
                    group: u32::from(group),
                    items: 0,
                    ..header.clone()
                },
                payload: Vec::new(),
                items: Vec::new(),
            });
            push_item(&mut share.payload, &item, key, value);
            share.header.items += 1;
            share.items.push(index);
            index += 1;
        }
        if index != header.items {
            return Err(FrameError::Header {
                kind: "Request",
                reason: format!("it announces {} items and has {index}", header.items),
            });
        }
        Ok(shares.into_values().collect())
    }

    /// The same question to every group.
    fn by_store(&self, operation: Operation, header: &RequestHeader, payload: &[u8]) -> Vec<Share> {
        let groups = self
            .cluster
            .as_ref()
            .map_or(0..0, |cluster| cluster.cache_groups());
        let count = groups.len() as i64;
        let share = |group| {
            let mut header = RequestHeader {
                group: u32::from(group),
                ..header.clone()
            };
            if operation == Operation::Scan {
                // Slots are spread evenly: together they give about a page.
                let most = page_of(&header) as i64;
                header.maximum = Some(most.min(most / count + most / (4 * count) + SPARE));
            }
            Share {
                group,
                header,
                payload: payload.to_vec(),
                items: Vec::new(),
            }
        };
        groups.map(share).collect()
    }
}

/// Entries of a page when the caller names no number.
const PAGE: i64 = 1_000;
/// Entries that a group is asked for beyond its share of a page.
const SPARE: i64 = 8;

fn page_of(header: &RequestHeader) -> usize {
    let most = header.maximum.filter(|&most| most > 0).unwrap_or(PAGE);
    usize::try_from(most).unwrap_or(usize::MAX)
}

fn has_items(operation: Operation) -> bool {
    matches!(operation, Operation::GetMany | Operation::Batch)
}
