// When release functions run (R5, R6), waiting for them (R7), and what they may do (R8).
#include <algorithm>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

// --- R5 ---------------------------------------------------------------------------------------------

TEST_F(RegistryTest, R5_TheReleaseFunctionFollowsTheLastCallInFlight) {
  Probe& probe = NewProbe();
  const Handle first = Register(alice_, probe);
  const Handle second = *Registry::Retain(first, bob_, 0);
  BlockedCall call(first, probe);
  ASSERT_TRUE(Registry::Release(first).ok());
  ASSERT_TRUE(Registry::Release(second).ok());
  // Rounds of the reaper with the call in flight: each of these releases has made one.
  for (int i = 0; i < 20; ++i) {
    Probe& other = NewProbe();
    ASSERT_TRUE(Registry::Release(Register(alice_, other)).ok());
    ASSERT_TRUE(other.released.Wait());
    ASSERT_EQ(probe.releases.load(), 0);
  }
  call.Finish();
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R5_ACallThroughOneHandleHoldsOffTheReleaseThroughAll) {
  Probe& probe = NewProbe();
  const Handle own = Register(alice_, probe);
  const Handle borrowed = *Registry::Retain(own, bob_, 0);
  BlockedCall call(borrowed, probe);
  ASSERT_TRUE(Registry::Unregister(own, Code::kUnregistered).ok());
  EXPECT_EQ(CodeOf(Registry::Drain(own, 1'000'000)), Code::kDeadlineExceeded);
  EXPECT_EQ(probe.releases.load(), 0);
  call.Finish();
  EXPECT_TRUE(Registry::Drain(own, kPatienceNs).ok());
  EXPECT_EQ(probe.releases.load(), 1);
}

TEST_F(RegistryTest, R5_ReleasingInsideTheRunningCallIsLegal) {
  for (const int way : {0, 1, 2}) {
    Probe& probe = NewProbe();
    const Handle owner = Owner("self");
    Handle handle = 0;
    probe.body = [&] {
      if (way == 0) {
        EXPECT_TRUE(Registry::Release(handle).ok());
      } else if (way == 1) {
        EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
      } else {
        EXPECT_TRUE(Registry::CloseOwner(owner).ok());
      }
      EXPECT_EQ(probe.releases.load(), 0);
    };
    handle = Register(owner, probe);
    EXPECT_TRUE(Call(handle).ok());
    EXPECT_TRUE(probe.released.Wait());
    EXPECT_EQ(probe.calls.load(), 1);
  }
}

TEST_F(RegistryTest, R5_AThreadThatExitsInsideACallIsOutOfIt) {
  // pthread_exit from a callback: also a thread that had entered more than one call.
  Probe& inner = NewProbe();
  Probe& outer = NewProbe();
  const Handle inner_handle = Register(alice_, inner);
  const Handle outer_handle = Register(alice_, outer);
  inner.body = [] { pthread_exit(nullptr); };
  outer.body = [&] { (void)Call(inner_handle); };
  pthread_t thread;
  Handle handle = outer_handle;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* h) -> void* {
                  (void)Call(*static_cast<Handle*>(h));
                  return nullptr;
                },
                &handle),
            0);
  pthread_join(thread, nullptr);
  ASSERT_TRUE(Registry::Release(inner_handle).ok());
  ASSERT_TRUE(Registry::Release(outer_handle).ok());
  EXPECT_TRUE(inner.released.Wait());
  EXPECT_TRUE(outer.released.Wait());
}

// --- R6 ---------------------------------------------------------------------------------------------

TEST_F(RegistryTest, R6_TheReleaseFunctionRunsPromptlyWithoutAFurtherCall) {
  std::vector<std::chrono::nanoseconds> took;
  for (int i = 0; i < 101; ++i) {
    Probe& probe = NewProbe();
    const Handle handle = Register(alice_, probe);
    ASSERT_TRUE(Call(handle).ok());
    const auto start = Clock::now();
    ASSERT_TRUE(Registry::Release(handle).ok());
    ASSERT_TRUE(probe.released.Wait());
    took.push_back(Clock::now() - start);
  }
  std::sort(took.begin(), took.end());
  RecordProperty("median_us", static_cast<int>(took[50].count() / 1000));
  EXPECT_LT(took[50], std::chrono::milliseconds(50));
}

TEST_F(RegistryTest, R6_TheEndOfTheLastCallWakesTheReaper) {
  // The end of a call is all that happens in the process: no further call into the library and no end of
  // a thread. A lost wake-up hangs here. The call ends before, while, or after the handle is released.
  std::atomic<Handle> next{0};
  std::atomic<bool> stop{false};
  std::atomic<bool> entered{false};
  std::atomic<int> length{0};
  std::thread caller([&] {
    while (!stop.load()) {
      if (const Handle handle = next.exchange(0); handle != 0) {
        EXPECT_TRUE(Call(handle).ok());
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    Probe& probe = NewProbe();
    probe.body = [&] {
      entered.store(true);
      for (int spin = length.load(); spin > 0; --spin)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      if (length.load() < 0) {  // longer than any round of the reaper
        while (entered.load()) std::this_thread::yield();
      }
    };
    const Handle handle = Register(alice_, probe);
    length.store(round % 10 == 0 ? -1 : round % 97 * 20);
    next.store(handle);
    while (!entered.load()) std::this_thread::yield();
    EXPECT_TRUE(Registry::Release(handle).ok());
    if (round % 10 == 0) {  // a round of the reaper that finds the call
      Probe& other = NewProbe();
      EXPECT_TRUE(Registry::Release(Register(bob_, other)).ok());
      EXPECT_TRUE(other.released.Wait());
    }
    entered.store(false);
    EXPECT_TRUE(probe.released.Wait()) << "round " << round;
  }
  stop.store(true);
  caller.join();
}

TEST_F(RegistryTest, R6_CallersOfARefusedHandleDoNotHoldOffItsRelease) {
  // Threads that go on calling and asking about what was unregistered show hazards nearly all the time.
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  std::atomic<bool> stop{false};
  std::atomic<int> running{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      running.fetch_add(1);
      while (!stop.load()) {
        if (i % 2 == 0) (void)Call(handle);
        if (i % 2 == 1) (void)Registry::Describe(handle);
      }
    });
  }
  while (running.load() < 6) std::this_thread::yield();
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  const auto start = Clock::now();
  EXPECT_TRUE(probe.released.Wait());
  const auto took = Clock::now() - start;
  RecordProperty(
      "release_ms",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  // And the handle's slot comes free although it is still being called, too.
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(took, std::chrono::seconds(2));
}

// --- R7 ---------------------------------------------------------------------------------------------

TEST_F(RegistryTest, R7_DrainWaitsForTheReleaseFunction) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Event unregistered;
  probe.on_release = [&] { EXPECT_TRUE(unregistered.Wait()); };
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_EQ(CodeOf(Registry::Drain(handle, 0)), Code::kDeadlineExceeded);
  unregistered.Set();
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_EQ(probe.releases.load(), 1);
  EXPECT_TRUE(Registry::Drain(handle, 0).ok()) << "drained for good";
}

TEST_F(RegistryTest, R7_ADrainThatTimesOutCountsWhatStillRuns) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe, "sums");
  const BlockedCall call(handle, probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  const base::Status status = Registry::Drain(handle, 1'000'000);
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_NE(status.message().find("\"sums\""), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("1 calls in flight and 0 pins"), std::string::npos)
      << status.message();
}

TEST_F(RegistryTest, R7_ALiveCallbackCannotBeDrained) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  EXPECT_EQ(CodeOf(Registry::Drain(handle, kPatienceNs)), Code::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Registry::NotifyDrained(
                handle, [](void*) { FAIL(); }, nullptr)),
            Code::kFailedPrecondition);
}

TEST_F(RegistryTest, R7_NoticesRunOnceWhenDrainedOrAtOnceAfterwards) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  struct Notice {
    explicit Notice(Probe* of) : probe(of) {}
    Probe* probe;
    std::atomic<int> runs{0};
    Event ran;
    static void Run(void* context) {
      auto* notice = static_cast<Notice*>(context);
      EXPECT_EQ(notice->probe->releases.load(), 1) << "told before the release function ran";
      notice->runs.fetch_add(1);
      notice->ran.Set();
    }
  };
  Notice before(&probe);
  Notice after(&probe);
  {
    const BlockedCall call(handle, probe);
    ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    ASSERT_TRUE(Registry::NotifyDrained(handle, &Notice::Run, &before).ok());
    EXPECT_FALSE(before.ran.is_set());
  }
  ASSERT_TRUE(before.ran.Wait());
  ASSERT_TRUE(Registry::NotifyDrained(handle, &Notice::Run, &after).ok());
  ASSERT_TRUE(after.ran.Wait());
  ASSERT_TRUE(registry_->Close(kPatienceNs).ok());
  EXPECT_EQ(before.runs.load(), 1);
  EXPECT_EQ(after.runs.load(), 1);
}

TEST_F(RegistryTest, R7_ADrainInsideTheCallItWouldWaitForIsAnError) {
  Probe& probe = NewProbe();
  Handle handle = 0;
  Code inside = Code::kOk;
  Code nested = Code::kOk;
  probe.body = [&] {
    ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    inside = CodeOf(Registry::Drain(handle, kPatienceNs));
    Probe& other = NewProbe();  // draining something else from here is fine
    const Handle another = Register(alice_, other);
    ASSERT_TRUE(Registry::Unregister(another, Code::kUnregistered).ok());
    EXPECT_TRUE(Registry::Drain(another, kPatienceNs).ok());
    // Deeper down the stack it is still this thread's call.
    Probe& deeper = NewProbe();
    deeper.body = [&] { nested = CodeOf(Registry::Drain(handle, kPatienceNs)); };
    const Handle deep = Register(bob_, deeper);
    EXPECT_TRUE(Call(deep).ok());
    ASSERT_TRUE(Registry::Unregister(deep, Code::kUnregistered).ok());
    EXPECT_TRUE(Registry::Drain(deep, kPatienceNs).ok());
  };
  handle = Register(alice_, probe);
  EXPECT_TRUE(Call(handle).ok());
  EXPECT_EQ(inside, Code::kWouldDeadlock);
  EXPECT_EQ(nested, Code::kWouldDeadlock);
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
}

TEST_F(RegistryTest, R7_ADrainInsideTheReleaseFunctionIsAnError) {
  Probe& probe = NewProbe();
  Probe& other = NewProbe();
  Code own = Code::kOk;
  Code others = Code::kOk;
  const Handle handle = Register(alice_, probe);
  const Handle other_handle = Register(alice_, other);
  probe.on_release = [&] {
    own = CodeOf(Registry::Drain(handle, kPatienceNs));
    EXPECT_TRUE(Registry::Unregister(other_handle, Code::kUnregistered).ok());
    others = CodeOf(
        Registry::Drain(other_handle, kPatienceNs));  // the same thread would have to release it
  };
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_EQ(own, Code::kWouldDeadlock);
  EXPECT_EQ(others, Code::kWouldDeadlock);
  EXPECT_TRUE(Registry::Drain(other_handle, kPatienceNs).ok());
}

TEST_F(RegistryTest, R7_DrainsOfManyThreadsAllReturn) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  BlockedCall call(handle, probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
      EXPECT_EQ(probe.releases.load(), 1);
    });
  }
  call.Finish();
  for (std::thread& thread : threads) thread.join();
}

// --- R8 ---------------------------------------------------------------------------------------------

// Every operation of the library, on callbacks of its own and on `self`.
void UseEverything(Registry& registry, Handle owner, Handle self) {
  Probe probe;
  Probe bad;
  const auto handle = Registry::Register(owner, probe.Spec("inner"));
  ASSERT_TRUE(handle.ok());
  EXPECT_FALSE(Registry::Register(0, bad.Spec()).ok());
  const auto retained = Registry::Retain(*handle, 0, 0);
  ASSERT_TRUE(retained.ok());
  EXPECT_TRUE(Call(*retained).ok());
  EXPECT_TRUE(Registry::Invoke(*handle, {}).status.ok());
  EXPECT_TRUE(Registry::Describe(*handle).ok());
  EXPECT_EQ(Registry::Holders(*handle).size(), 2U);
  std::uint64_t after = 0;
  EXPECT_FALSE(registry.List(&after, 1000).empty());
  (void)Registry::Describe(self);
  (void)Registry::Retain(self, 0, 0);
  (void)Registry::Unregister(self, Code::kUnregistered);
  EXPECT_TRUE(Registry::Release(*retained).ok());
  EXPECT_TRUE(Registry::Unregister(*handle, Code::kUnregistered).ok());
  Event drained;
  EXPECT_TRUE(Registry::NotifyDrained(
                  *handle, [](void* e) { static_cast<Event*>(e)->Set(); }, &drained)
                  .ok());
  const auto drain = Registry::Drain(*handle, kPatienceNs);
  EXPECT_TRUE(drain.ok() || drain.code() == Code::kWouldDeadlock);
  if (drain.ok()) {
    EXPECT_TRUE(drained.Wait());
  }
  const auto inner_owner = registry.OpenOwner("inner");
  ASSERT_TRUE(inner_owner.ok());
  EXPECT_TRUE(Registry::CloseOwner(*inner_owner).ok());
}

TEST_F(RegistryTest, R8_ACallbackMayCallEverything) {
  Probe& probe = NewProbe();
  Handle handle = 0;
  probe.body = [&] { UseEverything(*registry_, bob_, handle); };
  handle = Register(alice_, probe);
  EXPECT_TRUE(Call(handle).ok());
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R8_AReleaseFunctionMayCallEverythingButDrain) {
  Probe& probe = NewProbe();
  Probe& inner = NewProbe();
  Handle handle = 0;
  Handle inner_handle = 0;
  probe.on_release = [&] {
    inner_handle = Register(bob_, inner);
    EXPECT_TRUE(Call(inner_handle).ok());
    EXPECT_TRUE(Registry::Invoke(inner_handle, {}).status.ok());
    EXPECT_TRUE(Registry::Release(*Registry::Retain(inner_handle, 0, 0)).ok());
    EXPECT_TRUE(Registry::Describe(inner_handle).ok());
    std::uint64_t after = 0;
    EXPECT_FALSE(registry_->List(&after, 1000).empty());
    EXPECT_EQ(CodeOf(Call(handle)), Code::kUnregistered);
    EXPECT_TRUE(Registry::CloseOwner(*registry_->OpenOwner("inner")).ok());
    EXPECT_TRUE(Registry::Unregister(inner_handle, Code::kUnregistered).ok());
    EXPECT_EQ(CodeOf(Registry::Drain(inner_handle, kPatienceNs)), Code::kWouldDeadlock);
  };
  handle = Register(alice_, probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_TRUE(inner.released.Wait());
}

TEST_F(RegistryTest, R8_ABlockedCallbackBlocksNobody) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const BlockedCall call(handle, probe);
  UseEverything(*registry_, bob_, handle);
}

}  // namespace
}  // namespace belay::registry
