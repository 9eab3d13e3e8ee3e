// Watches on Belay's store: those that never hear of anything, and those that count.
//
// Thread safety: made and destroyed by one thread; Belay calls the callback on its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/broker.h"

namespace belay::bench {

// REQUIRES of both classes: the broker outlives them.

// `count` watches, each on a prefix of its own that nobody writes.
class IdleWatches {
 public:
  IdleWatches(const Broker& broker, belay_handle store, int count);
  IdleWatches(const IdleWatches&) = delete;
  IdleWatches& operator=(const IdleWatches&) = delete;
  ~IdleWatches();

 private:
  belay_handle callback_;
  std::vector<belay_handle> subscriptions_;
};

// A watch on all keys that counts the changes it is told.
class CountingWatch {
 public:
  // `from_revision`: as in belay_watch_options, 0 for changes from now on.
  CountingWatch(const Broker& broker, belay_handle store, std::uint64_t from_revision);
  CountingWatch(const CountingWatch&) = delete;
  CountingWatch& operator=(const CountingWatch&) = delete;
  ~CountingWatch();

  // Returns when `changes` have been told.
  void WaitFor(std::uint64_t changes) const;

 private:
  std::atomic<std::uint64_t> told_{0};
  belay_handle callback_;
  belay_handle subscription_ = 0;
};

}  // namespace belay::bench
