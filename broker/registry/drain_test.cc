// Waiting for a callback's calls and its release function, and being told of their end (R7).
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

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

TEST_F(RegistryTest, R7_ADrainOfManyIsOverWhenTheLastOfThemIs) {
  RegistryOptions options;
  options.name = "second";
  const Ref<Registry> second = *Registry::Open(std::move(options));
  std::vector<Handle> handles;
  for (int i = 0; i < 200; ++i)
    handles.push_back(Register(i % 3 == 0 ? second->handle() : alice_, NewProbe()));
  Probe& held = NewProbe();
  handles[77] = Register(alice_, held, "held");
  {
    const BlockedCall call(handles[77], held);
    for (const Handle handle : handles)
      ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    std::vector<Handle> others = handles;
    std::erase(others, handles[77]);
    ASSERT_TRUE(Registry::Drain(others, kPatienceNs).ok());
    const base::Status status = Registry::Drain(handles, 1'000'000);
    EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
    EXPECT_NE(status.message().find("\"held\""), std::string::npos) << status.message();
    EXPECT_EQ(held.releases.load(), 0);
  }
  EXPECT_TRUE(Registry::Drain(handles, kPatienceNs).ok());
  for (const Handle handle : handles)
    EXPECT_EQ(Registry::Describe(handle)->state, State::kReleased);
  EXPECT_TRUE(second->Close(kPatienceNs).ok());
}

TEST_F(RegistryTest, R7_ADrainOfManyIsRefusedForAnyOfThem) {
  const Handle live = Register(alice_, NewProbe(), "live");
  const Handle ended = Register(alice_, NewProbe());
  const Handle released = Register(alice_, NewProbe());
  ASSERT_TRUE(Registry::Unregister(ended, Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Release(released).ok());
  const auto drain = [](std::vector<Handle> handles) {
    return Registry::Drain(handles, kPatienceNs);
  };
  EXPECT_EQ(drain({live, ended}).code(), Code::kFailedPrecondition);
  EXPECT_EQ(drain({ended, released}).code(), Code::kStale);
  EXPECT_EQ(drain({ended, alice_}).code(), Code::kWrongKind);
  EXPECT_TRUE(drain({ended, ended}).ok());
  EXPECT_TRUE(drain({}).ok());
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

}  // namespace
}  // namespace belay::registry
