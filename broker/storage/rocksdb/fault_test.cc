// Disks that fail, and power that goes.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/clock.h"
#include "broker/storage/rocksdb/faulty_env.h"
#include "broker/storage/rocksdb/test_util.h"
#include "rocksdb/env.h"

namespace belay::storage {
namespace {

using base::Code;

constexpr std::int64_t kLongEnoughNs = 10'000'000'000;

class FaultTest : public testing::TestWithParam<Fault> {
 protected:
  FaultTest() : plan_(std::make_shared<FaultPlan>()), env_(NewFaultyEnv(plan_)) {
    options_.path = folder_ / "store";
    options_.clock = &clock_;
    options_.env = env_.get();
  }

  // What a crash at this moment would leave, opened.
  std::unique_ptr<Store> OpenCopy() {
    const std::string copy = folder_ / ("copy" + std::to_string(++copies_));
    std::filesystem::copy(options_.path, copy, std::filesystem::copy_options::recursive);
    return MustOpen(copy);
  }

  void ExpectReadOnly(Store& store, const base::Status& status, Revision revision) {
    EXPECT_EQ(status.code(), Code::kUnavailable);
    EXPECT_EQ(status.reason(), "STORE_READ_ONLY");
    EXPECT_NE(status.message().find(GetParam() == Fault::kFullDisk ? "disk is full" : "error"),
              std::string::npos)
        << status.message();
    EXPECT_EQ(store.Health().ToString(), status.ToString());
    EXPECT_EQ(store.CurrentRevision(), revision);
  }

  TempFolder folder_;
  base::VirtualClock clock_;
  RocksOptions options_;
  const std::shared_ptr<FaultPlan> plan_;
  const std::unique_ptr<rocksdb::Env> env_;
  int copies_ = 0;
};

TEST_P(FaultTest, S4_AFailingDiskTurnsReadOnlyAndRecoversWithoutARestart) {
  auto store = MustOpen(options_);
  ASSERT_TRUE(Put(*store, "kept", "1").ok());
  ASSERT_TRUE(Put(*store, "kept async", "1", Durability::kAsync).ok());
  EXPECT_TRUE(store->Health().ok());

  plan_->Set(GetParam());
  ExpectReadOnly(*store, Put(*store, "refused", "1").status(), 2);
  EXPECT_EQ(store->Get("refused").code(), Code::kNotFound);
  EXPECT_EQ(store->Get("kept")->value, "1");
  EXPECT_EQ(ScanAll(**store->NewScan({})).size(), 2u);
  EXPECT_EQ(HistoryFrom(*store, 1).size(), 2u);
  ExpectReadOnly(*store, Delete(*store, "kept").status(), 2);
  ExpectReadOnly(*store, store->TrimHistory(2), 2);

  // The disk is well again; writers try only so often.
  plan_->Set(Fault::kNone);
  ExpectReadOnly(*store, Put(*store, "refused", "2").status(), 2);
  clock_.AdvanceNs(kLongEnoughNs);
  auto put = Put(*store, "after", "1");
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_TRUE(store->Health().ok());
  // Dense: what was refused has used up a revision only if the log has kept it.
  const Revision last = store->Get("refused").ok() ? 4 : 3;
  EXPECT_EQ(put->revision, last);
  const std::vector<OwnedRow> history = HistoryFrom(*store, 1);
  EXPECT_EQ(history.size(), last);

  for (const bool crashed : {true, false}) {
    std::unique_ptr<Store> reopened;
    if (crashed) {
      reopened = OpenCopy();
    } else {
      store.reset();
      reopened = MustOpen(options_);
    }
    EXPECT_EQ(reopened->CurrentRevision(), last);
    EXPECT_EQ(reopened->Get("kept")->value, "1");
    EXPECT_EQ(reopened->Get("kept async")->value, "1");
    EXPECT_EQ(reopened->Get("after")->mod_revision, last);
    EXPECT_EQ(HistoryFrom(*reopened, 1), history);
  }
}

TEST_P(FaultTest, S4_ARefusedBatchIsEitherGoneOrACommitLikeAnyOther) {
  auto store = MustOpen(options_);
  std::atomic<Revision> heard{0};
  store->SetCommitListener([&](Revision revision) { heard.store(revision); });
  ASSERT_TRUE(Put(*store, "kept", "1").ok());
  for (int round = 0; round < 3; ++round) {
    plan_->Set(GetParam());
    const Revision before = store->CurrentRevision();
    ExpectReadOnly(*store, Put(*store, "refused" + std::to_string(round), "1").status(), before);
    plan_->Set(Fault::kNone);
    const base::Status recovered = store->Recover();
    ASSERT_TRUE(recovered.ok()) << recovered.ToString();
    // Only where the append worked and the sync did not can the log have kept it.
    const bool came_back = store->Get("refused" + std::to_string(round)).ok();
    EXPECT_EQ(came_back, GetParam() == Fault::kBrokenSync);
    EXPECT_EQ(store->CurrentRevision(), before + (came_back ? 1 : 0));
    EXPECT_EQ(heard.load(), store->CurrentRevision()) << "watchers were not woken";
  }
  const Revision before = store->CurrentRevision();
  auto put = Put(*store, "after", "1");
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_EQ(put->revision, before + 1);
  const std::vector<OwnedRow> history = HistoryFrom(*store, 1);
  EXPECT_EQ(history.size(), before + 1);
  auto crashed = OpenCopy();
  EXPECT_EQ(crashed->CurrentRevision(), before + 1);
  EXPECT_EQ(HistoryFrom(*crashed, 1), history);
}

TEST_P(FaultTest, S4_ScansThatWereOpenWhenItRecoveredSayThatTheirSnapshotIsLost) {
  auto store = MustOpen(options_);
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(Put(*store, key, "1").ok());
  auto scan = std::move(*store->NewScan({}));
  auto unused = std::move(*store->NewScan({}));
  RowBlockBuilder rows;
  ASSERT_TRUE(scan->Next(&rows, 1, 1'000).ok());
  plan_->Set(GetParam());
  EXPECT_FALSE(Put(*store, "refused", "1").ok());
  ASSERT_TRUE(scan->Next(&rows, 1, 1'000).ok());  // read-only is no reason
  plan_->Set(Fault::kNone);
  ASSERT_TRUE(store->Recover().ok());
  const base::Status lost = scan->Next(&rows, 1, 1'000);
  EXPECT_EQ(lost.code(), Code::kUnavailable);
  EXPECT_EQ(lost.reason(), "SNAPSHOT_LOST");
  EXPECT_EQ(rows.row_count(), 2u);
  EXPECT_GE(ScanAll(**store->NewScan({})).size(), 3u);
}

TEST_P(FaultTest, S4_RecoveryThatFailsLeavesItReadOnly) {
  auto store = MustOpen(options_);
  ASSERT_TRUE(Put(*store, "kept", "1").ok());
  plan_->Set(GetParam(), "");  // every file
  EXPECT_FALSE(Put(*store, "refused", "1").ok());
  EXPECT_FALSE(store->Recover().ok());
  EXPECT_EQ(store->Health().reason(), "STORE_READ_ONLY");
  EXPECT_EQ(store->Get("kept")->value, "1");
  plan_->Set(Fault::kNone);
  const base::Status recovered = store->Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.ToString();
  EXPECT_EQ(store->Get("kept")->value, "1");
  const Revision revision = store->CurrentRevision();
  auto put = Put(*store, "after", "1");
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_EQ(put->revision, revision + 1);
  EXPECT_EQ(HistoryFrom(*store, 1).size(), revision + 1);
}

TEST_P(FaultTest, S4_AFlushThatFailsInTheBackgroundShowsAndRecovers) {
  auto store = MustOpen(options_);
  plan_->Set(GetParam(), ".sst");
  const std::string value(1 << 20, 'v');
  int written = 0;
  while (written < 512 && Put(*store, std::to_string(written), value, Durability::kAsync).ok()) {
    ++written;
  }
  ASSERT_LT(written, 512) << "writes went on although nothing could be flushed";
  EXPECT_EQ(store->Health().reason(), "STORE_READ_ONLY");
  // Attempts that fail must not spoil the one that can succeed, nor the reading.
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_FALSE(store->Recover().ok());
    EXPECT_TRUE(store->Get("0").ok());
    EXPECT_EQ(HistoryFrom(*store, 1).size(), static_cast<std::size_t>(written));
  }
  plan_->Set(Fault::kNone);
  const base::Status recovered = store->Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.ToString();
  EXPECT_EQ(Put(*store, "after", "1")->revision, static_cast<Revision>(written) + 1);
  for (int i = 0; i < written; ++i) EXPECT_TRUE(store->Get(std::to_string(i)).ok()) << i;
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultTest,
                         testing::Values(Fault::kFullDisk, Fault::kBrokenWrite, Fault::kBrokenSync),
                         [](const testing::TestParamInfo<Fault>& fault) {
                           switch (fault.param) {
                             case Fault::kFullDisk: return "FullDisk";
                             case Fault::kBrokenWrite: return "BrokenWrite";
                             case Fault::kBrokenSync: return "BrokenSync";
                             case Fault::kNone: break;
                           }
                           return "None";
                         });

// Faults of every kind come and go while writers write and somebody tries to recover.
TEST(RandomFaultsTest, S4_NothingAcknowledgedIsLostAndRevisionsStayDense) {
  std::mt19937_64 random(TestSeed());
  TempFolder folder;
  base::VirtualClock clock;
  const auto plan = std::make_shared<FaultPlan>();
  const auto env = NewFaultyEnv(plan);
  RocksOptions options;
  options.path = folder / "store";
  options.clock = &clock;
  options.env = env.get();
  auto store = MustOpen(options);
  std::map<Revision, std::string> acknowledged;
  std::set<std::string> refused;
  const auto write = [&](const std::string& value) {
    const bool sync = random() % 2 == 0;
    auto result = Put(*store, "k" + std::to_string(random() % 5), value,
                      sync ? Durability::kSync : Durability::kAsync);
    if (result.ok()) {
      EXPECT_TRUE(acknowledged.emplace(result->revision, value).second) << "a revision given twice";
    } else {
      EXPECT_EQ(result.status().reason(), "STORE_READ_ONLY");
      refused.insert(value);
    }
  };
  constexpr Fault kFaults[] = {Fault::kFullDisk, Fault::kBrokenWrite, Fault::kBrokenSync};
  const std::string kSuffixes[] = {".log", ".sst", ""};
  for (int round = 0; round < 60; ++round) {
    plan->Set(kFaults[random() % std::size(kFaults)], kSuffixes[random() % std::size(kSuffixes)]);
    for (int i = 0; i < 3; ++i) {
      write(std::to_string(round) + "." + std::to_string(i));
      if (random() % 4 == 0) clock.AdvanceNs(kLongEnoughNs);
      if (random() % 4 == 0) (void)store->Recover().ok();
    }
    plan->Set(Fault::kNone);
    const base::Status recovered = store->Recover();
    ASSERT_TRUE(recovered.ok()) << recovered.ToString();
    write(std::to_string(round));
    if (round % 15 == 14) {  // a restart must find the same
      store.reset();
      store = MustOpen(options);
    }
  }
  EXPECT_GT(refused.size(), 30u);
  const std::vector<OwnedRow> history = HistoryFrom(*store, 1);
  ASSERT_EQ(history.size(), store->CurrentRevision());
  std::map<std::string, OwnedRow> state;
  std::size_t found = 0;
  for (const OwnedRow& row : history) {
    state[row.key] = row;
    const auto it = acknowledged.find(row.revision);
    if (it == acknowledged.end()) {
      EXPECT_TRUE(refused.contains(row.value)) << row.value << " came from nowhere";
      continue;
    }
    EXPECT_EQ(it->second, row.value);
    ++found;
  }
  EXPECT_EQ(found, acknowledged.size()) << "acknowledged commits are lost";
  for (const auto& [key, row] : state) EXPECT_EQ(store->Get(key)->value, row.value);
}

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
