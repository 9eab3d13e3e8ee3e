// Arguments that make no sense are refused by name, one by one (I1, I2, I5, I7).
#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

class ArgumentsTest : public CapiTest {
 protected:
  void ExpectRegisterRefused(const belay_callback_options& options, std::string_view about) {
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_INVALID_ARGUMENT);
    EXPECT_NE(LastMessage().find(about), std::string::npos) << LastMessage();
  }
};

// A size beyond any memory.
constexpr std::uint64_t kHuge = std::uint64_t{1} << 63U;

TEST(ErrorTest, I2_AThreadOnWhichNothingFailedIsToldSo) {
  std::thread([] {
    belay_error error{};
    error.struct_size = sizeof error;
    ASSERT_EQ(belay_last_error(&error), BELAY_OK);
    EXPECT_EQ(error.status, BELAY_OK);
    EXPECT_STREQ(error.reason, "OK");
    EXPECT_STREQ(error.message, "");
  }).join();
}

TEST_F(ArgumentsTest, I1_ReservedFieldsMustBeZero) {
  belay_handle handle = 0;
  belay_owner_options owner{};
  owner.struct_size = sizeof owner;
  owner.name = "o";
  owner.reserved = 1;
  EXPECT_EQ(belay_owner_open_with(broker_, &owner, &handle), BELAY_INVALID_ARGUMENT);
  belay_executor_options executor{};
  executor.struct_size = sizeof executor;
  executor.name = "e";
  executor.reserved = 1;
  EXPECT_EQ(belay_strand_open(broker_, &executor, &handle), BELAY_INVALID_ARGUMENT);
  belay_completion completion{};
  completion.struct_size = sizeof completion;
  completion.run = [](void*, const belay_outcome*) {};
  completion.reserved = 1;
  Probe& probe = NewProbe();
  const belay_handle callback = Register(probe);
  const belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_submit(callback, &call, &completion, nullptr), BELAY_INVALID_ARGUMENT);
  belay_callback_options options = NewProbe().Options();
  options.reserved = 1;
  ExpectRegisterRefused(options, "reserved");
}

TEST_F(ArgumentsTest, I7_TextsAreBounded) {
  const std::string text(256, 'x');
  belay_callback_options options = NewProbe().Options();
  options.label = text.c_str();
  ExpectRegisterRefused(options, "options->label");
  options = NewProbe().Options();
  options.site = text.c_str();
  ExpectRegisterRefused(options, "options->site");
}

TEST_F(ArgumentsTest, R11_ATypedCallbackRunsWhereItIsCalledAndIsNotCounted) {
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.signature = "void()";
  options.typed = reinterpret_cast<belay_function>(+[](void*) {});
  options.executor = BELAY_EXECUTOR_POOL;
  ExpectRegisterRefused(options, "typed");
  options.executor = BELAY_EXECUTOR_INLINE;
  options.max_concurrency = 1;
  ExpectRegisterRefused(options, "typed");
  options.max_concurrency = 0;
  options.flags = BELAY_CALLBACK_ONCE;
  ExpectRegisterRefused(options, "typed");
}

TEST_F(ArgumentsTest, R10_WhatIsSerialOnThePoolHasAStrandOfItsOwn) {
  constexpr int kCalls = 200;
  Probe& probe = NewProbe();
  std::atomic<int> together{0};
  probe.body = [&](belay_call*) {
    EXPECT_EQ(together.fetch_add(1), 0);
    std::this_thread::yield();
    together.fetch_sub(1);
    return BELAY_OK;
  };
  belay_callback_options options = probe.Options();
  options.executor = BELAY_EXECUTOR_POOL;
  options.flags = BELAY_CALLBACK_SERIAL;
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
  const belay_call posted = BELAY_CALL_INIT;
  for (int i = 0; i < kCalls; ++i)
    ASSERT_EQ(belay_post(handle, &posted), BELAY_OK) << LastMessage();
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK) << LastMessage();
  EXPECT_EQ(probe.calls, kCalls + 1) << "one after another";
  options = NewProbe().Options();
  options.executor = BELAY_EXECUTOR_POOL;
  options.flags = BELAY_CALLBACK_SERIAL;
  EXPECT_EQ(belay_register(handle, &options, &handle), BELAY_WRONG_KIND) << "no owner";
}

TEST_F(ArgumentsTest, I7_ACallIsCheckedBeforeItIsMade) {
  const belay_handle callback = Register(NewProbe());
  belay_call call = BELAY_CALL_INIT;
  call.flags = 1;
  EXPECT_EQ(belay_invoke(callback, &call), BELAY_INVALID_ARGUMENT);
  EXPECT_NE(LastMessage().find("flags"), std::string::npos) << LastMessage();
  call = BELAY_CALL_INIT;
  call.request = &call;
  call.request_size = kHuge;
  EXPECT_EQ(belay_post(callback, &call), BELAY_INVALID_ARGUMENT);
  EXPECT_NE(LastMessage().find("request_size"), std::string::npos) << LastMessage();
  call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_call_reply(&call, &call, kHuge), BELAY_INVALID_ARGUMENT);
}

TEST_F(ArgumentsTest, I7_NowhereToWriteIsRefused) {
  belay_executor_options executor{};
  executor.struct_size = sizeof executor;
  executor.name = "q";
  belay_handle queue = 0;
  ASSERT_EQ(belay_queue_open(broker_, &executor, &queue), BELAY_OK);
  belay_work event{};
  event.struct_size = sizeof event;
  EXPECT_EQ(belay_queue_poll(queue, &event, 1, 0, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_run(queue, 1, 0, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_fd(queue, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_finish(queue, nullptr, 1), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_finish(queue, nullptr, 0), BELAY_OK);
  belay_running_call running{};
  running.struct_size = sizeof running;
  EXPECT_EQ(belay_stuck_calls(broker_, 0, &running, 1, nullptr), BELAY_INVALID_ARGUMENT);
  belay_row row{};
  row.struct_size = sizeof row;
  std::uint64_t position = 0;
  EXPECT_EQ(belay_rows_next(&row, sizeof row, &position, nullptr), BELAY_INVALID_ARGUMENT);
}

TEST_F(ArgumentsTest, I5_AFilterMustHaveASize) {
  belay_list_filter filter{};
  belay_handle_info info{};
  info.struct_size = sizeof info;
  std::uint64_t after = 0;
  std::uint64_t count = 0;
  EXPECT_EQ(belay_list_where(broker_, &filter, &after, &info, 1, &count), BELAY_INVALID_ARGUMENT);
}

TEST_F(ArgumentsTest, I7_ABroadcastToNobodyIsOne) {
  const belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_broadcast(nullptr, 0, &call, nullptr, nullptr), BELAY_OK);
  EXPECT_EQ(belay_broadcast(nullptr, 1, &call, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
}

TEST_F(ArgumentsTest, I5_ABroadcastStepsByTheSizeOfItsCompletions) {
  struct Newer {
    belay_completion known;
    std::uint64_t unknown;
  };
  int runs = 0;
  std::array<Newer, 2> completions{};
  for (Newer& completion : completions) {
    completion.known.struct_size = sizeof completion;
    completion.known.context = &runs;
    completion.known.run = [](void* context, const belay_outcome*) {
      ++*static_cast<int*>(context);
    };
    completion.unknown = UINT64_MAX;
  }
  const std::array handles = {Register(NewProbe()), Register(NewProbe())};
  const belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_broadcast(handles.data(), 2, &call, &completions[0].known, nullptr), BELAY_OK);
  EXPECT_EQ(runs, 2);
}

TEST_F(ArgumentsTest, I7_APolicyBelowTheFirstIsNone) {
  const belay_handle callback = Register(NewProbe());
  belay_name_options options{};
  options.struct_size = sizeof options;
  options.policy = -1;
  EXPECT_EQ(belay_name_bind(broker_, "n", callback, &options, nullptr), BELAY_INVALID_ARGUMENT);
}

TEST(BrokerTest, R15_NoCallIsEverCalledStuckIfNoneIsToBe) {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.stuck_after_ms = UINT64_MAX;
  belay_handle broker = 0;
  ASSERT_EQ(belay_open(&options, &broker), BELAY_OK) << LastMessage();
  Probe probe;
  belay_handle callback = 0;
  probe.body = [&](belay_call*) {
    belay_handle_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(belay_describe(callback, &info), BELAY_OK) << LastMessage();
    EXPECT_EQ(info.in_flight, 1U);
    EXPECT_EQ(info.stuck, 0U);
    return BELAY_OK;
  };
  const belay_callback_options its = probe.Options();
  ASSERT_EQ(belay_register(broker, &its, &callback), BELAY_OK) << LastMessage();
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(callback, &call), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_close(broker, kLongMs), BELAY_OK);
}

TEST_F(ArgumentsTest, R15_AListOfRunningCallsIsCutAtItsCapacity) {
  Probe& probe = NewProbe();
  belay_handle callback = 0;
  probe.body = [&](belay_call*) {
    if (probe.calls == 1) {
      belay_call inner = BELAY_CALL_INIT;
      return belay_invoke(callback, &inner);
    }
    std::array<belay_running_call, 2> running{};
    running[0].struct_size = sizeof running[0];
    std::uint64_t count = 0;
    EXPECT_EQ(belay_stuck_calls(broker_, 0, running.data(), 2, &count), BELAY_OK);
    EXPECT_EQ(count, 2U);
    EXPECT_EQ(belay_stuck_calls(broker_, 0, running.data(), 1, &count), BELAY_OK);
    EXPECT_EQ(count, 1U);
    return BELAY_OK;
  };
  callback = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(callback, &call), BELAY_OK) << LastMessage();
}

}  // namespace
}  // namespace belay::capi
