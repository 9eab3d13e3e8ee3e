// Names between processes: the C++ client against a real belayd, which is also killed and started again.
//
// Arguments: the path of belayd.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <string>
#include <vector>

#include "belay/client/client.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

// What a name was said to be, one after the other.
class Told {
 public:
  NameListener Listener() {
    return [this](const NameState& state) {
      const std::scoped_lock lock(mutex_);
      states_.push_back(state);
    };
  }
  // Waits until the last said that `owner` has the name; empty: that nobody has.
  bool Wait(const std::string& owner) const {
    return Eventually([&] {
      const std::scoped_lock lock(mutex_);
      return !states_.empty() && states_.back().owner == owner;
    });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<NameState> states_;
};

class CppNames : public WithBelayd {
 protected:
  // Answers with `text`, as a member of a name.
  static Result<Handle> Join(Client& client, const std::string& name, std::string text,
                             NamePolicy policy) {
    return client.Register(
        Sync([text = std::move(text)](const Request&) -> Result<std::string> { return text; }),
        {.name = name, .policy = policy, .on_conflict = OnConflict::kJoin});
  }
  static std::string Ask(Client& caller, const Handle& handle) {
    const Result<std::string> answer = caller.Invoke(handle.id(), "");
    return answer.ok() ? *answer : answer.status().ToString();
  }
};

TEST_F(CppNames, W8_AFollowedNameGoesToItsMembersInTurnAndToTheRestWhenOneDies) {
  Client a = MustConnect({.client_name = "a"});
  Client caller = MustConnect();
  const Result<Handle> first = Join(a, "pool", "a", NamePolicy::kRoundRobin);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  const Result<Handle> pool = caller.Follow("pool");
  ASSERT_TRUE(pool.ok()) << pool.status().ToString();
  {
    Client b = MustConnect({.client_name = "b"});
    const Result<Handle> second = Join(b, "pool", "b", NamePolicy::kRoundRobin);
    ASSERT_TRUE(second.ok()) << second.status().ToString();
    const std::string two = Ask(caller, *pool) + Ask(caller, *pool);
    EXPECT_TRUE(two == "ab" || two == "ba") << two;
  }
  EXPECT_EQ(Ask(caller, *pool) + Ask(caller, *pool), "aa");
}

TEST_F(CppNames, W8_ABindingIsTakenBackWithItsHandleAndWatchersAreTold) {
  Client host = MustConnect({.client_name = "host"});
  Client watcher = MustConnect();
  Told told;
  const Result<Handle> watch = watcher.WatchName("alias", told.Listener());
  ASSERT_TRUE(watch.ok()) << watch.status().ToString();
  EXPECT_TRUE(told.Wait(""));
  const Result<Handle> hosted = Join(host, "real", "x", NamePolicy::kFirst);
  ASSERT_TRUE(hosted.ok());
  {
    const Result<Binding> binding = host.Bind(hosted->id(), "alias", {.if_version = 0});
    ASSERT_TRUE(binding.ok()) << binding.status().ToString();
    EXPECT_TRUE(told.Wait("host"));
    const Result<Binding> again = host.Bind(hosted->id(), "alias", {.if_version = 0});
    EXPECT_EQ(again.code(), Code::kAborted);
  }
  EXPECT_TRUE(told.Wait(""));
  EXPECT_EQ(watcher.Resolve("alias").code(), Code::kNotFound);
  EXPECT_TRUE(host.Unbind(hosted->id(), "real").ok());
}

TEST_F(CppNames, W3_BindingsWatchesAndFollowedNamesArePutBackAfterARestart) {
  std::atomic<int> renewed{0};
  const auto count = [&](const SessionEvent& event) {
    if (event.kind == SessionEvent::Kind::kRenewed) ++renewed;
  };
  Client host = MustConnect({.client_name = "host", .on_event = count});
  Client caller = MustConnect({.on_event = count});
  const Result<Handle> hosted = Join(host, "real", "still here", NamePolicy::kFirst);
  ASSERT_TRUE(hosted.ok());
  const Result<Binding> binding = host.Bind(hosted->id(), "alias", {.if_version = 0});
  ASSERT_TRUE(binding.ok()) << binding.status().ToString();
  Told told;
  const Result<Handle> watch = caller.WatchName("alias", told.Listener());
  const Result<Handle> alias = caller.Follow("alias");
  ASSERT_TRUE(watch.ok() && alias.ok());
  ASSERT_TRUE(told.Wait("host"));
  (void)belayd_.End(SIGKILL);
  belayd_.Start();
  ASSERT_TRUE(Eventually([&] { return renewed == 2; }));
  EXPECT_TRUE(told.Wait("host"));
  EXPECT_EQ(Ask(caller, *alias), "still here");
  EXPECT_TRUE(host.Release(binding->handle.id()).ok());
  EXPECT_TRUE(told.Wait(""));
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
