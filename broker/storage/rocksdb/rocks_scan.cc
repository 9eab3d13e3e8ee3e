#include "broker/storage/rocksdb/rocks_scan.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/db.h"

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

class RocksScan final : public Scan, private EngineGuest {
 public:
  RocksScan(std::shared_ptr<Database> database, const ScanOptions& options)
      : database_(std::move(database)),
        options_(options),
        start_(ToSlice(options_.start)),
        end_(ToSlice(options_.end)),
        left_(options.limit == 0 ? std::numeric_limits<std::uint64_t>::max() : options.limit) {}

  ~RocksScan() override {
    const Database::Use use(*database_);
    if (engine_ == nullptr) return;
    database_->RemoveGuest(this);
    LeaveEngine();
  }

  Status Start() {
    const Database::Use use(*database_);
    if (Status status = use.status(); !status.ok()) return status;
    engine_ = &use.engine();
    database_->AddGuest(this);
    snapshot_ = engine_->db().GetSnapshot();
    // In the same snapshot as the rows, so that a watch can take over exactly where the scan stops.
    base::Result<std::uint64_t> revision = engine_->ReadFact(kRevisionKey, snapshot_);
    if (!revision.ok()) return revision.status();
    revision_ = *revision;
    rocksdb::ReadOptions read;
    read.snapshot = snapshot_;
    if (!options_.start.empty()) read.iterate_lower_bound = &start_;
    if (!options_.end.empty()) read.iterate_upper_bound = &end_;
    iterator_.reset(engine_->db().NewIterator(read, engine_->data_family()));
    // Both respect the bounds.
    options_.reverse ? iterator_->SeekToLast() : iterator_->SeekToFirst();
    return Status();
  }

  Status Next(RowBlockBuilder* rows, std::uint32_t max_rows, std::size_t max_bytes) override {
    if (max_rows == 0) return Status(Code::kInvalidArgument, "max_rows is 0; 1 row is the least");
    const Database::Use use(*database_);
    if (engine_ == nullptr) {
      return Status(
          Code::kUnavailable,
          "the scan's snapshot went when the store recovered from a disk fault; scan anew",
          "SNAPSHOT_LOST");
    }
    std::uint32_t appended = 0;
    while (appended < max_rows && left_ > 0 && iterator_->Valid()) {
      const std::string_view key = ToView(iterator_->key());
      const std::string_view record = ToView(iterator_->value());
      const std::optional<RecordHeader> header = DecodeRecordHeader(record);
      if (!header) return Corrupt("key " + QuoteKey(key) + ": its record is too short");
      Row row;
      row.revision = header->mod_revision;
      row.key = key;
      if (!options_.keys_only) row.value = record.substr(kRecordHeaderBytes);
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

  Revision revision() const override { return revision_; }

 private:
  void LeaveEngine() override {
    iterator_.reset();
    if (snapshot_ != nullptr) engine_->db().ReleaseSnapshot(snapshot_);
    snapshot_ = nullptr;
    engine_ = nullptr;
  }

  const std::shared_ptr<Database> database_;
  const ScanOptions options_;
  const rocksdb::Slice start_;
  const rocksdb::Slice end_;
  std::uint64_t left_;
  Revision revision_ = 0;
  // Touched within a Use, or by LeaveEngine() when there is none. Null: lost, or never started.
  Engine* engine_ = nullptr;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

base::Result<std::unique_ptr<Scan>> NewRocksScan(std::shared_ptr<Database> database,
                                                 const ScanOptions& options) {
  auto scan = std::make_unique<RocksScan>(std::move(database), options);
  if (Status status = scan->Start(); !status.ok()) return status;
  return std::unique_ptr<Scan>(std::move(scan));
}

}  // namespace belay::storage
