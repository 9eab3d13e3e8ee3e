// What is for one thread at a time and says BUSY to the second, instead of a race (I4).
//
// Thread safety: any thread.
#pragma once

#include <atomic>

namespace belay::engine {

class ExclusiveUse {
 public:
  explicit ExclusiveUse(std::atomic_flag& flag) : flag_(flag), is_mine_(!flag.test_and_set()) {}
  ExclusiveUse(const ExclusiveUse&) = delete;
  ExclusiveUse& operator=(const ExclusiveUse&) = delete;
  ~ExclusiveUse() {
    if (is_mine_) flag_.clear();
  }
  explicit operator bool() const noexcept { return is_mine_; }

 private:
  std::atomic_flag& flag_;
  const bool is_mine_;
};

}  // namespace belay::engine
