#include "broker/storage/rocksdb/rocks_scan.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/record.h"
#include "broker/storage/rocksdb/rocks_snapshot.h"
#include "rocksdb/db.h"

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

class RocksScan final : public Scan, private EngineGuest {
 public:
  RocksScan(std::shared_ptr<Database> database, std::shared_ptr<const RocksSnapshot> snapshot,
            const ScanOptions& options)
      : database_(std::move(database)),
        snapshot_(std::move(snapshot)),
        options_(options),
        start_(ToSlice(options_.start)),
        end_(ToSlice(options_.end)),
        left_(options.limit == 0 ? std::numeric_limits<std::uint64_t>::max() : options.limit) {}

  ~RocksScan() override {
    const Database::Use use(*database_);
    if (iterator_ == nullptr) return;
    database_->RemoveGuest(this);
    LeaveEngine();
  }

  Status Start() {
    const Database::Use use(*database_);
    if (Status status = use.status(); !status.ok()) return status;
    if (snapshot_->get() == nullptr) return SnapshotLost();
    rocksdb::ColumnFamilyHandle* const family = use.engine().family(options_.read.keyspace);
    if (family == nullptr) return NoKeyspace(options_.read.keyspace);
    rocksdb::ReadOptions read;
    read.snapshot = snapshot_->get();
    if (!options_.start.empty()) read.iterate_lower_bound = &start_;
    if (!options_.end.empty()) read.iterate_upper_bound = &end_;
    iterator_.reset(use.engine().db().NewIterator(read, family));
    database_->AddGuest(this);
    // Both respect the bounds.
    options_.reverse ? iterator_->SeekToLast() : iterator_->SeekToFirst();
    return Status();
  }

  Status Next(RowBlockBuilder* rows, std::uint32_t max_rows, std::size_t max_bytes) override {
    if (max_rows == 0) return Status(Code::kInvalidArgument, "max_rows is 0; 1 row is the least");
    const Database::Use use(*database_);
    if (iterator_ == nullptr) return SnapshotLost();
    std::uint32_t appended = 0;
    while (appended < max_rows && left_ > 0 && iterator_->Valid()) {
      const std::string_view key = ToView(iterator_->key());
      const std::optional<RecordView> record = DecodeRecord(ToView(iterator_->value()));
      if (!record) return Corrupt("key " + QuoteKey(key) + ": its record is too short");
      Row row;
      row.revision = record->mod_revision;
      row.key = key;
      if (!options_.keys_only) row.value = record->value;
      const std::size_t grown_bytes =
          rows->size_bytes() + RowBytes(row.key.size(), row.value.size());
      if (appended > 0 && grown_bytes > max_bytes) break;
      rows->Append(row);
      ++appended;
      --left_;
      options_.reverse ? iterator_->Prev() : iterator_->Next();
    }
    if (appended > 0) return Status();  // an error of the iterator is told by the next call
    if (!iterator_->status().ok()) return FromRocks(iterator_->status(), "scanning");
    return Status(Code::kEnd, "no more rows");
  }

  Revision revision() const override { return snapshot_->revision(); }

 private:
  void LeaveEngine() override { iterator_.reset(); }

  const std::shared_ptr<Database> database_;
  const std::shared_ptr<const RocksSnapshot> snapshot_;
  const ScanOptions options_;
  const rocksdb::Slice start_;
  const rocksdb::Slice end_;
  std::uint64_t left_;
  // Touched within a Use, or by LeaveEngine() when there is none. Null: lost, or never started.
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

base::Result<std::unique_ptr<Scan>> NewRocksScan(std::shared_ptr<Database> database,
                                                 const Committer& committer,
                                                 const ScanOptions& options) {
  auto snapshot = options.read.snapshot == nullptr
                      ? RocksSnapshot::Take(database, committer)
                      : AsRocksSnapshot(options.read.snapshot, *database);
  if (!snapshot.ok()) return snapshot.status();
  auto scan = std::make_unique<RocksScan>(std::move(database), std::move(*snapshot), options);
  if (Status status = scan->Start(); !status.ok()) return status;
  return std::unique_ptr<Scan>(std::move(scan));
}

}  // namespace belay::storage
