/* Hooks of Belay's store: callbacks that it calls when keys are written, or to make a value.
 *
 * Part of belay/belay.h, which includes it; its conventions hold here too. A hook is a reference to its
 * callback: it holds a handle of its own, for which the handle given needs BELAY_RIGHT_BIND, _RETAIN and
 * _INVOKE, and keeps the callback alive until it is detached, which is belay_release of the subscription, or
 * the callback unregistered. No hook runs under a lock of the store's. */
#ifndef BELAY_HOOKS_H
#define BELAY_HOOKS_H

#include "belay/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BELAY_WATCH_OLD_VALUES 1u  /* before a row, the row BELAY_ROW_OLD of what its key had */
#define BELAY_WATCH_STATE_FIRST 2u /* begin with what there is; from_revision must be 0 */
typedef struct belay_watch_options {
  uint32_t struct_size;
  uint32_t flags;     /* BELAY_WATCH_... */
  const void *prefix; /* keys to watch; null: all, or those of the range below */
  uint64_t prefix_size;
  uint64_t from_revision; /* first revision to deliver; 0: changes after the attach */
  belay_handle callback;  /* gets row blocks */
  const void *start;      /* first key of a range to watch; null: from the beginning */
  uint64_t start_size;
  const void *end; /* the range ends before it; null: to the end */
  uint64_t end_size;
  const char *name;   /* of a durable subscription, 1 to 255 bytes; null: none. See below */
  uint64_t lag_limit; /* how many revisions it may be behind; 0: as many as there is history of */
} belay_watch_options;

/* Attaches a watch: `callback` is invoked, on a thread of the broker's, one call at a time, with row
 * blocks of the changes in the range, in order of revision, each at least once. A call that fails
 * is repeated with the same rows after a pause (100 ms, doubling to 10 s); the watch ends by itself
 * when the callback can no longer be called. The watch holds a handle of its own to the callback.
 *
 * One that falls behind its lag limit, or what history there is, is told the state instead of the changes,
 * as is one with BELAY_WATCH_STATE_FIRST at once: a row BELAY_ROW_RESET, a put for each key of the range as
 * of one revision, with the revision of its last change, a row BELAY_ROW_SYNCED, and then the changes since.
 *
 * A name makes it a durable subscription: how far it has got is kept in the store, and a later watch of the
 * name, in this process or the next, goes on there. `from_revision` and BELAY_WATCH_STATE_FIRST are of the
 * first of the name alone. After a crash the changes of the last moments may come again.
 *
 * Old values are there of changes that were committed while a watch that asks for them was attached.
 * May block (disk) if there is a name. Errors: COMPACTED if from_revision is no longer retained;
 * ALREADY_EXISTS if a watch of the name is attached; INVALID_ARGUMENT; as belay_retain; as belay_store_put. */
BELAY_API belay_status belay_watch_attach(belay_handle store, const belay_watch_options *options,
                                          belay_handle *subscription);

/* Forgets how far the watches of a name have got: the next one begins anew. May block (disk).
 * Errors: NOT_FOUND; FAILED_PRECONDITION while one is attached. */
BELAY_API belay_status belay_watch_forget(belay_handle store, const char *name);

/* Detaches a watch: no new call begins after this returns; one in flight goes on. Same as
 * belay_release(subscription). Errors: handle errors. */
BELAY_API belay_status belay_watch_detach(belay_handle subscription);

#define BELAY_VALIDATOR_OLD_VALUES 1u /* show what each key has beside what it gets */
#define BELAY_VALIDATOR_FAIL_OPEN 2u  /* if it cannot be asked the write passes, and is logged */
typedef struct belay_validator_options {
  uint32_t struct_size;
  uint32_t flags;     /* BELAY_VALIDATOR_... */
  const void *prefix; /* of the keys that it sees; null: all */
  uint64_t prefix_size;
  belay_handle callback;
  uint64_t timeout_ms; /* of one question; 0: 10 s */
  int32_t priority;    /* the smallest is asked first; among equals the one attached first */
  uint32_t reserved;
} belay_validator_options;

/* Attaches a validator: before a batch is committed, `callback` gets a row block of the puts and deletes
 * under the prefix, with revision 0, each with the row BELAY_ROW_OLD of what the key has before it, if that
 * was asked for and it has something. An empty reply accepts. A row block instead is committed in place of
 * what was shown: rows left out are dropped, others may be added under the prefix. An error (belay_call_fail)
 * rejects the whole batch, and the writer gets its text. A range to delete is shown as the keys in it.
 *
 * It runs on the writer's thread, or its executor while the writer waits; it may itself read and write the
 * store, down to the recursion limit. What it decided by old values holds when it is committed: if a key has
 * changed meanwhile it is asked again.
 * Errors: INVALID_ARGUMENT; PERMISSION_DENIED; as belay_retain. */
BELAY_API belay_status belay_validator_attach(belay_handle store, const belay_validator_options *options,
                                              belay_handle *subscription);

typedef struct belay_update_options {
  uint32_t struct_size;
  uint32_t flags;        /* BELAY_WRITE_ASYNC or 0 */
  belay_handle callback; /* makes the value */
  uint64_t timeout_ms;   /* of one call of it; 0: 30 s */
} belay_update_options;

/* Replaces a key's value by what `callback` makes of it, as one step: the callback gets a row block of the
 * key's row (of no row if it is not there), and replies with a row block of one row of that key, a put or a
 * delete, or with nothing, and then nothing is written. If the key has changed meanwhile the callback is
 * called anew, 32 times at most. `revision` (of the commit; of the store if nothing was written) may be null.
 * May block. Errors: ABORTED with reason TOO_MANY_CONFLICTS; those of the callback; CALLBACK_FAILED with
 * reason BAD_UPDATE_REPLY; as belay_store_put. */
BELAY_API belay_status belay_store_update(belay_handle store, const void *key, uint64_t key_size,
                                          const belay_update_options *options, uint64_t *revision);

typedef struct belay_row belay_row; /* of belay/store.h, whichever of the headers comes first */

/* Puts a row block together, for replies: appends one row to the block of `*size` bytes in `buffer`, which
 * is empty (`*size` 0) at first, and moves `*size` on. `row->struct_size` must be set. A null `row` makes an
 * empty block.
 * BELAY_BUFFER_TOO_SMALL: `*size` is what it would be. Errors: INVALID_ARGUMENT; DATA_LOSS if the buffer holds no row block. */
BELAY_API belay_status belay_rows_append(void *buffer, uint64_t capacity, uint64_t *size,
                                         const belay_row *row);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* BELAY_HOOKS_H */
