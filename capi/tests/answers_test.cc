// Unusual answers, and unusual ways for them to be learned of: each call has one end all the same (R9, R18, I3).
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>

#include <string>
#include <thread>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

// What completions were told.
struct Told {
  std::vector<belay_status> statuses;

  static void Run(void* context, const belay_outcome* outcome) {
    static_cast<Told*>(context)->statuses.push_back(outcome->status);
  }
};

class AnswersTest : public CapiTest {
 protected:
  belay_handle OpenQueue() {
    belay_executor_options options{};
    options.struct_size = sizeof options;
    options.name = "q";
    belay_handle queue = 0;
    EXPECT_EQ(belay_queue_open(broker_, &options, &queue), BELAY_OK) << LastMessage();
    return queue;
  }
  belay_handle RegisterOn(Probe& probe, belay_handle executor, std::uint32_t max_concurrency = 0) {
    belay_callback_options options = probe.Options("answers");
    options.executor = executor;
    options.max_concurrency = max_concurrency;
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
    return handle;
  }
  static std::uint64_t RunQueue(belay_handle queue) {
    std::uint64_t count = 0;
    EXPECT_EQ(belay_queue_run(queue, 64, 0, &count), BELAY_OK) << LastMessage();
    return count;
  }
  static belay_completion CompletionOn(belay_handle queue, Told* told) {
    belay_completion completion{};
    completion.struct_size = sizeof completion;
    completion.queue = queue;
    completion.context = told;
    if (told != nullptr) completion.run = &Told::Run;
    return completion;
  }

  const belay_call plain_ = BELAY_CALL_INIT;
};

TEST_F(AnswersTest, I3_AReplyThatWasKeptIsNoneIfTheCallThenFails) {
  Probe& probe = NewProbe();
  const std::string large(1000, 'x');
  probe.body = [&](belay_call* call) {
    EXPECT_EQ(belay_call_reply(call, large.data(), large.size()), BELAY_OK);
    return BELAY_NOT_FOUND;
  };
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(Register(probe), &call), BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastMessage(), "the callback returned 5 (NOT_FOUND)");
  EXPECT_EQ(call.kept, nullptr);
}

TEST_F(AnswersTest, R9_WhatAGatedCallbackThrowsStaysInside) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call*) -> belay_status { throw 5; };
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(RegisterOn(probe, BELAY_EXECUTOR_INLINE, 1), &call),
            BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastReason(), "EXCEPTION");
}

TEST_F(AnswersTest, R9_AThreadMayEndInsideAGatedCallback) {
  Probe& probe = NewProbe();
  probe.body = [&](belay_call*) -> belay_status {
    if (probe.calls == 1) pthread_exit(nullptr);
    return BELAY_OK;
  };
  const belay_handle handle = RegisterOn(probe, BELAY_EXECUTOR_INLINE, 1);
  std::thread([&] {
    belay_call call = BELAY_CALL_INIT;
    belay_invoke(handle, &call);
    ADD_FAILURE() << "the thread goes on";
  }).join();
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK) << "the gate is free again: " << LastMessage();
}

TEST_F(AnswersTest, R18_AThreadThatEndsInsideASubmittedCallAbandonsIt) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call*) -> belay_status { pthread_exit(nullptr); };
  const belay_handle handle = Register(probe);
  Told told;
  std::thread([&] {
    const belay_completion completion = CompletionOn(0, &told);
    belay_submit(handle, &plain_, &completion, nullptr);
    ADD_FAILURE() << "the thread goes on";
  }).join();
  EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_ABANDONED});
}

TEST_F(AnswersTest, R18_ACompletionForAClosedQueueRunsWhereTheCallEnds) {
  const belay_handle queue = OpenQueue();
  const belay_handle news = OpenQueue();
  Told told;
  const belay_completion completion = CompletionOn(news, &told);
  const belay_handle handle = RegisterOn(NewProbe(), queue);
  ASSERT_EQ(belay_submit(handle, &plain_, &completion, nullptr), BELAY_OK) << LastMessage();
  // Readable once closed; the completion keeps it until then.
  pollfd closed{.fd = -1, .events = POLLIN, .revents = 0};
  ASSERT_EQ(belay_queue_fd(news, &closed.fd), BELAY_OK);
  ASSERT_EQ(belay_release(news), BELAY_OK);
  ASSERT_EQ(poll(&closed, 1, static_cast<int>(kLongMs)), 1);
  EXPECT_EQ(RunQueue(queue), 1U);
  EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_OK});
}

TEST_F(AnswersTest, R18_ACompletionThatNobodyPolledRunsWhenItsQueueIsClosed) {
  const belay_handle news = OpenQueue();
  Told told;
  const belay_completion completion = CompletionOn(news, &told);
  ASSERT_EQ(belay_submit(Register(NewProbe()), &plain_, &completion, nullptr), BELAY_OK);
  EXPECT_TRUE(told.statuses.empty());
  ASSERT_EQ(belay_close(broker_, kLongMs), BELAY_OK);
  broker_ = 0;
  EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_OK});
}

TEST_F(AnswersTest, R10_ACompletionMayBeATagAlone) {
  const belay_handle news = OpenQueue();
  const belay_completion completion = CompletionOn(news, nullptr);
  ASSERT_EQ(belay_submit(Register(NewProbe()), &plain_, &completion, nullptr), BELAY_OK);
  EXPECT_EQ(RunQueue(news), 1U) << "taken, and nothing to run";
}

TEST_F(AnswersTest, I7_AResultWithoutItsReplyIsFinishedAllTheSame) {
  const belay_handle queue = OpenQueue();
  Told told;
  const belay_completion completion = CompletionOn(0, &told);
  const belay_handle handle = RegisterOn(NewProbe(), queue);
  ASSERT_EQ(belay_submit(handle, &plain_, &completion, nullptr), BELAY_OK);
  belay_work event{};
  event.struct_size = sizeof event;
  std::uint64_t count = 0;
  ASSERT_EQ(belay_queue_poll(queue, &event, 1, 0, &count), BELAY_OK);
  ASSERT_EQ(count, 1U);
  belay_result result{};
  result.struct_size = sizeof result;
  result.id = event.id;
  result.reply_size = 3;
  EXPECT_EQ(belay_queue_finish(queue, &result, 1), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(told.statuses, std::vector<belay_status>{BELAY_OK});
}

TEST_F(AnswersTest, R9_CallInfoTellsOfACancellation) {
  const belay_handle queue = OpenQueue();
  Probe& probe = NewProbe();
  probe.body = [](belay_call* call) {
    belay_call_details details{};
    details.struct_size = sizeof details;
    EXPECT_EQ(belay_call_info(call, &details), BELAY_OK) << LastMessage();
    EXPECT_EQ(details.cancelled, 1);
    return BELAY_OK;
  };
  std::uint64_t id = 0;
  ASSERT_EQ(belay_submit(RegisterOn(probe, queue), &plain_, nullptr, &id), BELAY_OK);
  belay_work event{};
  event.struct_size = sizeof event;
  std::uint64_t count = 0;
  ASSERT_EQ(belay_queue_poll(queue, &event, 1, 0, &count), BELAY_OK);
  ASSERT_EQ(belay_call_cancel(id, BELAY_CANCEL_ASK), BELAY_OK) << LastMessage();
  belay_result result{};
  result.struct_size = sizeof result;
  result.id = event.id;
  result.status = event.callback(event.context, event.call);
  EXPECT_EQ(belay_queue_finish(queue, &result, 1), BELAY_OK);
  EXPECT_EQ(probe.calls, 1);
}

TEST_F(AnswersTest, R10_AQueueWithoutAFileDescriptorToBeHadSaysSo) {
  const belay_handle queue = OpenQueue();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::int32_t fd = -1;
  const belay_status status = belay_queue_fd(queue, &fd);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status, BELAY_RESOURCE_EXHAUSTED);
  EXPECT_NE(LastMessage().find("eventfd"), std::string::npos) << LastMessage();
  EXPECT_EQ(belay_queue_fd(queue, &fd), BELAY_OK) << "later there are some: " << LastMessage();
}

}  // namespace
}  // namespace belay::capi
