// Callbacks that come and go: what a register and its release cost the thread that does them, and how far
// behind the release functions are when very many went in a row.
#include <algorithm>
#include <deque>
#include <latch>
#include <limits>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 60;
constexpr int kPairsPerRound =
    50'000;  // many times the size of any batch in which a broker may work

void CountDown(void* context) { static_cast<std::latch*>(context)->count_down(); }

}  // namespace

void TurnoverRows(Report& report) {
  std::deque<std::latch> released;  // outlives the broker, whose thread counts down
  double pair_ns = std::numeric_limits<double>::max();
  double until_released_ns = pair_ns;
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
    pair_ns = std::min(pair_ns, NsBetween(begin, end) / kPairsPerRound);
    until_released_ns =
        std::min(until_released_ns, NsBetween(begin, SteadyClock::now()) / kPairsPerRound);
  }
  report.Add(Within("register and release, 1 thread", pair_ns, "ns/callback", 250));
  report.Add(
      Plain("the same until every release function has run", until_released_ns, "ns/callback"));
}

}  // namespace belay::bench
