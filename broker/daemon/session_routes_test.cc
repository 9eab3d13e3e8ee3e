// Calls of names, calls that want no answer, and giving calls up (W4, W6, W8).
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "broker/daemon/testing/session_fixture.h"

namespace belay::daemon {
namespace {

using base::Code;

class SessionRoutesTest : public SessionTest {
 protected:
  static std::uint64_t Join(Client& client, const std::string& name, v1::NamePolicy policy) {
    client.Send([&](auto& operation) {
      v1::Register& request = *operation.mutable_register_();
      request.set_name(name);
      request.set_label("of " + name);
      request.set_policy(policy);
      request.set_on_conflict(v1::ON_CONFLICT_JOIN);
    });
    return client.Reply().handle();
  }
  static std::uint64_t Follow(Client& client, const std::string& name) {
    client.Send([&](auto& operation) {
      operation.mutable_resolve()->set_name(name);
      operation.mutable_resolve()->set_follow(true);
    });
    return client.Reply().handle();
  }
  static void CallWith(Client& client, std::uint64_t call_id, std::uint64_t handle,
                       const std::function<void(v1::Call&)>& more) {
    client.Send([&](auto& operation) {
      operation.mutable_call()->set_call_id(call_id);
      operation.mutable_call()->set_handle(handle);
      more(*operation.mutable_call());
    });
  }
  static void Cancel(Client& client, std::uint64_t call_id, v1::CancelMode mode) {
    client.Send([&](auto& operation) {
      operation.mutable_cancel()->set_call_id(call_id);
      operation.mutable_cancel()->set_mode(mode);
    });
  }
  static void Fail(Client& host, std::uint64_t call_id) {
    host.Send([&](auto& operation) {
      operation.mutable_result()->set_call_id(call_id);
      operation.mutable_result()->mutable_status()->set_code(static_cast<int>(Code::kNotFound));
    });
  }
};

TEST_F(SessionRoutesTest, W8_ACallOfAFollowedNameGoesToWhomItIsBoundThen) {
  Client caller(*hub, "caller");
  const auto name = Follow(caller, "pool");
  ASSERT_NE(name, 0U);
  caller.Call(1, name);
  auto status = caller.Next().result().status();
  EXPECT_EQ(status.code(), static_cast<int>(Code::kNotFound));
  EXPECT_EQ(status.certainty(), v1::CERTAINTY_NOT_SENT);
  Client a(*hub, "a"), b(*hub, "b");
  Join(a, "pool", v1::NAME_POLICY_ROUND_ROBIN);
  Join(b, "pool", v1::NAME_POLICY_ROUND_ROBIN);
  for (std::uint64_t id = 2; id < 10; ++id) caller.Call(id, name);
  EXPECT_EQ(a.Take().size(), 4U);
  EXPECT_EQ(b.Take().size(), 4U);
  EXPECT_EQ(caller.session->View().calls_waiting, 8U);
  // A name that is followed keeps nobody alive, can be retained, and attaches no hook.
  caller.Send([&](auto& operation) { operation.mutable_retain()->set_handle(name); });
  const auto another = caller.Reply().handle();
  EXPECT_EQ(caller.Release(name), 0);
  caller.Call(10, name);
  EXPECT_EQ(caller.Next().result().status().code(), static_cast<int>(Code::kStale));
  a.session->OnClosed();
  caller.Take();
  caller.Call(11, another);
  EXPECT_EQ(b.Next().operation_case(), Operation::kCall);
  caller.Send([&](auto& operation) { operation.mutable_attach_watch()->set_handle(another); });
  EXPECT_EQ(caller.Reply().status().code(), static_cast<int>(Code::kWrongKind));
}

// What is tried again, by certainty: the host is lost before and after a frame carried the call.
TEST_F(SessionRoutesTest, W4_AnotherMemberIsTriedWhereTheFirstCannotHaveRunOrMayRunAgain) {
  for (const bool idempotent : {false, true}) {
    for (const bool sent : {false, true}) {
      Client caller(*hub, "caller"), first(*hub, "first"), second(*hub, "second");
      Join(first, "pool", v1::NAME_POLICY_FIRST);
      Join(second, "pool", v1::NAME_POLICY_FIRST);
      const auto name = Follow(caller, "pool");
      CallWith(caller, 1, name, [&](v1::Call& call) {
        call.set_payload("again");
        call.set_max_attempts(2);
        call.set_idempotent(idempotent);
      });
      if (sent) first.Take();
      first.session->OnClosed();
      const std::string when = std::string(sent ? "sent" : "not sent") +
                               (idempotent ? ", idempotent" : ", not idempotent");
      if (sent && !idempotent) {
        const auto status = caller.Next().result().status();
        EXPECT_EQ(status.reason(), "HOST_LOST") << when;
        EXPECT_EQ(status.certainty(), v1::CERTAINTY_SENT_UNKNOWN) << when;
        EXPECT_TRUE(second.Take().empty()) << when;
        continue;
      }
      const auto call = second.Next().call();
      EXPECT_EQ(call.payload(), "again") << when;
      second.Answer(call.call_id(), "done");
      EXPECT_EQ(caller.Next().result().payload(), "done") << when;
    }
  }
  EXPECT_EQ(hub->stats.retries, 3U);
  EXPECT_EQ(hub->deadlines.size(), 0U);
}

TEST_F(SessionRoutesTest, W4_WhatHasAnsweredIsNotTriedAgainAndAttemptsAreBounded) {
  Client caller(*hub, "caller"), a(*hub, "a"), b(*hub, "b"), c(*hub, "c");
  for (Client* const member : {&a, &b, &c}) Join(*member, "pool", v1::NAME_POLICY_FIRST);
  const auto name = Follow(caller, "pool");
  const auto twice = [](v1::Call& call) {
    call.set_max_attempts(2);
    call.set_idempotent(true);
  };
  CallWith(caller, 1, name, twice);
  Fail(a, a.Next().call().call_id());
  EXPECT_EQ(caller.Next().result().status().certainty(), v1::CERTAINTY_STARTED);
  CallWith(caller, 2, name, twice);
  a.session->OnClosed();
  b.session->OnClosed();
  EXPECT_EQ(caller.Next().result().status().reason(), "HOST_LOST");
  EXPECT_TRUE(c.Take().empty());
}

TEST_F(SessionRoutesTest, W4_WhatOneAttemptMayHaveRunNoLaterOneMakesNotSent) {
  Client caller(*hub, "caller"), first(*hub, "first"), second(*hub, "second");
  Join(first, "pool", v1::NAME_POLICY_FIRST);
  Join(second, "pool", v1::NAME_POLICY_FIRST);
  CallWith(caller, 1, Follow(caller, "pool"), [](v1::Call& call) {
    call.set_max_attempts(2);
    call.set_idempotent(true);
  });
  EXPECT_EQ(first.Take().size(), 1U);
  first.session->OnClosed();
  second.session->OnClosed();  // no frame has carried it there
  EXPECT_EQ(caller.Next().result().status().certainty(), v1::CERTAINTY_SENT_UNKNOWN);
}

TEST_F(SessionRoutesTest, W8_ABroadcastGathersWhatEachMemberAnswers) {
  Client caller(*hub, "caller"), a(*hub, "a"), b(*hub, "b");
  Join(a, "all", v1::NAME_POLICY_BROADCAST);
  Join(b, "all", v1::NAME_POLICY_BROADCAST);
  caller.Call(1, Follow(caller, "all"));
  Fail(b, b.Next().call().call_id());
  EXPECT_TRUE(caller.Take().empty());
  a.Answer(a.Next().call().call_id(), "from a");
  const auto result = caller.Next().result();
  EXPECT_FALSE(result.has_status());
  ASSERT_EQ(result.replies_size(), 2);
  EXPECT_EQ(result.replies(0).owner(), "a");
  EXPECT_EQ(result.replies(0).label(), "of all");
  EXPECT_EQ(result.replies(0).payload(), "from a");
  EXPECT_EQ(result.replies(1).owner(), "b");
  EXPECT_EQ(result.replies(1).status().code(), static_cast<int>(Code::kCallbackFailed));
  EXPECT_EQ(result.replies(1).status().certainty(), v1::CERTAINTY_STARTED);
}

TEST_F(SessionRoutesTest, W8_ABroadcastPastItsDeadlineTellsWhatThereIs) {
  Client caller(*hub, "caller"), a(*hub, "a"), b(*hub, "b"), c(*hub, "c");
  for (Client* const member : {&a, &b, &c}) Join(*member, "all", v1::NAME_POLICY_BROADCAST);
  caller.Call(1, Follow(caller, "all"), 100);
  a.Answer(a.Next().call().call_id(), "in time");
  const auto late = b.Next().call().call_id();
  AdvanceMs(100);
  const auto result = caller.Next().result();
  EXPECT_EQ(result.status().code(), static_cast<int>(Code::kDeadlineExceeded));
  ASSERT_EQ(result.replies_size(), 3);
  EXPECT_EQ(result.replies(0).payload(), "in time");
  EXPECT_EQ(result.replies(1).status().certainty(), v1::CERTAINTY_SENT_UNKNOWN);
  EXPECT_EQ(result.replies(2).status().certainty(), v1::CERTAINTY_NOT_SENT);
  EXPECT_EQ(b.Next().cancel().call_id(), late);
  b.Answer(late, "too late");
  EXPECT_TRUE(caller.Take().empty());
  EXPECT_EQ(hub->deadlines.size(), 0U);
}

TEST_F(SessionRoutesTest, W7_WhatABroadcastGathersIsBounded) {
  Stop();
  Limits limits;
  limits.max_payload_bytes = 100;
  Start(limits);
  Client caller(*hub, "caller"), a(*hub, "a"), b(*hub, "b");
  Join(a, "all", v1::NAME_POLICY_BROADCAST);
  Join(b, "all", v1::NAME_POLICY_BROADCAST);
  caller.Call(1, Follow(caller, "all"));
  a.Answer(a.Next().call().call_id(), std::string(60, 'a'));
  b.Answer(b.Next().call().call_id(), std::string(60, 'b'));
  const auto result = caller.Next().result();
  EXPECT_EQ(result.replies(0).payload().size(), 60U);
  EXPECT_EQ(result.replies(1).status().reason(), "REPLIES_TOO_LARGE");
}

TEST_F(SessionRoutesTest, W6_APostIsCountedAndEndsAndIsNotAnswered) {
  Client caller(*hub, "caller"), host(*hub, "host");
  const auto hosted = host.Register("f");
  const auto handle = caller.Resolve("f");
  const auto post = [](v1::Call& call) { call.set_no_reply(true); };
  CallWith(caller, 1, handle, post);
  EXPECT_EQ(caller.session->View().calls_waiting, 1U);
  const auto call = host.Next().call();
  host.Release(hosted);
  caller.Release(handle);
  hub->inbox.Drain();
  EXPECT_TRUE(host.Take().empty());  // W5: not Released while it runs
  host.Answer(call.call_id(), "unwanted");
  EXPECT_EQ(caller.session->View().calls_waiting, 0U);
  EXPECT_EQ(Await(host).released().handle(), hosted);
  CallWith(caller, 2, handle, post);  // stale, which nobody is told
  EXPECT_TRUE(caller.Take().empty());
  EXPECT_EQ(caller.session->View().calls_waiting, 0U);
}

TEST_F(SessionRoutesTest, W6_WhatCancellingDoesIsSaidByItsMode) {
  Client caller(*hub, "caller"), host(*hub, "host");
  host.Register("f");
  // The same of a callback and of a name that leads to it.
  for (const auto handle : {caller.Resolve("f"), Follow(caller, "f")}) {
    caller.Call(1, handle);
    Cancel(caller, 1, v1::CANCEL_MODE_FORGET);
    EXPECT_EQ(caller.Next().result().status().certainty(), v1::CERTAINTY_NOT_SENT);
    EXPECT_EQ(host.Next().operation_case(), Operation::kCancel);  // in the place of the call

    caller.Call(2, handle);
    const auto forgotten = host.Next().call().call_id();
    Cancel(caller, 2, v1::CANCEL_MODE_FORGET);
    EXPECT_EQ(caller.Next().result().status().certainty(), v1::CERTAINTY_SENT_UNKNOWN);
    EXPECT_TRUE(host.Take().empty());
    host.Answer(forgotten);

    caller.Call(3, handle);
    const auto asked = host.Next().call().call_id();
    Cancel(caller, 3, v1::CANCEL_MODE_ASK);
    EXPECT_EQ(caller.Next().result().status().code(), static_cast<int>(Code::kCancelled));
    EXPECT_EQ(host.Next().cancel().call_id(), asked);
    host.Answer(asked);

    caller.Call(4, handle);
    const auto awaited = host.Next().call().call_id();
    Cancel(caller, 4, v1::CANCEL_MODE_WAIT);
    EXPECT_TRUE(caller.Take().empty());
    EXPECT_EQ(host.Next().cancel().call_id(), awaited);
    host.Answer(awaited, "stopped halfway");
    EXPECT_EQ(caller.Next().result().payload(), "stopped halfway");
  }
  EXPECT_EQ(hub->deadlines.size(), 0U);
}

TEST_F(SessionRoutesTest, W4_WhatAHostTellsOfItsFailureReachesTheCaller) {
  Client caller(*hub, "caller"), host(*hub, "host");
  host.Register("f");
  const auto fail_with = [&](std::size_t metadata_bytes) {
    caller.Call(caller.sent, caller.Resolve("f"));
    const auto call_id = host.Next().call().call_id();
    host.Send([&](auto& operation) {
      operation.mutable_result()->set_call_id(call_id);
      v1::Status& status = *operation.mutable_result()->mutable_status();
      status.set_code(static_cast<int>(Code::kNotFound));
      status.set_reason("NO_SUCH_ORDER");
      status.mutable_callee()->set_domain("orders.example");
      (*status.mutable_callee()->mutable_metadata())["order"] = std::string(metadata_bytes, '7');
    });
    return caller.Next().result().status();
  };
  const auto status = fail_with(1);
  EXPECT_EQ(status.code(), static_cast<int>(Code::kCallbackFailed));
  EXPECT_EQ(status.reason(), "NO_SUCH_ORDER");
  EXPECT_EQ(status.callee().code(), static_cast<int>(Code::kNotFound));
  EXPECT_EQ(status.callee().domain(), "orders.example");
  EXPECT_EQ(status.callee().metadata().at("order"), "7");
  const auto too_much = fail_with(5'000);
  EXPECT_EQ(too_much.callee().code(), static_cast<int>(Code::kNotFound));
  EXPECT_TRUE(too_much.callee().metadata().empty());
}

TEST_F(SessionRoutesTest, W4_ACallerThatEndsLeavesNoCallOfANameBehind) {
  Client host(*hub, "host");
  host.Register("f");
  {
    Client caller(*hub, "caller");
    const auto name = Follow(caller, "f");
    caller.Call(1, name);
    host.Take();
    caller.Call(2, name);
  }
  const auto told = host.Take();
  ASSERT_EQ(told.size(), 2U);  // the one is asked to give up, the other never comes
  for (const auto& operation : told) EXPECT_EQ(operation.operation_case(), Operation::kCancel);
  EXPECT_EQ(hub->session_count(), 1U);
  EXPECT_EQ(host.session->View().calls_running, 1U);
}

TEST_F(SessionRoutesTest, ACallIdThatARoutedCallUsesIsInUse) {
  Client caller(*hub, "caller"), host(*hub, "host");
  host.Register("f");
  caller.Call(1, Follow(caller, "f"));
  caller.Call(1, caller.Resolve("f"));
  EXPECT_EQ(caller.end.reason(), "CALL_ID_IN_USE");
}

}  // namespace
}  // namespace belay::daemon
