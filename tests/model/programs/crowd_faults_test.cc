// A crowd, linked with a deliberate fault of broker/registry/faults.h, must notice it and name an invariant that it
// breaks (FOUND_AS, a regular expression). That it notices none where there is none is crowd_test.
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>

#include "tests/model/programs/crowd.h"
#include "tests/model/programs/settings.h"

namespace belay::programs {
namespace {

TEST(CrowdFaults, T1_WhatIsBrokenIsNoticed) {
  constexpr double kLongestSeconds = 30;
  Round round;
  round.seed = 1;
  const Stopwatch watch;
  std::uint64_t operations = 0;
  RoundOutcome outcome;
  for (; !outcome.violated && watch.seconds() < kLongestSeconds; ++round.seed) {
    outcome = RunRound(round);
    operations += outcome.operations;
  }
  ASSERT_TRUE(outcome.violated) << "after " << operations << " operations";
  std::printf("after %llu operations: %s\n", static_cast<unsigned long long>(operations),
              outcome.violated->c_str());
  EXPECT_TRUE(std::regex_search(*outcome.violated, std::regex(std::getenv("FOUND_AS"))));
}

}  // namespace
}  // namespace belay::programs
