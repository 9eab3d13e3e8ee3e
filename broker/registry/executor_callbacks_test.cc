// Callbacks on executors: where they and their release functions run, and how their calls end (R5, R10, R18).
#include <array>
#include <vector>

#include "broker/registry/executor_objects.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

struct Answers {
  std::mutex mutex;
  std::vector<Outcome> outcomes;

  AsyncCall::Done Collect() {
    return [this](Outcome outcome) {
      const std::lock_guard lock(mutex);
      outcomes.push_back(std::move(outcome));
    };
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return outcomes.size();
  }
};

Request Bytes(std::string payload) {
  Request request;
  request.payload = std::move(payload);
  return request;
}

class ExecutorTest : public RegistryTest {
 protected:
  Handle RegisterOn(const ExecutorRef& executor, Probe& probe, Handle owner,
                    GateOptions gate = {}) {
    CallbackSpec spec = probe.Spec("elsewhere");
    spec.executor = executor.executor;
    spec.executor_keeper = executor.keeper;
    spec.gate = gate;
    auto handle = Registry::Register(owner, std::move(spec));
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    return *handle;
  }
  Handle RegisterOnQueue(Probe& probe, GateOptions gate = {}) {
    return RegisterOn(*FindExecutor(queue_), probe, alice_, gate);
  }
  void SetUp() override {
    RegistryTest::SetUp();
    queue_ = *OpenQueue(bob_, {.name = "ui", .max_calls = 4});
  }
  Ref<Object> Queue() { return *Registry::Find(queue_, Kind::kQueue); }
  static QueueObject& AsQueue(const Ref<Object>& object) {
    return static_cast<QueueObject&>(*object);
  }
  std::size_t Run(std::size_t most = 64) {
    const Ref<Object> object = Queue();
    return AsQueue(object).RunSome(most, 0).count;
  }
  // What a host is given now.
  std::vector<HostEvent> Poll() {
    const Ref<Object> object = Queue();
    std::array<HostEvent, 64> events;
    const Polled polled = AsQueue(object).Poll(queue_, events, 0);
    return {events.begin(), events.begin() + static_cast<std::ptrdiff_t>(polled.count)};
  }
  Status Finish(std::uint64_t id, Outcome outcome = {}) {
    return FinishEvent(queue_, id, [&](AsyncCall&) { return std::move(outcome); });
  }

  Handle queue_ = 0;
  Answers answers_;
};

TEST_F(ExecutorTest, R10_AQueuesCallbackRunsWhereItIsPolled) {
  Probe& probe = NewProbe();
  std::thread::id where;
  probe.body = [&] { where = std::this_thread::get_id(); };
  const Handle handle = RegisterOnQueue(probe);
  std::thread caller([&] {
    const Outcome outcome = Registry::Invoke(handle, Bytes("ping"));
    EXPECT_TRUE(outcome.status.ok());
    EXPECT_EQ(outcome.reply, "ping");
  });
  EXPECT_TRUE(Eventually([&] { return Run() != 0; }));
  caller.join();
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST_F(ExecutorTest, R10_AFullQueueRefusesBeforeAnythingBegins) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  for (int i = 0; i < 5; ++i) Registry::InvokeAsync(handle, {}, answers_.Collect());
  ASSERT_EQ(answers_.count(), 1U);
  EXPECT_EQ(answers_.outcomes[0].status.code(), Code::kResourceExhausted);
  EXPECT_NE(answers_.outcomes[0].status.message().find("queue 'ui' is full"), std::string::npos);
  EXPECT_EQ(answers_.outcomes[0].certainty, Certainty::kNotSent);
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 4U);
  EXPECT_EQ(Run(), 4U);
  EXPECT_EQ(probe.calls.load(), 4);
  EXPECT_EQ(Registry::Describe(handle)->calls, 4U) << "the refused one is none";
}

TEST_F(ExecutorTest, R5_TheReleaseFunctionRunsOnTheQueueBehindTheCalls) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  std::thread::id where;
  probe.on_release = [&] {
    where = std::this_thread::get_id();
    EXPECT_EQ(probe.calls.load(), 2);
  };
  for (int i = 0; i < 2; ++i) Registry::InvokeAsync(handle, {}, answers_.Collect());
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_TRUE(Eventually([&] { return Run(1), probe.releases.load() == 1; }));
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_EQ(answers_.count(), 2U);
}

TEST_F(ExecutorTest, R5_TheReleaseFunctionOfAPoolsCallbackRunsOnThePool) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOn(*PoolOf(alice_), probe, alice_);
  std::thread::id in_call;
  std::thread::id in_release;
  Code drain = Code::kOk;
  probe.body = [&] { in_call = std::this_thread::get_id(); };
  probe.on_release = [&] {
    in_release = std::this_thread::get_id();
    drain = CodeOf(Registry::Drain(handle, kPatienceNs));
  };
  EXPECT_TRUE(Registry::Invoke(handle, {}).status.ok());
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  ASSERT_TRUE(probe.released.Wait());
  EXPECT_NE(in_call, std::this_thread::get_id());
  EXPECT_NE(in_release, std::this_thread::get_id());
  EXPECT_EQ(drain, Code::kWouldDeadlock);
}

TEST_F(ExecutorTest, R7_ADrainFromInsideAnExecutorsThreadIsAnError) {
  Probe& probe = NewProbe();
  Handle handle = 0;
  Code drain = Code::kOk;
  Code close = Code::kOk;
  probe.body = [&] {
    ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    drain = CodeOf(Registry::Drain(handle, kPatienceNs));
    close = CodeOf(registry_->Close(kPatienceNs));
  };
  handle = RegisterOn(*PoolOf(alice_), probe, alice_);
  EXPECT_TRUE(Registry::Invoke(handle, {}).status.ok());
  EXPECT_EQ(drain, Code::kWouldDeadlock);
  EXPECT_EQ(close, Code::kWouldDeadlock);
  ASSERT_TRUE(probe.released.Wait()) << "the close goes on when the call has returned";
  std::uint64_t after = 0;
  EXPECT_TRUE(Eventually([&] { return after = 0, registry_->List(&after, 1).empty(); }));
}

TEST_F(ExecutorTest, R10_AStrandRunsOneAfterAnother) {
  const Handle strand = *OpenStrand(alice_, {.name = "serial"});
  Probe& probe = NewProbe();
  std::atomic<int> together{0};
  probe.body = [&] {
    EXPECT_EQ(together.fetch_add(1), 0);
    std::this_thread::yield();
    together.fetch_sub(1);
  };
  const Handle handle = RegisterOn(*FindExecutor(strand), probe, alice_);
  for (int i = 0; i < 200; ++i) Registry::InvokeAsync(handle, {}, answers_.Collect());
  EXPECT_TRUE(Eventually([&] { return answers_.count() == 200; }));
  EXPECT_EQ(probe.calls.load(), 200);
}

TEST_F(ExecutorTest, R18_AReleasedQueueRefusesWhatItHas) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  Registry::InvokeAsync(handle, {}, answers_.Collect());
  ASSERT_TRUE(Registry::Release(queue_).ok());
  ASSERT_TRUE(Eventually([&] { return answers_.count() == 1; }));
  EXPECT_EQ(answers_.outcomes[0].status.code(), Code::kClosed);
  EXPECT_EQ(answers_.outcomes[0].certainty, Certainty::kNotSent);
  EXPECT_EQ(CodeOf(Registry::Invoke(handle, {}).status), Code::kClosed);
  ASSERT_TRUE(Registry::Release(handle).ok());
  ASSERT_TRUE(probe.released.Wait()) << "R3: also without its executor";
  EXPECT_EQ(probe.calls.load(), 0);
}

TEST_F(ExecutorTest, R18_WhatIsHandedOutAndNeverFinishedIsAbandonedAndKeepsItsContext) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  Registry::InvokeAsync(handle, {}, answers_.Collect());
  const std::vector<HostEvent> events = Poll();
  ASSERT_EQ(events.size(), 1U);
  ASSERT_TRUE(Registry::CloseOwner(bob_).ok());
  ASSERT_TRUE(Eventually([&] { return answers_.count() == 1; }));
  EXPECT_EQ(answers_.outcomes[0].status.code(), Code::kAbandoned);
  EXPECT_EQ(answers_.outcomes[0].certainty, Certainty::kStarted);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_EQ(CodeOf(Registry::Drain(handle, 1'000'000)), Code::kDeadlineExceeded)
      << "R5: the host may be running it";
  EXPECT_EQ(probe.releases.load(), 0);
  EXPECT_TRUE(Finish(events[0].id).ok()) << "the host need not know that the queue is closed";
  ASSERT_TRUE(probe.released.Wait());
  EXPECT_EQ(answers_.count(), 1U) << "R18: once";
}

TEST_F(ExecutorTest, R18_AnEventIsFinishedOnceAndByItsQueueOnly) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  Registry::InvokeAsync(handle, Bytes("x"), answers_.Collect());
  const std::vector<HostEvent> events = Poll();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].call->request.payload, "x");
  const auto elsewhere = [](AsyncCall&) { return Outcome(); };
  EXPECT_EQ(FinishEvent(queue_ + 1, events[0].id, elsewhere).code(), Code::kNotFound);
  EXPECT_EQ(Finish(events[0].id + 1).code(), Code::kNotFound);
  EXPECT_EQ(Finish(0).code(), Code::kNotFound);
  EXPECT_TRUE(Finish(events[0].id, {{}, Certainty::kStarted, "y"}).ok());
  EXPECT_EQ(Finish(events[0].id).code(), Code::kNotFound);
  ASSERT_EQ(answers_.count(), 1U);
  EXPECT_EQ(answers_.outcomes[0].reply, "y");
}

TEST_F(ExecutorTest, R5_AHostIsHandedTheReleaseFunctionAndAcknowledgesIt) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  std::vector<HostEvent> events;
  ASSERT_TRUE(Eventually([&] { return events = Poll(), !events.empty(); }));
  ASSERT_EQ(events[0].kind, Work::Kind::kRelease);
  EXPECT_EQ(events[0].release.context, &probe);
  EXPECT_EQ(CodeOf(Registry::Drain(handle, 1'000'000)), Code::kDeadlineExceeded);
  EXPECT_EQ(AsyncCall::CancelById(events[0].id, Cancel::kForget).code(), Code::kNotFound);
  events[0].release.function(events[0].release.context);
  EXPECT_TRUE(Finish(events[0].id).ok());
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_EQ(probe.releases.load(), 1);
}

TEST_F(ExecutorTest, R9_AQueuedCallThatIsCancelledNeverBegins) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  for (const Cancel mode : {Cancel::kForget, Cancel::kAsk}) {
    auto call = std::make_unique<AsyncCall>(Request{}, answers_.Collect());
    const std::uint64_t id = call->id();
    EXPECT_EQ(id >> 63U, 1U);
    ASSERT_TRUE(Registry::SubmitCall(handle, call).ok());
    EXPECT_TRUE(AsyncCall::CancelById(id, mode).ok());
    EXPECT_EQ(AsyncCall::CancelById(id, mode).code(), Code::kNotFound);
    EXPECT_EQ(answers_.outcomes.back().status.code(), Code::kCancelled);
    EXPECT_EQ(answers_.outcomes.back().certainty, Certainty::kNotSent);
  }
  EXPECT_EQ(answers_.count(), 2U);
  EXPECT_TRUE(Poll().empty()) << "a host is not given what was cancelled";
  EXPECT_EQ(probe.calls.load(), 0);
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 0U);
}

TEST_F(ExecutorTest, R9_ARunningCallIsAskedOrForgotten) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  for (int i = 0; i < 2; ++i) Registry::InvokeAsync(handle, {}, answers_.Collect());
  const std::vector<HostEvent> events = Poll();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_FALSE(events[0].call->cancelled());
  EXPECT_TRUE(AsyncCall::CancelById(events[0].id, Cancel::kAsk).ok());
  EXPECT_TRUE(events[0].call->cancelled());
  EXPECT_EQ(answers_.count(), 0U) << "it ends as the callback ends it";
  EXPECT_TRUE(Finish(events[0].id, {{}, Certainty::kStarted, "late"}).ok());
  EXPECT_EQ(answers_.outcomes.at(0).reply, "late");
  EXPECT_TRUE(AsyncCall::CancelById(events[1].id, Cancel::kForget).ok());
  EXPECT_EQ(answers_.outcomes.at(1).status.code(), Code::kCancelled);
  EXPECT_EQ(answers_.outcomes.at(1).certainty, Certainty::kStarted);
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 1U) << "R5: the callback still runs";
  EXPECT_TRUE(Finish(events[1].id).ok());
  EXPECT_EQ(answers_.count(), 2U);
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 0U);
}

TEST_F(ExecutorTest, R18_CancelAndEndRaceForOneCompletion) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOn(*PoolOf(alice_), probe, alice_);
  constexpr int kCalls = 2000;
  std::atomic<int> ended{0};
  for (int i = 0; i < kCalls; ++i) {
    auto call = std::make_unique<AsyncCall>(Request{}, [&](const Outcome&) { ++ended; });
    const std::uint64_t id = call->id();
    if (!Registry::SubmitCall(handle, call).ok()) {
      call->Finish({});
      continue;
    }
    (void)AsyncCall::CancelById(id, i % 2 == 0 ? Cancel::kForget : Cancel::kAsk);
  }
  EXPECT_TRUE(Eventually([&] { return Registry::Describe(handle)->in_flight == 0; }));
  EXPECT_EQ(ended.load(), kCalls);
}

TEST_F(ExecutorTest, R9_AQueuedCallPastItsDeadlineNeverBegins) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  const std::int64_t deadline_ns = base::Clock::System().MonotonicNs() + 1'000'000;
  Request request;
  request.deadline_ns = deadline_ns;
  Registry::InvokeAsync(handle, std::move(request), answers_.Collect());
  ASSERT_TRUE(Eventually([&] { return base::Clock::System().MonotonicNs() > deadline_ns; }));
  EXPECT_TRUE(Poll().empty());
  ASSERT_EQ(answers_.count(), 1U);
  EXPECT_EQ(answers_.outcomes[0].status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(answers_.outcomes[0].certainty, Certainty::kNotSent);
}

TEST_F(ExecutorTest, R10_OfAOnceCallbacksQueuedCallsTheFirstRuns) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe, {.once = true});
  for (int i = 0; i < 3; ++i) Registry::InvokeAsync(handle, {}, answers_.Collect());
  EXPECT_EQ(Run(3), 3U);
  ASSERT_EQ(answers_.count(), 3U);
  EXPECT_TRUE(answers_.outcomes[0].status.ok());
  for (int i = 1; i < 3; ++i) {
    EXPECT_EQ(answers_.outcomes[static_cast<std::size_t>(i)].status.reason(), "ALREADY_CALLED");
    EXPECT_EQ(answers_.outcomes[static_cast<std::size_t>(i)].certainty, Certainty::kNotSent);
  }
  EXPECT_TRUE(Eventually([&] { return Run(), probe.releases.load() == 1; }));
}

TEST_F(ExecutorTest, R10_MaxConcurrencyCountsQueuedCallsToo) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe, {.max_concurrency = 2});
  for (int i = 0; i < 3; ++i) Registry::InvokeAsync(handle, {}, answers_.Collect());
  ASSERT_EQ(answers_.count(), 1U);
  EXPECT_EQ(answers_.outcomes[0].status.reason(), "MAX_CONCURRENCY");
  EXPECT_EQ(Run(), 2U);
  Registry::InvokeAsync(handle, {}, answers_.Collect());
  EXPECT_EQ(Run(), 1U);
}

OwnerOptions Limited() {
  OwnerOptions options;
  options.budget.max_calls_in_flight = 2;
  options.budget.max_queued_bytes = 100;
  return options;
}

TEST_F(ExecutorTest, R14_AnOwnersBudgetBoundsCallsInFlightAndQueuedBytes) {
  const Handle owner = *Registry::OpenOwner(registry_->handle(), "poor", Limited());
  Probe& probe = NewProbe();
  const Handle handle = RegisterOn(*FindExecutor(queue_), probe, owner);
  const Outcome large = Registry::Invoke(handle, Bytes(std::string(101, 'x')));
  EXPECT_EQ(large.status.code(), Code::kResourceExhausted);
  EXPECT_NE(large.status.message().find("100 bytes"), std::string::npos) << large.status.message();
  for (int i = 0; i < 2; ++i)
    Registry::InvokeAsync(handle, Bytes(std::string(50, 'x')), answers_.Collect());
  EXPECT_EQ(answers_.count(), 0U);
  const Outcome third = Registry::Invoke(handle, {});
  EXPECT_NE(third.status.message().find("2 calls in flight"), std::string::npos);
  EXPECT_EQ(Run(), 2U);
  Registry::InvokeAsync(handle, Bytes(std::string(100, 'x')), answers_.Collect());
  EXPECT_EQ(answers_.count(), 2U);
  EXPECT_EQ(Run(), 1U);
}

TEST_F(ExecutorTest, R12_ACloseFindsAQueueThatNobodyPolls) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  Registry::InvokeAsync(handle, {}, answers_.Collect());
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  EXPECT_EQ(probe.releases.load(), 1);
  EXPECT_EQ(answers_.count(), 1U);
}

TEST_F(ExecutorTest, R9_ACallKnowsTheCallThatMadeIt) {
  Probe& inner = NewProbe();
  Probe& outer = NewProbe();
  CallOfThread in_outer;
  CallOfThread in_inner;
  const Handle inline_handle = Register(alice_, inner);
  inner.body = [&] { in_inner = InnermostCall(); };
  outer.body = [&] {
    in_outer = InnermostCall();
    EXPECT_TRUE(Call(inline_handle).ok());
  };
  const Handle handle = RegisterOnQueue(outer);
  auto call = std::make_unique<AsyncCall>(Request{}, answers_.Collect());
  const std::uint64_t id = call->id();
  ASSERT_TRUE(Registry::SubmitCall(handle, call).ok());
  EXPECT_EQ(Run(), 1U);
  EXPECT_EQ(in_outer.id, id);
  EXPECT_EQ(in_outer.parent_id, 0U);
  EXPECT_EQ(in_inner.parent_id, id);
  EXPECT_EQ(in_inner.depth, 2U);
  EXPECT_NE(in_inner.id, 0U);
  EXPECT_EQ(in_inner.id >> 63U, 0U);
  EXPECT_EQ(InnermostCall().id, 0U);
}

}  // namespace
}  // namespace belay::registry
