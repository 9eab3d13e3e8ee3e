// Batches of many keys, which are looked up together: each key is known as it is, however many there are, whatever they
// weigh, and whether the engine has heard of them lately.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "broker/storage/rocksdb/rocks_store.h"
#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

constexpr int kHeavyKeys = 150;  // together more than is pinned at once
constexpr std::size_t kHeavyBytes = std::size_t{64} << 10;
constexpr int kLightKeys = 600;

class LargeBatchTest : public testing::TestWithParam<std::size_t> {
 protected:
  LargeBatchTest() : store_(MustOpen(Options())) {}

  RocksOptions Options() const {
    RocksOptions options;
    options.path = folder_ / "store";
    options.tuning.header_cache_bytes = GetParam();
    return options;
  }
  void Reopen() {
    store_.reset();
    store_ = MustOpen(Options());
  }

  static std::string Heavy(int i) { return "heavy " + std::to_string(i); }
  static std::string Light(int i) { return "light " + std::to_string(i); }
  static std::string ValueOf(const std::string& key) {
    return key + std::string(key.starts_with("heavy") ? kHeavyBytes : 0, 'v');
  }

  void MustCommit(const WriteBatch& batch) {
    const auto committed = store_->Commit(batch);
    ASSERT_TRUE(committed.ok()) << committed.status().ToString();
  }
  // The heavy keys, and every second of the light ones.
  void FillHalf() {
    WriteBatch batch;
    for (int i = 0; i < kHeavyKeys; ++i)
      batch.operations.push_back(PutOp(Heavy(i), ValueOf(Heavy(i))));
    for (int i = 0; i < kLightKeys; i += 2)
      batch.operations.push_back(PutOp(Light(i), ValueOf(Light(i))));
    MustCommit(batch);
  }
  // Of all keys.
  static WriteBatch AllKeys() {
    WriteBatch batch;
    for (int i = 0; i < kHeavyKeys; ++i) batch.operations.push_back(PutOp(Heavy(i), "new"));
    for (int i = 0; i < kLightKeys; ++i) batch.operations.push_back(PutOp(Light(i), "new"));
    return batch;
  }

  const TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_P(LargeBatchTest, S1_EachKeyGoesOnFromItsOwnVersion) {
  FillHalf();
  Reopen();
  MustCommit(AllKeys());
  for (int i = 0; i < kHeavyKeys; ++i) EXPECT_EQ(store_->Get(Heavy(i))->version, 2u) << i;
  for (int i = 0; i < kLightKeys; ++i) {
    const auto entry = store_->Get(Light(i));
    ASSERT_TRUE(entry.ok()) << i;
    EXPECT_EQ(entry->version, i % 2 == 0 ? 2u : 1u) << i;
    EXPECT_EQ(entry->create_revision, i % 2 == 0 ? 1u : 2u) << i;
  }
}

TEST_P(LargeBatchTest, S3_EachOldValueIsKept) {
  FillHalf();
  Reopen();
  const auto keep = store_->KeepOldValues(kDefaultKeyspace);
  MustCommit(AllKeys());
  std::map<std::string, std::vector<std::string>> old;
  for (const OwnedRow& row : HistoryFrom(*store_, 2)) {
    if (row.kind == RowKind::kOld) old[row.key].push_back(row.value);
  }
  for (int i = 0; i < kHeavyKeys; ++i)
    EXPECT_EQ(old[Heavy(i)], std::vector{ValueOf(Heavy(i))}) << i;
  for (int i = 0; i < kLightKeys; ++i) {
    const std::vector<std::string> expected =
        i % 2 == 0 ? std::vector<std::string>{ValueOf(Light(i))} : std::vector<std::string>{};
    EXPECT_EQ(old[Light(i)], expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(HeaderCacheBytes, LargeBatchTest,
                         testing::Values(std::size_t{0}, std::size_t{16} << 20));

}  // namespace
}  // namespace belay::storage
