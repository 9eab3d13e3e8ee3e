#include "broker/engine/prefix_index.h"

#include <gtest/gtest.h>

#include <random>

namespace belay::engine {
namespace {

std::vector<int> Matches(const PrefixIndex<int>& index, std::string_view key) {
  std::vector<int> found;
  index.ForEachMatch(key, [&](int wanter) { found.push_back(wanter); });
  std::sort(found.begin(), found.end());
  return found;
}

TEST(PrefixIndexTest, FindsWhoWantsAKey) {
  PrefixIndex<int> index;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(Matches(index, "a"), std::vector<int>{});
  index.Add("", 1);
  index.Add("a", 2);
  index.Add("ab", 3);
  index.Add("ab", 4);
  index.Add("b", 5);
  EXPECT_EQ(Matches(index, ""), std::vector<int>{1});
  EXPECT_EQ(Matches(index, "a"), (std::vector<int>{1, 2}));
  EXPECT_EQ(Matches(index, "abc"), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(Matches(index, "c"), std::vector<int>{1});
  index.Remove("ab", 3);
  index.Remove("ab", 3);
  index.Remove("nothing", 3);
  EXPECT_EQ(Matches(index, "abc"), (std::vector<int>{1, 2, 4}));
  index.Remove("", 1);
  EXPECT_EQ(Matches(index, "c"), std::vector<int>{});
}

TEST(PrefixIndexTest, TheRangeCoversAllPrefixes) {
  PrefixIndex<int> index;
  index.Add("m/", 1);
  EXPECT_EQ(index.range().start, "m/");
  EXPECT_EQ(index.range().end, "m0");
  index.Add("a", 2);
  index.Add("ab", 3);
  EXPECT_EQ(index.range().start, "a");
  EXPECT_EQ(index.range().end, "m0");
  index.Remove("m/", 1);
  EXPECT_EQ(index.range().end, "b");  // of "a", which is more than that of "ab"
  index.Add("\xff", 4);
  EXPECT_EQ(index.range().end, "");
  index.Remove("\xff", 4);
  EXPECT_EQ(index.range().end, "b");
  index.Add("", 5);
  EXPECT_EQ(index.range().start, "");
  EXPECT_EQ(index.range().end, "");
}

TEST(PrefixIndexTest, AgreesWithLookingAtEveryPrefix) {
  std::mt19937 random(7);
  const auto text = [&](std::size_t most) {
    std::string made(random() % (most + 1), 'a');
    for (char& c : made) c = static_cast<char>('a' + random() % 2);
    return made;
  };
  PrefixIndex<int> index;
  std::map<int, std::string> all;
  for (int step = 0; step < 5'000; ++step) {
    if (random() % 2 == 0) {
      all[step] = text(5);
      index.Add(all[step], step);
    } else if (!all.empty()) {
      const auto victim = std::next(all.begin(), static_cast<long>(random() % all.size()));
      index.Remove(victim->second, victim->first);
      all.erase(victim);
    }
    const std::string key = text(7);
    std::vector<int> expected;
    for (const auto& [wanter, prefix] : all) {
      if (key.starts_with(prefix)) expected.push_back(wanter);
    }
    ASSERT_EQ(Matches(index, key), expected) << key;
    if (expected.empty()) continue;
    EXPECT_GE(key, index.range().start);
    EXPECT_TRUE(index.range().end.empty() || key < index.range().end);
    ASSERT_EQ(index.empty(), all.empty());
  }
}

}  // namespace
}  // namespace belay::engine
