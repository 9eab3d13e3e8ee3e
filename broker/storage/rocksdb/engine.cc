#include "broker/storage/rocksdb/engine.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "broker/storage/rocksdb/engine_options.h"
#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

// Those that are there besides ours: clients' keyspaces. Fewer, also none, in a new store.
base::Result<std::vector<std::string>> ListFamilies(const rocksdb::DBOptions& options,
                                                    const std::string& path, Engine::Mode mode,
                                                    const std::string& what) {
  std::vector<std::string> names;
  std::error_code ignored;
  if (mode == Engine::Mode::kCreate && !std::filesystem::exists(path + "/CURRENT", ignored)) {
    return names;
  }
  const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, path, &names);
  if (!status.ok()) return FromRocks(status, what);
  return names;
}

}  // namespace

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
  const std::string what = "store " + options.path + " cannot be opened";
  const auto names = ListFamilies(db_options, path, mode, what);
  if (!names.ok()) return names.status();
  const auto wanted = EngineFamilies(options, *names);
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  const rocksdb::Status opened =
      mode == Mode::kReadOnly
          ? rocksdb::DB::OpenForReadOnly(db_options, path, wanted, &families, &engine->db_)
          : rocksdb::DB::Open(db_options, path, wanted, &families, &engine->db_);
  if (!opened.ok()) {
    engine->db_ = nullptr;
    if (opened.IsInvalidArgument()) {
      // The families on disk are not the ones we know.
      return Status(Code::kFailedPrecondition, what + ": " + opened.ToString(), "UNKNOWN_FORMAT");
    }
    return FromRocks(opened, what);
  }
  if (Status status = engine->TakeFamilies(families); !status.ok()) return status;
  return engine;
}

// In the order of EngineFamilies().
Status Engine::TakeFamilies(const std::vector<rocksdb::ColumnFamilyHandle*>& families) {
  facts_family_ = families[0];
  data_family_ = families[1];
  history_family_ = families[2];
  keyspaces_[kSystemKeyspace] = {kSystemKeyspaceName, families[3]};
  expiry_family_ = families[4];
  for (std::size_t i = 5; i < families.size(); ++i) {
    keyspaces_[families[i]->GetID()] = {families[i]->GetName().substr(kKeyspaceFamilyPrefix.size()),
                                        families[i]};
  }
  if (data_family_->GetID() == kDefaultKeyspace && families[3]->GetID() == kSystemKeyspace) {
    return {};
  }
  return Status(Code::kFailedPrecondition,
                "store " + path_ + ": its column families are numbered as no store's are",
                "UNKNOWN_FORMAT");
}

Engine::~Engine() {
  if (db_ == nullptr) return;
  // Nobody is left to be told of a failure.
  if (!faults_->read_only()) db_->SyncWAL().PermitUncheckedError();
  std::vector<rocksdb::ColumnFamilyHandle*> families = {expiry_family_, history_family_,
                                                        data_family_, facts_family_};
  for (const auto& [id, keyspace] : keyspaces_) families.push_back(keyspace.family);
  for (rocksdb::ColumnFamilyHandle* family : families) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
  delete db_;
}

base::Result<std::uint64_t> Engine::ReadFact(const char* key) const {
  std::string bytes;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), facts_family_, key, &bytes);
  const std::string what = "store " + path_ + ": its own \"" + key + "\"";
  if (status.IsNotFound()) return Corrupt(what + " is missing");
  if (!status.ok()) return FromRocks(status, what);
  const std::optional<std::uint64_t> number = DecodeNumber(bytes);
  if (!number) return Corrupt(what + " is malformed");
  return *number;
}

base::Result<StoreFacts> Engine::ReadFacts() const {
  // They are written in one batch: either all are there or none.
  for (rocksdb::ColumnFamilyHandle* family : {facts_family_, data_family_, history_family_}) {
    const auto empty = IsEmpty(family);
    if (!empty.ok()) return empty.status();
    if (!*empty) break;
    if (family == history_family_) {
      return Status(Code::kNotFound, "store " + path_ + " is empty");
    }
  }
  base::Result<std::uint64_t> format = ReadFact(kFormatKey);
  if (!format.ok()) return format.status();
  if (*format != kStoreFormat) {
    return Status(Code::kFailedPrecondition,
                  "store " + path_ + " has format " + std::to_string(*format) +
                      ", this version knows " + std::to_string(kStoreFormat),
                  "UNKNOWN_FORMAT");
  }
  base::Result<std::uint64_t> oldest = ReadFact(kOldestKey);
  if (!oldest.ok()) return oldest.status();
  base::Result<std::uint64_t> epoch = ReadFact(kEpochKey);
  if (!epoch.ok()) return epoch.status();
  base::Result<Revision> last = ReadHistoryEnd(End::kLast, nullptr);
  if (!last.ok()) return last.status();
  base::Result<Revision> first = ReadHistoryEnd(End::kFirst, nullptr);
  if (!first.ok()) return first.status();
  // The history may begin later than what was trimmed: RocksDB drops its oldest files.
  const StoreFacts facts{*last, std::max(*oldest, *first), *epoch};
  if (facts.oldest_revision > facts.revision + 1) {
    return Corrupt("store " + path_ + ": its history should reach to revision " +
                   std::to_string(facts.oldest_revision - 1) + " at least, and ends at " +
                   std::to_string(facts.revision));
  }
  return facts;
}

Status Engine::WriteFacts(const StoreFacts& facts) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status = batch.Put(facts_family_, kFormatKey, EncodeNumber(kStoreFormat));
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

base::Result<bool> Engine::IsEmpty(rocksdb::ColumnFamilyHandle* family) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(rocksdb::ReadOptions(), family));
  iterator->SeekToFirst();
  if (iterator->Valid()) return false;
  if (!iterator->status().ok()) return FromRocks(iterator->status(), "store " + path_);
  return true;
}

base::Result<Revision> Engine::ReadHistoryEnd(End end, const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(read, history_family_));
  end == End::kFirst ? iterator->SeekToFirst() : iterator->SeekToLast();
  const std::string where = "store " + path_ + ": ";
  if (!iterator->Valid()) {
    if (iterator->status().ok()) return Revision{0};
    return FromRocks(iterator->status(), where + "reading history");
  }
  const std::optional<Revision> revision = DecodeHistoryKey(ToView(iterator->key()));
  if (!revision) return Corrupt(where + "its history has a key that is no revision");
  return *revision;
}

}  // namespace belay::storage
