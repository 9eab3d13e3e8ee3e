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

// What tables grow by is at least as large as this; what else is allocated here, smaller.
constexpr std::size_t kPieceBytes = 8'192;
// The table of handles grows by as much.
constexpr std::size_t kHandlePieceBytes = 16'384;
// The table of objects, and that of calls, grow by more; that of handles by less.
constexpr std::size_t kLargePieceBytes = 65'536;
constexpr std::uint64_t kLongMs = 60'000;
// Neither have all pieces that tests have made.
constexpr std::size_t kMoreThanIsFree = 50'000;
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
    belay_callback_options typed{};
    typed.struct_size = sizeof typed;
    typed.typed = [] {};
    typed.signature = "void()";
    ASSERT_EQ(belay_register(broker_, &typed, &typed_), BELAY_OK);
  }
  void TearDown() override { EXPECT_EQ(belay_close(broker_, kLongMs), BELAY_OK); }

  static belay_callback_options Options() {
    belay_callback_options options{};
    options.struct_size = sizeof options;
    options.callback = [](void*, belay_call*) -> belay_status { return BELAY_OK; };
    return options;
  }
  belay_status Register(belay_handle* handle) {
    belay_callback_options options = Options();
    options.context = &released_;
    options.release = [](void* released) { ++*static_cast<std::atomic<std::size_t>*>(released); };
    return belay_register(broker_, &options, handle);
  }
  // A callback on a new queue without a bound of its own.
  belay_handle RegisterOnQueue(belay_handle* queue) {
    belay_executor_options executor{};
    executor.struct_size = sizeof executor;
    executor.name = "q";
    executor.max_calls = UINT32_MAX;
    executor.max_bytes = UINT64_MAX;
    EXPECT_EQ(belay_queue_open(broker_, &executor, queue), BELAY_OK);
    belay_callback_options options = Options();
    options.executor = *queue;
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK);
    return handle;
  }
  belay_status Retain(belay_handle* handle) { return belay_retain(callback_, 0, 0, handle); }
  belay_status OpenOwner(belay_handle* handle) { return belay_owner_open(broker_, "o", handle); }

  // Makes handles until no more can be, with no memory for pieces of that size.
  std::vector<belay_handle> Exhaust(const std::function<belay_status(belay_handle*)>& make,
                                    std::size_t piece_bytes = kPieceBytes) {
    std::vector<belay_handle> made;
    made.reserve(kMoreThanIsFree);
    const FailLarge fail(piece_bytes);
    belay_status status = BELAY_OK;
    while (status == BELAY_OK && made.size() < kMoreThanIsFree) {
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
  belay_handle typed_ = 0;
  std::atomic<std::size_t> released_{0};
};

TEST_F(ExhaustionTest, R6_AHandleTableThatCannotGrowSaysSo) {
  const auto made = Exhaust([&](belay_handle* handle) { return Retain(handle); });
  EXPECT_EQ(LastReason(), "HANDLE_TABLE_FULL");
  belay_handle handle = 0;
  {
    const FailLarge fail(kPieceBytes);
    EXPECT_EQ(Register(&handle), BELAY_RESOURCE_EXHAUSTED);
    EXPECT_EQ(LastReason(), "HANDLE_TABLE_FULL");
    belay_pin_info pin{};
    pin.struct_size = sizeof pin;
    EXPECT_EQ(belay_pin(typed_, "void()", &pin), BELAY_RESOURCE_EXHAUSTED);
  }
  EXPECT_EQ(Retain(&handle), BELAY_OK) << "there is memory again";
  for (const belay_handle each : made) EXPECT_EQ(belay_release(each), BELAY_OK);
}

TEST_F(ExhaustionTest, R6_CallbacksThatHaveNoRoomAreReleased) {
  FreeManyHandles();
  const auto made =
      Exhaust([&](belay_handle* handle) { return Register(handle); }, kLargePieceBytes);
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
  belay_handle queue = 0;
  const belay_handle handle = RegisterOnQueue(&queue);
  const belay_call call = BELAY_CALL_INIT;
  ASSERT_EQ(belay_post(handle, &call), BELAY_OK);
  const auto submitted =
      Exhaust([&](belay_handle*) { return belay_post(handle, &call); }, kLargePieceBytes);
  EXPECT_EQ(LastReason(), "OUT_OF_MEMORY");
  std::uint64_t count = 0;
  EXPECT_EQ(belay_queue_run(queue, kMoreThanAPiece, 0, &count), BELAY_OK);
  EXPECT_EQ(count, 1 + submitted.size());
  EXPECT_EQ(belay_post(handle, &call), BELAY_OK) << "there is room again";
}

// What its host would be handed has no room: it is run instead.
TEST_F(ExhaustionTest, R3_AReleaseFunctionThatCannotBeHandedOutIsRunByThePoll) {
  belay_handle queue = 0;
  const belay_handle filling = RegisterOnQueue(&queue);
  std::atomic<int> releases{0};
  belay_callback_options on_queue = Options();
  on_queue.executor = queue;
  on_queue.context = &releases;
  on_queue.release = [](void* context) { ++*static_cast<std::atomic<int>*>(context); };
  belay_handle released = 0;
  ASSERT_EQ(belay_register(broker_, &on_queue, &released), BELAY_OK);
  const belay_call call = BELAY_CALL_INIT;
  const auto submitted =
      Exhaust([&](belay_handle*) { return belay_post(filling, &call); }, kLargePieceBytes);
  std::vector<std::uint64_t> handed_out;
  belay_work work{};
  const auto poll = [&](std::uint64_t timeout_ms) {
    work.struct_size = sizeof work;
    std::uint64_t count = 0;
    const FailLarge fail(kLargePieceBytes);
    EXPECT_EQ(belay_queue_poll(queue, &work, 1, timeout_ms, &count), BELAY_OK);
    if (count == 1) handed_out.push_back(work.id);
    return count;
  };
  while (handed_out.size() < submitted.size()) ASSERT_EQ(poll(0), 1U);
  ASSERT_EQ(belay_release(released), BELAY_OK);
  while (releases == 0) EXPECT_EQ(poll(0), 0U);
  for (const std::uint64_t id : handed_out) {
    belay_result result{};
    result.struct_size = sizeof result;
    result.id = id;
    EXPECT_EQ(belay_queue_finish(queue, &result, 1), BELAY_OK);
  }
  EXPECT_EQ(releases, 1);
}

TEST_F(ExhaustionTest, R6_AScanThatHasNoRoomForItsCursorSaysSo) {
  const std::string path = ::testing::TempDir() + "/exhaustion";
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.store_path = path.c_str();
  belay_handle broker = 0;
  belay_handle store = 0;
  ASSERT_EQ(belay_open(&options, &broker), BELAY_OK);
  ASSERT_EQ(belay_store_open(broker, &store), BELAY_OK);
  const auto made = Exhaust([&](belay_handle* handle) { return Retain(handle); });
  belay_handle cursor = 0;
  // The registry of the store's broker has taken some handles in advance.
  const auto cursors =
      Exhaust([&](belay_handle* handle) { return belay_store_scan(store, nullptr, handle); },
              kHandlePieceBytes);
  EXPECT_EQ(LastReason(), "HANDLE_TABLE_FULL");
  EXPECT_EQ(belay_store_scan(store, nullptr, &cursor), BELAY_OK) << "there is memory again";
  EXPECT_EQ(belay_close(broker, kLongMs), BELAY_OK);
}

TEST_F(ExhaustionTest, R10_AFullTableOfCallsSaysSo) {
  belay_handle queue = 0;
  const belay_handle handle = RegisterOnQueue(&queue);
  const belay_call call = BELAY_CALL_INIT;
  std::uint64_t posted = 0;
  while (belay_post(handle, &call) == BELAY_OK) ++posted;
  EXPECT_EQ(LastReason(), "OUT_OF_MEMORY");
  EXPECT_GT(posted, 1'000'000U);
  std::uint64_t count = 0;
  EXPECT_EQ(belay_queue_run(queue, posted, 0, &count), BELAY_OK);
  EXPECT_EQ(count, posted);
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
