// The watches of each keyspace that has any, and who tells them of commits: a store has one listener.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <span>

#include "broker/base/status.h"
#include "broker/engine/watches.h"

namespace belay::engine {

class KeyspaceWatches {
 public:
  explicit KeyspaceWatches(Watches::Surroundings surroundings)
      : surroundings_(std::move(surroundings)) {}

  // See Broker::AttachWatch.
  base::Result<registry::Handle> Attach(const WatchOptions& options);
  // See Broker::ForgetWatch.
  base::Status Forget(storage::KeyspaceId keyspace, const std::string& name);
  // The watches of a keyspace that is gone end, and its cursors go. May block (disk).
  void Dropped(storage::KeyspaceId keyspace);
  // Deletes what cursors there are of keyspaces that are gone; those that it cannot, at another time. May
  // block (disk).
  void DropStray();
  void CallbacksReleased(std::span<registry::Callback* const> callbacks);
  // Ends all; waits for their threads, unless called on one of them.
  void Stop();

 private:
  base::Result<std::shared_ptr<Watches>> Of(storage::KeyspaceId keyspace);
  std::vector<std::shared_ptr<Watches>> All() const;

  const Watches::Surroundings surroundings_;
  // Held by writers, shared, while they raise flags: what takes it alone is brief.
  mutable std::shared_mutex mutex_;
  std::map<storage::KeyspaceId, std::shared_ptr<Watches>> by_keyspace_;  // guarded by mutex_
  bool stopped_ = false;                                                 // guarded by mutex_
};

}  // namespace belay::engine
