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
// Thread safety: every method may be called from any thread. Scans and snapshots keep what they need
// of the engine alive (also the lock on its folder), so they and the store may be destroyed in any
// order. The store itself must not be destroyed during a call of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/function_ref.h"
#include "broker/base/status.h"
#include "broker/storage/keyspace.h"
#include "broker/storage/limits.h"
#include "broker/storage/reading.h"
#include "broker/storage/row_block.h"
#include "broker/storage/write_batch.h"

namespace belay::storage {

class Store {
 public:
  virtual ~Store() = default;

  // Hands the key's record to `visit`, which must be brief and must not call the store. NOT_FOUND
  // names the key. May block.
  using Visit = base::FunctionRef<void(const RecordView&)>;
  virtual base::Status Read(const ReadOptions& options, std::string_view key, Visit visit) = 0;

  // Hands each key's record, or null for one that is not there, to `visit` with the key's index:
  // all as of one moment. In no order. At most kMaxReadKeys. May block.
  using VisitEach = base::FunctionRef<void(std::size_t, const RecordView*)>;
  virtual base::Status ReadMany(const ReadOptions& options, std::span<const std::string_view> keys,
                                VisitEach visit) = 0;

  // Applies the batch, all or nothing. Preconditions look at the state before the batch. May block
  // (disk). Errors: INVALID_ARGUMENT naming the bound (see limits.h), an empty batch, a key named
  // twice; ABORTED naming the key whose precondition does not hold; NOT_FOUND if the keyspace is
  // gone; UNAVAILABLE with reason STORE_READ_ONLY after a disk fault: the batch is not visible, yet
  // when the store has recovered it may turn out that the log has kept it; then it becomes a commit
  // after all, whole.
  virtual base::Result<CommitResult> Commit(const WriteBatch& batch) = 0;

  // Makes everything that was committed before durable. May block (disk).
  virtual base::Status Flush() = 0;

  virtual base::Result<std::shared_ptr<const Snapshot>> NewSnapshot() = 0;

  // Begins a scan over one snapshot, taken now unless one is given. May block.
  virtual base::Result<std::unique_ptr<Scan>> NewScan(const ScanOptions& options) = 0;

  virtual base::Result<SizeEstimate> EstimateSize(KeyspaceId keyspace, std::string_view start,
                                                  std::string_view end) = 0;

  // Changes of keys in [start, end) with revision >= from_revision, in order of revision. A page
  // never ends within a commit: it exceeds `max_rows` or `max_bytes` only when it is a single
  // commit that does. Work per call is bounded too: where few keys match, a page may be short or
  // empty and still not be the end. From a revision to come: an empty page. May block. Errors:
  // COMPACTED naming the oldest revision retained; INVALID_ARGUMENT for revision 0 or a bound of 0.
  virtual base::Result<HistoryPage> ReadHistory(const HistoryRange& range) = 0;

  // Forgets history before `before_revision` (a revision above the current one: all of it), for
  // watches only: keys and values stay, and so may the space, which has a bound of its own. Durable.
  // May block.
  virtual base::Status TrimHistory(Revision before_revision) = 0;

  // As long as what it returns lives, history is written with the values that commits replace or
  // delete in the keyspace, which costs a read for each.
  virtual std::shared_ptr<void> KeepOldValues(KeyspaceId keyspace) = 0;

  // Deletes keys whose time has come by `now_ms` (since the Unix epoch), as commits that watchers
  // see, some hundreds at most. Returns when the next is due, 0 if none has an expiry; a time that
  // has passed if there are more. May block.
  virtual base::Result<std::int64_t> ExpireDue(std::int64_t now_ms) = 0;

  // Durable when it returns. Errors: INVALID_ARGUMENT for a bad name; ALREADY_EXISTS;
  // RESOURCE_EXHAUSTED beyond kMaxKeyspaces. May block.
  virtual base::Result<KeyspaceId> CreateKeyspace(std::string_view name) = 0;
  // With all its keys, at once, for good; scans of it go on. Its history goes with it. Errors:
  // NOT_FOUND; FAILED_PRECONDITION for the store's own. May block.
  virtual base::Status DropKeyspace(std::string_view name) = 0;
  virtual base::Result<KeyspaceId> FindKeyspace(std::string_view name) = 0;
  // By name.
  virtual std::vector<KeyspaceInfo> ListKeyspaces() = 0;

  // Of the last commit that is visible and, if it was a sync one, durable; 0 in a new store.
  virtual Revision CurrentRevision() const = 0;
  // Oldest revision that ReadHistory() can begin at; CurrentRevision() + 1 when nothing is kept.
  virtual Revision OldestRevision() const = 0;
  // How often this store was opened, the creation included: durable, never repeats.
  virtual std::uint64_t BootEpoch() const = 0;

  // `listener` is told the newest revision after each group of commits, on a writer's thread, under
  // no lock. Calls may overlap and come out of order: take the greatest. It must not call Commit()
  // nor throw nor block for long (it delays one writer). Null: no listener. After this has returned
  // the former listener neither runs nor will run. REQUIRES: not called from within a listener.
  virtual void SetCommitListener(std::function<void(Revision)> listener) = 0;

  // OK, or UNAVAILABLE with reason STORE_READ_ONLY naming the cause. Never blocks on the disk.
  virtual base::Status Health() const = 0;
  // Tries now to leave the read-only state, without waiting for a write to do so. May block.
  virtual base::Status Recover() = 0;

  // Gives the space of what was deleted or replaced in a range back to the disk. May block for long.
  virtual base::Status Compact(KeyspaceId keyspace, std::string_view start,
                               std::string_view end) = 0;
  // Makes a store of its own, of what is committed now, in a folder that is not there yet: a backup
  // that is opened like any other store. Files are linked where the disk can. May block for long.
  virtual base::Status Checkpoint(const std::string& path) = 0;
  // Reads everything and compares with its checksums. `progress`, if given, is told after each
  // piece how many of how many are done, and may stop by returning false (CANCELLED). DATA_LOSS
  // names what is damaged. May block for long.
  using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;
  virtual base::Status Verify(const Progress& progress) = 0;

  // What the engine tells of itself: names, each with a number, in a fixed order.
  virtual std::vector<std::pair<std::string, std::uint64_t>> Statistics() = 0;

  // Short forms, of the default keyspace as it is now.
  base::Result<Record> Get(std::string_view key, const ReadOptions& options = {});
};

// How many keys the scan would give, by reading them. May block for long. Errors: as Store::NewScan and
// Scan::Next.
base::Result<std::uint64_t> CountKeys(Store& store, ScanOptions options);

// One-key forms of Commit().
base::Result<CommitResult> Put(Store& store, std::string_view key, std::string_view value,
                               Durability durability = Durability::kSync);
base::Result<CommitResult> Delete(Store& store, std::string_view key,
                                  Durability durability = Durability::kSync);

}  // namespace belay::storage
