// Which keyspaces' history is to carry the values that commits replace: those that somebody asked
// for and still does.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "broker/storage/keyspace.h"

namespace belay::storage {

class OldValues : public std::enable_shared_from_this<OldValues> {
 public:
  // Asks, for as long as what it returns lives; that may outlive this.
  std::shared_ptr<void> Keep(KeyspaceId keyspace) {
    Add(keyspace, 1);
    return std::shared_ptr<void>(
        nullptr, [self = shared_from_this(), keyspace](void*) { self->Add(keyspace, -1); });
  }

  bool AreKept(KeyspaceId keyspace) const {
    // Relaxed: who asks learns at once only from commits that begin after Keep() returned, and those
    // are ordered by the lock of the commits' queue.
    if (asking_.load(std::memory_order_relaxed) == 0) return false;
    const std::lock_guard lock(mutex_);
    return by_keyspace_.contains(keyspace);
  }

 private:
  void Add(KeyspaceId keyspace, int change) {
    const std::lock_guard lock(mutex_);
    asking_.fetch_add(change, std::memory_order_relaxed);
    if ((by_keyspace_[keyspace] += change) == 0) by_keyspace_.erase(keyspace);
  }

  std::atomic<int> asking_{0};
  mutable std::mutex mutex_;
  std::unordered_map<KeyspaceId, int> by_keyspace_;  // guarded by mutex_; how many ask, never 0
};

}  // namespace belay::storage
