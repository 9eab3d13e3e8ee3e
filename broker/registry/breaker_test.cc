// The circuit breaker (R14), on a clock that the test moves.
#include "broker/registry/breaker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

namespace belay::registry {
namespace {

using base::Code;
using State = Breaker::State;
using Change = Breaker::Change;

class BreakerTest : public testing::Test {
 protected:
  static constexpr std::int64_t kCoolDownNs = 1'000;
  static constexpr std::int64_t kMaxCoolDownNs = 3'500;

  Change Call(Code outcome) {
    const auto permit = breaker_.Admit(now_ns_);
    EXPECT_TRUE(permit) << "refused";
    return breaker_.Report(permit, outcome, now_ns_);
  }
  bool IsRefused() { return !breaker_.Admit(now_ns_); }
  void Open() {
    for (std::uint32_t n = 1; n < options_.threshold; ++n) {
      ASSERT_EQ(Call(Code::kUnavailable), Change::kNone);
    }
    ASSERT_EQ(Call(Code::kUnavailable), Change::kOpened);
  }

  const BreakerOptions options_{3, kCoolDownNs, kMaxCoolDownNs};
  Breaker breaker_{options_};
  std::int64_t now_ns_ = 1'000'000;
};

TEST_F(BreakerTest, R14_OpensAtTheThresholdOfFailuresInARow) {
  for (const Code code :
       {Code::kHostLost, Code::kUnavailable, Code::kDeadlineExceeded, Code::kAbandoned}) {
    EXPECT_EQ(Call(code), Change::kNone);
    EXPECT_EQ(Call(code), Change::kNone);
    EXPECT_EQ(breaker_.view().consecutive_failures, 2U);
    EXPECT_EQ(breaker_.view().state, State::kClosed);
    EXPECT_EQ(Call(code), Change::kOpened);
    EXPECT_EQ(breaker_.view().state, State::kOpen);
    EXPECT_EQ(breaker_.view().last_failure, code);
    EXPECT_TRUE(IsRefused());
    EXPECT_EQ(breaker_.Reset(), Change::kClosed);
  }
}

TEST_F(BreakerTest, R14_AnAnswerResetsTheCountEvenOneThatSaysNo) {
  for (const Code answer : {Code::kOk, Code::kCallbackFailed, Code::kBufferTooSmall}) {
    EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
    EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
    EXPECT_EQ(Call(answer), Change::kNone);
    EXPECT_EQ(breaker_.view().consecutive_failures, 0U);
  }
  for (int n = 0; n < 100; ++n) EXPECT_EQ(Call(Code::kCallbackFailed), Change::kNone);
  EXPECT_EQ(breaker_.view().state, State::kClosed) << "application errors never count";
}

TEST_F(BreakerTest, R14_ACallThatGotNowhereProvesNothing) {
  EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
  EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
  for (const Code code : {Code::kResourceExhausted, Code::kCancelled, Code::kRecursionLimit}) {
    EXPECT_EQ(Call(code), Change::kNone);
    EXPECT_EQ(breaker_.view().consecutive_failures, 2U);
  }
  EXPECT_EQ(Call(Code::kHostLost), Change::kOpened);

  now_ns_ += kCoolDownNs;
  EXPECT_EQ(Call(Code::kResourceExhausted), Change::kNone);
  EXPECT_EQ(breaker_.view().state, State::kOpen);
  EXPECT_EQ(Call(Code::kOk), Change::kClosed) << "the next call is the probe";
}

TEST_F(BreakerTest, R14_AfterTheCoolDownOneCallProbes) {
  Open();
  now_ns_ += kCoolDownNs - 1;
  EXPECT_TRUE(IsRefused());
  now_ns_ += 1;
  const auto probe = breaker_.Admit(now_ns_);
  EXPECT_TRUE(probe);
  EXPECT_EQ(breaker_.view().state, State::kHalfOpen);
  EXPECT_TRUE(IsRefused()) << "one at a time";
  now_ns_ += kCoolDownNs - 1;
  EXPECT_TRUE(IsRefused()) << "as long as it may take";
  EXPECT_EQ(breaker_.Report(probe, Code::kCallbackFailed, now_ns_), Change::kClosed);
  EXPECT_EQ(breaker_.view().consecutive_failures, 0U);
  EXPECT_EQ(Call(Code::kOk), Change::kNone);
}

TEST_F(BreakerTest, R14_AProbeThatHangsGivesWayToAnother) {
  Open();
  now_ns_ += kCoolDownNs;
  const auto hanging = breaker_.Admit(now_ns_);
  EXPECT_TRUE(hanging);
  now_ns_ += kCoolDownNs;
  EXPECT_TRUE(breaker_.IsProbeDue(now_ns_));
  const auto probe = breaker_.Admit(now_ns_);
  EXPECT_TRUE(probe);
  EXPECT_TRUE(IsRefused()) << "one at a time";
  EXPECT_EQ(breaker_.Report(hanging, Code::kOk, now_ns_), Change::kNone) << "of another time";
  EXPECT_EQ(breaker_.Report(probe, Code::kOk, now_ns_), Change::kClosed);
}

TEST_F(BreakerTest, R14_CallersThatGiveUpWaitingCountWhileItIsClosed) {
  EXPECT_EQ(breaker_.TimedOut(now_ns_), Change::kNone);
  EXPECT_EQ(Call(Code::kOk), Change::kNone) << "an answer to another caller: it is there";
  EXPECT_EQ(breaker_.view().consecutive_failures, 0U);
  EXPECT_EQ(breaker_.TimedOut(now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.TimedOut(now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.TimedOut(now_ns_), Change::kOpened);
  EXPECT_EQ(breaker_.view().last_failure, Code::kDeadlineExceeded);
  now_ns_ += kCoolDownNs;
  const auto probe = breaker_.Admit(now_ns_);
  EXPECT_EQ(breaker_.TimedOut(now_ns_), Change::kNone) << "of a call from before";
  EXPECT_EQ(breaker_.view().state, State::kHalfOpen);
  EXPECT_EQ(breaker_.Report(probe, Code::kOk, now_ns_), Change::kClosed);
}

TEST_F(BreakerTest, R14_EachFailedProbeDoublesTheCoolDownUpToTheBound) {
  Open();
  for (const std::int64_t wait_ns : {1'000, 2'000, 3'500, 3'500}) {
    EXPECT_EQ(breaker_.view().probe_at_ns, now_ns_ + wait_ns);
    now_ns_ += wait_ns - 1;
    EXPECT_TRUE(IsRefused()) << wait_ns;
    now_ns_ += 1;
    EXPECT_EQ(Call(Code::kDeadlineExceeded), Change::kNone) << "it had not closed";
    EXPECT_EQ(breaker_.view().state, State::kOpen);
  }
  now_ns_ += kMaxCoolDownNs;
  EXPECT_EQ(Call(Code::kOk), Change::kClosed);
  Open();
  EXPECT_EQ(breaker_.view().probe_at_ns, now_ns_ + kCoolDownNs) << "from the beginning";
}

TEST_F(BreakerTest, R14_WhatBeganBeforeTheLastChangeSaysNothing) {
  const auto early = breaker_.Admit(now_ns_);
  Open();
  EXPECT_EQ(breaker_.Report(early, Code::kOk, now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.view().state, State::kOpen) << "closed by a call that is no probe";

  now_ns_ += kCoolDownNs;
  const auto probe = breaker_.Admit(now_ns_);
  EXPECT_EQ(breaker_.Reset(), Change::kClosed);
  EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
  EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
  EXPECT_EQ(breaker_.Report(probe, Code::kHostLost, now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.Report(early, Code::kHostLost, now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.view().consecutive_failures, 2U);
}

TEST_F(BreakerTest, R14_AnAdministratorTripsAndResets) {
  EXPECT_EQ(breaker_.Trip(), Change::kOpened);
  EXPECT_EQ(breaker_.Trip(), Change::kNone);
  now_ns_ += 100 * kMaxCoolDownNs;
  EXPECT_TRUE(IsRefused()) << "no probe lifts it";
  EXPECT_EQ(breaker_.Refusal(now_ns_).reason(), "TRIPPED");
  EXPECT_EQ(breaker_.Reset(), Change::kClosed);
  EXPECT_EQ(breaker_.Reset(), Change::kNone);
  EXPECT_EQ(Call(Code::kOk), Change::kNone);

  Open();
  now_ns_ += kCoolDownNs;
  const auto probe = breaker_.Admit(now_ns_);
  EXPECT_EQ(breaker_.Trip(), Change::kNone) << "it was quarantined already";
  EXPECT_EQ(breaker_.Report(probe, Code::kOk, now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.view().state, State::kTripped) << "a probe undid the administrator's word";
}

TEST_F(BreakerTest, R14_AResetForgetsFailuresAlsoWhileClosed) {
  EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
  EXPECT_EQ(Call(Code::kHostLost), Change::kNone);
  const auto in_flight = breaker_.Admit(now_ns_);
  EXPECT_EQ(breaker_.Reset(), Change::kNone);
  EXPECT_EQ(breaker_.Report(in_flight, Code::kHostLost, now_ns_), Change::kNone);
  EXPECT_EQ(breaker_.view().consecutive_failures, 0U);
}

TEST_F(BreakerTest, R14_ThresholdZeroNeverOpensByItself) {
  const BreakerOptions manual{0, kCoolDownNs, kMaxCoolDownNs};
  Breaker breaker(manual);
  for (int n = 0; n < 1'000; ++n) {
    EXPECT_EQ(breaker.Report(breaker.Admit(now_ns_), Code::kHostLost, now_ns_), Change::kNone);
  }
  EXPECT_EQ(breaker.Trip(), Change::kOpened);
}

TEST_F(BreakerTest, R14_ARefusalSaysWhyAndWhatToDo) {
  Open();
  const base::Status refusal = breaker_.Refusal(now_ns_ - 5'000'000);
  EXPECT_EQ(refusal.code(), Code::kQuarantined);
  EXPECT_NE(refusal.message().find("last 3 calls"), std::string::npos) << refusal.message();
  EXPECT_NE(refusal.message().find("UNAVAILABLE"), std::string::npos) << refusal.message();
  EXPECT_NE(refusal.message().find("in 5 ms"), std::string::npos) << refusal.message();
  now_ns_ += kCoolDownNs;
  EXPECT_TRUE(breaker_.Admit(now_ns_));
  EXPECT_NE(breaker_.Refusal(now_ns_).message().find("probing"), std::string::npos);
}

TEST_F(BreakerTest, R14_ARefusalOfWhatHasBeenResetMeanwhileSaysTryAgain) {
  EXPECT_EQ(breaker_.Refusal(now_ns_).code(), Code::kQuarantined);
  EXPECT_NE(breaker_.Refusal(now_ns_).message().find("try again"), std::string::npos);
}

TEST(BreakerOptionsTest, R14_ACoolDownMayBeForEver) {
  const BreakerOptions options{1, INT64_MAX, INT64_MAX};
  Breaker breaker(options);
  EXPECT_EQ(breaker.Report(breaker.Admit(5), Code::kHostLost, 5), Change::kOpened);
  EXPECT_FALSE(breaker.Admit(INT64_MAX - 1));
  EXPECT_TRUE(breaker.IsProbeDue(INT64_MAX));
}

TEST_F(BreakerTest, R14_AnAnswerToWhatBeganBeforeAResetSaysNothing) {
  const auto early = breaker_.Admit(now_ns_);
  EXPECT_EQ(breaker_.Trip(), Change::kOpened);
  EXPECT_EQ(breaker_.Reset(), Change::kClosed);
  EXPECT_EQ(breaker_.Report(early, Code::kOk, now_ns_), Change::kNone);
}

TEST_F(BreakerTest, R14_ExactlyOneOfManyThreadsProbes) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  std::atomic<int> admitted{0};
  std::barrier<> together(kThreads + 1);
  std::vector<std::thread> threads;
  Open();
  now_ns_ += kCoolDownNs;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        together.arrive_and_wait();
        const auto permit = breaker_.Admit(now_ns_);
        if (permit) admitted.fetch_add(1);
        together.arrive_and_wait();
        if (permit) {
          EXPECT_EQ(breaker_.Report(permit, Code::kHostLost, now_ns_), Change::kNone);
        }
        together.arrive_and_wait();
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    together.arrive_and_wait();
    together.arrive_and_wait();
    EXPECT_EQ(admitted.exchange(0), 1) << "round " << round;
    together.arrive_and_wait();
    now_ns_ += kMaxCoolDownNs;
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace belay::registry
