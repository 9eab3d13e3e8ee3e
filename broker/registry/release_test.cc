// When release functions run: after the last call (R5), and soon (R6).
#include <algorithm>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

TEST_F(RegistryTest, R5_TheReleaseFunctionFollowsTheLastCallInFlight) {
  Probe& probe = NewProbe();
  const Handle first = Register(alice_, probe);
  const Handle second = *Registry::Retain(first, bob_, 0);
  BlockedCall call(first, probe);
  ASSERT_TRUE(Registry::Release(first).ok());
  ASSERT_TRUE(Registry::Release(second).ok());
  // With the call in flight.
  for (int i = 0; i < 20; ++i) {
    WaitForARound();
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
    if (round % 10 == 0) WaitForARound();  // which finds the call
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

}  // namespace
}  // namespace belay::registry
