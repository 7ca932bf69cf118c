//! Scans over all groups of a store, page by page.
//!
//! A coordination store streams in key order out of its one group. A cache store streams in the order
//! (slot, XXH3-64 of the key, key): slot after slot, each out of the group that holds it. The order does
//! not depend on where a slot lies, so a cursor stays valid across moves.

use holdfast_state::{Found, KeyRange, Query, SLOTS, ScanPosition, Slot, StoreClass};

use crate::store::{NodeError, NodeStore};

/// What a scan asks for.
#[derive(Clone, Copy, Debug)]
pub struct ScanRequest<'a> {
    /// Which keys.
    pub range: KeyRange<'a>,
    /// Backwards.
    pub descending: bool,
    /// The cursor of the page before; empty at the beginning.
    pub cursor: &'a [u8],
    /// Most entries of the page.
    pub limit: usize,
    /// Most bytes of keys and values of the page; one entry always fits.
    pub byte_limit: usize,
    /// Values do not count.
    pub keys_only: bool,
}

/// One entry of a page.
pub type Scanned = Found;

/// One page.
#[derive(Debug, Default)]
pub struct ScannedPage {
    /// The entries, in scan order.
    pub entries: Vec<Scanned>,
    /// Where the next page begins; `None`: there is none.
    pub cursor: Option<Vec<u8>>,
}

/// Why a scan cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The cursor is not one that a scan of such a store gave.
    #[error("the cursor is not one of a scan of this store")]
    InvalidCursor,
    /// The node's own.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// First byte of every cursor.
const CURSOR_VERSION: u8 = 1;
const IN_KEY_ORDER: u8 = 0;
const IN_SLOT_ORDER: u8 = 1;

/// Where a scan stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor {
    /// The slot that is scanned (cache stores only).
    slot: u16,
    /// The last entry given; `None` at the beginning of a slot.
    after: Option<ScanPosition>,
}

impl Cursor {
    /// `version, order, slot u16 LE, has position, hash u64 LE, key`.
    fn encode(&self, class: StoreClass) -> Vec<u8> {
        let mut bytes = vec![CURSOR_VERSION, order(class)];
        bytes.extend_from_slice(&self.slot.to_le_bytes());
        bytes.push(u8::from(self.after.is_some()));
        if let Some(after) = &self.after {
            bytes.extend_from_slice(&after.hash.to_le_bytes());
            bytes.extend_from_slice(&after.key);
        }
        bytes
    }

    fn decode(bytes: &[u8], class: StoreClass) -> Option<Self> {
        let (head, position) = bytes.split_at_checked(5)?;
        if head[0] != CURSOR_VERSION || head[1] != order(class) {
            return None;
        }
        let slot = u16::from_le_bytes([head[2], head[3]]);
        let after = match (head[4], position.split_first_chunk::<8>()) {
            (0, _) if position.is_empty() => None,
            (1, Some((hash, key))) => Some(ScanPosition {
                hash: u64::from_le_bytes(*hash),
                key: key.into(),
            }),
            _ => return None,
        };
        (slot < SLOTS).then_some(Self { slot, after })
    }
}

fn order(class: StoreClass) -> u8 {
    match class {
        StoreClass::Coordination => IN_KEY_ORDER,
        StoreClass::Cache => IN_SLOT_ORDER,
    }
}

impl NodeStore {
    /// One page of the store's entries.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn scan(&self, request: &ScanRequest<'_>) -> Result<ScannedPage, ScanError> {
        let class = self.settings().class;
        let mut cursor = if request.cursor.is_empty() {
            let slot = if request.descending && class == StoreClass::Cache {
                SLOTS - 1
            } else {
                0
            };
            Cursor { slot, after: None }
        } else {
            Cursor::decode(request.cursor, class).ok_or(ScanError::InvalidCursor)?
        };
        let mut page = ScannedPage::default();
        let mut bytes_left = request.byte_limit;
        loop {
            let slot = Slot(cursor.slot);
            let query = Query::Scan {
                store: self.id(),
                range: request.range,
                descending: request.descending,
                keys_only: request.keys_only,
                slot: (class == StoreClass::Cache).then_some(slot),
                after: cursor.after.as_ref(),
                limit: u32::try_from(request.limit.max(1) - page.entries.len()).unwrap_or(u32::MAX),
                byte_limit: bytes_left as u64,
            };
            let group = if class == StoreClass::Cache {
                self.group_of(slot)
            } else {
                0
            };
            let part = self.page(group, &query)?;
            bytes_left = part.entries.iter().fold(bytes_left, |left, found| {
                let value = if request.keys_only {
                    0
                } else {
                    found.entry.value().len()
                };
                left.saturating_sub(found.entry.key().len() + value)
            });
            page.entries.extend(part.entries);
            cursor.after = part.next;
            if cursor.after.is_none() && !next_slot(&mut cursor, class, request.descending) {
                return Ok(page);
            }
            if page.entries.len() >= request.limit.max(1) || bytes_left == 0 || cursor.after.is_some() {
                page.cursor = Some(cursor.encode(class));
                return Ok(page);
            }
        }
    }
}

/// Moves on to the next slot; false when there is none.
fn next_slot(cursor: &mut Cursor, class: StoreClass, descending: bool) -> bool {
    let next = if descending {
        cursor.slot.checked_sub(1)
    } else {
        Some(cursor.slot + 1)
    };
    match next {
        Some(slot) if class == StoreClass::Cache && slot < SLOTS => {
            cursor.slot = slot;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_encoding_and_garbage_is_no_cursor() {
        let position = ScanPosition {
            hash: 7,
            key: b"key".to_vec().into_boxed_slice(),
        };
        for after in [None, Some(position)] {
            let cursor = Cursor { slot: 1023, after };
            let bytes = cursor.encode(StoreClass::Cache);
            assert_eq!(Cursor::decode(&bytes, StoreClass::Cache), Some(cursor));
            assert_eq!(Cursor::decode(&bytes, StoreClass::Coordination), None);
            assert_eq!(Cursor::decode(&bytes[..4], StoreClass::Cache), None);
        }
        assert_eq!(Cursor::decode(&[1, 1, 0, 4, 0], StoreClass::Cache), None);
        assert_eq!(Cursor::decode(&[1, 1, 0, 0, 1, 9], StoreClass::Cache), None);
    }
}
