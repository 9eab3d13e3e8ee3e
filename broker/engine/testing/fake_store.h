// A Store in memory, for tests: the interface's promises without a disk, and faults on request.
//
// Thread safety: as Store.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/storage/store.h"

namespace belay::engine {

class FakeStore final : public storage::Store {
 public:
  // `on_closed`, if given, runs when the store is destroyed.
  explicit FakeStore(std::function<void()> on_closed = nullptr)
      : on_closed_(std::move(on_closed)) {}
  ~FakeStore() override;

  // The status that reads of history return from now on; OK: as they should.
  void FailHistory(base::Status status);
  // Reads of history so far.
  std::uint64_t history_reads() const;
  // Scans that are open.
  int scans() const { return open_scans_->load(); }
  bool keeps_old_values() const { return keeping_old_->load() != 0; }
  // As if a client had written, async.
  storage::Revision Put(std::string_view key, std::string_view value = "v");

  base::Status Read(const storage::ReadOptions& options, std::string_view key,
                    Visit visit) override;
  base::Result<storage::CommitResult> Commit(const storage::WriteBatch& batch) override;
  base::Status Flush() override { return {}; }
  base::Result<std::unique_ptr<storage::Scan>> NewScan(
      const storage::ScanOptions& options) override;
  base::Result<storage::HistoryPage> ReadHistory(const storage::HistoryRange& range) override;
  base::Status TrimHistory(storage::Revision before_revision) override;
  // Of all keyspaces.
  std::shared_ptr<void> KeepOldValues(storage::KeyspaceId) override;
  storage::Revision CurrentRevision() const override;
  storage::Revision OldestRevision() const override;
  std::uint64_t BootEpoch() const override { return 1; }
  void SetCommitListener(std::function<void(storage::Revision)> listener) override;
  base::Status Health() const override { return {}; }
  base::Status Recover() override { return {}; }

  // What no test of the engine asks a store in memory for.
  base::Status ReadMany(const storage::ReadOptions&, std::span<const std::string_view>,
                        VisitEach) override {
    return NotHere();
  }
  base::Result<std::shared_ptr<const storage::Snapshot>> NewSnapshot() override {
    return NotHere();
  }
  base::Result<storage::SizeEstimate> EstimateSize(storage::KeyspaceId, std::string_view,
                                                   std::string_view) override {
    return NotHere();
  }
  base::Result<std::int64_t> ExpireDue(std::int64_t) override { return 0; }
  base::Result<storage::KeyspaceId> CreateKeyspace(std::string_view) override { return NotHere(); }
  base::Status DropKeyspace(std::string_view) override { return NotHere(); }
  base::Result<storage::KeyspaceId> FindKeyspace(std::string_view) override {
    return storage::kDefaultKeyspace;
  }
  std::vector<storage::KeyspaceInfo> ListKeyspaces() override { return {}; }
  base::Status Compact(storage::KeyspaceId, std::string_view, std::string_view) override {
    return NotHere();
  }
  base::Status Checkpoint(const std::string&) override { return NotHere(); }
  base::Status Verify(const Progress&) override { return NotHere(); }
  std::vector<std::pair<std::string, std::uint64_t>> Statistics() override { return {}; }

 private:
  struct Listener {
    std::function<void(storage::Revision)> function;
    int running = 0;
  };
  struct Change {
    storage::RowKind kind;
    std::string key;
    std::string value;
    storage::Revision before = 0;  // of kind kOld: its revision
  };
  struct PastCommit {
    storage::KeyspaceId keyspace;
    std::vector<Change> changes;
  };
  using Data = std::map<std::string, storage::Record, std::less<>>;

  static void Apply(const storage::Operation& operation, storage::Revision revision, Data* data,
                    storage::CommitResult* result, std::vector<Change>* changes);

  static base::Status NotHere() {
    return base::Status(base::Code::kUnimplemented, "not in a store for tests");
  }

  const std::function<void()> on_closed_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::map<storage::KeyspaceId, Data> data_;
  std::vector<PastCommit> history_;  // of revision 1, 2, ...
  // Shared: what counts may outlive the store.
  const std::shared_ptr<std::atomic<int>> open_scans_ = std::make_shared<std::atomic<int>>(0);
  const std::shared_ptr<std::atomic<int>> keeping_old_ = std::make_shared<std::atomic<int>>(0);
  storage::Revision oldest_ = 1;
  base::Status history_fault_;
  std::uint64_t history_reads_ = 0;
  std::shared_ptr<Listener> listener_;
};

}  // namespace belay::engine
