// Stops a thread at a pause point until the test lets it go on.
//
// Stop is for any thread, Halfway for an operation on a thread of its own.
//
// Thread safety: one Stop at a time; the rest any thread's.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "broker/base/status.h"
#include "broker/registry/pause.h"
#include "broker/registry/test_event.h"

namespace belay::registry {

class Stop {
 public:
  // The first thread that comes to `point` from now on stops there.
  explicit Stop(PausePoint point) : point_(point) {
    current_.store(this);
    pause_hook.store(&Stop::Hook);
  }
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  ~Stop() {
    LetGo();
    pause_hook.store(nullptr);
    current_.store(nullptr);
  }

  [[nodiscard]] bool Reached() { return reached_.Wait(); }
  void LetGo() { go_.Set(); }

 private:
  static void Hook(PausePoint point) {
    Stop* const stop = current_.load();
    if (stop == nullptr || point != stop->point_ || stop->is_taken_.exchange(true)) return;
    stop->reached_.Set();
    EXPECT_TRUE(stop->go_.Wait());
  }

  static inline std::atomic<Stop*> current_{nullptr};
  const PausePoint point_;
  std::atomic<bool> is_taken_{false};
  Event reached_;
  Event go_;
};

// An operation that has stopped at a pause point, on a thread of its own.
class Halfway {
 public:
  Halfway(PausePoint point, std::function<base::Status()> operation) : stop_(point) {
    thread_ = std::thread([this, operation = std::move(operation)] { status_ = operation(); });
    EXPECT_TRUE(stop_.Reached());
  }
  Halfway(const Halfway&) = delete;
  Halfway& operator=(const Halfway&) = delete;
  ~Halfway() { (void)Finish(); }

  base::Code Finish() {
    stop_.LetGo();
    if (thread_.joinable()) thread_.join();
    return status_.code();
  }

 private:
  Stop stop_;
  base::Status status_;
  std::thread thread_;
};

}  // namespace belay::registry
