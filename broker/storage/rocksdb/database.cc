#include "broker/storage/rocksdb/database.h"

#include <filesystem>
#include <string>
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

Database::Database(std::unique_ptr<StoreFolder> folder)
    : folder_(std::move(folder)), faults_(std::make_shared<FaultState>()) {}

base::Result<std::shared_ptr<Database>> Database::Open(const RocksOptions& options,
                                                       StoreFacts* facts) {
  auto folder = StoreFolder::Open(options.path, options.create_if_missing);
  if (!folder.ok()) return folder.status();
  std::shared_ptr<Database> database(new Database(std::move(folder).value()));
  if (Status status = database->OpenEngine(options); !status.ok()) return status;
  if (Status status = database->LoadFacts(facts); !status.ok()) return status;
  return database;
}

Database::~Database() {
  if (db_ == nullptr) return;
  // An orderly close makes async commits durable too. Nobody is left to be told of a failure.
  if (!faults_->read_only()) db_->SyncWAL().PermitUncheckedError();
  for (rocksdb::ColumnFamilyHandle* family : {history_family_, data_family_, facts_family_}) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
  delete db_;
}

Status Database::OpenEngine(const RocksOptions& options) {
  const std::string path = folder_->engine_path();
  const bool create = folder_->is_new();
  std::error_code error;
  if (!create && !std::filesystem::exists(path + "/CURRENT", error)) {
    // RocksDB would call this an invalid argument; it is a store that lost its files.
    return Corrupt("store " + folder_->path() + ": " + path + "/CURRENT is missing");
  }
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  const rocksdb::Status opened = rocksdb::DB::Open(EngineOptions(options, create, faults_), path,
                                                   EngineFamilies(), &families, &db_);
  if (!opened.ok()) {
    db_ = nullptr;
    const std::string what = "store " + folder_->path() + " cannot be opened";
    if (opened.IsInvalidArgument()) {
      // The families on disk are not the ones we know.
      return Status(Code::kFailedPrecondition, what + ": " + opened.ToString(), "UNKNOWN_FORMAT");
    }
    return FromRocks(opened, what);
  }
  facts_family_ = families[0];
  data_family_ = families[1];
  history_family_ = families[2];
  return Status();
}

base::Result<std::uint64_t> Database::ReadFact(const char* key,
                                               const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  std::string bytes;
  const rocksdb::Status status = db_->Get(read, facts_family_, key, &bytes);
  if (status.IsNotFound())
    return Corrupt("the store's own \"" + std::string(key) + "\" is missing");
  if (!status.ok())
    return FromRocks(status, "reading the store's own \"" + std::string(key) + "\"");
  const std::optional<std::uint64_t> number = DecodeNumber(bytes);
  if (!number) return Corrupt("the store's own \"" + std::string(key) + "\" is malformed");
  return *number;
}

Status Database::WriteFacts(const StoreFacts& facts) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status = batch.Put(facts_family_, kFormatKey, EncodeNumber(kStoreFormat));
  if (status.ok()) status = batch.Put(facts_family_, kRevisionKey, EncodeNumber(facts.revision));
  if (status.ok())
    status = batch.Put(facts_family_, kOldestKey, EncodeNumber(facts.oldest_revision));
  if (status.ok()) status = batch.Put(facts_family_, kEpochKey, EncodeNumber(facts.boot_epoch));
  rocksdb::WriteOptions write;
  write.sync = true;
  if (status.ok()) status = db_->Write(write, &batch);
  if (!status.ok()) return FromRocks(status, "store " + folder_->path() + " cannot be written");
  return Status();
}

Status Database::LoadFacts(StoreFacts* facts) {
  *facts = StoreFacts();
  base::Result<std::uint64_t> format = ReadFact(kFormatKey, nullptr);
  if (!format.ok()) {
    // Facts are written in one batch, so either all are there or the creation was cut short.
    if (!folder_->is_new()) return format.status();
    if (Status status = CheckEmpty(data_family_, "keys"); !status.ok()) return status;
    if (Status status = CheckEmpty(history_family_, "history"); !status.ok()) return status;
  } else {
    if (*format != kStoreFormat) {
      return Status(Code::kFailedPrecondition,
                    "store " + folder_->path() + " has format " + std::to_string(*format) +
                        ", this version knows " + std::to_string(kStoreFormat),
                    "UNKNOWN_FORMAT");
    }
    base::Result<std::uint64_t> revision = ReadFact(kRevisionKey, nullptr);
    if (!revision.ok()) return revision.status();
    base::Result<std::uint64_t> oldest = ReadFact(kOldestKey, nullptr);
    if (!oldest.ok()) return oldest.status();
    base::Result<std::uint64_t> epoch = ReadFact(kEpochKey, nullptr);
    if (!epoch.ok()) return epoch.status();
    *facts = StoreFacts{*revision, *oldest, *epoch};
    if (Status status = CheckHistoryEnds(*facts); !status.ok()) return status;
  }
  // Durable before anyone can see it: an epoch that a crash took back would be given out twice.
  ++facts->boot_epoch;
  if (Status status = WriteFacts(*facts); !status.ok()) return status;
  return folder_->is_new() ? folder_->MarkComplete() : Status();
}

Status Database::CheckEmpty(rocksdb::ColumnFamilyHandle* family, std::string_view what) {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(rocksdb::ReadOptions(), family));
  iterator->SeekToFirst();
  if (!iterator->status().ok()) return FromRocks(iterator->status(), "store " + folder_->path());
  if (!iterator->Valid()) return Status();
  return Corrupt("store " + folder_->path() + " has " + std::string(what) + " but no revision");
}

Status Database::CheckHistoryEnds(const StoreFacts& facts) {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(rocksdb::ReadOptions(), history_family_));
  const std::string where = "store " + folder_->path() + ": ";
  const auto ends_at = [&](Revision expected, const char* which) {
    if (!iterator->status().ok()) return FromRocks(iterator->status(), where + "reading history");
    const auto found = iterator->Valid() ? DecodeHistoryKey(ToView(iterator->key())) : std::nullopt;
    if (found == expected) return Status();
    return Corrupt(where + "its " + which + " revision should be " + std::to_string(expected) +
                   ", the history has " + (found ? std::to_string(*found) : "none"));
  };
  iterator->SeekToFirst();
  if (facts.oldest_revision > facts.revision) {
    if (!iterator->status().ok()) return FromRocks(iterator->status(), where + "reading history");
    if (!iterator->Valid() && facts.oldest_revision == facts.revision + 1) return Status();
    return Corrupt(where + "its history does not fit its revision");
  }
  if (Status status = ends_at(facts.oldest_revision, "oldest"); !status.ok()) return status;
  iterator->SeekToLast();
  return ends_at(facts.revision, "last");
}

Status Database::Recover() {
  // Resume() begins a new log only if memory held something to write. If not, the old log goes on,
  // which may end in a batch that was refused, and whose file object refuses to be written. So a
  // fact that means nothing is put into memory, past the log, and flushed: the flush begins a new
  // log and makes the old one obsolete for every family. It fails when the old log's file object is
  // in the way; then a second Resume(), now with something to write, gets past that.
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  rocksdb::Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = db_->Resume();
    if (!status.ok()) break;  // the disk is as bad as it was
    status = db_->Put(unlogged, facts_family_, kRecoveredKey, "");
    if (status.ok()) {
      status = db_->Flush(rocksdb::FlushOptions(), {facts_family_, data_family_, history_family_});
    }
    if (status.ok()) {
      faults_->Clear();
      return Status();
    }
  }
  faults_->Report(DescribeFault(status));  // the first cause stays, if there is one
  return faults_->ToStatus();
}

}  // namespace belay::storage
