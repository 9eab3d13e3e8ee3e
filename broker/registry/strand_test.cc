#include "broker/registry/strand.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "broker/registry/executor_test_util.h"
#include "broker/registry/pool.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

// What a strand runs on, one step at a time, on the test's thread.
class Steps final : public Executor {
 public:
  Status Enqueue(Work*) override {
    ADD_FAILURE() << "the pump is beyond the bound of what is below";
    return {Code::kInternal, "not expected"};
  }
  bool EnqueueRelease(Work* work) noexcept override {
    if (closed) return false;
    works_.PushBack(work);
    ++taken;
    return true;
  }
  // Runs the oldest; false if there is none.
  bool Step() {
    if (works_.empty()) return false;
    works_.PopFront()->Run();
    return true;
  }
  void RefuseAll(const Status& why) { works_.RefuseAll(why); }

  bool closed = false;
  int taken = 0;

 private:
  WorkList works_;
};

class StrandOnSteps : public ::testing::Test {
 protected:
  std::unique_ptr<Strand> Make(std::string name, std::size_t works_per_turn = 16) {
    return std::make_unique<Strand>(ExecutorOptions{.name = std::move(name), .max_calls = 8},
                                    steps_, works_per_turn);
  }
  FakeWork& NewWork(char name, Work::Kind kind = Work::Kind::kCall) {
    FakeWork& work = works_.emplace_back(kind);
    work.body = [this, name] { order_ += name; };
    return work;
  }

  std::shared_ptr<Steps> steps_ = std::make_shared<Steps>();
  std::deque<FakeWork> works_;
  std::string order_;  // the names of what has run
};

TEST_F(StrandOnSteps, R10_TakesTurnsWithOtherStrands) {
  const auto a = Make("a", 2);
  const auto b = Make("b", 2);
  for (const char name : {'1', '2', '3', '4', '5'}) ASSERT_TRUE(a->Enqueue(&NewWork(name)).ok());
  for (const char name : {'x', 'y', 'z'}) ASSERT_TRUE(b->Enqueue(&NewWork(name)).ok());
  while (steps_->Step()) {
  }
  EXPECT_EQ(order_, "12xy34z5");
}

TEST_F(StrandOnSteps, R10_ThePumpIsBelowOnceAndOnlyWhileWorksAre) {
  const auto strand = Make("s");
  ASSERT_TRUE(strand->Enqueue(&NewWork('1')).ok());
  ASSERT_TRUE(strand->Enqueue(&NewWork('2')).ok());
  ASSERT_TRUE(strand->EnqueueRelease(&NewWork('r', Work::Kind::kRelease)));
  EXPECT_EQ(steps_->taken, 1);
  EXPECT_TRUE(steps_->Step());
  EXPECT_FALSE(steps_->Step());
  EXPECT_EQ(order_, "12r") << "a release function stays behind the calls before it";
  ASSERT_TRUE(strand->Enqueue(&NewWork('3')).ok());
  EXPECT_EQ(steps_->taken, 2);
  EXPECT_TRUE(steps_->Step());
}

TEST_F(StrandOnSteps, R10_FullRefusesBeforeAnythingIsTaken) {
  const auto strand = Make("group");
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(strand->Enqueue(&NewWork('.')).ok());
  FakeWork& surplus = NewWork('!');
  const Status full = strand->Enqueue(&surplus);
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_TRUE(Contains(full, "strand 'group'") && Contains(full, "max_calls is 8"));
  EXPECT_TRUE(strand->EnqueueRelease(&NewWork('r', Work::Kind::kRelease)));
  EXPECT_TRUE(steps_->Step());
  EXPECT_EQ(order_, "........r");
  EXPECT_EQ(surplus.ends(), 0);
}

TEST_F(StrandOnSteps, R18_CloseRefusesWhatIsQueuedAndThePumpEnds) {
  auto strand = Make("s");
  FakeWork& call = NewWork('1');
  FakeWork& release = NewWork('r', Work::Kind::kRelease);
  ASSERT_TRUE(strand->Enqueue(&call).ok());
  ASSERT_TRUE(strand->EnqueueRelease(&release));
  strand->Close();
  EXPECT_EQ(call.WaitRefused().message(), "strand 's' is closed");
  EXPECT_EQ(release.ends(), 1);
  FakeWork& late = NewWork('2');
  EXPECT_EQ(strand->Enqueue(&late).code(), Code::kClosed);
  FakeWork& late_release = NewWork('r', Work::Kind::kRelease);
  EXPECT_FALSE(strand->EnqueueRelease(&late_release));
  strand.reset();  // before its pump has run
  EXPECT_TRUE(steps_->Step());
  EXPECT_EQ(order_, "");
  EXPECT_EQ(late.ends() + late_release.ends(), 0);
}

TEST_F(StrandOnSteps, R18_ClosedFromInsideAWorkTheRestIsRefused) {
  const auto strand = Make("s");
  FakeWork closing;
  closing.body = [&] { strand->Close(); };
  FakeWork& rest = NewWork('2');
  ASSERT_TRUE(strand->Enqueue(&closing).ok());
  ASSERT_TRUE(strand->Enqueue(&rest).ok());
  EXPECT_TRUE(steps_->Step());
  EXPECT_EQ(closing.ends(), 1);
  EXPECT_EQ(rest.WaitRefused().code(), Code::kClosed);
  EXPECT_FALSE(steps_->Step());
}

TEST_F(StrandOnSteps, R12_MayBeDestroyedFromInsideAWork) {
  auto strand = Make("s");
  FakeWork last;
  last.body = [&] { strand.reset(); };
  ASSERT_TRUE(strand->Enqueue(&last).ok());
  EXPECT_TRUE(steps_->Step());
  EXPECT_EQ(last.ends(), 1);
  EXPECT_EQ(steps_.use_count(), 1) << "something of the strand is left";
}

TEST_F(StrandOnSteps, R18_WhatIsBelowIsClosedBetweenTurns) {
  const auto strand = Make("s", 1);
  FakeWork& rest = NewWork('2');
  ASSERT_TRUE(strand->Enqueue(&NewWork('1')).ok());
  ASSERT_TRUE(strand->Enqueue(&rest).ok());
  steps_->closed = true;
  EXPECT_TRUE(steps_->Step());
  EXPECT_EQ(order_, "1");
  EXPECT_EQ(rest.WaitRefused().code(), Code::kClosed);
}

TEST_F(StrandOnSteps, R18_WhatIsBelowRefusesThePump) {
  const auto strand = Make("s");
  FakeWork& call = NewWork('1');
  ASSERT_TRUE(strand->Enqueue(&call).ok());
  steps_->RefuseAll({Code::kClosed, "pool 'p' is closed"});
  EXPECT_EQ(call.WaitRefused().message(), "pool 'p' is closed");
  EXPECT_EQ(strand->Enqueue(&NewWork('2')).code(), Code::kClosed);
}

TEST_F(StrandOnSteps, R10_NothingIsTakenIfWhatIsBelowIsClosed) {
  const auto strand = Make("s");
  steps_->closed = true;
  FakeWork& work = NewWork('1');
  const Status refused = strand->Enqueue(&work);
  EXPECT_EQ(refused.code(), Code::kClosed);
  EXPECT_TRUE(Contains(refused, "strand 's'"));
  FakeWork& release = NewWork('r', Work::Kind::kRelease);
  EXPECT_FALSE(strand->EnqueueRelease(&release));
  EXPECT_EQ(work.ends() + release.ends(), 0);
  EXPECT_EQ(strand->queued().calls, 0U);
}

// The works write to a plain variable: under TSan this also shows that each sees what the last one wrote.
TEST(Strand, R10_OneAtATimeInOrderOnManyThreads) {
  constexpr std::size_t kProducers = 3;
  constexpr std::size_t kEach = 1'000;
  const auto pool = std::make_shared<Pool>(ExecutorOptions{.name = "p"}, 4);
  Strand strand({.name = "s", .max_calls = kProducers * kEach}, pool, 4);
  std::array<std::size_t, kProducers> next{};
  std::atomic<int> running{0};
  std::deque<FakeWork> works(kProducers * kEach);
  std::vector<std::thread> producers;
  for (std::size_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      for (std::size_t i = 0; i < kEach; ++i) {
        FakeWork& work = works[producer * kEach + i];
        work.body = [&, producer, i] {
          EXPECT_EQ(running.fetch_add(1), 0) << "two at a time";
          EXPECT_EQ(next[producer]++, i) << "out of order";
          running.fetch_sub(1);
        };
        EXPECT_TRUE(strand.Enqueue(&work).ok());
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  for (FakeWork& work : works) ASSERT_TRUE(work.WaitRan());
  pool->Close();
}

TEST(Strand, R18_EveryWorkEndsOnceAcrossTheClosingOfItsPool) {
  for (int round = 0; round < 20; ++round) {
    const auto pool = std::make_shared<Pool>(ExecutorOptions{.name = "p"}, 2);
    Strand strand({.name = "s", .max_calls = 10'000}, pool, 2);
    std::deque<FakeWork> works = MixedWorks(400, 3);
    std::vector<int> taken(works.size());
    Event halfway;
    std::thread producer([&] {
      for (std::size_t i = 0; i < works.size(); ++i) {
        taken[i] = Offer(strand, works[i]);
        if (i == works.size() / 2) halfway.Set();
      }
    });
    EXPECT_TRUE(halfway.Wait());
    pool->Close();
    producer.join();
    strand.Close();
    for (std::size_t i = 0; i < works.size(); ++i) ASSERT_EQ(works[i].ends(), taken[i]) << i;
  }
}

}  // namespace
}  // namespace belay::registry
