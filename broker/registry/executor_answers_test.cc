// How calls on executors end: answered, cancelled, late, abandoned, and each once (R5, R9, R18).
#include <vector>

#include "broker/registry/executor_callbacks_test_util.h"

namespace belay::registry {
namespace {

using base::Code;

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
