//! The plain structs and numbers that cross the boundary. Nothing here owns anything.
//!
//! All text is UTF-8 without a terminating zero, all times are milliseconds, all lengths are bytes
//! unless a comment says otherwise.

use interoptopus::ffi;

/// What a request asks for. The operands that each reads are named after it; all others are ignored
/// and should be zero. "value" is `payload`/`payload_length`, "items" is `payload` as an array of
/// `payload_length` whole [`HfRequest`]s.
#[ffi]
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfOp {
    /// Opens a store by name: `key` = its name (`name` or `tenant/name`), `payload` = settings as
    /// `name=value` lines. Reply: `number` = the id for `HfRequest::store`, `previous` = its class
    /// (0 coordination, 1 cache, -1 not known yet), `absolute_unix_ms` = largest value in bytes (0: not
    /// known yet), data = its full name. Completes at once; a remote client asks the node with the store's
    /// first request, which then fails with what opening it fails with.
    OpenStore = 1,
    /// Reads one entry: `key`. Reply: flag `FOUND`, value, `version`, `ttl_ms`, `absolute_unix_ms`.
    /// Flag `METADATA_ONLY` leaves the value out; slides a sliding deadline unless `NO_SLIDE`.
    Get = 2,
    /// Whether a key exists: `key`. Reply: flag `FOUND`, `version`. Does not slide.
    Exists = 3,
    /// Writes a value: `key`, value, expiry, flags `IF_ABSENT` | `IF_PRESENT` | `IF_VERSION` (with
    /// `version`), `NEVER_EVICT`, `RETURN_PREVIOUS`. Reply: flag `APPLIED` and the new `version`; with
    /// `RETURN_PREVIOUS` also `FOUND` and the former value. A failed condition is no error: `APPLIED`
    /// is missing, `FOUND` says whether the key exists and `version` is its present version.
    Put = 4,
    /// Deletes: `key`, flags `IF_VERSION`, `RETURN_PREVIOUS`. Reply: `APPLIED` when an entry was
    /// deleted (`FOUND` too), `version` = the deletion's; a failed condition as in `Put`.
    Delete = 5,
    /// Slides a sliding deadline as a read does: `key`. Reply: `FOUND`.
    Refresh = 6,
    /// Replaces all expiry settings without touching the value: `key`, expiry (none of it: the entry
    /// never expires), flag `IF_VERSION`. Reply as `Put`.
    SetExpiry = 7,
    /// Adds `delta` to a number: `key`, `delta`, `minimum`, `maximum`, `initial` (value before the
    /// first addition), expiry (applied when the entry is created, or always with flag
    /// `RESET_EXPIRY`). Reply: `number` = after, `previous` = before, `version`.
    Increment = 8,
    /// Reads many keys: items with `key`. Reply: one [`HfItem`] each, in their order.
    GetMany = 9,
    /// Mixed changes and reads, applied in order: items with `op` `Get`, `Exists`, `Put`, `Delete`,
    /// `Refresh`, `SetExpiry` or `Increment`. Reply: one [`HfItem`] each, in their order. Not atomic.
    Batch = 10,
    /// Counts entries: range (see `Scan`). Reply: `number`.
    Count = 11,
    /// Removes entries: range (see `Scan`). Reply: `number` = how many were removed, `version`.
    Clear = 12,
    /// One page of entries. Range: flag `PREFIX` and `key`, or flag `RANGE` with `key` = first
    /// (inclusive, may be empty) and `payload` = end (exclusive, empty: none); neither: everything.
    /// Flags `DESCENDING`, `KEYS_ONLY`; `maximum` = most entries (0: 1,000); `cursor`/`cursor_length`
    /// = where the page before ended. Reply: items with their keys, then the cursor as a last
    /// [`HfItem`] with `status` `Cursor` whose key is the next cursor; without one the scan is over.
    Scan = 13,
    /// The store's statistics. Reply: data = one [`HfStats`].
    Stats = 14,
    /// Moves a manual clock on by `delta` ms and waits until what became due has expired. Reply:
    /// `number` = the clock's new reading.
    AdvanceClock = 15,
    /// Answers with its own `key` as data and `delta` as `number`. Only for [`hf_echo`](crate::hf_echo).
    Echo = 16,
    /// A round trip to the node that serves the store. Reply: `number` = the node's epoch (0: embedded),
    /// data = `address, newline, node name` (no address: embedded).
    Ping = 17,
    /// Waits until a node serves `store` and has it open, at most `timeout_ms` (0: the client's
    /// `connect-timeout`). Reply as `OpenStore`'s, its data the store's full name.
    Connect = 18,
    /// Asks about the cluster, or changes it: `payload` = lines `ask=get`, or `ask=remove`, `node=NAME`,
    /// `force=on`, or `ask=move-leader`, `group=N`, `node=NAME` (may be missing), or `ask=transfer` with
    /// `from=NAME`, `to=NAME` or `spread=on`. Reply: data = lines of fields with tabs between them, the
    /// first field naming the line: to `get` a `cluster` line, a `node` line each, a `group` line each with
    /// its `replica` lines behind it; to `remove` a `removed` line; else a `move` line each. See
    /// `ffi/src/cluster.rs` for their fields. The embedded node is a cluster of one, which nothing changes.
    ClusterAdmin = 20,
}

/// How `hf_echo` completes its requests.
#[ffi]
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfEchoMode {
    /// At once, in the caller's reply.
    Inline = 0,
    /// Pending; completed by the client's I/O thread, in batches.
    Deferred = 1,
    /// Pending; handed over by another native thread.
    OtherThread = 2,
    /// Pending until cancelled or until the client closes.
    Hold = 3,
    /// Panics at once, in the call.
    PanicInline = 4,
    /// Panics while the I/O thread works on it.
    PanicDeferred = 5,
}

/// How a request ended.
#[ffi]
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfStatus {
    /// Done; the fields that the operation names are set.
    Ok = 0,
    /// Accepted; the callback will name its ticket exactly once.
    Pending = 1,
    /// Refused or failed; `code` says why and the data is a message for people.
    Error = 2,
    /// Cancelled by `hf_cancel`, or before it began.
    Cancelled = 3,
    /// Native code panicked; the data is the panic's message.
    Panicked = 4,
    /// The client is closed: what was pending ends so. With ticket 0 in a callback: the client's
    /// last completion, nothing follows it.
    Closed = 5,
    /// Only in items of a scan: the cursor of the next page.
    Cursor = 6,
    /// Only in a callback, with ticket 0: the client's connection changed. `number` = 0 connecting, 1
    /// connected, 2 disconnected (it reconnects by itself); `version` = the node's epoch, 0: not known;
    /// data = `address, newline, node name, newline, reason`. A client of an embedded node has none.
    State = 7,
}

/// Only if the key does not exist.
#[ffi]
pub const HF_REQUEST_IF_ABSENT: u32 = 1;
/// Only if the key exists.
#[ffi]
pub const HF_REQUEST_IF_PRESENT: u32 = 1 << 1;
/// Only if the entry has `version`.
#[ffi]
pub const HF_REQUEST_IF_VERSION: u32 = 1 << 2;
/// Answer with the former value.
#[ffi]
pub const HF_REQUEST_RETURN_PREVIOUS: u32 = 1 << 3;
/// The entry is never evicted.
#[ffi]
pub const HF_REQUEST_NEVER_EVICT: u32 = 1 << 4;
/// Leave the value out of the reply.
#[ffi]
pub const HF_REQUEST_METADATA_ONLY: u32 = 1 << 5;
/// Do not slide.
#[ffi]
pub const HF_REQUEST_NO_SLIDE: u32 = 1 << 6;
/// `Increment` sets the expiry also on an entry that exists.
#[ffi]
pub const HF_REQUEST_RESET_EXPIRY: u32 = 1 << 7;
/// `key` is a prefix.
#[ffi]
pub const HF_REQUEST_PREFIX: u32 = 1 << 8;
/// `key` and `payload` bound a range.
#[ffi]
pub const HF_REQUEST_RANGE: u32 = 1 << 9;
/// Backwards.
#[ffi]
pub const HF_REQUEST_DESCENDING: u32 = 1 << 10;
/// Keys without values.
#[ffi]
pub const HF_REQUEST_KEYS_ONLY: u32 = 1 << 11;
/// IDistributedCache's rules for deadlines: one beyond 100 years is none, one in the past counts
/// as 1 ms, instead of the key-value client's errors.
#[ffi]
pub const HF_REQUEST_LENIENT_EXPIRY: u32 = 1 << 12;

/// The key existed (before the operation, for a change).
#[ffi]
pub const HF_REPLY_FOUND: u32 = 1;
/// The change was applied.
#[ffi]
pub const HF_REPLY_APPLIED: u32 = 1 << 1;
/// With an error: whether the change was applied is unknown.
#[ffi]
pub const HF_REPLY_OUTCOME_UNKNOWN: u32 = 1 << 2;
/// With an error: the same call may succeed later.
#[ffi]
pub const HF_REPLY_TRANSIENT: u32 = 1 << 3;
/// With the state connected: the node lost what it held in memory since this client was last connected.
#[ffi]
pub const HF_REPLY_EPOCH_CHANGED: u32 = 1 << 4;

/// How fresh what a request reads is.
#[ffi]
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfFreshness {
    /// As the client's `read-consistency` says.
    OfClient = 0,
    /// It shows every change that was acknowledged before the read began.
    Linearizable = 1,
    /// It is at most `max_staleness_ms` old; any replica may answer.
    Bounded = 2,
    /// Whatever a replica has, however old.
    Local = 3,
}

/// One request. Everything it points to is copied or used up before `hf_submit` returns, but `room`,
/// which is written only when the request completes at once.
#[ffi]
#[derive(Clone, Copy)]
pub struct HfRequest {
    /// The caller's name for this request, not 0; echoed in its reply.
    pub ticket: u64,
    /// One of [`HfOp`].
    pub op: u32,
    /// Id from `OpenStore`; 0 is the store of the connection string.
    pub store: u32,
    /// Bits `HF_REQUEST_…`.
    pub flags: u32,
    /// Length of `key`.
    pub key_length: u32,
    /// The key.
    pub key: *const u8,
    /// The value, the end of a range, or the items.
    pub payload: *const u8,
    /// Length of the value in bytes, or number of items.
    pub payload_length: u32,
    /// Length of `room`.
    pub room_length: u32,
    /// Room of the caller's for a small reply, so that it needs no release; may be null.
    pub room: *mut u8,
    /// Version expected by `IF_VERSION`.
    pub version: i64,
    /// Time to live, 0: none. With `sliding_ms` it caps the sliding.
    pub ttl_ms: i64,
    /// Sliding window, 0: none.
    pub sliding_ms: i64,
    /// The absolute moment (Unix time) that `ttl_ms` was computed from, 0: none. Carried with the
    /// entry, never looked at.
    pub absolute_unix_ms: i64,
    /// `Increment`'s delta, `AdvanceClock`'s milliseconds, `Echo`'s number.
    pub delta: i64,
    /// `Increment`'s lower bound.
    pub minimum: i64,
    /// `Increment`'s upper bound; `Scan`'s most entries.
    pub maximum: i64,
    /// `Increment`'s first value.
    pub initial: i64,
    /// `Scan`'s cursor, null at the beginning.
    pub cursor: *const u8,
    /// Length of `cursor`.
    pub cursor_length: u32,
    /// How long the call may take in ms, 0: the client's `timeout`. A remote client ends it by then,
    /// whatever happens; an embedded call never waits.
    pub timeout_ms: u32,
    /// One of [`HfFreshness`]: of reads in a cluster; changes, batches, and nodes that are alone, have but one.
    pub freshness: u32,
    /// With [`HfFreshness::Bounded`] the most that what is read may be old, at least 1.
    pub max_staleness_ms: u32,
}

/// The answer to one request.
#[ffi]
#[derive(Clone, Copy)]
pub struct HfReply {
    /// The request's ticket.
    pub ticket: u64,
    /// One of [`HfStatus`].
    pub status: u32,
    /// An error's code in the one error table (`holdfast_proto::Code`), 0 without an error.
    pub code: u32,
    /// Bits `HF_REPLY_…`.
    pub flags: u32,
    /// Number of [`HfItem`]s at the start of the data (`GetMany`, `Batch`, `Scan`), else 0.
    pub items: u32,
    /// The entry's version.
    pub version: i64,
    /// As the operation says.
    pub number: i64,
    /// As the operation says.
    pub previous: i64,
    /// Time that the entry has left, -1: no deadline.
    pub ttl_ms: i64,
    /// The entry's absolute moment (Unix time), 0: none.
    pub absolute_unix_ms: i64,
    /// Times that the request was sent again.
    pub retries: u32,
    /// 1 + index of the endpoint that answered, in the list of `hf_open`'s reply; 0: none.
    pub server: u32,
    /// The value, the items or the message; may lie in the request's room.
    pub data: *const u8,
    /// Length of `data`.
    pub data_length: u64,
    /// What `hf_reply_release` takes when `data` is no longer read; 0: nothing to release (in a callback,
    /// `data` is valid until it returns).
    pub release: u64,
}

/// One answer of many. The data begins with all items, 8-byte aligned; keys and values follow at the
/// offsets that they name, counted from the start of the data.
#[ffi]
#[derive(Clone, Copy)]
pub struct HfItem {
    /// One of [`HfStatus`].
    pub status: u32,
    /// An error's code, whose message is the value.
    pub code: u32,
    /// Bits `HF_REPLY_…`.
    pub flags: u32,
    /// Length of the key (scans only).
    pub key_length: u32,
    /// Where the key begins.
    pub key_offset: u64,
    /// Where the value begins.
    pub value_offset: u64,
    /// Length of the value.
    pub value_length: u64,
    /// As in [`HfReply`].
    pub version: i64,
    /// As in [`HfReply`].
    pub number: i64,
    /// As in [`HfReply`].
    pub previous: i64,
    /// As in [`HfReply`].
    pub ttl_ms: i64,
    /// As in [`HfReply`].
    pub absolute_unix_ms: i64,
}

/// A store's counters, all since the node started.
#[ffi]
#[derive(Clone, Copy, Default)]
pub struct HfStats {
    /// Reads that found an entry.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Entries evicted for room.
    pub evictions: u64,
    /// Entries that expired.
    pub expirations: u64,
    /// Entries now.
    pub entries: u64,
    /// Bytes now: keys, values and overhead.
    pub bytes: u64,
    /// The memory budget in bytes.
    pub max_memory: u64,
    /// Changes applied.
    pub changes: u64,
}

/// One native log line.
#[ffi]
#[derive(Clone, Copy)]
pub struct HfLogLine {
    /// 0 trace, 1 debug, 2 information, 3 warning, 4 error.
    pub level: u32,
    /// Lines dropped since the line before, because nobody drained them.
    pub dropped: u32,
    /// Who speaks: `node NAME`, `client NAME` or `client of SERVERS`.
    pub source: *const u8,
    /// Length of `source`.
    pub source_length: u64,
    /// The line.
    pub message: *const u8,
    /// Length of `message`.
    pub message_length: u64,
}
