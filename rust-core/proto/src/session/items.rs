//! Items of a request or reply of many: each a varint header length, its header, its key, its value.

use prost::Message;

use super::{FrameError, MAX_HEADER, ReplyHeader, RequestHeader};

/// A header that can head an item.
pub trait Item: Message + Default {
    /// Bytes of the key and of the value.
    fn lengths(&self) -> (u32, u32);
}

impl Item for RequestHeader {
    fn lengths(&self) -> (u32, u32) {
        (self.key_length, self.value_length)
    }
}

impl Item for ReplyHeader {
    fn lengths(&self) -> (u32, u32) {
        (self.key_length, self.value_length)
    }
}

/// Appends an item. Its header says the lengths of key and value already.
pub fn push_item<H: Item>(payload: &mut Vec<u8>, header: &H, key: &[u8], value: &[u8]) {
    debug_assert_eq!(header.lengths(), (key.len() as u32, value.len() as u32));
    header
        .encode_length_delimited(payload)
        .expect("a vector grows as needed");
    payload.extend_from_slice(key);
    payload.extend_from_slice(value);
}

/// Reads items one after the other.
#[derive(Clone, Copy, Debug)]
pub struct ItemReader<'a> {
    rest: &'a [u8],
}

impl<'a> ItemReader<'a> {
    /// Over a whole payload.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// The next item: header, key, value. `None` at the end.
    ///
    /// # Errors
    /// [`FrameError::Header`], [`FrameError::BeyondPayload`].
    #[allow(clippy::should_implement_trait, clippy::type_complexity)]
    pub fn next<H: Item>(&mut self) -> Result<Option<(H, &'a [u8], &'a [u8])>, FrameError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let length = prost::decode_length_delimiter(&mut self.rest).map_err(|error| FrameError::Header {
            kind: "item",
            reason: error.to_string(),
        })?;
        if length > MAX_HEADER {
            return Err(FrameError::HeaderTooLong {
                length,
                frame: self.rest.len(),
            });
        }
        let header =
            H::decode(self.take("the header of an item", length)?).map_err(|error| FrameError::Header {
                kind: "item",
                reason: error.to_string(),
            })?;
        let (key, value) = header.lengths();
        let key = self.take("the key of an item", key as usize)?;
        let value = self.take("the value of an item", value as usize)?;
        Ok(Some((header, key, value)))
    }

    fn take(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], FrameError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(FrameError::BeyondPayload {
                what,
                length,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(taken)
    }
}
