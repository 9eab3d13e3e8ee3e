// A writer process is killed with SIGKILL at random moments, and what it leaves is compared with
// what it had acknowledged.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <random>
#include <string>

#include "broker/storage/rocksdb/test_util.h"
#include "broker/storage/rocksdb/testing/killed_writer.h"
#include "broker/storage/rocksdb/testing/writer_process.h"

namespace belay::storage {
namespace {

TEST(CrashTest, S2_EveryAcknowledgedWriteSurvivesKill9) {
  constexpr int kStores = 10;
  constexpr int kCyclesPerStore = 12;
  std::mt19937_64 random(TestSeed());
  std::size_t acknowledged = 0;
  int cycles = 0;
  for (int i = 0; i < kStores; ++i) {
    KilledWriter writer(random());
    for (int cycle = 0; cycle < kCyclesPerStore && !HasFailure(); ++cycle, ++cycles) {
      SCOPED_TRACE("cycle " + std::to_string(cycle) + " of store " + std::to_string(i));
      writer.RunCycle();
    }
    acknowledged += writer.acknowledged();
  }
  std::cout << cycles << " cycles of kill -9, " << acknowledged << " acknowledged commits"
            << std::endl;
  EXPECT_GT(acknowledged, 1'000u);
}

TEST(CrashTest, S5_ASecondProcessIsToldWhoHasTheStore) {
  TempFolder folder;
  const std::string path = folder / "store";
  auto store = MustOpen(path);
  WriterProcess second(kCrashWriter, path);
  std::string line;
  ASSERT_TRUE(second.ReadLine(&line));
  EXPECT_NE(line.find("FAILED_PRECONDITION (STORE_LOCKED): store " + path + " is open in another"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find("pid " + std::to_string(::getpid())), std::string::npos) << line;
  const int status = second.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  EXPECT_TRUE(Put(*store, "a", "1").ok());  // and the first is none the worse
}

}  // namespace
}  // namespace belay::storage
