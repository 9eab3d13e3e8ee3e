// Tables that cannot grow, or are full: refused by name, nothing lost, and well again when there is room (R6, I7).
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "belay/belay.h"
#include "tests/model/failing_new.h"

namespace belay::model {
namespace {

// What tables grow by is larger than this; what else is allocated here, smaller.
constexpr std::size_t kPieceBytes = 8'192;
constexpr std::uint64_t kLongMs = 60'000;
// No piece has room for so many.
constexpr std::size_t kMoreThanAPiece = 5'000;

std::string LastReason() {
  belay_error error{};
  error.struct_size = sizeof error;
  belay_last_error(&error);
  return error.reason;
}

class ExhaustionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    belay_broker_options options{};
    options.struct_size = sizeof options;
    options.events = BELAY_OFF;
    options.tombstones = BELAY_OFF;
    options.log = [](void*, std::int32_t, const char*) {};
    ASSERT_EQ(belay_open(&options, &broker_), BELAY_OK);
    ASSERT_EQ(Register(&callback_), BELAY_OK);
  }
  void TearDown() override { EXPECT_EQ(belay_close(broker_, kLongMs), BELAY_OK); }

  belay_status Register(belay_handle* handle) {
    belay_callback_options options{};
    options.struct_size = sizeof options;
    options.callback = [](void*, belay_call*) -> belay_status { return BELAY_OK; };
    options.context = &released_;
    options.release = [](void* released) { ++*static_cast<std::atomic<std::size_t>*>(released); };
    return belay_register(broker_, &options, handle);
  }
  belay_status Retain(belay_handle* handle) { return belay_retain(callback_, 0, 0, handle); }
  belay_status OpenOwner(belay_handle* handle) { return belay_owner_open(broker_, "o", handle); }

  // Makes handles until no more can be, with no memory for tables to grow.
  std::vector<belay_handle> Exhaust(const std::function<belay_status(belay_handle*)>& make) {
    std::vector<belay_handle> made;
    made.reserve(kMoreThanAPiece);
    const FailLarge fail(kPieceBytes);
    belay_status status = BELAY_OK;
    while (status == BELAY_OK && made.size() < kMoreThanAPiece) {
      belay_handle handle = 0;
      status = make(&handle);
      if (status == BELAY_OK) made.push_back(handle);
    }
    EXPECT_EQ(status, BELAY_RESOURCE_EXHAUSTED) << made.size();
    EXPECT_FALSE(made.empty()) << "it is to fail where a table grows, not where it is made";
    return made;
  }
  // Leaves so many handles free that other tables are exhausted first.
  void FreeManyHandles() {
    std::vector<belay_handle> handles(kMoreThanAPiece);
    for (belay_handle& handle : handles) ASSERT_EQ(Retain(&handle), BELAY_OK);
    for (const belay_handle handle : handles) ASSERT_EQ(belay_release(handle), BELAY_OK);
  }

  belay_handle broker_ = 0;
  belay_handle callback_ = 0;
  std::atomic<std::size_t> released_{0};
};

TEST_F(ExhaustionTest, R6_AHandleTableThatCannotGrowSaysSo) {
  const auto made = Exhaust([&](belay_handle* handle) { return Retain(handle); });
  EXPECT_EQ(LastReason(), "HANDLE_TABLE_FULL");
  belay_handle handle = 0;
  EXPECT_EQ(Retain(&handle), BELAY_OK) << "there is memory again";
  for (const belay_handle each : made) EXPECT_EQ(belay_release(each), BELAY_OK);
}

TEST_F(ExhaustionTest, R6_CallbacksThatHaveNoRoomAreReleased) {
  FreeManyHandles();
  const auto made = Exhaust([&](belay_handle* handle) { return Register(handle); });
  EXPECT_EQ(released_.load(), 1U) << "R3: that of the registration which failed";
  belay_handle handle = 0;
  EXPECT_EQ(Register(&handle), BELAY_OK) << "there is memory again";
}

TEST_F(ExhaustionTest, R6_OwnersAndBrokersThatHaveNoRoomAreNone) {
  FreeManyHandles();
  const auto made = Exhaust([&](belay_handle* handle) { return OpenOwner(handle); });
  {
    const FailLarge fail(kPieceBytes);
    belay_broker_options options{};
    options.struct_size = sizeof options;
    options.events = BELAY_OFF;
    options.tombstones = BELAY_OFF;
    belay_handle broker = 0;
    EXPECT_EQ(belay_open(&options, &broker), BELAY_RESOURCE_EXHAUSTED);
  }
  belay_handle handle = 0;
  EXPECT_EQ(OpenOwner(&handle), BELAY_OK) << "there is memory again";
}

TEST_F(ExhaustionTest, R6_CallsThatHaveNoRoomAreNotSubmitted) {
  belay_executor_options options{};
  options.struct_size = sizeof options;
  options.name = "q";
  options.max_calls = kMoreThanAPiece;
  belay_handle queue = 0;
  ASSERT_EQ(belay_queue_open(broker_, &options, &queue), BELAY_OK);
  belay_callback_options on_queue{};
  on_queue.struct_size = sizeof on_queue;
  on_queue.callback = [](void*, belay_call*) -> belay_status { return BELAY_OK; };
  on_queue.executor = queue;
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(broker_, &on_queue, &handle), BELAY_OK);
  const belay_call call = BELAY_CALL_INIT;
  ASSERT_EQ(belay_post(handle, &call), BELAY_OK);
  const auto submitted = Exhaust([&](belay_handle*) { return belay_post(handle, &call); });
  EXPECT_EQ(LastReason(), "OUT_OF_MEMORY");
  std::uint64_t count = 0;
  EXPECT_EQ(belay_queue_run(queue, kMoreThanAPiece, 0, &count), BELAY_OK);
  EXPECT_EQ(count, 1 + submitted.size());
  EXPECT_EQ(belay_post(handle, &call), BELAY_OK) << "there is room again";
}

TEST_F(ExhaustionTest, R1_AFullHandleTableSaysSo) {
  std::vector<belay_handle> handles;
  belay_handle handle = 0;
  while (Retain(&handle) == BELAY_OK) handles.push_back(handle);
  EXPECT_EQ(LastReason(), "HANDLE_TABLE_FULL");
  EXPECT_GT(handles.size(), 4'000'000U);
  EXPECT_EQ(belay_release(handles.back()), BELAY_OK);
  handles.pop_back();
  for (const belay_handle each : handles) ASSERT_EQ(belay_release(each), BELAY_OK);
}

}  // namespace
}  // namespace belay::model
