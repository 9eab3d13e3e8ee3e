// Every function of the store, given handles that it does not take, pointers that are null, structs that are
// too small and flags that are none: a code each time, never a crash, and nothing is written (R1, I2, I5, I7).
#include "capi/tests/store_fixture.h"
#include "capi/tests/taker.h"

namespace belay::capi {
namespace {

class StoreArgumentsTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    callback_ = Hook([](belay_call*) { return BELAY_OK; });
    watch_.callback = validator_.callback = update_.callback = callback_;
    alive_ = OpenOneOfEach();
    dead_ = OpenOneOfEach();
    for (const belay_handle handle : dead_) ASSERT_EQ(belay_release(handle), BELAY_OK);
  }

  std::vector<belay_handle> OpenOneOfEach() const {
    std::array<belay_handle, 5> opened{};
    EXPECT_EQ(belay_retain(callback_, 0, BELAY_RIGHTS_SAME, &opened[0]), BELAY_OK);
    EXPECT_EQ(belay_store_open(broker_, &opened[1]), BELAY_OK);
    EXPECT_EQ(belay_store_scan(store_, nullptr, &opened[2]), BELAY_OK);
    EXPECT_EQ(belay_watch_attach(store_, &watch_, &opened[3]), BELAY_OK) << LastMessage();
    EXPECT_EQ(belay_batch_open(store_, &opened[4]), BELAY_OK);
    return {opened.begin(), opened.end()};
  }

  // By all functions that take the options of the test, or these.
  void ExpectOptionsRefused(const belay_write_options& write) {
    const belay_status refusals[] = {
        TryPut(store_, "k", "v", &write),
        belay_store_delete(store_, "k", 1, &write, nullptr),
        belay_store_delete_range(store_, nullptr, 0, nullptr, 0, &write, nullptr, nullptr),
        belay_batch_put(alive_[4], "k", 1, "", 0, &write),
        belay_batch_delete(alive_[4], "k", 1, &write),
        belay_batch_check(alive_[4], "k", 1, &write),
        belay_store_merge(store_, "k", 1, "append", "", 0, &write, nullptr),
        belay_batch_merge(alive_[4], "k", 1, "append", "", 0, &write),
        belay_batch_commit(alive_[4], &write, nullptr),
        belay_watch_attach(store_, &watch_, &handle_),
        belay_validator_attach(store_, &validator_, &handle_),
        belay_store_update(store_, "k", 1, &update_, nullptr),
    };
    for (std::size_t i = 0; i < std::size(refusals); ++i)
      EXPECT_EQ(refusals[i], BELAY_INVALID_ARGUMENT) << "number " << i;
    EXPECT_EQ(handle_, 0U);
  }

  belay_handle callback_ = 0;
  belay_watch_options watch_ = Sized<belay_watch_options>();
  belay_validator_options validator_ = Sized<belay_validator_options>();
  belay_update_options update_ = Sized<belay_update_options>();
  belay_key_info info_ = Sized<belay_key_info>();
  std::vector<belay_handle> alive_;
  std::vector<belay_handle> dead_;
  // Where functions write what they must not.
  belay_handle handle_ = 0;
  std::uint64_t number_ = 0;
};

TEST_F(StoreArgumentsTest, R1_I7_EachHandleIsToldApart) {
  const std::set<std::uint32_t> store = {BELAY_KIND_STORE};
  const std::set<std::uint32_t> batch = {BELAY_KIND_BATCH};
  const Taker takers[] = {
      {"belay_keyspace_open", store,
       [&](auto h) { return belay_keyspace_open(h, "n", BELAY_KEYSPACE_CREATE, &handle_); }},
      {"belay_keyspace_drop", store, [](auto h) { return belay_keyspace_drop(h, "n"); }},
      {"belay_keyspace_list", store,
       [&](auto h) { return belay_keyspace_list(h, nullptr, 0, &number_); }},
      {"belay_store_snapshot", store, [&](auto h) { return belay_store_snapshot(h, &handle_); }},
      {"belay_store_revision", store,
       [&](auto h) { return belay_store_revision(h, &number_, nullptr); }},
      {"belay_store_get", store,
       [&](auto h) { return belay_store_get(h, "k", 1, nullptr, 0, &number_, nullptr); }},
      {"belay_store_key_info", store,
       [&](auto h) { return belay_store_key_info(h, "k", 1, &info_); }},
      {"belay_store_get_many", store,
       [&](auto h) { return belay_store_get_many(h, nullptr, 0, nullptr, 0, &number_); }},
      {"belay_store_scan", store, [&](auto h) { return belay_store_scan(h, nullptr, &handle_); }},
      {"belay_cursor_next",
       {BELAY_KIND_CURSOR},
       [&](auto h) { return belay_cursor_next(h, nullptr, 0, &number_); }},
      {"belay_store_count", store,
       [&](auto h) { return belay_store_count(h, nullptr, 0, nullptr, 0, &number_); }},
      {"belay_store_estimate", store,
       [&](auto h) { return belay_store_estimate(h, nullptr, 0, nullptr, 0, &number_, nullptr); }},
      {"belay_store_put", store,
       [&](auto h) { return belay_store_put(h, "k", 1, "", 0, nullptr, &number_); }},
      {"belay_store_delete", store,
       [&](auto h) { return belay_store_delete(h, "k", 1, nullptr, &number_); }},
      {"belay_store_delete_range", store,
       [&](auto h) {
         return belay_store_delete_range(h, nullptr, 0, nullptr, 0, nullptr, &number_, nullptr);
       }},
      {"belay_store_merge", store,
       [&](auto h) { return belay_store_merge(h, "k", 1, "max", "", 0, nullptr, &number_); }},
      {"belay_store_flush", store, &belay_store_flush},
      {"belay_batch_open", store, [&](auto h) { return belay_batch_open(h, &handle_); }},
      {"belay_batch_put", batch, [](auto h) { return belay_batch_put(h, "k", 1, "", 0, nullptr); }},
      {"belay_batch_delete", batch, [](auto h) { return belay_batch_delete(h, "k", 1, nullptr); }},
      {"belay_batch_delete_range", batch,
       [](auto h) { return belay_batch_delete_range(h, nullptr, 0, nullptr, 0); }},
      {"belay_batch_check", batch, [](auto h) { return belay_batch_check(h, "k", 1, nullptr); }},
      {"belay_batch_merge", batch,
       [](auto h) { return belay_batch_merge(h, "k", 1, "max", "", 0, nullptr); }},
      {"belay_batch_commit", batch,
       [&](auto h) { return belay_batch_commit(h, nullptr, &number_); }},
      {"belay_batch_clear", batch, &belay_batch_clear},
      {"belay_store_health", store, &belay_store_health},
      {"belay_store_recover", store, &belay_store_recover},
      {"belay_store_trim_history", store, [](auto h) { return belay_store_trim_history(h, 1); }},
      {"belay_store_compact", store,
       [](auto h) { return belay_store_compact(h, nullptr, 0, nullptr, 0); }},
      {"belay_store_backup", store, [](auto h) { return belay_store_backup(h, "/dev/null/b"); }},
      {"belay_store_verify", store, [](auto h) { return belay_store_verify(h, nullptr, nullptr); }},
      {"belay_store_statistics", store,
       [&](auto h) { return belay_store_statistics(h, nullptr, 0, &number_); }},
      {"belay_watch_attach", store,
       [&](auto h) { return belay_watch_attach(h, &watch_, &handle_); }},
      {"belay_watch_forget", store, [](auto h) { return belay_watch_forget(h, "n"); }},
      {"belay_watch_detach", {BELAY_KIND_SUBSCRIPTION}, &belay_watch_detach},
      {"belay_validator_attach", store,
       [&](auto h) { return belay_validator_attach(h, &validator_, &handle_); }},
      {"belay_store_update", store,
       [&](auto h) { return belay_store_update(h, "k", 1, &update_, &number_); }},
      {"belay_validator_options.callback",
       {BELAY_KIND_CALLBACK},
       [&](auto h) {
         validator_.callback = h;
         return belay_validator_attach(store_, &validator_, &handle_);
       }},
      {"belay_update_options.callback",
       {BELAY_KIND_CALLBACK},
       [&](auto h) {
         update_.callback = h;
         return belay_store_update(store_, "k", 1, &update_, &number_);
       }},
  };
  for (const Taker& taker : takers) ExpectToldApart(taker, alive_, dead_);
  EXPECT_EQ(handle_, 0U);
  EXPECT_EQ(number_, 0U);
}

TEST_F(StoreArgumentsTest, I2_I7_NowhereToReadOrToWriteIsRefused) {
  const belay_handle batch = alive_[4];
  const belay_bytes no_data{nullptr, 1};
  std::array<char, 8> buffer{};
  belay_keyspace_info keyspace{};
  belay_statistic statistic{};
  keyspace.struct_size = statistic.struct_size = 4;
  auto row = Sized<belay_row>();
  const belay_status refusals[] = {
      belay_keyspace_open(store_, nullptr, 0, &handle_),
      belay_keyspace_open(store_, "n", BELAY_KEYSPACE_CREATE, nullptr),
      belay_keyspace_drop(store_, nullptr),
      belay_keyspace_list(store_, nullptr, 0, nullptr),
      belay_keyspace_list(store_, nullptr, 1, &number_),
      belay_keyspace_list(store_, &keyspace, 1, &number_),
      belay_store_snapshot(store_, nullptr),
      belay_store_key_info(store_, "k", 1, nullptr),
      belay_store_key_info(store_, nullptr, 1, &info_),
      belay_store_get_many(store_, nullptr, 1, buffer.data(), buffer.size(), &number_),
      belay_store_get_many(store_, &no_data, 1, buffer.data(), buffer.size(), &number_),
      belay_store_get_many(store_, nullptr, 0, nullptr, 1, &number_),
      belay_store_get_many(store_, nullptr, 0, buffer.data(), buffer.size(), nullptr),
      belay_store_count(store_, nullptr, 0, nullptr, 0, nullptr),
      belay_store_count(store_, nullptr, 1, nullptr, 0, &number_),
      belay_store_estimate(store_, nullptr, 0, nullptr, 1, &number_, nullptr),
      belay_store_delete_range(store_, nullptr, 1, nullptr, 0, nullptr, &number_, nullptr),
      belay_batch_open(store_, nullptr),
      belay_batch_put(batch, nullptr, 1, "", 0, nullptr),
      belay_batch_put(batch, "k", 1, nullptr, 1, nullptr),
      belay_batch_put(batch, "k", UINT64_MAX, "", 0, nullptr),
      belay_batch_put(batch, "k", 1, "", UINT64_MAX, nullptr),
      belay_batch_delete(batch, nullptr, 1, nullptr),
      belay_batch_delete_range(batch, nullptr, 1, nullptr, 0),
      belay_batch_check(batch, nullptr, 1, nullptr),
      belay_batch_merge(batch, "k", 1, nullptr, "", 0, nullptr),
      belay_batch_merge(batch, "k", 1, "", "", 0, nullptr),
      belay_batch_merge(batch, "k", 1, "max", nullptr, 1, nullptr),
      belay_store_merge(store_, nullptr, 1, "max", "", 0, nullptr, &number_),
      belay_store_merge(store_, "k", 1, std::string(256, 'n').c_str(), "", 0, nullptr, &number_),
      belay_store_compact(store_, nullptr, 1, nullptr, 0),
      belay_store_statistics(store_, nullptr, 0, nullptr),
      belay_store_statistics(store_, nullptr, 1, &number_),
      belay_store_statistics(store_, &statistic, 1, &number_),
      belay_watch_attach(store_, nullptr, &handle_),
      belay_watch_attach(store_, &watch_, nullptr),
      belay_watch_forget(store_, nullptr),
      belay_store_scan(store_, nullptr, nullptr),
      belay_store_get(store_, "k", 1, buffer.data(), buffer.size(), nullptr, nullptr),
      belay_store_get(store_, "k", 1, nullptr, 1, &number_, nullptr),
      belay_rows_next(buffer.data(), buffer.size(), nullptr, &row),
      belay_validator_attach(store_, nullptr, &handle_),
      belay_validator_attach(store_, &validator_, nullptr),
      belay_store_update(store_, "k", 1, nullptr, &number_),
      belay_store_update(store_, nullptr, 1, &update_, &number_),
  };
  for (std::size_t i = 0; i < std::size(refusals); ++i)
    EXPECT_EQ(refusals[i], BELAY_INVALID_ARGUMENT) << "number " << i;
  EXPECT_EQ(handle_, 0U);
  EXPECT_EQ(number_, 0U);
}

TEST_F(StoreArgumentsTest, I7_FlagsThatAreNoneAreRefused) {
  auto write = Sized<belay_write_options>();
  watch_.flags = validator_.flags = update_.flags = write.flags = 1U << 20U;
  ExpectOptionsRefused(write);
  auto scan = Sized<belay_scan_options>();
  scan.flags = 1U << 20U;
  EXPECT_EQ(belay_store_scan(store_, &scan, &handle_), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(handle_, 0U);
}

TEST_F(StoreArgumentsTest, I7_RangesThatAreNoneAreRefused) {
  const std::string long_key((std::size_t{64} << 10) + 1, 'k');
  struct Case {
    belay_bytes prefix;
    belay_bytes start;
    belay_bytes end;
  };
  const Case cases[] = {{{nullptr, 1}, {}, {}},
                        {{}, {nullptr, 1}, {}},
                        {{}, {}, {nullptr, 1}},
                        {{"p", 1}, {"s", 1}, {}},
                        {{"p", 1}, {}, {"e", 1}},
                        {{long_key.data(), long_key.size()}, {}, {}},
                        {{}, {}, {long_key.data(), long_key.size()}}};
  for (const Case& one : cases) {
    auto scan = Sized<belay_scan_options>();
    const auto fill = [&](auto& options) {
      options.prefix = one.prefix.data;
      options.prefix_size = one.prefix.size;
      options.start = one.start.data;
      options.start_size = one.start.size;
      options.end = one.end.data;
      options.end_size = one.end.size;
    };
    fill(scan);
    fill(watch_);
    EXPECT_EQ(belay_store_scan(store_, &scan, &handle_), BELAY_INVALID_ARGUMENT);
    EXPECT_EQ(belay_watch_attach(store_, &watch_, &handle_), BELAY_INVALID_ARGUMENT);
  }
  validator_.prefix_size = 1;
  EXPECT_EQ(belay_validator_attach(store_, &validator_, &handle_), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(handle_, 0U);
}

TEST_F(StoreArgumentsTest, I7_ValuesBeyondTheBoundAreRefusedUnread) {
  const std::uint64_t too_large = (std::uint64_t{64} << 20) + 1;
  EXPECT_EQ(belay_store_put(store_, "k", 1, "v", too_large, nullptr, nullptr),
            BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(LastReason(), "LIMIT_EXCEEDED");
  auto write = Sized<belay_write_options>();
  write.flags = BELAY_WRITE_IF_VALUE;
  write.if_value = "v";
  write.if_value_size = too_large;
  EXPECT_EQ(TryPut(store_, "k", "v", &write), BELAY_INVALID_ARGUMENT);
  write.if_value = nullptr;
  write.if_value_size = 1;
  EXPECT_EQ(TryPut(store_, "k", "v", &write), BELAY_INVALID_ARGUMENT);
}

TEST_F(StoreArgumentsTest, I7_AWatchBeginsWithOneThing) {
  watch_.flags = BELAY_WATCH_STATE_FIRST;
  watch_.from_revision = 1;
  EXPECT_EQ(belay_watch_attach(store_, &watch_, &handle_), BELAY_INVALID_ARGUMENT);
  watch_.from_revision = 0;
  watch_.name = "";
  EXPECT_EQ(belay_watch_attach(store_, &watch_, &handle_), BELAY_INVALID_ARGUMENT);
}

// Whatever needs the keyspace says that it is gone.
TEST_F(StoreArgumentsTest, S1_AHandleToADroppedKeyspaceIsRefused) {
  belay_handle gone = 0;
  ASSERT_EQ(belay_keyspace_open(store_, "gone", BELAY_KEYSPACE_CREATE, &gone), BELAY_OK);
  ASSERT_EQ(belay_keyspace_drop(store_, "gone"), BELAY_OK);
  EXPECT_EQ(belay_store_count(gone, nullptr, 0, nullptr, 0, &number_), BELAY_NOT_FOUND);
  EXPECT_EQ(belay_store_estimate(gone, nullptr, 0, nullptr, 0, &number_, nullptr), BELAY_NOT_FOUND);
  EXPECT_EQ(belay_store_scan(gone, nullptr, &handle_), BELAY_NOT_FOUND);
  EXPECT_EQ(TryPut(gone, "k", "v"), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_KEYSPACE");
}

TEST_F(StoreArgumentsTest, I5_StructsThatAreTooSmallAreRefused) {
  auto write = Sized<belay_write_options>();
  watch_.struct_size = validator_.struct_size = update_.struct_size = write.struct_size = 4;
  ExpectOptionsRefused(write);
  info_.struct_size = 4;
  EXPECT_EQ(belay_store_key_info(store_, "k", 1, &info_), BELAY_INVALID_ARGUMENT);
  auto scan = Sized<belay_scan_options>();
  scan.struct_size = 4;
  EXPECT_EQ(belay_store_scan(store_, &scan, &handle_), BELAY_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace belay::capi
