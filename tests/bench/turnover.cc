// Callbacks that come and go: what a register and its release cost the thread that does them, and how far
// behind the release functions are when very many went in a row.
#include <algorithm>
#include <deque>
#include <latch>
#include <limits>
#include <thread>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 60;
constexpr int kPairsPerRound =
    50'000;  // many times the size of any batch in which a broker may work

void CountDown(void* context) { static_cast<std::latch*>(context)->count_down(); }

struct Took {
  double pair_ns = std::numeric_limits<double>::max();
  double until_released_ns = std::numeric_limits<double>::max();
};

// Of the fastest round, per callback.
Took Measure() {
  std::deque<std::latch> released;  // outlives the broker, whose thread counts down
  Took best;
  const Broker broker;
  for (int round = 0; round < kRounds; ++round) {
    const belay_callback_options options =
        Untyped(&released.emplace_back(kPairsPerRound), CountDown);
    const auto begin = SteadyClock::now();
    for (int i = 0; i < kPairsPerRound; ++i) {
      Check(belay_release(broker.Register(options)), "belay_release");
    }
    const auto end = SteadyClock::now();
    released.back().wait();
    best.pair_ns = std::min(best.pair_ns, NsBetween(begin, end) / kPairsPerRound);
    best.until_released_ns =
        std::min(best.until_released_ns, NsBetween(begin, SteadyClock::now()) / kPairsPerRound);
  }
  return best;
}

}  // namespace

void TurnoverRows(Report& report) {
  const Took took = Measure();
  // A thread's processors are also those of the threads that it starts: of the broker's, here.
  Took alone;
  std::thread([&alone] {
    PinThread(0);
    alone = Measure();
  }).join();
  report.Add(Within("register and release, 1 thread", took.pair_ns, "ns/callback", 250));
  report.Add(Plain("the same until every release function has run", took.until_released_ns,
                   "ns/callback"));
  report.Add(Plain("control: until then, with the broker's thread on the same processor",
                   alone.until_released_ns, "ns/callback"));
}

}  // namespace belay::bench
