#include "broker/storage/rocksdb/point_reads.h"

#include <optional>
#include <string>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/record.h"
#include "broker/storage/rocksdb/rocks_snapshot.h"
#include "rocksdb/db.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

// Where and when a read looks, found within a Use.
struct Place {
  rocksdb::ColumnFamilyHandle* family = nullptr;
  rocksdb::ReadOptions read;
};

Status Find(const Database& database, const Engine& engine, const ReadOptions& options,
            Place* place) {
  place->family = engine.family(options.keyspace);
  if (place->family == nullptr) return NoKeyspace(options.keyspace);
  if (options.snapshot == nullptr) return {};
  const auto snapshot = AsRocksSnapshot(options.snapshot, database);
  if (!snapshot.ok()) return snapshot.status();
  place->read.snapshot = (*snapshot)->get();
  return place->read.snapshot != nullptr ? Status() : SnapshotLost();
}

Status TooShort(std::string_view key) {
  return Corrupt("key " + QuoteKey(key) + ": its record is too short");
}

}  // namespace

Status ReadKey(Database& database, const ReadOptions& options, std::string_view key,
               Store::Visit visit) {
  if (Status status = ValidateKey(key); !status.ok()) return status;
  const Database::Use use(database);
  if (Status unreadable = use.status(); !unreadable.ok()) return unreadable;
  Place place;
  if (Status status = Find(database, use.engine(), options, &place); !status.ok()) return status;
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status =
      use.engine().db().Get(place.read, place.family, ToSlice(key), &bytes);
  if (status.IsNotFound()) return Status(Code::kNotFound, "no key " + QuoteKey(key));
  if (!status.ok()) return FromRocks(status, "reading key " + QuoteKey(key));
  const std::optional<RecordView> record = DecodeRecord(ToView(bytes));
  if (!record) return TooShort(key);
  visit(*record);
  return {};
}

Status ReadKeys(Database& database, const ReadOptions& options,
                std::span<const std::string_view> keys, Store::VisitEach visit) {
  if (keys.size() > kMaxReadKeys) {
    return Status(Code::kInvalidArgument,
                  std::to_string(keys.size()) +
                      " keys were asked for, the bound max_read_keys is " +
                      std::to_string(kMaxReadKeys),
                  "LIMIT_EXCEEDED");
  }
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const std::string_view key : keys) {
    if (Status status = ValidateKey(key); !status.ok()) return status;
    slices.push_back(ToSlice(key));
  }
  const Database::Use use(database);
  if (Status unreadable = use.status(); !unreadable.ok()) return unreadable;
  Place place;
  if (Status status = Find(database, use.engine(), options, &place); !status.ok()) return status;
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  use.engine().db().MultiGet(place.read, place.family, keys.size(), slices.data(), values.data(),
                             statuses.data());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) {
      visit(i, nullptr);
      continue;
    }
    if (!statuses[i].ok()) return FromRocks(statuses[i], "reading key " + QuoteKey(keys[i]));
    const std::optional<RecordView> record = DecodeRecord(ToView(values[i]));
    if (!record) return TooShort(keys[i]);
    visit(i, &*record);
  }
  return {};
}

}  // namespace belay::storage
