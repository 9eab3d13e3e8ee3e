#include "tests/bench/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <stop_token>

namespace belay::bench {
namespace {

// Taken before any thread is pinned: a pinned thread sees its own processor alone.
const cpu_set_t& Allowed() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
      std::perror("sched_getaffinity");
      std::exit(2);
    }
    return set;
  }();
  return allowed;
}

}  // namespace

int Processors() { return CPU_COUNT(&Allowed()); }

void PinThread(int nth) {
  std::size_t processor = 0;
  for (int seen = -1;; ++processor) {
    if (CPU_ISSET(processor, &Allowed()) && ++seen == nth) break;
  }
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(processor, &own);
  pthread_setaffinity_np(pthread_self(), sizeof own, &own);
}

double NsOfAll(const std::vector<Span>& spans) {
  return NsBetween(std::ranges::min(spans, {}, &Span::begin).begin,
                   std::ranges::max(spans, {}, &Span::end).end);
}

BusyThreads::BusyThreads(int threads, const std::function<std::function<void()>(int)>& make) {
  std::latch calling(threads);
  for (int t = 0; t < threads; ++t) {
    threads_.emplace_back([&calling, &make, t](const std::stop_token& stop) {
      PinThread(t);
      const std::function<void()> call = make(t);
      call();
      calling.count_down();
      while (!stop.stop_requested()) call();
    });
  }
  calling.wait();
}

}  // namespace belay::bench
