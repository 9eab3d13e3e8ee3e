#include "tests/bench/timing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace belay::bench {

namespace {

// Every round of each side, in the order of the sides.
std::vector<std::vector<double>> TakeTurns(int rounds, const std::vector<Round>& sides) {
  std::vector<std::vector<double>> taken(sides.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t side = 0; side < sides.size(); ++side) taken[side].push_back(sides[side]());
  }
  return taken;
}

}  // namespace

std::vector<double> Alternate(int rounds, const std::vector<Round>& sides) {
  std::vector<double> best;
  for (const auto& taken : TakeTurns(rounds, sides)) best.push_back(std::ranges::min(taken));
  return best;
}

std::vector<double> AlternateMedians(int rounds, const std::vector<Round>& sides) {
  std::vector<double> medians;
  for (auto& taken : TakeTurns(rounds, sides)) medians.push_back(Percentile(std::move(taken), 50));
  return medians;
}

double Percentile(std::vector<double> samples, double percent) {
  const double rank = std::ceil(percent / 100 * static_cast<double>(samples.size()));
  const auto nth = samples.begin() + (static_cast<std::ptrdiff_t>(rank) - 1);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

}  // namespace belay::bench
