// The shrinker alone, on failures that are made up.
#include "tests/model/programs/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace belay::programs {
namespace {

// Does `program` contain `wanted`, in order, perhaps with others between?
bool Contains(const Program& program, const Program& wanted) {
  auto next = wanted.begin();
  for (const Op& op : program) {
    if (next != wanted.end() && op == *next) ++next;
  }
  return next == wanted.end();
}

TEST(Shrink, KeepsExactlyWhatTheFailureNeedsWhereverItStands) {
  const Program needed = {{Do::kRegister, 3, 1, 4}, {Do::kPin, 1, 5, 9}, {Do::kRelease, 2, 6, 5}};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Program program = Generate(seed, 200);
    program.insert(program.begin() + 180, needed[2]);
    program.insert(program.begin() + static_cast<std::ptrdiff_t>(seed), needed[1]);
    program.insert(program.begin(), needed[0]);
    const auto fails = [&](const Program& part) { return Contains(part, needed); };
    EXPECT_EQ(Shrink(program, fails), needed) << "seed " << seed;
  }
}

TEST(Shrink, MakesOperandsZeroThatDoNotMatter) {
  const auto fails = [](const Program& part) {
    return std::ranges::any_of(part,
                               [](const Op& op) { return op.what == Do::kInvoke && op.b >= 100; });
  };
  Program program = Generate(7, 300);
  program.push_back({Do::kInvoke, 11, 200, 13});
  const Program shrunk = Shrink(program, fails);
  ASSERT_EQ(shrunk.size(), 1U);
  EXPECT_EQ(shrunk[0].a, 0);
  EXPECT_GE(shrunk[0].b, 100);
  EXPECT_EQ(shrunk[0].c, 0);
}

// Deleting one operation can be what makes the one before it superfluous.
TEST(Shrink, NoSingleOperationOfWhatIsLeftCanGo) {
  const auto fails = [](const Program& part) {
    const auto retains = std::ranges::count(part, Do::kRetain, &Op::what);
    const auto releases = std::ranges::count(part, Do::kRelease, &Op::what);
    return retains >= 2 && retains == releases;
  };
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Program program = Generate(seed, 100);
    while (!fails(program)) {
      const auto retains = std::ranges::count(program, Do::kRetain, &Op::what);
      const auto releases = std::ranges::count(program, Do::kRelease, &Op::what);
      program.push_back(
          {retains < std::max<std::ptrdiff_t>(2, releases) ? Do::kRetain : Do::kRelease});
    }
    const Program shrunk = Shrink(program, fails);
    ASSERT_TRUE(fails(shrunk)) << "seed " << seed;
    for (std::size_t i = 0; i < shrunk.size(); ++i) {
      Program without = shrunk;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_FALSE(fails(without))
          << "seed " << seed << ", operation " << i << " of " << ToSource(shrunk);
    }
  }
}

TEST(Shrink, ProgramsAreFunctionsOfTheirSeed) {
  EXPECT_EQ(Generate(42, 100), Generate(42, 100));
  EXPECT_NE(Generate(42, 100), Generate(43, 100));
}

TEST(Shrink, ProgramsPrintAsTheirSource) {
  const Program program = {{Do::kRegister, 1, 2, 3}, {Do::kCloseBroker}};
  EXPECT_EQ(ToSource(program), "{{Do::kRegister, 1, 2, 3},\n {Do::kCloseBroker, 0, 0, 0}}");
}

}  // namespace
}  // namespace belay::programs
