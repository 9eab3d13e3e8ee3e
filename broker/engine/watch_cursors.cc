#include "broker/engine/watch_cursors.h"

#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/bytes.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using storage::Revision;

namespace {

constexpr std::string_view kPrefix = "watch/";

std::string PrefixOf(storage::KeyspaceId keyspace) {
  return std::string(kPrefix) + std::to_string(keyspace) + "/";
}

// Of a cursor's key; none if it is not one.
std::optional<storage::KeyspaceId> KeyspaceOf(std::string_view key) {
  if (!key.starts_with(kPrefix)) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  storage::KeyspaceId keyspace = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), keyspace);
  if (error != std::errc() || end == key.data() + key.size() || *end != '/') return std::nullopt;
  return keyspace;
}

storage::Operation PutOf(std::string key, Revision cursor) {
  storage::Operation put{storage::OperationKind::kPut, std::move(key), {}};
  base::AppendLittle(put.value, cursor);
  return put;
}

}  // namespace

Result<Revision> WatchCursors::Attach(const std::string& name, Revision first) {
  const std::lock_guard disk_lock(disk_mutex_);
  if (dropped_) return storage::NoKeyspace(keyspace_);
  {
    const std::lock_guard lock(mutex_);
    const auto found = cursors_.find(name);
    if (found != cursors_.end()) {
      if (found->second.is_attached) {
        return Status(Code::kAlreadyExists,
                      "a watch named \"" + name + "\" is attached: release its subscription first",
                      "WATCH_ATTACHED");
      }
      found->second.is_attached = true;
      return found->second.now;
    }
  }
  auto cursor = Load(name);
  if (!cursor.ok()) return cursor.status();
  if (!*cursor) {
    if (Status status = Write(name, first); !status.ok()) return status;
    *cursor = first;
  }
  const std::lock_guard lock(mutex_);
  cursors_[name] = Cursor{true, **cursor, **cursor};
  return **cursor;
}

void WatchCursors::Move(const std::string& name, Revision cursor) {
  const std::lock_guard lock(mutex_);
  cursors_[name].now = cursor;
}

void WatchCursors::Detach(const std::string& name) {
  const std::lock_guard lock(mutex_);
  cursors_[name].is_attached = false;
}

Status WatchCursors::Save() {
  const std::lock_guard disk_lock(disk_mutex_);
  if (dropped_) return {};
  std::vector<std::pair<std::string, Revision>> moved;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, cursor] : cursors_)
      if (cursor.now != cursor.saved) moved.emplace_back(name, cursor.now);
  }
  if (moved.empty()) return {};
  storage::WriteBatch batch;
  batch.keyspace = storage::kSystemKeyspace;
  batch.durability = storage::Durability::kAsync;
  for (const auto& [name, cursor] : moved) batch.operations.push_back(PutOf(KeyOf(name), cursor));
  if (const auto committed = store_.Commit(batch); !committed.ok()) return committed.status();
  const std::lock_guard lock(mutex_);
  for (const auto& [name, cursor] : moved) cursors_[name].saved = cursor;
  return {};
}

Status WatchCursors::Forget(const std::string& name) {
  const std::lock_guard disk_lock(disk_mutex_);
  {
    const std::lock_guard lock(mutex_);
    const auto found = cursors_.find(name);
    if (found != cursors_.end() && found->second.is_attached) {
      return Status(Code::kFailedPrecondition,
                    "the watch \"" + name + "\" is attached: release its subscription first",
                    "WATCH_ATTACHED");
    }
  }
  storage::WriteBatch batch;
  batch.keyspace = storage::kSystemKeyspace;
  batch.operations.push_back({storage::OperationKind::kDelete, KeyOf(name), {}});
  const auto committed = store_.Commit(batch);
  if (!committed.ok()) return committed.status();
  const std::lock_guard lock(mutex_);
  cursors_.erase(name);
  if (committed->deleted_count != 0) return {};
  return Status(Code::kNotFound, "no watch was ever named \"" + name + "\" in this keyspace",
                "NO_SUCH_WATCH");
}

Status WatchCursors::Write(const std::string& name, Revision cursor) {
  storage::WriteBatch batch;
  batch.keyspace = storage::kSystemKeyspace;
  batch.operations.push_back(PutOf(KeyOf(name), cursor));
  return store_.Commit(batch).status();
}

std::string WatchCursors::KeyOf(const std::string& name) const {
  return PrefixOf(keyspace_) + name;
}

Result<std::optional<Revision>> WatchCursors::Load(const std::string& name) {
  std::optional<Revision> cursor;
  bool is_damaged = false;
  storage::ReadOptions read;
  read.keyspace = storage::kSystemKeyspace;
  const Status status = store_.Read(read, KeyOf(name), [&](const storage::RecordView& record) {
    is_damaged = record.value.size() != sizeof(Revision);
    if (!is_damaged) cursor = base::LoadLittle<Revision>(record.value.data());
  });
  if (is_damaged) {
    return Status(Code::kDataLoss, "the cursor of the watch \"" + name + "\" is no revision");
  }
  if (!status.ok() && status.code() != Code::kNotFound) return status;
  return cursor;
}

void WatchCursors::Drop() {
  const std::lock_guard disk_lock(disk_mutex_);
  dropped_ = true;
}

Status DropStrayCursors(storage::Store& store) {
  storage::ScanOptions options;
  options.start = kPrefix;
  options.end = storage::PrefixEnd(kPrefix);
  options.keys_only = true;
  options.read.keyspace = storage::kSystemKeyspace;
  storage::WriteBatch batch;
  batch.keyspace = storage::kSystemKeyspace;
  batch.durability = storage::Durability::kAsync;
  // From one keyspace to the next: whatever has a name in one is passed over.
  for (;;) {
    options.limit = 1;
    auto scan = store.NewScan(options);
    if (!scan.ok()) return scan.status();
    storage::RowBlockBuilder rows;
    Status status = (*scan)->Next(&rows, 1, storage::kMaxKeyBytes);
    if (status.code() == Code::kEnd) break;
    if (!status.ok()) return status;
    const std::string block = rows.Take();
    auto reader = storage::RowBlockReader::Open(block);
    storage::Row row;
    if (status = reader->Next(&row); !status.ok()) return status;
    const auto keyspace = KeyspaceOf(row.key);
    if (!keyspace) {
      options.start = std::string(row.key) + '\0';
      continue;
    }
    const std::string prefix = PrefixOf(*keyspace);
    options.start = storage::PrefixEnd(prefix);
    // Asked of the store by the id: a list of all may be short when the disk fails.
    storage::ScanOptions any;
    any.read.keyspace = *keyspace;
    if (store.NewScan(any).status().reason() != "NO_KEYSPACE") continue;
    storage::Operation gone{storage::OperationKind::kDeleteRange, prefix, {}};
    gone.range_end = options.start;
    batch.operations.push_back(std::move(gone));
  }
  return batch.operations.empty() ? Status() : store.Commit(batch).status();
}

}  // namespace belay::engine
