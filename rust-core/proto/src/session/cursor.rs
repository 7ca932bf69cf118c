//! Where a page of a scan ends. Callers hand it back unread; who puts the pages of several groups together reads it.

use bytes::{BufMut, Bytes, BytesMut};
use holdfast_state::{SLOTS, StoreClass};

/// A position between two entries of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanCursor {
    /// Coordination stores are scanned in key order, cache stores by slot, XXH3-64 of the key, and key.
    pub class: StoreClass,
    /// The slot that is scanned, in a cache store; 0 in a coordination store.
    pub slot: u16,
    /// Hash and key of the last entry given; `None` at the beginning of a slot.
    pub after: Option<(u64, Bytes)>,
}

/// First byte of every cursor.
const VERSION: u8 = 1;

fn order(class: StoreClass) -> u8 {
    match class {
        StoreClass::Coordination => 0,
        StoreClass::Cache => 1,
    }
}

impl ScanCursor {
    /// `version, order, slot u16 LE, has position, hash u64 LE, key`.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_slice(&[VERSION, order(self.class)]);
        bytes.put_u16_le(self.slot);
        bytes.put_u8(u8::from(self.after.is_some()));
        if let Some((hash, key)) = &self.after {
            bytes.put_u64_le(*hash);
            bytes.put_slice(key);
        }
        bytes.freeze()
    }

    /// Reads what [`ScanCursor::encode`] wrote; `None`: it did not write this.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, position) = bytes.split_at_checked(5)?;
        let class = match head[..2] {
            [VERSION, 0] => StoreClass::Coordination,
            [VERSION, 1] => StoreClass::Cache,
            _ => return None,
        };
        let slot = u16::from_le_bytes([head[2], head[3]]);
        let after = match (head[4], position.split_first_chunk::<8>()) {
            (0, _) if position.is_empty() => None,
            (1, Some((hash, key))) => Some((u64::from_le_bytes(*hash), Bytes::copy_from_slice(key))),
            _ => return None,
        };
        (slot < SLOTS).then_some(Self { class, slot, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_encoding_and_garbage_is_no_cursor() {
        for class in [StoreClass::Cache, StoreClass::Coordination] {
            for after in [None, Some((7, Bytes::from_static(b"key")))] {
                let cursor = ScanCursor {
                    class,
                    slot: 1023,
                    after,
                };
                let bytes = cursor.encode();
                assert_eq!(ScanCursor::decode(&bytes), Some(cursor));
                assert_eq!(ScanCursor::decode(&bytes[..4]), None);
            }
        }
        assert_eq!(ScanCursor::decode(&[1, 1, 0, 4, 0]), None);
        assert_eq!(ScanCursor::decode(&[1, 1, 0, 0, 1, 9]), None);
        assert_eq!(ScanCursor::decode(&[2, 1, 0, 0, 0]), None);
    }

    /// Cursors outlive the nodes that gave them out.
    #[test]
    fn the_bytes_of_a_cursor_are_the_published_ones() {
        let cursor = ScanCursor {
            class: StoreClass::Cache,
            slot: 0x0102,
            after: Some((0x1122_3344_5566_7788, Bytes::from_static(b"k"))),
        };
        let bytes = [
            1, 1, 2, 1, 1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, b'k',
        ];
        assert_eq!(cursor.encode(), bytes[..]);
    }
}
