// Threads of a measurement: each on a processor of its own, starting together or keeping the machine busy.
//
// A round is too short for the scheduler to part two threads that it began on one processor, so they are
// pinned: to processors that this process may use, which in a container need not be 0 and 1.
//
// Thread safety: PinThread() concerns the calling thread; a BusyThreads belongs to one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

#include "tests/bench/timing.h"

namespace belay::bench {

// How many processors this process may run on.
int Processors();

// Keeps the calling thread on the `nth` (from 0) of them. REQUIRES: nth < Processors().
void PinThread(int nth);

struct Span {
  SteadyClock::time_point begin;
  SteadyClock::time_point end;
};

// From the first begin to the last end. Had one thread not been running for a while, the others were alone
// then: no thread's own time, not even the longest, would tell whether they get in each other's way.
// REQUIRES: spans not empty.
double NsOfAll(const std::vector<Span>& spans);

// Runs `calls` calls on each of `threads` threads at the same time and returns the nanoseconds per call of
// all together. `make` runs on each thread and returns what it calls; one call is made before the time is
// taken. REQUIRES: threads <= Processors().
template <typename Make>
double NsPerCallTogether(int threads, int calls, Make make) {
  std::atomic<int> ready{0};
  std::vector<Span> spans(static_cast<std::size_t>(threads));
  std::vector<std::jthread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back(
        [&ready, &span = spans[static_cast<std::size_t>(t)], threads, calls, make, t] {
          PinThread(t);
          auto call = make();
          call();
          ready.fetch_add(1);
          while (ready.load() < threads) {
          }
          const auto begin = SteadyClock::now();
          NsPerCall(calls, std::ref(call));
          span = {begin, SteadyClock::now()};
        });
  }
  running.clear();
  return NsOfAll(spans) / (static_cast<double>(calls) * threads);
}

// The same for any number of threads, which the scheduler places: `make` is given a thread's number from 0.
template <typename Make>
double NsPerCallOfMany(int threads, int calls, Make make) {
  std::latch ready(threads);
  std::vector<Span> spans(static_cast<std::size_t>(threads));
  std::vector<std::jthread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&ready, &span = spans[static_cast<std::size_t>(t)], calls, make, t] {
      auto call = make(t);
      ready.arrive_and_wait();
      const auto begin = SteadyClock::now();
      NsPerCall(calls, std::ref(call));
      span = {begin, SteadyClock::now()};
    });
  }
  running.clear();
  return NsOfAll(spans) / (static_cast<double>(calls) * threads);
}

// Threads that call without a pause, from the end of the constructor to the beginning of the destructor.
class BusyThreads {
 public:
  // `make` runs on each thread, is given its number from 0, and returns what the thread calls.
  // REQUIRES: threads <= Processors().
  BusyThreads(int threads, const std::function<std::function<void()>(int)>& make);
  BusyThreads(const BusyThreads&) = delete;
  BusyThreads& operator=(const BusyThreads&) = delete;
  ~BusyThreads() = default;

 private:
  std::vector<std::jthread> threads_;  // stop and join in their destructors
};

}  // namespace belay::bench
