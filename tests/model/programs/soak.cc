// Programs for as long as BELAY_SOAK_SECONDS says, by turns on one thread against the model and on several on
// callbacks that they share. BELAY_SEED runs the same programs again.
//
// Ends with status 0 and a line of figures; or with 1 and what went wrong, shrunk if it can be.
#include <algorithm>

#include "tests/model/programs/bench.h"
#include "tests/model/programs/crowd.h"
#include "tests/model/programs/settings.h"

namespace belay::programs {
namespace {

constexpr double kTurnSeconds = 5;
constexpr double kDefaultSeconds = 3600;

struct Totals {
  std::uint64_t seed;
  std::uint64_t alone = 0;    // operations on one thread
  std::uint64_t crowded = 0;  // on several
};

double SecondsFromEnvironment() {
  const char* given = std::getenv("BELAY_SOAK_SECONDS");
  return given != nullptr ? std::strtod(given, nullptr) : kDefaultSeconds;
}

bool Alone(Totals& totals, double until, const Stopwatch& watch) {
  Search search;
  search.first_seed = totals.seed;
  search.operations = UINT64_MAX;
  search.go_on = [&](std::uint64_t) { return watch.seconds() < until; };
  const Outcome outcome = RunAll(search);
  totals.alone += outcome.operations;
  totals.seed += outcome.programs;
  if (outcome.found) std::printf("VIOLATED %s\n", Tell(*outcome.found).c_str());
  return !outcome.found;
}

bool Crowded(Totals& totals, double until, const Stopwatch& watch) {
  while (watch.seconds() < until) {
    Round round;
    round.seed = totals.seed++;
    const RoundOutcome outcome = RunRound(round);
    totals.crowded += outcome.operations;
    if (!outcome.violated) continue;
    std::printf("VIOLATED %s\nin the round of BELAY_SEED=%llu\n", outcome.violated->c_str(),
                static_cast<unsigned long long>(round.seed));
    return false;
  }
  return true;
}

int Soak() {
  const double seconds = SecondsFromEnvironment();
  Totals totals{.seed = SeedFromEnvironment()};
  TellSeed(totals.seed);
  const Stopwatch watch;
  bool right = true;
  while (right && watch.seconds() < seconds) {
    for (auto* const turn : {&Alone, &Crowded})
      right = right && turn(totals, std::min(seconds, watch.seconds() + kTurnSeconds), watch);
    TellRate("soak", totals.alone + totals.crowded, watch);
  }
  std::printf("soak: %s; %llu operations on one thread, %llu on several\n",
              right ? "all as it must be" : "FAILED", static_cast<unsigned long long>(totals.alone),
              static_cast<unsigned long long>(totals.crowded));
  return right ? 0 : 1;
}

}  // namespace
}  // namespace belay::programs

int main() { return belay::programs::Soak(); }
