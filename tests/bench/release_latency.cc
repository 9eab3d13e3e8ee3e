// How soon after its last release, with no call of it in flight, a callback's release function has run:
// on an idle machine, where the broker's thread must wake up, and on a busy one, where it must get its turn
// and see that the calls in flight are none of this callback's.
#include <deque>
#include <latch>
#include <thread>
#include <vector>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kSamples = 1000;
constexpr std::chrono::milliseconds kPause{1};
constexpr double kPercent = 99;
constexpr double kBudgetMs = 5;
constexpr double kMsPerNs = 1e-6;

struct Sample {
  SteadyClock::time_point released_at;
  std::latch released{1};
};

void Released(void* context) {
  auto* sample = static_cast<Sample*>(context);
  sample->released_at = SteadyClock::now();
  sample->released.count_down();
}

// The percentile of the latencies of one callback after another. Between them the broker's thread has the
// time to go to sleep: it must be woken up for each.
double LatencyMs(const Broker& broker, std::deque<Sample>& samples) {
  std::vector<double> latencies_ms;
  for (int i = 0; i < kSamples; ++i) {
    std::this_thread::sleep_for(kPause);
    Sample& sample = samples.emplace_back();
    const belay_handle handle = broker.Register(Untyped(&sample, Released));
    const auto begin = SteadyClock::now();
    Check(belay_release(handle), "belay_release");
    sample.released.wait();
    latencies_ms.push_back(NsBetween(begin, sample.released_at) * kMsPerNs);
  }
  return Percentile(latencies_ms, kPercent);
}

}  // namespace

void ReleaseLatencyRows(Report& report) {
  std::deque<Sample> samples;  // outlives the broker, whose thread writes to them
  const Broker broker;
  report.Add(Within("release to release function, p99, idle", LatencyMs(broker, samples), "ms",
                    kBudgetMs));
  if (Processors() < 2) {
    std::fputs("bench: one processor: no row about a release beside two busy threads\n", stderr);
    return;
  }
  std::vector<belay_handle> others;
  for (int i = 0; i < 2; ++i) others.push_back(broker.Register(Untyped()));
  {
    const BusyThreads callers(2, [&others](int thread) {
      return [other = others[static_cast<std::size_t>(thread)], call = SmallRequest()]() mutable {
        belay_invoke(other, &call);
      };
    });
    report.Add(Within("release to release function, p99, 2 threads invoking",
                      LatencyMs(broker, samples), "ms", kBudgetMs));
  }
  for (const belay_handle other : others) Check(belay_release(other), "belay_release");
}

}  // namespace belay::bench
