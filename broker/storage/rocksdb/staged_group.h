// A group of batches on its way into one RocksDB write: what they change, and the state of the keys
// as those before them in the group will leave it.
//
// Invariant: Stage() adds a batch whole or not at all.
//
// Thread safety: for one thread at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/engine.h"
#include "broker/storage/rocksdb/key_states.h"
#include "broker/storage/rocksdb/old_values.h"
#include "broker/storage/store.h"

namespace rocksdb {
class ColumnFamilyHandle;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace belay::storage {

// A key whose time has come, if it is still as that revision left it.
struct DueKey {
  std::string key;
  Revision revision = 0;
  std::int64_t at_ms = 0;
};

class StagedGroup {
 public:
  // `current_revision`: of the last commit before the group. All outlive it.
  StagedGroup(const Engine& engine, const HeaderCache& cache, const OldValues& old_values,
              Revision current_revision);
  ~StagedGroup();
  StagedGroup(const StagedGroup&) = delete;
  StagedGroup& operator=(const StagedGroup&) = delete;

  // Checks the batch against the state so far and adds it. Errors: ABORTED naming the key whose
  // precondition does not hold; NOT_FOUND for a keyspace that is gone; RESOURCE_EXHAUSTED for ranges
  // with too many keys; DATA_LOSS, UNAVAILABLE from reading.
  // REQUIRES: ValidateBatch(batch).ok(); `batch` outlives this object; a batch with ranges is the
  // group's only one, for they are looked up in the database alone.
  base::Result<CommitResult> Stage(const WriteBatch& batch);

  // One commit that deletes those of the keys whose time it is, and forgets the appointments of all.
  base::Status StageExpiry(KeyspaceId keyspace, std::span<const DueKey> keys);

  // Of the last batch that was staged with effect.
  Revision revision() const noexcept { return revision_; }
  bool has_effect() const noexcept { return revision_ != first_revision_; }

  // What to write; an error if it could not all be added.
  base::Result<rocksdb::WriteBatch*> Finish();
  // Tells the cache what is so once it is written.
  void NoteIn(HeaderCache& cache) const noexcept { states_.NoteIn(cache); }

 private:
  base::Status FindRange(const Operation& range, const WriteBatch& batch,
                         rocksdb::ColumnFamilyHandle* family, std::uint64_t* found);
  void AddOldValue(const KeyState& state, std::string_view key);
  void AddPut(const Operation& operation, const StagedKey& key, rocksdb::ColumnFamilyHandle* family,
              KeyState* state);
  void AddDelete(const StagedKey& key, rocksdb::ColumnFamilyHandle* family, KeyState* state,
                 std::uint32_t row_flags);
  // Closes the commit: what was added since is the next revision.
  void AddHistory(KeyspaceId keyspace);
  // Remembers the first failure to add to the write: the group is then given up as a whole, for a
  // batch may be in it by half.
  void Note(const rocksdb::Status& added);

  const Engine& engine_;
  const OldValues& old_values_;
  const Revision first_revision_;
  Revision revision_;
  KeyStates states_;  // keys point into the batches, or into range_keys_
  std::vector<std::unique_ptr<std::string>> range_keys_;
  RowBlockBuilder history_;  // of the commit that is being staged
  std::unique_ptr<rocksdb::WriteBatch> write_;
  base::Status broken_;
};

}  // namespace belay::storage
