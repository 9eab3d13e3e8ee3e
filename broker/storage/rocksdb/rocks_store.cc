#include "broker/storage/rocksdb/rocks_store.h"

#include <string>
#include <utility>

#include "broker/storage/rocksdb/committer.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/rocksdb/history_reader.h"
#include "broker/storage/rocksdb/keyspaces.h"
#include "broker/storage/rocksdb/maintenance.h"
#include "broker/storage/rocksdb/point_reads.h"
#include "broker/storage/rocksdb/rocks_scan.h"
#include "broker/storage/rocksdb/rocks_snapshot.h"
#include "broker/storage/rocksdb/verify.h"

namespace belay::storage {
namespace {

using base::Status;

class RocksStore final : public Store {
 public:
  RocksStore(std::shared_ptr<Database> database, const StoreFacts& facts)
      : database_(std::move(database)),
        boot_epoch_(facts.boot_epoch),
        committer_(database_, facts) {}

  Status Read(const ReadOptions& options, std::string_view key, Visit visit) override {
    return ReadKey(*database_, options, key, visit);
  }
  Status ReadMany(const ReadOptions& options, std::span<const std::string_view> keys,
                  VisitEach visit) override {
    return ReadKeys(*database_, options, keys, visit);
  }

  base::Result<CommitResult> Commit(const WriteBatch& batch) override {
    return committer_.Commit(batch);
  }
  Status Flush() override { return committer_.Flush(); }

  base::Result<std::shared_ptr<const Snapshot>> NewSnapshot() override {
    auto taken = RocksSnapshot::Take(database_, committer_);
    if (!taken.ok()) return taken.status();
    return std::shared_ptr<const Snapshot>(std::move(*taken));
  }
  base::Result<std::unique_ptr<Scan>> NewScan(const ScanOptions& options) override {
    return NewRocksScan(database_, committer_, options);
  }
  base::Result<SizeEstimate> EstimateSize(KeyspaceId keyspace, std::string_view start,
                                          std::string_view end) override {
    return EstimateRangeSize(*database_, keyspace, start, end);
  }

  base::Result<HistoryPage> ReadHistory(const HistoryRange& range) override {
    return ReadHistoryPage(*database_, committer_, range);
  }
  Status TrimHistory(Revision before_revision) override {
    return committer_.TrimHistory(before_revision);
  }
  std::shared_ptr<void> KeepOldValues(KeyspaceId keyspace) override {
    return committer_.KeepOldValues(keyspace);
  }
  base::Result<std::int64_t> ExpireDue(std::int64_t now_ms) override {
    return committer_.ExpireDue(now_ms);
  }

  base::Result<KeyspaceId> CreateKeyspace(std::string_view name) override {
    return storage::CreateKeyspace(*database_, committer_, name);
  }
  Status DropKeyspace(std::string_view name) override {
    return storage::DropKeyspace(*database_, committer_, name);
  }
  base::Result<KeyspaceId> FindKeyspace(std::string_view name) override {
    return storage::FindKeyspace(*database_, name);
  }
  std::vector<KeyspaceInfo> ListKeyspaces() override { return storage::ListKeyspaces(*database_); }

  Revision CurrentRevision() const override { return committer_.current_revision(); }
  Revision OldestRevision() const override { return committer_.oldest_revision(); }
  std::uint64_t BootEpoch() const override { return boot_epoch_; }

  void SetCommitListener(std::function<void(Revision)> listener) override {
    committer_.SetListener(std::move(listener));
  }

  Status Health() const override { return database_->faults().ToStatus(); }
  Status Recover() override { return committer_.Recover(); }

  Status Compact(KeyspaceId keyspace, std::string_view start, std::string_view end) override {
    return CompactKeyspace(*database_, keyspace, start, end);
  }
  Status Checkpoint(const std::string& path) override { return MakeCheckpoint(*database_, path); }
  Status Verify(const Progress& progress) override { return VerifyStore(*database_, progress); }
  std::vector<std::pair<std::string, std::uint64_t>> Statistics() override {
    return EngineStatistics(*database_);
  }

 private:
  const std::shared_ptr<Database> database_;
  const std::uint64_t boot_epoch_;
  Committer committer_;
};

}  // namespace

base::Result<std::unique_ptr<Store>> OpenRocksStore(const RocksOptions& options) {
  StoreFacts facts;
  base::Result<std::shared_ptr<Database>> database = Database::Open(options, &facts);
  if (!database.ok()) return database.status();
  return std::unique_ptr<Store>(std::make_unique<RocksStore>(std::move(database).value(), facts));
}

}  // namespace belay::storage
