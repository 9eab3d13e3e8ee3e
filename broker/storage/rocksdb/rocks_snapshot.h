// A snapshot of the store on RocksDB's.
//
// Thread safety: any thread.
#pragma once

#include <memory>

#include "broker/storage/rocksdb/committer.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

class RocksSnapshot final : public Snapshot, private EngineGuest {
 public:
  static base::Result<std::shared_ptr<const RocksSnapshot>> Take(std::shared_ptr<Database> database,
                                                                 const Committer& committer);
  ~RocksSnapshot() override;

  Revision revision() const override { return revision_; }
  // Null: the engine that it was of is gone. REQUIRES: within a Use.
  const rocksdb::Snapshot* get() const noexcept { return snapshot_; }
  bool IsOf(const Database& database) const noexcept { return database_.get() == &database; }

 private:
  explicit RocksSnapshot(std::shared_ptr<Database> database) : database_(std::move(database)) {}

  base::Status Start(const Committer& committer);
  void LeaveEngine() override;

  const std::shared_ptr<Database> database_;
  Engine* engine_ = nullptr;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  Revision revision_ = 0;
};

// What reads from a snapshot that is lost get.
base::Status SnapshotLost();
// The snapshot that a caller of this store gave. INVALID_ARGUMENT if it is not one of `database`'s.
base::Result<std::shared_ptr<const RocksSnapshot>> AsRocksSnapshot(
    const std::shared_ptr<const Snapshot>& snapshot, const Database& database);

}  // namespace belay::storage
