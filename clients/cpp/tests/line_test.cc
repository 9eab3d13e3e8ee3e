// Line: numbering, what is kept, and how a connection joins a session; and what goes with it into the next.
#include "clients/cpp/src/line.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "belay/v1/session.pb.h"

namespace belay::client {
namespace {

Operation Ping(std::uint64_t nonce) {
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_ping()->set_nonce(nonce);
  return operation;
}

class LineTest : public ::testing::Test {
 protected:
  static v1::Hello Hello() {
    v1::Hello hello;
    hello.set_client_name("test");
    return hello;
  }
  // From the broker. `first_sequence` of 0 with operations is a greeting.
  Status Hear(v1::ServerFrame frame) { return line_.OnFrame(frame, &first_new_); }
  Status HearWelcome(const std::string& token) {
    v1::ServerFrame frame;
    frame.set_first_sequence(1);
    frame.set_ack(1);
    frame.add_operations()->mutable_welcome()->set_resume_token(token);
    return Hear(frame);
  }
  Status HearPongs(std::uint64_t first, int count, std::uint64_t ack = 0) {
    v1::ServerFrame frame;
    frame.set_first_sequence(first);
    frame.set_ack(ack);
    for (int i = 0; i < count; ++i) frame.add_operations()->mutable_pong();
    return Hear(frame);
  }
  Status HearResumed(std::uint64_t ack) {
    v1::ServerFrame frame;
    frame.set_ack(ack);
    frame.add_operations()->mutable_welcome()->set_resumed(true);
    return Hear(frame);
  }
  // A session stands, with its Hello acknowledged.
  void Open(const std::string& token) {
    line_.Connect();
    ASSERT_NE(line_.Take(), nullptr);
    ASSERT_TRUE(HearWelcome(token).ok());
  }
  // What the line sends now: the numbers of its operations.
  std::vector<std::uint64_t> Sent() {
    std::vector<std::uint64_t> numbers;
    while (const auto frame = line_.Take()) {
      for (int i = 0; i < frame->operations_size(); ++i)
        numbers.push_back(frame->first_sequence() + static_cast<std::uint64_t>(i));
    }
    return numbers;
  }

  Line line_{Hello()};
  int first_new_ = 0;
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(LineTest, W3_NothingLeavesBeforeTheWelcome) {
  line_.Add(Ping(1));
  EXPECT_EQ(line_.Take(), nullptr);
  line_.Connect();
  const auto hello = line_.Take();
  ASSERT_NE(hello, nullptr);
  EXPECT_EQ(hello->first_sequence(), 1U);
  EXPECT_EQ(hello->operations(0).hello().client_name(), "test");
  EXPECT_EQ(line_.Take(), nullptr);
  ASSERT_TRUE(HearWelcome("token").ok());
  EXPECT_TRUE(line_.is_up());
  EXPECT_EQ(Sent(), Numbers{2});
}

TEST_F(LineTest, W9_WhatWasNotAcknowledgedIsSentAgainWithItsNumbers) {
  Open("token");
  for (std::uint64_t i = 2; i <= 4; ++i) {
    line_.Add(Ping(i));
    EXPECT_EQ(Sent(), Numbers{i});
  }
  ASSERT_TRUE(HearPongs(2, 1, 2).ok());
  line_.Disconnect();
  line_.Add(Ping(5));
  EXPECT_EQ(line_.Take(), nullptr);
  line_.Connect();
  const auto hello = line_.Take();
  EXPECT_EQ(hello->first_sequence(), 0U);
  EXPECT_EQ(hello->ack(), 2U);
  EXPECT_EQ(hello->operations(0).hello().resume_token(), "token");
  ASSERT_TRUE(HearResumed(3).ok());
  EXPECT_EQ(Sent(), (Numbers{4, 5}));
  ASSERT_TRUE(HearPongs(3, 1, 5).ok());
  EXPECT_EQ(line_.held_bytes(), 0U);
}

TEST_F(LineTest, W9_WhatComesTwiceIsNoticedAndAGapIsABreach) {
  Open("token");
  ASSERT_TRUE(HearPongs(2, 3).ok());
  EXPECT_EQ(first_new_, 0);
  ASSERT_TRUE(HearPongs(3, 4).ok());
  EXPECT_EQ(first_new_, 2);
  ASSERT_TRUE(HearPongs(2, 2).ok());
  EXPECT_EQ(first_new_, 2) << "all of it is known";
  EXPECT_EQ(HearPongs(8, 1).code, Code::kInternal);
}

TEST_F(LineTest, W9_WithoutATokenNothingIsKeptAndARepetitionIsABreach) {
  Open("");
  line_.Add(Ping(1));
  EXPECT_EQ(Sent(), Numbers{2});
  EXPECT_EQ(line_.held_bytes(), 0U);
  EXPECT_FALSE(line_.can_resume());
  ASSERT_TRUE(HearPongs(2, 1).ok());
  EXPECT_EQ(HearPongs(2, 1).code, Code::kInternal);
}

TEST_F(LineTest, W4_OnlyWhatNoFrameCarriedWasNeverSent) {
  Open("token");
  line_.Add(Ping(1));
  EXPECT_EQ(Sent(), Numbers{2});
  line_.Disconnect();
  line_.Add(Ping(7));
  const auto never_sent = line_.TakeNeverSent();
  ASSERT_EQ(never_sent.size(), 1U);
  EXPECT_EQ(never_sent[0]->ping().nonce(), 7U);
  line_.Connect();
  const auto hello = line_.Take();
  EXPECT_EQ(hello->first_sequence(), 1U) << "a new session";
  EXPECT_TRUE(hello->operations(0).hello().resume_token().empty());
}

TEST_F(LineTest, W9_MuchThatWasReceivedIsAcknowledgedWithoutBeingAsked) {
  Open("token");
  ASSERT_TRUE(HearPongs(2, 1'000).ok());
  EXPECT_EQ(line_.Take(), nullptr);
  ASSERT_TRUE(HearPongs(1'002, 100).ok());
  const auto ack = line_.Take();
  ASSERT_NE(ack, nullptr);
  EXPECT_EQ(ack->ack(), 1'101U);
  EXPECT_EQ(ack->operations_size(), 0);
  v1::ServerFrame large;
  large.set_first_sequence(1'102);
  large.add_operations()->mutable_rows()->set_block(std::string(std::size_t{1} << 20U, 'x'));
  ASSERT_TRUE(Hear(large).ok());
  EXPECT_EQ(line_.Take()->ack(), 1'102U);
}

TEST_F(LineTest, ABrokerThatAcknowledgesWhatWasNeverSentIsLeft) {
  Open("token");
  EXPECT_EQ(HearPongs(2, 1, 9).code, Code::kInternal);
  line_.Disconnect();
  line_.Connect();
  (void)line_.Take();
  EXPECT_EQ(HearResumed(9).code, Code::kInternal);
  EXPECT_EQ(HearPongs(3, 1).code, Code::kInternal) << "neither Welcome nor Goodbye";
}

}  // namespace
}  // namespace belay::client
