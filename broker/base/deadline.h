// Deadlines: times on the machine's monotonic clock, in nanoseconds, by which calls and waits are bounded. 0 is none.
//
// Sums that an int64 does not hold are what this file is for: "for ever" is whatever a caller takes for a long time.
//
// Thread safety: pure functions.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "broker/base/clock.h"

namespace belay::base {

// Ten years: longer than any wait, and no clock overflows by it.
inline constexpr std::int64_t kForEverNs = std::int64_t{10} * 366 * 24 * 3600 * 1'000'000'000;

// When a call that may take `timeout_ns` must have ended; 0 for 0, which is no timeout.
inline std::int64_t DeadlineAfter(std::int64_t timeout_ns) {
  if (timeout_ns == 0) return 0;
  return Clock::System().MonotonicNs() + std::min(timeout_ns, kForEverNs);
}

inline bool IsPast(std::int64_t deadline_ns) {
  return deadline_ns != 0 && Clock::System().MonotonicNs() >= deadline_ns;
}

// For the wait_until of a condition variable. Its wait_for adds the clock to what it is given, and overflows.
// REQUIRES: deadline_ns != 0
inline std::chrono::steady_clock::time_point TimePointOf(std::int64_t deadline_ns) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns));
}

}  // namespace belay::base
