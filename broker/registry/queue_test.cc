#include "broker/registry/queue.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "broker/registry/executor_test_util.h"

namespace belay::registry {

// For gtest's messages.
inline void PrintTo(Polled::Why why, std::ostream* out) {
  constexpr std::array kNames = {"works", "timeout", "interrupted", "closed"};
  *out << kNames.at(static_cast<std::size_t>(why));
}

namespace {

using base::Code;
using base::Status;
using Why = Polled::Why;

bool Readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

class QueueTest : public ::testing::Test {
 protected:
  FakeWork& NewWork(Work::Kind kind = Work::Kind::kCall) { return works_.emplace_back(kind); }
  void Fill(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(queue_.Enqueue(&NewWork()).ok());
  }
  // Polls and runs; how many.
  std::size_t RunSome(std::size_t batch) {
    std::vector<Work*> out(batch);
    const std::size_t count = queue_.Poll(out, 0).count;
    for (std::size_t i = 0; i < count; ++i) out[i]->Run();
    return count;
  }
  bool WaitSleeping(std::size_t pollers) {
    return Eventually([&] { return queue_.stats().sleeping_pollers == pollers; });
  }

  std::deque<FakeWork> works_;  // outlive the queue, which refuses what is left
  Queue queue_{{.name = "ui", .max_calls = 200}};
};

// A thread in one Poll().
class Poller {
 public:
  Poller(Queue& queue, std::size_t batch, std::int64_t timeout_ns = kPatienceNs)
      : out_(batch), thread_([this, &queue, timeout_ns] {
          polled_ = queue.Poll(out_, timeout_ns);
          for (std::size_t i = 0; i < polled_.count; ++i) out_[i]->Run();
        }) {}
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { Join(); }
  Polled Join() {
    if (thread_.joinable()) thread_.join();
    return polled_;
  }

 private:
  std::vector<Work*> out_;
  Polled polled_{Why::kTimeout};
  std::thread thread_;
};

TEST_F(QueueTest, R10_HandsOverBatchesInOrder) {
  Fill(3);
  FakeWork& release = NewWork(Work::Kind::kRelease);
  ASSERT_TRUE(queue_.EnqueueRelease(&release));
  std::array<Work*, 3> out{};
  ASSERT_EQ(queue_.Poll(out, kPatienceNs).count, 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(out[i], &works_[i]);
  ASSERT_EQ(queue_.Poll(out, 0).count, 1U);
  EXPECT_EQ(out[0], &release);
  const Polled none = queue_.Poll(out, 0);
  EXPECT_EQ(none.why, Why::kTimeout);
  EXPECT_EQ(none.count, 0U);
}

TEST_F(QueueTest, R10_FullRefusesBeforeAnythingIsTaken) {
  Fill(200);
  FakeWork& surplus = NewWork();
  const Status full = queue_.Enqueue(&surplus);
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_TRUE(Contains(full, "queue 'ui'") && Contains(full, "max_calls is 200"));
  EXPECT_TRUE(queue_.EnqueueRelease(&NewWork(Work::Kind::kRelease)));
  EXPECT_EQ(RunSome(1), 1U);
  EXPECT_TRUE(queue_.Enqueue(&surplus).ok()) << "what was polled no longer counts";
  while (RunSome(64) > 0) {
  }
  for (FakeWork& work : works_) EXPECT_EQ(work.ends(), 1);
}

TEST_F(QueueTest, R10_AWaitEndsAtItsTimeout) {
  std::array<Work*, 1> out{};
  EXPECT_EQ(queue_.Poll(out, 1'000'000).why, Why::kTimeout);
  EXPECT_EQ(queue_.stats().sleeping_pollers, 0U);
}

TEST_F(QueueTest, R10_ASleepingPollerIsWoken) {
  Poller poller(queue_, 4, Queue::kForever);
  ASSERT_TRUE(WaitSleeping(1));
  Fill(1);
  EXPECT_EQ(poller.Join().count, 1U);
  EXPECT_EQ(queue_.stats().wakeups, 1U);
}

// Each takes one. In some rounds the second work comes while the first poller is on its way, and is left to
// it: then who leaves works behind has to wake the next.
TEST_F(QueueTest, R10_APollerThatLeavesWorksWakesAnother) {
  for (int round = 0; round < 100; ++round) {
    // Without a timeout, at whose end they would find the work all the same.
    Poller first(queue_, 1, Queue::kForever);
    Poller second(queue_, 1, Queue::kForever);
    ASSERT_TRUE(WaitSleeping(2));
    Fill(2);
    const bool taken = Eventually([&] { return queue_.stats().queued.calls == 0; });
    if (!taken) queue_.Close();
    ASSERT_TRUE(taken) << "a work is left and a poller sleeps, in round " << round;
  }
}

TEST_F(QueueTest, R10_PollersComeAndGo) {
  {
    Poller poller(queue_, 1);
    Fill(2);
    EXPECT_EQ(poller.Join().count, 1U);
  }
  EXPECT_EQ(queue_.stats().queued.calls, 1U) << "the queue outlives its poller";
  Poller next(queue_, 1);
  EXPECT_EQ(next.Join().count, 1U);
}

TEST_F(QueueTest, R10_NoWakeUpWhileNobodyWaits) {
  Fill(100);
  EXPECT_EQ(queue_.stats().wakeups, 0U);
  ASSERT_TRUE(queue_.EventFd().ok());
  Fill(100);
  EXPECT_EQ(queue_.stats().wakeups, 1U) << "readable once is readable";
}

// However many works come, each time a poller comes back from sleep it was woken at most once.
TEST_F(QueueTest, R10_NoSecondWakeUpWhileAPollerIsOnItsWay) {
  constexpr std::size_t kWorks = 20'000;
  std::deque<FakeWork> works(kWorks);
  std::uint64_t polls = 0;
  std::thread host([&] {
    std::array<Work*, 64> out{};
    for (std::size_t left = kWorks; left > 0; ++polls) {
      const Polled polled = queue_.Poll(out, kPatienceNs);
      ASSERT_EQ(polled.why, Why::kWorks);
      for (std::size_t i = 0; i < polled.count; ++i) out[i]->Run();
      left -= polled.count;
    }
  });
  for (FakeWork& work : works) {
    while (!queue_.Enqueue(&work).ok()) std::this_thread::yield();
  }
  host.join();
  EXPECT_LE(queue_.stats().wakeups, polls);
}

TEST_F(QueueTest, R10_TheEventFdIsReadableWhileWorksAreLeft) {
  Fill(1);
  const auto fd = queue_.EventFd();
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(*queue_.EventFd(), *fd);
  EXPECT_TRUE(Readable(*fd)) << "works were there before it";
  Fill(2);
  EXPECT_EQ(RunSome(2), 2U);
  EXPECT_TRUE(Readable(*fd)) << "one is left";
  EXPECT_EQ(RunSome(2), 1U);
  EXPECT_FALSE(Readable(*fd));
  ASSERT_TRUE(queue_.EnqueueRelease(&NewWork(Work::Kind::kRelease)));
  EXPECT_TRUE(Readable(*fd));
  EXPECT_EQ(RunSome(1), 1U);
  EXPECT_FALSE(Readable(*fd));
  queue_.Close();
  EXPECT_TRUE(Readable(*fd)) << "so that the loop polls and learns that it is closed";
}

TEST_F(QueueTest, R10_TheEventFdIsLeftAloneWhileAPollerTakesAll) {
  const auto fd = queue_.EventFd();
  ASSERT_TRUE(fd.ok());
  {
    Poller poller(queue_, 4);
    ASSERT_TRUE(WaitSleeping(1));
    Fill(1);
    EXPECT_EQ(poller.Join().count, 1U);
    EXPECT_EQ(queue_.stats().wakeups, 1U) << "the poller's";
  }
  // Two at once for one that takes one, so that none comes in between.
  FakeWork first;
  FakeWork second;
  Poller poller(queue_, 1);
  ASSERT_TRUE(WaitSleeping(1));
  ASSERT_TRUE(queue_.Enqueue(&first).ok());
  ASSERT_TRUE(queue_.Enqueue(&second).ok());
  EXPECT_EQ(poller.Join().count, 1U);
  EXPECT_TRUE(Readable(*fd)) << "what a poller leaves behind shows";
  EXPECT_EQ(RunSome(2), 1U);
}

TEST_F(QueueTest, R10_AnInterruptCannotComeTooEarly) {
  std::array<Work*, 1> out{};
  queue_.Interrupt();
  EXPECT_EQ(queue_.Poll(out, 0).why, Why::kTimeout) << "this one waits for nothing";
  Fill(1);
  EXPECT_EQ(RunSome(1), 1U) << "nor this";
  EXPECT_EQ(queue_.Poll(out, Queue::kForever).why, Why::kInterrupted);
  EXPECT_EQ(queue_.Poll(out, 1).why, Why::kTimeout) << "one interrupt, one wait";
}

TEST_F(QueueTest, R10_AnInterruptEndsOneWait) {
  auto first = std::make_unique<Poller>(queue_, 1);
  auto second = std::make_unique<Poller>(queue_, 1);
  ASSERT_TRUE(WaitSleeping(2));
  queue_.Interrupt();
  ASSERT_TRUE(WaitSleeping(1));
  Fill(1);
  const Polled a = first->Join();
  const Polled b = second->Join();
  EXPECT_NE(a.why, b.why);
  EXPECT_EQ(a.count + b.count, 1U);
}

// An interrupt that meets the timeout of the wait it was meant for ends the next one.
TEST_F(QueueTest, R10_NoInterruptIsLostToATimeout) {
  constexpr int kInterrupts = 2'000;
  std::atomic<bool> done{false};
  std::atomic<int> interrupted{0};
  const auto poll = [&] {
    std::array<Work*, 1> out{};
    while (!done.load()) {
      if (queue_.Poll(out, 1'000).why == Why::kInterrupted) interrupted.fetch_add(1);
    }
  };
  std::thread first(poll);
  std::thread second(poll);
  for (int i = 0; i < kInterrupts; ++i) queue_.Interrupt();
  EXPECT_TRUE(Eventually([&] { return interrupted.load() >= kInterrupts; }));
  done.store(true);
  first.join();
  second.join();
  EXPECT_EQ(interrupted.load(), kInterrupts);
}

TEST_F(QueueTest, R18_CloseRefusesWhatIsQueuedAndLeavesWhatIsPolled) {
  FakeWork polled;
  FakeWork call;
  FakeWork release(Work::Kind::kRelease);
  ASSERT_TRUE(queue_.Enqueue(&polled).ok());
  ASSERT_TRUE(queue_.Enqueue(&call).ok());
  ASSERT_TRUE(queue_.EnqueueRelease(&release));
  std::array<Work*, 1> out{};
  ASSERT_EQ(queue_.Poll(out, 0).count, 1U);
  // While Close() is still refusing, a poller is told, and nothing is handed over any more.
  call.body_of_refusal = [&] { EXPECT_EQ(queue_.Poll(out, Queue::kForever).why, Why::kClosed); };
  queue_.Close();
  EXPECT_EQ(call.WaitRefused().code(), Code::kClosed);
  EXPECT_EQ(call.WaitRefused().message(), "queue 'ui' is closed");
  EXPECT_EQ(release.ends(), 1) << "R3";
  EXPECT_EQ(polled.ends(), 0);
  polled.Run();
  EXPECT_FALSE(queue_.EnqueueRelease(&NewWork(Work::Kind::kRelease)));
  EXPECT_EQ(works_.back().ends(), 0);
  queue_.Close();
}

TEST_F(QueueTest, R10_CloseEndsEveryWait) {
  Poller first(queue_, 1, Queue::kForever);
  Poller second(queue_, 1, Queue::kForever);
  ASSERT_TRUE(WaitSleeping(2));
  queue_.Close();
  EXPECT_EQ(first.Join().why, Why::kClosed);
  EXPECT_EQ(second.Join().why, Why::kClosed);
}

TEST_F(QueueTest, R10_TheEventFdOfAClosedQueueIsReadable) {
  queue_.Close();
  const auto fd = queue_.EventFd();
  ASSERT_TRUE(fd.ok());
  EXPECT_TRUE(Readable(*fd));
}

TEST_F(QueueTest, R10_CloseInTheMiddleOfEnqueueLeavesTheWork) {
  FakeWork work;
  work.on_size = [&] { queue_.Close(); };
  EXPECT_EQ(queue_.Enqueue(&work).code(), Code::kClosed);
  EXPECT_EQ(work.ends(), 0);
}

// The last work before the pollers go to sleep: waits so short that they end at any moment.
TEST_F(QueueTest, R18_EveryWorkIsHandedOverOnceWhateverPollersDo) {
  std::mt19937_64 lots(TestSeed());
  for (int round = 0; round < 10; ++round) {
    Queue queue({.name = "q", .max_calls = 64});
    ASSERT_TRUE(queue.EventFd().ok());
    constexpr std::size_t kProducers = 2;
    std::deque<FakeWork> works = MixedWorks(2'000, 5);
    std::atomic<bool> closed{false};
    std::vector<int> taken(works.size());
    std::vector<std::thread> threads;
    for (int poller = 0; poller < 3; ++poller) {
      threads.emplace_back([&queue, own = std::mt19937_64(lots())]() mutable {
        std::array<Work*, 8> out{};
        for (;;) {
          const std::size_t batch = 1 + own() % out.size();
          const std::int64_t timeout_ns =
              own() % 4 == 0 ? Queue::kForever : static_cast<std::int64_t>(own() % 20'000);
          const Polled polled = queue.Poll(std::span(out).first(batch), timeout_ns);
          for (std::size_t i = 0; i < polled.count; ++i) out[i]->Run();
          if (polled.why == Why::kClosed) return;
          if (own() % 64 == 0) queue.Interrupt();
        }
      });
    }
    std::vector<std::thread> producers;
    for (std::size_t first = 0; first < kProducers; ++first) {
      producers.emplace_back([&, first] {
        for (std::size_t i = first; i < works.size(); i += kProducers) {
          while (!(taken[i] = Offer(queue, works[i])) && !closed.load()) std::this_thread::yield();
        }
      });
    }
    const bool closes_early = round % 2 == 1;
    if (closes_early) {
      queue.Close();
      closed.store(true);
    }
    for (std::thread& producer : producers) producer.join();
    if (!closes_early) {
      for (FakeWork& work : works) ASSERT_TRUE(work.WaitRan()) << "a wake-up was lost";
    }
    queue.Close();
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < works.size(); ++i) ASSERT_EQ(works[i].ends(), taken[i]) << i;
  }
}

}  // namespace
}  // namespace belay::registry
