// One opening of RocksDB with our column families.
//
// Thread safety: any thread, once Open() has returned it, but for AddKeyspace() and
// RemoveKeyspace(), during which nobody else may be in here: see Database.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// What a store knows of itself.
struct StoreFacts {
  Revision revision = 0;         // of the last commit
  Revision oldest_revision = 1;  // of the history
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
  rocksdb::ColumnFamilyHandle* history_family() const noexcept { return history_family_; }
  rocksdb::ColumnFamilyHandle* expiry_family() const noexcept { return expiry_family_; }
  // Null: there is no such keyspace.
  rocksdb::ColumnFamilyHandle* family(KeyspaceId keyspace) const noexcept {
    if (keyspace == kDefaultKeyspace) return data_family_;
    const auto found = keyspaces_.find(keyspace);
    return found == keyspaces_.end() ? nullptr : found->second.family;
  }

  // Those that clients create: by id, with their names.
  struct Keyspace {
    std::string name;
    rocksdb::ColumnFamilyHandle* family = nullptr;
  };
  const std::map<KeyspaceId, Keyspace>& keyspaces() const noexcept { return keyspaces_; }
  void AddKeyspace(KeyspaceId id, Keyspace keyspace) { keyspaces_[id] = std::move(keyspace); }
  void RemoveKeyspace(KeyspaceId id) { keyspaces_.erase(id); }

  // All of them, checked against the history. Nothing there yet: NOT_FOUND.
  base::Result<StoreFacts> ReadFacts() const;
  // The first or last revision of the history at `snapshot`, or now if null; 0: there is none.
  enum class End { kFirst, kLast };
  base::Result<Revision> ReadHistoryEnd(End end, const rocksdb::Snapshot* snapshot) const;
  // All but the revision, durably.
  base::Status WriteFacts(const StoreFacts& facts);

 private:
  explicit Engine(std::string path) : path_(std::move(path)) {}

  base::Status TakeFamilies(const std::vector<rocksdb::ColumnFamilyHandle*>& families);
  base::Result<std::uint64_t> ReadFact(const char* key) const;
  base::Result<bool> IsEmpty(rocksdb::ColumnFamilyHandle* family) const;

  const std::string path_;
  std::shared_ptr<FaultState> faults_;
  rocksdb::DB* db_ = nullptr;
  rocksdb::ColumnFamilyHandle* facts_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* data_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* history_family_ = nullptr;
  rocksdb::ColumnFamilyHandle* expiry_family_ = nullptr;
  std::map<KeyspaceId, Keyspace> keyspaces_;  // all but the default one
};

}  // namespace belay::storage
