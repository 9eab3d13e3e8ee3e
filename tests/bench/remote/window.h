// The calls of one Echo::Call() where a library tells answers on a thread of its own: so many in flight, each
// that ends makes the next.
//
// Thread safety: Run() on the measuring thread; OnEnd() on the library's one thread, while Run() waits. What
// Run() sets before it makes the first call, that thread sees: it gets the call through the library's locks.
#pragma once

#include <functional>
#include <future>

namespace belay::bench {

class Window {
 public:
  // Calls `make`, which begins one call, `in_flight` times, and waits until `calls` have ended.
  void Run(int in_flight, int calls, const std::function<void()>& make) {
    to_make_ = calls - in_flight;
    to_end_ = calls;
    all_ended_ = {};
    std::future<void> all_ended = all_ended_.get_future();
    for (int i = 0; i < in_flight; ++i) make();
    all_ended.wait();
  }

  // One has ended. Is another to be made?
  bool OnEnd() {
    if (--to_end_ == 0) all_ended_.set_value();
    if (to_make_ == 0) return false;
    --to_make_;
    return true;
  }

 private:
  int to_make_ = 0;
  int to_end_ = 0;
  std::promise<void> all_ended_;
};

}  // namespace belay::bench
