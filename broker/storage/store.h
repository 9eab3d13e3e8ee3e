// The store: ordered bytes -> bytes with a revision for every commit, in the shape of etcd's KV, so
// that an embedded engine and a distributed one can stand behind the same interface.
//
// Invariants
//   - Every commit that changes something gets the next revision: 1, 2, 3, ... without a gap, never
//     reused once acknowledged, also across restarts and disk faults (S1, S2).
//   - A commit is visible whole or not at all, to gets, scans, history and after a crash (S1, S2).
//   - What Commit() acknowledged with kSync is on disk; with kAsync it is visible and ordered, and a
//     crash may lose it together with the async commits after it, never anything before it (S2).
//   - A failing disk makes the store read-only: writes are refused with UNAVAILABLE, reason
//     STORE_READ_ONLY, reads go on, Health() says why, Recover() and later writes try again (S4).
//   - No listener and no other user code runs under a lock of the store (R8).
//
// Thread safety: every method may be called from any thread. A Scan is for one thread at a time; it
// keeps what it needs of the engine alive (also the lock on its folder), so scan and store may be
// destroyed in any order. The store itself must not be destroyed during a call of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/status.h"
#include "broker/storage/limits.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

struct Record {
  std::string value;
  Revision create_revision = 0;  // of the commit that created the key
  Revision mod_revision = 0;     // of the commit that last changed it
  std::uint64_t version = 0;     // changes since it was created, 1 after the creation
};

// What must hold before the batch, else the whole batch is refused with ABORTED naming the key.
enum class Precondition : std::uint32_t {
  kNone = 0,
  kAbsent = 1,    // the key does not exist; reason KEY_EXISTS
  kRevision = 2,  // its mod_revision is Operation::if_revision; reason REVISION_MISMATCH
};

enum class OperationKind : std::uint32_t {
  kPut = 1,
  kDelete = 2,  // deleting an absent key is fine, and no effect
  kCheck = 3,   // nothing but its precondition
};

struct Operation {
  OperationKind kind = OperationKind::kPut;
  std::string key;
  std::string value;  // of a put; else empty
  Precondition precondition = Precondition::kNone;
  Revision if_revision = 0;
};

enum class Durability : std::uint32_t {
  kSync = 0,   // Commit() returns when the batch is on disk
  kAsync = 1,  // Commit() returns when the batch is visible; a crash may lose it
};

// Applied as a whole. A key may be named once: what a second change of it in the same revision
// would mean, watchers could not tell.
struct WriteBatch {
  std::vector<Operation> operations;
  Durability durability = Durability::kSync;
};

struct CommitResult {
  // Of this commit; of the last one before it when the batch had no effect (nothing but checks and
  // deletes of absent keys), which makes no new revision.
  Revision revision = 0;
  std::uint32_t deleted_count = 0;  // keys that were there and are not any more
};

struct ScanOptions {
  std::string start = {};  // first key of the range; empty: from the beginning
  std::string end = {};    // the range ends before it; empty: to the end
  bool reverse = false;
  bool keys_only = false;   // rows come with empty values
  std::uint64_t limit = 0;  // rows in all; 0: no limit
};

class Scan {
 public:
  virtual ~Scan() = default;

  // Appends the next rows to `rows`: at most `max_rows`, and until the block would grow beyond
  // `max_bytes`, but at least one (a row that is too large comes alone, so look at size_bytes()).
  // Rows are puts with the key's mod_revision. END, with nothing appended, after the last row.
  // Errors: INVALID_ARGUMENT if max_rows is 0; DATA_LOSS or UNAVAILABLE from the disk; UNAVAILABLE
  // with reason SNAPSHOT_LOST for scans that were open when the store recovered from a fault. May
  // block.
  virtual base::Status Next(RowBlockBuilder* rows, std::uint32_t max_rows,
                            std::size_t max_bytes) = 0;

  // The store's revision that the scan shows: a watch from revision() + 1 misses nothing.
  virtual Revision revision() const = 0;
};

struct HistoryPage {
  std::string rows;             // a row block: changes in order of revision, then of the batch
  std::uint32_t row_count = 0;  // may be 0 although there is more: see next_revision
  Revision next_revision = 0;   // where to go on; above CurrentRevision(): all has been read
};

class Store {
 public:
  virtual ~Store() = default;

  // NOT_FOUND names the key. May block.
  virtual base::Result<Record> Get(std::string_view key) = 0;

  // Applies the batch, all or nothing. Preconditions look at the state before the batch. May block
  // (disk). Errors: INVALID_ARGUMENT naming the bound (see limits.h), an empty batch, a key named
  // twice; ABORTED naming the key whose precondition does not hold; UNAVAILABLE with reason
  // STORE_READ_ONLY after a disk fault: the batch is not visible, yet when the store has recovered
  // it may turn out that the log has kept it; then it becomes a commit after all, whole.
  virtual base::Result<CommitResult> Commit(const WriteBatch& batch) = 0;

  // Begins a scan over one snapshot, taken now. May block.
  virtual base::Result<std::unique_ptr<Scan>> NewScan(const ScanOptions& options) = 0;

  // Changes of keys in [start, end) with revision >= from_revision, in order of revision; empty
  // `end`: no upper bound. A page never ends within a commit: it exceeds `max_rows` or `max_bytes`
  // only when it is a single commit that does. Work per call is bounded too: where few keys match, a page may be
  // short or empty and still not be the end. From a revision to come: an empty page. May block. Errors: COMPACTED naming the
  // oldest revision retained; INVALID_ARGUMENT for revision 0 or a bound of 0.
  virtual base::Result<HistoryPage> ReadHistory(Revision from_revision, std::string_view start,
                                                std::string_view end, std::uint32_t max_rows,
                                                std::size_t max_bytes) = 0;

  // Forgets history before `before_revision` (a revision above the current one: all of it), for
  // watches only: keys and values stay. Durable. May block.
  virtual base::Status TrimHistory(Revision before_revision) = 0;

  // Of the last commit that is visible and, if it was a sync one, durable; 0 in a new store.
  virtual Revision CurrentRevision() const = 0;
  // Oldest revision that ReadHistory() can begin at; CurrentRevision() + 1 when nothing is kept.
  virtual Revision OldestRevision() const = 0;
  // How often this store was opened, the creation included: durable, never repeats.
  virtual std::uint64_t BootEpoch() const = 0;

  // `listener` is told the newest revision after each group of commits, on a writer's thread, under
  // no lock. Calls may overlap and come out of order: take the greatest. It must not call Commit()
  // nor throw nor block for long (it delays one writer). Null: no listener. After this has returned the
  // former listener neither runs nor will run. REQUIRES: not called from within a listener.
  virtual void SetCommitListener(std::function<void(Revision)> listener) = 0;

  // OK, or UNAVAILABLE with reason STORE_READ_ONLY naming the cause. Never blocks on the disk.
  virtual base::Status Health() const = 0;
  // Tries now to leave the read-only state, without waiting for a write to do so. May block.
  virtual base::Status Recover() = 0;
};

// One-key forms of Commit().
base::Result<CommitResult> Put(Store& store, std::string_view key, std::string_view value,
                               Durability durability = Durability::kSync);
base::Result<CommitResult> Delete(Store& store, std::string_view key,
                                  Durability durability = Durability::kSync);

// The least key above every key that begins with `prefix`: [prefix, PrefixEnd(prefix)) is the range
// of the prefix. Empty, which is no bound, when there is none (prefix empty or all 0xff).
std::string PrefixEnd(std::string_view prefix);

// What Commit() refuses before it looks at the store; for engines and for who wants to ask early.
base::Status ValidateKey(std::string_view key);
base::Status ValidateBatch(const WriteBatch& batch);

// The key as messages show it: in quotes, bytes outside printable ASCII as \xNN, cut after 64.
std::string QuoteKey(std::string_view key);

}  // namespace belay::storage
