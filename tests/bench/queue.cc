// What a host-polled queue carries: one producer thread, one poller thread, by batch size.
//
// The works do nothing, so the figure is the queue's own: taken, handed over, run. When the queue is full
// the producer yields.
#include "broker/registry/queue.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/bench/report.h"

namespace belay::bench {
namespace {

using registry::Polled;
using registry::Queue;
using registry::Work;

constexpr std::size_t kWorks = 500'000;
constexpr int kRounds = 7;
constexpr double kBudgetNs = 1000.0 / 3;  // three million works a second

struct Nothing final : Work {
  Nothing() : Work(Kind::kCall) {}
  void Run() noexcept override {}
  void Refuse(const base::Status&) noexcept override {}
  std::size_t size_bytes() const noexcept override { return 64; }
};

// Nanoseconds per work.
double Carry(std::vector<Nothing>& works, std::size_t batch) {
  Queue queue({.name = "bench"});
  const auto start = std::chrono::steady_clock::now();
  std::thread producer([&] {
    for (Nothing& work : works) {
      while (!queue.Enqueue(&work).ok()) std::this_thread::yield();
    }
  });
  std::vector<Work*> polled(batch);
  for (std::size_t left = works.size(); left > 0;) {
    const std::size_t count = queue.Poll(polled, Queue::kForever).count;
    for (std::size_t i = 0; i < count; ++i) polled[i]->Run();
    left -= count;
  }
  producer.join();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / static_cast<double>(works.size());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The sizes in turn, round after round, so that what else the machine does falls on all of them.
void Main() {
  constexpr std::array<std::size_t, 3> kBatches = {1, 16, 64};
  std::array<std::vector<double>, kBatches.size()> costs;
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kBatches.size(); ++i) {
      std::vector<Nothing> works(kWorks);
      costs[i].push_back(Carry(works, kBatches[i]));
    }
  }
  Report report;
  const double one = Median(costs[0]);
  const double many = Median(costs[2]);
  report.Add(Plain("queue, batches of 1", one, "ns/work"));
  report.Add(Plain("queue, batches of 16", Median(costs[1]), "ns/work"));
  report.Add(Within("queue, batches of 64", many, "ns/work", kBudgetNs));
  report.Add(Against("queue, batches of 64 to 1", many, "ns/work", one, Keep::kAtMost, 0.5));
}

}  // namespace
}  // namespace belay::bench

int main() { belay::bench::Main(); }
