// Power that goes and processes that die, at every boundary.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "broker/storage/rocksdb/faulty_env.h"
#include "broker/storage/rocksdb/test_util.h"
#include "rocksdb/env.h"

namespace belay::storage {
namespace {

// A short program, cut off at each of its file operations in turn, the creation of the store
// included. Once the power goes with all that was not synced, once only the process does.
void SweepCuts(bool drop_unsynced) {
  constexpr int kCommits = 6;
  for (int operations = 0;; ++operations) {
    SCOPED_TRACE("cut after " + std::to_string(operations) + " file operations");
    TempFolder folder;
    const auto plan = std::make_shared<FaultPlan>();
    const auto env = NewFaultyEnv(plan);
    RocksOptions options;
    options.path = folder / "store";
    options.env = env.get();
    plan->CutPowerAfter(operations);
    Revision acknowledged = 0;
    Revision promised = 0;
    if (auto store = OpenRocksStore(options); store.ok()) {
      for (int i = 1; i <= kCommits; ++i) {
        WriteBatch batch;
        batch.durability = i % 2 == 0 ? Durability::kSync : Durability::kAsync;
        batch.operations = {PutOp("a", std::to_string(i)), PutOp("b", std::to_string(i))};
        auto result = (*store)->Commit(batch);
        if (!result.ok()) break;
        acknowledged = result->revision;
        if (batch.durability == Durability::kSync) promised = acknowledged;
      }
    }
    const bool was_cut = plan->power_is_cut();
    if (was_cut && drop_unsynced) plan->DropUnsynced();

    options.env = nullptr;
    auto store = MustOpen(options);
    const Revision revision = store->CurrentRevision();
    EXPECT_GE(revision, drop_unsynced ? promised : acknowledged);
    // One more at most: the commit that the cut took the answer of.
    EXPECT_LE(revision, acknowledged + 1);
    EXPECT_EQ(HistoryFrom(*store, 1).size(), 2 * revision);
    if (revision > 0) {
      EXPECT_EQ(store->Get("a")->mod_revision, revision);
      EXPECT_EQ(store->Get("b")->mod_revision, revision);
      EXPECT_EQ(store->Get("a")->value, std::to_string(revision));
    }
    EXPECT_EQ(Put(*store, "c", "1")->revision, revision + 1);
    if (!was_cut) {
      EXPECT_GT(operations, 20);
      return;
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(PowerCutTest, S2_APowerCutAtEachFileOperationLosesNothingPromised) { SweepCuts(true); }

TEST(PowerCutTest, S2_ACrashAtEachFileOperationLosesNothingAcknowledged) { SweepCuts(false); }

// Several writers, a mix of sync and async, and the power goes somewhere among them.
TEST(PowerCutTest, S2_WhatWasAcknowledgedAsSyncSurvivesAPowerCutAndTheRestIsAPrefix) {
  std::mt19937_64 random(TestSeed());
  for (int cycle = 0; cycle < 10; ++cycle) {
    TempFolder folder;
    const auto plan = std::make_shared<FaultPlan>();
    const auto env = NewFaultyEnv(plan);
    RocksOptions options;
    options.path = folder / "store";
    options.env = env.get();
    auto store = MustOpen(options);
    const int cut_after = static_cast<int>(random() % 60);
    const std::uint64_t seed = random();
    // Acknowledged: what each revision wrote, and the newest that was promised to last.
    std::mutex mutex;
    std::map<Revision, std::string> written;
    Revision promised = 0;
    int acknowledged = 0;
    std::vector<std::thread> writers;
    for (int w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        std::mt19937_64 mine(seed + static_cast<std::uint64_t>(w));
        for (int i = 0;; ++i) {
          const std::string value = std::to_string(w) + "." + std::to_string(i);
          WriteBatch batch;
          batch.durability = mine() % 3 == 0 ? Durability::kSync : Durability::kAsync;
          batch.operations = {PutOp("a" + std::to_string(mine() % 8), value),
                              PutOp("b" + std::to_string(mine() % 8), value)};
          auto result = store->Commit(batch);
          const std::lock_guard lock(mutex);
          if (!result.ok()) return;
          written[result->revision] = value;
          if (batch.durability == Durability::kSync)
            promised = std::max(promised, result->revision);
          if (++acknowledged == cut_after) plan->CutPower();
        }
      });
    }
    if (cut_after == 0) plan->CutPower();
    for (std::thread& writer : writers) writer.join();
    store.reset();
    plan->DropUnsynced();

    options.env = nullptr;
    store = MustOpen(options);
    EXPECT_GE(store->CurrentRevision(), promised) << "an acknowledged sync commit is lost";
    const std::vector<OwnedRow> history = HistoryFrom(*store, 1);
    EXPECT_EQ(history.size(), 2 * store->CurrentRevision()) << "half a batch";
    std::map<std::string, OwnedRow> state;
    for (std::size_t i = 0; i < history.size(); ++i) {
      const Revision revision = i / 2 + 1;
      EXPECT_EQ(history[i].revision, revision);
      const auto it = written.find(revision);
      EXPECT_TRUE(it == written.end() || it->second == history[i].value);
      state[history[i].key] = history[i];
    }
    std::vector<OwnedRow> expected;
    for (const auto& [key, row] : state) expected.push_back(row);
    EXPECT_EQ(ScanAll(**store->NewScan({})), expected);
    EXPECT_EQ(Put(*store, "c", "1")->revision, history.size() / 2 + 1);
  }
}

}  // namespace
}  // namespace belay::storage
