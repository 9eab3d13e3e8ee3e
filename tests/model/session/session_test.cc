// Sessions in the simulator (W3, W4, W9). Arguments: --seeds N, how many histories, which BELAY_SOAK_CYCLES overrides;
// BELAY_TEST_SEED=S makes the one of seed S alone.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/model/session/simulation.h"

namespace belay::model {
namespace {

constexpr int kSteps = 400;

std::uint64_t first_seed = 1;
std::uint64_t seeds = 1'000;

TEST(SessionModel, W3_W4_W9_NothingIsLostOrDoneTwiceWhateverBreaks) {
  std::uint64_t calls = 0;
  std::uint64_t resumed = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    Simulation simulation(seed);
    const auto complaints = simulation.Run(kSteps);
    for (const std::string& complaint : complaints) ADD_FAILURE() << complaint;
    ASSERT_TRUE(complaints.empty()) << "again with BELAY_TEST_SEED=" << seed;
    calls += simulation.calls();
    resumed += simulation.resumed();
  }
  std::printf("%llu histories: %llu calls, %llu sessions resumed\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(calls),
              static_cast<unsigned long long>(resumed));
  EXPECT_GT(calls, 0U);
  EXPECT_TRUE(resumed != 0 || seeds == 1);
}

TEST(SessionModel, ASeedMakesTheSameHistoryAgain) {
  Simulation once(first_seed), again(first_seed);
  (void)once.Run(kSteps);
  (void)again.Run(kSteps);
  EXPECT_EQ(once.calls(), again.calls());
  EXPECT_EQ(once.resumed(), again.resumed());
}

}  // namespace
}  // namespace belay::model

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--seeds") belay::model::seeds = std::stoull(argv[i + 1]);
  }
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
  if (const char* const cycles = std::getenv("BELAY_SOAK_CYCLES"); cycles != nullptr)
    belay::model::seeds = std::stoull(cycles);
  if (const char* const seed = std::getenv("BELAY_TEST_SEED"); seed != nullptr) {
    belay::model::first_seed = std::stoull(seed);
    belay::model::seeds = 1;
  }
  // NOLINTEND(concurrency-mt-unsafe)
  return RUN_ALL_TESTS();
}
