#include "broker/storage/rocksdb/engine.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/storage/rocksdb/engine_options.h"
#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace belay::storage {

using base::Code;
using base::Status;

base::Result<std::unique_ptr<Engine>> Engine::Open(const RocksOptions& options,
                                                   const std::string& path, Mode mode,
                                                   std::shared_ptr<FaultState> faults) {
  std::error_code error;
  if (mode != Mode::kCreate && !std::filesystem::exists(path + "/CURRENT", error)) {
    // RocksDB would call this an invalid argument; it is a store that lost its files.
    return Corrupt("store " + options.path + ": " + path + "/CURRENT is missing");
  }
  std::unique_ptr<Engine> engine(new Engine(options.path));
  engine->faults_ = faults;
  const rocksdb::DBOptions db_options =
      EngineOptions(options, mode == Mode::kCreate, std::move(faults));
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  const rocksdb::Status opened =
      mode == Mode::kReadOnly
          ? rocksdb::DB::OpenForReadOnly(db_options, path, EngineFamilies(), &families,
                                         &engine->db_)
          : rocksdb::DB::Open(db_options, path, EngineFamilies(), &families, &engine->db_);
  if (!opened.ok()) {
    engine->db_ = nullptr;
    const std::string what = "store " + options.path + " cannot be opened";
    if (opened.IsInvalidArgument()) {
      // The families on disk are not the ones we know.
      return Status(Code::kFailedPrecondition, what + ": " + opened.ToString(), "UNKNOWN_FORMAT");
    }
    return FromRocks(opened, what);
  }
  engine->facts_family_ = families[0];
  engine->data_family_ = families[1];
  engine->history_family_ = families[2];
  return engine;
}

Engine::~Engine() {
  if (db_ == nullptr) return;
  // Nobody is left to be told of a failure.
  if (!faults_->read_only()) db_->SyncWAL().PermitUncheckedError();
  for (rocksdb::ColumnFamilyHandle* family : {history_family_, data_family_, facts_family_}) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
  delete db_;
}

base::Result<std::uint64_t> Engine::ReadFact(const char* key,
                                             const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  std::string bytes;
  const rocksdb::Status status = db_->Get(read, facts_family_, key, &bytes);
  const std::string what = "store " + path_ + ": its own \"" + key + "\"";
  if (status.IsNotFound()) return Corrupt(what + " is missing");
  if (!status.ok()) return FromRocks(status, what);
  const std::optional<std::uint64_t> number = DecodeNumber(bytes);
  if (!number) return Corrupt(what + " is malformed");
  return *number;
}

base::Result<StoreFacts> Engine::ReadFacts() const {
  // They are written in one batch: either all are there or none.
  if (IsEmpty(facts_family_) && IsEmpty(data_family_) && IsEmpty(history_family_)) {
    return Status(Code::kNotFound, "store " + path_ + " is empty");
  }
  base::Result<std::uint64_t> format = ReadFact(kFormatKey, nullptr);
  if (!format.ok()) return format.status();
  if (*format != kStoreFormat) {
    return Status(Code::kFailedPrecondition,
                  "store " + path_ + " has format " + std::to_string(*format) +
                      ", this version knows " + std::to_string(kStoreFormat),
                  "UNKNOWN_FORMAT");
  }
  base::Result<std::uint64_t> revision = ReadFact(kRevisionKey, nullptr);
  if (!revision.ok()) return revision.status();
  base::Result<std::uint64_t> oldest = ReadFact(kOldestKey, nullptr);
  if (!oldest.ok()) return oldest.status();
  base::Result<std::uint64_t> epoch = ReadFact(kEpochKey, nullptr);
  if (!epoch.ok()) return epoch.status();
  const StoreFacts facts{*revision, *oldest, *epoch};
  if (Status status = CheckHistory(facts); !status.ok()) return status;
  return facts;
}

Status Engine::WriteFacts(const StoreFacts& facts) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status = batch.Put(facts_family_, kFormatKey, EncodeNumber(kStoreFormat));
  if (status.ok()) status = batch.Put(facts_family_, kRevisionKey, EncodeNumber(facts.revision));
  if (status.ok()) {
    status = batch.Put(facts_family_, kOldestKey, EncodeNumber(facts.oldest_revision));
  }
  if (status.ok()) status = batch.Put(facts_family_, kEpochKey, EncodeNumber(facts.boot_epoch));
  rocksdb::WriteOptions write;
  write.sync = true;
  if (status.ok()) status = db_->Write(write, &batch);
  if (!status.ok()) return FromRocks(status, "store " + path_ + " cannot be written");
  return Status();
}

bool Engine::IsEmpty(rocksdb::ColumnFamilyHandle* family) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(rocksdb::ReadOptions(), family));
  iterator->SeekToFirst();
  return !iterator->Valid() && iterator->status().ok();
}

Status Engine::CheckHistory(const StoreFacts& facts) const {
  const std::string where = "store " + path_ + ": ";
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(rocksdb::ReadOptions(), history_family_));
  // `expected`: nothing if the history should be empty.
  const auto check = [&](std::optional<Revision> expected, const char* which) {
    if (!iterator->status().ok()) return FromRocks(iterator->status(), where + "reading history");
    const auto found = iterator->Valid() ? DecodeHistoryKey(ToView(iterator->key())) : std::nullopt;
    if (found == expected) return Status();
    const auto text = [](const std::optional<Revision>& revision) {
      return revision ? std::to_string(*revision) : "none";
    };
    return Corrupt(where + "the " + which + " revision of its history should be " + text(expected) +
                   ", and is " + text(found));
  };
  const bool is_empty = facts.oldest_revision == facts.revision + 1;
  using Expected = std::optional<Revision>;
  iterator->SeekToFirst();
  Status status = check(is_empty ? Expected() : facts.oldest_revision, "oldest");
  if (!status.ok()) return status;
  iterator->SeekToLast();
  return check(is_empty ? Expected() : facts.revision, "last");
}

}  // namespace belay::storage
