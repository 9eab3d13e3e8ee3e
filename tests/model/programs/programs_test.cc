// Random programs, one after another, on the library and on the model (T2).
#include <gtest/gtest.h>

#include "tests/model/programs/bench.h"
#include "tests/model/programs/settings.h"

namespace belay::programs {
namespace {

TEST(Programs, R4_TheLibraryAnswersAsTheModel) {
  Search search;
  search.first_seed = SeedFromEnvironment();
  search.operations = OperationsFromEnvironment();
  TellSeed(search.first_seed);
  const Stopwatch watch;
  const Outcome outcome = RunAll(search);
  TellRate("one thread", outcome.operations, watch);
  EXPECT_FALSE(outcome.found) << Tell(*outcome.found);
  EXPECT_GT(outcome.successes, outcome.operations / 3) << "most of what they do is refused";
}

}  // namespace
}  // namespace belay::programs
