// What the client's tests share: waiting, connecting, and the plainest handler.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "belay/client/client.h"
#include "clients/cpp/tests/eventually.h"
#include "clients/cpp/tests/fake_broker.h"

namespace belay::client {

inline Client MustConnect(const FakeBroker& broker, ClientOptions options = {}) {
  Result<Client> client = Client::Connect(broker.target(), std::move(options));
  EXPECT_TRUE(client.ok()) << client.status().ToString();
  return *std::move(client);
}

inline Handler Echo() {
  return Sync([](const Request& request) -> Result<std::string> { return request.payload; });
}

}  // namespace belay::client
