// Queues through the C ABI: polled in batches, from an event loop, closed at any time (R5, R10, R18).
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <thread>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

class QueueTest : public CapiTest {
 protected:
  void SetUp() override {
    CapiTest::SetUp();
    belay_executor_options options{};
    options.struct_size = sizeof options;
    options.name = "ui";
    ASSERT_EQ(belay_queue_open(broker_, &options, &queue_), BELAY_OK) << LastMessage();
  }
  belay_handle RegisterOnQueue(Probe& probe) {
    belay_callback_options options = probe.Options("on queue");
    options.executor = queue_;
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
    return handle;
  }
  static belay_call Bytes(std::string_view text) {
    belay_call call = BELAY_CALL_INIT;
    call.request = text.data();
    call.request_size = text.size();
    return call;
  }
  std::vector<belay_work> Poll(std::uint64_t timeout_ms = 0, std::uint64_t capacity = 64) {
    std::vector<belay_work> events(capacity);
    events[0].struct_size = sizeof events[0];
    std::uint64_t count = 0;
    EXPECT_EQ(belay_queue_poll(queue_, events.data(), capacity, timeout_ms, &count), BELAY_OK)
        << LastMessage();
    events.resize(count);
    return events;
  }
  // Does what a host does with an event.
  static belay_result Handle(const belay_work& event) {
    belay_result result{};
    result.struct_size = sizeof result;
    result.id = event.id;
    if (event.kind == BELAY_WORK_CALL) result.status = event.callback(event.context, event.call);
    if (event.kind == BELAY_WORK_RELEASE) event.release(event.context);
    return result;
  }
  belay_status Finish(const std::vector<belay_result>& results) const {
    return belay_queue_finish(queue_, results.data(), results.size());
  }

  belay_handle queue_ = 0;
};

TEST_F(QueueTest, R10_NCallsCrossTheBorderTwice) {
  Probe& probe = NewProbe();
  std::string seen;
  probe.body = [&](belay_call* call) {
    seen.append(static_cast<const char*>(call->request), call->request_size);
    return BELAY_OK;
  };
  const belay_handle handle = RegisterOnQueue(probe);
  for (const char* text : {"a", "b", "c", "d", "e"}) {
    const belay_call call = Bytes(text);
    ASSERT_EQ(belay_post(handle, &call), BELAY_OK) << LastMessage();
  }
  const auto three = Poll(0, 3);
  ASSERT_EQ(three.size(), 3U);
  const auto two = Poll(0, 3);
  ASSERT_EQ(two.size(), 2U);
  std::vector<belay_result> results;
  for (const auto& events : {three, two})
    for (const belay_work& event : events) results.push_back(Handle(event));
  EXPECT_EQ(seen, "abcde");
  EXPECT_EQ(Finish(results), BELAY_OK);
  EXPECT_EQ(Finish(results), BELAY_NOT_FOUND) << "R18: each once";
  EXPECT_TRUE(Poll().empty());
}

TEST_F(QueueTest, I3_RepliesOfEverySizeReachAnInvoke) {
  const std::string large(10'000, 'x');
  for (const bool in_result : {false, true}) {
    Probe& probe = NewProbe();
    probe.body = [&](belay_call* call) {
      return in_result ? BELAY_OK : belay_call_reply(call, large.data(), large.size());
    };
    const belay_handle handle = RegisterOnQueue(probe);
    std::thread host([&] {
      const auto events = Poll(kLongMs);
      ASSERT_EQ(events.size(), 1U);
      belay_result result = Handle(events[0]);
      if (in_result) {
        result.reply = large.data();
        result.reply_size = large.size();
      }
      EXPECT_EQ(Finish({result}), BELAY_OK);
    });
    char small[4];
    belay_call call = Bytes("?");
    call.reply = small;
    call.reply_capacity = sizeof small;
    EXPECT_EQ(belay_invoke(handle, &call), BELAY_BUFFER_TOO_SMALL);
    host.join();
    EXPECT_EQ(call.reply_size, large.size());
    std::string taken(large.size(), '\0');
    EXPECT_EQ(belay_call_take(&call, taken.data(), taken.size()), BELAY_OK);
    EXPECT_EQ(taken, large);
    EXPECT_EQ(probe.calls, 1);
  }
}

TEST_F(QueueTest, R9_AFailureCarriesTheHostsText) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call* call) { return belay_call_fail(call, "no such user"); };
  const belay_handle handle = RegisterOnQueue(probe);
  std::thread host([&] {
    const auto events = Poll(kLongMs);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(Finish({Handle(events[0])}), BELAY_OK);
  });
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastMessage(), "no such user");
  host.join();
}

TEST_F(QueueTest, R5_TheReleaseFunctionIsAnEventBehindTheCalls) {
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterOnQueue(probe);
  const belay_call call = Bytes("x");
  ASSERT_EQ(belay_post(handle, &call), BELAY_OK);
  ASSERT_EQ(belay_unregister(handle), BELAY_OK);
  const auto calls = Poll(kLongMs, 1);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].kind, BELAY_WORK_CALL);
  EXPECT_EQ(Finish({Handle(calls[0])}), BELAY_OK);
  const auto releases = Poll(kLongMs, 1);
  ASSERT_EQ(releases.size(), 1U);
  EXPECT_EQ(releases[0].kind, BELAY_WORK_RELEASE);
  EXPECT_EQ(probe.released, 0);
  EXPECT_EQ(belay_drain(handle, 1), BELAY_DEADLINE_EXCEEDED) << "not before it is acknowledged";
  EXPECT_EQ(Finish({Handle(releases[0])}), BELAY_OK);
  EXPECT_EQ(belay_drain(handle, kLongMs), BELAY_OK) << LastMessage();
  EXPECT_EQ(probe.released, 1);
}

TEST_F(QueueTest, R10_AForeignEventLoopWatchesTheDescriptor) {
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterOnQueue(probe);
  std::int32_t fd = -1;
  ASSERT_EQ(belay_queue_fd(queue_, &fd), BELAY_OK) << LastMessage();
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{};
  interest.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(loop, EPOLL_CTL_ADD, fd, &interest), 0);
  epoll_event ready{};
  EXPECT_EQ(::epoll_wait(loop, &ready, 1, 0), 0) << "readable with nothing to poll";
  constexpr int kCalls = 1000;
  std::thread producer([&] {
    for (int i = 0; i < kCalls; ++i) {
      const belay_call call = Bytes("x");
      while (belay_post(handle, &call) != BELAY_OK) std::this_thread::yield();
    }
  });
  while (probe.calls < kCalls) {
    ASSERT_EQ(::epoll_wait(loop, &ready, 1, static_cast<int>(kLongMs)), 1);
    std::uint64_t count = 0;
    ASSERT_EQ(belay_queue_run(queue_, 16, 0, &count), BELAY_OK);
  }
  producer.join();
  EXPECT_EQ(::epoll_wait(loop, &ready, 1, 0), 0);
  ::close(loop);
}

TEST_F(QueueTest, R10_AQueueSurvivesItsPoller) {
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterOnQueue(probe);
  std::vector<belay_work> taken;
  std::thread first([&] {
    const belay_call call = Bytes("1");
    ASSERT_EQ(belay_post(handle, &call), BELAY_OK);
    taken = Poll(kLongMs);
  });
  first.join();
  const belay_call call = Bytes("2");
  ASSERT_EQ(belay_post(handle, &call), BELAY_OK);
  std::uint64_t count = 0;
  EXPECT_EQ(belay_queue_run(queue_, 1, kLongMs, &count), BELAY_OK);
  EXPECT_EQ(count, 1U);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(Finish({Handle(taken[0])}), BELAY_OK) << "finished on another thread";
  EXPECT_EQ(probe.calls, 2);
}

TEST_F(QueueTest, R10_ACloseAndAnInterruptEndAPoll) {
  std::thread interrupted([&] { EXPECT_TRUE(Poll(kLongMs).empty()); });
  EXPECT_EQ(belay_queue_interrupt(queue_), BELAY_OK);
  interrupted.join();
  std::counting_semaphore<> polling{0};
  std::thread closed([&] {
    std::array<belay_work, 1> events{};
    events[0].struct_size = sizeof events[0];
    std::uint64_t count = 7;
    polling.release();
    const belay_status status =
        belay_queue_poll(queue_, events.data(), events.size(), kLongMs, &count);
    EXPECT_TRUE(status == BELAY_CLOSED || status == BELAY_STALE) << status;
    EXPECT_EQ(count, 7U);
  });
  polling.acquire();
  EXPECT_EQ(belay_release(queue_), BELAY_OK);
  closed.join();
}

TEST_F(QueueTest, R12_ABrokersCloseWaitsForWhatAHostIsRunning) {
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterOnQueue(probe);
  const belay_call call = Bytes("x");
  ASSERT_EQ(belay_post(handle, &call), BELAY_OK);
  const auto events = Poll();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(belay_close(broker_, 5), BELAY_DEADLINE_EXCEEDED);
  EXPECT_EQ(probe.released, 0) << "R5: the host may be inside";
  EXPECT_EQ(Finish({Handle(events[0])}), BELAY_OK) << "after the close";
  probe.release_ran.acquire();
  broker_ = 0;
}

TEST_F(QueueTest, I7_BadArgumentsAreRefused) {
  belay_executor_options options{};
  belay_handle queue = 0;
  EXPECT_EQ(belay_queue_open(broker_, nullptr, &queue), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_open(broker_, &options, &queue), BELAY_INVALID_ARGUMENT);
  options.struct_size = sizeof options;
  EXPECT_EQ(belay_queue_open(broker_, &options, &queue), BELAY_INVALID_ARGUMENT) << "no name";
  options.name = "q";
  EXPECT_EQ(belay_queue_open(broker_, &options, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_open(queue_, &options, &queue), BELAY_WRONG_KIND);
  belay_work event{};
  std::uint64_t count = 0;
  EXPECT_EQ(belay_queue_poll(queue_, &event, 1, 0, &count), BELAY_INVALID_ARGUMENT);
  event.struct_size = sizeof event;
  EXPECT_EQ(belay_queue_poll(queue_, nullptr, 1, 0, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_poll(queue_, &event, 0, 0, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_queue_poll(broker_, &event, 1, 0, &count), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_queue_run(queue_, 0, 0, &count), BELAY_INVALID_ARGUMENT);
  belay_result result{};
  EXPECT_EQ(belay_queue_finish(queue_, &result, 1), BELAY_INVALID_ARGUMENT);
  result.struct_size = sizeof result;
  for (const std::uint64_t id : std::array<std::uint64_t, 4>{0, 1, 1ULL << 63U, ~0ULL}) {
    result.id = id;
    EXPECT_EQ(belay_queue_finish(queue_, &result, 1), BELAY_NOT_FOUND) << id;
  }
  EXPECT_EQ(belay_queue_finish(broker_, &result, 1), BELAY_WRONG_KIND);
}

}  // namespace
}  // namespace belay::capi
