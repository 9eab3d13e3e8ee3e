// Disks that fail.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/clock.h"
#include "broker/storage/rocksdb/test_util.h"
#include "broker/storage/rocksdb/testing/faulty_env.h"
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

TEST_P(FaultTest, S4_HealthShowsABackgroundFaultThoughNobodyWrites) {
  auto store = MustOpen(options_);
  plan_->Set(GetParam(), ".sst");
  // The third finds the memory full and has it flushed; nobody writes after it.
  const std::string value(17 << 20, 'v');
  for (const char* key : {"a", "b", "c"}) (void)Put(*store, key, value, Durability::kAsync).ok();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (store->Health().ok() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_EQ(store->Health().reason(), "STORE_READ_ONLY");
}

TEST_P(FaultTest, S1_WhenRecoveryFindsAsyncCommitsLostTheirRevisionsAreNotGivenOutAgain) {
  auto store = MustOpen(options_);
  ASSERT_TRUE(Put(*store, "durable", "1").ok());
  ASSERT_TRUE(Put(*store, "seen by readers", "1", Durability::kAsync).ok());
  plan_->Set(GetParam());
  EXPECT_FALSE(Put(*store, "refused", "1").ok());
  plan_->Set(Fault::kNone);
  plan_->DropUnsynced();  // as kernels do with pages that they could not write
  const base::Status lost = store->Recover();
  EXPECT_EQ(lost.reason(), "STORE_READ_ONLY");
  EXPECT_FALSE(Put(*store, "other", "1").ok());
  EXPECT_EQ(store->CurrentRevision(), 2u);
  store.reset();
  store = MustOpen(options_);  // the new boot epoch tells everyone
  EXPECT_EQ(store->CurrentRevision(), 1u);
  EXPECT_EQ(store->Get("durable")->value, "1");
  EXPECT_EQ(Put(*store, "other", "1")->revision, 2u);
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
  for (int round = 0; round < 30; ++round) {
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
    if (round % 10 == 9) {  // a restart must find the same
      store.reset();
      store = MustOpen(options);
    }
  }
  EXPECT_GT(refused.size(), 10u);
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

}  // namespace
}  // namespace belay::storage
