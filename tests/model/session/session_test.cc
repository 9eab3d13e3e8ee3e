// Sessions in the simulator (W3, W4, W9). Arguments: --seeds N, how many histories; BELAY_SOAK_CYCLES says it
// instead, BELAY_SOAK_SECONDS how long (both: what comes first). BELAY_TEST_SEED=S makes the one of seed S alone.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "tests/model/session/simulation.h"

namespace belay::model {
namespace {

constexpr int kSteps = 400;

std::uint64_t first_seed = 1;
std::uint64_t seeds = 1'000;
auto last_moment = std::chrono::steady_clock::time_point::max();

TEST(SessionModel, W3_W4_W9_NothingIsLostOrDoneTwiceWhateverBreaks) {
  std::uint64_t calls = 0;
  std::uint64_t resumed = 0;
  std::uint64_t histories = 0;
  for (; histories < seeds && std::chrono::steady_clock::now() < last_moment; ++histories) {
    const std::uint64_t seed = first_seed + histories;
    Simulation simulation(seed);
    const auto complaints = simulation.Run(kSteps);
    for (const std::string& complaint : complaints) ADD_FAILURE() << complaint;
    ASSERT_TRUE(complaints.empty()) << "again with BELAY_TEST_SEED=" << seed;
    calls += simulation.calls();
    resumed += simulation.resumed();
  }
  std::printf("%llu histories: %llu calls, %llu sessions resumed\n",
              static_cast<unsigned long long>(histories), static_cast<unsigned long long>(calls),
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
  if (const char* const seconds = std::getenv("BELAY_SOAK_SECONDS"); seconds != nullptr) {
    belay::model::seeds = std::numeric_limits<std::uint64_t>::max();
    belay::model::last_moment =
        std::chrono::steady_clock::now() + std::chrono::seconds(std::stoull(seconds));
  }
  if (const char* const cycles = std::getenv("BELAY_SOAK_CYCLES"); cycles != nullptr)
    belay::model::seeds = std::stoull(cycles);
  if (const char* const seed = std::getenv("BELAY_TEST_SEED"); seed != nullptr) {
    belay::model::first_seed = std::stoull(seed);
    belay::model::seeds = 1;
  }
  // NOLINTEND(concurrency-mt-unsafe)
  return RUN_ALL_TESTS();
}
