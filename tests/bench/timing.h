// How the suites take times on a machine that others use too.
//
// Method. Disturbances only ever add time, and last. So what is compared takes turns in rounds of a
// fraction of a millisecond to some milliseconds, which lets every side meet the same disturbances, and a
// side's figure is its best round: what the code costs when nobody interferes. Where a disk is waited for,
// or work in the background belongs to the cost, the best round is the one that was spared it: there a side's
// figure is its median round. What is not a cost but a distribution (how long until something happens in
// the background) is a percentile over all samples.
//
// Thread safety: free functions on their arguments only.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

namespace belay::bench {

using SteadyClock = std::chrono::steady_clock;

inline double NsBetween(SteadyClock::time_point begin, SteadyClock::time_point end) {
  return std::chrono::duration<double, std::nano>(end - begin).count();
}

// How many calls of that many nanoseconds go into a second.
inline double PerSecond(double ns_per_call) { return 1e9 / ns_per_call; }

// Runs `call` `calls` times in a row.
template <typename Call>
double NsPerCall(int calls, Call call) {
  const auto begin = SteadyClock::now();
  for (int i = 0; i < calls; ++i) call();
  return NsBetween(begin, SteadyClock::now()) / calls;
}

// One round of one side: runs it and returns the nanoseconds that a call took.
using Round = std::function<double()>;

// A round of `calls` calls, each round with a copy of `call` as it is now.
template <typename Call>
Round RoundOf(int calls, Call call) {
  return [calls, call] { return NsPerCall(calls, call); };
}

// Lets the sides take turns, `rounds` times each, and returns each side's best round, in their order.
std::vector<double> Alternate(int rounds, const std::vector<Round>& sides);

// The same with each side's median round.
std::vector<double> AlternateMedians(int rounds, const std::vector<Round>& sides);

// The smallest sample that at least `percent` of all samples do not exceed. REQUIRES: samples not empty,
// 0 < percent <= 100.
double Percentile(std::vector<double> samples, double percent);

// The same value, of which the compiler knows nothing: it can neither inline a function that it stands for
// nor make a copy of its caller for it.
template <typename T>
T Opaque(T value) {
  T volatile hidden = value;
  return hidden;
}

}  // namespace belay::bench
