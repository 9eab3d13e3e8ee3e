#include "broker/storage/rocksdb/verify.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/db.h"
#include "rocksdb/metadata.h"
#include "rocksdb/sst_file_reader.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

// Files that RocksDB needs no more stay until this goes: they are being read.
class KeepFiles {
 public:
  explicit KeepFiles(rocksdb::DB& db) : db_(db) {
    db_.DisableFileDeletions().PermitUncheckedError();
  }
  ~KeepFiles() { db_.EnableFileDeletions(/*force=*/false).PermitUncheckedError(); }
  KeepFiles(const KeepFiles&) = delete;
  KeepFiles& operator=(const KeepFiles&) = delete;

 private:
  rocksdb::DB& db_;
};

std::unique_ptr<rocksdb::Iterator> ReadAll(const Engine& engine,
                                           rocksdb::ColumnFamilyHandle* family,
                                           const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  read.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> iterator(engine.db().NewIterator(read, family));
  iterator->SeekToFirst();
  return iterator;
}

Status VerifyFile(const Engine& engine, const rocksdb::LiveFileMetaData& file) {
  const rocksdb::Options options = engine.db().GetOptions();
  rocksdb::SstFileReader reader(options);
  const std::string path = file.directory + "/" + file.relative_filename;
  rocksdb::Status status = reader.Open(path);
  if (status.ok()) status = reader.VerifyChecksum();
  if (status.ok()) return {};
  return FromRocks(status, "file " + path + " of column family " + file.column_family_name);
}

Status VerifyRecords(const Engine& engine, rocksdb::ColumnFamilyHandle* family,
                     const rocksdb::Snapshot* snapshot, Revision last) {
  const auto iterator = ReadAll(engine, family, snapshot);
  for (; iterator->Valid(); iterator->Next()) {
    const auto record = DecodeRecord(ToView(iterator->value()));
    const std::string_view key = ToView(iterator->key());
    if (!record) return Corrupt("key " + QuoteKey(key) + ": its record is too short");
    if (record->mod_revision == 0 || record->mod_revision > last ||
        record->create_revision > record->mod_revision) {
      return Corrupt("key " + QuoteKey(key) + " says it was created at revision " +
                     std::to_string(record->create_revision) + " and changed at " +
                     std::to_string(record->mod_revision) + "; the store's last is " +
                     std::to_string(last));
    }
  }
  return iterator->status().ok() ? Status() : FromRocks(iterator->status(), "reading all keys");
}

Status VerifyHistory(const Engine& engine, const rocksdb::Snapshot* snapshot) {
  const auto iterator = ReadAll(engine, engine.history_family(), snapshot);
  std::optional<Revision> last;
  for (; iterator->Valid(); iterator->Next()) {
    const auto revision = DecodeHistoryKey(ToView(iterator->key()));
    if (!revision || (last && *revision != *last + 1)) {
      return Corrupt("history: after revision " + std::to_string(last.value_or(0)) + " comes " +
                     (revision ? std::to_string(*revision) : "a key that is none"));
    }
    last = revision;
    const auto entry = DecodeHistoryEntry(ToView(iterator->value()));
    Status status = entry ? Status() : Corrupt("it is too short");
    if (entry) {
      auto rows = RowBlockReader::Open(entry->rows);
      status = rows.status();
      for (Row row; status.ok();) status = rows->Next(&row);
    }
    if (status.code() != Code::kEnd) {
      return Corrupt("history of revision " + std::to_string(*revision) + ": " + status.message());
    }
  }
  return iterator->status().ok() ? Status() : FromRocks(iterator->status(), "reading the history");
}

}  // namespace

Status VerifyStore(Database& database, const Store::Progress& progress) {
  const Database::Use use(database);
  if (Status status = use.status(); !status.ok()) return status;
  const Engine& engine = use.engine();
  const KeepFiles keep(engine.db());
  std::vector<rocksdb::LiveFileMetaData> files;
  engine.db().GetLiveFilesMetaData(&files);
  std::vector<rocksdb::ColumnFamilyHandle*> families = {engine.family(kDefaultKeyspace)};
  for (const auto& [id, keyspace] : engine.keyspaces()) families.push_back(keyspace.family);

  const std::uint64_t total = files.size() + families.size() + 1;
  std::uint64_t done = 0;
  const auto tell = [&](Status status) {
    ++done;
    if (!status.ok() || !progress || progress(done, total)) return status;
    return Status(Code::kCancelled, "the check was stopped after " + std::to_string(done) + " of " +
                                        std::to_string(total) + " pieces");
  };
  for (const auto& file : files) {
    if (Status status = tell(VerifyFile(engine, file)); !status.ok()) return status;
  }
  rocksdb::ManagedSnapshot snapshot(&engine.db());
  const auto last = engine.ReadHistoryEnd(Engine::End::kLast, snapshot.snapshot());
  if (!last.ok()) return last.status();
  for (rocksdb::ColumnFamilyHandle* family : families) {
    Status status = tell(VerifyRecords(engine, family, snapshot.snapshot(), *last));
    if (!status.ok()) return status;
  }
  return tell(VerifyHistory(engine, snapshot.snapshot()));
}

}  // namespace belay::storage
