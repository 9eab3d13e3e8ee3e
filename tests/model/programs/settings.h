// What a run is told by its environment, and what it tells of itself.
//
// Thread safety: any thread, while nobody changes the environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace belay::programs {

// BELAY_SEED, or any.
inline std::uint64_t SeedFromEnvironment() {
  const char* given = std::getenv("BELAY_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
}

// BELAY_OPERATIONS, which the BUILD file sets: fewer where a sanitizer slows them down.
inline std::uint64_t OperationsFromEnvironment() {
  const char* given = std::getenv("BELAY_OPERATIONS");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : 100'000;
}

inline void TellSeed(std::uint64_t seed) {
  std::printf("BELAY_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline void TellRate(const char* what, std::uint64_t operations, const Stopwatch& watch) {
  std::printf("%s: %llu operations in %.1f s, %.0f a second\n", what,
              static_cast<unsigned long long>(operations), watch.seconds(),
              static_cast<double>(operations) / watch.seconds());
  std::fflush(stdout);
}

}  // namespace belay::programs
