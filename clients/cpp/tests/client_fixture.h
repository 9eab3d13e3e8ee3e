// What the client's tests share: waiting, connecting, and the plainest handler.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "belay/client/client.h"
#include "clients/cpp/tests/fake_broker.h"

namespace belay::client {

// Waits until `is_true` holds; false after ten seconds.
template <typename Predicate>
bool Eventually(Predicate is_true) {
  for (int i = 0; i < 2000; ++i) {
    if (is_true()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

inline Client MustConnect(const FakeBroker& broker, ClientOptions options = {}) {
  Result<Client> client = Client::Connect(broker.target(), std::move(options));
  EXPECT_TRUE(client.ok()) << client.status().ToString();
  return *std::move(client);
}

inline Handler Echo() {
  return Sync([](const Request& request) -> Result<std::string> { return request.payload; });
}

}  // namespace belay::client
