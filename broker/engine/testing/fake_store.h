// A Store in memory, for tests: the interface's promises without a disk, and faults on request.
//
// Thread safety: as Store.
#pragma once

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
  // As if a client had written, async.
  storage::Revision Put(std::string_view key, std::string_view value = "v");

  base::Result<storage::Record> Get(std::string_view key) override;
  base::Result<storage::CommitResult> Commit(const storage::WriteBatch& batch) override;
  base::Result<std::unique_ptr<storage::Scan>> NewScan(
      const storage::ScanOptions& options) override;
  base::Result<storage::HistoryPage> ReadHistory(storage::Revision from_revision,
                                                 std::string_view start, std::string_view end,
                                                 std::uint32_t max_rows,
                                                 std::size_t max_bytes) override;
  base::Status TrimHistory(storage::Revision before_revision) override;
  storage::Revision CurrentRevision() const override;
  storage::Revision OldestRevision() const override;
  std::uint64_t BootEpoch() const override { return 1; }
  void SetCommitListener(std::function<void(storage::Revision)> listener) override;
  base::Status Health() const override { return {}; }
  base::Status Recover() override { return {}; }

 private:
  struct Listener {
    std::function<void(storage::Revision)> function;
    int running = 0;
  };
  struct Change {
    storage::RowKind kind;
    std::string key;
    std::string value;
  };

  const std::function<void()> on_closed_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::map<std::string, storage::Record, std::less<>> data_;
  std::vector<std::vector<Change>> history_;  // of revision 1, 2, ...
  storage::Revision oldest_ = 1;
  base::Status history_fault_;
  std::uint64_t history_reads_ = 0;
  std::shared_ptr<Listener> listener_;
};

}  // namespace belay::engine
