#include "tests/bench/timing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace belay::bench {

std::vector<double> Alternate(int rounds, const std::vector<Round>& sides) {
  std::vector<double> best(sides.size(), std::numeric_limits<double>::max());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t side = 0; side < sides.size(); ++side) {
      best[side] = std::min(best[side], sides[side]());
    }
  }
  return best;
}

double Percentile(std::vector<double> samples, double percent) {
  const double rank = std::ceil(percent / 100 * static_cast<double>(samples.size()));
  const auto nth = samples.begin() + (static_cast<std::ptrdiff_t>(rank) - 1);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

}  // namespace belay::bench
