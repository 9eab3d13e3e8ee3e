#include "broker/registry/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "broker/registry/executor_test_util.h"
#include "broker/registry/refused_call_test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

TEST(Pool, R10_RunsOnAThreadOfItsOwnStartedWhenNeeded) {
  Pool pool({.name = "p"}, 2);
  EXPECT_EQ(pool.stats().threads, 0U);
  FakeWork work;
  std::thread::id ran_on;
  work.body = [&] { ran_on = std::this_thread::get_id(); };
  ASSERT_TRUE(pool.Enqueue(&work).ok());
  ASSERT_TRUE(work.WaitRan());
  EXPECT_NE(ran_on, std::this_thread::get_id());

  ASSERT_TRUE(Eventually([&] { return pool.stats().idle == 1; }));
  FakeWork release(Work::Kind::kRelease);
  ASSERT_TRUE(pool.EnqueueRelease(&release));
  ASSERT_TRUE(release.WaitRan());
  EXPECT_EQ(pool.stats().threads, 1U) << "an idle thread was there";
}

// Both run at once, or neither ends. The second is queued before the thread woken for the first can have
// taken it: who counts that thread as still idle leaves the second waiting.
TEST(Pool, R10_NoWorkWaitsWhileAThreadCouldRunIt) {
  Pool pool({.name = "p"}, 2);
  for (int round = 0; round < 100; ++round) {
    BlockingWork first;
    BlockingWork second;
    ASSERT_TRUE(pool.Enqueue(&first.work).ok());
    ASSERT_TRUE(pool.Enqueue(&second.work).ok());
    const bool both = first.WaitEntered() && second.WaitEntered();
    first.LetGo();
    second.LetGo();
    ASSERT_TRUE(first.work.WaitRan() && second.work.WaitRan());
    ASSERT_TRUE(both) << "round " << round;
  }
  EXPECT_EQ(pool.stats().threads, 2U);
}

TEST(Pool, R10_FullRefusesBeforeAnythingIsTaken) {
  Pool pool({.name = "io", .max_calls = 2, .max_bytes = 100}, 1);
  BlockingWork blocking;
  ASSERT_TRUE(pool.Enqueue(&blocking.work).ok());
  ASSERT_TRUE(blocking.WaitEntered());
  FakeWork first;
  FakeWork second;
  FakeWork third;
  FakeWork release(Work::Kind::kRelease);
  ASSERT_TRUE(pool.Enqueue(&first).ok());
  ASSERT_TRUE(pool.Enqueue(&second).ok());
  const Status full = pool.Enqueue(&third);
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_TRUE(Contains(full, "pool 'io'") && Contains(full, "max_calls is 2")) << full.message();
  EXPECT_TRUE(pool.EnqueueRelease(&release)) << "R6: release functions are beyond the bound";
  EXPECT_EQ(pool.stats().queued.calls, 2U);
  blocking.LetGo();
  EXPECT_TRUE(first.WaitRan() && second.WaitRan() && release.WaitRan());
  EXPECT_EQ(third.ends(), 0);
  EXPECT_TRUE(pool.Enqueue(&third).ok()) << "there is room again";
  EXPECT_TRUE(third.WaitRan());
  pool.Close();
  EXPECT_EQ(blocking.work.ends(), 1);
}

TEST(Pool, R18_CloseEndsWhatIsQueuedAndWaitsForWhatRuns) {
  Pool pool({.name = "io"}, 1);
  FakeWork running;
  FakeWork call;
  FakeWork release(Work::Kind::kRelease);
  Event entered;
  running.body = [&] {
    entered.Set();
    EXPECT_EQ(call.WaitRefused().code(), Code::kClosed);
    EXPECT_EQ(release.WaitRefused().code(), Code::kClosed);
  };
  ASSERT_TRUE(pool.Enqueue(&running).ok());
  ASSERT_TRUE(entered.Wait());
  ASSERT_TRUE(pool.Enqueue(&call).ok());
  ASSERT_TRUE(pool.EnqueueRelease(&release));
  pool.Close();
  EXPECT_EQ(running.ends(), 1) << "Close() came back while it ran";
  EXPECT_TRUE(Contains(call.WaitRefused(), "pool 'io' is closed"));

  FakeWork late;
  EXPECT_EQ(pool.Enqueue(&late).code(), Code::kClosed);
  FakeWork late_release(Work::Kind::kRelease);
  EXPECT_FALSE(pool.EnqueueRelease(&late_release));
  EXPECT_EQ(late.ends() + late_release.ends(), 0);
}

TEST(Pool, R10_CloseOnItsOwnThreadDoesNotWaitForItself) {
  Pool pool({.name = "p"}, 2);
  FakeWork closing;
  FakeWork closing_too;
  Event both;
  closing.body = [&] {
    EXPECT_TRUE(both.Wait());
    pool.Close();
  };
  closing_too.body = [&] {
    both.Set();
    pool.Close();
  };
  ASSERT_TRUE(pool.Enqueue(&closing).ok());
  ASSERT_TRUE(pool.Enqueue(&closing_too).ok());
  EXPECT_TRUE(closing.WaitRan() && closing_too.WaitRan());
  pool.Close();  // this one waits
}

TEST(Pool, R12_MayBeDestroyedOnItsOwnThread) {
  auto pool = std::make_unique<Pool>(ExecutorOptions{.name = "p"}, 2);
  FakeWork queued;
  FakeWork last;
  BlockingWork other;  // still runs when the pool is gone
  ASSERT_TRUE(pool->Enqueue(&other.work).ok());
  ASSERT_TRUE(other.WaitEntered());
  Event queued_too;
  last.body = [&] {
    EXPECT_TRUE(queued_too.Wait());
    pool.reset();
  };
  ASSERT_TRUE(pool->Enqueue(&last).ok());
  ASSERT_TRUE(pool->Enqueue(&queued).ok());
  queued_too.Set();
  EXPECT_TRUE(last.WaitRan());
  EXPECT_EQ(queued.WaitRefused().code(), Code::kClosed);
  other.LetGo();
  EXPECT_TRUE(other.work.WaitRan());
}

TEST(Pool, R10_CloseInTheMiddleOfEnqueueLeavesTheWork) {
  Pool pool({.name = "io"}, 1);
  FakeWork work;
  work.on_size = [&] { pool.Close(); };
  const Status refused = pool.Enqueue(&work);
  EXPECT_EQ(refused.code(), Code::kClosed);
  EXPECT_TRUE(Contains(refused, "pool 'io'"));
  EXPECT_EQ(work.ends(), 0);
}

TEST(Pool, R6_WithoutAThreadToBeHadItTakesNothing) {
  Pool pool({.name = "io"}, 1);
  FakeWork call;
  FakeWork release(Work::Kind::kRelease);
  Status refused;
  bool taken = true;
  std::thread([&] {
    RefuseThreadsFromNowOn();
    refused = pool.Enqueue(&call);
    taken = pool.EnqueueRelease(&release);
  }).join();
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.reason(), "NO_THREAD");
  EXPECT_FALSE(taken) << "it is the caller's to run";
  EXPECT_EQ(call.ends() + release.ends(), 0);
  EXPECT_TRUE(pool.Enqueue(&call).ok()) << "threads can be had again";
  EXPECT_TRUE(call.WaitRan());
}

// Every work that was taken is ended once, whichever side of Close() it is on.
TEST(Pool, R18_EveryWorkEndsOnceAcrossClose) {
  for (int round = 0; round < 20; ++round) {
    Pool pool({.name = "p", .max_calls = 10'000}, 2);
    std::deque<FakeWork> works = MixedWorks(600, 2);
    std::vector<int> taken(works.size());
    Event halfway;
    std::vector<std::thread> producers;
    for (std::size_t first = 0; first < 3; ++first) {
      producers.emplace_back([&, first] {
        for (std::size_t i = first; i < works.size(); i += 3) {
          taken[i] = Offer(pool, works[i]);
          if (i > works.size() / 2) halfway.Set();
        }
      });
    }
    EXPECT_TRUE(halfway.Wait());
    pool.Close();
    for (std::thread& producer : producers) producer.join();
    for (std::size_t i = 0; i < works.size(); ++i) ASSERT_EQ(works[i].ends(), taken[i]) << i;
  }
}

}  // namespace
}  // namespace belay::registry
