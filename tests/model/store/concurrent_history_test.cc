// Clients of the real store, and whether a store could have answered them so.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "broker/storage/rocksdb/test_util.h"
#include "broker/storage/rocksdb/testing/faulty_env.h"
#include "rocksdb/env.h"
#include "tests/model/store/clients.h"
#include "tests/model/store/linearizability.h"

namespace belay::store_model {
namespace {

using storage::OwnedRow;

constexpr int kRounds = 5;

// What happened, so that a reader of the log sees that enough did.
struct Figures {
  std::size_t operations = 0;
  std::size_t refused = 0;
  std::size_t scans = 0;
  Revision trimmed = 0;
  std::size_t overlapping = 0;  // operations that began while another on their key was running

  void Add(const History& history) {
    operations += history.operations.size();
    scans += history.snapshots.size();
    std::vector<const Operation*> by_invocation;
    for (const Operation& operation : history.operations) by_invocation.push_back(&operation);
    std::sort(by_invocation.begin(), by_invocation.end(),
              [](const Operation* a, const Operation* b) { return a->invoked < b->invoked; });
    std::map<std::string, Ticket> last_return;
    for (const Operation* operation : by_invocation) {
      if (operation->result.outcome == Outcome::kAborted) ++refused;
      Ticket& last = last_return[operation->key];
      if (last > operation->invoked) ++overlapping;
      last = std::max(last, operation->returned);
    }
  }

  // A history in which nothing meets proves nothing.
  void Check() const {
    std::cout << operations << " operations, " << overlapping << " of them overlapping another, "
              << refused << " refused; " << scans << " scans, " << trimmed << " revisions trimmed"
              << std::endl;
    EXPECT_GT(overlapping, operations / 20);
    EXPECT_GT(refused, operations / 20);
  }
};

void ExpectPossible(const History& history) {
  const auto violation = FindViolation(history);
  EXPECT_FALSE(violation) << violation->story;
}

// That the clients got all their answers, and that the store's own history has every write, in the
// order of revisions, and nothing else.
void ExpectComplete(storage::Store& store, const Round& round, const History& history) {
  EXPECT_EQ(history.operations.size() + history.snapshots.size(),
            static_cast<std::size_t>(round.clients * round.operations_per_client));
  std::vector<OwnedRow> expected;
  for (const Operation& operation : history.operations) {
    ASSERT_NE(operation.result.outcome, Outcome::kUnknown);
    const Revision revision = operation.result.revision;
    if (!TookEffect(operation) || revision < store.OldestRevision()) continue;
    expected.push_back(
        {revision,
         operation.kind == Kind::kDelete ? storage::RowKind::kDelete : storage::RowKind::kPut,
         operation.key, operation.argument});
  }
  std::sort(expected.begin(), expected.end(),
            [](const OwnedRow& a, const OwnedRow& b) { return a.revision < b.revision; });
  EXPECT_EQ(expected.size(), store.CurrentRevision() + 1 - store.OldestRevision());
  EXPECT_EQ(storage::HistoryFrom(store, store.OldestRevision()), expected);
}

// Each round on a store of its own. `meanwhile`, if given, runs again and again beside the clients.
Figures JudgeRounds(Round round, const std::function<void(storage::Store&)>& meanwhile = {}) {
  std::mt19937_64 seeds(storage::TestSeed());
  Figures figures;
  for (int i = 0; i < kRounds && !testing::Test::HasFailure(); ++i) {
    storage::TempFolder folder;
    const auto store = storage::MustOpen(folder / "store");
    std::jthread other([&](const std::stop_token& stop) {
      while (meanwhile && !stop.stop_requested()) meanwhile(*store);
    });
    Tickets tickets;
    round.seed = seeds();
    const History history = RunClients(*store, tickets, round);
    other.request_stop();
    other.join();
    ExpectPossible(history);
    ExpectComplete(*store, round, history);
    figures.Add(history);
    figures.trimmed += store->OldestRevision() - 1;
  }
  if (!testing::Test::HasFailure()) figures.Check();
  return figures;
}

TEST(ConcurrentHistoryTest, S1_WhatClientsAreAnsweredHasAnOrder) {
  JudgeRounds({.clients = 4});
  JudgeRounds({.clients = 8});
}

TEST(ConcurrentHistoryTest, S1_AlsoWithoutWaitingForTheDisk) {
  JudgeRounds({.operations_per_client = 1'000, .async_percent = 97});
}

TEST(ConcurrentHistoryTest, S1_ScansShowOneMomentWhileHistoryIsTrimmed) {
  const Round round{
      .operations_per_client = 600, .keys = 8, .async_percent = 90, .scan_percent = 20};
  const Figures figures = JudgeRounds(round, [](storage::Store& store) {
    EXPECT_TRUE(store.TrimHistory(store.CurrentRevision() / 2).ok());
  });
  EXPECT_GT(figures.scans, 1'000u);
  EXPECT_GT(figures.trimmed, 1'000u);
}

// The power goes while clients write; who had not been answered does not know what became of it.
TEST(ConcurrentHistoryTest, S2_WhatIsThereAfterAPowerCutIsInOrderWithWhatWasAnsweredBefore) {
  std::mt19937_64 seeds(storage::TestSeed());
  std::size_t unknown = 0;
  for (int i = 0; i < 12 && !HasFailure(); ++i) {
    storage::TempFolder folder;
    const auto plan = std::make_shared<storage::FaultPlan>();
    const auto env = storage::NewFaultyEnv(plan);
    storage::RocksOptions options;
    options.path = folder / "store";
    options.env = env.get();
    auto store = storage::MustOpen(options);
    Tickets tickets;
    const Round round{.seed = seeds(), .clients = 6};
    plan->CutPowerAfter(static_cast<int>(seeds() % 400));
    History history = RunClients(*store, tickets, round);
    ASSERT_TRUE(plan->power_is_cut());
    store.reset();
    plan->DropUnsynced();

    options.env = nullptr;
    store = storage::MustOpen(options);
    for (Operation& read : ReadKeys(*store, tickets, round)) {
      EXPECT_NE(read.result.outcome, Outcome::kUnknown);
      history.operations.push_back(std::move(read));
    }
    ExpectPossible(history);
    unknown += static_cast<std::size_t>(
        std::count_if(history.operations.begin(), history.operations.end(), MayHaveTakenEffect));
  }
  std::cout << unknown << " writes of unknown outcome" << std::endl;
  EXPECT_GT(unknown, 12u);
}

}  // namespace
}  // namespace belay::store_model
