/* Belay's store: ordered keys and values, durable, with a revision for every commit.
 *
 * Part of belay/belay.h, which includes it; its conventions hold here too. Keys are 1 B to 64 KiB, values
 * to 64 MiB, a batch 10,000 operations and 64 MiB; a larger one is INVALID_ARGUMENT with reason LIMIT_EXCEEDED
 * and a text that names the bound.
 *
 * Revisions. Every commit that changes something has the next one: 64-bit, dense, durable, of the store as
 * a whole. A key knows the revision of the commit that created it, of the last one that changed it, and how
 * many have changed it since.
 *
 * Durability. A write that returned BELAY_OK is on disk: it survives the process and the machine. With
 * BELAY_WRITE_ASYNC it is visible and ordered, survives the process, and a machine that goes down may lose
 * it together with the async writes after it, never a write before it. belay_store_flush makes all that was
 * written before it durable.
 *
 * Store errors, which every function here may return: UNAVAILABLE with reason STORE_READ_ONLY (writes) or
 * STORE_IO_ERROR when the disk fails; DATA_LOSS with reason STORE_CORRUPT; NOT_FOUND with reason NO_KEYSPACE
 * when the handle's keyspace was dropped; handle errors. */
#ifndef BELAY_STORE_H
#define BELAY_STORE_H

#include "belay/belay.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Handles to it ------------------------------------------------------------------------------
 * A handle of kind store leads to one keyspace of a broker's store, as it is now or as a snapshot has it.
 * Any number may be open; belay_release closes one. */

/* Gets a handle to the default keyspace. Errors: FAILED_PRECONDITION with reason NO_STORE if the broker was
 * opened without one. */
BELAY_API belay_status belay_store_open(belay_handle broker, belay_handle *store);

#define BELAY_KEYSPACE_CREATE 1u /* if it is not there */
/* Gets a handle to a keyspace by its name: 1 to 128 letters, digits and ".", "_", "-". `store` is any handle
 * to the store. A keyspace has keys of its own, and shares revisions and log with the others. A new one is
 * durable at once. May block (disk).
 * Errors: NOT_FOUND with reason NO_KEYSPACE; PERMISSION_DENIED for "system", the broker's own;
 * INVALID_ARGUMENT; RESOURCE_EXHAUSTED beyond 1,000 keyspaces. */
BELAY_API belay_status belay_keyspace_open(belay_handle store, const char *name, uint32_t flags,
                                           belay_handle *keyspace);

/* Drops a keyspace with all its keys and its history, at once and for good. Handles to it say NO_KEYSPACE
 * from then on; cursors that are open go on. May block (disk).
 * Errors: NOT_FOUND; FAILED_PRECONDITION for "default" and "system". */
BELAY_API belay_status belay_keyspace_drop(belay_handle store, const char *name);

typedef struct belay_keyspace_info {
  uint32_t struct_size;
  uint32_t id; /* never given out again */
  char name[136];
} belay_keyspace_info;

/* Lists the keyspaces by name. `*count` is how many there are; the first `capacity` of them are written.
 * `infos[0].struct_size` must be set; entries are that far apart. */
BELAY_API belay_status belay_keyspace_list(belay_handle store, belay_keyspace_info *infos, uint64_t capacity,
                                           uint64_t *count);

/* Gets a handle to the keyspace as it is now, for reading: gets and scans through it show this moment.
 * Writing through it is FAILED_PRECONDITION with reason SNAPSHOT. Release it: it keeps old values on disk.
 * Reads say UNAVAILABLE with reason SNAPSHOT_LOST once the store had to recover from a disk fault. */
BELAY_API belay_status belay_store_snapshot(belay_handle store, belay_handle *snapshot);

/* The store's last revision, or that of a snapshot, and the oldest one that a watch can begin from (its
 * history's; the last + 1 if nothing is kept). Either may be null. Does not block. */
BELAY_API belay_status belay_store_revision(belay_handle store, uint64_t *current, uint64_t *oldest);

/* ---- Reading ------------------------------------------------------------------------------------ */

/* Reads one key. On BELAY_BUFFER_TOO_SMALL `*value_size` is written too. `revision` (of the key's last
 * change) may be null. May block. Errors: NOT_FOUND, BUFFER_TOO_SMALL, store errors. */
BELAY_API belay_status belay_store_get(belay_handle store, const void *key, uint64_t key_size, void *buffer,
                                       uint64_t capacity, uint64_t *value_size, uint64_t *revision);

typedef struct belay_key_info {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t value_size;
  uint64_t create_revision;
  uint64_t mod_revision;
  uint64_t version;      /* changes since it was created, from 1 */
  int64_t expires_at_ms; /* since the Unix epoch; 0: never */
} belay_key_info;

/* What a key knows of itself. May block. Errors: as belay_store_get. */
BELAY_API belay_status belay_store_key_info(belay_handle store, const void *key, uint64_t key_size,
                                            belay_key_info *info);

typedef struct belay_bytes {
  const void *data;
  uint64_t size;
} belay_bytes;

/* Reads up to 10,000 keys as of one moment into a row block (see belay_rows_next): a row for each key that is
 * there, in the order asked for. On BELAY_BUFFER_TOO_SMALL `*size` is what the block needs. May block. */
BELAY_API belay_status belay_store_get_many(belay_handle store, const belay_bytes *keys, uint64_t count,
                                            void *buffer, uint64_t capacity, uint64_t *size);

#define BELAY_SCAN_REVERSE 1u
#define BELAY_SCAN_KEYS_ONLY 2u
typedef struct belay_scan_options {
  uint32_t struct_size;
  uint32_t flags;    /* BELAY_SCAN_... */
  const void *start; /* first key of the range; null: from the beginning */
  uint64_t start_size;
  const void *end; /* the range ends before it; null: to the end */
  uint64_t end_size;
  const void *prefix; /* if set, start and end must not be */
  uint64_t prefix_size;
  uint64_t limit;          /* rows returned at most; 0: all */
  belay_handle filter;     /* a callback that picks rows; 0: none. See below */
  belay_handle projection; /* a callback that makes others of them; 0: none. Excludes BELAY_SCAN_KEYS_ONLY */
} belay_scan_options;

/* Begins a scan over the store as it is now, or over a snapshot. `options` may be null: everything.
 *
 * A filter gets a row block as its request and replies with a bitmap of ceil(rows/8) bytes; bit i,
 * lowest first, keeps row i. One more byte of value 1 after the bitmap ends the scan with this block. It is
 * called for up to 512 rows at a time, on the thread in belay_cursor_next.
 *
 * A projection gets the same, or what the filter has kept of it, and replies with a row block to be returned in
 * its place: puts of keys that it was shown, in the same order, with whatever values; a row left out is
 * dropped, revisions stay the rows' own. 64 MiB at most. One more byte of value 1 after the block ends the
 * scan with it.
 *
 * The scan holds handles of its own to both until the cursor is released. One that fails, or whose reply is
 * none, fails the scan: no row is kept or dropped by default.
 * Errors: INVALID_ARGUMENT; as belay_retain for the filter and the projection. */
BELAY_API belay_status belay_store_scan(belay_handle store, const belay_scan_options *options,
                                        belay_handle *cursor);

/* Fills `buffer` with a row block of the next rows: as many as fit, at least one. `*size` is its size.
 * BELAY_END: no more rows, nothing written. BELAY_BUFFER_TOO_SMALL: the next row alone needs `*size`
 * bytes; the cursor has not advanced. A cursor is exclusive: BELAY_BUSY when another thread is in it.
 * May block. Errors: also CALLBACK_FAILED (BAD_FILTER_REPLY, BAD_PROJECTION_REPLY) and the like from the
 * filter and the projection. */
BELAY_API belay_status belay_cursor_next(belay_handle cursor, void *buffer, uint64_t capacity,
                                         uint64_t *size);

#define BELAY_ROW_PUT 1
#define BELAY_ROW_DELETE 2
#define BELAY_ROW_OLD 3 /* what the key of the next row had before; see watches and validators */
#define BELAY_ROW_RESET \
  4 /* to a watch, without a key: forget what you know, the state at `revision` follows */
#define BELAY_ROW_SYNCED 5 /* to a watch, without a key: that was all of it, changes follow */
#define BELAY_ROW_EXPIRED 1u
/* One row of a row block. Pointers point into the block. */
typedef struct belay_row {
  uint32_t struct_size;
  uint32_t kind;     /* BELAY_ROW_PUT, ... */
  uint64_t revision; /* of the change */
  const void *key;
  uint64_t key_size;
  const void *value;
  uint64_t value_size;
  uint32_t flags; /* of a delete: BELAY_ROW_EXPIRED if the key's time had come */
  uint32_t reserved;
} belay_row;

/* Steps through a row block, which is what scans return and what filters, watches and validators receive.
 *
 * Format, little-endian: u32 format = 1, u32 row_count, then per row u64 revision, u32 kind, u32
 * key_size, u32 value_size, u32 flags, key, value. `*position` is 0 at first and is moved on.
 * BELAY_END after the last row. Errors: DATA_LOSS for a truncated or foreign block. */
BELAY_API belay_status belay_rows_next(const void *block, uint64_t size, uint64_t *position, belay_row *row);

/* Counts the keys in [start, end) exactly, by reading them. Null: no bound. May block for long. */
BELAY_API belay_status belay_store_count(belay_handle store, const void *start, uint64_t start_size,
                                         const void *end, uint64_t end_size, uint64_t *count);

/* Estimates the same, and the bytes on disk and in memory, without reading. Either result may be null. */
BELAY_API belay_status belay_store_estimate(belay_handle store, const void *start, uint64_t start_size,
                                            const void *end, uint64_t end_size, uint64_t *keys,
                                            uint64_t *size_bytes);

/* ---- Writing ------------------------------------------------------------------------------------
 * Validators (belay/hooks.h) see each write before it is committed and may refuse it: FAILED_PRECONDITION
 * with reason REJECTED and their text; UNAVAILABLE with reason VALIDATOR_FAILED when one cannot be asked. */

#define BELAY_WRITE_ASYNC 1u       /* do not wait for the disk: a crash of the machine may lose the write */
#define BELAY_WRITE_IF_ABSENT 2u   /* only if the key does not exist */
#define BELAY_WRITE_IF_REVISION 4u /* only if the key was last changed at `if_revision` */
#define BELAY_WRITE_IF_VALUE 8u    /* only if the key's value is `if_value` */
typedef struct belay_write_options {
  uint32_t struct_size;
  uint32_t flags; /* BELAY_WRITE_...; of the conditions at most one */
  uint64_t if_revision;
  const void *if_value;
  uint64_t if_value_size;
  uint64_t ttl_ms; /* of a put or merge: the key is deleted after this time, by the wall clock and as a commit
                      that watches see; 0: never */
} belay_write_options;

/* Writes one key. `options` and `revision` (of the commit) may be null. May block (disk, validators).
 * Errors: ABORTED when the condition does not hold, with reason KEY_EXISTS, REVISION_MISMATCH or
 * VALUE_MISMATCH; INVALID_ARGUMENT naming the bound; store errors. */
BELAY_API belay_status belay_store_put(belay_handle store, const void *key, uint64_t key_size,
                                       const void *value, uint64_t value_size,
                                       const belay_write_options *options, uint64_t *revision);

/* Deletes one key; NOT_FOUND if there is none. Otherwise as belay_store_put. */
BELAY_API belay_status belay_store_delete(belay_handle store, const void *key, uint64_t key_size,
                                          const belay_write_options *options, uint64_t *revision);

/* Makes of a key's value and `operand` what the operator `operator_name` makes of them, as one step: it is
 * done again, 32 times at most, if the key has changed meanwhile. An expiry that the key has stays, unless
 * options->ttl_ms sets another. `revision` is the commit's, or the last one's before if the value stays as it
 * is. Operators:
 *   "add_i64"     the sum; both are 8 bytes, little-endian, two's complement; no key counts as 0
 *   "append"      the value, and the operand behind it
 *   "max", "min"  the greater or the lesser, compared byte by byte
 *   other         a public name of a callback (belay_name_bind). It gets a row block: what the key has as
 *                 BELAY_ROW_OLD, if it is there, and a put of the operand, revision 0; of each merge that names it
 *                 in the batch. It replies with a row block of puts and deletes of those keys; those that it leaves
 *                 out stay. Within 10 s
 * May block. Errors: NOT_FOUND with reason NO_OPERATOR; INVALID_ARGUMENT (also an operand that is none for the
 * operator); FAILED_PRECONDITION with reason NOT_MERGEABLE for a value that is none for it; OUT_OF_RANGE for a sum
 * that 64 bits do not hold; ABORTED with reason TOO_MANY_CONFLICTS; those of the callback; CALLBACK_FAILED with
 * reason BAD_MERGE_REPLY; as belay_store_put. No conditions. */
BELAY_API belay_status belay_store_merge(belay_handle store, const void *key, uint64_t key_size,
                                         const char *operator_name, const void *operand,
                                         uint64_t operand_size, const belay_write_options *options,
                                         uint64_t *revision);

/* Deletes all keys in [start, end), null: no bound, in one commit; at most 100,000, else RESOURCE_EXHAUSTED
 * and nothing is deleted. `*count`, if not null, is how many there were. No conditions. */
BELAY_API belay_status belay_store_delete_range(belay_handle store, const void *start, uint64_t start_size,
                                                const void *end, uint64_t end_size,
                                                const belay_write_options *options, uint64_t *count,
                                                uint64_t *revision);

/* Makes all that was written before durable. May block (disk). */
BELAY_API belay_status belay_store_flush(belay_handle store);

/* A batch: operations that are committed all or none, as one revision. It is exclusive (BELAY_BUSY to a
 * second thread), and names each key once (INVALID_ARGUMENT with reason DUPLICATE_KEY at the commit).
 * Conditions in the options of its operations look at the store before the batch; BELAY_WRITE_ASYNC
 * belongs to the commit. Release it with belay_release. */
BELAY_API belay_status belay_batch_open(belay_handle store, belay_handle *batch);
BELAY_API belay_status belay_batch_put(belay_handle batch, const void *key, uint64_t key_size,
                                       const void *value, uint64_t value_size,
                                       const belay_write_options *options);
/* Deleting a key that is not there is fine, unless a condition says otherwise. */
BELAY_API belay_status belay_batch_delete(belay_handle batch, const void *key, uint64_t key_size,
                                          const belay_write_options *options);
BELAY_API belay_status belay_batch_delete_range(belay_handle batch, const void *start, uint64_t start_size,
                                                const void *end, uint64_t end_size);
/* As belay_store_merge: the operator is asked at the commit. */
BELAY_API belay_status belay_batch_merge(belay_handle batch, const void *key, uint64_t key_size,
                                         const char *operator_name, const void *operand,
                                         uint64_t operand_size, const belay_write_options *options);
/* Adds a condition alone. */
BELAY_API belay_status belay_batch_check(belay_handle batch, const void *key, uint64_t key_size,
                                         const belay_write_options *options);
/* Commits and empties the batch, for another; one that is refused keeps what it has. `options`, of which
 * BELAY_WRITE_ASYNC alone may be set, and `revision` may be null. May block. Errors: as belay_store_put. */
BELAY_API belay_status belay_batch_commit(belay_handle batch, const belay_write_options *options,
                                          uint64_t *revision);
/* Empties it. */
BELAY_API belay_status belay_batch_clear(belay_handle batch);

/* ---- Keeping it ----------------------------------------------------------------------------------- */

/* BELAY_OK, or why writes are refused at present. Does not block. */
BELAY_API belay_status belay_store_health(belay_handle store);
/* Tries now whether the disk can be written again, without waiting for a write to do so. May block. */
BELAY_API belay_status belay_store_recover(belay_handle store);

/* Forgets the history before `before_revision`, for watches only. May block (disk). */
BELAY_API belay_status belay_store_trim_history(belay_handle store, uint64_t before_revision);

/* Gives the space of what was deleted or replaced in [start, end) back to the disk; null: no bound. May
 * block for long. */
BELAY_API belay_status belay_store_compact(belay_handle store, const void *start, uint64_t start_size,
                                           const void *end, uint64_t end_size);

/* Makes a backup of all keyspaces, as they are now, in a folder that does not exist yet or is empty: a store
 * of its own, to be opened with belay_open or copied back. May block for long; writes go on. */
BELAY_API belay_status belay_store_backup(belay_handle store, const char *path);

/* Told how many of how many pieces are done; other than 0 stops the check. */
typedef int32_t (*belay_progress)(void *context, uint64_t done, uint64_t total);
/* Reads everything and compares it with its checksums. `progress` may be null; it runs on this thread. May
 * block for long. Errors: DATA_LOSS naming what is damaged; CANCELLED when stopped. */
BELAY_API belay_status belay_store_verify(belay_handle store, belay_progress progress, void *context);

typedef struct belay_statistic {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t value;
  char name[48];
} belay_statistic;
/* What the engine tells of itself, in a fixed order. As belay_keyspace_list. */
BELAY_API belay_status belay_store_statistics(belay_handle store, belay_statistic *statistics,
                                              uint64_t capacity, uint64_t *count);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* BELAY_STORE_H */
