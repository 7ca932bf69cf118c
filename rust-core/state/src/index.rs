//! The entries of a coordination store in key order.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::command::KeyRange;
use crate::entry::EntryRef;

/// Points at the entries themselves: the order costs no copy of a key.
#[derive(Default)]
pub(crate) struct OrderedIndex {
    entries: BTreeSet<ByKey>,
}

impl OrderedIndex {
    /// Puts an entry in, in the place of an older one of its key.
    pub(crate) fn insert(&mut self, entry: EntryRef) {
        self.entries.replace(ByKey(entry));
    }

    pub(crate) fn remove(&mut self, key: &[u8]) {
        self.entries.remove(key);
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&EntryRef> {
        self.entries.get(key).map(|by_key| &by_key.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Entries of a range, from behind `after` on.
    pub(crate) fn range<'a>(
        &'a self,
        range: &KeyRange<'a>,
        after: Option<&'a [u8]>,
        descending: bool,
    ) -> Box<dyn Iterator<Item = &'a EntryRef> + 'a> {
        let (first, end) = range_bounds(range);
        let (mut low, mut high) = (
            Bound::Included(first),
            end.as_deref().map_or(Bound::Unbounded, Bound::Excluded),
        );
        match after {
            Some(key) if descending && end.as_deref().is_none_or(|end| key < end) => {
                high = Bound::Excluded(key);
            }
            Some(key) if !descending && key >= first => low = Bound::Excluded(key),
            _ => {}
        }
        if is_empty(low, high) {
            return Box::new(std::iter::empty());
        }
        let entries = self.entries.range::<[u8], _>((low, high));
        let entries = entries.map(|by_key| &by_key.0);
        if descending {
            Box::new(entries.rev())
        } else {
            Box::new(entries)
        }
    }
}

/// First key and end (exclusive) of a range.
fn range_bounds<'a>(range: &KeyRange<'a>) -> (&'a [u8], Option<Vec<u8>>) {
    match *range {
        KeyRange::All => (b"", None),
        KeyRange::Range { first, end } => (first, end.map(<[u8]>::to_vec)),
        KeyRange::Prefix(prefix) => {
            let mut end = prefix.to_vec();
            while end.last() == Some(&u8::MAX) {
                end.pop();
            }
            match end.last_mut() {
                Some(last) => {
                    *last += 1;
                    (prefix, Some(end))
                }
                None => (prefix, None),
            }
        }
    }
}

/// `BTreeSet::range` panics on a range that ends before it begins.
fn is_empty(low: Bound<&[u8]>, high: Bound<&[u8]>) -> bool {
    match (low, high) {
        (_, Bound::Unbounded) | (Bound::Unbounded, _) => false,
        (Bound::Included(low), Bound::Excluded(high)) => low >= high,
        (Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high)) => low > high,
    }
}

/// An entry that is compared by its key.
pub(crate) struct ByKey(pub(crate) EntryRef);

impl Borrow<[u8]> for ByKey {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &ByKey) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &ByKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByKey {
    fn cmp(&self, other: &ByKey) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}
