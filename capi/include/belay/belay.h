/* belay.h: the C interface of Belay, a reference-counted callback broker.
 *
 * A program registers a *callback*: a function, its context, and a release function that ends the
 * context's life. It gets a *handle*. Whoever holds a handle may invoke the callback, retain it (get
 * a handle of their own) and release it, from any thread and in any order. The release function runs
 * exactly once, after the last handle is gone and the last call has returned.
 *
 * Rules that hold for every function here
 *   - Results are belay_status; out-parameters are written on BELAY_OK only, unless said otherwise.
 *   - After a failure belay_last_error() tells the calling thread why.
 *   - Every function may be called from any thread, and from inside a callback, unless said
 *     otherwise. "May block" is said where it is so; everything else returns promptly.
 *   - A handle that a callback is given, in a request or by a hook, is borrowed: it is the caller's, and good
 *     for that call. Retain it to keep it.
 *   - Handles are numbers, not pointers: stale, forged and wrong-kind ones are refused, never
 *     dereferenced. Pointers cannot be checked: passing a dangling or wrongly sized one is undefined.
 *   - Structs begin with `struct_size`, which the caller sets to sizeof the struct it was compiled
 *     with. A smaller (older) one works; fields beyond it count as zero.
 *   - Text is UTF-8, NUL-terminated, and copied. Sizes are in bytes.
 *   - No C++ exception leaves the library. A callback must not leave by longjmp.
 *   - In the child of fork() every call returns BELAY_CLOSED and no release function runs; exec or
 *     exit there.
 *   - errno is left as it was.
 */
#ifndef BELAY_BELAY_H
#define BELAY_BELAY_H

#include <stdint.h>

#if defined(BELAY_BUILDING)
#define BELAY_API __attribute__((visibility("default")))
#else
#define BELAY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status -------------------------------------------------------------------------------- */

/* A result code. Values are never reused; those below 32 equal gRPC's. */
typedef int32_t belay_status;

#define BELAY_OK 0
#define BELAY_CANCELLED 1
#define BELAY_UNKNOWN 2
#define BELAY_INVALID_ARGUMENT 3  /* a null pointer, a zero or huge size, a bad name; text says which */
#define BELAY_DEADLINE_EXCEEDED 4 /* the deadline or timeout passed first */
#define BELAY_NOT_FOUND 5
#define BELAY_ALREADY_EXISTS 6
#define BELAY_PERMISSION_DENIED 7  /* the handle lacks the right */
#define BELAY_RESOURCE_EXHAUSTED 8 /* a bound is reached; text names it; nothing was begun */
#define BELAY_FAILED_PRECONDITION 9
#define BELAY_ABORTED 10
#define BELAY_OUT_OF_RANGE 11
#define BELAY_UNIMPLEMENTED 12
#define BELAY_INTERNAL 13
#define BELAY_UNAVAILABLE 14
#define BELAY_DATA_LOSS 15
#define BELAY_UNAUTHENTICATED 16
#define BELAY_STALE 32            /* the handle was released */
#define BELAY_WRONG_KIND 33       /* a live handle, of another kind than this call takes */
#define BELAY_MALFORMED 34        /* never was a handle */
#define BELAY_UNREGISTERED 35     /* the callback was unregistered by its owner */
#define BELAY_REVOKED 36          /* the callback was revoked by an administrator */
#define BELAY_QUARANTINED 37      /* see belay_quarantine */
#define BELAY_SUSPENDED 38        /* see belay_suspend */
#define BELAY_OWNER_CLOSED 39     /* the owner that registered the callback is closed */
#define BELAY_HOST_LOST 40        /* the process that ran the callback is gone */
#define BELAY_CLOSED 41           /* the broker is closed, or this process is a fork */
#define BELAY_CALLBACK_FAILED 42  /* the callback ran and failed, or threw; text is its own */
#define BELAY_BUFFER_TOO_SMALL 43 /* nothing is lost: the size needed is told, see each function */
#define BELAY_BUSY 44             /* an exclusive object (cursor) is in use by another thread */
#define BELAY_WOULD_DEADLOCK 45   /* the call would wait for itself */
#define BELAY_RECURSION_LIMIT 46  /* calls are nested deeper than BELAY_MAX_DEPTH on this thread */
#define BELAY_COMPACTED 47        /* the revision asked for is no longer retained */
#define BELAY_ABANDONED 48
#define BELAY_STALE_EPOCH 49
#define BELAY_END 50 /* a cursor has no more rows; not an error */

/* Version of this interface: grows when functions or fields are added. */
#define BELAY_ABI_VERSION 1u
/* How deep calls may nest on one thread. */
#define BELAY_MAX_DEPTH 64

/* The BELAY_ABI_VERSION that the loaded library was built with. Never fails. */
BELAY_API uint32_t belay_abi_version(void);
/* The library's release, "0.1.0". Static text. */
BELAY_API const char *belay_version(void);
/* "STALE" for BELAY_STALE and so on, "UNKNOWN" for other numbers. Static text. */
BELAY_API const char *belay_status_name(belay_status status);

/* Why the last failing call of this thread failed. */
typedef struct belay_error {
  uint32_t struct_size;
  belay_status status; /* BELAY_OK if no call has failed yet */
  const char *reason;  /* machine-readable, e.g. "STORE_LOCKED"; valid until the thread's next call */
  const char *message; /* for people: what was wrong and what to do; valid as `reason` */
} belay_error;

/* Fills `*error` for the calling thread. A call that succeeds leaves the last error as it was.
 * Errors: BELAY_INVALID_ARGUMENT if `error` is null or its struct_size is too small. */
BELAY_API belay_status belay_last_error(belay_error *error);

/* ---- Handles ------------------------------------------------------------------------------- */

/* One holder's reference to one object. 0 is none. Not a pointer; never reused. */
typedef uint64_t belay_handle;

/* What a handle refers to (also bits 56..62 of the handle). */
#define BELAY_KIND_BROKER 1
#define BELAY_KIND_OWNER 2
#define BELAY_KIND_CALLBACK 3
#define BELAY_KIND_PIN 4
#define BELAY_KIND_STORE 5
#define BELAY_KIND_CURSOR 6
#define BELAY_KIND_SUBSCRIPTION 7
#define BELAY_KIND_QUEUE 8
#define BELAY_KIND_STRAND 9
#define BELAY_KIND_BATCH 10

/* What the holder of a callback's handle may do with it. */
#define BELAY_RIGHT_INVOKE 1u     /* invoke, pin */
#define BELAY_RIGHT_RETAIN 2u     /* retain */
#define BELAY_RIGHT_UNREGISTER 4u /* unregister */
#define BELAY_RIGHT_BIND 8u       /* attach to a hook, bind to a name */
#define BELAY_RIGHT_EXPORT 16u    /* pass on to another process */
#define BELAY_RIGHTS_ALL 31u
#define BELAY_RIGHTS_SAME 0u /* in belay_retain: as the handle given */

/* Closes one handle of any kind but broker and owner (those have belay_close, belay_owner_close).
 *
 * The first release closes it; later ones return BELAY_STALE and touch nothing. Never blocks, and
 * fails for nothing but the argument, so finalizers may call it. When it was the callback's last
 * handle, the release function runs soon after on the broker's thread, once the calls in flight have
 * returned. May be called inside the very callback that it releases.
 * Errors: STALE, MALFORMED, WRONG_KIND, CLOSED. */
BELAY_API belay_status belay_release(belay_handle handle);

/* ---- Broker and owners --------------------------------------------------------------------- */

#define BELAY_LOG_ERROR 1
#define BELAY_LOG_WARNING 2
#define BELAY_LOG_INFO 3
/* Receives what the broker has to say, one line, no newline. Called from any thread, one at a time
 * is not promised. Must not call Belay. */
typedef void (*belay_log_fn)(void *context, int32_t level, const char *text);

/* What the misuse of a handle causes, that is, its use when it is stale, of another kind than the call takes,
 * or no handle at all. Whose policy holds: that of the owner that holds the handle, or held it when it
 * died. A number that never was a handle, or is long forgotten, is judged by the strictest of the
 * process's open brokers. Handles of the broker's own parts (names, hooks) only ever return the code. */
#define BELAY_MISUSE_INHERIT 0 /* as the owner's parent; for a broker: BELAY_MISUSE_RETURN */
#define BELAY_MISUSE_RETURN 1  /* the code, nothing else */
#define BELAY_MISUSE_LOG 2     /* the code, and a line with the caller's stack in the log */
#define BELAY_MISUSE_ABORT 3   /* the same line, then abort(): for test runs */

/* For a count that is to be 0, where 0 stands for the default. */
#define BELAY_OFF 0xffffffffu

#define BELAY_STORE_DIRECT_IO 1u /* files, but the log, are read and written past the system's page cache */
typedef struct belay_broker_options {
  uint32_t struct_size;
  uint32_t reserved;      /* 0 */
  const char *name;       /* shown in listings; null: "broker" */
  const char *store_path; /* folder of the embedded store, made if missing; null: no store */
  belay_log_fn log;       /* null: errors and warnings go to stderr */
  void *log_context;      /* must live until belay_close has returned BELAY_OK */
  uint32_t tombstones;    /* dead handles remembered, 56 bytes each; 0: 4096; or BELAY_OFF */
  uint32_t events;        /* events kept for belay_events_read, 40 bytes each; 0: 4096; or BELAY_OFF */
  int32_t misuse;         /* BELAY_MISUSE_...: of handles and owners that say nothing else */
  uint32_t reserved2;     /* 0 */
  uint64_t
      stuck_after_ms; /* a call that runs for longer is told to the log, once; 0: 10,000; UINT64_MAX: never */
  /* How far back watches of the store may ask: by bytes on disk (0: 512 MiB; 128 MiB is the least), and, 0 being
   * no bound of that kind, by revisions and by their age. */
  uint64_t history_bytes;
  uint64_t history_revisions;
  uint64_t history_age_ms;
  /* How the store uses memory, threads and the disk; 0: the default. */
  uint64_t store_cache_bytes;  /* of files' blocks kept in memory, up to 1 TiB; 64 MiB */
  uint64_t store_buffer_bytes; /* of writes collected before they become a file, 1 MiB to 64 GiB; 64 MiB */
  uint32_t store_jobs;         /* threads that write and compact files, up to 64; 2 */
  uint32_t
      store_bloom_bits; /* per key, of filters that know which file may have it, up to 32; 10; or BELAY_OFF */
  uint32_t store_flags; /* BELAY_STORE_... */
  uint32_t reserved3;   /* 0 */
} belay_broker_options;

/* Opens a broker: a registry of callbacks and, if asked, the store. `options` may be null. May block
 * (opens files). Errors: INVALID_ARGUMENT; FAILED_PRECONDITION with reason STORE_LOCKED when another
 * process has the folder; other store errors; RESOURCE_EXHAUSTED. */
BELAY_API belay_status belay_open(const belay_broker_options *options, belay_handle *broker);

/* Closes a broker: unregisters every callback, closes every handle and owner, waits up to
 * `timeout_ms` until the calls in flight have returned and the release functions have run, and stops
 * the broker's threads. Every later call on its handles returns BELAY_CLOSED or BELAY_STALE. Handles
 * still open at the close are reported to the log, each with owner, label and site.
 *
 * On BELAY_DEADLINE_EXCEEDED the broker is closed all the same, calls in flight go on, and the rest
 * is done in the background when they return. Called inside one of this broker's callbacks or
 * release functions it does not wait and returns BELAY_WOULD_DEADLOCK with the same meaning.
 * May block. Errors: also STALE, WRONG_KIND, MALFORMED. */
BELAY_API belay_status belay_close(belay_handle broker, uint64_t timeout_ms);

/* Opens an owner: the scope that registers callbacks and holds handles. `name` is shown in listings.
 * Errors: INVALID_ARGUMENT (null, empty or longer than 255 bytes), CLOSED, handle errors. */
BELAY_API belay_status belay_owner_open(belay_handle broker, const char *name, belay_handle *owner);

typedef struct belay_owner_options {
  uint32_t struct_size;
  int32_t misuse;               /* BELAY_MISUSE_... */
  const char *name;             /* shown in listings: 1 to 255 bytes */
  uint32_t max_handles;         /* held at once; 0 here and below: no bound */
  uint32_t max_callbacks;       /* registered and not yet released */
  uint32_t max_calls_in_flight; /* submitted to its callbacks and not yet ended */
  uint32_t reserved;            /* 0 */
  uint64_t max_queued_bytes;    /* of the requests of those calls */
} belay_owner_options;

/* Opens an owner under `parent`, a broker or an owner: closing an owner closes those under it first.
 * What goes beyond its bounds is refused with RESOURCE_EXHAUSTED, reason OWNER_BUDGET; bounds are the
 * owner's own, not shared with those under it. Owners nest at most 32 deep.
 * Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, OWNER_CLOSED, CLOSED, handle errors. */
BELAY_API belay_status belay_owner_open_with(belay_handle parent, const belay_owner_options *options,
                                             belay_handle *owner);

/* Closes an owner: unregisters all it registered (holders then get BELAY_OWNER_CLOSED) and releases
 * every handle it holds. Does not wait: calls in flight go on, release functions follow them. Legal
 * inside a callback of this owner. Errors: handle errors. */
BELAY_API belay_status belay_owner_close(belay_handle owner);

#define BELAY_DETACH_RELEASE 0 /* as belay_owner_close */
#define BELAY_DETACH_DROP 1    /* release functions that have not begun never run */

/* Closes an owner whose runtime goes down with it (a managed runtime that exits, a plug-in that is unloaded).
 * BELAY_DETACH_DROP is the one exception to "the release function runs exactly once": nothing is left that
 * could run them. Calls in flight go on in either mode: wait for them before code is unmapped.
 * Errors: INVALID_ARGUMENT; handle errors. */
BELAY_API belay_status belay_owner_detach(belay_handle owner, int32_t mode);

/* ---- Calls ---------------------------------------------------------------------------------- */

/* One call: filled by the caller, seen by the callback. Start from BELAY_CALL_INIT. */
typedef struct belay_call {
  uint32_t struct_size; /* sizeof(belay_call) */
  uint32_t flags;       /* 0; in a callback Belay's own: see belay_call_info */
  const void *request;  /* the caller's bytes, valid until the call returns; may be null if empty */
  uint64_t request_size;
  void *reply; /* the caller's buffer; null if reply_capacity is 0 */
  uint64_t reply_capacity;
  uint64_t reply_size; /* out: size of the whole reply, also when it did not fit */
  int64_t deadline_ns; /* on CLOCK_MONOTONIC; 0: none. Refused when already past */
  uint64_t trace_high; /* trace id, passed through; 0: none */
  uint64_t trace_low;
  belay_handle caller; /* owner on whose behalf; 0: not said */
  void *kept;          /* Belay's: what belay_call_take() takes; must be null on entry */
} belay_call;

#define BELAY_CALL_INIT \
  { (uint32_t)sizeof(belay_call), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* The function of a callback. Reads call->request, answers by belay_call_reply() or by writing at most
 * reply_capacity bytes to call->reply and setting reply_size. Returns BELAY_OK, or anything else to
 * fail the call (see belay_call_fail). Runs on the invoking thread, under no lock of Belay's, and
 * concurrently with itself when it is invoked concurrently. `call` is valid until it returns. */
typedef belay_status (*belay_callback_fn)(void *context, belay_call *call);

/* Ends the life of a context. Runs exactly once for each context handed to belay_register, also when
 * that fails. May call Belay, but not drain its own callback. */
typedef void (*belay_release_fn)(void *context);

/* Any function pointer; cast to and from the function's real type. */
typedef void (*belay_function)(void);

#define BELAY_CALLBACK_ONCE 1u   /* one call, then it unregisters itself; others: FAILED_PRECONDITION */
#define BELAY_CALLBACK_SERIAL 2u /* one call at a time, the others wait their turn */
#define BELAY_CALLBACK_WAIT 4u   /* beyond max_concurrency callers wait; else RESOURCE_EXHAUSTED */
#define BELAY_EXECUTOR_INLINE 0u /* the caller's thread; release functions: the broker's */
#define BELAY_EXECUTOR_POOL 1u   /* the broker's pool of threads */

typedef struct belay_callback_options {
  uint32_t struct_size;
  uint32_t flags;             /* BELAY_CALLBACK_... */
  belay_callback_fn callback; /* the function; null for a typed callback */
  void *context;              /* passed to every call; owned by Belay from here on */
  belay_release_fn release;   /* null: the context needs none */
  const char *label;          /* what it is for, shown in listings; null: "" ; at most 255 bytes */
  const char *site;           /* where it was registered, "File.cs:12"; null: ""; at most 255 bytes */
  const char *signature;      /* typed callback: e.g. "i64(i64)", "void(bool)"; null otherwise */
  belay_function typed;       /* typed callback: the function, whose first parameter is the context */
  belay_handle executor;      /* where it and `release` run: BELAY_EXECUTOR_..., a queue or a strand */
  uint32_t max_concurrency;   /* calls at a time; 0: no bound. See "Executors" */
  uint32_t reserved;          /* 0 */
} belay_callback_options;

/* Registers a callback under `owner` (or under a broker's own owner, given the broker). The owner is
 * the first holder of the handle.
 *
 * A typed callback names its C signature: RESULT(ARGUMENT, ...) of void, bool, i8..i64, u8..u64, f32,
 * f64, ptr; up to 6 arguments; the function takes `void *context` before them. It is called through
 * belay_pin, not belay_invoke.
 *
 * On failure the release function has run before this returns, with one exception: `options` null or
 * struct_size too small to hold `release`.
 * Errors: INVALID_ARGUMENT, CLOSED, RESOURCE_EXHAUSTED, handle errors. */
BELAY_API belay_status belay_register(belay_handle owner, const belay_callback_options *options,
                                      belay_handle *callback);

/* Makes another handle to the same callback, held by `holder` (an owner; 0: the holder of `callback`),
 * with `rights` (BELAY_RIGHTS_SAME, or a subset of those of `callback`).
 * Errors: PERMISSION_DENIED; UNREGISTERED and its kin; handle errors. */
BELAY_API belay_status belay_retain(belay_handle callback, belay_handle holder, uint32_t rights,
                                    belay_handle *retained);

/* Makes the callback uncallable for every holder, at once, whatever handles exist. Calls in flight go
 * on; belay_drain waits for them. The release function runs after the last of them. Handles stay
 * valid, and refuse, until released. Legal inside the callback. Idempotent.
 * Errors: PERMISSION_DENIED, handle errors. */
BELAY_API belay_status belay_unregister(belay_handle callback);

/* Makes `holder`, an owner of the same broker or the broker itself, the one who holds `handle`: its close
 * releases it from now on. The handle stays what it is. Not for owners and brokers.
 * Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED (the holder's max_handles); OWNER_CLOSED; handle errors. */
BELAY_API belay_status belay_handle_transfer(belay_handle handle, belay_handle holder);

/* Stops a callback for a while: new calls are refused with BELAY_SUSPENDED at once, then this waits up to
 * `timeout_ms` until no call is in flight and no pin is held. On BELAY_DEADLINE_EXCEEDED some still are,
 * and the callback is callable again. Needs BELAY_RIGHT_UNREGISTER. Idempotent. May block.
 * Errors: DEADLINE_EXCEEDED; WOULD_DEADLOCK inside a call of it; PERMISSION_DENIED; UNREGISTERED and its
 * kin; handle errors. */
BELAY_API belay_status belay_suspend(belay_handle callback, uint64_t timeout_ms);

/* Ends a suspension; OK also when there is none. Errors: as belay_suspend, but for the first two. */
BELAY_API belay_status belay_resume(belay_handle callback);

/* Makes a callback refuse calls with BELAY_QUARANTINED until belay_restore. A callback that does not run on
 * its caller's thread is quarantined by itself when its infrastructure fails 8 times in a row (its
 * host is lost, does not answer in time, drops calls; failures of its own do not count), and tried
 * again with one call after a second, then two, and so on up to a minute. Needs no right: this
 * is for administrators. Errors: UNREGISTERED and its kin; handle errors. */
BELAY_API belay_status belay_quarantine(belay_handle callback);

/* Ends a quarantine, of either sort, at once. OK also when there is none. Errors: as belay_quarantine. */
BELAY_API belay_status belay_restore(belay_handle callback);

/* Waits up to `timeout_ms` until no call of the callback is in flight and its release function has
 * run. The callback must have been unregistered (or its owner closed). May block.
 * Errors: DEADLINE_EXCEEDED, whose text counts calls and pins and lists the threads that are in such
 * calls, with ages (lower bounds); WOULD_DEADLOCK inside a
 * call or the release function of this callback; FAILED_PRECONDITION if it is still registered; handle errors. */
BELAY_API belay_status belay_drain(belay_handle callback, uint64_t timeout_ms);

/* belay_drain for `count` callbacks, which may be of several brokers, with one timeout: waits until all have
 * drained. Cheapest in the order in which they were unregistered: then one wait serves for all. May block.
 * Errors: as belay_drain, at the first callback for which there is one: the others may or may not have
 * drained by then. INVALID_ARGUMENT if `callbacks` is null and `count` is not 0. */
BELAY_API belay_status belay_drain_all(const belay_handle *callbacks, uint64_t count, uint64_t timeout_ms);

/* The same without waiting: `notify` runs once, on the broker's thread, when the callback has drained
 * (at once if it has already). `notify` runs exactly once on BELAY_OK, never otherwise. */
BELAY_API belay_status belay_drain_notify(belay_handle callback, belay_release_fn notify, void *context);

/* Calls the callback on this thread.
 *
 * BELAY_OK: it ran and its whole reply is in call->reply. BELAY_BUFFER_TOO_SMALL: it ran, its reply of
 * call->reply_size bytes is kept: belay_call_take() it; it is not run again for it.
 * BELAY_CALLBACK_FAILED: it ran and failed; the last error has its text. Any other status: it did not
 * run. May block as long as the callback does. Errors: STALE, UNREGISTERED, REVOKED, OWNER_CLOSED,
 * CLOSED, DEADLINE_EXCEEDED, RECURSION_LIMIT, PERMISSION_DENIED, INVALID_ARGUMENT, handle errors;
 * FAILED_PRECONDITION for a typed callback. */
BELAY_API belay_status belay_invoke(belay_handle callback, belay_call *call);

/* In a callback: sets the reply (copied); a second one replaces the first.
 * Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
BELAY_API belay_status belay_call_reply(belay_call *call, const void *data, uint64_t size);

/* In a callback: sets the text that the caller finds in its last error; returns
 * BELAY_CALLBACK_FAILED, so that a callback can end with `return belay_call_fail(call, "...")`. */
BELAY_API belay_status belay_call_fail(belay_call *call, const char *message);

/* After BELAY_BUFFER_TOO_SMALL: copies the kept reply to `buffer` and drops it. With `buffer` null and
 * `capacity` 0 only drops it. Errors: BUFFER_TOO_SMALL (kept still); NOT_FOUND if nothing is kept. */
BELAY_API belay_status belay_call_take(belay_call *call, void *buffer, uint64_t capacity);

/* In a callback: 1 if whoever submitted the call has cancelled it, so that it may stop early; else 0.
 * Always 0 for a call of belay_invoke. Never fails. */
BELAY_API int32_t belay_call_cancelled(const belay_call *call);

typedef struct belay_call_details {
  uint32_t struct_size;
  uint32_t depth;      /* calls nested on this thread, this one included; 0 if it runs elsewhere */
  uint64_t id;         /* top bit set: a submitted call */
  uint64_t parent_id;  /* the call in which it was made; 0: none */
  int64_t deadline_ns; /* on CLOCK_MONOTONIC; 0: none */
  uint64_t trace_high;
  uint64_t trace_low;
  belay_handle caller; /* owner on whose behalf; 0: not said */
  int32_t cancelled;   /* as belay_call_cancelled */
  uint32_t reserved;
} belay_call_details;

/* In a callback: tells of the call it was given. Of a call of belay_invoke only on the thread that runs it.
 * Errors: INVALID_ARGUMENT; FAILED_PRECONDITION outside of any call. */
BELAY_API belay_status belay_call_info(const belay_call *call, belay_call_details *details);

/* ---- Executors -------------------------------------------------------------------------------
 *
 * A callback runs where its options say: on its caller's thread (inline), on the broker's pool, on a
 * strand (one after another, on the pool), or on a queue, which a program polls from a thread of its own:
 * how an event loop, a game or a user interface takes part. Its release function runs there too, after
 * the calls that were queued before it. Every executor is bounded: full is RESOURCE_EXHAUSTED, told
 * before anything has begun. Release functions and completions are beyond the bound.
 *
 * belay_invoke works on all of them, and waits for the answer. From inside what runs on the same strand that is
 * WOULD_DEADLOCK. Of a queue Belay does not know who polls it: invoked by its only poller, from inside what it
 * runs, it waits for itself: set a deadline, or submit.
 *
 * max_concurrency bounds the calls of one callback: inline those that run, else those queued or running.
 * Callers beyond it are refused, or, of an inline callback with BELAY_CALLBACK_WAIT, wait in order of
 * arrival until a call returns, their deadline passes, or the callback is unregistered; inside the
 * callback itself that is BELAY_WOULD_DEADLOCK. BELAY_CALLBACK_SERIAL is 1 with WAIT for an inline
 * callback, and a strand of its own for one on the pool. */

typedef struct belay_executor_options {
  uint32_t struct_size;
  uint32_t reserved;
  const char *name;   /* shown in listings and errors; 1 to 255 bytes */
  uint64_t max_calls; /* queued at a time; 0: 1024 */
  uint64_t max_bytes; /* of those calls; 0: 16 MiB */
} belay_executor_options;

/* Opens a queue, or a strand, held by `owner` (an owner, or a broker for its own). belay_release, or the
 * owner's close, closes it: queued calls end as CLOSED, those that were handed out end as ABANDONED for
 * their callers, and the release functions of its callbacks run on the broker's thread.
 * Errors: INVALID_ARGUMENT, CLOSED, RESOURCE_EXHAUSTED, handle errors. */
BELAY_API belay_status belay_queue_open(belay_handle owner, const belay_executor_options *options,
                                        belay_handle *queue);
BELAY_API belay_status belay_strand_open(belay_handle owner, const belay_executor_options *options,
                                         belay_handle *strand);

/* How far a call got that failed. */
#define BELAY_CERTAINTY_NONE 0         /* it did not fail */
#define BELAY_CERTAINTY_NOT_SENT 1     /* the callback has not seen it: repeat it safely */
#define BELAY_CERTAINTY_SENT_UNKNOWN 2 /* nobody knows */
#define BELAY_CERTAINTY_STARTED 3      /* the callback began it */

/* How a call ended. Valid as long as said where it is given. */
typedef struct belay_outcome {
  uint32_t struct_size;
  belay_status status;
  int32_t certainty; /* BELAY_CERTAINTY_... */
  uint32_t reserved;
  const char *reason;  /* as in belay_error; "OK" */
  const char *message; /* "" if it went well */
  const void *reply;   /* whole, whatever its size */
  uint64_t reply_size;
} belay_outcome;

#define BELAY_WORK_CALL 1       /* run callback(context, call), then finish with its status */
#define BELAY_WORK_RELEASE 2    /* run release(context), then finish */
#define BELAY_WORK_COMPLETION 3 /* a submitted call has ended: look at tag and outcome, then finish */

/* One thing that a queue hands to its host. */
typedef struct belay_work {
  uint32_t struct_size;
  int32_t kind; /* BELAY_WORK_... */
  uint64_t id;  /* for belay_queue_finish */
  belay_callback_fn callback;
  void *context;
  belay_call *call; /* the host's until the event is finished, on any thread */
  belay_release_fn release;
  uint64_t tag;                 /* of the completion */
  const belay_outcome *outcome; /* until the event is finished */
} belay_work;

/* How one event ended. */
typedef struct belay_result {
  uint32_t struct_size;
  belay_status status; /* CALL: what the callback returned; else ignored */
  uint64_t id;
  const void *reply; /* CALL: the reply; null: what belay_call_reply() was given, if anything */
  uint64_t reply_size;
} belay_result;

/* Takes up to `capacity` events, at most 64 at once, oldest first; events[0].struct_size is the size of each.
 * Waits up to `timeout_ms` for the first, and, if it may take more than one, some two microseconds more for others.
 * BELAY_OK with `*count` 0: none came, or belay_queue_interrupt.
 * Each event must be finished. Calls that were cancelled, or whose deadline has passed, end here and are not
 * handed out. Any number of threads may poll; a queue outlives its pollers.
 *
 * What runs from an event is not known to Belay to be inside the callback: do not drain it there.
 * May block. Errors: CLOSED when the queue has been closed meanwhile, INVALID_ARGUMENT, handle errors. */
BELAY_API belay_status belay_queue_poll(belay_handle queue, belay_work *events, uint64_t capacity,
                                        uint64_t timeout_ms, uint64_t *count);

/* Ends `count` events that this queue handed out; results[0].struct_size is the size of each. May be called on
 * another thread than the poll's, and after the queue was closed, which ends no call that its host runs.
 * Completions of those calls run inside. Errors: NOT_FOUND if an id was not handed out, or has been
 * finished; INVALID_ARGUMENT for a reply without its pointer. The others are finished all the same. */
BELAY_API belay_status belay_queue_finish(belay_handle queue, const belay_result *results, uint64_t count);

/* Takes up to `max_events` events, running each on this thread: callbacks, release functions, and the functions
 * of completions. Waits up to `timeout_ms` for the first. `*count`: how many. May block. Errors: as
 * belay_queue_poll. */
BELAY_API belay_status belay_queue_run(belay_handle queue, uint64_t max_events, uint64_t timeout_ms,
                                       uint64_t *count);

/* A file descriptor that is readable while there is something to poll, also when the queue has been closed.
 * Only wait for it, level-triggered; it is the queue's, and lives as long.
 * Errors: RESOURCE_EXHAUSTED, handle errors. */
BELAY_API belay_status belay_queue_fd(belay_handle queue, int32_t *fd);

/* Ends one wait in belay_queue_poll or belay_queue_run: one under way, else the next. Never blocks. */
BELAY_API belay_status belay_queue_interrupt(belay_handle queue);

/* ---- Submitted calls -------------------------------------------------------------------------- */

/* Learns how a call ended. Runs under no lock, on the thread on which it ends, which may be the submitting
 * one. `outcome` is valid until it returns. */
typedef void (*belay_completion_fn)(void *context, const belay_outcome *outcome);

/* Who learns of it: `run`, at once; or whoever polls `queue`, as an event with `tag` (belay_queue_run runs
 * `run` then). A closed queue gets no event: then `run` runs where the call ends, if there is one. */
typedef struct belay_completion {
  uint32_t struct_size;
  uint32_t reserved;
  belay_completion_fn run; /* may be null if there is a queue */
  void *context;
  belay_handle queue; /* 0: none */
  uint64_t tag;
} belay_completion;

/* Begins a call and does not wait. Of `call` the request (copied), deadline, trace and caller count; its reply
 * goes to `completion`, which runs exactly once if this returns BELAY_OK, and never otherwise. `completion`
 * may be null. An inline callback runs before this returns. `call_id`: for
 * belay_call_cancel, may be null; written before the call can begin, also if it is refused.
 * Errors: RESOURCE_EXHAUSTED, naming what was full; else as belay_invoke. */
BELAY_API belay_status belay_submit(belay_handle callback, const belay_call *call,
                                    const belay_completion *completion, uint64_t *call_id);

/* belay_submit for who wants no answer. */
BELAY_API belay_status belay_post(belay_handle callback, const belay_call *call);

/* Submits one call to `count` callbacks. `completions`: null, or one for each, completions[0].struct_size being
 * the size of each. `statuses`: null, or one for each: what belay_submit would have returned.
 * Errors: INVALID_ARGUMENT. A callback that refuses is told by its status alone. */
BELAY_API belay_status belay_broadcast(const belay_handle *callbacks, uint64_t count, const belay_call *call,
                                       const belay_completion *completions, belay_status *statuses);

#define BELAY_CANCEL_FORGET 1 /* the call ends now, CANCELLED; its callback may run on */
#define BELAY_CANCEL_ASK 2    /* belay_call_cancelled says so; the call ends as the callback ends it */

/* Cancels a submitted call. One that has not begun is never begun, ends as CANCELLED, certainty NOT_SENT, and
 * its completion runs inside. For one that has begun see the modes.
 * Errors: NOT_FOUND if it has ended; INVALID_ARGUMENT. */
BELAY_API belay_status belay_call_cancel(uint64_t call_id, int32_t mode);

/* ---- Typed pins ------------------------------------------------------------------------------ */

typedef struct belay_pin_info {
  uint32_t struct_size;
  uint32_t reserved;
  belay_handle pin;        /* out: give to belay_unpin */
  belay_function function; /* out: cast to the signature's type, context first */
  void *context;           /* out */
} belay_pin_info;

/* Pins a typed callback: until belay_unpin its function and context may be called directly, from any
 * thread, at the speed of a function pointer. Released or unregistered meanwhile, it stays callable
 * through the pin, and its release function waits for the unpin: so it does when the pin's holder closes, for
 * the function may be running. The broker's close waits for the unpin as well.
 * Errors: INVALID_ARGUMENT with reason SIGNATURE_MISMATCH, naming both signatures, when the callback
 * was registered with another; FAILED_PRECONDITION if it is not typed; as belay_invoke. */
BELAY_API belay_status belay_pin(belay_handle callback, const char *signature, belay_pin_info *info);

/* Ends a pin. Never blocks. Errors: STALE the second time; handle errors. */
BELAY_API belay_status belay_unpin(belay_handle pin);

/* ---- Introspection ---------------------------------------------------------------------------- */

#define BELAY_STATE_LIVE 1     /* callable */
#define BELAY_STATE_DRAINING 2 /* refuses calls; some are in flight */
#define BELAY_STATE_RELEASED 3 /* its release function has run */
#define BELAY_STATE_SUSPENDED 4
#define BELAY_STATE_QUARANTINED 5

typedef struct belay_handle_info {
  uint32_t struct_size;
  int32_t kind; /* BELAY_KIND_... */
  belay_handle handle;
  belay_handle owner;      /* that registered the object */
  belay_handle holder;     /* owner that holds this handle */
  int32_t state;           /* BELAY_STATE_... */
  uint32_t rights;         /* BELAY_RIGHT_..., of a callback's handle */
  uint64_t references;     /* live handles of the object */
  uint64_t pins;           /* pins held, belay_pin */
  uint64_t in_flight;      /* calls running now; a moment's view */
  uint64_t calls;          /* calls begun; exact */
  uint64_t failures;       /* calls that ended in BELAY_CALLBACK_FAILED; exact */
  int64_t created_unix_ns; /* this and the next in steps of a tenth of a second */
  int64_t age_ns;
  char owner_name[256];
  char holder_name[256];
  char label[256];
  char site[256];
  char signature[64];         /* "" for an untyped callback */
  int64_t longest_running_ns; /* of the calls in flight: at least so long, see belay_stuck_calls */
  uint64_t stuck;             /* how many of them run for longer than stuck_after_ms */
} belay_handle_info;

/* Describes one handle of any kind. Errors: INVALID_ARGUMENT, handle errors. */
BELAY_API belay_status belay_describe(belay_handle handle, belay_handle_info *info);

/* Lists live handles of a broker in ascending order of slot, one page a call. `*after` is 0 for the first page and
 * is moved on; a page of fewer than `capacity` entries is the last. `infos[0].struct_size` must be
 * set; entries are that far apart. Calls are not stopped meanwhile: a handle that lives throughout is
 * listed once, one that comes or goes may be missed.
 * Errors: INVALID_ARGUMENT, handle errors. */
BELAY_API belay_status belay_list(belay_handle broker, uint64_t *after, belay_handle_info *infos,
                                  uint64_t capacity, uint64_t *count);

#define BELAY_LIST_ONLY_RELEASE \
  1u /* leaks, probably: handles that are good for nothing but release, for
                                      their callback is unregistered, revoked or its owner closed */

/* Which handles to list: those for which all that is said holds; 0 and null say nothing. */
typedef struct belay_list_filter {
  uint32_t struct_size;
  uint32_t flags;          /* BELAY_LIST_... */
  int32_t kind;            /* BELAY_KIND_... */
  int32_t state;           /* BELAY_STATE_...: callbacks only */
  const char *owner_name;  /* who registered the object */
  const char *holder_name; /* who holds the handle */
  const char *label_part;  /* a part of the label */
  uint64_t min_age_ms;
} belay_list_filter;

/* As belay_list, of the handles that `filter` (null: all) lets through. */
BELAY_API belay_status belay_list_where(belay_handle broker, const belay_list_filter *filter, uint64_t *after,
                                        belay_handle_info *infos, uint64_t capacity, uint64_t *count);

/* A call that a thread of this process is in. */
typedef struct belay_running_call {
  uint32_t struct_size;
  uint32_t thread_id;
  belay_handle handle; /* through which the callback was called; it may have been released since */
  int64_t age_ns;      /* it has been running for at least so long */
  uint32_t depth;      /* of calls on that thread; 0: the outermost */
  uint32_t reserved;
  char owner_name[256];
  char holder_name[256]; /* "" if the handle was released */
  char label[256];
  char site[256];
} belay_running_call;

/* Lists calls of a broker's callbacks that run for at least `min_age_ms`, the longest first, `capacity` at
 * most. `calls[0].struct_size` must be set; entries are that far apart.
 *
 * Calls carry no clock. An age is the time since the call was first seen: by this function, by
 * belay_describe, belay_list or a drain, or by the broker itself, which looks twice in every
 * stuck_after_ms. So ages are lower bounds, and who asks for the first time learns ages near 0.
 * Calls of callbacks that run elsewhere, or wait for a thread, are not among them.
 * Errors: INVALID_ARGUMENT, handle errors. */
BELAY_API belay_status belay_stuck_calls(belay_handle broker, uint64_t min_age_ms, belay_running_call *calls,
                                         uint64_t capacity, uint64_t *count);

/* Tells in one sentence what a handle leads to, or how it ended: "released by "x" 3.2 s ago on thread 7; it
 * was "label" (site)". This is no misuse, whatever the handle. Writes NUL-terminated text, and to `*size`
 * its size with the NUL; `text` may be null if `capacity` is 0. Works after belay_close, too.
 * Errors: BUFFER_TOO_SMALL (`*size` is written); MALFORMED for what never was a handle. */
BELAY_API belay_status belay_explain(belay_handle handle, char *text, uint64_t capacity, uint64_t *size);

/* ---- Events ----------------------------------------------------------------------------------- */

#define BELAY_EVENT_REGISTERED 1
#define BELAY_EVENT_RETAINED 2
#define BELAY_EVENT_RELEASED 3
#define BELAY_EVENT_UNREGISTERED 4
#define BELAY_EVENT_REVOKED 5
#define BELAY_EVENT_DRAINED 6 /* the release function has run */
#define BELAY_EVENT_QUARANTINED 7
#define BELAY_EVENT_RESTORED 8
#define BELAY_EVENT_SUSPENDED 9
#define BELAY_EVENT_RESUMED 10
#define BELAY_EVENT_TRANSFERRED 11
#define BELAY_EVENT_OWNER_OPENED 12
#define BELAY_EVENT_OWNER_CLOSED 13
#define BELAY_EVENT_LEAKED 14 /* still open when the broker closed */

/* What happened to one handle. */
typedef struct belay_event {
  uint32_t struct_size;
  int32_t type;      /* BELAY_EVENT_...; expect others in later versions */
  uint64_t sequence; /* 1 for the broker's first event; without gaps */
  belay_handle handle;
  int64_t unix_ns;    /* by the wall clock as it stood when the broker was opened; some ms coarse */
  uint32_t thread_id; /* where; 0: not known */
  uint32_t reserved;
  char owner_name[256]; /* on whose behalf: the holder's */
  char label[256];      /* of what the handle leads to */
  char site[256];
} belay_event;

/* Reads events from the sequence `*next` on (0: the oldest kept), at most `capacity` and always without a
 * gap, and moves `*next` on. If events[0].sequence is greater than what was asked for, those between
 * were overwritten before they were read. Waits up to `timeout_ms` for the first one; `*count` is 0 when
 * none came. `events[0].struct_size` must be set; entries are that far apart. May block.
 * Errors: FAILED_PRECONDITION with reason NO_EVENTS if the broker keeps none; INVALID_ARGUMENT; handle errors. */
BELAY_API belay_status belay_events_read(belay_handle broker, uint64_t *next, uint64_t timeout_ms,
                                         belay_event *events, uint64_t capacity, uint64_t *count);

/* ---- Names -------------------------------------------------------------------------------------
 * A name is a public key under which callbacks are found: 1 to 255 bytes, no control characters. It is
 * bound to one callback or, by a policy other than BELAY_NAME_SINGLE, to several, its members, each once
 * and at most BELAY_MAX_MEMBERS of them. Being a member is a reference: it keeps the callback alive until
 * it is unbound or the callback unregistered. A member that is unregistered, revoked or whose owner is
 * closed is none from then on; a name without members is free. */

/* Which member a belay_name_resolve gets. Those that are quarantined or suspended are passed over while
 * there are others. */
#define BELAY_NAME_SINGLE 0       /* there is one, and nobody can join it */
#define BELAY_NAME_FIRST 1        /* the one bound longest; the others stand by */
#define BELAY_NAME_ROUND_ROBIN 2  /* each in turn */
#define BELAY_NAME_RANDOM 3       /* any, each as likely */
#define BELAY_NAME_LEAST_LOADED 4 /* the one with the fewest calls in flight; among equals in turn */
#define BELAY_NAME_BROADCAST 5    /* none: the name stands for all, see belay_name_resolve_all */

#define BELAY_MAX_MEMBERS 1024

/* What a bind does when the name is bound. */
#define BELAY_BIND_FAIL 0    /* returns BELAY_ALREADY_EXISTS */
#define BELAY_BIND_REPLACE 1 /* takes the place of all members, and the policy given that of theirs */
#define BELAY_BIND_JOIN 2    /* becomes one more member; the policies must be the same, and not single */

/* Conditions of a bind, checked before and in one step with it. */
#define BELAY_BIND_IF_VERSION 1u /* only if the name's version is `if_version`; 0: if it is not bound */
#define BELAY_BIND_IF_MEMBER 2u  /* only if `if_member`'s callback is a member, alone or among others */

typedef struct belay_name_options {
  uint32_t struct_size;
  uint32_t flags;         /* BELAY_BIND_IF_... */
  int32_t on_conflict;    /* BELAY_BIND_FAIL, _REPLACE or _JOIN */
  int32_t policy;         /* BELAY_NAME_... */
  uint64_t if_version;    /* with BELAY_BIND_IF_VERSION */
  belay_handle if_member; /* with BELAY_BIND_IF_MEMBER: any handle to that callback */
} belay_name_options;

/* Binds `name` to a callback. The name holds a handle of its own with the rights of `callback` but
 * BELAY_RIGHT_UNREGISTER; `callback` needs BELAY_RIGHT_BIND and BELAY_RIGHT_RETAIN and stays the caller's.
 *
 * `options` may be null: zeros, which is a single callback, or failure. `version` may be null; else it
 * gets the name's version after the bind. Every change of a name, also that a member dies, gives it a
 * version that no name of this broker has had before.
 * Errors: ALREADY_EXISTS if the name is bound, also to this callback; ABORTED with reason NAME_CHANGED
 * when a condition does not hold; FAILED_PRECONDITION with reason POLICY_MISMATCH when joining another
 * policy; RESOURCE_EXHAUSTED when there are BELAY_MAX_MEMBERS; INVALID_ARGUMENT; PERMISSION_DENIED;
 * UNREGISTERED and its kin; handle errors. */
BELAY_API belay_status belay_name_bind(belay_handle broker, const char *name, belay_handle callback,
                                       const belay_name_options *options, uint64_t *version);

/* Takes the name from one callback, given any handle to it, or (`callback` 0) from all its members. What was
 * resolved before is not affected. Errors: NOT_FOUND with reason NAME_NOT_BOUND or NOT_A_MEMBER;
 * INVALID_ARGUMENT; handle errors. */
BELAY_API belay_status belay_name_unbind(belay_handle broker, const char *name, belay_handle callback);

/* Makes a handle to the callback that the name is bound to, or of several members to the one that the
 * name's policy chooses; held by `holder` (an owner; 0: the broker's own), who releases it.
 * Errors: NOT_FOUND with reason NAME_NOT_BOUND; FAILED_PRECONDITION with reason BROADCAST;
 * INVALID_ARGUMENT; as belay_retain. */
BELAY_API belay_status belay_name_resolve(belay_handle broker, const char *name, belay_handle holder,
                                          belay_handle *callback);

/* Makes a handle to each member, the one bound longest first, whatever the policy; held by `holder` as
 * in belay_name_resolve. `*count` is their number. `callbacks` may be null if `capacity` is 0.
 * Errors: BUFFER_TOO_SMALL: no handle was made, `*count` is written and says how many there would be;
 * NOT_FOUND; INVALID_ARGUMENT; as belay_retain. */
BELAY_API belay_status belay_name_resolve_all(belay_handle broker, const char *name, belay_handle holder,
                                              belay_handle *callbacks, uint64_t capacity, uint64_t *count);

/* One member of one name. */
typedef struct belay_name_info {
  uint32_t struct_size;
  int32_t policy;         /* BELAY_NAME_... */
  uint64_t version;       /* of the name: of its last change */
  uint64_t bound_version; /* of the bind that made this callback a member */
  uint64_t members;       /* how many the name has */
  belay_handle callback;  /* the name's own handle: to describe and to retain, not to release */
  char name[256];
} belay_name_info;

/* Lists the members of a broker's names, in the order of names and within a name of binding, one page a
 * call. `after` is null for the first page, then the last entry of the page before (which `infos` may
 * overwrite); a page of fewer than `capacity` entries is the last. `infos[0].struct_size` must be set;
 * entries are that far apart. What comes or goes meanwhile may be missed.
 * Errors: INVALID_ARGUMENT, handle errors. */
BELAY_API belay_status belay_name_list(belay_handle broker, const belay_name_info *after,
                                       belay_name_info *infos, uint64_t capacity, uint64_t *count);

#ifdef __cplusplus
} /* extern "C" */
#endif

#include "belay/hooks.h"
#include "belay/store.h"

#endif /* BELAY_BELAY_H */
