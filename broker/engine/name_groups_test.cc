// Names bound to several callbacks, and binds with conditions (W8).
#include <gtest/gtest.h>

#include <set>

#include "broker/engine/broker.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;

class NameGroupsTest : public testing::Test {
 protected:
  void SetUp() override {
    BrokerOptions options;
    options.random_seed = 7;
    auto opened = Broker::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    broker_ = *opened;
    owner_ = *broker_->registry().OpenOwner("test");
  }
  void TearDown() override { EXPECT_TRUE(broker_->Close(10'000'000'000).ok()); }

  // A callback that replies with its label.
  Probe MakeProbe(const std::string& label) {
    return Probe::Native(
        owner_,
        [label](const registry::Request&, std::string* reply) {
          *reply = label;
          return Status();
        },
        label);
  }
  Status Join(std::string_view name, const Probe& probe, NamePolicy policy,
              std::uint64_t* version = nullptr) {
    BindOptions options;
    options.on_conflict = OnConflict::kJoin;
    options.policy = policy;
    return broker_->Bind(name, probe.handle(), options, version);
  }
  Status Replace(std::string_view name, const Probe& probe, std::uint64_t* version = nullptr) {
    BindOptions options;
    options.on_conflict = OnConflict::kReplace;
    return broker_->Bind(name, probe.handle(), options, version);
  }
  // Who answers to the name: one label a call, or the code in which it fails.
  std::string Ask(std::string_view name) {
    const auto handle = broker_->Resolve(name);
    if (!handle.ok()) return std::string(base::CodeName(handle.code()));
    return Registry::Invoke(*handle, {}).reply;
  }
  std::string AskTimes(std::string_view name, int times) {
    std::string answers;
    for (int n = 0; n < times; ++n) answers += Ask(name);
    return answers;
  }
  std::size_t HeldByNames() {
    std::uint64_t after = 0;
    std::size_t count = 0;
    for (const auto& info : broker_->registry().List(&after, 10'000)) {
      count += info.holder_name == "names" ? 1U : 0U;
    }
    return count;
  }
  std::uint64_t VersionOf(std::string_view name) {
    for (const NameEntry& entry : broker_->ListNames("", 0, 10'000)) {
      if (entry.name == name) return entry.version;
    }
    return 0;
  }

  std::shared_ptr<Broker> broker_;
  Handle owner_ = 0;
};

TEST_F(NameGroupsTest, W8_MembersServeByThePolicy) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  const Probe c = MakeProbe("c");
  for (const auto policy : {NamePolicy::kFirst, NamePolicy::kRoundRobin, NamePolicy::kRandom,
                            NamePolicy::kLeastLoaded}) {
    for (const Probe* probe : {&a, &b, &c}) {
      ASSERT_TRUE(Join(NamePolicyName(policy), *probe, policy).ok());
    }
  }
  EXPECT_EQ(AskTimes("first", 4), "aaaa");
  EXPECT_EQ(AskTimes("round-robin", 7), "abcabca");
  EXPECT_EQ(AskTimes("least-loaded", 4), "abca") << "all are idle";
  const std::string random = AskTimes("random", 100);
  for (const char label : {'a', 'b', 'c'}) EXPECT_NE(random.find(label), std::string::npos);
}

TEST_F(NameGroupsTest, W8_LeastLoadedAvoidsTheBusy) {
  Gate entered;
  Gate leave;
  const Probe busy = Probe::Native(owner_, [&](const registry::Request&, std::string*) {
    entered.Open();
    leave.Wait();
    return Status();
  });
  const Probe idle = MakeProbe("idle");
  ASSERT_TRUE(Join("n", busy, NamePolicy::kLeastLoaded).ok());
  ASSERT_TRUE(Join("n", idle, NamePolicy::kLeastLoaded).ok());
  std::thread call([&] { EXPECT_TRUE(Registry::Invoke(busy.handle(), {}).status.ok()); });
  ASSERT_TRUE(entered.Wait());
  for (int n = 0; n < 4; ++n) EXPECT_EQ(Ask("n"), "idle");
  leave.Open();
  call.join();
}

TEST_F(NameGroupsTest, W8_DeadMembersAreDroppedAndTheNameGoesWithTheLast) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  ASSERT_TRUE(Join("n", a, NamePolicy::kRoundRobin).ok());
  ASSERT_TRUE(Join("n", b, NamePolicy::kRoundRobin).ok());
  ASSERT_TRUE(Registry::Unregister(a.handle(), Code::kUnregistered).ok());
  EXPECT_EQ(AskTimes("n", 3), "bbb");
  ASSERT_TRUE(Registry::Drain(a.handle(), 10'000'000'000).ok());
  EXPECT_EQ(HeldByNames(), 1U);
  ASSERT_TRUE(Registry::Unregister(b.handle(), Code::kUnregistered).ok());
  EXPECT_EQ(Ask("n"), "NOT_FOUND");
  ASSERT_TRUE(Registry::Drain(b.handle(), 10'000'000'000).ok());
  EXPECT_EQ(HeldByNames(), 0U);
  EXPECT_TRUE(broker_->ListNames("", 0, 10).empty());
}

TEST_F(NameGroupsTest, W8_JoiningTakesTheSamePolicyAndNobodyTwice) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  EXPECT_EQ(Join("n", a, NamePolicy::kSingle).code(), Code::kInvalidArgument);
  ASSERT_TRUE(Join("n", a, NamePolicy::kFirst).ok());
  const Status other = Join("n", b, NamePolicy::kRandom);
  EXPECT_EQ(other.code(), Code::kFailedPrecondition);
  EXPECT_EQ(other.reason(), "POLICY_MISMATCH");
  EXPECT_NE(other.message().find("first"), std::string::npos) << other.message();
  EXPECT_NE(other.message().find("random"), std::string::npos) << other.message();
  const Status twice = Join("n", a, NamePolicy::kFirst);
  EXPECT_EQ(twice.code(), Code::kAlreadyExists);
  EXPECT_EQ(twice.reason(), "ALREADY_MEMBER");
  EXPECT_EQ(broker_->Bind("n", b.handle()).code(), Code::kAlreadyExists);
  EXPECT_EQ(HeldByNames(), 1U) << "what failed held on to something";

  ASSERT_TRUE(broker_->Bind("alone", a.handle()).ok());
  EXPECT_EQ(Join("alone", b, NamePolicy::kFirst).code(), Code::kFailedPrecondition);
}

TEST_F(NameGroupsTest, W8_TheNumberOfMembersIsBounded) {
  std::vector<Probe> probes;
  for (std::size_t n = 0; n <= kMaxNameMembers; ++n) probes.push_back(MakeProbe("p"));
  for (std::size_t n = 0; n < kMaxNameMembers; ++n) {
    ASSERT_TRUE(Join("n", probes[n], NamePolicy::kFirst).ok()) << n;
  }
  const Status full = Join("n", probes.back(), NamePolicy::kFirst);
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_NE(full.message().find(std::to_string(kMaxNameMembers)), std::string::npos);
}

TEST_F(NameGroupsTest, W8_ReplaceTakesThePlaceOfAll) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  ASSERT_TRUE(Join("n", a, NamePolicy::kRoundRobin).ok());
  ASSERT_TRUE(Join("n", b, NamePolicy::kRoundRobin).ok());
  ASSERT_TRUE(Replace("n", b).ok());
  EXPECT_EQ(AskTimes("n", 3), "bbb");
  EXPECT_EQ(HeldByNames(), 1U);
  EXPECT_EQ(broker_->NameOf(a.handle()), "");
  EXPECT_EQ(broker_->NameOf(b.handle()), "n");
  EXPECT_EQ(Registry::Describe(b.handle())->references, 2U);
  ASSERT_TRUE(Replace("n", b).ok()) << "also itself";
  EXPECT_EQ(Registry::Describe(b.handle())->references, 2U);
  ASSERT_TRUE(Registry::Unregister(b.handle(), Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Drain(b.handle(), 10'000'000'000).ok());
  EXPECT_EQ(HeldByNames(), 0U);
  ASSERT_TRUE(Replace("n", a).ok()) << "also nobody";
  EXPECT_EQ(Ask("n"), "a");
}

TEST_F(NameGroupsTest, W8_EveryChangeHasAVersionOfItsOwn) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  std::set<std::uint64_t> seen = {0};
  const auto is_new = [&] { return seen.insert(VersionOf("n")).second; };
  std::uint64_t version = 0;
  ASSERT_TRUE(Join("n", a, NamePolicy::kFirst, &version).ok());
  EXPECT_EQ(version, VersionOf("n"));
  EXPECT_EQ(broker_->ListNames("", 0, 1).at(0).bound_version, version);
  EXPECT_TRUE(is_new());
  ASSERT_TRUE(Join("n", b, NamePolicy::kFirst).ok());
  EXPECT_TRUE(is_new());
  ASSERT_TRUE(broker_->UnbindMember("n", a.handle()).ok());
  EXPECT_TRUE(is_new());
  ASSERT_TRUE(Replace("n", a).ok());
  EXPECT_TRUE(is_new());
  ASSERT_TRUE(broker_->Unbind("n").ok());
  EXPECT_EQ(VersionOf("n"), 0U);
  ASSERT_TRUE(Join("n", a, NamePolicy::kFirst).ok());
  EXPECT_TRUE(is_new()) << "away and back is a change";
  ASSERT_TRUE(Join("n", b, NamePolicy::kFirst).ok());
  EXPECT_TRUE(is_new());
  ASSERT_TRUE(Registry::Unregister(b.handle(), Code::kUnregistered).ok());
  EXPECT_TRUE(is_new()) << "a death is a change";
}

TEST_F(NameGroupsTest, W8_CompareAndBind) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  BindOptions options;
  options.on_conflict = OnConflict::kReplace;
  options.if_version = 0;
  std::uint64_t version = 0;
  ASSERT_TRUE(broker_->Bind("n", a.handle(), options, &version).ok());
  const Status taken = broker_->Bind("n", b.handle(), options);
  EXPECT_EQ(taken.code(), Code::kAborted);
  EXPECT_EQ(taken.reason(), "NAME_CHANGED");
  EXPECT_EQ(Ask("n"), "a");

  options.if_version = version;
  std::uint64_t later = 0;
  ASSERT_TRUE(broker_->Bind("n", b.handle(), options, &later).ok());
  EXPECT_GT(later, version);
  EXPECT_EQ(broker_->Bind("n", a.handle(), options).code(), Code::kAborted);
  EXPECT_EQ(Ask("n"), "b");

  options.if_version = {};
  options.if_member = a.handle();
  EXPECT_EQ(broker_->Bind("n", a.handle(), options).code(), Code::kAborted);
  EXPECT_EQ(broker_->Bind("unbound", a.handle(), options).code(), Code::kAborted);
  options.if_member = *Registry::Retain(b.handle(), 0, 0);  // any handle to it
  EXPECT_TRUE(broker_->Bind("n", a.handle(), options).ok());
  EXPECT_EQ(Ask("n"), "a");
  options.if_member = 0;
  EXPECT_EQ(broker_->Bind("n", a.handle(), options).code(), Code::kMalformed);
}

TEST_F(NameGroupsTest, W8_OneMemberOrAllAreUnbound) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  const Probe c = MakeProbe("c");
  for (const Probe* probe : {&a, &b}) {
    ASSERT_TRUE(Join("n", *probe, NamePolicy::kRoundRobin).ok());
    ASSERT_TRUE(Join("m", *probe, NamePolicy::kRoundRobin).ok());
  }
  const Status stranger = broker_->UnbindMember("n", c.handle());
  EXPECT_EQ(stranger.code(), Code::kNotFound);
  EXPECT_EQ(stranger.reason(), "NOT_A_MEMBER");
  ASSERT_TRUE(broker_->UnbindMember("n", a.handle()).ok());
  EXPECT_EQ(AskTimes("n", 2), "bb");
  ASSERT_TRUE(broker_->UnbindMember("n", b.handle()).ok());
  EXPECT_EQ(Ask("n"), "NOT_FOUND");
  EXPECT_EQ(broker_->UnbindMember("n", b.handle()).reason(), "NAME_NOT_BOUND");
  EXPECT_EQ(broker_->NameOf(a.handle()), "m");
  ASSERT_TRUE(broker_->Unbind("m").ok());
  EXPECT_EQ(broker_->NameOf(a.handle()), "");
  EXPECT_EQ(HeldByNames(), 0U);
}

TEST_F(NameGroupsTest, W8_BroadcastStandsForAll) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  ASSERT_TRUE(Join("n", a, NamePolicy::kBroadcast).ok());
  ASSERT_TRUE(Join("n", b, NamePolicy::kBroadcast).ok());
  EXPECT_EQ(broker_->Resolve("n").code(), Code::kFailedPrecondition);
  EXPECT_EQ(broker_->Resolve("n").status().reason(), "BROADCAST");
  std::vector<Handle> all(3);
  std::size_t count = 0;
  ASSERT_TRUE(broker_->ResolveAllTo("n", owner_, all, &count).ok());
  ASSERT_EQ(count, 2U);
  EXPECT_EQ(Registry::Invoke(all[0], {}).reply + Registry::Invoke(all[1], {}).reply, "ab");
  const auto references = [&] { return Registry::Describe(a.handle())->references; };
  EXPECT_EQ(references(), 3U);
  all.resize(1);
  EXPECT_EQ(broker_->ResolveAllTo("n", owner_, all, &count).code(), Code::kBufferTooSmall);
  EXPECT_EQ(count, 2U) << "what is needed is told";
  EXPECT_EQ(references(), 3U) << "and nothing is held";
  ASSERT_TRUE(broker_->Unbind("n").ok());
  EXPECT_EQ(Registry::Invoke(all[0], {}).reply, "a") << "they are the holder's own";
  EXPECT_EQ(Registry::Describe(all[0])->holder_name, "test");
  EXPECT_EQ(broker_->ResolveAllTo("n", owner_, all, &count).code(), Code::kNotFound);
}

TEST_F(NameGroupsTest, W8_AHolderThatIsGoneGetsNothing) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  ASSERT_TRUE(Join("n", a, NamePolicy::kBroadcast).ok());
  ASSERT_TRUE(Join("n", b, NamePolicy::kBroadcast).ok());
  const Handle closed = *broker_->registry().OpenOwner("closed");
  ASSERT_TRUE(Registry::CloseOwner(closed).ok());
  std::vector<Handle> all(2);
  std::size_t count = 0;
  EXPECT_EQ(broker_->ResolveAllTo("n", closed, all, &count).code(), Code::kStale);
  EXPECT_EQ(Registry::Describe(a.handle())->references, 2U);
}

TEST_F(NameGroupsTest, R2_ResolveToGivesAHandleOfOnesOwn) {
  const Probe a = MakeProbe("a");
  ASSERT_TRUE(broker_->Bind("n", a.handle()).ok());
  const Handle mine = *broker_->ResolveTo("n", owner_);
  const Handle brokers = *broker_->ResolveTo("n", 0);
  ASSERT_TRUE(broker_->Unbind("n").ok());
  EXPECT_EQ(Registry::Invoke(mine, {}).reply, "a");
  EXPECT_EQ(Registry::Describe(mine)->holder_name, "test");
  EXPECT_EQ(Registry::Describe(brokers)->holder_name, "broker");
  EXPECT_EQ(Registry::Unregister(mine, Code::kUnregistered).code(), Code::kPermissionDenied);
  EXPECT_EQ(broker_->ResolveTo("n", owner_).code(), Code::kNotFound);
  ASSERT_TRUE(broker_->Bind("n", a.handle()).ok());
  EXPECT_EQ(broker_->ResolveTo("n", a.handle()).code(), Code::kWrongKind);
}

TEST_F(NameGroupsTest, R15_AListingIsPagedAndComplete) {
  const Probe a = MakeProbe("a");
  const Probe b = MakeProbe("b");
  const Probe dead = MakeProbe("dead");
  for (const char* name : {"x", "m", "z"}) {
    for (const Probe* probe : {&b, &dead, &a}) {
      ASSERT_TRUE(Join(name, *probe, NamePolicy::kRandom).ok());
    }
  }
  ASSERT_TRUE(broker_->Bind("dead", dead.handle()).ok());
  ASSERT_TRUE(Registry::Unregister(dead.handle(), Code::kUnregistered).ok());
  for (const std::size_t limit :
       {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{99}}) {
    std::string seen;
    std::string after_name;
    std::uint64_t after_version = 0;
    while (true) {
      const auto page = broker_->ListNames(after_name, after_version, limit);
      EXPECT_LE(page.size(), limit);
      if (page.empty()) break;
      for (const NameEntry& entry : page) {
        seen += entry.name + Registry::Describe(entry.handle)->label + " ";
        EXPECT_EQ(entry.policy, NamePolicy::kRandom);
        EXPECT_EQ(entry.members, 2U);
        EXPECT_LT(entry.bound_version, entry.version) << "a later member died";
      }
      after_name = page.back().name;
      after_version = page.back().bound_version;
    }
    EXPECT_EQ(seen, "mb ma xb xa zb za ") << "limit " << limit;
  }
  EXPECT_TRUE(broker_->ListNames("", 0, 0).empty());
}

}  // namespace
}  // namespace belay::engine
