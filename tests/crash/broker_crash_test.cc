// Brokers are killed with SIGKILL at random moments, with a named watch and keys that expire.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "broker/storage/rocksdb/test_util.h"
#include "tests/crash/killed_broker.h"

namespace belay {
namespace {

TEST(BrokerCrashTest, S2_S3_WhatABrokerHasSaidIsSoAfterKill9) {
  constexpr int kStores = 4;
  constexpr int kCyclesPerStore = 10;
  std::mt19937_64 random(storage::TestSeed());
  std::size_t acknowledged = 0;
  std::size_t accepted = 0;
  for (int i = 0; i < kStores; ++i) {
    KilledBroker broker(random());
    for (int cycle = 0; cycle < kCyclesPerStore && !HasFailure(); ++cycle) {
      SCOPED_TRACE("cycle " + std::to_string(cycle) + " of store " + std::to_string(i));
      broker.RunCycle();
    }
    acknowledged += broker.acknowledged();
    accepted += broker.accepted();
  }
  std::cout << kStores * kCyclesPerStore << " cycles of kill -9, " << acknowledged
            << " acknowledged commits, " << accepted << " accepted changes" << std::endl;
  EXPECT_GT(acknowledged, 1'000u);
  EXPECT_GT(accepted, 1'000u);
}

}  // namespace
}  // namespace belay
