// Decisions, as a table: what the rules below say to whom about what.
#include "broker/access/policy.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace belay::access {
namespace {

using Kind = Identity::Kind;

Pattern Of(const char* text) { return *Pattern::Parse(text); }

Rule RuleFor(std::string name, std::vector<Pattern> who) {
  Rule rule;
  rule.name = std::move(name);
  rule.who = std::move(who);
  return rule;
}

// In this order: a service of its own names and keys; all users; a lookout that may see everything; and no rule for
// certificates.
std::shared_ptr<const Policy> MakePolicy() {
  Rule shop = RuleFor("shop", {Of("uid:1000"), Of("token:shop-*")});
  shop.register_names = {Of("shop/*")};
  shop.resolve_names = {Of("*")};
  shop.invoke_names = {Of("shop/*"), Of("mail")};
  shop.read_keys = {{Of("*"), ""}};
  shop.write_keys = {{Of("orders"), ""}, {Of("default"), "shop/"}};
  shop.hook_keys = {{Of("orders"), "new/"}};
  shop.budget.max_sessions = 4;
  Rule users = RuleFor("users", {Of("uid:*")});
  users.register_names = {Of("*")};
  users.read_keys = {{Of("default"), "public/"}};
  Rule lookout = RuleFor("lookout", {Of("token:lookout"), Of("anonymous")});
  lookout.may_view = true;
  return std::make_shared<const Policy>(std::vector{shop, users, lookout});
}

const Identity kShopUser{Kind::kUser, "1000"};
const Identity kShopToken{Kind::kToken, "shop-7"};
const Identity kOtherUser{Kind::kUser, "1001"};
const Identity kLookout{Kind::kToken, "lookout"};
const Identity kNobody{};
const Identity kStranger{Kind::kCertificate, "mallory"};

struct Case {
  Identity who;
  Verb verb;
  std::string name_or_keyspace;
  std::string prefix;
  std::string rule;  // the one that decides; "" for none
  bool is_allowed;
};

base::Status Decide(const Permissions& permissions, const Case& each) {
  switch (each.verb) {
    case Verb::kRegister:
    case Verb::kResolve:
    case Verb::kInvoke: return permissions.Check(each.verb, each.name_or_keyspace);
    case Verb::kRead:
    case Verb::kWrite:
    case Verb::kHook:
      return permissions.Check(each.verb, KeySet{each.name_or_keyspace, each.prefix});
    case Verb::kView:
    case Verb::kAdminister: break;
  }
  return permissions.Check(each.verb);
}

TEST(Policy, TheFirstRuleThatIsForSomebodyDecidesAndNothingElseIsAllowed) {
  const auto policy = MakePolicy();
  const std::vector<Case> cases = {
      {kShopUser, Verb::kRegister, "shop/cart", "", "shop", true},
      {kShopUser, Verb::kRegister, "shop", "", "shop", false},
      {kShopUser, Verb::kRegister, "shops", "", "shop", false},
      // The rule for all users would allow it, but is not asked.
      {kShopUser, Verb::kRegister, "mail", "", "shop", false},
      {kOtherUser, Verb::kRegister, "mail", "", "users", true},
      {kShopToken, Verb::kResolve, "anything", "", "shop", true},
      {kShopToken, Verb::kInvoke, "mail", "", "shop", true},
      {kShopToken, Verb::kInvoke, "mailbox", "", "shop", false},
      {kOtherUser, Verb::kResolve, "mail", "", "users", false},
      {kShopUser, Verb::kRead, "any", "", "shop", true},
      {kShopUser, Verb::kWrite, "orders", "", "shop", true},
      {kShopUser, Verb::kWrite, "orders2", "", "shop", false},
      {kShopUser, Verb::kWrite, "default", "shop/a", "shop", true},
      {kShopUser, Verb::kWrite, "default", "shop/", "shop", true},
      // Keys that begin with "shop" are more than those that begin with "shop/".
      {kShopUser, Verb::kWrite, "default", "shop", "shop", false},
      {kShopUser, Verb::kWrite, "default", "", "shop", false},
      {kShopUser, Verb::kHook, "orders", "new/1", "shop", true},
      {kShopUser, Verb::kHook, "orders", "old/1", "shop", false},
      {kOtherUser, Verb::kRead, "default", "public/x", "users", true},
      {kOtherUser, Verb::kRead, "default", "private/x", "users", false},
      {kLookout, Verb::kView, "", "", "lookout", true},
      {kLookout, Verb::kAdminister, "", "", "lookout", false},
      {kNobody, Verb::kView, "", "", "lookout", true},
      {kShopUser, Verb::kView, "", "", "shop", false},
      {kStranger, Verb::kRead, "default", "public/x", "", false},
  };
  for (const Case& each : cases) {
    const Permissions permissions(policy, each.who);
    const base::Status status = Decide(permissions, each);
    const std::string what = each.who.ToText() + " " + std::string(VerbName(each.verb)) + " " +
                             each.name_or_keyspace + ":" + each.prefix;
    EXPECT_EQ(status.ok(), each.is_allowed) << what << ": " << status.message();
    EXPECT_EQ(permissions.rule(), each.rule) << what;
    if (each.is_allowed) continue;
    EXPECT_EQ(status.code(), base::Code::kPermissionDenied) << what;
    EXPECT_EQ(status.reason(), each.rule.empty() ? "NO_RULE" : "POLICY") << what;
    EXPECT_NE(status.message().find(each.who.ToText()), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(each.rule), std::string::npos) << status.message();
  }
}

TEST(Policy, WithoutOneEverythingIsAllowed) {
  const Permissions permissions;
  EXPECT_TRUE(permissions.Check(Verb::kRegister, "x").ok());
  EXPECT_TRUE(permissions.Check(Verb::kWrite, KeySet{"k", ""}).ok());
  EXPECT_TRUE(permissions.Check(Verb::kAdminister).ok());
  EXPECT_EQ(permissions.budget(), Budget());
}

TEST(Policy, OneWithoutRulesAllowsNothing) {
  const Permissions permissions(std::make_shared<const Policy>(std::vector<Rule>()), kShopUser);
  EXPECT_EQ(permissions.Check(Verb::kResolve, "x").reason(), "NO_RULE");
}

TEST(Policy, OutlivesItsReplacement) {
  auto policy = MakePolicy();
  const Permissions permissions(policy, kShopUser);
  policy.reset();
  EXPECT_TRUE(permissions.Check(Verb::kRegister, "shop/cart").ok());
  EXPECT_EQ(permissions.budget().max_sessions, 4U);
}

TEST(Policy, ANameInADenialCannotDisturbATerminal) {
  const Permissions permissions(MakePolicy(), kShopUser);
  const std::string text =
      permissions.Check(Verb::kRegister, "\x1b[31m" + std::string(300, 'x')).message();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 200U);
}

TEST(Pattern, HasAnAsteriskAtTheEndOnly) {
  for (const char* const text : {"a", "a*", "*"}) EXPECT_TRUE(Pattern::Parse(text).ok()) << text;
  for (const char* const text : {"", "*a", "a*b", "**"})
    EXPECT_FALSE(Pattern::Parse(text).ok()) << text;
}

}  // namespace
}  // namespace belay::access
