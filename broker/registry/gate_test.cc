// Gates: how many calls of one callback run at a time (R10).
#include "broker/registry/gate.h"

#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class GateTest : public RegistryTest {
 protected:
  Handle RegisterGated(Probe& probe, GateOptions gate) {
    CallbackSpec spec = probe.Spec("gated");
    spec.gate = gate;
    return *Registry::Register(alice_, std::move(spec));
  }
  // What the C ABI's invoke does with a gated callback.
  static base::Status CallGatedUntil(Handle handle, std::int64_t deadline_ns) {
    EXPECT_FALSE(CallPin(handle)) << "the short way must not pass a gate";
    return Registry::RunGated(handle, deadline_ns, [](Callback& callback) {
      callback.origin->target.function(callback.context, nullptr);
    });
  }
  static base::Status CallGated(Handle handle) { return CallGatedUntil(handle, 0); }
  static Gate& GateOf(Handle handle) {
    auto found = Registry::Find(handle, Kind::kCallback);
    return *static_cast<Callback&>(**found).extra.load()->gate;
  }
};

TEST_F(GateTest, R10_BeyondMaxConcurrencyACallIsRefusedByName) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1});
  BlockedCall inside(handle, probe, &CallGated);
  const base::Status refused = CallGated(handle);
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.reason(), "MAX_CONCURRENCY");
  EXPECT_NE(refused.message().find("\"gated\""), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find("max_concurrency is 1"), std::string::npos);
  const Outcome by_bytes = Registry::Invoke(handle, {});
  EXPECT_EQ(by_bytes.status.code(), Code::kResourceExhausted);
  EXPECT_EQ(by_bytes.certainty, Certainty::kNotSent);
  EXPECT_EQ(probe.calls.load(), 1);
  inside.Finish();
  EXPECT_TRUE(CallGated(handle).ok());
  EXPECT_TRUE(Registry::Invoke(handle, {}).status.ok());
  EXPECT_EQ(Registry::Describe(handle)->calls, 3U);
}

TEST_F(GateTest, R10_ThoseWhoWaitGetInOneByOneAndInOrder) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1, .on_full = OnFull::kWait});
  Gate& gate = GateOf(handle);
  BlockedCall inside(handle, probe, &CallGated);
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&, i] {
      EXPECT_TRUE(Registry::RunGated(handle, 0, [&](Callback&) {
                    EXPECT_EQ(probe.in_call.fetch_add(1), 0) << "R10: two at a time";
                    {
                      const std::lock_guard lock(mutex);
                      order.push_back(i);
                    }
                    probe.in_call.fetch_sub(1);
                  }).ok());
    });
    ASSERT_TRUE(Eventually([&] { return gate.waiting() == static_cast<std::size_t>(i) + 1; }));
  }
  inside.Finish();
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(GateTest, R10_AWaitEndsAtItsDeadlineAndTheNextGetsThePlace) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1, .on_full = OnFull::kWait});
  BlockedCall inside(handle, probe, &CallGated);
  const base::Status late = CallGatedUntil(handle, base::Clock::System().MonotonicNs() + 2'000'000);
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(GateOf(handle).waiting(), 0U);
  inside.Finish();
  EXPECT_TRUE(CallGated(handle).ok());
  EXPECT_EQ(probe.calls.load(), 2);
}

TEST_F(GateTest, R10_AnUnregisterWakesThoseWhoWait) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1, .on_full = OnFull::kWait});
  BlockedCall inside(handle, probe, &CallGated);
  base::Status told;
  std::thread waiter([&] { told = CallGated(handle); });
  ASSERT_TRUE(Eventually([&] { return GateOf(handle).waiting() == 1; }));
  ASSERT_TRUE(Registry::Unregister(handle, Code::kRevoked).ok());
  waiter.join();
  EXPECT_EQ(told.code(), Code::kRevoked);
  EXPECT_EQ(probe.releases.load(), 0) << "R5: the first call still runs";
  inside.Finish();
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_EQ(probe.calls.load(), 1);
}

TEST_F(GateTest, R10_TheLastReleaseWakesThoseWhoWait) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1, .on_full = OnFull::kWait});
  BlockedCall inside(handle, probe, &CallGated);
  base::Status told;
  std::thread waiter([&] { told = CallGated(handle); });
  ASSERT_TRUE(Eventually([&] { return GateOf(handle).waiting() == 1; }));
  ASSERT_TRUE(Registry::Release(handle).ok());
  waiter.join();
  EXPECT_EQ(told.code(), Code::kStale);
  EXPECT_NE(told.message().find("no references left"), std::string::npos) << told.message();
  inside.Finish();
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_EQ(probe.calls.load(), 1);
}

TEST_F(GateTest, R7_WaitingForItselfIsAnError) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1, .on_full = OnFull::kWait});
  Code inside = Code::kOk;
  Code drain = Code::kOk;
  probe.body = [&] {
    inside = CodeOf(CallGated(handle));
    ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    drain = CodeOf(Registry::Drain(handle, kPatienceNs));
  };
  EXPECT_TRUE(CallGated(handle).ok());
  EXPECT_EQ(inside, Code::kWouldDeadlock);
  EXPECT_EQ(drain, Code::kWouldDeadlock);
}

TEST_F(GateTest, R10_OnceIsOneCallAmongManyAndTheEndOfTheCallback) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 50; ++round) {
    Probe& probe = NewProbe();
    const Handle handle = RegisterGated(probe, {.once = true});
    Event start;
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        EXPECT_TRUE(start.Wait());
        const base::Status status = CallGated(handle);
        if (status.ok()) {
          ++ran;
        } else {
          EXPECT_EQ(status.code(), Code::kFailedPrecondition) << status.ToString();
          EXPECT_EQ(status.reason(), "ALREADY_CALLED");
        }
      });
    }
    start.Set();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(ran.load(), 1);
    EXPECT_EQ(probe.calls.load(), 1);
    ASSERT_TRUE(probe.released.Wait()) << "it unregisters itself";
  }
}

TEST(GateAloneTest, R10_AClosedGateLetsNobodyIn) {
  Gate gate({.max_concurrency = 2}, "gated");
  EXPECT_TRUE(gate.Enter(Gate::Caller::kOutside, 0).ok());
  EXPECT_TRUE(gate.Begin().ok()) << "not for one call only";
  EXPECT_TRUE(gate.Begin().ok());
  gate.Close();
  EXPECT_EQ(gate.Enter(Gate::Caller::kOutside, 0).code(), Code::kUnregistered);
  gate.Leave();
}

TEST_F(GateTest, R9_AThrowingCallLeavesTheGate) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1});
  probe.body = [] { throw 7; };
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(CodeOf(Registry::Invoke(handle, {}).status), Code::kCallbackFailed);
  EXPECT_EQ(Registry::Describe(handle)->failures, 3U);
}

TEST_F(GateTest, R13_AChildForkedInsideAGatedCallReturnsFromItAndCountsNothing) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterGated(probe, {.max_concurrency = 1});
  const Ref<Object> callback = *Registry::Find(handle, Kind::kCallback);
  pid_t child = -1;
  probe.body = [&] { child = ::fork(); };
  EXPECT_TRUE(CallGated(handle).ok());
  if (child == 0) ::_exit(static_cast<Callback&>(*callback).in_flight() == 1 ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 0U);
}

TEST_F(GateTest, R9_AGateIsNoWayAroundTheDepth) {
  const Handle gated = RegisterGated(NewProbe(), {.max_concurrency = 1});
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Code deepest = Code::kOk;
  probe.body = [&] {
    if (Call(handle).code() == Code::kRecursionLimit) deepest = CallGated(gated).code();
  };
  EXPECT_TRUE(Call(handle).ok());
  EXPECT_EQ(deepest, Code::kRecursionLimit);
}

TEST_F(GateTest, R10_WhatRunsInAnotherProcessDoesNotRunOnItsCaller) {
  CallbackSpec spec;
  spec.target.start = [](void*, std::unique_ptr<AsyncCall>) {};
  EXPECT_FALSE(Registry::IsGatedInline(*Registry::Register(alice_, std::move(spec))));
  EXPECT_TRUE(Registry::IsGatedInline(RegisterGated(NewProbe(), {.max_concurrency = 1})));
  EXPECT_FALSE(Registry::IsGatedInline(Register(alice_, NewProbe())));
}

}  // namespace
}  // namespace belay::registry
