// Requests, replies, typed pins, rights and introspection through the C ABI.
#include <ctime>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

using CallsTest = CapiTest;

TEST_F(CallsTest, I3_ALargeReplyIsKeptAndTheCallbackRunsOnce) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call* call) { return belay_call_reply(call, "0123456789", 10); };
  const belay_handle handle = Register(probe);
  char small[4] = {};
  belay_call call = BELAY_CALL_INIT;
  call.reply = small;
  call.reply_capacity = sizeof small;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(call.reply_size, 10U);
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_INVALID_ARGUMENT)
      << "a kept reply must be taken first";
  EXPECT_EQ(belay_call_take(&call, small, sizeof small), BELAY_BUFFER_TOO_SMALL);
  char large[16] = {};
  EXPECT_EQ(belay_call_take(&call, large, sizeof large), BELAY_OK);
  EXPECT_STREQ(large, "0123456789");
  EXPECT_EQ(belay_call_take(&call, large, sizeof large), BELAY_NOT_FOUND);
  EXPECT_EQ(probe.calls, 1);
  call.reply = large;
  call.reply_capacity = sizeof large;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  EXPECT_EQ(call.reply_size, 10U);
}

TEST_F(CallsTest, I3_AKeptReplyCanBeDropped) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call* call) { return belay_call_reply(call, "0123456789", 10); };
  const belay_handle handle = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(belay_call_take(&call, nullptr, 0), BELAY_OK);
  EXPECT_EQ(call.kept, nullptr);
}

TEST_F(CallsTest, FailureCarriesTheCallbacksText) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call* call) { return belay_call_fail(call, "no such user"); };
  const belay_handle handle = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastMessage(), "no such user");
  probe.body = [](belay_call*) { return BELAY_STALE; };  // never mistaken for a refusal of Belay's
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
  probe.body = [](belay_call* broken) {
    broken->reply_size = 99;
    return BELAY_OK;
  };
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastReason(), "BAD_REPLY");
}

TEST_F(CallsTest, I7_BadCallsAreRefused) {
  Probe& probe = NewProbe();
  const belay_handle handle = Register(probe);
  EXPECT_EQ(belay_invoke(handle, nullptr), BELAY_INVALID_ARGUMENT);
  belay_call call = BELAY_CALL_INIT;
  call.struct_size = 4;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_INVALID_ARGUMENT);
  call = BELAY_CALL_INIT;
  call.reply_capacity = 8;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_INVALID_ARGUMENT);
  call = BELAY_CALL_INIT;
  call.request_size = 8;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_INVALID_ARGUMENT);
  call = BELAY_CALL_INIT;
  call.deadline_ns = 1;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_DEADLINE_EXCEEDED);
  EXPECT_EQ(probe.calls, 0);
  EXPECT_EQ(belay_call_reply(nullptr, "", 0), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_call_take(nullptr, nullptr, 0), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_call_fail(nullptr, "x"), BELAY_CALLBACK_FAILED);
}

TEST_F(CallsTest, R1_ForgedHandlesAreRefused) {
  Probe& probe = NewProbe();
  const belay_handle handle = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  for (const belay_handle forged : std::vector<belay_handle>{
           0, 1, 2, handle ^ 1, handle + 1, handle ^ (1ULL << 63U), handle | (0x7fULL << 56U),
           ~0ULL, handle & 0xffffff, handle + (1ULL << 24U)}) {
    EXPECT_EQ(belay_invoke(forged, &call), BELAY_MALFORMED) << std::hex << forged;
    EXPECT_EQ(belay_release(forged), BELAY_MALFORMED) << std::hex << forged;
    EXPECT_EQ(belay_unregister(forged), BELAY_MALFORMED) << std::hex << forged;
  }
  EXPECT_EQ(belay_invoke(broker_, &call), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_release(broker_), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_unpin(handle), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_close(handle, 0), BELAY_WRONG_KIND);
  EXPECT_EQ(probe.calls, 0);
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
}

std::int64_t PlusOne(void* context, std::int64_t value) {
  return value + *static_cast<std::int64_t*>(context);
}

TEST_F(CallsTest, R11_APinnedCallbackStaysCallableUntilUnpin) {
  static std::counting_semaphore<> released{0};
  std::int64_t step = 41;
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.context = &step;
  options.release = [](void*) { released.release(); };
  options.signature = "i64( i64 )";
  options.typed = reinterpret_cast<belay_function>(&PlusOne);
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();

  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_FAILED_PRECONDITION);
  belay_pin_info pin{};
  pin.struct_size = sizeof pin;
  EXPECT_EQ(belay_pin(handle, "void(bool)", &pin), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(LastReason(), "SIGNATURE_MISMATCH");
  EXPECT_EQ(belay_pin(handle, "i64(", &pin), BELAY_INVALID_ARGUMENT);
  ASSERT_EQ(belay_pin(handle, "i64(i64)", &pin), BELAY_OK);

  EXPECT_EQ(belay_unregister(handle), BELAY_OK);
  EXPECT_EQ(belay_release(handle), BELAY_OK);
  const auto function = reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(pin.function);
  EXPECT_EQ(function(pin.context, 1), 42);
  EXPECT_FALSE(released.try_acquire());
  belay_handle_info info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(belay_describe(pin.pin, &info), BELAY_OK);
  EXPECT_EQ(info.kind, BELAY_KIND_PIN);
  EXPECT_EQ(belay_unpin(pin.pin), BELAY_OK);
  released.acquire();
  EXPECT_EQ(belay_unpin(pin.pin), BELAY_STALE);
}

TEST_F(CallsTest, R16_RetainNarrowsRightsOnly) {
  Probe& probe = NewProbe();
  const belay_handle handle = Register(probe);
  belay_handle invoke_only = 0;
  ASSERT_EQ(belay_retain(handle, 0, BELAY_RIGHT_INVOKE, &invoke_only), BELAY_OK);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(invoke_only, &call), BELAY_OK);
  belay_handle more = 0;
  EXPECT_EQ(belay_retain(invoke_only, 0, BELAY_RIGHTS_ALL, &more), BELAY_PERMISSION_DENIED);
  EXPECT_EQ(belay_unregister(invoke_only), BELAY_PERMISSION_DENIED);
  belay_handle retain_only = 0;
  ASSERT_EQ(belay_retain(handle, 0, BELAY_RIGHT_RETAIN, &retain_only), BELAY_OK);
  EXPECT_EQ(belay_invoke(retain_only, &call), BELAY_PERMISSION_DENIED);
  EXPECT_EQ(belay_retain(handle, 0, 1U << 20U, &more), BELAY_INVALID_ARGUMENT);
}

TEST_F(CallsTest, R15_ListShowsEveryHandleOnce) {
  belay_handle owner = 0;
  ASSERT_EQ(belay_owner_open(broker_, "lister", &owner), BELAY_OK);
  std::vector<Probe> probes(700);
  for (Probe& probe : probes) {
    const belay_callback_options options = probe.Options("many");
    belay_handle handle = 0;
    ASSERT_EQ(belay_register(owner, &options, &handle), BELAY_OK);
  }
  std::vector<belay_handle_info> page(100);
  page[0].struct_size = sizeof page[0];
  std::uint64_t after = 0;
  std::uint64_t count = 0;
  int callbacks = 0;
  int others = 0;
  do {
    ASSERT_EQ(belay_list(broker_, &after, page.data(), page.size(), &count), BELAY_OK);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (page[i].kind != BELAY_KIND_CALLBACK) {
        ++others;
        continue;
      }
      ++callbacks;
      EXPECT_STREQ(page[i].label, "many");
      EXPECT_STREQ(page[i].holder_name, "lister");
      EXPECT_EQ(page[i].holder, owner);
      EXPECT_EQ(page[i].references, 1U);
    }
  } while (count == page.size());
  EXPECT_EQ(callbacks, 700);
  EXPECT_GE(others, 2);  // broker, owner, and the broker's own
  ASSERT_EQ(belay_owner_close(owner), BELAY_OK);
  for (Probe& probe : probes) probe.release_ran.acquire();
}

TEST_F(CallsTest, I5_StructSizesAreRespected) {
  Probe& probe = NewProbe();
  belay_callback_options options = probe.Options();
  options.struct_size = offsetof(belay_callback_options, label);  // an older, smaller struct
  options.label = reinterpret_cast<const char*>(1);               // must not be read
  belay_handle handle = 0;
  EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK);
  options.struct_size = 8;
  EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(probe.released, 0)
      << "too small to hold the release function: the context stays the caller's";
  belay_handle_info info{};
  EXPECT_EQ(belay_describe(handle, &info), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_last_error(nullptr), BELAY_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace belay::capi
