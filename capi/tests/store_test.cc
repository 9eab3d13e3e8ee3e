// The store through the C ABI: keys, scans, filters, watches.
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class StoreTest : public StoreFixture {
 protected:
  // Keys of a scan, in its order; fails the test unless it ends with `expected_end`.
  std::vector<std::string> Scan(const belay_scan_options* options,
                                belay_status expected_end = BELAY_END) {
    std::vector<std::string> keys;
    belay_handle cursor = 0;
    EXPECT_EQ(belay_store_scan(store_, options, &cursor), BELAY_OK) << LastMessage();
    std::vector<char> block(4096);
    std::uint64_t size = 0;
    belay_status status = BELAY_OK;
    while ((status = belay_cursor_next(cursor, block.data(), block.size(), &size)) == BELAY_OK) {
      std::uint64_t position = 0;
      belay_row row{};
      row.struct_size = sizeof row;
      while (belay_rows_next(block.data(), size, &position, &row) == BELAY_OK) {
        keys.emplace_back(static_cast<const char*>(row.key), row.key_size);
      }
    }
    EXPECT_EQ(status, expected_end) << LastMessage();
    EXPECT_EQ(belay_release(cursor), BELAY_OK);
    return keys;
  }
};

TEST_F(StoreTest, I3_AValueLargerThanTheBufferIsToldBySize) {
  Put("key", "value");
  char buffer[4];
  std::uint64_t size = 0;
  EXPECT_EQ(belay_store_get(store_, "key", 3, buffer, sizeof buffer, &size, nullptr),
            BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(size, 5U);
}

TEST_F(StoreTest, S2_WhatWasPutIsThereAfterReopening) {
  Put("a", "1");
  Put("b", "");
  Close();
  Open();
  char buffer[8];
  std::uint64_t size = 0;
  std::uint64_t revision = 0;
  ASSERT_EQ(belay_store_get(store_, "a", 1, buffer, sizeof buffer, &size, &revision), BELAY_OK);
  EXPECT_EQ(std::string(buffer, size), "1");
  EXPECT_EQ(revision, 1U);
  ASSERT_EQ(belay_store_get(store_, "b", 1, nullptr, 0, &size, nullptr), BELAY_OK);
  EXPECT_EQ(size, 0U);
}

TEST_F(StoreTest, S5_ASecondOpenerIsToldWhoHasTheFolder) {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.store_path = path_.c_str();
  belay_handle second = 0;
  EXPECT_EQ(belay_open(&options, &second), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "STORE_LOCKED");
  EXPECT_NE(LastMessage().find(path_), std::string::npos) << LastMessage();
}

TEST_F(StoreTest, I7_BadSizesAndConditionsAreNamed) {
  std::uint64_t size = 0;
  EXPECT_EQ(belay_store_put(store_, "", 0, "v", 1, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_store_put(store_, nullptr, 3, "v", 1, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_store_put(store_, "k", ~0ULL, "v", 1, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_store_put(store_, "k", 1, "v", ~0ULL, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_store_put(store_, "k", 65537, "v", 1, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_store_get(store_, "none", 4, nullptr, 0, &size, nullptr), BELAY_NOT_FOUND);
  EXPECT_NE(LastMessage().find("none"), std::string::npos);
  EXPECT_EQ(belay_store_get(store_, "k", INT64_MAX, nullptr, 0, &size, nullptr),
            BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_store_get(broker_, "none", 4, nullptr, 0, &size, nullptr), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_store_delete(store_, "none", 4, nullptr, nullptr), BELAY_NOT_FOUND);

  belay_write_options options{};
  options.struct_size = sizeof options;
  options.flags = BELAY_WRITE_IF_ABSENT;
  std::uint64_t revision = 0;
  EXPECT_EQ(belay_store_put(store_, "k", 1, "v", 1, &options, &revision), BELAY_OK);
  EXPECT_EQ(belay_store_put(store_, "k", 1, "w", 1, &options, nullptr), BELAY_ABORTED);
  options.flags = BELAY_WRITE_IF_REVISION;
  options.if_revision = revision + 1;
  EXPECT_EQ(belay_store_delete(store_, "k", 1, &options, nullptr), BELAY_ABORTED);
  options.if_revision = revision;
  EXPECT_EQ(belay_store_delete(store_, "k", 1, &options, nullptr), BELAY_OK);
  options.flags = 1024;
  EXPECT_EQ(belay_store_put(store_, "k", 1, "v", 1, &options, nullptr), BELAY_INVALID_ARGUMENT);
}

TEST_F(StoreTest, I3_ACursorDoesNotAdvanceWhenTheBufferIsTooSmall) {
  Put("k", std::string(500, 'v'));
  belay_handle cursor = 0;
  ASSERT_EQ(belay_store_scan(store_, nullptr, &cursor), BELAY_OK);
  std::vector<char> buffer(64);
  std::uint64_t size = 0;
  ASSERT_EQ(belay_cursor_next(cursor, buffer.data(), buffer.size(), &size), BELAY_BUFFER_TOO_SMALL);
  ASSERT_EQ(size, 8U + 24 + 1 + 500);
  EXPECT_EQ(belay_cursor_next(cursor, nullptr, 0, &size), BELAY_BUFFER_TOO_SMALL)
      << "asks the size";
  ASSERT_EQ(size, 8U + 24 + 1 + 500);
  buffer.resize(size);
  EXPECT_EQ(belay_cursor_next(cursor, buffer.data(), buffer.size(), &size), BELAY_OK);
  EXPECT_EQ(belay_cursor_next(cursor, buffer.data(), buffer.size(), &size), BELAY_END);
  EXPECT_EQ(belay_cursor_next(cursor, buffer.data(), buffer.size(), &size), BELAY_END);
  EXPECT_EQ(belay_release(cursor), BELAY_OK);
  EXPECT_EQ(belay_cursor_next(cursor, buffer.data(), buffer.size(), &size), BELAY_STALE);
}

// Keeps rows whose value begins with 'y'.
belay_status KeepY(belay_call* call) {
  std::string bitmap;
  std::uint64_t position = 0;
  belay_row row{};
  row.struct_size = sizeof row;
  for (std::size_t i = 0;
       belay_rows_next(call->request, call->request_size, &position, &row) == BELAY_OK; ++i) {
    if (i % 8 == 0) bitmap.push_back('\0');
    const bool keep = row.value_size > 0 && *static_cast<const char*>(row.value) == 'y';
    if (keep) bitmap.back() = static_cast<char>(bitmap.back() | 1 << (i % 8));
  }
  return belay_call_reply(call, bitmap.data(), bitmap.size());
}

TEST_F(StoreTest, S3_AFilterPicksRowsAndIsHeldByItsCursor) {
  for (int i = 0; i < 1000; ++i) Put("key" + std::to_string(i), i % 100 == 7 ? "yes" : "no");
  Probe probe;
  probe.body = KeepY;
  const belay_callback_options options = probe.Options("filter");
  belay_handle filter = 0;
  ASSERT_EQ(belay_register(broker_, &options, &filter), BELAY_OK);
  belay_scan_options scan{};
  scan.struct_size = sizeof scan;
  scan.prefix = "key";
  scan.prefix_size = 3;
  scan.filter = filter;
  EXPECT_EQ(Scan(&scan).size(), 10U);
  scan.limit = 3;
  EXPECT_EQ(Scan(&scan).size(), 3U);

  belay_handle cursor = 0;
  ASSERT_EQ(belay_store_scan(store_, &scan, &cursor), BELAY_OK);
  EXPECT_EQ(belay_release(filter), BELAY_OK);
  std::vector<char> buffer(4096);
  std::uint64_t size = 0;
  EXPECT_EQ(belay_cursor_next(cursor, buffer.data(), buffer.size(), &size), BELAY_OK);
  EXPECT_EQ(probe.released, 0);
  EXPECT_EQ(belay_release(cursor), BELAY_OK);
  probe.release_ran.acquire();
  EXPECT_EQ(belay_store_scan(store_, &scan, &cursor), BELAY_STALE);
}

TEST_F(StoreTest, S3_AFilterThatFailsFailsTheScan) {
  Put("k", "v");
  Probe probe;
  probe.body = [](belay_call* call) { return belay_call_fail(call, "cannot judge"); };
  const belay_callback_options options = probe.Options("filter");
  belay_scan_options scan{};
  scan.struct_size = sizeof scan;
  ASSERT_EQ(belay_register(broker_, &options, &scan.filter), BELAY_OK);
  EXPECT_TRUE(Scan(&scan, BELAY_CALLBACK_FAILED).empty());
  EXPECT_NE(LastMessage().find("cannot judge"), std::string::npos) << LastMessage();
  EXPECT_EQ(belay_release(scan.filter), BELAY_OK);
  probe.release_ran.acquire();
}

TEST_F(StoreTest, S3_AWatchSeesEveryChangeInOrderUntilDetached) {
  std::mutex mutex;
  std::vector<std::string> seen;
  std::counting_semaphore<> changes{0};
  Probe probe;
  probe.body = [&](belay_call* call) {
    std::uint64_t position = 0;
    belay_row row{};
    row.struct_size = sizeof row;
    while (belay_rows_next(call->request, call->request_size, &position, &row) == BELAY_OK) {
      const std::lock_guard lock(mutex);
      seen.push_back((row.kind == BELAY_ROW_PUT ? "+" : "-") +
                     std::string(static_cast<const char*>(row.key), row.key_size));
      changes.release();
    }
    return BELAY_OK;
  };
  const belay_callback_options options = probe.Options("watch");
  belay_watch_options watch{};
  watch.struct_size = sizeof watch;
  watch.prefix = "w/";
  watch.prefix_size = 2;
  ASSERT_EQ(belay_register(broker_, &options, &watch.callback), BELAY_OK);
  belay_handle subscription = 0;
  ASSERT_EQ(belay_watch_attach(store_, &watch, &subscription), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_release(watch.callback), BELAY_OK);  // the watch has a handle of its own
  Put("w/1", "x");
  Put("elsewhere", "x");
  Put("w/2", "x");
  ASSERT_EQ(belay_store_delete(store_, "w/1", 3, nullptr, nullptr), BELAY_OK);
  for (int i = 0; i < 3; ++i) changes.acquire();
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(seen, (std::vector<std::string>{"+w/1", "+w/2", "-w/1"}));
  }
  EXPECT_EQ(probe.released, 0);
  EXPECT_EQ(belay_watch_detach(subscription), BELAY_OK);
  EXPECT_EQ(belay_watch_detach(subscription), BELAY_STALE);
  probe.release_ran.acquire();
  Put("w/3", "x");
  EXPECT_EQ(seen.size(), 3U);
}

TEST_F(StoreTest, I7_RowBlocksAreNotTrusted) {
  belay_row row{};
  row.struct_size = sizeof row;
  std::uint64_t position = 0;
  EXPECT_EQ(belay_rows_next(nullptr, 8, &position, &row), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_rows_next("", 0, &position, &row), BELAY_DATA_LOSS);
  const char lies[] = {1, 0, 0, 0, 5, 0, 0, 0, 9, 9, 9, 9};
  EXPECT_EQ(belay_rows_next(lies, sizeof lies, &position, &row), BELAY_DATA_LOSS);
  position = ~0ULL;
  EXPECT_EQ(belay_rows_next(lies, sizeof lies, &position, &row), BELAY_INVALID_ARGUMENT);
}

TEST(NoStore, IsToldPlainly) {
  belay_handle broker = 0;
  ASSERT_EQ(belay_open(nullptr, &broker), BELAY_OK);
  belay_handle store = 0;
  EXPECT_EQ(belay_store_open(broker, &store), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "NO_STORE");
  EXPECT_EQ(belay_close(broker, kLongMs), BELAY_OK);
}

}  // namespace
}  // namespace belay::capi
