// How the threads of a test meet: at events, never by sleeping.
//
// What never comes fails its test after kPatience instead of hanging it.
//
// Thread safety: everything here may be used from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace belay::registry {

// Long, because a loaded machine is no bug.
inline constexpr std::chrono::seconds kPatience{60};
inline constexpr std::int64_t kPatienceNs = std::chrono::nanoseconds(kPatience).count();

class Event {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  // False if nobody came.
  [[nodiscard]] bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return is_set_; });
  }
  bool is_set() {
    const std::lock_guard lock(mutex_);
    return is_set_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

// For what has no event: asks until it is so.
template <typename Fn>
[[nodiscard]] bool Eventually(Fn is_so) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace belay::registry
