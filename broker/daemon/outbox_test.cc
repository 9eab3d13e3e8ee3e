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

TEST(Outbox, W9_KeepsWhatItGaveOutUntilItIsAcknowledged) {
  Outbox outbox(200);
  outbox.KeepUntilAcked();
  for (std::uint64_t i = 1; i <= 6; ++i) outbox.Add(40).mutable_pong()->set_nonce(i);
  int frames = 0;
  while (outbox.Take(0)) ++frames;
  ASSERT_EQ(frames, 6);  // of one operation each
  EXPECT_EQ(outbox.queued_bytes(), 0U);
  const auto kept_bytes = outbox.kept_bytes();
  EXPECT_GT(kept_bytes, 0U);
  outbox.OnAck(2);
  EXPECT_LT(outbox.kept_bytes(), kept_bytes);
  outbox.Rewind().mutable_welcome()->set_session_id(9);
  outbox.Add(40).mutable_pong()->set_nonce(7);
  const auto greeting = outbox.Take(5);
  EXPECT_EQ(greeting->message->first_sequence(), 0U);
  EXPECT_EQ(greeting->message->ack(), 5U);
  EXPECT_EQ(greeting->message->operations(0).welcome().session_id(), 9U);
  for (std::uint64_t number = 3; number <= 7; ++number) {
    const auto frame = outbox.Take(8);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->message->first_sequence(), number);
    EXPECT_EQ(frame->message->ack(), 8U);
    ASSERT_EQ(frame->message->operations_size(), 1);
    EXPECT_EQ(frame->message->operations(0).pong().nonce(), number);
  }
  EXPECT_EQ(outbox.Take(0), nullptr);
  outbox.OnAck(7);
  EXPECT_EQ(outbox.kept_bytes(), 0U);
}

TEST(Outbox, W4_FindsWhatNoFrameHasCarriedAndNothingElse) {
  Outbox outbox(250);
  outbox.KeepUntilAcked();
  for (std::uint64_t i = 1; i <= 3; ++i) outbox.Add(40).mutable_pong()->set_nonce(i);
  ASSERT_EQ(outbox.Take(0)->message->operations_size(), 2);
  EXPECT_EQ(outbox.FindUnsent(2), nullptr);
  EXPECT_EQ(outbox.FindUnsent(4), nullptr);
  ASSERT_NE(outbox.FindUnsent(3), nullptr);
  EXPECT_EQ(outbox.FindUnsent(3)->pong().nonce(), 3U);
  outbox.Rewind();
  EXPECT_EQ(outbox.FindUnsent(2), nullptr) << "it is sent again, but was sent";
  EXPECT_NE(outbox.FindUnsent(3), nullptr);
}

}  // namespace
}  // namespace belay::daemon
