// Power that goes and processes that die, at every boundary of file operations.
#include "broker/storage/rocksdb/testing/power_cut.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

void CutAtEachFileOperation(Loss loss) {
  int boundaries = 0;
  for (CutCycle cycle{.was_cut = true}; cycle.was_cut && !testing::Test::HasFailure();
       ++boundaries) {
    SCOPED_TRACE("cut after " + std::to_string(boundaries) + " file operations");
    cycle = CutProgramAfter(boundaries, loss);
  }
  std::cout << boundaries << " cycles, one for each boundary of file operations" << std::endl;
  EXPECT_GE(boundaries, 50);
}

TEST(PowerCutTest, S2_APowerCutAtEachFileOperationLosesNothingPromised) {
  CutAtEachFileOperation(Loss::kUnsynced);
}

TEST(PowerCutTest, S2_ACrashAtEachFileOperationLosesNothingAcknowledged) {
  CutAtEachFileOperation(Loss::kNothing);
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
