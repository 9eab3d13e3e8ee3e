// What programs write by hand where they have no Belay: shared pointers to callbacks, found under a lock.
//
// They keep a callback alive for the length of a call, and that is all: no rights, owners, counts, drains,
// nor a word about who holds what. So they show the price of the least that is safe.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <belay/belay.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace belay::bench {

struct Callback {
  belay_callback_fn function;
  void* context;
};

// A map from keys to callbacks. `Mutex` is locked for the lookup by a `Lock`, never during the call.
template <typename Mutex, typename Lock>
class LockedMap {
 public:
  void Insert(std::uint64_t key, const Callback& callback) {
    const std::unique_lock<Mutex> lock(mutex_);
    callbacks_[key] = std::make_shared<Callback>(callback);
  }

  belay_status Invoke(std::uint64_t key, belay_call* call) {
    std::shared_ptr<Callback> callback;
    {
      const Lock lock(mutex_);
      const auto found = callbacks_.find(key);
      if (found == callbacks_.end()) return BELAY_STALE;
      callback = found->second;
    }
    return callback->function(callback->context, call);
  }

 private:
  Mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Callback>> callbacks_;
};

using MutexMap = LockedMap<std::mutex, std::unique_lock<std::mutex>>;
using SharedMutexMap = LockedMap<std::shared_mutex, std::shared_lock<std::shared_mutex>>;

// A single callback that can be replaced at any time: nothing is looked up.
class AtomicPointer {
 public:
  explicit AtomicPointer(const Callback& callback)
      : callback_(std::make_shared<Callback>(callback)) {}

  belay_status Invoke(belay_call* call) {
    const std::shared_ptr<Callback> callback = callback_.load();
    return callback->function(callback->context, call);
  }

 private:
  std::atomic<std::shared_ptr<Callback>> callback_;
};

}  // namespace belay::bench
