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

// A snapshot that lets itself go, and keeps the database it is of.
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<Database> database)
      : database_(std::move(database)), snapshot_(database_->db().GetSnapshot()) {}
  ~Snapshot() { database_->db().ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const rocksdb::Snapshot* get() const noexcept { return snapshot_; }
  Database& database() const noexcept { return *database_; }

 private:
  const std::shared_ptr<Database> database_;
  const rocksdb::Snapshot* const snapshot_;
};

class RocksScan final : public Scan {
 public:
  RocksScan(std::unique_ptr<Snapshot> snapshot, Revision revision, const ScanOptions& options)
      : snapshot_(std::move(snapshot)),
        revision_(revision),
        options_(options),
        start_(ToSlice(options_.start)),
        end_(ToSlice(options_.end)),
        left_(options.limit == 0 ? std::numeric_limits<std::uint64_t>::max() : options.limit) {
    rocksdb::ReadOptions read;
    read.snapshot = snapshot_->get();
    if (!options_.start.empty()) read.iterate_lower_bound = &start_;
    if (!options_.end.empty()) read.iterate_upper_bound = &end_;
    Database& database = snapshot_->database();
    iterator_.reset(database.db().NewIterator(read, database.data_family()));
    // Both respect the bounds.
    options_.reverse ? iterator_->SeekToLast() : iterator_->SeekToFirst();
  }

  Status Next(RowBlockBuilder* rows, std::uint32_t max_rows, std::size_t max_bytes) override {
    if (max_rows == 0) return Status(Code::kInvalidArgument, "max_rows is 0; 1 row is the least");
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
  // Destroyed from below: iterator, what it points to, snapshot.
  const std::unique_ptr<Snapshot> snapshot_;
  const Revision revision_;
  const ScanOptions options_;
  const rocksdb::Slice start_;
  const rocksdb::Slice end_;
  std::uint64_t left_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

base::Result<std::unique_ptr<Scan>> NewRocksScan(std::shared_ptr<Database> database,
                                                 const ScanOptions& options) {
  auto snapshot = std::make_unique<Snapshot>(std::move(database));
  // In the same snapshot as the rows, so that a watch can take over exactly where the scan stops.
  base::Result<std::uint64_t> revision =
      snapshot->database().ReadFact(kRevisionKey, snapshot->get());
  if (!revision.ok()) return revision.status();
  return std::unique_ptr<Scan>(
      std::make_unique<RocksScan>(std::move(snapshot), *revision, options));
}

}  // namespace belay::storage
