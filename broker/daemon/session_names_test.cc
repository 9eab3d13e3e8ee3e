// Names on the wire: binding, following and watching them, and what a session's end does to them (W8).
#include <gtest/gtest.h>

#include <string>

#include "broker/daemon/testing/session_fixture.h"
#include "broker/engine/testing/probe.h"
#include "broker/registry/registry.h"

namespace belay::daemon {
namespace {

using base::Code;

class SessionNamesTest : public SessionTest {
 protected:
  // Registers a member of a name that several may share.
  static std::uint64_t Join(Client& client, const std::string& name, v1::NamePolicy policy) {
    client.Send([&](auto& operation) {
      v1::Register& request = *operation.mutable_register_();
      request.set_name(name);
      request.set_policy(policy);
      request.set_on_conflict(v1::ON_CONFLICT_JOIN);
    });
    return client.Reply().handle();
  }
  static v1::Reply Bind(
      Client& client, std::uint64_t handle, const std::string& name,
      const std::function<void(v1::BindName&)>& more = [](v1::BindName&) {}) {
    client.Send([&](auto& operation) {
      operation.mutable_bind_name()->set_handle(handle);
      operation.mutable_bind_name()->set_name(name);
      more(*operation.mutable_bind_name());
    });
    return client.Reply();
  }
  static std::string Reason(const v1::Reply& reply) { return reply.status().reason(); }
  static std::uint64_t Watch(Client& client, const std::string& name) {
    client.Send([&](auto& operation) { operation.mutable_watch_name()->set_name(name); });
    return client.Reply().handle();
  }
  // The one NameChanged that has come since.
  v1::NameChanged Change(Client& client) {
    hub->inbox.Drain();
    return client.Next().name_changed();
  }
};

TEST_F(SessionNamesTest, W8_ConflictsAreAnsweredAsTheBindSays) {
  Client a(*hub, "a"), b(*hub, "b");
  Join(a, "pool", v1::NAME_POLICY_ROUND_ROBIN);
  EXPECT_NE(Join(b, "pool", v1::NAME_POLICY_ROUND_ROBIN), 0U);
  const auto mine = b.Register();
  EXPECT_EQ(Reason(Bind(b, mine, "pool")), "NAME_BOUND");
  EXPECT_EQ(Reason(Bind(b, mine, "pool",
                        [](v1::BindName& bind) {
                          bind.set_policy(v1::NAME_POLICY_FIRST);
                          bind.set_on_conflict(v1::ON_CONFLICT_JOIN);
                        })),
            "POLICY_MISMATCH");
  EXPECT_NE(Bind(b, mine, "pool",
                 [](v1::BindName& bind) { bind.set_on_conflict(v1::ON_CONFLICT_REPLACE); })
                .handle(),
            0U);
  a.Call(1, a.Resolve("pool"));
  EXPECT_EQ(b.Next().call().handle(), mine);
  EXPECT_EQ(
      Reason(Bind(b, mine, "x",
                  [](v1::BindName& bind) { bind.set_policy(static_cast<v1::NamePolicy>(9)); })),
      "INVALID_ARGUMENT");
}

TEST_F(SessionNamesTest, W8_CompareAndBindLosesNoRace) {
  Client a(*hub, "a"), b(*hub, "b");
  const auto first = a.Register(), second = b.Register();
  const auto bound = Bind(a, first, "n", [](v1::BindName& bind) { bind.set_if_version(0); });
  ASSERT_NE(bound.name_version(), 0U);
  const auto replace_if = [](std::uint64_t version) {
    return [version](v1::BindName& bind) {
      bind.set_on_conflict(v1::ON_CONFLICT_REPLACE);
      bind.set_if_version(version);
    };
  };
  EXPECT_EQ(Reason(Bind(b, second, "n", replace_if(0))), "NAME_CHANGED");
  const auto replaced = Bind(b, second, "n", replace_if(bound.name_version()));
  EXPECT_GT(replaced.name_version(), bound.name_version());
  EXPECT_EQ(Reason(Bind(a, first, "n", replace_if(bound.name_version()))), "NAME_CHANGED");
  const auto resolved = a.Resolve("n");
  const auto if_member = [&](std::uint64_t handle) {
    return Reason(Bind(a, first, "n", [&](v1::BindName& bind) {
      bind.set_on_conflict(v1::ON_CONFLICT_REPLACE);
      bind.set_if_member(handle);
    }));
  };
  EXPECT_EQ(if_member(first), "NAME_CHANGED");
  EXPECT_EQ(if_member(resolved), "");
}

TEST_F(SessionNamesTest, W8_ABindingGoesWithItsHandleAndWithItsSession) {
  Client host(*hub, "host"), other(*hub, "other");
  const auto hosted = host.Register("f");
  const auto held = other.Resolve("f");
  const auto binding = Bind(other, held, "alias").handle();
  EXPECT_EQ(other.Release(binding), 0);
  EXPECT_EQ(other.Release(binding), static_cast<int>(Code::kStale));
  EXPECT_EQ(hub->broker().Resolve("alias").code(), Code::kNotFound);
  EXPECT_NE(Bind(other, held, "alias").handle(), 0U);
  // What the host says of the name of its callback holds, whoever gave it that.
  host.Send([&](auto& operation) {
    operation.mutable_unbind_name()->set_handle(hosted);
    operation.mutable_unbind_name()->set_name("alias");
  });
  EXPECT_EQ(host.Reply().status().code(), 0);
  EXPECT_NE(Bind(other, held, "alias").handle(), 0U);
  other.session->OnClosed();
  EXPECT_EQ(hub->broker().Resolve("alias").code(), Code::kNotFound);
  EXPECT_TRUE(hub->broker().Resolve("f").ok());
}

TEST_F(SessionNamesTest, W8_ABindingOfAnEndedSessionTakesNoLaterOneAway) {
  Client first(*hub, "first"), second(*hub, "second");
  ASSERT_NE(Bind(first, first.Register(), "n").handle(), 0U);
  ASSERT_NE(Bind(second, second.Register(), "n",
                 [](v1::BindName& bind) { bind.set_on_conflict(v1::ON_CONFLICT_REPLACE); })
                .handle(),
            0U);
  first.session->OnClosed();
  EXPECT_TRUE(hub->broker().Resolve("n").ok());
}

TEST_F(SessionNamesTest, W8_AWatchIsToldWhoHasTheName) {
  Client watcher(*hub, "watcher"), host(*hub, "host");
  const auto watch = Watch(watcher, "n");
  v1::NameChanged change = Change(watcher);
  EXPECT_EQ(change.handle(), watch);
  EXPECT_EQ(change.version(), 0U);
  const auto hosted = host.Register("n");
  change = Change(watcher);
  EXPECT_EQ(change.owner(), "host");
  EXPECT_EQ(change.members(), 1U);
  const auto version = change.version();
  Client heir(*hub, "heir");
  Bind(heir, heir.Register(), "n",
       [](v1::BindName& bind) { bind.set_on_conflict(v1::ON_CONFLICT_REPLACE); });
  change = Change(watcher);
  EXPECT_EQ(change.owner(), "heir");
  EXPECT_GT(change.version(), version);
  host.Release(hosted);
  hub->inbox.Drain();
  EXPECT_TRUE(watcher.Take().empty());  // the name was no longer its own
  heir.session->OnClosed();
  EXPECT_EQ(Change(watcher).version(), 0U);
  EXPECT_EQ(watcher.Release(watch), 0);
  host.Register("n");
  hub->inbox.Drain();
  EXPECT_TRUE(watcher.Take().empty());
}

TEST_F(SessionNamesTest, W7_OfANameThatChangesOftenOneChangeWaitsForASlowClient) {
  Client watcher(*hub, "watcher"), host(*hub, "host");
  Watch(watcher, "n");
  Change(watcher);
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    last = host.Register("n");
    hub->inbox.Drain();
    if (i != 99) host.Release(last);
    hub->inbox.Drain();
  }
  // The one that was under way, and what it is now.
  const auto told = watcher.Take();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1].name_changed().owner(), "host");
  EXPECT_TRUE(watcher.Take().empty());
}

TEST_F(SessionNamesTest, W8_WhenASessionEndsItsNamesAreFreeBeforeItsCallersAreAnswered) {
  Client host(*hub, "host"), caller(*hub, "caller");
  host.Register("n");
  caller.Call(1, caller.Resolve("n"));
  host.Take();
  host.session->OnClosed();
  EXPECT_EQ(caller.Next().result().status().reason(), "HOST_LOST");
  EXPECT_NE(caller.Register("n"), 0U);
}

TEST_F(SessionNamesTest, R2_OneReferenceCountOverThisProcessAndOthers) {
  const auto owner = hub->broker().registry().OpenOwner("program");
  const auto local =
      engine::Probe::Native(*owner, [](const registry::Request& request, std::string* reply) {
        *reply = request.payload + "!";
        return base::Status();
      });
  ASSERT_TRUE(hub->broker().Bind("local", local.handle()).ok());
  Client client(*hub, "client");
  const auto held = client.Resolve("local");
  ASSERT_TRUE(hub->broker().Unbind("local").ok());
  EXPECT_TRUE(registry::Registry::Release(local.handle()).ok());
  client.Call(1, held);
  EXPECT_EQ(Await(client).result().payload(), "!");
  EXPECT_EQ(local.releases(), 0);  // the client's is the last reference
  EXPECT_EQ(client.Release(held), 0);

  // And the other way round: a reference of this process keeps what a client hosts.
  const auto hosted = client.Register("remote");
  const auto kept = hub->broker().ResolveTo("remote", *owner);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(client.Release(hosted), 0);
  EXPECT_TRUE(registry::Registry::Refusal(*kept).ok());
  EXPECT_TRUE(registry::Registry::Release(*kept).ok());
  EXPECT_EQ(Await(client).released().handle(), hosted);
}

}  // namespace
}  // namespace belay::daemon
