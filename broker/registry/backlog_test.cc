#include "broker/registry/backlog.h"

#include <gtest/gtest.h>

#include <vector>

#include "broker/registry/executor_test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

TEST(Backlog, FirstInFirstOutAcrossKinds) {
  Backlog backlog("queue", {.name = "q", .max_calls = 8, .max_bytes = 100});
  FakeWork first(Work::Kind::kCall, 10);
  FakeWork release(Work::Kind::kRelease);
  FakeWork last(Work::Kind::kCall, 20);
  backlog.PushCall(&first, 10);
  backlog.PushRelease(&release);
  backlog.PushCall(&last, 20);
  EXPECT_EQ(backlog.load().calls, 2U);
  EXPECT_EQ(backlog.load().bytes, 30U);
  EXPECT_EQ(backlog.load().releases, 1U);
  EXPECT_EQ(backlog.Pop(), &first);
  EXPECT_EQ(backlog.Pop(), &release);
  EXPECT_EQ(backlog.Pop(), &last);
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(backlog.load().bytes, 0U);
  backlog.PushCall(&first, 10);  // after it ran empty
  EXPECT_EQ(backlog.Pop(), &first);
}

TEST(Backlog, R10_FullNamesWhatIsFullAndItsBound) {
  Backlog backlog("queue", {.name = "ui", .max_calls = 2, .max_bytes = 100});
  FakeWork big(Work::Kind::kCall, 90);
  FakeWork small(Work::Kind::kCall, 10);
  ASSERT_EQ(backlog.Ask(90), Backlog::Verdict::kFits);
  backlog.PushCall(&big, 90);

  ASSERT_EQ(backlog.Ask(11), Backlog::Verdict::kTooManyBytes);
  const Status bytes = backlog.Explain(Backlog::Verdict::kTooManyBytes, 11, backlog.load());
  EXPECT_EQ(bytes.code(), Code::kResourceExhausted);
  EXPECT_EQ(bytes.reason(), "TOO_MANY_BYTES");
  EXPECT_EQ(bytes.message(),
            "queue 'ui' has no room for a call of 11 bytes: 90 bytes (1 calls) are queued, "
            "max_bytes is 100; call again when some have run");

  ASSERT_EQ(backlog.Ask(10), Backlog::Verdict::kFits);
  backlog.PushCall(&small, 10);
  ASSERT_EQ(backlog.Ask(0), Backlog::Verdict::kTooManyCalls);
  const Status calls = backlog.Explain(Backlog::Verdict::kTooManyCalls, 0, backlog.load());
  EXPECT_EQ(calls.code(), Code::kResourceExhausted);
  EXPECT_EQ(calls.reason(), "TOO_MANY_CALLS");
  EXPECT_EQ(calls.message(),
            "queue 'ui' is full: 2 calls (100 bytes) are queued, max_calls is 2; call again when "
            "some have run");
}

TEST(Backlog, R10_ACallThatNeverFitsIsToldSo) {
  const Backlog backlog("pool", {.name = "io", .max_calls = 2, .max_bytes = 100});
  ASSERT_EQ(backlog.Ask(101), Backlog::Verdict::kTooManyBytes);
  EXPECT_EQ(backlog.Ask(~std::size_t{0}), Backlog::Verdict::kTooManyBytes);
  EXPECT_TRUE(
      Contains(backlog.Explain(Backlog::Verdict::kTooManyBytes, 101, backlog.load()), "never fit"));
}

TEST(Backlog, R10_ReleaseFunctionsAreBeyondTheBound) {
  Backlog backlog("queue", {.name = "q", .max_calls = 1, .max_bytes = 1});
  FakeWork release(Work::Kind::kRelease, 1'000);
  backlog.PushRelease(&release);
  EXPECT_EQ(backlog.Ask(1), Backlog::Verdict::kFits);
  EXPECT_EQ(backlog.load().bytes, 0U);
}

TEST(Backlog, R18_CloseHandsOverEverythingInOrder) {
  Backlog backlog("queue", {.name = "q"});
  FakeWork call;
  FakeWork release(Work::Kind::kRelease);
  std::vector<int> order;
  call.body_of_refusal = [&] { order.push_back(1); };
  release.body_of_refusal = [&] { order.push_back(2); };
  backlog.PushCall(&call, 1);
  backlog.PushRelease(&release);
  WorkList works = backlog.Close();
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(backlog.load().calls, 0U);
  EXPECT_EQ(backlog.Ask(1), Backlog::Verdict::kClosed);
  works.RefuseAll(backlog.closed_status());
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(call.WaitRefused().code(), Code::kClosed);
  EXPECT_EQ(call.WaitRefused().message(), "queue 'q' is closed");
}

}  // namespace
}  // namespace belay::registry
