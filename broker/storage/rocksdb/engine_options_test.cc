// What RocksDB makes of the options that it is given: some it changes without a word.
#include "broker/storage/rocksdb/engine_options.h"

#include <gtest/gtest.h>

#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/test_util.h"
#include "rocksdb/db.h"

namespace belay::storage {
namespace {

// With an age of any kind RocksDB drops files of the history that are merely not open.
TEST(EngineOptionsTest, S3_HistoryGoesByItsSizeAlone) {
  const TempFolder folder;
  const RocksOptions options;
  const auto families = EngineFamilies(options, {});
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(EngineOptions(options, /*create=*/true, std::make_shared<FaultState>()),
                        folder / "engine", families, &handles, &opened);
  ASSERT_TRUE(status.ok()) << status.ToString();
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (handle->GetName() == kHistoryFamily) {
      EXPECT_EQ(db->GetOptions(handle).ttl, 0U);
      EXPECT_EQ(db->GetOptions(handle).periodic_compaction_seconds, 0U);
    }
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  }
  EXPECT_EQ(handles.size(), families.size());
}

}  // namespace
}  // namespace belay::storage
