#include "broker/access/policy_file.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace belay::access {
namespace {

std::optional<std::uint32_t> Users(const std::string& name) {
  if (name == "shop") return 1000;
  return std::nullopt;
}

base::Result<Policy> Parse(const std::string& text) { return ParsePolicy(text, "p.toml", Users); }

constexpr const char* kFile = R"(
[[rule]]
name = "shop"
who = ["user:shop", "token:shop-*", "cert:CN=shop.example"]
register = ["shop/*"]
resolve = ["*"]
invoke = ["mail"]
store.read = ["*"]
store.write = ["orders", "default:shop/:x"]
hooks = ["orders"]
admin = ["read"]
[rule.budget]
max_sessions = 1
max_callbacks = 2
max_handles = 3
max_calls_in_flight = 4
max_queued_bytes = 5
calls_per_second = 6

[[rule]]
name = "rest"
who = ["anonymous", "uid:*"]
admin = ["read", "write"]
)";

TEST(PolicyFile, SaysWhatTheRulesSay) {
  auto parsed = Parse(kFile);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const auto policy = std::make_shared<const Policy>(std::move(*parsed));
  for (const char* const who : {"user:shop", "uid:1000", "token:shop-1", "cert:CN=shop.example"}) {
    const auto identity = ParseIdentity(who, Users);
    ASSERT_TRUE(identity.ok()) << who;
    const Permissions shop(policy, *identity);
    EXPECT_EQ(shop.rule(), "shop") << who;
    EXPECT_TRUE(shop.Check(Verb::kRegister, "shop/a").ok());
    EXPECT_FALSE(shop.Check(Verb::kRegister, "mail").ok());
    EXPECT_TRUE(shop.Check(Verb::kResolve, "x").ok());
    EXPECT_TRUE(shop.Check(Verb::kInvoke, "mail").ok());
    EXPECT_TRUE(shop.Check(Verb::kRead, KeySet{"any", ""}).ok());
    // Only the first colon is not the prefix's.
    EXPECT_TRUE(shop.Check(Verb::kWrite, KeySet{"default", "shop/:x1"}).ok());
    EXPECT_FALSE(shop.Check(Verb::kWrite, KeySet{"default", "shop/"}).ok());
    EXPECT_TRUE(shop.Check(Verb::kHook, KeySet{"orders", ""}).ok());
    EXPECT_TRUE(shop.Check(Verb::kView).ok());
    EXPECT_FALSE(shop.Check(Verb::kAdminister).ok());
    EXPECT_EQ(shop.budget(), (Budget{1, 2, 3, 4, 5, 6}));
  }
  const Permissions rest(policy, Identity{});
  EXPECT_EQ(rest.rule(), "rest");
  EXPECT_TRUE(rest.Check(Verb::kAdminister).ok());
  EXPECT_EQ(rest.budget(), Budget());
}

TEST(PolicyFile, WithoutRulesIsAPolicy) { EXPECT_TRUE(Parse("").ok()); }

TEST(PolicyFile, WhatIsWrongIsNamedWithItsPlaceAndWhatWasExpected) {
  const std::string head = "[[rule]]\nname = \"r\"\nwho = [\"*\"]\n";
  for (const auto& [text, place, expected] :
       std::initializer_list<std::tuple<std::string, const char*, const char*>>{
           {"[[rule\n", "p.toml:1:", ""},
           {"rules = 1", "p.toml:1:9: ", "unknown key \"rules\", expected one of rule"},
           {"rule = 1", "p.toml:1:8: ", "[[rule]]"},
           {"[[rule]]\nwho = [\"*\"]", "p.toml:1:1: ", "needs a name"},
           {"[[rule]]\nname = \"r\"", "p.toml:1:1: ", "who it is for"},
           {"[[rule]]\nname = \"r\"\nwho = [\"nobody\"]", "p.toml:3:8: ", "expected uid:NUMBER"},
           {"[[rule]]\nname = \"r\"\nwho = [\"uid:x\"]", "p.toml:3:8: ", "expected uid:NUMBER"},
           {"[[rule]]\nname = \"r\"\nwho = [\"user:none\"]", "p.toml:3:8: ", "no user \"none\""},
           {head + "regster = []", "p.toml:4:11: ", "unknown key \"regster\""},
           {head + "register = \"a\"", "p.toml:4:12: ", "list of texts"},
           {head + "register = [1]", "p.toml:4:13: ", "text in quotes"},
           {head + "register = [\"a*b\"]", "p.toml:4:13: ", "only *"},
           {head + "store = 1", "p.toml:4:9: ", "must be a table"},
           {head + "store.delete = []", "p.toml:4:16: ", "expected one of read, write"},
           {head + "admin = [\"all\"]", "p.toml:4:10: ", "\"read\" or \"write\""},
           {head + "budget.max_sessions = 0", "p.toml:4:23: ", "from 1 on"},
           {head + "budget.sessions = 1", "p.toml:4:19: ", "max_sessions"},
           {head + head, "p.toml:4:1: ", "another rule named \"r\""},
       }) {
    const auto policy = Parse(text);
    ASSERT_FALSE(policy.ok()) << text;
    EXPECT_EQ(policy.code(), base::Code::kInvalidArgument);
    EXPECT_TRUE(policy.status().message().starts_with(place))
        << text << ": " << policy.status().message();
    EXPECT_NE(policy.status().message().find(expected), std::string::npos)
        << policy.status().message();
  }
}

TEST(PolicyFile, AnIdentityIsNoPattern) {
  for (const char* const text :
       {"*", "uid:*", "token:a*", "token:", "cert:CN=", "user:none", "shop"})
    EXPECT_FALSE(ParseIdentity(text, Users).ok()) << text;
  for (const char* const text : {"anonymous", "uid:1000", "token:a", "cert:CN=a.example"})
    EXPECT_EQ(ParseIdentity(text, Users)->ToText(), text);
}

}  // namespace
}  // namespace belay::access
