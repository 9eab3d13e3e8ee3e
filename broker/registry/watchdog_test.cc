// Calls that run for long are seen, without a clock on their way (R7, R15).
#include <thread>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

constexpr std::int64_t kSecondNs = 1'000'000'000;

class WatchdogTest : public RegistryTest {
 protected:
  // Another registry, by whose clock a test ages its calls.
  Ref<Registry> Watched(std::int64_t stuck_after_ns) {
    RegistryOptions options;
    options.clock = &clock_;
    options.stuck_after_ns = stuck_after_ns;
    options.log = [this](LogLevel, std::string_view text) {
      warned_ = text;
      told_.Set();
    };
    return *Registry::Open(std::move(options));
  }

  base::VirtualClock clock_;
  Event told_;
  std::string warned_;  // read after told_
};

TEST_F(WatchdogTest, R15_ACallIsAsOldAsTheTimeSinceItWasFirstSeen) {
  const Ref<Registry> registry = Watched(0);
  Probe& probe = NewProbe();
  const Handle owner = *registry->OpenOwner("carol");
  const Handle handle = Register(owner, probe, "slow");
  EXPECT_TRUE(registry->RunningCalls(0).empty());
  {
    BlockedCall call(handle, probe);
    clock_.AdvanceNs(5 * kSecondNs);
    ASSERT_EQ(registry->RunningCalls(0).size(), 1U);
    EXPECT_EQ(registry->RunningCalls(0)[0].age_ns, 0) << "nobody had looked before: a lower bound";
    clock_.AdvanceNs(3 * kSecondNs);
    const auto calls = registry->RunningCalls(2 * kSecondNs);
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_EQ(calls[0].age_ns, 3 * kSecondNs);
    EXPECT_EQ(calls[0].handle, handle);
    EXPECT_EQ(calls[0].label, "slow");
    EXPECT_EQ(calls[0].site, "here.cc:1");
    EXPECT_EQ(calls[0].owner_name, "carol");
    EXPECT_EQ(calls[0].holder_name, "carol");
    EXPECT_EQ(calls[0].depth, 0U);
    EXPECT_NE(calls[0].thread_id, 0);
    EXPECT_TRUE(registry->RunningCalls(4 * kSecondNs).empty());
    EXPECT_TRUE(registry_->RunningCalls(0).empty()) << "another registry's";
    EXPECT_EQ(Registry::Describe(handle)->longest_running_ns, 3 * kSecondNs);
    EXPECT_EQ(Registry::Describe(handle)->stuck, 0U) << "nobody wants to know";
    EXPECT_TRUE(Registry::Release(handle).ok());
    ASSERT_EQ(registry->RunningCalls(0).size(), 1U) << "through a handle that is gone";
    EXPECT_EQ(registry->RunningCalls(0)[0].holder_name, "");
  }
  EXPECT_TRUE(registry->RunningCalls(0).empty());
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(WatchdogTest, R15_TheNextCallOnTheSameThreadIsAnother) {
  const Ref<Registry> registry = Watched(0);
  Probe& probe = NewProbe();
  const Handle handle = Register(registry->handle(), probe);
  std::int64_t age_ns = -1;
  probe.body = [&] {
    clock_.AdvanceNs(kSecondNs);
    age_ns = registry->RunningCalls(0).at(0).age_ns;
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Call(handle).ok());
    EXPECT_EQ(age_ns, 0);
  }
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(WatchdogTest, R15_NestedCallsAreToldWithTheirDepth) {
  Probe& outer = NewProbe();
  Probe& inner = NewProbe();
  const Handle inner_handle = Register(alice_, inner, "inner");
  const Handle outer_handle = Register(alice_, outer, "outer");
  outer.body = [&] { EXPECT_TRUE(Call(inner_handle).ok()); };
  inner.body = [&] {
    const auto calls = registry_->RunningCalls(0);
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0].label, "outer");
    EXPECT_EQ(calls[0].depth, 0U);
    EXPECT_EQ(calls[1].label, "inner");
    EXPECT_EQ(calls[1].depth, 1U);
    EXPECT_EQ(calls[0].thread_id, calls[1].thread_id);
  };
  EXPECT_TRUE(Call(outer_handle).ok());
  EXPECT_EQ(inner.calls.load(), 1);
}

TEST_F(WatchdogTest, R15_AStuckCallIsToldToTheLogOnceAndCounted) {
  const Ref<Registry> registry = Watched(20'000'000);
  Probe& probe = NewProbe();
  const Handle handle = Register(registry->handle(), probe, "hangs");
  {
    BlockedCall call(handle, probe);
    (void)registry->RunningCalls(0);
    clock_.AdvanceNs(7 * kSecondNs);
    ASSERT_TRUE(told_.Wait());
    EXPECT_NE(warned_.find("callback \"hangs\""), std::string::npos) << warned_;
    EXPECT_NE(warned_.find("at least 7.0 s on thread "), std::string::npos) << warned_;
    EXPECT_EQ(Registry::Describe(handle)->stuck, 1U);
  }
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(WatchdogTest, R15_AStuckCallOfAnotherRegistryIsNotToldNorCounted) {
  const Ref<Registry> registry = Watched(20'000'000);
  Probe& probe = NewProbe();
  CallbackSpec spec = probe.Spec("hangs");
  spec.site = {};
  const Handle handle = *Registry::Register(registry->handle(), std::move(spec));
  Probe& others = NewProbe();
  BlockedCall elsewhere(Register(alice_, others, "elsewhere"), others);
  (void)registry->RunningCalls(0);  // it is the older one, and would be told first
  clock_.AdvanceNs(kSecondNs);
  {
    BlockedCall call(handle, probe);
    (void)registry->RunningCalls(0);
    clock_.AdvanceNs(7 * kSecondNs);
    ASSERT_TRUE(told_.Wait());
    EXPECT_NE(warned_.find("callback \"hangs\""), std::string::npos) << warned_;
    EXPECT_EQ(warned_.find("registered at"), std::string::npos) << "nobody said where";
    EXPECT_EQ(Registry::Describe(handle)->longest_running_ns, 7 * kSecondNs);
    EXPECT_EQ(Registry::Describe(handle)->stuck, 1U);
  }
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(WatchdogTest, R15_EachCallIsTakenForTellingOnceAndNotTooYoung) {
  Probe& probe = NewProbe();
  BlockedCall call(Register(alice_, probe), probe);
  Watchdog watchdog;
  watchdog.Look(HandleTable::Get(), 1 * kSecondNs);
  EXPECT_TRUE(watchdog.TakeUnreported(2 * kSecondNs, 3 * kSecondNs).empty());
  EXPECT_EQ(watchdog.TakeUnreported(4 * kSecondNs, 3 * kSecondNs).size(), 1U);
  EXPECT_TRUE(watchdog.TakeUnreported(5 * kSecondNs, 3 * kSecondNs).empty());
  watchdog.Look(HandleTable::Get(), 6 * kSecondNs);
  EXPECT_TRUE(watchdog.TakeUnreported(7 * kSecondNs, 3 * kSecondNs).empty()) << "it is the same";
}

TEST_F(WatchdogTest, R7_ADrainThatTimesOutListsEachOfItsCalls) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  std::atomic<int> entered{0};
  Event both;
  Event go;
  probe.body = [&] {
    if (++entered == 2) both.Set();
    EXPECT_TRUE(go.Wait());
  };
  const auto call = [&] { EXPECT_TRUE(Call(handle).ok()); };
  std::thread first(call);
  std::thread second(call);
  EXPECT_TRUE(both.Wait());
  EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  const std::string text = Registry::Drain(handle, 0).message();
  go.Set();
  first.join();
  second.join();
  EXPECT_NE(text.find("2 calls in flight and 0 pins held: on thread "), std::string::npos) << text;
  EXPECT_NE(text.find("s, on thread "), std::string::npos) << text;
}

TEST_F(WatchdogTest, R7_ADrainThatTimesOutListsTheCallsStillRunning) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle other = Register(alice_, NewProbe());
  BlockedCall call(handle, probe);
  const auto expect_listed = [&](const base::Status& status) {
    EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
    const std::string thread = std::to_string(registry_->RunningCalls(0).at(0).thread_id);
    EXPECT_NE(status.message().find("1 calls in flight and 0 pins held: on thread " + thread +
                                    " for at least 0."),
              std::string::npos)
        << status.message();
  };
  expect_listed(Registry::Suspend(handle, 1'000'000));
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  expect_listed(Registry::Drain(handle, 1'000'000));
  ASSERT_TRUE(Registry::Unregister(other, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(other, kPatienceNs).ok());
}

}  // namespace
}  // namespace belay::registry
