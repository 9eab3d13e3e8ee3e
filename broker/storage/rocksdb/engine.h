// One opening of RocksDB with our column families.
//
// Thread safety: any thread, once Open() has returned it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/fault_state.h"
#include "broker/storage/rocksdb/rocks_store.h"
#include "broker/storage/row_block.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Snapshot;
}  // namespace rocksdb

namespace belay::storage {

// The store's own facts, from the default column family.
struct StoreFacts {
  Revision revision = 0;
  Revision oldest_revision = 1;
  std::uint64_t boot_epoch = 0;
};

class Engine {
 public:
  enum class Mode {
    kCreate,    // or go on with a creation that was cut short
    kOpen,      // read and write
    kReadOnly,  // writes nothing at all, for disks that cannot be written
  };

  // `faults` learns of errors from RocksDB's threads. Errors: as OpenRocksStore().
  static base::Result<std::unique_ptr<Engine>> Open(const RocksOptions& options,
                                                    const std::string& path, Mode mode,
                                                    std::shared_ptr<FaultState> faults);
  // Makes async commits durable, if the disk is well, and closes.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  rocksdb::DB& db() const noexcept { return *db_; }
  rocksdb::ColumnFamilyHandle* facts_family() const noexcept { return facts_family_; }
  rocksdb::ColumnFamilyHandle* data_family() const noexcept { return data_family_; }
  rocksdb::ColumnFamilyHandle* history_family() const noexcept { return history_family_; }

  // One of the facts; at `snapshot`, or now if null. DATA_LOSS if it is missing or malformed.
  base::Result<std::uint64_t> ReadFact(const char* key, const rocksdb::Snapshot* snapshot) const;
  // All of them, checked against the history. Nothing there yet: NOT_FOUND.
  base::Result<StoreFacts> ReadFacts() const;
  // Durably.
  base::Status WriteFacts(const StoreFacts& facts);

 private:
  explicit Engine(std::string path) : path_(std::move(path)) {}

  bool IsEmpty(rocksdb::ColumnFamilyHandle* family) const;
  base::Status CheckHistory(const StoreFacts& facts) const;

  const std::string path_;
  std::shared_ptr<FaultState> faults_;
  rocksdb::DB* db_ = nullptr;
  rocksdb::ColumnFamilyHandle* facts_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* data_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* history_family_ = nullptr;
};

}  // namespace belay::storage
