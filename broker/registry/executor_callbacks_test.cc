// Callbacks on executors: where they and their release functions run, and how many calls fit (R5, R7, R10, R14).
#include <limits>
#include <utility>

#include "broker/registry/executor_callbacks_test_util.h"

namespace belay::registry {
namespace {

using base::Code;

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

TEST_F(ExecutorTest, I7_ADeadlineAtTheEndOfTimeIsWaitedFor) {
  Probe& probe = NewProbe();
  const Handle handle = RegisterOnQueue(probe);
  std::thread caller([&] {
    Request request = Bytes("ping");
    request.deadline_ns = std::numeric_limits<std::int64_t>::max();
    EXPECT_TRUE(Registry::Invoke(handle, std::move(request)).status.ok());
  });
  EXPECT_TRUE(Eventually([&] { return Run() != 0; }));
  caller.join();
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
  const auto pool = std::make_shared<Pool>(ExecutorOptions{.name = "one thread"}, 1);
  const Handle handle = RegisterOn({pool.get(), pool}, probe, alice_);
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
  EXPECT_EQ(in_release, in_call) << "and not on the reaper's";
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

TEST_F(ExecutorTest, R7_AnInvokeFromInsideItsOwnStrandIsAnError) {
  const ExecutorRef strand = *FindExecutor(*OpenStrand(alice_, {.name = "serial"}));
  const ExecutorRef other_strand = *FindExecutor(*OpenStrand(alice_, {.name = "other"}));
  const Handle behind = RegisterOn(strand, NewProbe(), alice_);
  const Handle beside = RegisterOn(other_strand, NewProbe(), alice_);
  Probe& probe = NewProbe();
  Outcome waited_behind;
  Outcome waited_beside;
  probe.body = [&] {
    waited_behind = Registry::Invoke(behind, {});
    waited_beside = Registry::Invoke(beside, {});
  };
  EXPECT_TRUE(Registry::Invoke(RegisterOn(strand, probe, alice_), {}).status.ok());
  EXPECT_EQ(waited_behind.status.code(), Code::kWouldDeadlock) << waited_behind.status.ToString();
  EXPECT_EQ(waited_behind.certainty, Certainty::kNotSent);
  EXPECT_TRUE(waited_beside.status.ok()) << waited_beside.status.ToString();
  EXPECT_TRUE(Registry::Invoke(behind, {}).status.ok()) << "outside it may";
  Probe& elsewhere = NewProbe();
  elsewhere.body = [&] { EXPECT_TRUE(Registry::Invoke(behind, {}).status.ok()); };
  EXPECT_TRUE(Call(Register(alice_, elsewhere)).ok()) << "as in a call that no executor runs";
}

TEST_F(ExecutorTest, R10_AHostIsHandedCallsAndReleaseFunctionsAtOnce) {
  Probe& ended = NewProbe();
  Registry::InvokeAsync(RegisterOnQueue(NewProbe()), {}, answers_.Collect());
  ASSERT_TRUE(Registry::Release(RegisterOnQueue(ended)).ok());
  const Ref<Object> queue = Queue();
  ASSERT_TRUE(Eventually([&] { return AsQueue(queue).queue().stats().queued.releases == 1; }));
  const std::vector<HostEvent> events = Poll();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, Work::Kind::kCall);
  ASSERT_EQ(events[1].kind, Work::Kind::kRelease);
  events[1].release.function(events[1].release.context);
  for (const HostEvent& event : events) EXPECT_TRUE(Finish(event.id).ok());
  EXPECT_EQ(answers_.count(), 1U);
  EXPECT_EQ(ended.releases.load(), 1);
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

}  // namespace
}  // namespace belay::registry
