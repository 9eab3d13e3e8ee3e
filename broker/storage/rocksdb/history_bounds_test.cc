#include "broker/storage/rocksdb/history_bounds.h"

#include <gtest/gtest.h>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

TEST(HistoryBoundsTest, S3_WithoutBoundsAllIsKept) {
  HistoryBounds bounds(0, 0);
  EXPECT_EQ(bounds.Oldest(1'000'000, 1), 1U);
}

TEST(HistoryBoundsTest, S3_SoManyRevisionsAreKept) {
  HistoryBounds bounds(10, 0);
  EXPECT_EQ(bounds.Oldest(10, 0), 1U);
  EXPECT_EQ(bounds.Oldest(11, 0), 2U);
  EXPECT_EQ(bounds.Oldest(1'000, 0), 991U);
}

TEST(HistoryBoundsTest, S3_WhatIsOlderGoesAndNothingYounger) {
  constexpr std::int64_t kAge = 3'200;
  HistoryBounds bounds(0, kAge);
  // One revision every 10 ns.
  for (Revision revision = 1; revision <= 2'000; ++revision) {
    const auto now_ns = static_cast<std::int64_t>(revision) * 10;
    const Revision oldest = bounds.Oldest(revision, now_ns);
    const std::int64_t age = now_ns - static_cast<std::int64_t>(oldest) * 10;
    EXPECT_LE(age, kAge + kAge / 32 + 10) << revision;
    if (oldest > 1) {
      EXPECT_GE(age, kAge - kAge / 32 - 10) << revision;
    }
  }
  // After a long rest: what came since the last sample goes with the next.
  const Revision oldest = bounds.Oldest(2'001, 1'000'000);
  EXPECT_LE(oldest, 2'001U);
  EXPECT_GE(oldest, 2'001U - kAge / 32 / 10);
}

TEST(HistoryBoundsTest, S3_AStoreForgetsByCountAndByAgeAlsoWhatItFinds) {
  const TempFolder folder;
  base::VirtualClock clock;
  RocksOptions options;
  options.path = folder / "store";
  options.clock = &clock;
  options.tuning.history_revisions = 10;
  {
    const auto store = MustOpen(options);
    for (int i = 0; i < 25; ++i) ASSERT_TRUE(Put(*store, "k", "v", Durability::kAsync).ok());
    EXPECT_EQ(store->OldestRevision(), 16U);
    EXPECT_EQ(store->ReadHistory({15, "", "", 100, 1'000}).code(), base::Code::kCompacted);
    EXPECT_TRUE(store->ReadHistory({16, "", "", 100, 1'000}).ok());
  }
  options.tuning.history_revisions = 5;
  options.tuning.history_age_ns = 1'000;
  const auto store = MustOpen(options);
  EXPECT_EQ(store->OldestRevision(), 21U);
  clock.AdvanceNs(1'001);
  ASSERT_TRUE(Put(*store, "k", "v", Durability::kAsync).ok());
  EXPECT_EQ(store->OldestRevision(), 26U);
}

}  // namespace
}  // namespace belay::storage
