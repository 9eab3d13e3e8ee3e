#include "broker/engine/keyspace_watches.h"

#include <mutex>
#include <utility>
#include <vector>

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;

Result<registry::Handle> KeyspaceWatches::Attach(const WatchOptions& options) {
  auto watches = Of(options.keyspace);
  if (!watches.ok()) return watches.status();
  return (*watches)->Attach(options);
}

Status KeyspaceWatches::Forget(storage::KeyspaceId keyspace, const std::string& name) {
  auto watches = Of(keyspace);
  if (!watches.ok()) return watches.status();
  return (*watches)->Forget(name);
}

void KeyspaceWatches::Dropped(storage::KeyspaceId keyspace) {
  std::shared_ptr<Watches> watches;
  {
    const std::shared_lock lock(mutex_);
    const auto found = by_keyspace_.find(keyspace);
    if (found != by_keyspace_.end()) watches = found->second;
  }
  if (watches != nullptr) watches->Dropped();
  DropStray();
}

void KeyspaceWatches::DropStray() {
  const Status status = DropStrayCursors(*surroundings_.store);
  if (status.ok() || !surroundings_.log) return;
  surroundings_.log(registry::LogLevel::kWarning,
                    "cursors of dropped keyspaces remain: " + status.ToString());
}

Result<std::shared_ptr<Watches>> KeyspaceWatches::Of(storage::KeyspaceId keyspace) {
  std::shared_ptr<Watches> watches;
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Status(Code::kClosed, "the broker is closed");
    is_first = by_keyspace_.empty();
    std::shared_ptr<Watches>& of_keyspace = by_keyspace_[keyspace];
    if (of_keyspace == nullptr) of_keyspace = std::make_shared<Watches>(surroundings_, keyspace);
    watches = of_keyspace;
  }
  if (is_first) {
    const auto tell = [this](storage::Revision revision) {
      const std::shared_lock lock(mutex_);
      for (const auto& [id, of_keyspace] : by_keyspace_) of_keyspace->OnCommit(revision);
    };
    // There was none before, so this does not wait for one.
    surroundings_.store->SetCommitListener(tell);
    // Of what was committed meanwhile: another thread may have attached a watch before this one came
    // here.
    tell(surroundings_.store->CurrentRevision());
  }
  return watches;
}

std::vector<std::shared_ptr<Watches>> KeyspaceWatches::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<Watches>> all;
  for (const auto& [id, watches] : by_keyspace_) all.push_back(watches);
  return all;
}

void KeyspaceWatches::CallbacksReleased(std::span<registry::Callback* const> callbacks) {
  for (const auto& watches : All()) watches->CallbacksReleased(callbacks);
}

void KeyspaceWatches::Stop() {
  bool was_listening = false;
  {
    const std::lock_guard lock(mutex_);
    was_listening = !std::exchange(stopped_, true) && !by_keyspace_.empty();
  }
  for (const auto& watches : All()) watches->Stop();
  // Waits for writers that are inside.
  if (was_listening) surroundings_.store->SetCommitListener(nullptr);
}

}  // namespace belay::engine
