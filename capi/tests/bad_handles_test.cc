// Every function of the registry, given every sort of handle that it does not take: a code each time, never a
// crash (R1, I7).
#include <cstdint>
#include <set>
#include <vector>

#include "capi/tests/fixture.h"
#include "capi/tests/taker.h"

namespace belay::capi {
namespace {

class BadHandlesTest : public CapiTest {
 protected:
  void SetUp() override {
    CapiTest::SetUp();
    alive_ = OpenOneOfEach();
    dead_ = OpenOneOfEach();
    for (const belay_handle handle : dead_) {
      const bool is_owner = handle >> 56U == BELAY_KIND_OWNER;
      ASSERT_EQ(is_owner ? belay_owner_close(handle) : belay_release(handle), BELAY_OK);
    }
  }
  void TearDown() override {
    for (const belay_handle handle : alive_) belay_release(handle);
    CapiTest::TearDown();
  }

  std::vector<belay_handle> OpenOneOfEach() {
    belay_executor_options executor{};
    executor.struct_size = sizeof executor;
    executor.name = "executor";
    belay_callback_options typed{};
    typed.struct_size = sizeof typed;
    typed.signature = "void()";
    typed.typed = reinterpret_cast<belay_function>(+[](void*) {});
    belay_pin_info pinned{};
    pinned.struct_size = sizeof pinned;
    belay_handle owner = 0;
    belay_handle callback = 0;
    belay_handle queue = 0;
    belay_handle strand = 0;
    EXPECT_EQ(belay_owner_open(broker_, "owner", &owner), BELAY_OK);
    EXPECT_EQ(belay_register(broker_, &typed, &callback), BELAY_OK);
    EXPECT_EQ(belay_pin(callback, "void()", &pinned), BELAY_OK);
    EXPECT_EQ(belay_queue_open(broker_, &executor, &queue), BELAY_OK);
    EXPECT_EQ(belay_strand_open(broker_, &executor, &strand), BELAY_OK);
    return {owner, callback, pinned.pin, queue, strand};
  }

  static constexpr std::uint64_t kCapacity = 1;

  std::vector<Taker> OfCallbacks() {
    const std::set<std::uint32_t> callback = {BELAY_KIND_CALLBACK};
    return {
        {"belay_retain", callback, [&](auto h) { return belay_retain(h, 0, 0, &handle_); }},
        {"belay_unregister", callback, &belay_unregister},
        {"belay_suspend", callback, [](auto h) { return belay_suspend(h, 0); }},
        {"belay_resume", callback, &belay_resume},
        {"belay_quarantine", callback, &belay_quarantine},
        {"belay_restore", callback, &belay_restore},
        {"belay_drain_notify", callback,
         [](auto h) {
           return belay_drain_notify(
               h, [](void*) {}, nullptr);
         }},
        {"belay_invoke", callback,
         [](auto h) {
           belay_call call = BELAY_CALL_INIT;
           return belay_invoke(h, &call);
         }},
        {"belay_submit", callback, [&](auto h) { return belay_submit(h, &call_, nullptr, &id_); }},
        {"belay_post", callback, [&](auto h) { return belay_post(h, &call_); }},
        {"belay_broadcast", callback,
         [&](auto h) {
           belay_status status = BELAY_OK;
           EXPECT_EQ(belay_broadcast(&h, 1, &call_, nullptr, &status), BELAY_OK);
           return status;
         }},
        {"belay_pin", callback,
         [](auto h) {
           belay_pin_info info{};
           info.struct_size = sizeof info;
           return belay_pin(h, "void()", &info);
         }},
        {"belay_unpin", {BELAY_KIND_PIN}, &belay_unpin},
        {"belay_name_bind", callback,
         [&](auto h) { return belay_name_bind(broker_, "name", h, nullptr, nullptr); }},
    };
  }

  std::vector<Taker> OfExecutors() {
    const std::set<std::uint32_t> queue = {BELAY_KIND_QUEUE};
    return {
        {"belay_queue_poll", queue,
         [&](auto h) {
           belay_work event{};
           event.struct_size = sizeof event;
           return belay_queue_poll(h, &event, kCapacity, 0, &count_);
         }},
        // The host finishes what it has, also when the queue is gone.
        {"belay_queue_finish", queue,
         [](auto h) {
           belay_result result{};
           result.struct_size = sizeof result;
           return belay_queue_finish(h, &result, 1);
         },
         BELAY_NOT_FOUND},
        {"belay_queue_run", queue, [&](auto h) { return belay_queue_run(h, 1, 0, &count_); }},
        {"belay_queue_fd", queue,
         [](auto h) {
           std::int32_t fd = -1;
           return belay_queue_fd(h, &fd);
         }},
        {"belay_queue_interrupt", queue, &belay_queue_interrupt},
        {"belay_completion.queue", queue,
         [&](auto h) {
           belay_completion completion{};
           completion.struct_size = sizeof completion;
           completion.queue = h;
           return belay_submit(alive_[1], &call_, &completion, nullptr);
         }},
        {"belay_callback_options.executor",
         {BELAY_KIND_QUEUE, BELAY_KIND_STRAND},
         [&](auto h) {
           belay_callback_options options{};
           options.struct_size = sizeof options;
           options.callback = [](void*, belay_call*) -> belay_status { return BELAY_OK; };
           options.executor = h;
           return belay_register(broker_, &options, &handle_);
         }},
    };
  }

  std::vector<Taker> OfOwnersAndBrokers() {
    const std::set<std::uint32_t> broker = {BELAY_KIND_BROKER};
    const std::set<std::uint32_t> owner = {BELAY_KIND_OWNER};
    const std::set<std::uint32_t> either = {BELAY_KIND_OWNER, BELAY_KIND_BROKER};
    return {
        {"belay_owner_open", broker, [&](auto h) { return belay_owner_open(h, "o", &handle_); }},
        {"belay_owner_open_with", either,
         [&](auto h) {
           belay_owner_options options{};
           options.struct_size = sizeof options;
           options.name = "o";
           return belay_owner_open_with(h, &options, &handle_);
         }},
        {"belay_owner_close", owner, &belay_owner_close},
        {"belay_owner_detach", owner,
         [](auto h) { return belay_owner_detach(h, BELAY_DETACH_RELEASE); }},
        {"belay_register", either,
         [&](auto h) {
           belay_callback_options options{};
           options.struct_size = sizeof options;
           options.callback = [](void*, belay_call*) -> belay_status { return BELAY_OK; };
           return belay_register(h, &options, &handle_);
         }},
        {"belay_retain's holder", owner,
         [&](auto h) { return belay_retain(alive_[1], h, 0, &handle_); }},
        {"belay_handle_transfer's holder", either,
         [&](auto h) { return belay_handle_transfer(alive_[1], h); }},
        {"belay_queue_open", either, [&](auto h) { return OpenExecutor(&belay_queue_open, h); }},
        {"belay_strand_open", either, [&](auto h) { return OpenExecutor(&belay_strand_open, h); }},
        {"belay_close", broker, [](auto h) { return belay_close(h, 0); }},
        {"belay_name_resolve", broker,
         [&](auto h) { return belay_name_resolve(h, "name", 0, &handle_); }},
        {"belay_store_open", broker, [&](auto h) { return belay_store_open(h, &handle_); }},
        {"belay_stuck_calls", broker,
         [&](auto h) {
           belay_running_call call{};
           call.struct_size = sizeof call;
           return belay_stuck_calls(h, 0, &call, kCapacity, &count_);
         }},
        {"belay_list", broker,
         [&](auto h) {
           belay_handle_info info{};
           info.struct_size = sizeof info;
           return belay_list(h, &id_, &info, kCapacity, &count_);
         }},
        {"belay_events_read", broker,
         [&](auto h) {
           belay_event event{};
           event.struct_size = sizeof event;
           return belay_events_read(h, &id_, 0, &event, kCapacity, &count_);
         }},
    };
  }

  belay_status OpenExecutor(decltype(&belay_queue_open) open, belay_handle owner) {
    belay_executor_options options{};
    options.struct_size = sizeof options;
    options.name = "executor";
    return open(owner, &options, &handle_);
  }

  std::vector<belay_handle> alive_;
  std::vector<belay_handle> dead_;
  // Where functions write what they must not.
  belay_handle handle_ = 0;
  std::uint64_t id_ = 0;
  std::uint64_t count_ = 0;
  const belay_call call_ = BELAY_CALL_INIT;
};

TEST_F(BadHandlesTest, R1_I7_EachIsToldApart) {
  for (const auto& takers : {OfCallbacks(), OfExecutors(), OfOwnersAndBrokers()}) {
    for (const Taker& taker : takers) ExpectToldApart(taker, alive_, dead_);
  }
  EXPECT_EQ(handle_, 0U);
}

}  // namespace
}  // namespace belay::capi
