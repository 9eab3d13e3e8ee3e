// Power that goes and processes that die, at every boundary of file operations.
#include "broker/storage/rocksdb/testing/power_cut.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

// `cut` does its program up to the given boundary; the last time it gets to its end.
void CutAtEachBoundary(CutCycle (*cut)(int file_operations, Loss loss), Loss loss) {
  int boundaries = 0;
  for (CutCycle cycle{.was_cut = true}; cycle.was_cut && !testing::Test::HasFailure();
       ++boundaries) {
    SCOPED_TRACE("cut after " + std::to_string(boundaries) + " file operations");
    cycle = cut(boundaries, loss);
  }
  std::cout << boundaries << " cycles, one for each boundary of file operations" << std::endl;
  EXPECT_GE(boundaries, 30);
}

TEST(PowerCutTest, S2_APowerCutAtEachFileOperationLosesNothingPromised) {
  CutAtEachBoundary(CutProgramAfter, Loss::kUnsynced);
}

TEST(PowerCutTest, S2_ACrashAtEachFileOperationLosesNothingAcknowledged) {
  CutAtEachBoundary(CutProgramAfter, Loss::kNothing);
}

TEST(PowerCutTest, S2_ASecondPowerCutAtEachFileOperationOfTheRecoveryLosesNothingPromised) {
  CutAtEachBoundary(CutRecoveryAfter, Loss::kUnsynced);
}

TEST(PowerCutTest, S2_ASecondCrashAtEachFileOperationOfTheRecoveryLosesNothingAcknowledged) {
  CutAtEachBoundary(CutRecoveryAfter, Loss::kNothing);
}

TEST(PowerCutTest, S2_WhatWasAcknowledgedAsSyncSurvivesAPowerCutAndTheRestIsAPrefix) {
  constexpr int kCycles = 20;
  std::mt19937_64 random(TestSeed());
  std::size_t acknowledged = 0;
  for (int cycle = 0; cycle < kCycles && !HasFailure(); ++cycle) {
    acknowledged += CutWriters(random()).acknowledged;
  }
  std::cout << kCycles << " cycles, " << acknowledged << " acknowledged commits" << std::endl;
  EXPECT_GT(acknowledged, 100u);
}

}  // namespace
}  // namespace belay::storage
