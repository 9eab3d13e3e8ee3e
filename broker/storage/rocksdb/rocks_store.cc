#include "broker/storage/rocksdb/rocks_store.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "broker/storage/rocksdb/committer.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/history_reader.h"
#include "broker/storage/rocksdb/rocks_scan.h"
#include "rocksdb/db.h"

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

class RocksStore final : public Store {
 public:
  RocksStore(std::shared_ptr<Database> database, const StoreFacts& facts, const base::Clock& clock)
      : database_(std::move(database)),
        boot_epoch_(facts.boot_epoch),
        committer_(database_, facts, clock) {}

  base::Result<Record> Get(std::string_view key) override {
    if (Status status = ValidateKey(key); !status.ok()) return status;
    const Database::Use use(*database_);
    if (Status unreadable = use.status(); !unreadable.ok()) return unreadable;
    const Engine& engine = use.engine();
    rocksdb::PinnableSlice bytes;
    const rocksdb::Status status =
        engine.db().Get(rocksdb::ReadOptions(), engine.data_family(), ToSlice(key), &bytes);
    if (status.IsNotFound()) return Status(Code::kNotFound, "no key " + QuoteKey(key));
    if (!status.ok()) return FromRocks(status, "reading key " + QuoteKey(key));
    const std::optional<RecordHeader> header = DecodeRecordHeader(ToView(bytes));
    if (!header) return Corrupt("key " + QuoteKey(key) + ": its record is too short");
    return Record{std::string(ToView(bytes).substr(kRecordHeaderBytes)), header->create_revision,
                  header->mod_revision, header->version};
  }

  base::Result<CommitResult> Commit(const WriteBatch& batch) override {
    return committer_.Commit(batch);
  }

  base::Result<std::unique_ptr<Scan>> NewScan(const ScanOptions& options) override {
    return NewRocksScan(database_, options);
  }

  base::Result<HistoryPage> ReadHistory(Revision from_revision, std::string_view start,
                                        std::string_view end, std::uint32_t max_rows,
                                        std::size_t max_bytes) override {
    return ReadHistoryPage(*database_, committer_,
                           HistoryRange{from_revision, start, end, max_rows, max_bytes});
  }

  Status TrimHistory(Revision before_revision) override {
    return committer_.TrimHistory(before_revision);
  }

  Revision CurrentRevision() const override { return committer_.current_revision(); }
  Revision OldestRevision() const override { return committer_.oldest_revision(); }
  std::uint64_t BootEpoch() const override { return boot_epoch_; }

  void SetCommitListener(std::function<void(Revision)> listener) override {
    committer_.SetListener(std::move(listener));
  }

  Status Health() const override { return database_->faults().ToStatus(); }
  Status Recover() override { return committer_.Recover(); }

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
  return std::unique_ptr<Store>(
      std::make_unique<RocksStore>(std::move(database).value(), facts, *options.clock));
}

}  // namespace belay::storage
