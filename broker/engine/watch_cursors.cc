#include "broker/engine/watch_cursors.h"

#include <utility>
#include <vector>

#include "broker/base/bytes.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using storage::Revision;

namespace {

storage::Operation PutOf(std::string key, Revision cursor) {
  storage::Operation put{storage::OperationKind::kPut, std::move(key), {}};
  base::AppendLittle(put.value, cursor);
  return put;
}

}  // namespace

Result<Revision> WatchCursors::Attach(const std::string& name, Revision first) {
  const std::lock_guard disk_lock(disk_mutex_);
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
  return "watch/" + std::to_string(keyspace_) + "/" + name;
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

}  // namespace belay::engine
