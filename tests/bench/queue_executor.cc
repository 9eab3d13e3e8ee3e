// What a call costs that is posted by one thread and run by another, which polls a queue, by batch size.
//
// Each call has 16 bytes of request. A batch is two crossings: belay_queue_poll and belay_queue_finish. When the
// queue is full the producer yields.
#include <belay/belay.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kCalls = 100'000;
constexpr int kRounds = 15;
constexpr double kBudgetNs = 1000.0 / 3;  // three million calls a second
constexpr std::array<std::size_t, 3> kBatches = {1, 16, 64};

belay_handle OpenQueue(belay_handle owner) {
  belay_executor_options options{};
  options.struct_size = sizeof options;
  options.name = "bench";
  belay_handle queue = 0;
  Check(belay_queue_open(owner, &options, &queue), "belay_queue_open");
  return queue;
}

void Produce(belay_handle callback) {
  PinThread(0);
  const belay_call call = SmallRequest();
  for (int i = 0; i < kCalls; ++i) {
    while (belay_post(callback, &call) != BELAY_OK) std::this_thread::yield();
  }
}

// Polls and finishes `kCalls` calls; nanoseconds per call.
double Carry(belay_handle callback, belay_handle queue, std::size_t batch) {
  std::vector<belay_work> works(batch);
  std::vector<belay_result> results(batch);
  works[0].struct_size = sizeof works[0];
  results[0].struct_size = sizeof results[0];
  const auto begin = SteadyClock::now();
  std::thread producer(Produce, callback);
  for (int left = kCalls; left > 0;) {
    std::uint64_t count = 0;
    Check(belay_queue_poll(queue, works.data(), batch, 60'000, &count), "belay_queue_poll");
    for (std::size_t i = 0; i < count; ++i) {
      results[i].status = works[i].callback(works[i].context, works[i].call);
      results[i].id = works[i].id;
    }
    Check(belay_queue_finish(queue, results.data(), count), "belay_queue_finish");
    left -= static_cast<int>(count);
  }
  producer.join();
  const std::chrono::duration<double, std::nano> took = SteadyClock::now() - begin;
  return took.count() / kCalls;
}

}  // namespace

void QueueExecutorRows(Report& report) {
  if (Processors() < 2) return;
  const Broker broker;
  const belay_handle queue = OpenQueue(broker.handle());
  belay_callback_options options = Untyped();
  options.executor = queue;
  const belay_handle callback = broker.Register(options);
  PinThread(1);
  std::array<double, kBatches.size()> best;
  best.fill(1e9);
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kBatches.size(); ++i)
      best[i] = std::min(best[i], Carry(callback, queue, kBatches[i]));
  }
  report.Add(Plain("queue executor, batches of 1", best[0], "ns/call"));
  report.Add(Plain("queue executor, batches of 16", best[1], "ns/call"));
  report.Add(Within("queue executor, batches of 64", best[2], "ns/call", kBudgetNs));
  report.Add(Against("queue executor, batches of 64 to 1", best[2], "ns/call", best[0],
                     Keep::kAtMost, 0.5));
  Check(belay_release(callback), "belay_release");
  Check(belay_release(queue), "belay_release");
}

}  // namespace belay::bench
