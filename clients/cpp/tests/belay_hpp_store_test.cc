// The RAII headers over libbelay: the store, its scans and its watches.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "belay/belay.hpp"

namespace belay {
namespace {

using namespace std::chrono_literals;

Broker MustOpen(BrokerOptions options) {
  options.log = [](std::int32_t, std::string_view) {};
  Result<Broker> broker = Broker::Open(std::move(options));
  EXPECT_TRUE(broker.ok()) << broker.status().ToString();
  return *std::move(broker);
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    char path[] = "/tmp/belay-hpp-XXXXXX";
    folder_ = mkdtemp(path);
    broker_.emplace(MustOpen({.name = "t", .store_path = folder_ + "/db", .log = {}}));
    store_ = *broker_->OpenStore();
  }
  ~StoreTest() override {
    broker_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string folder_;
  std::optional<Broker> broker_;
  Store store_;
};

TEST_F(StoreTest, ReadsWhatItWrote) {
  const std::string large(100'000, 'v');
  const Result<std::uint64_t> revision = store_.Put("k", large);
  ASSERT_TRUE(revision.ok()) << revision.status().ToString();
  const Result<StoredValue> value = store_.Get("k");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->data, large);
  EXPECT_EQ(value->revision, *revision);
  EXPECT_EQ(store_.Put("k", "again", {.if_absent = true}).code(), BELAY_ABORTED);
  EXPECT_TRUE(store_.Put("k", "again", {.if_revision = *revision}).ok());
  EXPECT_TRUE(store_.Delete("k").ok());
  EXPECT_EQ(store_.Get("k").code(), BELAY_NOT_FOUND);
}

TEST_F(StoreTest, ScansWithAFilter) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(store_
                    .Put("n/" + std::to_string(10'000 + i),
                         std::string(100, 'x') + std::to_string(i), {.async = true})
                    .ok());
  }
  int modulus = 100;
  const auto filter = broker_->Register(RowFilter([modulus](const Row& row) {
    return std::stoi(std::string(row.value.substr(100))) % modulus == 0;
  }));
  Result<Cursor> cursor = store_.Scan({.prefix = "n/", .filter = &*filter});
  ASSERT_TRUE(cursor.ok()) << cursor.status().ToString();
  Cursor moved = *std::move(cursor);
  std::vector<std::string> keys;
  for (const Row& row : moved) keys.emplace_back(row.key);
  EXPECT_TRUE(moved.status().ok()) << moved.status().ToString();
  ASSERT_EQ(keys.size(), 20u);
  EXPECT_EQ(keys[1], "n/10100");

  Result<Cursor> last =
      store_.Scan({.prefix = "n/", .reverse = true, .keys_only = true, .limit = 1});
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->begin()->key, "n/11999");

  const auto broken =
      broker_->Register([](Bytes) -> std::string { throw std::runtime_error("bad filter"); });
  Result<Cursor> failing = store_.Scan({.filter = &*broken});
  for (const Row& row : *failing) ADD_FAILURE() << row.key;
  EXPECT_EQ(failing->status().code, BELAY_CALLBACK_FAILED);
}

TEST_F(StoreTest, WatchesAPrefix) {
  std::promise<std::string> seen;
  auto watcher =
      broker_->Register(RowWatcher([&](const Row& row) { seen.set_value(std::string(row.key)); }));
  Result<Subscription> watch = store_.Watch(*watcher, "w/");
  ASSERT_TRUE(watch.ok()) << watch.status().ToString();
  watcher->Reset();  // the watch has a handle of its own
  ASSERT_TRUE(store_.Put("other", "1").ok());
  ASSERT_TRUE(store_.Put("w/1", "1").ok());
  std::future<std::string> key = seen.get_future();
  ASSERT_EQ(key.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(key.get(), "w/1");
}

}  // namespace
}  // namespace belay
