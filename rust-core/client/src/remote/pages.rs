//! A page of a scan over all groups of a cache store, out of a page of each.

use bytes::Bytes;
use holdfast_proto::session::{ItemReader, ReplyHeader, ScanCursor, push_item};
use holdfast_proto::{Code, Error};
use holdfast_state::{KeyHash, StoreClass, StoreId};

use super::join::Answered;

/// What a scan asked for, as far as putting pages together goes.
pub(super) struct Pages {
    pub(super) store: StoreId,
    pub(super) hash_tags: bool,
    pub(super) descending: bool,
    /// Most entries of the page.
    pub(super) most: usize,
}

/// Where an entry is in the order of the scan.
type Place<'a> = (u16, u64, &'a [u8]);

struct Entry<'a> {
    place: Place<'a>,
    header: ReplyHeader,
    value: &'a [u8],
}

impl Pages {
    /// Puts the pages together. Beyond the place where one group's page ends nothing is certain: there the whole page
    /// ends too, and what other groups gave from there on comes again.
    pub(super) fn merge(&self, pages: Vec<(ReplyHeader, Vec<u8>)>) -> Answered {
        let mut entries = Vec::new();
        let mut end: Option<ScanCursor> = None;
        for (header, payload) in &pages {
            self.read(payload, &mut entries)?;
            if header.cursor.is_empty() {
                continue;
            }
            let cursor = ScanCursor::decode(&header.cursor)
                .filter(|cursor| cursor.class == StoreClass::Cache)
                .ok_or_else(|| Error::new(Code::Internal, "a node's cursor cannot be read"))?;
            if end.as_ref().is_none_or(|end| self.is_before(&cursor, end)) {
                end = Some(cursor);
            }
        }
        if self.descending {
            entries.sort_unstable_by(|one, other| other.place.cmp(&one.place));
        } else {
            entries.sort_unstable_by(|one, other| one.place.cmp(&other.place));
        }
        if let Some(end) = &end {
            let within = entries.partition_point(|entry| self.is_within(entry.place, end));
            entries.truncate(within);
        }
        if entries.len() > self.most {
            entries.truncate(self.most);
            end = entries.last().map(|last| ScanCursor {
                class: StoreClass::Cache,
                slot: last.place.0,
                after: Some((last.place.1, Bytes::copy_from_slice(last.place.2))),
            });
        }
        let mut payload = Vec::new();
        for Entry { place, header, value } in &entries {
            push_item(&mut payload, header, place.2, value);
        }
        let header = ReplyHeader {
            items: entries.len() as u32,
            cursor: end.map_or_else(Bytes::new, |end| end.encode()),
            ..ReplyHeader::default()
        };
        Ok((header, payload))
    }

    fn read<'a>(&self, payload: &'a [u8], entries: &mut Vec<Entry<'a>>) -> Result<(), Error> {
        let mut reader = ItemReader::new(payload);
        loop {
            let item = reader.next::<ReplyHeader>().map_err(|error| {
                Error::new(Code::Internal, format!("a node's page cannot be read: {error}"))
            })?;
            let Some((header, key, value)) = item else {
                return Ok(());
            };
            let KeyHash { slot, hash } = KeyHash::of(self.store, self.hash_tags, key);
            entries.push(Entry {
                place: (slot.0, hash, key),
                header,
                value,
            });
        }
    }

    /// Whether an entry comes no later than where a page ended.
    fn is_within(&self, place: Place<'_>, end: &ScanCursor) -> bool {
        let in_slot = || match &end.after {
            None => false,
            Some((hash, key)) => {
                let end = (*hash, &key[..]);
                if self.descending {
                    (place.1, place.2) >= end
                } else {
                    (place.1, place.2) <= end
                }
            }
        };
        match place.0.cmp(&end.slot) {
            std::cmp::Ordering::Equal => in_slot(),
            order => (order == std::cmp::Ordering::Less) != self.descending,
        }
    }

    fn is_before(&self, one: &ScanCursor, other: &ScanCursor) -> bool {
        // No position is the beginning of a slot, on either way.
        let by_position = match (&one.after, &other.after) {
            (None, _) => std::cmp::Ordering::Less,
            (_, None) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) if self.descending => other.cmp(one),
            (Some(one), Some(other)) => one.cmp(other),
        };
        let by_slot = if self.descending {
            other.slot.cmp(&one.slot)
        } else {
            one.slot.cmp(&other.slot)
        };
        by_slot.then(by_position) == std::cmp::Ordering::Less
    }
}
