//! From a request of the ABI to one of the session protocol. Only what an operation reads is sent. Numbers
//! and bits are the same on both sides.

use holdfast_client::limits::{check_batch, check_bounds, check_key};
use holdfast_proto::session::{RequestHeader, push_item};
use holdfast_proto::{Code, Error};
use holdfast_state::Expiry;

use crate::abi::*;
use crate::requests::{self, Request};

/// The bits that mean something to a node: all below the one that is settled here.
const WIRE_FLAGS: u32 = HF_REQUEST_LENIENT_EXPIRY - 1;

/// The header of a request, its key, and its value, end of a range, or items (which are written into
/// `items`).
///
/// # Errors
/// As on a store in this process, but for what only the store knows.
pub(super) fn request<'a>(
    op: HfOp,
    request: &Request<'a>,
    items: &'a mut Vec<u8>,
) -> Result<(RequestHeader, &'a [u8], &'a [u8]), Error> {
    let mut header = header(op, request);
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    match op {
        HfOp::Get | HfOp::Exists | HfOp::Delete | HfOp::Refresh => key = request.key(),
        HfOp::Put => {
            (key, value) = (request.key(), request.payload());
            set_expiry(&mut header, request.expiry().checked()?);
        }
        HfOp::SetExpiry => {
            key = request.key();
            set_expiry(&mut header, request.expiry().checked()?);
        }
        HfOp::Increment => {
            key = request.key();
            check_bounds(key, request.raw.minimum, request.raw.maximum)?;
            set_expiry(&mut header, request.expiry().checked()?);
        }
        HfOp::GetMany => {
            header.items = get_many(request.items()?, items)?;
            value = items;
        }
        HfOp::Batch => {
            header.items = batch(request.items()?, items)?;
            value = items;
        }
        HfOp::Count | HfOp::Clear | HfOp::Scan => {
            if request.has(HF_REQUEST_PREFIX | HF_REQUEST_RANGE) {
                key = request.key();
            }
            if request.has(HF_REQUEST_RANGE) && !request.has(HF_REQUEST_PREFIX) {
                value = request.payload();
            }
        }
        HfOp::AdvanceClock => {
            request.clock_step()?;
        }
        HfOp::Stats | HfOp::Ping => {}
        HfOp::OpenStore | HfOp::Echo | HfOp::Connect | HfOp::ClusterAdmin => {
            let message = "this operation is not one that is sent";
            return Err(Error::new(Code::InvalidArgument, message));
        }
    }
    Ok((header, key, value))
}

/// The operands but for the expiry.
fn header(op: HfOp, request: &Request<'_>) -> RequestHeader {
    let raw = request.raw;
    let mut header = RequestHeader {
        operation: (op as u32).cast_signed(),
        flags: raw.flags & WIRE_FLAGS,
        ..RequestHeader::default()
    };
    if request.has(HF_REQUEST_IF_VERSION) {
        header.version = raw.version;
    }
    match op {
        HfOp::Increment => {
            header.delta = raw.delta;
            header.minimum = (raw.minimum != i64::MIN).then_some(raw.minimum);
            header.maximum = (raw.maximum != i64::MAX).then_some(raw.maximum);
            header.initial = raw.initial;
        }
        HfOp::AdvanceClock => header.delta = raw.delta,
        HfOp::Scan => {
            header.maximum = (raw.maximum != 0).then_some(raw.maximum);
            header.cursor = request.cursor().to_vec().into();
        }
        _ => {}
    }
    header
}

fn set_expiry(header: &mut RequestHeader, expiry: Expiry) {
    header.ttl_ms = expiry.ttl_ms.unwrap_or(0);
    header.sliding_ms = expiry.sliding_ms.unwrap_or(0);
    header.absolute_unix_ms = expiry.absolute_unix_ms;
}

fn get_many(given: &[HfRequest], items: &mut Vec<u8>) -> Result<u32, Error> {
    // SAFETY: the caller of `submit` promised the pointers of all items.
    let keys = || given.iter().map(|item| unsafe { Request::new(item) }.key());
    keys().try_for_each(check_key)?;
    check_batch(keys().map(<[u8]>::len).sum())?;
    for key in keys() {
        let header = RequestHeader {
            key_length: length(key),
            ..RequestHeader::default()
        };
        push_item(items, &header, key, &[]);
    }
    number_of(given)
}

/// What is wrong with one item is said by the node, in that item's answer: the others are done all the same.
fn batch(given: &[HfRequest], items: &mut Vec<u8>) -> Result<u32, Error> {
    check_batch(requests::bytes_of(given))?;
    for item in given {
        // SAFETY: the caller of `submit` promised the pointers of all items.
        let request = unsafe { Request::new(item) };
        // What is no operation, or none of an item, is refused there too.
        let (mut header, key, value): (_, _, &[u8]) = match requests::op(item.op).and_then(requests::item_op)
        {
            Ok(op @ HfOp::Put) => (header(op, &request), request.key(), request.payload()),
            Ok(op) => (header(op, &request), request.key(), &[]),
            Err(_) => {
                let operation = item.op.cast_signed();
                let refused = RequestHeader {
                    operation,
                    ..RequestHeader::default()
                };
                (refused, request.key(), &[])
            }
        };
        if item.op == HfOp::Put as u32
            || item.op == HfOp::SetExpiry as u32
            || item.op == HfOp::Increment as u32
        {
            set_expiry(&mut header, item_expiry(&request));
        }
        header.key_length = length(key);
        header.value_length = length(value);
        push_item(items, &header, key, value);
    }
    number_of(given)
}

/// Times that cannot be are sent as they are: as unsigned numbers they are beyond every limit, so that the
/// node refuses this item alone.
fn item_expiry(request: &Request<'_>) -> Expiry {
    let given = request.expiry();
    given.checked().unwrap_or_else(|_| {
        let part = |ms: i64| (ms != 0).then_some(ms.cast_unsigned());
        Expiry {
            ttl_ms: part(given.ttl_ms),
            sliding_ms: part(given.sliding_ms),
            absolute_unix_ms: None,
        }
    })
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("lengths cross the boundary as 32 bits")
}

fn number_of(items: &[HfRequest]) -> Result<u32, Error> {
    u32::try_from(items.len()).map_err(|_| Error::new(Code::BatchTooLarge, "the batch has too many items"))
}

#[cfg(test)]
mod tests {
    use holdfast_proto::session::{ItemReader, Operation, flags};

    use super::*;

    fn raw(op: HfOp, key: &[u8], payload: &[u8]) -> HfRequest {
        // SAFETY: a request of zeroes is a valid one.
        let mut raw: HfRequest = unsafe { std::mem::zeroed() };
        (raw.ticket, raw.op) = (1, op as u32);
        (raw.key, raw.key_length) = (key.as_ptr(), key.len() as u32);
        (raw.payload, raw.payload_length) = (payload.as_ptr(), payload.len() as u32);
        (raw.minimum, raw.maximum) = (i64::MIN, i64::MAX);
        raw
    }

    fn many(op: HfOp, given: &[HfRequest], items: &mut Vec<u8>) -> Result<RequestHeader, Error> {
        let mut many = raw(op, b"", b"");
        (many.payload, many.payload_length) = (given.as_ptr().cast(), given.len() as u32);
        // SAFETY: all pointers are to live locals.
        let many = unsafe { Request::new(&many) };
        request(op, &many, items).map(|(header, ..)| header)
    }

    #[test]
    fn operations_and_flags_have_the_same_numbers_in_the_abi_and_on_the_wire() {
        for (op, operation) in [
            (HfOp::OpenStore, Operation::OpenStore),
            (HfOp::Get, Operation::Get),
            (HfOp::Exists, Operation::Exists),
            (HfOp::Put, Operation::Put),
            (HfOp::Delete, Operation::Delete),
            (HfOp::Refresh, Operation::Refresh),
            (HfOp::SetExpiry, Operation::SetExpiry),
            (HfOp::Increment, Operation::Increment),
            (HfOp::GetMany, Operation::GetMany),
            (HfOp::Batch, Operation::Batch),
            (HfOp::Count, Operation::Count),
            (HfOp::Clear, Operation::Clear),
            (HfOp::Scan, Operation::Scan),
            (HfOp::Stats, Operation::Stats),
            (HfOp::AdvanceClock, Operation::AdvanceClock),
            (HfOp::Ping, Operation::Ping),
            (HfOp::ClusterAdmin, Operation::ClusterAdmin),
        ] {
            assert_eq!(op as i32, operation as i32, "{op:?}");
            assert_eq!(format!("{op:?}"), format!("{operation:?}"));
        }
        // The ABI's own are none of the wire's.
        for op in [HfOp::Echo, HfOp::Connect] {
            assert!(Operation::try_from(op as i32).is_err(), "{op:?}");
        }
        for (abi, wire) in [
            (HF_REQUEST_IF_ABSENT, flags::IF_ABSENT),
            (HF_REQUEST_IF_PRESENT, flags::IF_PRESENT),
            (HF_REQUEST_IF_VERSION, flags::IF_VERSION),
            (HF_REQUEST_RETURN_PREVIOUS, flags::RETURN_PREVIOUS),
            (HF_REQUEST_NEVER_EVICT, flags::NEVER_EVICT),
            (HF_REQUEST_METADATA_ONLY, flags::METADATA_ONLY),
            (HF_REQUEST_NO_SLIDE, flags::NO_SLIDE),
            (HF_REQUEST_RESET_EXPIRY, flags::RESET_EXPIRY),
            (HF_REQUEST_PREFIX, flags::PREFIX),
            (HF_REQUEST_RANGE, flags::RANGE),
            (HF_REQUEST_DESCENDING, flags::DESCENDING),
            (HF_REQUEST_KEYS_ONLY, flags::KEYS_ONLY),
            (HF_REPLY_FOUND, flags::FOUND),
            (HF_REPLY_APPLIED, flags::APPLIED),
            (HF_REPLY_OUTCOME_UNKNOWN, flags::OUTCOME_UNKNOWN),
        ] {
            assert_eq!(abi, wire);
        }
    }

    #[test]
    fn a_request_is_refused_before_it_is_sent_as_on_a_store_of_this_process() {
        let code = |raw: &HfRequest, op| {
            let mut items = Vec::new();
            // SAFETY: all pointers are to live locals.
            let of = unsafe { Request::new(raw) };
            request(op, &of, &mut items).map(drop).map_err(|error| error.code)
        };
        let mut put = raw(HfOp::Put, b"key", b"value");
        put.ttl_ms = -1;
        assert_eq!(code(&put, HfOp::Put), Err(Code::InvalidTtl));
        put.flags = HF_REQUEST_LENIENT_EXPIRY;
        assert_eq!(code(&put, HfOp::Put), Ok(()));
        let mut increment = raw(HfOp::Increment, b"key", b"");
        (increment.minimum, increment.maximum) = (1, 0);
        assert_eq!(code(&increment, HfOp::Increment), Err(Code::InvalidArgument));
        let mut clock = raw(HfOp::AdvanceClock, b"", b"");
        clock.delta = -1;
        assert_eq!(code(&clock, HfOp::AdvanceClock), Err(Code::InvalidArgument));
        let mut items = Vec::new();
        let keys = [raw(HfOp::Get, b"a", b""), raw(HfOp::Get, b"", b"")];
        assert_eq!(
            many(HfOp::GetMany, &keys, &mut items).map_err(|error| error.code),
            Err(Code::InvalidKey)
        );
        let large = vec![7; 9 << 20];
        let puts = [raw(HfOp::Put, b"a", &large), raw(HfOp::Put, b"b", &large)];
        assert_eq!(
            many(HfOp::Batch, &puts, &mut items).map_err(|error| error.code),
            Err(Code::BatchTooLarge)
        );
    }

    #[test]
    fn items_that_are_wrong_are_sent_for_the_node_to_refuse_them_alone() {
        let mut endless = raw(HfOp::Put, b"a", b"1");
        endless.ttl_ms = -5;
        let given = [
            endless,
            raw(HfOp::Scan, b"", b""),
            raw(HfOp::Get, b"b", b"not sent"),
        ];
        let mut items = Vec::new();
        let header = many(HfOp::Batch, &given, &mut items).unwrap();
        assert_eq!(header.items, 3);
        let mut reader = ItemReader::new(&items);
        let mut next = || reader.next::<RequestHeader>().unwrap().unwrap();
        let (put, key, value) = next();
        assert_eq!((put.ttl_ms.cast_signed(), key, value), (-5, &b"a"[..], &b"1"[..]));
        assert_eq!(next().0.operation, Operation::Scan as i32);
        let (get, key, value) = next();
        assert_eq!(
            (get.operation, key, value),
            (Operation::Get as i32, &b"b"[..], &b""[..])
        );
    }
}
