#include "broker/storage/rocksdb/maintenance.h"

#include <memory>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/store_folder.h"
#include "rocksdb/db.h"
#include "rocksdb/utilities/checkpoint.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

// Above every key: one byte longer than the longest.
std::string AboveAllKeys() { return std::string(kMaxKeyBytes + 1, '\xff'); }

// RocksDB takes no range that ends before it begins, and says so by ending the process.
bool IsEmptyRange(std::string_view start, std::string_view end) {
  return !end.empty() && end <= start;
}

// What RocksDB's number is of: of one family, to be added up over all, or of the whole store already.
enum class Scope : std::uint8_t { kFamily, kStore };

struct Property {
  const char* name;  // ours
  const std::string& rocksdb_name;
  Scope scope;
};

}  // namespace

base::Result<SizeEstimate> EstimateRangeSize(Database& database, KeyspaceId keyspace,
                                             std::string_view start, std::string_view end) {
  const Database::Use use(database);
  if (Status status = use.status(); !status.ok()) return status;
  rocksdb::DB& db = use.engine().db();
  rocksdb::ColumnFamilyHandle* const family = use.engine().family(keyspace);
  if (family == nullptr) return NoKeyspace(keyspace);
  if (IsEmptyRange(start, end)) return SizeEstimate();
  const std::string above = AboveAllKeys();
  const auto measure = [&](const rocksdb::Range& range, SizeEstimate* estimate) {
    rocksdb::SizeApproximationOptions options;
    options.include_memtables = true;
    options.include_files = true;
    return db.GetApproximateSizes(options, family, &range, 1, &estimate->bytes);
  };
  SizeEstimate whole;
  SizeEstimate part;
  rocksdb::Status status = measure({rocksdb::Slice(), above}, &whole);
  const rocksdb::Slice upper = end.empty() ? rocksdb::Slice(above) : ToSlice(end);
  if (status.ok()) status = measure({ToSlice(start), upper}, &part);
  if (!status.ok()) return FromRocks(status, "estimating a size");
  // RocksDB counts keys of whole families only: the range gets its share by bytes.
  std::uint64_t keys = 0;
  if (db.GetIntProperty(family, rocksdb::DB::Properties::kEstimateNumKeys, &keys) &&
      whole.bytes > 0) {
    part.keys =
        static_cast<std::uint64_t>(static_cast<double>(keys) * static_cast<double>(part.bytes) /
                                   static_cast<double>(whole.bytes));
  }
  return part;
}

Status CompactKeyspace(Database& database, KeyspaceId keyspace, std::string_view start,
                       std::string_view end) {
  const Database::Use use(database);
  if (Status status = use.status(); !status.ok()) return status;
  rocksdb::ColumnFamilyHandle* const family = use.engine().family(keyspace);
  if (family == nullptr) return NoKeyspace(keyspace);
  if (IsEmptyRange(start, end)) return {};
  const rocksdb::Slice lower = ToSlice(start);
  const rocksdb::Slice upper = ToSlice(end);
  const rocksdb::Status status = use.engine().db().CompactRange(
      rocksdb::CompactRangeOptions(), family, start.empty() ? nullptr : &lower,
      end.empty() ? nullptr : &upper);
  return status.ok() ? Status() : FromRocks(status, "compacting");
}

Status MakeCheckpoint(Database& database, const std::string& path) {
  auto folder = StoreFolder::Open(path, /*create_if_missing=*/true);
  if (!folder.ok()) return folder.status();
  if (!(*folder)->is_new()) {
    return Status(Code::kAlreadyExists, "store " + path + " exists; a backup takes a new folder");
  }
  const Database::Use use(database);
  if (Status status = use.status(); !status.ok()) return status;
  rocksdb::Checkpoint* checkpoint = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(&use.engine().db(), &checkpoint);
  if (!status.ok()) return FromRocks(status, "backup to " + path);
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  status = checkpoint->CreateCheckpoint((*folder)->engine_path());
  if (!status.ok()) return FromRocks(status, "backup to " + path);
  return (*folder)->MarkComplete();
}

std::vector<std::pair<std::string, std::uint64_t>> EngineStatistics(Database& database) {
  using Properties = rocksdb::DB::Properties;
  // Of all keyspaces together.
  const Property wanted[] = {
      {"live_data_bytes", Properties::kEstimateLiveDataSize, Scope::kFamily},
      {"table_bytes", Properties::kTotalSstFilesSize, Scope::kFamily},
      {"keys_estimated", Properties::kEstimateNumKeys, Scope::kFamily},
      {"memtable_bytes", Properties::kCurSizeAllMemTables, Scope::kFamily},
      {"block_cache_bytes", Properties::kBlockCacheUsage, Scope::kStore},
      {"snapshots", Properties::kNumSnapshots, Scope::kStore},
      {"flushes_running", Properties::kNumRunningFlushes, Scope::kStore},
      {"compactions_running", Properties::kNumRunningCompactions, Scope::kStore},
      {"compaction_pending_bytes", Properties::kEstimatePendingCompactionBytes, Scope::kFamily},
      {"background_errors", Properties::kBackgroundErrors, Scope::kStore},
      {"write_stopped", Properties::kIsWriteStopped, Scope::kStore},
  };
  std::vector<std::pair<std::string, std::uint64_t>> found;
  const Database::Use use(database);
  if (!use.status().ok()) return found;
  for (const Property& property : wanted) {
    std::uint64_t value = 0;
    rocksdb::DB& db = use.engine().db();
    const bool is_known = property.scope == Scope::kFamily
                              ? db.GetAggregatedIntProperty(property.rocksdb_name, &value)
                              : db.GetIntProperty(property.rocksdb_name, &value);
    if (is_known) found.emplace_back(property.name, value);
  }
  return found;
}

}  // namespace belay::storage
