#include "broker/storage/rocksdb/verify.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/record.h"
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

// One that is no longer listed was compacted into others: the records say what became of it.
Status VerifyFile(const Engine& engine, const std::string& name) {
  std::vector<rocksdb::LiveFileMetaData> files;
  engine.db().GetLiveFilesMetaData(&files);
  const auto file = std::find_if(files.begin(), files.end(), [&](const auto& listed) {
    return listed.relative_filename == name;
  });
  if (file == files.end()) return {};
  rocksdb::SstFileReader reader(engine.db().GetOptions());
  const std::string path = file->directory + "/" + name;
  rocksdb::Status status = reader.Open(path);
  if (status.ok()) status = reader.VerifyChecksum();
  if (status.ok()) return {};
  return FromRocks(status, "file " + path + " of column family " + file->column_family_name);
}

Status VerifyRecords(const Engine& engine, KeyspaceId keyspace) {
  rocksdb::ColumnFamilyHandle* const family = engine.family(keyspace);
  if (family == nullptr) return {};  // dropped meanwhile
  rocksdb::ManagedSnapshot snapshot(&engine.db());
  const auto last = engine.ReadHistoryEnd(Engine::End::kLast, snapshot.snapshot());
  if (!last.ok()) return last.status();
  const auto iterator = ReadAll(engine, family, snapshot.snapshot());
  for (; iterator->Valid(); iterator->Next()) {
    const auto record = DecodeRecord(ToView(iterator->value()));
    const std::string_view key = ToView(iterator->key());
    if (!record) return Corrupt("key " + QuoteKey(key) + ": its record is too short");
    if (record->mod_revision == 0 || record->mod_revision > *last ||
        record->create_revision > record->mod_revision) {
      return Corrupt("key " + QuoteKey(key) + " says it was created at revision " +
                     std::to_string(record->create_revision) + " and changed at " +
                     std::to_string(record->mod_revision) + "; the store's last is " +
                     std::to_string(*last));
    }
  }
  return iterator->status().ok() ? Status() : FromRocks(iterator->status(), "reading all keys");
}

Status VerifyHistory(const Engine& engine) {
  rocksdb::ManagedSnapshot snapshot(&engine.db());
  const auto iterator = ReadAll(engine, engine.history_family(), snapshot.snapshot());
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

using Piece = std::function<Status(const Engine&)>;

std::vector<Piece> PiecesOf(const Engine& engine) {
  std::vector<Piece> pieces;
  std::vector<rocksdb::LiveFileMetaData> files;
  engine.db().GetLiveFilesMetaData(&files);
  for (const auto& file : files) {
    pieces.emplace_back(
        [name = file.relative_filename](const Engine& now) { return VerifyFile(now, name); });
  }
  const auto add_records = [&](KeyspaceId keyspace) {
    pieces.emplace_back([keyspace](const Engine& now) { return VerifyRecords(now, keyspace); });
  };
  add_records(kDefaultKeyspace);
  for (const auto& [id, keyspace] : engine.keyspaces()) add_records(id);
  pieces.emplace_back(&VerifyHistory);
  return pieces;
}

// Each piece is a Use of its own: who needs to be alone waits for one piece, and `progress`, which is
// told outside of it, may do so itself (R8).
Status InEngine(Database& database, const Piece& work) {
  const Database::Use use(database);
  if (Status status = use.status(); !status.ok()) return status;
  const KeepFiles keep(use.engine().db());
  return work(use.engine());
}

}  // namespace

Status VerifyStore(Database& database, const Store::Progress& progress) {
  std::vector<Piece> pieces;
  Status status = InEngine(database, [&](const Engine& engine) {
    pieces = PiecesOf(engine);
    return Status();
  });
  if (!status.ok()) return status;
  const std::uint64_t total = pieces.size();
  for (std::uint64_t done = 1; done <= total; ++done) {
    if (status = InEngine(database, pieces[done - 1]); !status.ok()) return status;
    if (!progress || progress(done, total)) continue;
    return Status(Code::kCancelled, "the check was stopped after " + std::to_string(done) + " of " +
                                        std::to_string(total) + " pieces");
  }
  return {};
}

}  // namespace belay::storage
