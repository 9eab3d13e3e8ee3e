// What it costs to be sure that callbacks no longer run: a batch of unregistered callbacks is drained, at once or
// one after the other, while another thread invokes another one.
//
// The median of many batches, not the best: part of the work is done by the broker's thread, and the best
// batch would be the one in which it happened to be done before the first drain asked.
#include <array>
#include <vector>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 400;
constexpr std::size_t kBatch = 1000;
constexpr double kMedian = 50;
constexpr std::uint64_t kTimeoutMs = 60'000;

void ReleaseNothing(void*) {}

struct Took {
  double drain_ns;
  double both_ns;
};

using Batch = std::array<belay_handle, kBatch>;

void DrainAtOnce(const Batch& batch) {
  Check(belay_drain_all(batch.data(), batch.size(), kTimeoutMs), "belay_drain_all");
}

void DrainOneByOne(const Batch& batch) {
  for (const belay_handle handle : batch) Check(belay_drain(handle, kTimeoutMs), "belay_drain");
}

// Medians, per callback, of unregistering a batch and draining it.
Took Measure(const Broker& broker, void (*drain)(const Batch&)) {
  std::vector<double> drains_ns;
  std::vector<double> both_ns;
  for (int round = 0; round < kRounds; ++round) {
    Batch batch;
    for (belay_handle& handle : batch) {
      handle = broker.Register(Untyped(nullptr, ReleaseNothing));
    }
    const auto begin = SteadyClock::now();
    for (const belay_handle handle : batch) Check(belay_unregister(handle), "belay_unregister");
    const auto unregistered = SteadyClock::now();
    drain(batch);
    const auto drained = SteadyClock::now();
    for (const belay_handle handle : batch) Check(belay_release(handle), "belay_release");
    drains_ns.push_back(NsBetween(unregistered, drained) / kBatch);
    both_ns.push_back(NsBetween(begin, drained) / kBatch);
  }
  return {Percentile(drains_ns, kMedian), Percentile(both_ns, kMedian)};
}

}  // namespace

void DrainRows(Report& report) {
  const Broker broker;
  const belay_handle other = broker.Register(Untyped());
  Took busy;
  Took one_by_one;
  {
    const BusyThreads caller(1, [other](int) {
      return [other, call = SmallRequest()]() mutable { belay_invoke(other, &call); };
    });
    busy = Measure(broker, DrainAtOnce);
    one_by_one = Measure(broker, DrainOneByOne);
  }
  const Took idle = Measure(broker, DrainAtOnce);
  report.Add(Within("drain of 1,000 unregistered, another thread invoking", busy.drain_ns,
                    "ns/callback", 100));
  report.Add(Plain("unregister and drain of them, together", busy.both_ns, "ns/callback"));
  report.Add(Plain("the drain by one call for each", one_by_one.drain_ns, "ns/callback"));
  report.Add(Plain("control: the drain with no other thread, which leaves the reaper a processor",
                   idle.drain_ns, "ns/callback"));
  Check(belay_release(other), "belay_release");
}

}  // namespace belay::bench
