// Tokens by which a callback is passed on (W2).
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "broker/daemon/testing/session_fixture.h"
#include "broker/registry/handle.h"

namespace belay::daemon {
namespace {

using base::Code;

class SessionTokensTest : public SessionTest {
 protected:
  static v1::Reply Export(
      Client& client, std::uint64_t handle,
      const std::function<void(v1::Export&)>& more = [](v1::Export&) {}) {
    client.Send([&](auto& operation) {
      operation.mutable_export_callback()->set_handle(handle);
      more(*operation.mutable_export_callback());
    });
    return client.Reply();
  }
  static v1::Reply Import(Client& client, const std::string& token) {
    client.Send([&](auto& operation) { operation.mutable_import_callback()->set_token(token); });
    return client.Reply();
  }
  static void ExpectRefused(Client& client, const std::string& token) {
    const v1::Reply reply = Import(client, token);
    EXPECT_EQ(reply.status().code(), static_cast<int>(Code::kNotFound));
    EXPECT_EQ(reply.status().reason(), "BAD_TOKEN");
    EXPECT_EQ(reply.handle(), 0U);
  }
};

TEST_F(SessionTokensTest, W2_WhoeverShowsATokenGetsAHandleSoOftenAsWasSaid) {
  Client host(*hub, "host"), guest(*hub, "guest");
  const auto exported =
      Export(host, host.Register(), [](v1::Export& request) { request.set_uses(2); });
  EXPECT_EQ(exported.token().size(), 32U);
  const auto first = Import(guest, exported.token()).handle();
  const auto second = Import(guest, exported.token()).handle();
  EXPECT_NE(first, second);
  guest.Call(1, second);
  EXPECT_EQ(host.Next().operation_case(), Operation::kCall);
  ExpectRefused(guest, exported.token());
  EXPECT_EQ(hub->exports.size(), 0U);
  // Its own handle went with the last use.
  EXPECT_EQ(host.Release(exported.handle()), static_cast<int>(Code::kStale));
}

TEST_F(SessionTokensTest, W2_WhatIsRefusedIsAnsweredAlike) {
  Client host(*hub, "host"), guest(*hub, "guest");
  const auto hosted = host.Register();
  std::string unknown(32, 'x');
  const auto revoked = Export(host, hosted);
  EXPECT_EQ(host.Release(revoked.handle()), 0);
  const auto expired = Export(host, hosted, [](v1::Export& request) { request.set_ttl_ms(10); });
  AdvanceMs(10);
  std::string other_secret = Export(host, hosted).token();
  other_secret.back() = static_cast<char>(other_secret.back() ^ 1);
  std::set<std::string> answers;
  for (const std::string& token : {unknown, std::string(), std::string("short"), revoked.token(),
                                   expired.token(), other_secret}) {
    ExpectRefused(guest, token);
    answers.insert(Import(guest, token).status().SerializeAsString());
  }
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(hub->exports.size(), 1U);
}

TEST_F(SessionTokensTest, W2_AnExportHoldsAReferenceUntilItIsOver) {
  Client host(*hub, "host"), other(*hub, "other");
  const auto hosted = host.Register("f");
  const auto held = other.Resolve("f");
  const auto token = Export(other, held, [](v1::Export& request) { request.set_ttl_ms(10); });
  EXPECT_EQ(other.Release(held), 0);
  EXPECT_EQ(host.Release(hosted), 0);
  hub->inbox.Drain();
  EXPECT_TRUE(host.Take().empty());
  AdvanceMs(10);
  EXPECT_EQ(Await(host).released().handle(), hosted);
  EXPECT_EQ(other.session->View().handles, 0U);
}

TEST_F(SessionTokensTest, W2_ExportsEndWithTheSessionThatMadeThem) {
  Client host(*hub, "host"), guest(*hub, "guest");
  std::string token;
  {
    Client other(*hub, "other");
    host.Register("f");
    token = Export(other, other.Resolve("f")).token();
    EXPECT_EQ(hub->exports.size(), 1U);
  }
  EXPECT_EQ(hub->exports.size(), 0U);
  EXPECT_EQ(hub->deadlines.size(), 0U);
  ExpectRefused(guest, token);
}

TEST_F(SessionTokensTest, R16_ImportersGetTheRightsThatWereSaidAndNoMore) {
  Client host(*hub, "host"), guest(*hub, "guest");
  const auto hosted = host.Register();
  const auto rights_of = [&](std::uint32_t rights) {
    return Export(host, hosted, [&](v1::Export& request) { request.set_rights(rights); }).token();
  };
  const auto may_invoke = Import(guest, rights_of(registry::kRightInvoke)).handle();
  ASSERT_NE(may_invoke, 0U);
  EXPECT_EQ(Export(guest, may_invoke).status().code(), static_cast<int>(Code::kPermissionDenied));
  // By default everything but to unregister it.
  const auto imported = Import(guest, rights_of(0)).handle();
  guest.Send([&](auto& operation) { operation.mutable_unregister()->set_handle(imported); });
  EXPECT_EQ(guest.Reply().status().code(), static_cast<int>(Code::kPermissionDenied));
  const auto again = Export(
      guest, imported, [](v1::Export& request) { request.set_rights(registry::kRightUnregister); });
  EXPECT_EQ(again.status().code(), static_cast<int>(Code::kPermissionDenied));
  EXPECT_NE(Export(guest, imported).handle(), 0U);
}

TEST_F(SessionTokensTest, W2_ExportsAreBoundedAndTheBoundIsNamed) {
  Stop();
  Limits limits;
  limits.max_exports = 2;
  Start(limits);
  Client host(*hub, "host");
  EXPECT_EQ(host.welcome.limits().max_exports(), 2U);
  const auto hosted = host.Register();
  Export(host, hosted);
  const auto second = Export(host, hosted);
  const auto third = Export(host, hosted);
  EXPECT_EQ(third.status().reason(), "TOO_MANY_EXPORTS");
  EXPECT_EQ(host.Release(second.handle()), 0);
  EXPECT_NE(Export(host, hosted).handle(), 0U);
}

}  // namespace
}  // namespace belay::daemon
