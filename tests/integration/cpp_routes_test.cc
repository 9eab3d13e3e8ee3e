// Calls that are more than a question and its answer, and tokens: the C++ client against a real belayd.
//
// Arguments: the path of belayd.
#include <gtest/gtest.h>

#include <future>
#include <string>

#include "belay/client/client.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

class CppRoutes : public WithBelayd {
 protected:
  static Result<Handle> Join(Client& client, const std::string& name, NamePolicy policy,
                             Handler handler) {
    return client.Register(std::move(handler),
                           {.name = name, .policy = policy, .on_conflict = OnConflict::kJoin});
  }
  static Handler Say(std::string text) {
    return Sync([text = std::move(text)](const Request&) -> Result<std::string> { return text; });
  }
};

TEST_F(CppRoutes, W8_ABroadcastBringsEveryMembersAnswerOrFailure) {
  Client a = MustConnect({.client_name = "a"});
  Client b = MustConnect({.client_name = "b"});
  Client caller = MustConnect();
  const Result<Handle> first = Join(a, "all", NamePolicy::kBroadcast, Say("from a"));
  const Result<Handle> second =
      Join(b, "all", NamePolicy::kBroadcast, [](const Request&, Responder responder) {
        Status status(Code::kNotFound, "no such order", "NO_SUCH_ORDER");
        status.callee =
            std::make_shared<const CalleeError>(CalleeError{0, "orders.example", {{"order", "7"}}});
        responder.Fail(status);
      });
  ASSERT_TRUE(first.ok() && second.ok());
  const Result<Handle> all = caller.Follow("all");
  ASSERT_TRUE(all.ok());
  const Broadcast answer = caller.InvokeAll(all->id(), "?");
  EXPECT_TRUE(answer.status.ok()) << answer.status.ToString();
  ASSERT_EQ(answer.replies.size(), 2U);
  EXPECT_EQ(answer.replies[0].owner, "a");
  EXPECT_EQ(*answer.replies[0].reply, "from a");
  const Status& failed = answer.replies[1].reply.status();
  EXPECT_EQ(failed.code, Code::kCallbackFailed);
  EXPECT_EQ(failed.reason, "NO_SUCH_ORDER");
  ASSERT_NE(failed.callee, nullptr);
  EXPECT_EQ(failed.callee->code, static_cast<int>(Code::kNotFound));
  EXPECT_EQ(failed.callee->domain, "orders.example");
  EXPECT_EQ(failed.callee->metadata.at("order"), "7");
}

TEST_F(CppRoutes, W4_AnIdempotentCallIsAnsweredByAnotherMemberWhenItsHostDies) {
  std::promise<void> runs;
  auto dying = std::make_unique<Client>(MustConnect({.client_name = "dying"}));
  Client other = MustConnect({.client_name = "other"});
  Client caller = MustConnect();
  std::optional<Responder> kept;
  const Result<Handle> first =
      Join(*dying, "pool", NamePolicy::kFirst, [&](const Request&, Responder responder) {
        kept.emplace(std::move(responder));
        runs.set_value();
      });
  const Result<Handle> second = Join(other, "pool", NamePolicy::kFirst, Say("other"));
  ASSERT_TRUE(first.ok() && second.ok());
  const Result<Handle> pool = caller.Follow("pool");
  ASSERT_TRUE(pool.ok());
  std::promise<Result<std::string>> answer;
  caller.InvokeAsync(pool->id(), "", {.max_attempts = 2, .idempotent = true},
                     [&](Result<std::string> result) { answer.set_value(std::move(result)); });
  runs.get_future().wait();
  dying.reset();
  const Result<std::string> result = answer.get_future().get();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(*result, "other");
}

TEST_F(CppRoutes, W6_APostRunsAndACallIsGivenUpAsItsModeSays) {
  Client host = MustConnect();
  Client caller = MustConnect();
  std::promise<std::string> posted;
  const Result<Handle> sink =
      host.Register(Sync([&](const Request& request) -> Result<std::string> {
                      posted.set_value(request.payload);
                      return std::string();
                    }),
                    {.name = "sink"});
  std::promise<Responder> running;
  const Result<Handle> slow = host.Register(
      [&](const Request&, Responder responder) { running.set_value(std::move(responder)); },
      {.name = "slow"});
  ASSERT_TRUE(sink.ok() && slow.ok());
  const Result<Handle> to_sink = caller.Resolve("sink");
  const Result<Handle> to_slow = caller.Resolve("slow");
  ASSERT_TRUE(to_sink.ok() && to_slow.ok());
  ASSERT_TRUE(caller.Post(to_sink->id(), "hello").ok());
  EXPECT_EQ(posted.get_future().get(), "hello");

  std::promise<Result<std::string>> answer;
  const std::uint64_t call =
      caller.InvokeAsync(to_slow->id(), "", {},
                         [&](Result<std::string> result) { answer.set_value(std::move(result)); });
  Responder responder = running.get_future().get();
  caller.Cancel(call, CancelMode::kWait);
  ASSERT_TRUE(caller.Ping(30'000).ok());
  responder.Reply("stopped halfway");
  const Result<std::string> result = answer.get_future().get();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(*result, "stopped halfway");
}

TEST_F(CppRoutes, W2_ATokenTakesACallbackToAClientThatKnowsNoName) {
  Client host = MustConnect();
  Client guest = MustConnect();
  const Result<Handle> own = host.Register(Say("secret"));
  ASSERT_TRUE(own.ok());
  Result<Exported> exported = host.Export(own->id());
  ASSERT_TRUE(exported.ok()) << exported.status().ToString();
  const Result<Handle> imported = guest.Import(exported->token);
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(*guest.Invoke(imported->id(), ""), "secret");
  EXPECT_EQ(guest.Import(exported->token).status().reason, "BAD_TOKEN");
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
