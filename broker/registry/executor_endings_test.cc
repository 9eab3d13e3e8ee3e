// Ends that come while executors have work: drops, cancellations, suspensions, lost handles (R3, R5, R7, R18).
#include <array>
#include <vector>

#include "broker/registry/executor_objects.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class ExecutorEndingsTest : public RegistryTest {
 protected:
  void SetUp() override {
    RegistryTest::SetUp();
    queue_ = *OpenQueue(bob_, {.name = "ui"});
  }
  QueueObject& Queue() { return static_cast<QueueObject&>(**Registry::Find(queue_, Kind::kQueue)); }
  // Takes what there is, and finishes it.
  Polled::Why PollSome(std::int64_t timeout_ns) {
    std::array<HostEvent, 64> events;
    const Polled polled = Queue().Poll(queue_, events, timeout_ns);
    for (std::size_t i = 0; i < polled.count; ++i)
      EXPECT_TRUE(FinishEvent(queue_, events[i].id, [](AsyncCall&) { return Outcome{}; }).ok());
    return polled.why;
  }

  Handle queue_ = 0;
};

TEST_F(ExecutorEndingsTest, R3_WhatIsDroppedBeforeItsCallReturnsIsNotReleasedOnThePool) {
  Probe& probe = NewProbe();
  Hold hold(probe);
  const Handle handle = RegisterOn(*PoolOf(alice_), probe, alice_);
  std::thread caller([&] { (void)Registry::Invoke(handle, {}); });
  EXPECT_TRUE(hold.WaitEntered());
  EXPECT_TRUE(Registry::DetachOwner(alice_, Registry::Contexts::kDrop).ok());
  hold.LetGo();
  caller.join();
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  EXPECT_EQ(probe.releases.load(), 0);
}

TEST_F(ExecutorEndingsTest, R3_WhatIsDroppedIsNotHandedToAHost) {
  Probe& probe = NewProbe();
  (void)RegisterOn(*FindExecutor(queue_), probe, alice_);
  EXPECT_TRUE(Registry::DetachOwner(alice_, Registry::Contexts::kDrop).ok());
  ASSERT_TRUE(Eventually([&] { return Queue().queue().stats().queued.releases == 1; }));
  EXPECT_EQ(PollSome(0), Polled::Why::kTimeout);
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  EXPECT_EQ(probe.releases.load(), 0);
}

TEST_F(ExecutorEndingsTest, R10_APollWaitsOnIfAllItGotHadEnded) {
  const Handle handle = RegisterOn(*FindExecutor(queue_), NewProbe(), alice_);
  int ends = 0;
  auto call = std::make_unique<AsyncCall>(Request{}, [&](const Outcome&) { ++ends; });
  const std::uint64_t id = call->id();
  ASSERT_TRUE(Registry::SubmitCall(handle, call).ok());
  ASSERT_TRUE(AsyncCall::CancelById(id, Cancel::kForget).ok());
  EXPECT_EQ(PollSome(1'000'000), Polled::Why::kTimeout);
  EXPECT_EQ(ends, 1) << "R18";
}

TEST_F(ExecutorEndingsTest, R18_ACallWithoutACompletionCanBeCancelled) {
  const Handle handle = RegisterOn(*FindExecutor(queue_), NewProbe(), alice_);
  auto call = std::make_unique<AsyncCall>(Request{}, nullptr);
  const std::uint64_t id = call->id();
  ASSERT_TRUE(Registry::SubmitCall(handle, call).ok());
  EXPECT_TRUE(AsyncCall::CancelById(id, Cancel::kForget).ok());
  EXPECT_EQ(CodeOf(AsyncCall::CancelById(id, Cancel::kForget)), Code::kNotFound);
  EXPECT_EQ(PollSome(0), Polled::Why::kTimeout);
}

TEST_F(ExecutorEndingsTest, R18_AClosedQueueAbandonsItsOwnCallsOnly) {
  const Handle other = *OpenQueue(bob_, {.name = "other"});
  const Handle mine = RegisterOn(*FindExecutor(queue_), NewProbe(), alice_);
  const Handle theirs = RegisterOn(*FindExecutor(other), NewProbe(), alice_);
  std::array<std::vector<Code>, 2> ends;
  std::array<Event, 2> ended;
  std::array<std::uint64_t, 2> ids{};
  for (std::size_t i = 0; i < 2; ++i) {
    auto call = std::make_unique<AsyncCall>(Request{}, [&, i](const Outcome& outcome) {
      ends[i].push_back(outcome.status.code());
      ended[i].Set();
    });
    ASSERT_TRUE(Registry::SubmitCall(i == 0 ? mine : theirs, call).ok());
    auto found = Registry::Find(i == 0 ? queue_ : other, Kind::kQueue);
    std::array<HostEvent, 1> event;
    ASSERT_EQ(static_cast<QueueObject&>(**found).Poll(i == 0 ? queue_ : other, event, 0).count, 1U);
    ids[i] = event[0].id;
  }
  ASSERT_TRUE(Registry::Release(queue_).ok());
  EXPECT_TRUE(ended[0].Wait());
  EXPECT_EQ(ends[0], std::vector<Code>{Code::kAbandoned});
  EXPECT_TRUE(ends[1].empty());
  EXPECT_TRUE(FinishEvent(other, ids[1], [](AsyncCall&) { return Outcome{}; }).ok());
  EXPECT_EQ(ends[1], std::vector<Code>{Code::kOk});
  EXPECT_TRUE(FinishEvent(queue_, ids[0], [](AsyncCall&) { return Outcome{}; }).ok());
  EXPECT_EQ(ends[0].size(), 1U);
}

// Its host has not finished it, but its caller has been told already.
TEST_F(ExecutorEndingsTest, R18_AClosedQueueLeavesACancelledCallAsItIs) {
  const Handle handle = RegisterOn(*FindExecutor(queue_), NewProbe(), alice_);
  std::vector<Code> ends;
  auto call = std::make_unique<AsyncCall>(
      Request{}, [&](const Outcome& outcome) { ends.push_back(outcome.status.code()); });
  const std::uint64_t id = call->id();
  ASSERT_TRUE(Registry::SubmitCall(handle, call).ok());
  std::array<HostEvent, 1> event;
  ASSERT_EQ(Queue().Poll(queue_, event, 0).count, 1U);
  ASSERT_TRUE(AsyncCall::CancelById(id, Cancel::kForget).ok());
  AsyncCall::AbandonAll(queue_);
  EXPECT_EQ(ends, std::vector<Code>{Code::kCancelled});
  EXPECT_TRUE(FinishEvent(queue_, id, [](AsyncCall&) { return Outcome{}; }).ok());
  EXPECT_EQ(ends.size(), 1U);
}

TEST_F(ExecutorEndingsTest, R18_ACancelledCallThatItsHostDropsIsNoLongerInFlight) {
  std::unique_ptr<AsyncCall> kept;
  CallbackSpec spec;
  spec.target.start = [](void* context, std::unique_ptr<AsyncCall> call) {
    *static_cast<std::unique_ptr<AsyncCall>*>(context) = std::move(call);
  };
  spec.context = OwnedContext(&kept, nullptr);
  const Handle handle = *Registry::Register(alice_, std::move(spec));
  std::vector<Code> ends;
  Registry::InvokeAsync(handle, {},
                        [&](const Outcome& outcome) { ends.push_back(outcome.status.code()); });
  ASSERT_TRUE(AsyncCall::CancelById(kept->id(), Cancel::kForget).ok());
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 1U) << "R5: the host may be running it";
  kept.reset();
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 0U);
  EXPECT_EQ(ends, std::vector<Code>{Code::kCancelled});
}

TEST_F(ExecutorEndingsTest, R5_ACallbackWithoutAReleaseFunctionDrainsWhenItsQueueIsPolled) {
  CallbackSpec spec;
  spec.target.function = &Probe::Run;
  spec.context = OwnedContext(&NewProbe(), nullptr);
  const ExecutorRef queue = *FindExecutor(queue_);
  spec.executor = queue.executor;
  spec.executor_keeper = queue.keeper;
  const Handle handle = *Registry::Register(alice_, std::move(spec));
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(PollSome(0), Polled::Why::kTimeout) << "there is nothing to run";
    return Registry::Drain(handle, 0).ok();
  }));
}

TEST_F(ExecutorEndingsTest, R10_ACallThatItsQueueRefusesLeavesItsGate) {
  const Handle small = *OpenQueue(bob_, {.name = "small", .max_calls = 1});
  const Handle handle =
      RegisterOn(*FindExecutor(small), NewProbe(), alice_, {.max_concurrency = 2});
  const auto submit = [&] {
    auto call = std::make_unique<AsyncCall>(Request{}, nullptr);
    return Registry::SubmitCall(handle, call);
  };
  ASSERT_TRUE(submit().ok());
  for (int i = 0; i < 3; ++i) {
    const base::Status refused = submit();
    EXPECT_EQ(refused.code(), Code::kResourceExhausted);
    EXPECT_NE(refused.message().find("queue 'small'"), std::string::npos)
        << "not the gate: " << refused.message();
  }
}

TEST_F(ExecutorEndingsTest, R3_WhatIsDroppedWithAnOwnerIsThatOwnersAlone) {
  Probe& theirs = NewProbe();
  Probe& mine = NewProbe();
  const Handle kept = Register(bob_, theirs);
  const Handle dropped = Register(alice_, mine);
  BlockedCall their_call(kept, theirs);
  BlockedCall my_call(dropped, mine);
  ASSERT_TRUE(Registry::Unregister(kept, Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Unregister(dropped, Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::DetachOwner(alice_, Registry::Contexts::kDrop).ok());
  my_call.Finish();
  their_call.Finish();
  EXPECT_TRUE(theirs.released.Wait());
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  EXPECT_EQ(mine.releases.load(), 0);
}

class SuspendEndingsTest : public RegistryTest {};

TEST_F(SuspendEndingsTest, R16_ASuspendNeedsTheRight) {
  const Handle handle = Register(alice_, NewProbe());
  const Handle narrow = *Registry::Retain(handle, 0, kRightInvoke);
  EXPECT_EQ(CodeOf(Registry::Suspend(narrow, 0)), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf(Registry::Resume(narrow)), Code::kPermissionDenied);
}

TEST_F(SuspendEndingsTest, R7_ASuspendWaitsForPinsToo) {
  const Handle handle = *Registry::Register(alice_, NewProbe().TypedSpec("i64(i64)"));
  const auto pinned = Registry::PinTyped(handle, "i64(i64)");
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(CodeOf(Registry::Suspend(handle, 0)), Code::kDeadlineExceeded);
  EXPECT_EQ(Registry::Describe(handle)->state, State::kLive) << "rolled back";
  EXPECT_TRUE(Registry::Release(pinned->pin).ok());
  EXPECT_TRUE(Registry::Suspend(handle, kPatienceNs).ok());
}

TEST_F(SuspendEndingsTest, R7_ASuspendThatTimesOutUndoesNothingThatOthersDid) {
  constexpr std::int64_t kTimeoutNs = 3'600'000'000'000;
  base::VirtualClock clock;
  RegistryOptions options;
  options.clock = &clock;
  const Ref<Registry> registry = *Registry::Open(std::move(options));
  Probe& probe = NewProbe();
  const Handle handle = Register(registry->handle(), probe);
  {
    BlockedCall blocked(handle, probe);
    Code told = Code::kOk;
    std::thread suspending([&] { told = CodeOf(Registry::Suspend(handle, kTimeoutNs)); });
    EXPECT_TRUE(Eventually([&] { return Registry::Describe(handle)->state == State::kSuspended; }));
    EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    clock.AdvanceNs(kTimeoutNs);
    HandleTable::Get().Poke();  // whoever waits looks at the clock again
    suspending.join();
    EXPECT_EQ(told, Code::kDeadlineExceeded);
    EXPECT_EQ(Registry::Describe(handle)->state, State::kDraining);
  }
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

}  // namespace
}  // namespace belay::registry
