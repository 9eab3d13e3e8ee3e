// An open RocksDB with our column families, the folder's lock and the state of its disk. Store and
// scans share it; the last one closes it.
//
// Invariants
//   - `faults()` is read-only from the moment RocksDB refuses writes until Recover() succeeded.
//   - After Recover() the log that may hold the torn end of a refused batch is never replayed, so
//     the revisions of that batch may be given to others (S4).
//
// Thread safety: every method may be called from any thread, Recover() by one at a time and not
// beside a write.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/fault_state.h"
#include "broker/storage/rocksdb/rocks_store.h"
#include "broker/storage/rocksdb/store_folder.h"
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

class Database {
 public:
  // Opens or creates it, checks it and counts the boot epoch. Errors: see OpenRocksStore().
  static base::Result<std::shared_ptr<Database>> Open(const RocksOptions& options,
                                                      StoreFacts* facts);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const noexcept { return *db_; }
  rocksdb::ColumnFamilyHandle* facts_family() const noexcept { return facts_family_; }
  rocksdb::ColumnFamilyHandle* data_family() const noexcept { return data_family_; }
  rocksdb::ColumnFamilyHandle* history_family() const noexcept { return history_family_; }
  FaultState& faults() const noexcept { return *faults_; }

  // One of the facts; at `snapshot`, or now if null. DATA_LOSS if it is missing or malformed.
  base::Result<std::uint64_t> ReadFact(const char* key, const rocksdb::Snapshot* snapshot) const;

  // Tries to make the database writable again and to leave the old log behind.
  base::Status Recover();

 private:
  explicit Database(std::unique_ptr<StoreFolder> folder);

  base::Status OpenEngine(const RocksOptions& options);
  base::Status LoadFacts(StoreFacts* facts);
  base::Status WriteFacts(const StoreFacts& facts);
  base::Status CheckEmpty(rocksdb::ColumnFamilyHandle* family, std::string_view what);
  base::Status CheckHistoryEnds(const StoreFacts& facts);

  // Destroyed last: the lock must outlive the engine.
  const std::unique_ptr<StoreFolder> folder_;
  const std::shared_ptr<FaultState> faults_;  // RocksDB's listener has a share
  rocksdb::DB* db_ = nullptr;
  rocksdb::ColumnFamilyHandle* facts_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* data_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* history_family_ = nullptr;
};

}  // namespace belay::storage
