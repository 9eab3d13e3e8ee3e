// The choice among callbacks that share a name (W8).
#include "broker/engine/name_policy.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace belay::engine {
namespace {

class NamePolicyTest : public testing::Test {
 protected:
  std::size_t Choose(NamePolicy policy, std::vector<std::uint64_t> loads) {
    return ChooseMember(policy, loads.size(), turn_, random_,
                        [&](std::size_t i) { return loads.at(i); });
  }
  std::vector<std::size_t> ChooseTimes(NamePolicy policy, std::size_t count, int times) {
    std::vector<std::size_t> chosen;
    for (int n = 0; n < times; ++n) {
      chosen.push_back(Choose(policy, std::vector<std::uint64_t>(count)));
    }
    return chosen;
  }

  std::uint64_t turn_ = 0;
  NameRandom random_{42};
};

using Indexes = std::vector<std::size_t>;

TEST_F(NamePolicyTest, W8_FirstStaysWithTheFirst) {
  EXPECT_EQ(ChooseTimes(NamePolicy::kFirst, 3, 4), (Indexes{0, 0, 0, 0}));
}

TEST_F(NamePolicyTest, W8_RoundRobinGoesInTurn) {
  EXPECT_EQ(ChooseTimes(NamePolicy::kRoundRobin, 3, 7), (Indexes{0, 1, 2, 0, 1, 2, 0}));
}

TEST_F(NamePolicyTest, W8_RandomIsFairAndReplayable) {
  const Indexes chosen = ChooseTimes(NamePolicy::kRandom, 4, 4'000);
  std::vector<int> times(4);
  for (const std::size_t index : chosen) ++times.at(index);
  for (const int count : times) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1'150);
  }
  EXPECT_NE(Indexes(chosen.begin(), chosen.begin() + 100),
            Indexes(chosen.begin() + 100, chosen.begin() + 200));
  random_ = NameRandom(42);
  EXPECT_EQ(ChooseTimes(NamePolicy::kRandom, 4, 4'000), chosen) << "the same seed chooses the same";
}

TEST_F(NamePolicyTest, W8_LeastLoadedTakesTheLightestAndAmongEqualsTurns) {
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(Choose(NamePolicy::kLeastLoaded, {5, 2, 3}), 1U);
    EXPECT_EQ(Choose(NamePolicy::kLeastLoaded, {1, 0, 2}), 1U);
  }
  turn_ = 0;
  EXPECT_EQ(ChooseTimes(NamePolicy::kLeastLoaded, 3, 4), (Indexes{0, 1, 2, 0}));
  turn_ = 0;
  EXPECT_EQ(Choose(NamePolicy::kLeastLoaded, {9, 4, 4}), 1U);
  turn_ = 2;
  EXPECT_EQ(Choose(NamePolicy::kLeastLoaded, {9, 4, 4}), 2U);
}

TEST_F(NamePolicyTest, W8_OnlyLeastLoadedAsksForLoads) {
  for (const auto policy :
       {NamePolicy::kSingle, NamePolicy::kFirst, NamePolicy::kRoundRobin, NamePolicy::kRandom}) {
    ChooseMember(policy, 3, turn_, random_, [](std::size_t) -> std::uint64_t {
      ADD_FAILURE() << "asked for a load";
      return 0;
    });
  }
}

TEST_F(NamePolicyTest, W8_EveryPolicyHasAName) {
  std::set<std::string_view> names;
  for (int number = 0; number <= kLastNamePolicy; ++number) {
    names.insert(NamePolicyName(static_cast<NamePolicy>(number)));
  }
  EXPECT_EQ(names.size(), kLastNamePolicy + 1U);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(NamePolicyName(static_cast<NamePolicy>(kLastNamePolicy + 1)), "unknown");
}

}  // namespace
}  // namespace belay::engine
