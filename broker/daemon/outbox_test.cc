#include "broker/daemon/outbox.h"

#include <gtest/gtest.h>

#include <string>

#include "belay/v1/session.pb.h"

namespace belay::daemon {
namespace {

TEST(Outbox, PacksWhatFitsAndNumbersIt) {
  Outbox outbox(1'000);
  for (std::uint64_t i = 1; i <= 20; ++i) outbox.Add(100).mutable_pong()->set_nonce(i);
  std::uint64_t next = 1;
  int frames = 0;
  while (const auto frame = outbox.Take(7)) {
    ++frames;
    EXPECT_EQ(frame->message->ack(), 7U);
    EXPECT_EQ(frame->message->first_sequence(), next);
    EXPECT_LE(frame->bytes, 1'000U);
    for (const auto& operation : frame->message->operations())
      EXPECT_EQ(operation.pong().nonce(), next++);
    EXPECT_EQ(outbox.sent(), next - 1);
  }
  EXPECT_EQ(next, 21U);
  EXPECT_GT(frames, 1);
  EXPECT_LT(frames, 20);
  EXPECT_EQ(outbox.queued_bytes(), 0U);
}

TEST(Outbox, AnOperationTooLargeForAFrameGoesAlone) {
  Outbox outbox(1'000);
  outbox.Add().mutable_pong();
  outbox.Add(5'000).mutable_rows()->set_block(std::string(5'000, 'x'));
  outbox.Add().mutable_pong();
  EXPECT_GT(outbox.queued_bytes(), 5'000U);
  EXPECT_EQ(outbox.Take(0)->message->operations_size(), 1);
  EXPECT_EQ(outbox.Take(0)->message->operations(0).rows().block().size(), 5'000U);
  EXPECT_EQ(outbox.Take(0)->message->operations_size(), 1);
  EXPECT_EQ(outbox.Take(0), nullptr);
}

TEST(Outbox, TellsOnceWhetherItIsTakenOrCleared) {
  int taken = 0;
  Outbox outbox(100);
  outbox.Add(90, [&] { taken += 1; }).mutable_rows();
  outbox.Add(90, [&] { taken += 10; }).mutable_rows();
  const auto frame = outbox.Take(0);
  ASSERT_EQ(frame->taken.size(), 1U);
  EXPECT_EQ(taken, 0);  // it is the writer who tells
  outbox.Clear();
  EXPECT_EQ(taken, 10);
  outbox.Clear();
  EXPECT_EQ(taken, 10);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, AckOnlyTakesNoNumber) {
  Outbox outbox(100);
  EXPECT_EQ(Outbox::AckOnly(5)->message->ack(), 5U);
  EXPECT_EQ(outbox.sent(), 0U);
  outbox.Add().mutable_pong();
  EXPECT_EQ(outbox.Take(5)->message->first_sequence(), 1U);
}

}  // namespace
}  // namespace belay::daemon
