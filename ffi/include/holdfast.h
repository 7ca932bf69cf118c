/* Written by ffi/gen; do not edit. */

#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * Only if the key does not exist.
 */
#define HF_REQUEST_IF_ABSENT 1

/**
 * Only if the key exists.
 */
#define HF_REQUEST_IF_PRESENT (1 << 1)

/**
 * Only if the entry has `version`.
 */
#define HF_REQUEST_IF_VERSION (1 << 2)

/**
 * Answer with the former value.
 */
#define HF_REQUEST_RETURN_PREVIOUS (1 << 3)

/**
 * The entry is never evicted.
 */
#define HF_REQUEST_NEVER_EVICT (1 << 4)

/**
 * Leave the value out of the reply.
 */
#define HF_REQUEST_METADATA_ONLY (1 << 5)

/**
 * Do not slide.
 */
#define HF_REQUEST_NO_SLIDE (1 << 6)

/**
 * `Increment` sets the expiry also on an entry that exists.
 */
#define HF_REQUEST_RESET_EXPIRY (1 << 7)

/**
 * `key` is a prefix.
 */
#define HF_REQUEST_PREFIX (1 << 8)

/**
 * `key` and `payload` bound a range.
 */
#define HF_REQUEST_RANGE (1 << 9)

/**
 * Backwards.
 */
#define HF_REQUEST_DESCENDING (1 << 10)

/**
 * Keys without values.
 */
#define HF_REQUEST_KEYS_ONLY (1 << 11)

/**
 * IDistributedCache's rules for deadlines: one beyond 100 years is none, one in the past counts
 * as 1 ms, instead of the key-value client's errors.
 */
#define HF_REQUEST_LENIENT_EXPIRY (1 << 12)

/**
 * The key existed (before the operation, for a change).
 */
#define HF_REPLY_FOUND 1

/**
 * The change was applied.
 */
#define HF_REPLY_APPLIED (1 << 1)

/**
 * With an error: whether the change was applied is unknown.
 */
#define HF_REPLY_OUTCOME_UNKNOWN (1 << 2)

/**
 * With an error: the same call may succeed later.
 */
#define HF_REPLY_TRANSIENT (1 << 3)

/**
 * With the state connected: the node lost what it held in memory since this client was last connected.
 */
#define HF_REPLY_EPOCH_CHANGED (1 << 4)

/**
 * What a request asks for. The operands that each reads are named after it; all others are ignored
 * and should be zero. "value" is `payload`/`payload_length`, "items" is `payload` as an array of
 * `payload_length` whole [`HfRequest`]s.
 */
enum HfOp
#if __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // __STDC_VERSION__ >= 202311L
 {
  /**
   * Opens a store by name: `key` = its name (`name` or `tenant/name`), `payload` = settings as
   * `name=value` lines. Reply: `number` = the id for `HfRequest::store`, `previous` = its class
   * (0 coordination, 1 cache, -1 not known yet), `absolute_unix_ms` = largest value in bytes (0: not
   * known yet), data = its full name. Completes at once; a remote client asks the node with the store's
   * first request, which then fails with what opening it fails with.
   */
  HfOp_OpenStore = 1,
  /**
   * Reads one entry: `key`. Reply: flag `FOUND`, value, `version`, `ttl_ms`, `absolute_unix_ms`.
   * Flag `METADATA_ONLY` leaves the value out; slides a sliding deadline unless `NO_SLIDE`.
   */
  HfOp_Get = 2,
  /**
   * Whether a key exists: `key`. Reply: flag `FOUND`, `version`. Does not slide.
   */
  HfOp_Exists = 3,
  /**
   * Writes a value: `key`, value, expiry, flags `IF_ABSENT` | `IF_PRESENT` | `IF_VERSION` (with
   * `version`), `NEVER_EVICT`, `RETURN_PREVIOUS`. Reply: flag `APPLIED` and the new `version`; with
   * `RETURN_PREVIOUS` also `FOUND` and the former value. A failed condition is no error: `APPLIED`
   * is missing, `FOUND` says whether the key exists and `version` is its present version.
   */
  HfOp_Put = 4,
  /**
   * Deletes: `key`, flags `IF_VERSION`, `RETURN_PREVIOUS`. Reply: `APPLIED` when an entry was
   * deleted (`FOUND` too), `version` = the deletion's; a failed condition as in `Put`.
   */
  HfOp_Delete = 5,
  /**
   * Slides a sliding deadline as a read does: `key`. Reply: `FOUND`.
   */
  HfOp_Refresh = 6,
  /**
   * Replaces all expiry settings without touching the value: `key`, expiry (none of it: the entry
   * never expires), flag `IF_VERSION`. Reply as `Put`.
   */
  HfOp_SetExpiry = 7,
  /**
   * Adds `delta` to a number: `key`, `delta`, `minimum`, `maximum`, `initial` (value before the
   * first addition), expiry (applied when the entry is created, or always with flag
   * `RESET_EXPIRY`). Reply: `number` = after, `previous` = before, `version`.
   */
  HfOp_Increment = 8,
  /**
   * Reads many keys: items with `key`. Reply: one [`HfItem`] each, in their order.
   */
  HfOp_GetMany = 9,
  /**
   * Mixed changes and reads, applied in order: items with `op` `Get`, `Exists`, `Put`, `Delete`,
   * `Refresh`, `SetExpiry` or `Increment`. Reply: one [`HfItem`] each, in their order. Not atomic.
   */
  HfOp_Batch = 10,
  /**
   * Counts entries: range (see `Scan`). Reply: `number`.
   */
  HfOp_Count = 11,
  /**
   * Removes entries: range (see `Scan`). Reply: `number` = how many were removed, `version`.
   */
  HfOp_Clear = 12,
  /**
   * One page of entries. Range: flag `PREFIX` and `key`, or flag `RANGE` with `key` = first
   * (inclusive, may be empty) and `payload` = end (exclusive, empty: none); neither: everything.
   * Flags `DESCENDING`, `KEYS_ONLY`; `maximum` = most entries (0: 1,000); `cursor`/`cursor_length`
   * = where the page before ended. Reply: items with their keys, then the cursor as a last
   * [`HfItem`] with `status` `Cursor` whose key is the next cursor; without one the scan is over.
   */
  HfOp_Scan = 13,
  /**
   * The store's statistics. Reply: data = one [`HfStats`].
   */
  HfOp_Stats = 14,
  /**
   * Moves a manual clock on by `delta` ms and waits until what became due has expired. Reply:
   * `number` = the clock's new reading.
   */
  HfOp_AdvanceClock = 15,
  /**
   * Answers with its own `key` as data and `delta` as `number`. Only for [`hf_echo`](crate::hf_echo).
   */
  HfOp_Echo = 16,
  /**
   * A round trip to the node that serves the store. Reply: `number` = the node's epoch (0: embedded),
   * data = `address, newline, node name` (no address: embedded).
   */
  HfOp_Ping = 17,
  /**
   * Waits until a node serves `store` and has it open, at most `timeout_ms` (0: the client's
   * `connect-timeout`). Reply as `OpenStore`'s, its data the store's full name.
   */
  HfOp_Connect = 18,
  /**
   * Asks about the cluster, or changes it: `payload` = lines `ask=get`, or `ask=remove`, `node=NAME`,
   * `force=on`, or `ask=move-leader`, `group=N`, `node=NAME` (may be missing), or `ask=transfer` with
   * `from=NAME`, `to=NAME` or `spread=on`. Reply: data = lines of fields with tabs between them, the
   * first field naming the line: to `get` a `cluster` line, a `node` line each, a `group` line each with
   * its `replica` lines behind it; to `remove` a `removed` line; else a `move` line each. See
   * `ffi/src/cluster.rs` for their fields. The embedded node is a cluster of one, which nothing changes.
   */
  HfOp_ClusterAdmin = 20,
};
#if __STDC_VERSION__ >= 202311L
typedef enum HfOp HfOp;
#else
typedef uint8_t HfOp;
#endif // __STDC_VERSION__ >= 202311L

/**
 * How `hf_echo` completes its requests.
 */
enum HfEchoMode
#if __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // __STDC_VERSION__ >= 202311L
 {
  /**
   * At once, in the caller's reply.
   */
  HfEchoMode_Inline = 0,
  /**
   * Pending; completed by the client's I/O thread, in batches.
   */
  HfEchoMode_Deferred = 1,
  /**
   * Pending; handed over by another native thread.
   */
  HfEchoMode_OtherThread = 2,
  /**
   * Pending until cancelled or until the client closes.
   */
  HfEchoMode_Hold = 3,
  /**
   * Panics at once, in the call.
   */
  HfEchoMode_PanicInline = 4,
  /**
   * Panics while the I/O thread works on it.
   */
  HfEchoMode_PanicDeferred = 5,
};
#if __STDC_VERSION__ >= 202311L
typedef enum HfEchoMode HfEchoMode;
#else
typedef uint8_t HfEchoMode;
#endif // __STDC_VERSION__ >= 202311L

/**
 * How a request ended.
 */
enum HfStatus
#if __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // __STDC_VERSION__ >= 202311L
 {
  /**
   * Done; the fields that the operation names are set.
   */
  HfStatus_Ok = 0,
  /**
   * Accepted; the callback will name its ticket exactly once.
   */
  HfStatus_Pending = 1,
  /**
   * Refused or failed; `code` says why and the data is a message for people.
   */
  HfStatus_Error = 2,
  /**
   * Cancelled by `hf_cancel`, or before it began.
   */
  HfStatus_Cancelled = 3,
  /**
   * Native code panicked; the data is the panic's message.
   */
  HfStatus_Panicked = 4,
  /**
   * The client is closed: what was pending ends so. With ticket 0 in a callback: the client's
   * last completion, nothing follows it.
   */
  HfStatus_Closed = 5,
  /**
   * Only in items of a scan: the cursor of the next page.
   */
  HfStatus_Cursor = 6,
  /**
   * Only in a callback, with ticket 0: the client's connection changed. `number` = 0 connecting, 1
   * connected, 2 disconnected (it reconnects by itself); `version` = the node's epoch, 0: not known;
   * data = `address, newline, node name, newline, reason`. A client of an embedded node has none.
   */
  HfStatus_State = 7,
};
#if __STDC_VERSION__ >= 202311L
typedef enum HfStatus HfStatus;
#else
typedef uint8_t HfStatus;
#endif // __STDC_VERSION__ >= 202311L

/**
 * How fresh what a request reads is.
 */
enum HfFreshness
#if __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // __STDC_VERSION__ >= 202311L
 {
  /**
   * As the client's `read-consistency` says.
   */
  HfFreshness_OfClient = 0,
  /**
   * It shows every change that was acknowledged before the read began.
   */
  HfFreshness_Linearizable = 1,
  /**
   * It is at most `max_staleness_ms` old; any replica may answer.
   */
  HfFreshness_Bounded = 2,
  /**
   * Whatever a replica has, however old.
   */
  HfFreshness_Local = 3,
};
#if __STDC_VERSION__ >= 202311L
typedef enum HfFreshness HfFreshness;
#else
typedef uint8_t HfFreshness;
#endif // __STDC_VERSION__ >= 202311L

/**
 * The answer to one request.
 */
typedef struct HfReply {
  /**
   * The request's ticket.
   */
  uint64_t ticket;
  /**
   * One of [`HfStatus`].
   */
  uint32_t status;
  /**
   * An error's code in the one error table (`holdfast_proto::Code`), 0 without an error.
   */
  uint32_t code;
  /**
   * Bits `HF_REPLY_…`.
   */
  uint32_t flags;
  /**
   * Number of [`HfItem`]s at the start of the data (`GetMany`, `Batch`, `Scan`), else 0.
   */
  uint32_t items;
  /**
   * The entry's version.
   */
  int64_t version;
  /**
   * As the operation says.
   */
  int64_t number;
  /**
   * As the operation says.
   */
  int64_t previous;
  /**
   * Time that the entry has left, -1: no deadline.
   */
  int64_t ttl_ms;
  /**
   * The entry's absolute moment (Unix time), 0: none.
   */
  int64_t absolute_unix_ms;
  /**
   * Times that the request was sent again.
   */
  uint32_t retries;
  /**
   * 1 + index of the endpoint that answered, in the list of `hf_open`'s reply; 0: none.
   */
  uint32_t server;
  /**
   * The value, the items or the message; may lie in the request's room.
   */
  const uint8_t *data;
  /**
   * Length of `data`.
   */
  uint64_t data_length;
  /**
   * What `hf_reply_release` takes when `data` is no longer read; 0: nothing to release (in a callback,
   * `data` is valid until it returns).
   */
  uint64_t release;
} HfReply;

/**
 * One request. Everything it points to is copied or used up before `hf_submit` returns, but `room`,
 * which is written only when the request completes at once.
 */
typedef struct HfRequest {
  /**
   * The caller's name for this request, not 0; echoed in its reply.
   */
  uint64_t ticket;
  /**
   * One of [`HfOp`].
   */
  uint32_t op;
  /**
   * Id from `OpenStore`; 0 is the store of the connection string.
   */
  uint32_t store;
  /**
   * Bits `HF_REQUEST_…`.
   */
  uint32_t flags;
  /**
   * Length of `key`.
   */
  uint32_t key_length;
  /**
   * The key.
   */
  const uint8_t *key;
  /**
   * The value, the end of a range, or the items.
   */
  const uint8_t *payload;
  /**
   * Length of the value in bytes, or number of items.
   */
  uint32_t payload_length;
  /**
   * Length of `room`.
   */
  uint32_t room_length;
  /**
   * Room of the caller's for a small reply, so that it needs no release; may be null.
   */
  uint8_t *room;
  /**
   * Version expected by `IF_VERSION`.
   */
  int64_t version;
  /**
   * Time to live, 0: none. With `sliding_ms` it caps the sliding.
   */
  int64_t ttl_ms;
  /**
   * Sliding window, 0: none.
   */
  int64_t sliding_ms;
  /**
   * The absolute moment (Unix time) that `ttl_ms` was computed from, 0: none. Carried with the
   * entry, never looked at.
   */
  int64_t absolute_unix_ms;
  /**
   * `Increment`'s delta, `AdvanceClock`'s milliseconds, `Echo`'s number.
   */
  int64_t delta;
  /**
   * `Increment`'s lower bound.
   */
  int64_t minimum;
  /**
   * `Increment`'s upper bound; `Scan`'s most entries.
   */
  int64_t maximum;
  /**
   * `Increment`'s first value.
   */
  int64_t initial;
  /**
   * `Scan`'s cursor, null at the beginning.
   */
  const uint8_t *cursor;
  /**
   * Length of `cursor`.
   */
  uint32_t cursor_length;
  /**
   * How long the call may take in ms, 0: the client's `timeout`. A remote client ends it by then,
   * whatever happens; an embedded call never waits.
   */
  uint32_t timeout_ms;
  /**
   * One of [`HfFreshness`]: of reads in a cluster; changes, batches, and nodes that are alone, have but one.
   */
  uint32_t freshness;
  /**
   * With [`HfFreshness::Bounded`] the most that what is read may be old, at least 1.
   */
  uint32_t max_staleness_ms;
} HfRequest;

/**
 * One answer of many. The data begins with all items, 8-byte aligned; keys and values follow at the
 * offsets that they name, counted from the start of the data.
 */
typedef struct HfItem {
  /**
   * One of [`HfStatus`].
   */
  uint32_t status;
  /**
   * An error's code, whose message is the value.
   */
  uint32_t code;
  /**
   * Bits `HF_REPLY_…`.
   */
  uint32_t flags;
  /**
   * Length of the key (scans only).
   */
  uint32_t key_length;
  /**
   * Where the key begins.
   */
  uint64_t key_offset;
  /**
   * Where the value begins.
   */
  uint64_t value_offset;
  /**
   * Length of the value.
   */
  uint64_t value_length;
  /**
   * As in [`HfReply`].
   */
  int64_t version;
  /**
   * As in [`HfReply`].
   */
  int64_t number;
  /**
   * As in [`HfReply`].
   */
  int64_t previous;
  /**
   * As in [`HfReply`].
   */
  int64_t ttl_ms;
  /**
   * As in [`HfReply`].
   */
  int64_t absolute_unix_ms;
} HfItem;

/**
 * A store's counters, all since the node started.
 */
typedef struct HfStats {
  /**
   * Reads that found an entry.
   */
  uint64_t hits;
  /**
   * Reads that found none.
   */
  uint64_t misses;
  /**
   * Entries evicted for room.
   */
  uint64_t evictions;
  /**
   * Entries that expired.
   */
  uint64_t expirations;
  /**
   * Entries now.
   */
  uint64_t entries;
  /**
   * Bytes now: keys, values and overhead.
   */
  uint64_t bytes;
  /**
   * The memory budget in bytes.
   */
  uint64_t max_memory;
  /**
   * Changes applied.
   */
  uint64_t changes;
} HfStats;

/**
 * One native log line.
 */
typedef struct HfLogLine {
  /**
   * 0 trace, 1 debug, 2 information, 3 warning, 4 error.
   */
  uint32_t level;
  /**
   * Lines dropped since the line before, because nobody drained them.
   */
  uint32_t dropped;
  /**
   * Who speaks: `node NAME`, `client NAME` or `client of SERVERS`.
   */
  const uint8_t *source;
  /**
   * Length of `source`.
   */
  uint64_t source_length;
  /**
   * The line.
   */
  const uint8_t *message;
  /**
   * Length of `message`.
   */
  uint64_t message_length;
} HfLogLine;

/**
 * The version of this ABI: a hash of its inventory. A caller compares it once with the one that its
 * bindings were generated for, before any other call. Any thread, as often as wanted.
 */
uint64_t hf_abi_version(void);

/**
 * Opens a client.
 *
 * `text` is the connection string and `settings` are `name=value` lines that win over it; both are
 * read during the call only. With an empty `text` the client has no node and only `hf_echo` works on
 * it. `completed` is the address of a
 * `void (*)(uint64_t context, const HfReply *replies, uint32_t count)` that must stay callable until
 * the client's last completion or until `hf_silence(context)`; it is called by the client's I/O
 * thread (clients of the same servers share one), may be called by the thread that closes a client
 * without one, and must not unwind. The
 * replies that it gets are valid during the callback; their data until `hf_reply_release`, or during the
 * callback when their `release` is 0. Replies with ticket 0 are about the client itself: `State`, `Closed`.
 *
 * Returns a [`HfStatus`]. `Ok`: `*client` is the handle, to be given to `hf_close` once. In both
 * cases `*reply` is filled in and its `release` is the caller's. `Ok`: `number` is 0 for an isolated
 * node in the process, 1 for the one that the process shares and 2 for servers; `previous` is the class
 * of the connection string's store (0 coordination, 1 cache, -1 not known yet), `absolute_unix_ms` the
 * largest value in bytes (0: not known yet), data `store name, newline, node name` and for servers, whose
 * node name is empty, one further line `host:port` for each. Any thread; blocks for as long as opening an
 * embedded node takes. With servers nothing is connected yet: that begins with the first request.
 *
 * # Safety
 * `text` and `settings` are readable for their lengths (or null with length 0), `client` and `reply`
 * are writable.
 */
uint32_t hf_open(const uint8_t *text,
                 uint32_t text_length,
                 const uint8_t *settings,
                 uint32_t settings_length,
                 uint64_t context,
                 const void *completed,
                 uint64_t *client,
                 struct HfReply *reply);

/**
 * Checks a connection string and settings as `hf_open` would, without opening or starting anything, so
 * that an application can refuse a bad configuration when it starts. Returns a [`HfStatus`]; `*reply`
 * is filled in and its `release` is the caller's. Both texts are read during the call only. Any thread,
 * as often as wanted.
 *
 * # Safety
 * `text` and `settings` are readable for their lengths (or null with length 0), `reply` is writable.
 */
uint32_t hf_check(const uint8_t *text,
                  uint32_t text_length,
                  const uint8_t *settings,
                  uint32_t settings_length,
                  struct HfReply *reply);

/**
 * Submits requests. Each either completes at once (its reply is filled in, there will be no callback)
 * or is `Pending`, and the callback names its ticket exactly once, possibly before this returns.
 *
 * Everything that the requests point to is copied or used up before this returns, but what the
 * replies' `data` point to: the caller's own `room`, or memory that is the caller's until
 * `hf_reply_release`. Returns `Ok`, or `Closed` (every reply says so too) for a handle that is closed
 * or stale. Any thread, many at once.
 *
 * # Safety
 * `requests` and `replies` hold `count` elements; every pointer in a request is readable (`room`:
 * writable) for its length or null with length 0.
 */
uint32_t hf_submit(uint64_t client,
                   const struct HfRequest *requests,
                   uint32_t count,
                   struct HfReply *replies);

/**
 * Answers each request with its own `key` as data and its `delta` as `number`, in the way that `mode`
 * (a [`HfEchoMode`]) says. It exercises the boundary without a node; otherwise as `hf_submit`.
 *
 * # Safety
 * As `hf_submit`.
 */
uint32_t hf_echo(uint64_t client,
                 const struct HfRequest *requests,
                 uint32_t count,
                 struct HfReply *replies,
                 uint32_t mode);

/**
 * Asks to cancel a pending request. It then completes through the callback as `Cancelled` or with its
 * own result, whichever came first; never on the calling thread. A ticket that is not pending is
 * ignored. Returns `Ok`, or `Closed` for a stale handle. Any thread, as often as wanted.
 */
uint32_t hf_cancel(uint64_t client, uint64_t ticket);

/**
 * Gives back what a reply's `data` points to. Once for each reply whose `release` is not 0, from any
 * thread; 0, or one that was given back already, is ignored.
 */
void hf_reply_release(uint64_t release);

/**
 * Closes a client and never blocks: what is pending completes as `Closed` through the callback, then
 * one last completion follows with ticket 0 and status `Closed`, and nothing after it. A client whose
 * requests never pended has no I/O thread: it gets its last completion on the calling thread, before
 * this returns. Returns `Ok`, or `Closed` (and no callback) when it was closed already. Any thread.
 */
uint32_t hf_close(uint64_t client);

/**
 * Sends native log lines of `level` (0 trace … 4 error) and above to `lines`, the address of a
 * `void (*)(uint64_t context, const HfLogLine *lines, uint32_t count)`, called by one native thread of
 * its own; null ends it for this `context`. Lines wait in a bounded ring; what does not fit is
 * dropped and counted. The lines are valid during the callback. Any thread, as often as wanted.
 *
 * # Safety
 * `lines` is null or such a function, callable until it is replaced or `hf_silence(context)` returned.
 */
uint32_t hf_set_log(uint32_t level, uint64_t context, const void *lines);

/**
 * Silences a context for good, at process exit or before its code is unloaded: no callback with this
 * `context` begins after it returned. Waits at most 2 s for callbacks that are running; `Ok` when
 * there is none left, else `Pending`. Any thread but one that is inside such a callback.
 */
uint32_t hf_silence(uint64_t context);

#endif  /* HOLDFAST_H */
