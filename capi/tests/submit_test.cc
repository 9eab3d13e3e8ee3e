// Submitted calls, gates and what a callback learns of its call, through the C ABI (R9, R10, R18).
#include <array>
#include <stdexcept>
#include <thread>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

// What a completion was told.
struct Told {
  std::vector<belay_status> statuses;
  std::vector<std::int32_t> certainties;
  std::string reply;
  std::counting_semaphore<> came{0};

  static void Run(void* context, const belay_outcome* outcome) {
    auto& told = *static_cast<Told*>(context);
    told.statuses.push_back(outcome->status);
    told.certainties.push_back(outcome->certainty);
    told.reply.assign(static_cast<const char*>(outcome->reply), outcome->reply_size);
    told.came.release();
  }
  belay_completion Completion() {
    belay_completion completion{};
    completion.struct_size = sizeof completion;
    completion.run = &Told::Run;
    completion.context = this;
    return completion;
  }
};

class SubmitTest : public CapiTest {
 protected:
  belay_handle RegisterOn(Probe& probe, belay_handle executor, std::uint32_t flags = 0,
                          std::uint32_t max_concurrency = 0) {
    belay_callback_options options = probe.Options("submitted");
    options.executor = executor;
    options.flags = flags;
    options.max_concurrency = max_concurrency;
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
    return handle;
  }
  belay_handle OpenQueue(std::uint64_t max_calls = 0) {
    belay_executor_options options{};
    options.struct_size = sizeof options;
    options.name = "q";
    options.max_calls = max_calls;
    belay_handle queue = 0;
    EXPECT_EQ(belay_queue_open(broker_, &options, &queue), BELAY_OK) << LastMessage();
    return queue;
  }
  static std::uint64_t Run(belay_handle queue, std::uint64_t timeout_ms = 0) {
    std::uint64_t count = 0;
    EXPECT_EQ(belay_queue_run(queue, 64, timeout_ms, &count), BELAY_OK) << LastMessage();
    return count;
  }
};

TEST_F(SubmitTest, R18_ACompletionRunsOnceWhereverTheCallbackRuns) {
  const belay_handle queue = OpenQueue();
  belay_executor_options options{};
  options.struct_size = sizeof options;
  options.name = "serial";
  belay_handle strand = 0;
  ASSERT_EQ(belay_strand_open(broker_, &options, &strand), BELAY_OK) << LastMessage();
  for (const belay_handle executor :
       std::array<belay_handle, 4>{BELAY_EXECUTOR_INLINE, BELAY_EXECUTOR_POOL, strand, queue}) {
    Probe& probe = NewProbe();
    probe.body = [](belay_call* call) {
      EXPECT_EQ(call->trace_low, 7U);
      return belay_call_reply(call, call->request, call->request_size);
    };
    const belay_handle handle = RegisterOn(probe, executor);
    const std::string request(2000, 'r');
    belay_call call = BELAY_CALL_INIT;
    call.request = request.data();
    call.request_size = request.size();
    call.trace_low = 7;
    Told told;
    const belay_completion completion = told.Completion();
    std::uint64_t id = 0;
    ASSERT_EQ(belay_submit(handle, &call, &completion, &id), BELAY_OK) << LastMessage();
    EXPECT_NE(id >> 63U, 0U);
    if (executor == queue) {
      EXPECT_EQ(Run(queue), 1U);
    }
    told.came.acquire();
    EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_OK});
    EXPECT_EQ(told.reply, request) << "I3";
    EXPECT_EQ(belay_call_cancel(id, BELAY_CANCEL_FORGET), BELAY_NOT_FOUND);
  }
}

TEST_F(SubmitTest, R9_ACompletionThatThrowsHasRun) {
  const belay_handle queue = OpenQueue();
  for (const belay_handle completion_queue : {belay_handle{0}, queue}) {
    const belay_handle handle = RegisterOn(NewProbe(), BELAY_EXECUTOR_INLINE);
    int runs = 0;
    belay_completion completion{};
    completion.struct_size = sizeof completion;
    completion.context = &runs;
    completion.queue = completion_queue;
    completion.run = [](void* context, const belay_outcome*) {
      ++*static_cast<int*>(context);
      throw std::runtime_error("a completion that throws");
    };
    const belay_call call = BELAY_CALL_INIT;
    EXPECT_EQ(belay_submit(handle, &call, &completion, nullptr), BELAY_OK) << LastMessage();
    if (completion_queue != 0) {
      EXPECT_EQ(Run(queue), 1U);
    }
    EXPECT_EQ(runs, 1);
  }
}

TEST_F(SubmitTest, R18_ARefusedSubmitRunsNoCompletion) {
  const belay_handle queue = OpenQueue(1);
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterOn(probe, queue);
  Told told;
  belay_completion completion = told.Completion();
  const belay_call call = BELAY_CALL_INIT;
  ASSERT_EQ(belay_submit(handle, &call, &completion, nullptr), BELAY_OK);
  EXPECT_EQ(belay_submit(handle, &call, &completion, nullptr), BELAY_RESOURCE_EXHAUSTED);
  EXPECT_NE(LastMessage().find("queue 'q' is full"), std::string::npos) << LastMessage();
  completion.queue = queue;
  EXPECT_EQ(belay_submit(handle, &call, &completion, nullptr), BELAY_RESOURCE_EXHAUSTED);
  EXPECT_EQ(belay_submit(broker_, &call, &completion, nullptr), BELAY_WRONG_KIND);
  EXPECT_EQ(Run(queue), 1U);
  EXPECT_EQ(told.statuses.size(), 1U);
  EXPECT_EQ(Run(queue), 0U);
}

TEST_F(SubmitTest, R10_ACompletionCanBeAnEventWithATag) {
  const belay_handle queue = OpenQueue();
  Probe& probe = NewProbe();
  probe.body = [](belay_call* call) { return belay_call_reply(call, "pong", 4); };
  const belay_handle handle = RegisterOn(probe, BELAY_EXECUTOR_POOL);
  belay_completion completion{};
  completion.struct_size = sizeof completion;
  completion.queue = queue;
  completion.tag = 42;
  const belay_call call = BELAY_CALL_INIT;
  ASSERT_EQ(belay_submit(handle, &call, &completion, nullptr), BELAY_OK) << LastMessage();
  belay_work event{};
  event.struct_size = sizeof event;
  std::uint64_t count = 0;
  ASSERT_EQ(belay_queue_poll(queue, &event, 1, kLongMs, &count), BELAY_OK) << LastMessage();
  ASSERT_EQ(count, 1U);
  EXPECT_EQ(event.kind, BELAY_WORK_COMPLETION);
  EXPECT_EQ(event.tag, 42U);
  EXPECT_EQ(event.outcome->status, BELAY_OK);
  EXPECT_EQ(std::string(static_cast<const char*>(event.outcome->reply), event.outcome->reply_size),
            "pong");
  belay_result result{};
  result.struct_size = sizeof result;
  result.id = event.id;
  EXPECT_EQ(belay_queue_finish(queue, &result, 1), BELAY_OK);
  EXPECT_EQ(belay_queue_finish(queue, &result, 1), BELAY_NOT_FOUND);
}

TEST_F(SubmitTest, R9_CancelledBeforeItBeginsACallIsNotSent) {
  const belay_handle queue = OpenQueue();
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterOn(probe, queue);
  Told told;
  const belay_completion completion = told.Completion();
  const belay_call call = BELAY_CALL_INIT;
  std::uint64_t id = 0;
  ASSERT_EQ(belay_submit(handle, &call, &completion, &id), BELAY_OK);
  EXPECT_EQ(belay_call_cancel(id, 3), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_call_cancel(id, BELAY_CANCEL_ASK), BELAY_OK);
  EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_CANCELLED});
  EXPECT_EQ(told.certainties, std::vector<std::int32_t>{BELAY_CERTAINTY_NOT_SENT});
  Run(queue);
  EXPECT_EQ(probe.calls, 0);
  EXPECT_EQ(told.statuses.size(), 1U);
}

TEST_F(SubmitTest, R9_ACallbackSeesThatItsCallIsCancelled) {
  const belay_handle queue = OpenQueue();
  Probe& probe = NewProbe();
  std::uint64_t id = 0;
  probe.body = [&](belay_call* call) {
    EXPECT_EQ(belay_call_cancelled(call), 0);
    EXPECT_EQ(belay_call_cancel(id, BELAY_CANCEL_ASK), BELAY_OK) << LastMessage();
    EXPECT_EQ(belay_call_cancelled(call), 1);
    return belay_call_fail(call, "stopped early");
  };
  const belay_handle handle = RegisterOn(probe, queue);
  Told told;
  const belay_completion completion = told.Completion();
  const belay_call call = BELAY_CALL_INIT;
  ASSERT_EQ(belay_submit(handle, &call, &completion, &id), BELAY_OK);
  EXPECT_EQ(Run(queue), 1U);
  EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_CALLBACK_FAILED});
  EXPECT_EQ(told.certainties, std::vector<std::int32_t>{BELAY_CERTAINTY_STARTED});
}

TEST_F(SubmitTest, R9_ACallKnowsItselfAndItsParent) {
  belay_call_details outer{};
  outer.struct_size = sizeof outer;
  belay_call_details inner{};
  inner.struct_size = sizeof inner;
  Probe& inner_probe = NewProbe();
  inner_probe.body = [&](belay_call* call) {
    EXPECT_EQ(belay_call_info(call, &inner), BELAY_OK) << LastMessage();
    return BELAY_OK;
  };
  const belay_handle inner_handle = Register(inner_probe);
  Probe& outer_probe = NewProbe();
  outer_probe.body = [&](belay_call* call) {
    EXPECT_EQ(belay_call_info(call, &outer), BELAY_OK) << LastMessage();
    belay_call nested = BELAY_CALL_INIT;
    return belay_invoke(inner_handle, &nested);
  };
  const belay_handle outer_handle = RegisterOn(outer_probe, BELAY_EXECUTOR_POOL);
  Told told;
  const belay_completion completion = told.Completion();
  belay_call call = BELAY_CALL_INIT;
  call.caller = broker_;
  std::uint64_t id = 0;
  ASSERT_EQ(belay_submit(outer_handle, &call, &completion, &id), BELAY_OK);
  told.came.acquire();
  EXPECT_EQ(outer.id, id);
  EXPECT_EQ(outer.caller, broker_);
  EXPECT_EQ(outer.parent_id, 0U);
  EXPECT_EQ(outer.depth, 1U);
  EXPECT_EQ(inner.parent_id, id);
  EXPECT_EQ(inner.depth, 2U);
  EXPECT_EQ(belay_call_info(&call, &inner), BELAY_FAILED_PRECONDITION);
}

TEST_F(SubmitTest, R10_ABroadcastTellsOfEach) {
  Probe& good = NewProbe();
  Probe& dead = NewProbe();
  const std::array<belay_handle, 3> handles{RegisterOn(good, BELAY_EXECUTOR_POOL),
                                            RegisterOn(dead, BELAY_EXECUTOR_POOL), 1};
  ASSERT_EQ(belay_unregister(handles[1]), BELAY_OK);
  std::array<Told, 3> told;
  std::array<belay_completion, 3> completions{};
  for (std::size_t i = 0; i < told.size(); ++i) completions[i] = told[i].Completion();
  completions[1].struct_size = completions[2].struct_size = 0;  // the first one's counts
  std::array<belay_status, 3> statuses{};
  const belay_call call = BELAY_CALL_INIT;
  ASSERT_EQ(belay_broadcast(handles.data(), 3, &call, completions.data(), statuses.data()),
            BELAY_OK);
  EXPECT_EQ(statuses[0], BELAY_OK);
  EXPECT_EQ(statuses[1], BELAY_UNREGISTERED);
  EXPECT_EQ(statuses[2], BELAY_MALFORMED);
  told[0].came.acquire();
  EXPECT_TRUE(told[1].statuses.empty());
}

TEST_F(SubmitTest, R10_OnceAndSerialAndMaxConcurrency) {
  Probe& once = NewProbe();
  const belay_handle once_handle = RegisterOn(once, BELAY_EXECUTOR_INLINE, BELAY_CALLBACK_ONCE);
  char buffer[2];
  belay_call call = BELAY_CALL_INIT;
  call.reply = buffer;
  call.reply_capacity = sizeof buffer;
  once.body = [&](belay_call* given) {
    EXPECT_EQ(given, &call) << "R10: the caller's own struct, no copy";
    return belay_call_reply(given, "long", 4);
  };
  EXPECT_EQ(belay_invoke(once_handle, &call), BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(belay_call_take(&call, nullptr, 0), BELAY_OK);
  EXPECT_EQ(belay_invoke(once_handle, &call), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "ALREADY_CALLED");
  once.release_ran.acquire();

  Probe& serial = NewProbe();
  belay_handle serial_handle = 0;
  serial.body = [&](belay_call*) {
    belay_call nested = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(serial_handle, &nested), BELAY_WOULD_DEADLOCK);
    return BELAY_OK;
  };
  serial_handle = RegisterOn(serial, BELAY_EXECUTOR_INLINE, BELAY_CALLBACK_SERIAL);
  belay_call plain = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(serial_handle, &plain), BELAY_OK) << LastMessage();

  Probe& one = NewProbe();
  belay_handle one_handle = 0;
  one.body = [&](belay_call*) {
    belay_call nested = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(one_handle, &nested), BELAY_RESOURCE_EXHAUSTED);
    return BELAY_OK;
  };
  one_handle = RegisterOn(one, BELAY_EXECUTOR_INLINE, 0, 1);
  EXPECT_EQ(belay_invoke(one_handle, &plain), BELAY_OK) << LastMessage();
}

TEST_F(SubmitTest, R9_R10_AnInlineCallbackWhoseCallersWaitThrowsLikeAnyOther) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call*) -> belay_status { throw std::runtime_error("no such luck"); };
  belay_callback_options options = probe.Options();
  options.flags = BELAY_CALLBACK_WAIT;
  options.max_concurrency = 1;
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
  for (int i = 0; i < 2; ++i) {
    belay_call call = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
    EXPECT_EQ(LastMessage(), "no such luck") << "and it has left its place to the next";
  }
}

TEST_F(SubmitTest, I7_WhatCannotBeIsRefusedAtRegistration) {
  Probe& probe = NewProbe();
  belay_handle handle = 0;
  const auto code = [&](belay_handle executor, std::uint32_t flags, std::uint32_t most) {
    belay_callback_options options = probe.Options();
    options.executor = executor;
    options.flags = flags;
    options.max_concurrency = most;
    return belay_register(broker_, &options, &handle);
  };
  const belay_handle queue = OpenQueue();
  EXPECT_EQ(code(2, 0, 0), BELAY_MALFORMED);
  EXPECT_EQ(code(broker_, 0, 0), BELAY_WRONG_KIND);
  EXPECT_EQ(code(0, 8, 0), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(code(0, BELAY_CALLBACK_WAIT, 0), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(code(queue, BELAY_CALLBACK_WAIT, 2), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(code(queue, BELAY_CALLBACK_SERIAL, 0), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(code(0, BELAY_CALLBACK_SERIAL, 2), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(probe.released, 7) << "R3: also when registration fails";
}

TEST_F(SubmitTest, I5_OptionsOfTheFirstVersionStillWork) {
  Probe& probe = NewProbe();
  belay_callback_options options = probe.Options();
  options.struct_size = offsetof(belay_callback_options, executor);
  options.executor = 1234;  // must not be read
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
}

}  // namespace
}  // namespace belay::capi
