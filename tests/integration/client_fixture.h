// What tests of the C++ client against a real belayd share: a belayd for each test, connecting, waiting.
//
// Thread safety: none; the test's main thread.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "belay/client/client.h"
#include "clients/cpp/tests/eventually.h"
#include "tests/integration/belayd_process.h"

namespace belay::client {

// The program under test; main() says where it is.
inline std::string& BelaydPath() {
  static std::string path;
  return path;
}

class WithBelayd : public ::testing::Test {
 protected:
  WithBelayd() : belayd_(BelaydPath()) {}

  Client MustConnect(ClientOptions options = {}) {
    Result<Client> client = Client::Connect(belayd_.target(), std::move(options));
    EXPECT_TRUE(client.ok()) << client.status().ToString();
    return *std::move(client);
  }
  // One that hosts callbacks.
  Client MustConnectHost() { return MustConnect({.executor = ThreadExecutor(1)}); }

  testing::Belayd belayd_;
};

}  // namespace belay::client
