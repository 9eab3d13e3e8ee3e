// What a client wishes for in its Hello, and what it is granted (W7).
#include <gtest/gtest.h>

#include <string>

#include "broker/daemon/testing/session_fixture.h"

namespace belay::daemon {
namespace {

using SessionLimitsTest = SessionTest;

v1::Hello Wish(const std::function<void(v1::Hello&)>& fill) {
  v1::Hello hello = HelloOf("client");
  fill(hello);
  return hello;
}

TEST_F(SessionLimitsTest, W7_ALowerWishIsGrantedAndAHigherOneUpToTheBound) {
  Client client(*hub, Wish([](v1::Hello& hello) {
    hello.mutable_limits()->set_max_payload_bytes(10);
    hello.mutable_limits()->set_max_handles(UINT32_MAX);
    hello.mutable_limits()->set_max_store_requests(0);
  }));
  const v1::Limits& granted = client.welcome.limits();
  EXPECT_EQ(granted.max_payload_bytes(), 10U);
  EXPECT_EQ(granted.max_handles(), hub->limits().max_handles);
  EXPECT_EQ(granted.max_store_requests(), hub->limits().max_store_requests);
}

TEST_F(SessionLimitsTest, W7_WhatIsGrantedHoldsForItsSessionAlone) {
  Client small(*hub, Wish([](v1::Hello& hello) {
    hello.mutable_limits()->set_max_handles(1);
    hello.mutable_limits()->set_max_calls_in_flight(1);
  }));
  Client other(*hub, "other");
  EXPECT_NE(small.Register("f"), 0U);
  small.Send([](auto& operation) { operation.mutable_register_(); });
  EXPECT_EQ(small.Reply().status().reason(), "TOO_MANY_HANDLES");
  // Also as a host: a second call at a time finds it busy.
  const auto handle = other.Resolve("f");
  other.Call(1, handle);
  EXPECT_TRUE(other.Take().empty());
  other.Call(2, handle);
  EXPECT_EQ(other.Next().result().status().reason(), "HOST_BUSY");
  EXPECT_NE(other.Register(), 0U);
}

TEST_F(SessionLimitsTest, OfTheFeaturesAskedForThoseThatThereAreAreTold) {
  Client client(*hub, Wish([](v1::Hello& hello) {
    for (const char* const feature : {"names", "flying", "tokens"}) hello.add_features(feature);
  }));
  ASSERT_EQ(client.welcome.features_size(), 2);
  EXPECT_EQ(client.welcome.features(0), "names");
  EXPECT_EQ(client.welcome.features(1), "tokens");
  EXPECT_EQ(Client(*hub, "modest").welcome.features_size(), 0);
}

}  // namespace
}  // namespace belay::daemon
