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
 * The store's `default-ttl` does not apply although no expiry is given.
 */
#define HF_REQUEST_NO_DEFAULT_TTL (1 << 12)

/**
 * IDistributedCache's rules for deadlines: one beyond 100 years is none, one in the past counts
 * as 1 ms, instead of the key-value client's errors.
 */
#define HF_REQUEST_LENIENT_EXPIRY (1 << 13)

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
 * Hash of the ABI's inventory; the generated C# bindings hold the same number.
 */
#define ABI_VERSION 15240576017776726155ull

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
   * The value, the items or the message; may lie in the request's room.
   */
  const uint8_t *data;
  /**
   * Length of `data`.
   */
  uint64_t data_length;
  /**
   * What `hf_reply_release` takes when `data` is no longer read; 0: nothing to release.
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
   * Deadline of the whole call in ms, 0: none.
   */
  uint32_t timeout_ms;
} HfRequest;

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
 * thread, may be called by the thread that closes a client without one, and must not unwind. The
 * replies that it gets are valid during the callback, their data until `hf_reply_release`.
 *
 * Returns a [`HfStatus`]. `Ok`: `*client` is the handle, to be given to `hf_close` once. In both
 * cases `*reply` is filled in and its `release` is the caller's. `Ok`: `number` is 1 when the node is
 * shared with other clients of the process, `previous` the class of the connection string's store (0
 * coordination, 1 cache), `absolute_unix_ms` the largest value in bytes, data
 * `store name, newline, node name`. Any thread; blocks for as long as opening takes.
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
