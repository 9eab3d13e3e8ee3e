// What operators ask of a store, through the C ABI: backups, checks, figures (S1, S2, S4, R8).
#include <algorithm>
#include <fstream>
#include <set>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class MaintenanceTest : public StoreFixture {
 protected:
  belay_status Backup(const std::string& path) const {
    return belay_store_backup(store_, path.c_str());
  }
  // Opens another folder's store in place of the test's own.
  void Reopen(const std::string& path) {
    Close();
    path_ = path;
    Open();
  }
};

TEST_F(MaintenanceTest, S2_ABackupIsAStoreOfItsOwnAsItWas) {
  belay_handle other = 0;
  ASSERT_EQ(belay_keyspace_open(store_, "other", BELAY_KEYSPACE_CREATE, &other), BELAY_OK);
  Put("k", "before");
  ASSERT_EQ(TryPut(other, "k", "elsewhere"), BELAY_OK);
  const std::uint64_t revision = Revision();
  const std::string backup = path_ + "-backup";
  ASSERT_EQ(Backup(backup), BELAY_OK) << LastMessage();
  Put("k", "after");
  EXPECT_NE(Backup(backup), BELAY_OK) << "it is there already";
  Reopen(backup);
  EXPECT_EQ(Get("k"), "before");
  EXPECT_EQ(Revision(), revision);
  ASSERT_EQ(belay_keyspace_open(store_, "other", 0, &other), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get(other, "k"), "elsewhere");
  Put("k", "a life of its own");
  EXPECT_EQ(belay_store_verify(store_, nullptr, nullptr), BELAY_OK) << LastMessage();
}

TEST_F(MaintenanceTest, I7_ABackupThatCannotBeMadeIsRefused) {
  EXPECT_EQ(belay_store_backup(store_, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_NE(Backup("/dev/null/backup"), BELAY_OK);
  EXPECT_NE(Backup(path_), BELAY_OK) << "the store's own folder";
  EXPECT_EQ(TryPut(store_, "k", "v"), BELAY_OK) << LastMessage();
}

TEST_F(MaintenanceTest, S1_ACheckTellsHowFarItIsAndCanBeStopped) {
  struct Seen {
    std::vector<std::uint64_t> done;
    std::uint64_t total = 0;
    std::uint64_t stop_at = 0;
  } seen;
  const belay_progress note = [](void* context, std::uint64_t done,
                                 std::uint64_t total) -> std::int32_t {
    auto& told = *static_cast<Seen*>(context);
    told.done.push_back(done);
    told.total = total;
    return done == told.stop_at ? 1 : 0;
  };
  Put("k", "v");
  ASSERT_EQ(belay_store_verify(store_, note, &seen), BELAY_OK) << LastMessage();
  ASSERT_GT(seen.total, 1U);
  EXPECT_EQ(seen.done.size(), seen.total);
  EXPECT_TRUE(std::is_sorted(seen.done.begin(), seen.done.end()));
  EXPECT_EQ(seen.done.back(), seen.total);
  seen = {{}, 0, 1};
  EXPECT_EQ(belay_store_verify(store_, note, &seen), BELAY_CANCELLED);
  EXPECT_EQ(seen.done, std::vector<std::uint64_t>{1});
}

TEST_F(MaintenanceTest, R8_TheProgressOfACheckMayDoAnythingWithTheStore) {
  belay_handle other = 0;
  ASSERT_EQ(belay_keyspace_open(store_, "other", BELAY_KEYSPACE_CREATE, &other), BELAY_OK);
  const belay_progress meddle = [](void* context, std::uint64_t done,
                                   std::uint64_t /*total*/) -> std::int32_t {
    const belay_handle store = *static_cast<const belay_handle*>(context);
    EXPECT_EQ(TryPut(store, "k", std::to_string(done)), BELAY_OK) << LastMessage();
    belay_handle made = 0;
    EXPECT_EQ(belay_keyspace_open(store, "made", BELAY_KEYSPACE_CREATE, &made), BELAY_OK);
    if (done == 1) {
      EXPECT_EQ(belay_keyspace_drop(store, "other"), BELAY_OK) << LastMessage();
      EXPECT_EQ(belay_store_compact(store, nullptr, 0, nullptr, 0), BELAY_OK) << LastMessage();
    }
    return 0;
  };
  Put("k", "0");
  EXPECT_EQ(belay_store_verify(store_, meddle, &store_), BELAY_OK) << LastMessage();
}

std::filesystem::path LargestTable(const std::string& folder) {
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest))
      largest = entry.path();
  }
  return largest;
}

void FlipAByteInTheMiddle(const std::filesystem::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
  const int byte = file.peek();
  file.seekp(file.tellg());
  file.put(static_cast<char>(byte ^ 1));
  ASSERT_TRUE(file.good()) << path;
}

TEST_F(MaintenanceTest, S2_AFlippedByteIsFoundByTheCheckAndNamed) {
  const std::string value(1000, 'v');
  for (int i = 0; i < 100; ++i) Put("k" + std::to_string(i), value);
  ASSERT_EQ(belay_store_compact(store_, nullptr, 0, nullptr, 0), BELAY_OK) << LastMessage();
  Close();
  const std::filesystem::path table = LargestTable(path_);
  ASSERT_FALSE(table.empty());
  FlipAByteInTheMiddle(table);
  Open();
  EXPECT_EQ(belay_store_verify(store_, nullptr, nullptr), BELAY_DATA_LOSS);
  EXPECT_EQ(LastReason(), "STORE_CORRUPT");
  EXPECT_NE(LastMessage().find(table.filename()), std::string::npos) << LastMessage();
}

TEST_F(MaintenanceTest, S4_AHealthyStoreSaysSoAndCanBeAskedToRecover) {
  Put("k", "v");
  EXPECT_EQ(belay_store_health(store_), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_store_recover(store_), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "v");
}

TEST_F(MaintenanceTest, S1_CompactingChangesNothingThatIsRead) {
  for (int i = 0; i < 100; ++i) Put("k" + std::to_string(i % 10), std::to_string(i));
  ASSERT_EQ(belay_store_delete_range(store_, "k0", 2, "k5", 2, nullptr, nullptr, nullptr),
            BELAY_OK);
  ASSERT_EQ(belay_store_compact(store_, "k0", 2, "k5", 2), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_store_compact(store_, nullptr, 0, nullptr, 0), BELAY_OK) << LastMessage();
  std::uint64_t count = 0;
  ASSERT_EQ(belay_store_count(store_, nullptr, 0, nullptr, 0, &count), BELAY_OK);
  EXPECT_EQ(count, 5U);
  EXPECT_EQ(Get("k9"), "99");
  EXPECT_EQ(Revision(), 101U);
}

TEST_F(MaintenanceTest, I5_StatisticsHaveNamesAndStepByTheCallersSize) {
  std::uint64_t count = 0;
  ASSERT_EQ(belay_store_statistics(store_, nullptr, 0, &count), BELAY_OK) << LastMessage();
  ASSERT_GT(count, 1U);
  struct Newer {
    belay_statistic known;
    std::uint64_t unknown;
  };
  std::vector<Newer> statistics(count);
  statistics[0].known.struct_size = sizeof(Newer);
  for (Newer& statistic : statistics) statistic.unknown = 7;
  ASSERT_EQ(belay_store_statistics(store_, &statistics[0].known, count, &count), BELAY_OK);
  std::set<std::string> names;
  for (const Newer& statistic : statistics) {
    EXPECT_TRUE(names.insert(statistic.known.name).second) << statistic.known.name;
    EXPECT_EQ(statistic.unknown, 7U);
  }
  EXPECT_TRUE(names.contains("live_data_bytes"));
}

}  // namespace
}  // namespace belay::capi
