// The search, linked with a deliberate fault of broker/registry/faults.h, must find it, name the invariant that
// it breaks (FOUND_AS), and shrink the program to a handful of operations. With no fault it must find nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/model/programs/bench.h"

namespace belay::programs {
namespace {

constexpr std::size_t kHandful = 6;

TEST(Faults, T1_WhatIsBrokenIsFoundAndShrunk) {
  const std::string wanted = std::getenv("FOUND_AS");
  Search search;
  search.first_seed = 1;
  search.operations = 200'000;
  Outcome outcome = RunAll(search);
  // A program with names whose policy is chance may fail only now and then: the next one that fails will do.
  for (int more = 0; more < 10 && outcome.found && !outcome.found->alone; ++more) {
    search.first_seed = outcome.found->seed + 1;
    outcome = RunAll(search);
  }
  if (wanted.empty()) {
    EXPECT_FALSE(outcome.found) << Tell(*outcome.found);
    return;
  }
  ASSERT_TRUE(outcome.found) << "after " << outcome.operations << " operations";
  std::printf("after %llu operations: %s", static_cast<unsigned long long>(outcome.operations),
              Tell(*outcome.found).c_str());
  EXPECT_TRUE(outcome.found->alone);
  EXPECT_EQ(outcome.found->divergence.text.substr(0, wanted.size()), wanted);
  EXPECT_LE(outcome.found->program.size(), kHandful);
  // The program that is printed fails by itself, and not one of its parts does.
  EXPECT_TRUE(RunAlone(outcome.found->program));
}

}  // namespace
}  // namespace belay::programs
