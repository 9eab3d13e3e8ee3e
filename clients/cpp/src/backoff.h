// Backoff: how long to wait before the next attempt to reach a broker. It doubles from attempt to attempt up
// to a bound, and is drawn at random from the upper half, so that a thousand clients of a broker that
// was restarted do not come at once.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace belay::client {

class Backoff {
 public:
  static constexpr std::uint32_t kFirstMs = 50;
  static constexpr std::uint32_t kLongestMs = 5'000;

  explicit Backoff(std::uint64_t seed) : random_(seed) {}

  std::uint32_t NextMs() {
    const std::uint32_t bound_ms = next_bound_ms_;
    next_bound_ms_ = std::min(2 * bound_ms, kLongestMs);
    return std::uniform_int_distribution<std::uint32_t>(bound_ms / 2, bound_ms)(random_);
  }
  // The last attempt has succeeded.
  void Reset() { next_bound_ms_ = kFirstMs; }

 private:
  std::mt19937_64 random_;
  std::uint32_t next_bound_ms_ = kFirstMs;
};

}  // namespace belay::client
