// The checker's search against one that is too simple to be wrong: all orders, one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/model/random.h"
#include "tests/model/store/key_state.h"
#include "tests/model/store/linearizability.h"
#include "tests/model/store/simulation.h"

namespace belay::store_model {
namespace {

std::uint64_t Seed() {
  const char* fixed = std::getenv("BELAY_TEST_SEED");
  const std::uint64_t seed =
      fixed != nullptr ? std::strtoull(fixed, nullptr, 0) : std::random_device{}();
  std::cout << "BELAY_TEST_SEED=" << seed << std::endl;
  return seed;
}

// Whether they can be done in this order. Those of unknown outcome after `end` never took effect.
bool IsPossible(const std::vector<Operation>& operations, const std::vector<std::size_t>& order,
                std::size_t end) {
  KeyState state;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Operation& operation = operations[order[i]];
    if (i >= end) {
      if (operation.result.outcome == Outcome::kUnknown) continue;
      return false;
    }
    for (std::size_t later = i + 1; later < end; ++later) {
      if (operations[order[later]].returned < operation.invoked) return false;
    }
    Step step = Apply(state, operation);
    if (!step.next) return false;
    state = *step.next;
  }
  return true;
}

bool SomeOrderIsPossible(const std::vector<Operation>& operations) {
  std::vector<std::size_t> order(operations.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    for (std::size_t end = 0; end <= order.size(); ++end) {
      if (IsPossible(operations, order, end)) return true;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

// Makes the answer another one, which may or may not be possible too.
void Distort(model::Random& random, Operation& operation) {
  Result& result = operation.result;
  switch (random.Below(4)) {
    case 0: result.revision += 1; break;
    case 1: result.revision -= std::min<Revision>(result.revision, 1); break;
    case 2: result.value = "v" + std::to_string(random.Below(3)); break;
    default: result.outcome = static_cast<Outcome>(random.Below(3)); break;
  }
}

TEST(SearchTest, S1_AgreesWithTryingAllOrders) {
  model::Random random(Seed());
  int wrong = 0;
  int right = 0;
  for (int i = 0; i < 20'000; ++i) {
    History history = Simulation(random, 1).Run(5, 3);
    for (Operation& operation : history.operations) {
      if (random.OneIn(8)) Distort(random, operation);
      if (operation.kind == Kind::kGet || !random.OneIn(8)) continue;
      operation.result = {};
      operation.returned = kNever;
    }
    const bool possible = SomeOrderIsPossible(history.operations);
    const auto violation = FindViolation(history);
    ASSERT_EQ(violation.has_value(), !possible) << "case " << i << "\n"
                                                << (violation ? violation->story : "");
    ++(possible ? right : wrong);
  }
  EXPECT_GT(wrong, 2'000);
  EXPECT_GT(right, 2'000);
}

TEST(SearchTest, S1_LongHistoriesWithMuchOverlapAreJudgedRight) {
  model::Random random(Seed());
  for (int i = 0; i < 10; ++i) {
    History history = Simulation(random, 3).Run(3'000, 8);
    const auto violation = FindViolation(history);
    ASSERT_FALSE(violation) << violation->story;
    // One read of a value that was never written, and the search must not take for ever to tell.
    const std::size_t at = random.Below(history.operations.size());
    Operation& operation = history.operations[at];
    operation.kind = Kind::kGet;
    operation.result = {Outcome::kOk, "never written", 1};
    const auto found = FindViolation(history);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->key, operation.key);
  }
}

}  // namespace
}  // namespace belay::store_model
