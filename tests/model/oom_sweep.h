// The sweep of oom_sweep_test: a call is made again and again, each time in a new world and with another one of
// its allocations failing.
//
// Invariants that it holds every call to
//   - It answers RESOURCE_EXHAUSTED or does without; a call that needs no memory any more succeeds.
//   - The broker works on, and closes; each context was released once then (R3).
//   - When it has closed, no more memory is in use than before.
//
// Thread safety: none; a test uses it on one thread.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "belay/belay.h"
#include "broker/registry/graveyard.h"
#include "tests/model/failing_new.h"

namespace belay::model {
inline constexpr std::uint64_t kLongMs = 60'000;
inline constexpr std::uint64_t kMostAllocations = 500;
// Longer than any string keeps within itself.
inline constexpr const char* kText =
    "a text that is long enough to need memory of its own, as labels may";

struct Context {
  static void Release(void* context) { ++static_cast<Context*>(context)->releases; }
  static belay_status Call(void* context, belay_call* call) {
    auto& self = *static_cast<Context*>(context);
    EXPECT_EQ(self.releases, 0) << "R5: called after its release function";
    ++self.calls;
    if (self.fails) throw std::runtime_error(kText);
    return self.answered = belay_call_reply(call, self.reply.data(), self.reply.size());
  }
  static std::int64_t Typed(void* /*context*/, std::int64_t argument) { return argument + 1; }

  std::string reply = "short";
  bool fails = false;
  int calls = 0;
  belay_status answered = BELAY_OK;  // what the last belay_call_reply() returned
  std::atomic<int> releases{0};
};

// One broker with an owner and two callbacks, made anew for each allocation that fails.
class World {
 public:
  World() {
    belay_broker_options options{};
    options.struct_size = sizeof options;
    options.log = [](void*, std::int32_t, const char*) {};  // of leaks, which are meant
    EXPECT_EQ(belay_open(&options, &broker), BELAY_OK);
    EXPECT_EQ(belay_owner_open(broker, kText, &owner), BELAY_OK);
    EXPECT_EQ(Register(&native, "native"), BELAY_OK);
    EXPECT_EQ(RegisterTyped(&typed), BELAY_OK);
    // What a thread needs once in its life.
    belay_call call = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(native, &call), BELAY_BUFFER_TOO_SMALL);
    EXPECT_EQ(belay_call_take(&call, nullptr, 0), BELAY_OK);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  belay_status Register(belay_handle* handle, const char* label = kText) {
    belay_callback_options options = Options(label);
    options.callback = &Context::Call;
    return belay_register(owner, &options, handle);
  }
  belay_status RegisterTyped(belay_handle* handle) {
    belay_callback_options options = Options(kText);
    options.signature = "i64( i64 , i64, i64, i64 )";
    options.typed = reinterpret_cast<belay_function>(&Context::Typed);
    return belay_register(owner, &options, handle);
  }

  std::size_t CountHandles() {
    std::vector<belay_handle_info> infos(64);
    infos[0].struct_size = sizeof infos[0];
    std::uint64_t after = 0;
    std::uint64_t count = 0;
    EXPECT_EQ(belay_list(broker, &after, infos.data(), infos.size(), &count), BELAY_OK);
    return static_cast<std::size_t>(count);
  }

  // What a sound broker can do.
  void WorksAndCloses() {
    belay_handle handle = 0;
    EXPECT_EQ(Register(&handle), BELAY_OK);
    char reply[16];
    belay_call call = BELAY_CALL_INIT;
    call.reply = &reply[0];
    call.reply_capacity = sizeof reply;
    EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
    EXPECT_EQ(belay_release(handle), BELAY_OK);
    EXPECT_EQ(belay_close(broker, kLongMs), BELAY_OK);
    for (const Context& context : contexts) EXPECT_EQ(context.releases, 1) << "R3";
  }

  belay_handle broker = 0;
  belay_handle owner = 0;
  belay_handle native = 0;
  belay_handle typed = 0;
  std::deque<Context> contexts;  // of all registrations, also failed ones

 private:
  belay_callback_options Options(const char* label) {
    belay_callback_options options{};
    options.struct_size = sizeof options;
    options.context = &contexts.emplace_back();
    options.release = &Context::Release;
    options.label = label;
    options.site = kText;
    return options;
  }
};

// What remains of the brokers that closed last is kept: puts empty ones in their place.
inline void ForgetClosedBrokers() {
  for (std::size_t i = 0; i < registry::Graveyards::kClosedKept; ++i) {
    belay_handle broker = 0;
    ASSERT_EQ(belay_open(nullptr, &broker), BELAY_OK);
    ASSERT_EQ(belay_close(broker, kLongMs), BELAY_OK);
  }
}

// Runs call(world) with its first allocation failing, then with its second, until none fails; prepare(world)
// before and check(world, status) after have all the memory they want.
template <typename Prepare, typename Call, typename Check>
void Sweep(Prepare prepare, Call call, Check check) {
  bool failed = true;
  std::uint64_t n = 0;
  std::uint64_t repeated = 0;
  std::int64_t live = 0;
  while (failed && ++n < kMostAllocations) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    {
      World world;
      prepare(world);
      belay_status status = BELAY_OK;
      {
        const FailNth fail(n);
        status = call(world);
        failed = fail.failed();
      }
      EXPECT_TRUE(failed || status == BELAY_OK) << status;
      check(world, status);
      world.WorksAndCloses();
    }
    ForgetClosedBrokers();
    // The first round makes what the process keeps. Some of that may come late, a thread's record for one: but
    // what leaks, leaks again.
    const std::int64_t now = LiveAllocations();
    if (n == 1) live = now;
    if (now > live && repeated != n) {
      repeated = n--;
      live = now;
      failed = true;
      continue;
    }
    EXPECT_LE(now, live) << "allocations have leaked";
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_LT(n, kMostAllocations) << "the call never does without";
  std::printf("%s: each of %llu allocations failed once\n",
              ::testing::UnitTest::GetInstance()->current_test_info()->name(),
              static_cast<unsigned long long>(n - 1));
}

inline void Nothing(World& /*world*/) {}
inline void DoneOrExhausted(World& /*world*/, belay_status status) {
  EXPECT_TRUE(status == BELAY_OK || status == BELAY_RESOURCE_EXHAUSTED) << status;
}
// A call that makes a handle makes it, or makes none.
template <typename Call>
void SweepMaking(Call call) {
  std::size_t before = 0;
  belay_handle made = 0;
  Sweep(
      [&](World& world) {
        before = world.CountHandles();
        made = 0;
      },
      [&](World& world) { return call(world, &made); },
      [&](World& world, belay_status status) {
        DoneOrExhausted(world, status);
        EXPECT_EQ(made != 0, status == BELAY_OK);
        EXPECT_EQ(world.CountHandles(), before + (status == BELAY_OK ? 1 : 0));
        belay_release(made);  // a pin would keep the broker from closing
      });
}

}  // namespace belay::model
