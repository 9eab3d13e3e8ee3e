#include "tests/bench/store/raw.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "broker/storage/rocksdb/engine_options.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/options.h"
#include "rocksdb/slice.h"
#include "rocksdb/write_batch.h"

namespace belay::bench {
namespace {

void Check(const rocksdb::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench: RocksDB: %s: %s\n", what, status.ToString().c_str());
  std::exit(2);
}

rocksdb::ColumnFamilyOptions DataFamilyOptions() {
  const auto families = storage::EngineFamilies(storage::RocksOptions(), {});
  return std::ranges::find(families, storage::kDataFamily, &rocksdb::ColumnFamilyDescriptor::name)
      ->options;
}

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RawSession final : public Session {
 public:
  RawSession(rocksdb::DB& db, Durability durability) : db_(db) {
    write_.sync = durability == Durability::kSync;
  }

  char Get(std::string_view key) override {
    value_.Reset();
    Check(db_.Get(read_, db_.DefaultColumnFamily(), ToSlice(key), &value_), "Get");
    return value_[0];
  }

  void Put(std::string_view key, std::string_view value) override {
    Check(db_.Put(write_, ToSlice(key), ToSlice(value)), "Put");
  }

  void PutAll(std::span<const Entry> entries) override {
    batch_.Clear();
    for (const Entry& entry : entries) {
      Check(batch_.Put(ToSlice(entry.key), ToSlice(entry.value)), "WriteBatch::Put");
    }
    Check(db_.Write(write_, &batch_), "Write");
  }

  Scanned Scan() override {
    Scanned scanned;
    const std::unique_ptr<rocksdb::Iterator> rows(db_.NewIterator(read_));
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
      scanned.Add(ToView(rows->key()), ToView(rows->value()));
    }
    Check(rows->status(), "Next");
    return scanned;
  }

 private:
  rocksdb::DB& db_;
  rocksdb::ReadOptions read_;
  rocksdb::WriteOptions write_;
  rocksdb::PinnableSlice value_;
  rocksdb::WriteBatch batch_;
};

}  // namespace

Raw::Raw(const std::string& folder, Durability durability) : durability_(durability) {
  const rocksdb::Options options(
      storage::EngineOptions({}, /*create=*/true, std::make_shared<storage::FaultState>()),
      DataFamilyOptions());
  rocksdb::DB* db = nullptr;
  Check(rocksdb::DB::Open(options, folder, &db), "Open");
  db_.reset(db);
}

void Raw::Compact() { Check(db_->CompactRange({}, nullptr, nullptr), "CompactRange"); }

std::unique_ptr<Session> Raw::NewSession() {
  return std::make_unique<RawSession>(*db_, durability_);
}

}  // namespace belay::bench
