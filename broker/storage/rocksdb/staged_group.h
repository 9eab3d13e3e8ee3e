// A group of batches on its way into one RocksDB write: what they change, and the state of the keys
// as those before them in the group will leave it.
//
// Invariant: Stage() adds a batch whole or not at all.
//
// Thread safety: for one thread at a time.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/engine.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/store.h"

namespace rocksdb {
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace belay::storage {

class StagedGroup {
 public:
  // `current_revision`: of the last commit before the group.
  StagedGroup(const Engine& engine, Revision current_revision);
  ~StagedGroup();
  StagedGroup(const StagedGroup&) = delete;
  StagedGroup& operator=(const StagedGroup&) = delete;

  // Checks the batch against the state so far and adds it. Errors: ABORTED naming the key whose
  // precondition does not hold; DATA_LOSS, UNAVAILABLE from reading.
  // REQUIRES: ValidateBatch(batch).ok(); `batch` outlives this object.
  base::Result<CommitResult> Stage(const WriteBatch& batch);

  // Of the last batch that was staged with effect.
  Revision revision() const noexcept { return revision_; }
  bool has_effect() const noexcept { return revision_ != first_revision_; }

  // Adds the new revision and returns what to write. REQUIRES: has_effect()
  base::Result<rocksdb::WriteBatch*> Finish();

 private:
  struct KeyState {
    bool exists = false;
    RecordHeader header;  // if it exists
  };

  base::Result<KeyState*> Lookup(std::string_view key);
  void AddPut(const Operation& operation, Revision revision, KeyState* state);
  // Remembers the first failure to add to the write: the group is then given up as a whole, for a
  // batch may be in it by half.
  void Note(const rocksdb::Status& added);

  const Engine& engine_;
  const Revision first_revision_;
  Revision revision_;
  // Keys point into the batches.
  std::unordered_map<std::string_view, KeyState> states_;
  std::unique_ptr<rocksdb::WriteBatch> write_;
  base::Status broken_;
};

}  // namespace belay::storage
