// Crashes for as long as one likes: writers and brokers killed with SIGKILL, and power that goes, by turns.
//
// BELAY_SOAK_CYCLES says how many, or BELAY_SOAK_SECONDS how long; both: what comes first.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <optional>
#include <random>

#include "broker/storage/rocksdb/test_util.h"
#include "broker/storage/rocksdb/testing/killed_writer.h"
#include "broker/storage/rocksdb/testing/power_cut.h"
#include "tests/crash/killed_broker.h"

namespace belay {
namespace {

constexpr std::uint64_t kDefaultCycles = 1'000;
constexpr std::uint64_t kCyclesPerStore = 50;
constexpr double kSecondsBetweenLines = 10;

std::optional<std::uint64_t> NumberFrom(const char* variable) {
  const char* given = std::getenv(variable);
  if (given == nullptr) return std::nullopt;
  return std::strtoull(given, nullptr, 10);
}

struct Figures {
  std::uint64_t kills = 0;
  std::uint64_t broker_kills = 0;
  std::uint64_t cuts = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t accepted = 0;  // by watches
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  void Tell() const {
    std::cout << "crash: " << kills + broker_kills + cuts << " cycles in "
              << static_cast<int>(seconds()) << " s: " << kills << " of kill -9, " << broker_kills
              << " of kill -9 of a broker, " << cuts << " of power cut, " << acknowledged
              << " acknowledged commits, " << accepted << " accepted changes" << std::endl;
  }
};

TEST(CrashSoak, S2_WhatIsAcknowledgedLasts) {
  const auto seconds = NumberFrom("BELAY_SOAK_SECONDS");
  const std::uint64_t cycles =
      NumberFrom("BELAY_SOAK_CYCLES")
          .value_or(seconds ? std::numeric_limits<std::uint64_t>::max() : kDefaultCycles);
  std::mt19937_64 random(storage::TestSeed());
  Figures figures;
  double next_line = kSecondsBetweenLines;
  std::optional<storage::KilledWriter> writer;
  std::optional<KilledBroker> broker;
  for (std::uint64_t cycle = 0; cycle < cycles && !HasFailure(); ++cycle) {
    if (seconds && figures.seconds() >= static_cast<double>(*seconds)) break;
    if (cycle % kCyclesPerStore == 0) {
      writer.emplace(random());
      broker.emplace(random());
    }
    switch (cycle % 3) {
      case 0: {
        const std::size_t before = writer->acknowledged();
        writer->RunCycle();
        figures.acknowledged += writer->acknowledged() - before;
        ++figures.kills;
        break;
      }
      case 1: {
        const std::size_t before = broker->acknowledged();
        const std::size_t accepted_before = broker->accepted();
        broker->RunCycle();
        figures.acknowledged += broker->acknowledged() - before;
        figures.accepted += broker->accepted() - accepted_before;
        ++figures.broker_kills;
        break;
      }
      default: figures.acknowledged += storage::CutWriters(random()).acknowledged; ++figures.cuts;
    }
    if (figures.seconds() < next_line) continue;
    figures.Tell();
    next_line += kSecondsBetweenLines;
  }
  figures.Tell();
  EXPECT_GT(figures.acknowledged, 0u);
}

}  // namespace
}  // namespace belay
