// Expiry, backups, checks, figures; and what the committer knows of keys without asking.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "broker/storage/rocksdb/header_cache.h"
#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

using base::Code;

// That cannot be compressed.
std::string RandomText(std::mt19937_64& random, std::size_t size) {
  std::string text(size, 0);
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class MaintenanceTest : public ::testing::Test {
 protected:
  void PutUntil(const std::string& key, std::int64_t expires_at_ms) {
    WriteBatch batch;
    batch.operations = {PutOp(key, "v")};
    batch.operations[0].expires_at_ms = expires_at_ms;
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  void Reopen() {
    store_.reset();
    store_ = MustOpen(path_);
  }

  TempFolder folder_;
  const std::string path_ = folder_ / "store";
  std::unique_ptr<Store> store_ = MustOpen(path_);
};

TEST_F(MaintenanceTest, S1_AKeyExpiresAsACommitOnceItsTimeHasCome) {
  PutUntil("soon", 1'000);
  PutUntil("later", 2'000);
  (void)Put(*store_, "never", "v");
  EXPECT_EQ(store_->Get("soon")->expires_at_ms, 1'000);
  EXPECT_EQ(*store_->ExpireDue(999), 1'000);
  EXPECT_EQ(store_->CurrentRevision(), 3u);
  Reopen();
  EXPECT_EQ(*store_->ExpireDue(1'000), 2'000);
  EXPECT_EQ(store_->CurrentRevision(), 4u);
  EXPECT_EQ(store_->Get("soon").code(), Code::kNotFound);
  auto page = store_->ReadHistory({4, "", "", 10, 1'000});
  auto reader = RowBlockReader::Open(page->rows);
  Row row;
  ASSERT_TRUE(reader->Next(&row).ok());
  EXPECT_EQ(row.kind, RowKind::kDelete);
  EXPECT_EQ(row.key, "soon");
  EXPECT_EQ(row.flags, kRowExpired);
  EXPECT_EQ(*store_->ExpireDue(5'000), 0);
  EXPECT_EQ(store_->Get("never")->value, "v");
}

TEST_F(MaintenanceTest, S1_AnOldAppointmentDoesNotTakeANewValue) {
  PutUntil("k", 1'000);
  (void)Put(*store_, "k", "for ever");
  PutUntil("m", 1'000);
  PutUntil("m", 9'000);
  PutUntil("gone", 1'000);
  (void)Delete(*store_, "gone");
  const Revision before = store_->CurrentRevision();
  EXPECT_EQ(*store_->ExpireDue(5'000), 9'000);
  EXPECT_EQ(store_->CurrentRevision(), before);  // nothing was there to expire: no commit
  EXPECT_EQ(store_->Get("k")->value, "for ever");
  EXPECT_EQ(*store_->ExpireDue(9'000), 0);
  EXPECT_EQ(store_->Get("m").code(), Code::kNotFound);
}

TEST_F(MaintenanceTest, S1_ManyKeysExpireInTurns) {
  WriteBatch batch;
  for (int i = 0; i < 1'000; ++i) {
    batch.operations.push_back(PutOp("k" + std::to_string(i), "v"));
    batch.operations.back().expires_at_ms = 10;
  }
  ASSERT_TRUE(store_->Commit(batch).ok());
  int turns = 1;
  for (; *store_->ExpireDue(10) != 0; ++turns) ASSERT_LT(turns, 100);
  EXPECT_GT(turns, 1);
  EXPECT_EQ(HistoryFrom(*store_, 2).size(), 1'000u);
}

TEST_F(MaintenanceTest, S2_ABackupIsAStoreOfThatMoment) {
  const KeyspaceId other = *store_->CreateKeyspace("other");
  (void)Put(*store_, "k", "then");
  WriteBatch batch;
  batch.keyspace = other;
  batch.operations = {PutOp("k", "of other")};
  ASSERT_TRUE(store_->Commit(batch).ok());
  ASSERT_TRUE(store_->Checkpoint(folder_ / "backup").ok());
  (void)Put(*store_, "k", "now");
  EXPECT_EQ(store_->Checkpoint(folder_ / "backup").code(), Code::kAlreadyExists);
  EXPECT_EQ(store_->Checkpoint(path_).code(), Code::kFailedPrecondition);
  auto backup = MustOpen(folder_ / "backup");
  EXPECT_EQ(backup->CurrentRevision(), 2u);
  EXPECT_EQ(backup->Get("k")->value, "then");
  EXPECT_EQ(backup->Get("k", {*backup->FindKeyspace("other"), nullptr})->value, "of other");
  EXPECT_EQ(HistoryFrom(*backup, 1).size(), 1u);
  EXPECT_EQ(Put(*backup, "k", "on its own")->revision, 3u);
  EXPECT_EQ(store_->Get("k")->value, "now");
}

TEST_F(MaintenanceTest, S4_AFlippedByteIsFoundAndItsFileNamed) {
  for (int i = 0; i < 1'000; ++i) {
    (void)Put(*store_, "k" + std::to_string(i), std::string(100, 'v'), Durability::kAsync);
  }
  Reopen();  // makes files of what was in the log
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  ASSERT_TRUE(store_
                  ->Verify([&](std::uint64_t done, std::uint64_t all) {
                    EXPECT_EQ(done, last + 1);
                    last = done;
                    total = all;
                    return true;
                  })
                  .ok());
  EXPECT_EQ(last, total);
  EXPECT_EQ(store_->Verify([](std::uint64_t, std::uint64_t) { return false; }).code(),
            Code::kCancelled);
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(path_ + "/rocksdb")) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) {
      largest = entry.path();
    }
  }
  ASSERT_FALSE(largest.empty());
  {
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(1'000);
    const int byte = file.get();
    file.seekp(1'000);
    file.put(static_cast<char>(byte ^ 1));
  }
  const base::Status found = store_->Verify(nullptr);
  EXPECT_EQ(found.code(), Code::kDataLoss) << found.ToString();
  EXPECT_NE(found.message().find(largest.filename()), std::string::npos) << found.message();
}

TEST_F(MaintenanceTest, S1_SizesAreEstimatedAndCompactionKeepsEverything) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2'000; ++i) {
    (void)Put(*store_, "k" + std::to_string(i), RandomText(random, 1'000), Durability::kAsync);
  }
  Reopen();  // of files the estimates are good
  const auto all = store_->EstimateSize(kDefaultKeyspace, "", "");
  const auto part = store_->EstimateSize(kDefaultKeyspace, "k1", "k2");
  EXPECT_GT(all->bytes, 1'000'000u);
  EXPECT_GT(all->keys, 1'000u);
  EXPECT_LT(part->bytes, all->bytes);
  EXPECT_EQ(store_->EstimateSize(77, "", "").status().reason(), "NO_KEYSPACE");
  ASSERT_TRUE(store_->Compact(kDefaultKeyspace, "", "").ok());
  EXPECT_EQ(store_->Get("k1999")->value.size(), 1'000u);
  EXPECT_FALSE(store_->Statistics().empty());
  EXPECT_TRUE(store_->Flush().ok());
}

TEST_F(MaintenanceTest, S1_AStatisticOfTheStoreCountsItsFamiliesOnce) {
  ASSERT_TRUE(store_->CreateKeyspace("one-more").ok());
  const auto snapshots = [&] {
    for (const auto& [name, value] : store_->Statistics()) {
      if (name == "snapshots") return value;
    }
    return std::uint64_t{~0U};
  };
  const auto first = store_->NewSnapshot();
  const auto second = store_->NewSnapshot();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(snapshots(), 2U);
}

TEST(HeaderCacheTest, S1_KnowsWhatItWasToldLastAndNoOtherKey) {
  HeaderCache cache(std::size_t{1} << 20);
  const auto header = [](Revision revision) {
    return HeaderCache::KeyHeader{true, {revision, revision, 1, 0}};
  };
  EXPECT_EQ(cache.Find(1, "a"), nullptr);
  for (Revision i = 1; i <= 10'000; ++i) cache.Note(1, "k" + std::to_string(i), header(i));
  int known = 0;
  for (Revision i = 1; i <= 10'000; ++i) {
    const auto* found = cache.Find(1, "k" + std::to_string(i));
    if (found == nullptr) continue;
    ++known;
    EXPECT_EQ(found->header.mod_revision, i);
  }
  EXPECT_GT(known, 2'000);  // there is room for some 4,000
  cache.Note(1, "k10000", header(20'000));
  EXPECT_EQ(cache.Find(1, "k10000")->header.mod_revision, 20'000u);
  EXPECT_EQ(cache.Find(2, "k10000"), nullptr);
  cache.Note(1, std::string(81, 'x'), header(1));
  EXPECT_EQ(cache.Find(1, std::string(81, 'x')), nullptr);
  cache.Clear();
  EXPECT_EQ(cache.Find(1, "k10000"), nullptr);
  HeaderCache none(0);
  none.Note(1, "a", header(1));
  none.Clear();
  EXPECT_EQ(none.Find(1, "a"), nullptr);
}

}  // namespace
}  // namespace belay::storage
