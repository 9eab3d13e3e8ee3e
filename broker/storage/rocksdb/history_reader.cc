#include "broker/storage/rocksdb/history_reader.h"

#include <memory>
#include <string>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/db.h"

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

// What one call reads at most, matching or not (and at least one commit): a watch on a quiet prefix
// beside busy ones must not make its reader walk the whole history at once.
constexpr std::size_t kMaxExaminedBytes = std::size_t{8} << 20;

Status Compacted(Revision asked, Revision oldest) {
  return Status(Code::kCompacted, "revision " + std::to_string(asked) +
                                      " is no longer retained, the oldest is " +
                                      std::to_string(oldest));
}

bool InRange(std::string_view key, const HistoryRange& range) {
  return key >= range.start && (range.end.empty() || key < range.end);
}

// Appends to `matching` the rows of one commit that the range asks for.
Status MatchCommit(std::string_view commit, Revision revision, const HistoryRange& range,
                   std::vector<Row>* matching) {
  base::Result<RowBlockReader> opened = RowBlockReader::Open(commit);
  Status status = opened.ok() ? Status() : opened.status();
  while (status.ok()) {
    Row row;
    status = opened->Next(&row);
    if (!status.ok() || !InRange(row.key, range)) continue;
    if (row.kind != RowKind::kOld || range.old_rows == OldRows::kShow) matching->push_back(row);
  }
  if (status.code() == Code::kEnd) return Status();
  return Corrupt("history of revision " + std::to_string(revision) + ": " + status.message());
}

std::size_t TotalBytes(const std::vector<Row>& rows) {
  std::size_t bytes = 0;
  for (const Row& row : rows) bytes += RowBytes(row.key.size(), row.value.size());
  return bytes;
}

}  // namespace

base::Result<HistoryPage> ReadHistoryPage(Database& database, Committer& committer,
                                          const HistoryRange& range) {
  if (range.from_revision == 0) return Status(Code::kInvalidArgument, "revisions begin at 1");
  if (range.max_rows == 0) return Status(Code::kInvalidArgument, "max_rows is 0; 1 is the least");
  if (range.max_bytes == 0) return Status(Code::kInvalidArgument, "max_bytes is 0; 1 is the least");

  RowBlockBuilder rows;
  Revision next = range.from_revision;
  const Revision current = committer.current_revision();
  if (next <= current) {
    if (const Revision oldest = committer.oldest_revision(); next < oldest) {
      return Compacted(next, oldest);
    }
    const Database::Use use(database);
    if (Status status = use.status(); !status.ok()) return status;
    const Engine& engine = use.engine();
    if (engine.family(range.keyspace) == nullptr) return NoKeyspace(range.keyspace);
    const std::string upper_key = HistoryKey(current + 1);
    const rocksdb::Slice upper_bound(upper_key);
    rocksdb::ReadOptions read;
    read.iterate_upper_bound = &upper_bound;
    read.fill_cache = false;  // read once: it must not push out the data that gets need
    const std::unique_ptr<rocksdb::Iterator> iterator(
        engine.db().NewIterator(read, engine.history_family()));
    std::size_t examined_bytes = 0;
    std::vector<Row> matching;
    for (iterator->Seek(HistoryKey(next)); iterator->Valid(); iterator->Next()) {
      if (examined_bytes >= kMaxExaminedBytes) break;
      // History is dense, so a gap is either a trim that came in between or damage.
      if (DecodeHistoryKey(ToView(iterator->key())) != next) break;
      const auto commit = DecodeHistoryEntry(ToView(iterator->value()));
      if (!commit) return Corrupt("history of revision " + std::to_string(next) + " is too short");
      examined_bytes += iterator->value().size();
      matching.clear();
      if (commit->keyspace == range.keyspace) {
        if (Status status = MatchCommit(commit->rows, next, range, &matching); !status.ok()) {
          return status;
        }
      }
      const bool fits = rows.row_count() + matching.size() <= range.max_rows &&
                        rows.size_bytes() + TotalBytes(matching) <= range.max_bytes;
      if (!matching.empty() && rows.row_count() > 0 && !fits) break;
      for (const Row& row : matching) rows.Append(row);
      ++next;
    }
    if (!iterator->status().ok()) return FromRocks(iterator->status(), "reading history");
    if (next == range.from_revision) {
      // Not even the first commit was there: a trim may have taken it before the iterator began, or
      // RocksDB its oldest file.
      base::Result<Revision> first = engine.ReadHistoryEnd(Engine::End::kFirst, nullptr);
      if (!first.ok()) return first.status();
      if (next < *first) {
        committer.RaiseOldest(*first);
        return Compacted(next, *first);
      }
      return Corrupt("history of revision " + std::to_string(next) + " is missing");
    }
  }
  HistoryPage page;
  page.row_count = rows.row_count();
  page.rows = rows.Take();
  page.next_revision = next;
  return page;
}

}  // namespace belay::storage
