// Sessions that outlive their connections: suspended, resumed, replayed, expired, taken over.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/daemon/testing/session_fixture.h"

namespace belay::daemon {
namespace {

using base::Code;

constexpr std::uint32_t kGraceMs = 1'000;

v1::Hello WithGrace(const std::string& name) {
  v1::Hello hello = HelloOf(name);
  hello.set_grace_ms(kGraceMs);
  return hello;
}

v1::Hello OfLife(const std::string& instance, std::uint64_t incarnation) {
  v1::Hello hello = WithGrace("host");
  hello.set_instance(instance);
  hello.set_incarnation(incarnation);
  return hello;
}

class SessionLifeTest : public SessionTest {
 protected:
  std::string StateOf(const Client& client) { return client.session->View().state; }
  void Restart(const Limits& limits) {
    Stop();
    Start(limits);
  }
};

TEST_F(SessionLifeTest, W3_GraceAndLeaseAreGrantedUpToTheBrokersBounds) {
  Limits limits;
  limits.session_grace_ms = 500;
  limits.session_lease_ms = 400;
  Restart(limits);
  v1::Hello hello = WithGrace("a");
  hello.set_lease_ms(300);
  Client client(*hub, hello);
  EXPECT_EQ(client.welcome.grace_ms(), 500U);
  EXPECT_EQ(client.welcome.lease_ms(), 300U);
  EXPECT_GE(client.welcome.resume_token().size(), 16U);
  EXPECT_FALSE(client.welcome.resumed());
  Client plain(*hub, "plain");
  EXPECT_EQ(plain.welcome.grace_ms() + plain.welcome.lease_ms(), 0U);
  EXPECT_TRUE(plain.welcome.resume_token().empty());
}

TEST_F(SessionLifeTest, W3_WithoutGraceASessionEndsWithItsConnection) {
  Client client(*hub, "a");
  client.Register("f");
  client.session->OnClosed();
  EXPECT_EQ(client.ends, 1);
  EXPECT_EQ(hub->session_count(), 0U);
  EXPECT_EQ(hub->broker().Resolve("f").code(), Code::kNotFound);
}

TEST_F(SessionLifeTest, W3_ASuspendedSessionKeepsItsNamesAndItsCallsWait) {
  Client host(*hub, WithGrace("host")), caller(*hub, "caller");
  host.Register("f");
  host.Lose();
  EXPECT_EQ(StateOf(host), "suspended");
  EXPECT_EQ(host.ends, 0);
  const auto handle = caller.Resolve("f");
  ASSERT_NE(handle, 0U);
  caller.Call(1, handle);
  EXPECT_TRUE(caller.Take().empty());
  AdvanceMs(kGraceMs - 1);
  host.Resume(*hub, host.welcome.resume_token());
  const auto operations = host.Take();
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_TRUE(operations[0].welcome().resumed());
  EXPECT_EQ(operations[0].welcome().session_id(), host.welcome.session_id());
  EXPECT_EQ(StateOf(host), "connected");
  host.Answer(operations[1].call().call_id(), "back");
  EXPECT_EQ(caller.Next().result().payload(), "back");
  AdvanceMs(10 * kGraceMs);
  EXPECT_EQ(StateOf(host), "connected") << "the grace is over with the resume";
}

TEST_F(SessionLifeTest, W3_AfterTheGraceTheSessionIsOverAndItsCallersAreAnswered) {
  Client host(*hub, WithGrace("host")), caller(*hub, "caller");
  host.Register("f");
  const auto handle = caller.Resolve("f");
  caller.Call(1, handle);
  host.Lose();  // with the call, which had left
  caller.Call(2, handle);
  AdvanceMs(kGraceMs);
  const auto results = caller.Take();
  ASSERT_EQ(results.size(), 2U);
  for (const auto& operation : results) {
    const auto& result = operation.result();
    EXPECT_EQ(result.status().code(), static_cast<int>(Code::kHostLost));
    EXPECT_EQ(result.status().certainty(),
              result.call_id() == 1 ? v1::CERTAINTY_SENT_UNKNOWN : v1::CERTAINTY_NOT_SENT);
  }
  EXPECT_EQ(hub->session_count(), 1U);
  EXPECT_EQ(hub->broker().Resolve("f").code(), Code::kNotFound);
  host.Resume(*hub, host.welcome.resume_token());
  EXPECT_EQ(host.end.code(), Code::kStaleEpoch);
  EXPECT_EQ(host.end.reason(), "SESSION_EXPIRED");
}

// What was written and lost comes again, and what the client says again has no second effect.
TEST_F(SessionLifeTest, W9_WhatWasLostIsSentAgainAndWhatComesTwiceIsDropped) {
  Client client(*hub, WithGrace("a"));
  const auto handle = client.Register("f");
  const auto second = [&] {
    client.Send([&](auto& operation) {
      operation.mutable_retain()->set_request_id(5);
      operation.mutable_retain()->set_handle(handle);
    });
  };
  second();
  client.Lose();  // the reply to it
  client.Resume(*hub, client.welcome.resume_token());
  auto operations = client.Take();
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(client.acked, client.sent) << "the broker has it, and says so";
  EXPECT_EQ(operations[1].reply().request_id(), 5U);
  EXPECT_EQ(client.session->View().handles, 2U);
  // A client that repeats what had arrived all the same.
  --client.sent;
  second();
  EXPECT_TRUE(client.Take().empty());
  EXPECT_EQ(client.session->View().handles, 2U);
  // The one after it counts.
  EXPECT_EQ(client.Release(handle), 0);
  EXPECT_EQ(client.session->View().handles, 1U);
}

TEST_F(SessionLifeTest, W9_AGapOrWithoutGraceARepetitionBreaksTheProtocol) {
  Client client(*hub, WithGrace("a")), plain(*hub, "plain");
  client.sent += 1;
  client.Send([](auto& operation) { operation.mutable_ping(); });
  EXPECT_EQ(client.end.reason(), "BAD_SEQUENCE");
  EXPECT_EQ(client.ends, 1) << "a breach ends a session, grace or not";
  plain.sent -= 1;
  plain.Send([](auto& operation) { operation.mutable_ping(); });
  EXPECT_EQ(plain.end.reason(), "BAD_SEQUENCE");
}

TEST_F(SessionLifeTest, W3_OnlyTheTokenOfThisSessionResumesIt) {
  Client client(*hub, WithGrace("a")), other(*hub, WithGrace("b"));
  client.Lose();
  std::string guess = client.welcome.resume_token();
  guess.back() = static_cast<char>(guess.back() ^ 1);
  for (const std::string& wrong : {guess, std::string("short")}) {
    other.Lose();
    other.Resume(*hub, wrong);
    EXPECT_EQ(other.end.code(), Code::kStaleEpoch);
    EXPECT_EQ(StateOf(client), "suspended");
    other.Resume(*hub, other.welcome.resume_token());
  }
}

TEST_F(SessionLifeTest, W3_ATokenOfAnEarlierBrokerResumesNothing) {
  std::string token;
  {
    Client client(*hub, WithGrace("a"));
    token = client.welcome.resume_token();
    client.Lose();
  }
  Stop();
  Start({});  // under the same epoch, and without that session
  Client late(*hub, "late");
  late.Resume(*hub, token);
  EXPECT_EQ(late.end.reason(), "SESSION_EXPIRED");
  EXPECT_EQ(ResumeToken::Parse(token)->epoch(), hub->epoch());
  late.Resume(*hub, ResumeToken::Make(hub->epoch() + 1, 1).ToText());
  EXPECT_EQ(late.end.reason(), "STALE_EPOCH");
}

TEST_F(SessionLifeTest, W3_AResumeThatClaimsTheImpossibleIsRefusedAndTheSessionWaitsOn) {
  Client client(*hub, WithGrace("a"));
  client.Lose();
  const auto received = client.received;
  client.received += 1;
  client.Resume(*hub, client.welcome.resume_token());
  EXPECT_EQ(client.end.reason(), "BAD_RESUME");
  client.received = received;
  client.Resume(*hub, client.welcome.resume_token());
  EXPECT_TRUE(client.Next().welcome().resumed());
}

TEST_F(SessionLifeTest, W3_AStreamThatResumesTakesTheSessionFromOneThatIsStillThere) {
  Client client(*hub, WithGrace("a"));
  Client again(*hub, "again");
  again.received = client.received;
  again.Resume(*hub, client.welcome.resume_token());
  EXPECT_TRUE(client.is_dropped);
  EXPECT_EQ(client.end.reason(), "RESUMED");
  EXPECT_EQ(again.Next().welcome().session_id(), client.welcome.session_id());
  EXPECT_EQ(client.ends, 0);
}

TEST_F(SessionLifeTest, W3_SilenceBeyondTheLeaseIsALossAndAnyFrameIsNone) {
  v1::Hello hello = WithGrace("a");
  hello.set_lease_ms(300);
  Client client(*hub, hello);
  for (int i = 0; i < 5; ++i) {
    AdvanceMs(299);
    v1::ClientFrame empty;
    client.session->OnFrame(empty);
  }
  EXPECT_EQ(StateOf(client), "connected");
  AdvanceMs(299);
  EXPECT_FALSE(client.is_dropped);
  AdvanceMs(1);
  EXPECT_TRUE(client.is_dropped);
  EXPECT_EQ(client.end.reason(), "LEASE_OVER");
  EXPECT_EQ(StateOf(client), "suspended");
  client.Resume(*hub, client.welcome.resume_token());
  AdvanceMs(299);
  EXPECT_EQ(StateOf(client), "connected");
}

TEST_F(SessionLifeTest, W3_WithoutGraceSilenceBeyondTheLeaseIsTheEnd) {
  v1::Hello hello = HelloOf("a");
  hello.set_lease_ms(300);
  Client client(*hub, hello);
  AdvanceMs(300);
  EXPECT_EQ(client.ends, 1);
  EXPECT_EQ(client.end.reason(), "LEASE_OVER");
}

TEST_F(SessionLifeTest, W3_GoodbyeOfTheClientEndsTheSessionAtOnce) {
  Client client(*hub, WithGrace("a"));
  client.Register("f");
  client.Send([](auto& operation) { operation.mutable_goodbye(); });
  EXPECT_EQ(client.ends, 1);
  EXPECT_TRUE(client.end.ok());
  EXPECT_EQ(hub->session_count(), 0U);
  EXPECT_EQ(hub->broker().Resolve("f").code(), Code::kNotFound);
}

TEST_F(SessionLifeTest, W3_ANewerIncarnationTakesOverFromItsGhost) {
  Client ghost(*hub, OfLife("one", 5)), other(*hub, OfLife("two", 1)), plain(*hub, "host");
  ghost.Register("f");
  ghost.Lose();
  Client same(*hub, OfLife("one", 5));
  EXPECT_EQ(same.Register("f"), 0U) << "a second one of the same life has no right to it";
  Client newer(*hub, OfLife("one", 6));
  EXPECT_TRUE(ghost.session->ended());
  EXPECT_EQ(same.end.reason(), "TAKEN_OVER");
  EXPECT_NE(newer.Register("f"), 0U);
  EXPECT_EQ(other.ends + plain.ends, 0);
  Client older(*hub, OfLife("one", 2));
  EXPECT_EQ(newer.ends, 0);
}

TEST_F(SessionLifeTest, W3_AnotherUserTakesNothingOver) {
  Client mine(*hub, OfLife("one", 1), CallerAt("uid=1000,pid=7"));
  Client theirs(*hub, OfLife("one", 2), CallerAt("uid=1001,pid=8"));
  EXPECT_EQ(mine.ends, 0);
  Client my_next(*hub, OfLife("one", 3), CallerAt("uid=1000,pid=9"));
  EXPECT_EQ(mine.end.reason(), "TAKEN_OVER");
  EXPECT_EQ(theirs.ends, 0);
}

TEST_F(SessionLifeTest, W3_ATokenOfSomebodyElsesSessionResumesNothing) {
  Client mine(*hub, WithGrace("mine"), CallerAt("uid=1000,pid=7"));
  mine.Lose();
  Client theirs(*hub, HelloOf("theirs"), CallerAt("uid=1001,pid=8"));
  theirs.Resume(*hub, mine.welcome.resume_token(), CallerAt("uid=1001,pid=8"));
  EXPECT_EQ(theirs.end.reason(), "SESSION_EXPIRED");
  mine.Resume(*hub, mine.welcome.resume_token(), CallerAt("uid=1000,pid=9"));
  EXPECT_TRUE(mine.Next().welcome().resumed());
}

TEST_F(SessionLifeTest, W4_ACallThatNeverLeftIsTakenBackWhenNobodyWaitsForIt) {
  Client host(*hub, WithGrace("host")), caller(*hub, "caller");
  host.Register("f");
  const auto handle = caller.Resolve("f");
  host.Lose();
  caller.Call(1, handle, 100);
  caller.Call(2, handle);
  caller.Call(3, handle);
  AdvanceMs(100);
  caller.Send([](auto& operation) { operation.mutable_cancel()->set_call_id(2); });
  const auto results = caller.Take();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].result().status().code(), static_cast<int>(Code::kDeadlineExceeded));
  EXPECT_EQ(results[0].result().status().certainty(), v1::CERTAINTY_NOT_SENT);
  EXPECT_EQ(results[1].result().status().code(), static_cast<int>(Code::kCancelled));
  EXPECT_EQ(results[1].result().status().certainty(), v1::CERTAINTY_NOT_SENT);
  EXPECT_EQ(host.session->View().calls_running, 1U);
  host.Resume(*hub, host.welcome.resume_token());
  int calls = 0;
  for (const auto& operation : host.Take()) calls += operation.has_call() ? 1 : 0;
  EXPECT_EQ(calls, 1) << "only the one that somebody waits for";
}

TEST_F(SessionLifeTest, W7_ASuspendedSessionHoldsABoundedAmountAndThenEnds) {
  Limits limits;
  limits.max_unacked_bytes = 1'000;
  Restart(limits);
  Client host(*hub, "host"), caller(*hub, WithGrace("caller"));
  host.Register("f");
  const auto handle = caller.Resolve("f");
  for (std::uint64_t id = 1; id <= 3; ++id) caller.Call(id, handle);
  caller.Lose();
  const auto calls = host.Take();
  host.Answer(calls[0].call().call_id(), std::string(300, 'x'));
  host.Answer(calls[1].call().call_id(), std::string(300, 'x'));
  AdvanceMs(1);
  EXPECT_FALSE(caller.session->ended());
  host.Answer(calls[2].call().call_id(), std::string(300, 'x'));
  AdvanceMs(1);
  EXPECT_TRUE(caller.session->ended());
}

TEST_F(SessionLifeTest, W7_AClientThatNeverAcknowledgesIsTold) {
  Limits limits;
  limits.max_unacked_bytes = 1'000;
  Restart(limits);
  Client client(*hub, WithGrace("a"));
  const auto received = client.received;
  for (int i = 0; i < 20 && client.ends == 0; ++i) {
    client.received = received;  // what it says it has
    client.Send([](auto& operation) { operation.mutable_ping(); });
    while (const auto frame = client.session->outbox().Take(0)) {
    }
    AdvanceMs(1);
  }
  EXPECT_EQ(client.ends, 1);
  EXPECT_EQ(client.end.reason(), "TOO_MUCH_UNACKED");
}

TEST_F(SessionLifeTest, ADrainingBrokerWaitsForNoSuspendedClient) {
  Client suspended(*hub, WithGrace("a")), connected(*hub, WithGrace("b")), host(*hub, "host");
  host.Register("f");
  connected.Call(1, connected.Resolve("f"));
  suspended.Lose();
  bool drained = false;
  hub->Drain([&] { drained = true; });
  EXPECT_TRUE(suspended.session->ended());
  EXPECT_FALSE(connected.session->ended());
  connected.Lose();
  EXPECT_TRUE(connected.session->ended()) << "nor for one that goes now";
  host.session->OnClosed();
  EXPECT_TRUE(drained);
}

}  // namespace
}  // namespace belay::daemon
