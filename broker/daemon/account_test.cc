#include "broker/daemon/account.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace belay::daemon {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
const base::VirtualClock kStill;

access::Permissions With(const access::Budget& budget) {
  access::Rule rule;
  rule.name = "shop";
  rule.who = {*access::Pattern::Parse("*")};
  rule.budget = budget;
  return access::Permissions(std::make_shared<const access::Policy>(std::vector{rule}), {});
}

void ExpectExhausted(const base::Status& status, const std::string& text) {
  EXPECT_EQ(status.code(), base::Code::kResourceExhausted);
  EXPECT_EQ(status.reason(), "BUDGET");
  EXPECT_EQ(status.message(), text);
}

TEST(Account, R14_WithoutABudgetThereIsNoBound) {
  Account account("uid:1");
  account.used = {1'000'000, 1'000'000, 1'000'000, 1'000'000, 1'000'000};
  EXPECT_TRUE(account.CheckSession().ok());
  EXPECT_TRUE(account.CheckCallback().ok());
  EXPECT_TRUE(account.CheckHandle().ok());
  EXPECT_TRUE(account.CheckCall(1, kStill).ok());
}

TEST(Account, R14_EachBoundIsNamedWithItsRule) {
  Account account("uid:1");
  account.Use(With({.max_sessions = 1, .max_callbacks = 2, .max_handles = 3}));
  account.used = {0, 1, 2, 0, 0};
  EXPECT_TRUE(account.CheckSession().ok());
  EXPECT_TRUE(account.CheckCallback().ok());
  EXPECT_TRUE(account.CheckHandle().ok());
  account.used = {1, 2, 3, 0, 0};
  ExpectExhausted(account.CheckSession(),
                  "uid:1 has 1 sessions, max_sessions of rule \"shop\" is 1");
  ExpectExhausted(account.CheckCallback(),
                  "uid:1 has 2 callbacks, max_callbacks of rule \"shop\" is 2");
  ExpectExhausted(account.CheckHandle(), "uid:1 has 3 handles, max_handles of rule \"shop\" is 3");
}

TEST(Account, R14_CallsCountAsLongAsTheyAreInFlight) {
  Account account("uid:1");
  account.Use(With({.max_calls_in_flight = 2, .max_queued_bytes = 100}));
  {
    std::vector<Account::CallCharge> calls;
    ASSERT_TRUE(account.CheckCall(60, kStill).ok());
    calls.push_back(account.BeginCall(60));
    ExpectExhausted(
        account.CheckCall(41, kStill),
        "uid:1 has 101 bytes in calls, with this one, max_queued_bytes of rule \"shop\" is 100");
    ASSERT_TRUE(account.CheckCall(40, kStill).ok());
    calls.push_back(account.BeginCall(40));
    ExpectExhausted(account.CheckCall(0, kStill),
                    "uid:1 has 2 calls in flight, max_calls_in_flight of rule \"shop\" is 2");
    // Where they are kept they are moved about, and given back once.
    calls.erase(calls.begin());
    EXPECT_EQ(account.used.calls_in_flight, 1U);
    EXPECT_EQ(account.used.queued_bytes, 40U);
    Account::CallCharge moved = std::move(calls.front());
    calls.clear();
    EXPECT_EQ(account.used.calls_in_flight, 1U);
  }
  EXPECT_EQ(account.used.calls_in_flight, 0U);
  EXPECT_EQ(account.used.queued_bytes, 0U);
}

TEST(Account, R14_CallsPerSecondComeBackWithTime) {
  Account account("uid:1");
  account.Use(With({.calls_per_second = 10}));
  base::VirtualClock clock(5 * kSecondNs);
  const auto begun_of = [&](int calls) {
    int begun = 0;
    for (int i = 0; i < calls; ++i) begun += account.CheckCall(0, clock).ok() ? 1 : 0;
    return begun;
  };
  EXPECT_EQ(begun_of(100), 10);
  clock.AdvanceNs(kSecondNs / 2);
  EXPECT_EQ(begun_of(100), 5);
  clock.AdvanceNs(kSecondNs / 100);
  EXPECT_EQ(begun_of(1), 0) << "a tenth of a call";
  clock.AdvanceNs(3600 * kSecondNs);
  EXPECT_EQ(begun_of(100), 10) << "silence is not saved up";
}

TEST(Account, R14_ABudgetThatShrinksTakesNothingBack) {
  Account account("uid:1");
  account.used.sessions = 5;
  account.Use(With({.max_sessions = 3}));
  EXPECT_FALSE(account.CheckSession().ok());
  account.used.sessions = 2;
  EXPECT_TRUE(account.CheckSession().ok());
  account.Use(access::Permissions());
  account.used.sessions = 50;
  EXPECT_TRUE(account.CheckSession().ok());
}

}  // namespace
}  // namespace belay::daemon
