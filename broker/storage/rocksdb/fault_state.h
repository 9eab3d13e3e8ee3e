// Whether the disk lets us write, and if not, why. Set by whoever sees a fault: the committer, and
// RocksDB's background threads through the event listener.
//
// Thread safety: any thread. Holds its lock for a few instructions only.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <utility>

#include "broker/base/status.h"

namespace belay::storage {

class FaultState {
 public:
  // The first cause stays until Clear(): what follows is mostly its echo.
  void Report(std::string cause) {
    const std::lock_guard lock(mutex_);
    if (read_only_.load(std::memory_order_relaxed)) return;
    cause_ = std::move(cause);
    read_only_.store(true, std::memory_order_release);
  }

  void Clear() {
    const std::lock_guard lock(mutex_);
    cause_.clear();
    read_only_.store(false, std::memory_order_release);
  }

  // Acquire pairs with the stores above; the flag is a hint for the fast path, the disk decides.
  bool read_only() const noexcept { return read_only_.load(std::memory_order_acquire); }

  // Empty if there is none.
  std::string cause() const {
    const std::lock_guard lock(mutex_);
    return cause_;
  }

  // OK, or the error that refused writes get.
  base::Status ToStatus() const {
    const std::lock_guard lock(mutex_);
    if (!read_only_.load(std::memory_order_relaxed)) return base::Status();
    return base::Status(base::Code::kUnavailable, "the store is read-only: " + cause_,
                        "STORE_READ_ONLY");
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> read_only_{false};
  std::string cause_;  // guarded by mutex_
};

}  // namespace belay::storage
