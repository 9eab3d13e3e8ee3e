// Threads with programs of their own on callbacks that they share (T2).
#include "tests/model/programs/crowd.h"

#include <gtest/gtest.h>

#include "tests/model/programs/settings.h"

namespace belay::programs {
namespace {

TEST(Crowd, R3_R5_WhatMustHoldDoesHoweverThreadsInterleave) {
  Round round;
  round.seed = SeedFromEnvironment();
  TellSeed(round.seed);
  const std::uint64_t wanted = OperationsFromEnvironment();
  const Stopwatch watch;
  std::uint64_t operations = 0;
  std::uint64_t successes = 0;
  for (; operations < wanted; ++round.seed) {
    const RoundOutcome outcome = RunRound(round);
    operations += outcome.operations;
    successes += outcome.successes;
    ASSERT_FALSE(outcome.violated)
        << *outcome.violated << "\nin the round of BELAY_SEED=" << round.seed;
  }
  TellRate("threads", operations, watch);
  EXPECT_GT(successes, operations / 3) << "most of what they do is refused";
}

}  // namespace
}  // namespace belay::programs
