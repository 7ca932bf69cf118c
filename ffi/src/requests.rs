//! Reads requests as they come over the boundary. Nothing is believed that is not checked here, but the
//! pointers themselves.

use std::time::Duration;

use holdfast_client::limits::check_clock_step;
use holdfast_client::remote::Reads;
use holdfast_client::store::GivenExpiry;
use holdfast_proto::session::flags;
use holdfast_proto::{Code, Error};
use holdfast_state::{Condition, KeyRange};

use crate::abi::{HF_REQUEST_LENIENT_EXPIRY, HfFreshness, HfOp, HfRequest};

/// The bytes at an address; null or length 0 is empty.
///
/// # Safety
/// `address` is null or readable for `length` bytes for as long as the result lives.
pub(crate) unsafe fn bytes<'a>(address: *const u8, length: u32) -> &'a [u8] {
    if address.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: the caller promises it.
    unsafe { std::slice::from_raw_parts(address, length as usize) }
}

/// A request whose pointers are readable, as its operands.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) raw: &'a HfRequest,
}

impl<'a> Request<'a> {
    /// # Safety
    /// Every pointer in `raw` is readable (`room`: writable) for its length or null.
    pub(crate) unsafe fn new(raw: &'a HfRequest) -> Self {
        Self { raw }
    }

    pub(crate) fn has(&self, flag: u32) -> bool {
        self.raw.flags & flag != 0
    }

    pub(crate) fn key(&self) -> &'a [u8] {
        // SAFETY: `new`'s caller promised it.
        unsafe { bytes(self.raw.key, self.raw.key_length) }
    }

    /// The payload as bytes: a value, settings, or the end of a range.
    pub(crate) fn payload(&self) -> &'a [u8] {
        // SAFETY: `new`'s caller promised it.
        unsafe { bytes(self.raw.payload, self.raw.payload_length) }
    }

    pub(crate) fn cursor(&self) -> &'a [u8] {
        // SAFETY: `new`'s caller promised it.
        unsafe { bytes(self.raw.cursor, self.raw.cursor_length) }
    }

    /// The payload as further requests.
    pub(crate) fn items(&self) -> Result<&'a [HfRequest], Error> {
        let start = self.raw.payload.cast::<HfRequest>();
        if start.is_null() || self.raw.payload_length == 0 {
            return Ok(&[]);
        }
        if !start.is_aligned() {
            return Err(Error::new(
                Code::InvalidArgument,
                "the items of a batch are not aligned",
            ));
        }
        // SAFETY: `new`'s caller promised that many requests; the alignment is checked above.
        Ok(unsafe { std::slice::from_raw_parts(start, self.raw.payload_length as usize) })
    }

    pub(crate) fn condition(&self) -> Condition {
        flags::condition(self.raw.flags, self.raw.version)
    }

    pub(crate) fn expiry(&self) -> GivenExpiry {
        GivenExpiry {
            ttl_ms: self.raw.ttl_ms,
            sliding_ms: self.raw.sliding_ms,
            absolute_unix_ms: self.raw.absolute_unix_ms,
            lenient: self.has(HF_REQUEST_LENIENT_EXPIRY),
        }
    }

    /// The milliseconds of `AdvanceClock`.
    pub(crate) fn clock_step(&self) -> Result<u64, Error> {
        check_clock_step(self.raw.delta)
    }

    pub(crate) fn range(&self) -> KeyRange<'a> {
        flags::range(self.raw.flags, self.key(), self.payload())
    }
}

/// Text that crossed the boundary.
///
/// # Errors
/// `InvalidArgument` names `what` is not UTF-8.
pub(crate) fn utf8<'a>(what: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes)
        .map_err(|error| Error::new(Code::InvalidArgument, format!("{what} is not UTF-8: {error}")))
}

/// Bytes of the keys and payloads of a batch.
pub(crate) fn bytes_of(items: &[HfRequest]) -> usize {
    items
        .iter()
        .map(|item| item.key_length as usize + item.payload_length as usize)
        .sum()
}

/// Lets through what can be part of a batch.
///
/// # Errors
/// `InvalidArgument` for any other operation.
pub(crate) fn item_op(op: HfOp) -> Result<HfOp, Error> {
    match op {
        HfOp::Get | HfOp::Exists | HfOp::Put | HfOp::Delete | HfOp::Refresh => Ok(op),
        HfOp::SetExpiry | HfOp::Increment => Ok(op),
        other => {
            let message = format!("{other:?} cannot be part of a batch");
            Err(Error::new(Code::InvalidArgument, message))
        }
    }
}

#[cold]
pub(crate) fn echo_elsewhere() -> Error {
    Error::new(Code::InvalidArgument, "Echo is asked for by hf_echo")
}

/// How fresh a request's reads are to be; none: as the client's are.
pub(crate) fn reads(raw: &HfRequest) -> Result<Option<Reads>, Error> {
    const OF_CLIENT: u32 = HfFreshness::OfClient as u32;
    const LINEARIZABLE: u32 = HfFreshness::Linearizable as u32;
    const BOUNDED: u32 = HfFreshness::Bounded as u32;
    const LOCAL: u32 = HfFreshness::Local as u32;
    match (raw.freshness, raw.max_staleness_ms) {
        (OF_CLIENT, _) => Ok(None),
        (LINEARIZABLE, _) => Ok(Some(Reads::Linearizable)),
        (BOUNDED, ms @ 1..) => Ok(Some(Reads::Bounded(Duration::from_millis(ms.into())))),
        (LOCAL, _) => Ok(Some(Reads::Local)),
        (number, ms) => Err(Error::new(
            Code::InvalidArgument,
            format!("there are no reads of freshness {number} that are at most {ms} ms old"),
        )),
    }
}

/// The operation that a number names.
pub(crate) fn op(number: u32) -> Result<HfOp, Error> {
    // 19 is the wire's: clients ask for the map by themselves.
    if number == HfOp::ClusterAdmin as u32 {
        return Ok(HfOp::ClusterAdmin);
    }
    const OPS: [HfOp; 18] = [
        HfOp::OpenStore,
        HfOp::Get,
        HfOp::Exists,
        HfOp::Put,
        HfOp::Delete,
        HfOp::Refresh,
        HfOp::SetExpiry,
        HfOp::Increment,
        HfOp::GetMany,
        HfOp::Batch,
        HfOp::Count,
        HfOp::Clear,
        HfOp::Scan,
        HfOp::Stats,
        HfOp::AdvanceClock,
        HfOp::Echo,
        HfOp::Ping,
        HfOp::Connect,
    ];
    OPS.get((number as usize).wrapping_sub(1))
        .copied()
        .ok_or_else(|| Error::new(Code::InvalidArgument, format!("there is no operation {number}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_own_number_and_no_other_is() {
        for number in (1..=18).chain([20]) {
            assert_eq!(op(number).map(|op| op as u32), Ok(number));
        }
        assert!(op(0).is_err());
        assert!(op(19).is_err());
        assert!(op(21).is_err());
    }

    #[test]
    fn reads_that_may_be_old_say_how_old_and_what_says_nothing_is_the_clients() {
        let of = |freshness: HfFreshness, ms| {
            // SAFETY: a request of zeroes is a valid one.
            let mut raw: HfRequest = unsafe { std::mem::zeroed() };
            (raw.freshness, raw.max_staleness_ms) = (freshness as u32, ms);
            reads(&raw).map_err(|error| error.code)
        };
        assert_eq!(of(HfFreshness::OfClient, 0), Ok(None));
        assert_eq!(of(HfFreshness::Linearizable, 0), Ok(Some(Reads::Linearizable)));
        let second = Reads::Bounded(Duration::from_secs(1));
        assert_eq!(of(HfFreshness::Bounded, 1_000), Ok(Some(second)));
        assert_eq!(of(HfFreshness::Bounded, 0), Err(Code::InvalidArgument));
        assert_eq!(of(HfFreshness::Local, 0), Ok(Some(Reads::Local)));
        // SAFETY: a request of zeroes is a valid one.
        let mut raw: HfRequest = unsafe { std::mem::zeroed() };
        raw.freshness = 4;
        assert!(reads(&raw).is_err());
    }
}
